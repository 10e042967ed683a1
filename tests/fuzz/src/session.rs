//! Whole sessions: every command, at a server that answers anything.

use cartable_core::mail::imap::{HeaderEvent, ImapError, ImapSession, Knowledge, Messages, UidSet};

use crate::memory::peak;
use crate::server::{is_fatal, run, session};
use crate::tape::Tape;

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LITERAL+ MOVE UIDPLUS CONDSTORE QRESYNC ENABLE ESEARCH LIST-EXTENDED \
                            LIST-STATUS SPECIAL-USE UNSELECT ID NAMESPACE QUOTA ACL OBJECTID UTF8=ACCEPT AUTH=PLAIN";

/// What servers say, before it is spoilt. `{tag}` is that of the command.
const LINES: &[&[u8]] = &[
    b"* 3 EXISTS\r\n",
    b"* 0 RECENT\r\n",
    b"* 2 EXPUNGE\r\n",
    b"* OK [UIDVALIDITY 7] x\r\n",
    b"* OK [UIDNEXT 60] x\r\n",
    b"* OK [HIGHESTMODSEQ 95] x\r\n",
    b"* OK [MAILBOXID (F1)] x\r\n",
    b"* OK [CLOSED] x\r\n",
    b"* OK [ALERT] Maintenance\r\n",
    b"* BYE going\r\n",
    b"* FLAGS (\\Answered \\Seen)\r\n",
    b"* ENABLED QRESYNC UTF8=ACCEPT\r\n",
    b"* VANISHED (EARLIER) 41,43:50\r\n",
    b"* VANISHED 5\r\n",
    b"* 1 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (93))\r\n",
    b"* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE \"01-Feb-2026 10:00:00 +0100\" RFC822.SIZE 9 EMAILID (M1) THREADID NIL \
      BODY[HEADER.FIELDS (FROM)]<0> {11}\r\nFrom: a@b\r\n)\r\n",
    b"* 9 FETCH (UID 99 BODY[HEADER.FIELDS (FROM)]<0> {11}\r\nFrom: a@b\r\n)\r\n",
    b"* 1 FETCH (UID 6 BODY[]<0> {20}\r\n{tag} OK\r\n* 7 EXPUN)\r\n",
    b"* SEARCH 2 5 6\r\n",
    b"* ESEARCH (TAG \"{tag}\") UID ALL 2,5:6 COUNT 3\r\n",
    b"* LIST (\\HasNoChildren \\Sent) \"/\" \"Envoy&AOk-s\"\r\n",
    b"* LSUB () \"/\" INBOX\r\n",
    b"* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 UNSEEN 1 HIGHESTMODSEQ 5)\r\n",
    b"* STATUS INBOX (MAILBOXID (F2))\r\n",
    b"* NAMESPACE ((\"\" \"/\")) ((\"Partages/\" \"/\")) NIL\r\n",
    b"* QUOTAROOT INBOX \"User quota\"\r\n",
    b"* QUOTA \"User quota\" (STORAGE 4 1048576 MESSAGE 1 2)\r\n",
    b"* MYRIGHTS INBOX lrwstipekxacd\r\n",
    b"* ID (\"name\" \"Dovecot\")\r\n",
    b"+ go on\r\n",
    b"{tag} OK [APPENDUID 7 61] done\r\n",
    b"{tag} NO [OVERQUOTA] full\r\n",
    b"A0001 OK late\r\n",
];
const ENDS: &[&[u8]] = &[
    b"{tag} OK [READ-WRITE] done\r\n",
    b"{tag} OK done\r\n",
    b"{tag} OK\r\n",
    b"{tag} NO [SERVERBUG] not today\r\n",
    b"{tag} BAD what?\r\n",
];

/// The server's answer to one command: of a recorded talk that talk, else lines by chance, now and then spoilt.
fn answer(tape: &mut Tape<'_>, recorded: Option<&[u8]>, tag: &str) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    match recorded {
        Some(recorded) => said.extend(recorded),
        None => {
            for _ in 0..tape.below(6) {
                let mut line = tape.pick(LINES).to_vec();
                if tape.once_in(3) {
                    tape.spoil(&mut line);
                }
                said.extend(line);
            }
            let mut end = tape.pick(ENDS).to_vec();
            if tape.once_in(12) {
                tape.spoil(&mut end);
            }
            said.extend(end);
            if tape.once_in(60) {
                return None;
            }
        }
    }
    let said = String::from_utf8_lossy(&said).replace("{tag}", tag);
    Some(said.into_bytes())
}

/// Gives the command of this number. Whether it is one that is done as soon as its last command is granted.
async fn give(session: &mut ImapSession, number: usize) -> (bool, Result<(), ImapError>) {
    let some = UidSet::of(&[5, 6]);
    let strict = !matches!(number, 8 | 9);
    let outcome = match number {
        0 => session.select("INBOX").await.map(|selected| assert_ne!(selected.uid_validity, 0)),
        1 => session.select_since("INBOX", Knowledge::new(7, 90)).await.map(|(_, changes)| {
            assert!(changes.flags.is_sorted_by_key(|(uid, _)| *uid));
        }),
        2 => {
            let sets = [Messages::Uids(some.clone())];
            let mut each = |event| match event {
                HeaderEvent::Row(row) => assert!(some.has(row.uid) && row.header.len() <= 1 << 20),
                HeaderEvent::Unreadable { uid, .. } => assert!(uid.is_none_or(|uid| some.has(uid))),
                other => panic!("{other:?}"),
            };
            session.fetch_headers(&sets, &mut each).await
        }
        3 => session.fetch_part(6, "", 0, 64).await.map(drop),
        4 => session.fetch_flags(&UidSet::all(), &mut |_, _| {}).await.map(drop),
        5 => session.fetch_changes(3).await.map(drop),
        6 => session.all_uids().await.map(drop),
        7 => session.search_header("Message-ID", "<a@b>").await.map(drop),
        8 => session.list().await.map(drop),
        9 => session.overview().await.map(drop),
        10 => session.status("INBOX").await.map(drop),
        11 => session.store_flags(&some, true, &["\\Seen"]).await,
        12 => session.append("Envoyés", &[], b"a: b\r\n\r\nc").await.map(drop),
        13 => session.namespaces().await.map(|told| assert!(told.personal.len() <= 100)),
        14 => session.quotas("INBOX").await.map(|told| assert!(told.len() <= 100)),
        15 => session.my_rights("INBOX").await.map(drop),
        16 => session.mailbox_id_of("INBOX").await.map(|id| assert!((1..=255).contains(&id.len()))),
        17 => session.fetch_stamps(&some).await.map(|told| assert!(told.iter().all(|(uid, ..)| some.has(*uid)))),
        _ => session.noop().await,
    };
    (strict, outcome)
}

fn check(input: &[u8]) {
    let recorded = input.first().filter(|first| b"*+{".contains(first)).map(|_| input.to_vec());
    let mut choices = Tape::new(input);
    let numbers: Vec<_> = (0..1 + choices.below(6)).map(|_| choices.below(19)).collect();
    let tape = input.get(14..).unwrap_or_default().to_vec();
    let (said, held) = peak(|| {
        run(async move {
            let mut at = 0;
            let (mut session, log) = session(CAPABILITIES, move |tag, _| {
                let mut some = Tape::new(tape.get(at..).unwrap_or_default());
                at += 24;
                answer(&mut some, recorded.as_deref(), tag)
            })
            .await;
            for number in numbers {
                let before = log.lock().unwrap().commands.len();
                let (strict, outcome) = give(&mut session, number).await;
                let commands = log.lock().unwrap().commands.len();
                match &outcome {
                    Ok(()) => {
                        assert!(session.is_usable(), "{number}");
                        // Of an empty mailbox some is known without asking.
                        let granted = !strict || commands == before || log.lock().unwrap().last_is_granted();
                        assert!(granted, "command {number} took another's answer for its own");
                    }
                    Err(error) if is_fatal(error) => assert!(!session.is_usable(), "{number}: {error:?}"),
                    Err(_) => {}
                }
                assert!(session.take_events().len() <= 100);
                if !session.is_usable() {
                    assert_eq!(session.noop().await, Err(ImapError::Closed));
                    // Nothing more is said.
                    assert_eq!(log.lock().unwrap().commands.len(), commands);
                    break;
                }
            }
            log.lock().unwrap().answered.len()
        })
    });
    assert!(held < (4 << 20) + 200 * said, "{held} bytes held for {said} said");
}

#[test]
fn a_server_that_says_anything_gets_no_more_than_its_due() {
    bolero::check!(name = "session").with_max_len(400).for_each(check);
}

//! Whole sessions, cut at every byte of the server's side.

use super::super::{HeaderEvent, ImapError, ImapSession, Knowledge, Messages, Rights, UidSet};
use super::compress::Deflater;
use super::{CAPABILITIES, LIMITS, Peer, password};

const RESYNC: &str = "IMAP4rev1 SASL-IR ENABLE CONDSTORE QRESYNC UTF8=ACCEPT ID LITERAL+ LIST-EXTENDED COMPRESS=DEFLATE \
                      NAMESPACE QUOTA ACL OBJECTID ESEARCH AUTH=PLAIN";

/// What the server says when it has read so many commands.
struct Part {
    commands: usize,
    said: Vec<u8>,
    /// Whether it ends what the client is asked to do.
    ends: bool,
    deflated: bool,
}

impl Part {
    fn new(said: &str) -> Self {
        Self { commands: 1, said: said.as_bytes().to_vec(), ends: true, deflated: false }
    }

    /// Goes on in the next.
    fn on(self) -> Self {
        Self { ends: false, ..self }
    }

    fn after(self, commands: usize) -> Self {
        Self { commands, ..self }
    }
}

fn opening(capabilities: &str) -> Vec<Part> {
    vec![
        Part::new(&format!("* OK [CAPABILITY {capabilities}] Dovecot ready.\r\n")).on().after(0),
        Part::new("A0001 OK [CAPABILITY IMAP4rev1] Logged in\r\n").on(),
        Part::new(&format!("* CAPABILITY {capabilities}\r\nA0002 OK Capability completed.\r\n")),
    ]
}

/// A session of the usual errands.
fn errands() -> Vec<Part> {
    let mut parts = opening(CAPABILITIES);
    parts.extend(
        [
            "* FLAGS (\\Answered \\Seen)\r\n* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1795390546] valid\r\n\
             * OK [UIDNEXT 3] next\r\n* OK [HIGHESTMODSEQ 5] highest\r\nA0003 OK [READ-WRITE] Select completed.\r\n",
            "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"01-Feb-2026 10:00:00 +0100\" RFC822.SIZE 9 EMAILID (M1) \
             THREADID (T1) BODY[HEADER.FIELDS (FROM)] {11}\r\nFrom: a@b\r\n)\r\nA0004 OK Fetch completed.\r\n",
            "A0005 OK Store completed.\r\n",
            "* OK [COPYUID 7 1 9] Moved\r\n* 1 EXPUNGE\r\nA0006 OK Move completed.\r\n",
            "* BYE Logging out\r\nA0007 OK Logout completed.\r\n",
        ]
        .map(Part::new),
    );
    parts
}

/// A session that asks what has changed, and for all that is told beside.
fn resync() -> Vec<Part> {
    let mut parts = opening(RESYNC);
    parts.push(
        Part::new(
            "* ENABLED QRESYNC UTF8=ACCEPT\r\nA0003 OK Enabled.\r\n* ID (\"name\" \"Dovecot\")\r\nA0004 OK ID.\r\n\
             A0005 OK NOOP completed.\r\n",
        )
        .on()
        .after(3),
    );
    parts.extend(
        [
            "* 4 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 60] x\r\n* OK [HIGHESTMODSEQ 95] x\r\n\
             * OK [MAILBOXID (F1)] x\r\n* VANISHED (EARLIER) 41,43:50\r\n* 1 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (93))\r\n\
             A0006 OK [READ-WRITE] Select completed.\r\n",
            "* ESEARCH (TAG \"A0007\") UID ALL 9,51:53 COUNT 4\r\nA0007 OK Search completed.\r\n",
            "* NAMESPACE ((\"\" \"/\")) ((\"Élèves/\" \"/\")) NIL\r\nA0008 OK Namespace completed.\r\n",
            "* QUOTAROOT INBOX \"User quota\"\r\n* QUOTA \"User quota\" (STORAGE 4 1048576)\r\nA0009 OK Done.\r\n",
            "* MYRIGHTS INBOX lrwstipekxacd\r\nA0010 OK Myrights completed.\r\n",
            "* STATUS \"Été\" (MAILBOXID (F2))\r\nA0011 OK Status completed.\r\n",
            "A0012 OK [APPENDUID 7 61] Append completed.\r\n",
            "A0013 OK Begin compression.\r\n",
        ]
        .map(Part::new),
    );
    let mut deflater = Deflater::new();
    for said in [
        "* 1 FETCH (UID 9 FLAGS (\\Seen) INTERNALDATE \"01-Feb-2026 10:00:00 +0100\" RFC822.SIZE 9 \
         BODY[HEADER.FIELDS (FROM)] {11}\r\nFrom: a@b\r\n)\r\nA0014 OK Fetch completed.\r\n",
        "* BYE Logging out\r\nA0015 OK Logout completed.\r\n",
    ] {
        parts.push(Part { commands: 1, said: deflater.say(said.as_bytes()), ends: true, deflated: true });
    }
    parts
}

/// One errand of the client's; that with the last number takes leave.
async fn errand(session: &mut ImapSession, number: usize) -> Option<Result<(), ImapError>> {
    let one = UidSet::of(&[1]);
    let mut rows = 0;
    Some(match number {
        0 => session.select("INBOX").await.map(|_| ()),
        1 => {
            let sets = [Messages::Uids(one)];
            let fetched = session.fetch_headers(&sets, &mut |_| rows += 1).await;
            assert!(rows == 1 || fetched.is_err());
            fetched
        }
        2 => session.store_flags(&one, true, &["\\Seen"]).await,
        3 => session.move_messages(&one, "Trash").await.map(|_| ()),
        _ => return None,
    })
}

async fn asked(session: &mut ImapSession, number: usize) -> Option<Result<(), ImapError>> {
    Some(match number {
        0 => session.select_since("INBOX", Knowledge::new(7, 90)).await.map(|(selected, changes)| {
            assert_eq!((selected.exists, changes.flags.len(), changes.vanished.count()), (4, 1, 9));
            assert!(changes.whole);
        }),
        1 => session.all_uids().await.map(|uids| assert_eq!(uids, Some(UidSet::of(&[9, 51, 52, 53])))),
        2 => session.namespaces().await.map(|told| assert_eq!(told.others[0].prefix, "Élèves/")),
        3 => session.quotas("INBOX").await.map(|quotas| assert_eq!(quotas[0].storage.unwrap().used, 4096)),
        4 => session.my_rights("INBOX").await.map(|rights| assert!(rights.has(Rights::EXPUNGE))),
        5 => session.mailbox_id_of("Été").await.map(|id| assert_eq!(id, "F2")),
        6 => session.append("Sent", &[], b"a: b\r\n").await.map(|place| assert_eq!(place, Some((7, 61)))),
        7 => session.compress().await,
        8 => {
            let (sets, mut rows) = ([Messages::Uids(UidSet::of(&[9]))], 0);
            let mut each = |event| rows += u32::from(matches!(event, HeaderEvent::Row(_)));
            let fetched = session.fetch_headers(&sets, &mut each).await;
            assert!(rows == 1 || fetched.is_err());
            fetched
        }
        _ => return None,
    })
}

/// How many errands succeed, signing in and taking leave among them, and the first failure, where the server says the first
/// `cut` bytes of its side, each part when it is asked, then hangs up.
async fn with_cut(parts: Vec<Part>, cut: usize, resync: bool) -> (usize, Option<ImapError>) {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        let mut left = cut;
        for part in parts {
            for _ in 0..part.commands {
                let heard = if part.deflated { peer.anything().await } else { peer.said().await };
                if !heard {
                    return;
                }
            }
            let some = &part.said[..left.min(part.said.len())];
            peer.say(some).await;
            left -= some.len();
            if some.len() < part.said.len() {
                return;
            }
        }
    });
    let mut session = match ImapSession::open(stream, &password(), LIMITS).await {
        Ok(session) => session,
        Err(error) => return (0, Some(error)),
    };
    let mut steps = 1;
    loop {
        let outcome = if resync { asked(&mut session, steps - 1).await } else { errand(&mut session, steps - 1).await };
        match outcome {
            Some(Ok(())) => steps += 1,
            Some(Err(error)) => {
                assert!(!session.is_usable());
                return (steps, Some(error));
            }
            None => break,
        }
    }
    match session.logout().await {
        Ok(()) => (steps + 1, None),
        Err(error) => (steps, Some(error)),
    }
}

#[tokio::test]
async fn a_cut_at_any_byte_is_told_and_never_taken_for_success() {
    for (recorded, is_resync) in [(errands as fn() -> Vec<Part>, false), (resync, true)] {
        let all: usize = recorded().iter().map(|part| part.said.len()).sum();
        let errands = recorded().iter().filter(|part| part.ends).count();
        assert_eq!(with_cut(recorded(), all, is_resync).await, (errands, None));
        for cut in 0..all {
            let (steps, error) = with_cut(recorded(), cut, is_resync).await;
            let (mut sure, mut perhaps, mut end) = (0, 0, 0);
            for part in recorded() {
                end += part.said.len();
                sure += usize::from(part.ends && cut >= end);
                // Of what is deflated the last bytes say nothing more (RFC 1979, 2.1).
                let spare = if part.deflated { 5 } else { 0 };
                perhaps += usize::from(part.ends && cut + spare >= end);
            }
            assert!((sure..=perhaps).contains(&steps), "cut at {cut}: {steps} of {sure}");
            let ended = steps == errands;
            assert_eq!(error, (!ended).then_some(ImapError::Closed), "cut at {cut}");
        }
    }
}

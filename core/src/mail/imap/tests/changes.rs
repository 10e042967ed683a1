use std::sync::{Arc, Mutex};

use super::super::{Changes, ImapSession, Knowledge, UidSet};
use super::{session, session_with};
use crate::mail::Flags;

const QRESYNC: &str = "IMAP4rev1 SASL-IR ENABLE CONDSTORE QRESYNC ESEARCH ID AUTH=PLAIN";
const SEEN: Flags = Flags::SEEN;

/// A server that lets QRESYNC be enabled, and answers SELECT with `script`.
async fn resyncing(script: &'static str) -> ImapSession {
    session_with(QRESYNC, move |tag, command| match command {
        "ENABLE QRESYNC" => format!("* ENABLED QRESYNC\r\n{tag} OK\r\n"),
        "SELECT \"INBOX\" (QRESYNC (7 90))" => format!("{script}{tag} OK [READ-WRITE] done\r\n"),
        _ => format!("{tag} OK\r\n"),
    })
    .await
}

async fn since(script: &'static str) -> Changes {
    resyncing(script).await.select_since("INBOX", Knowledge::new(7, 90)).await.unwrap().1
}

#[tokio::test]
async fn a_selection_tells_all_that_changed_since() {
    let mut session = resyncing(
        "* 4 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 60] x\r\n* OK [HIGHESTMODSEQ 95] x\r\n\
         * VANISHED (EARLIER) 41,43:50,20:18\r\n* 1 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (93))\r\n\
         * 4 FETCH (UID 59 FLAGS () MODSEQ (94))\r\n* 1 FETCH (UID 9 FLAGS () MODSEQ (95))\r\n",
    )
    .await;
    let (selected, changes) = session.select_since("INBOX", Knowledge::new(7, 90)).await.unwrap();
    assert_eq!((selected.exists, selected.uid_next, selected.highest_mod_seq), (4, Some(60), Some(95)));
    // Of two answers about one message the later holds.
    assert_eq!(changes.flags, [(9, Flags::default()), (59, Flags::default())]);
    assert_eq!(changes.vanished, UidSet::of_ranges([18..=20, 41..=41, 43..=50]));
    assert!(changes.whole);
}

#[tokio::test]
async fn what_was_told_of_the_mailbox_before_is_not_this_ones() {
    let changes = since(
        "* 9 EXISTS\r\n* VANISHED 1:9\r\n* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n* OK [CLOSED] Previous mailbox closed.\r\n\
         * 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n",
    )
    .await;
    assert_eq!(changes, Changes { flags: vec![(4, SEEN)], vanished: UidSet::default(), whole: true });
}

#[tokio::test]
async fn nothing_is_concluded_from_a_list_with_a_line_that_cannot_be_read() {
    for line in ["* VANISHED (EARLIER) 1:*", "* 1 FETCH (UID 4 FLAGS ((\\Seen)", "* 1 FETCH (FLAGS (\\Seen) UID x)"] {
        let script = format!("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{line}\r\n");
        assert!(!since(script.leak()).await.whole, "{line}");
    }
}

#[tokio::test]
async fn under_another_uidvalidity_nothing_has_changed_and_nothing_is_whole() {
    let script = "* 1 EXISTS\r\n* OK [UIDVALIDITY 8] x\r\n* VANISHED (EARLIER) 1:50\r\n* 1 FETCH (UID 4 FLAGS ())\r\n";
    assert_eq!(since(script).await, Changes::default());
}

#[tokio::test]
async fn a_server_that_counts_nothing_has_no_highest_mod_sequence() {
    for told in ["[NOMODSEQ] none", "[HIGHESTMODSEQ 0] none", "[HIGHESTMODSEQ 12] x\r\n* OK [NOMODSEQ] none"] {
        let mut session =
            session(move |tag, _| format!("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK {told}\r\n{tag} OK\r\n")).await;
        assert_eq!(session.select("INBOX").await.unwrap().highest_mod_seq, None, "{told}");
    }
}

#[tokio::test]
async fn what_is_enabled_goes_ahead_of_the_first_command_and_may_be_refused() {
    for (answer, enabled) in [("* ENABLED QRESYNC\r\n{} OK", true), ("* ENABLED\r\n{} OK", false), ("{} BAD x", false)]
    {
        let given = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&given);
        let mut session = session_with(QRESYNC, move |tag, command| {
            seen.lock().unwrap().push(command.split(' ').next().unwrap().to_owned());
            match command {
                "ENABLE QRESYNC" => format!("{}\r\n", answer.replace("{}", tag)),
                _ if command.starts_with("SELECT") => {
                    format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 9] x\r\n{tag} OK\r\n")
                }
                _ => format!("* ID NIL\r\n{tag} OK\r\n"),
            }
        })
        .await;
        session.select("INBOX").await.unwrap();
        assert_eq!(*given.lock().unwrap(), ["ENABLE", "ID", "SELECT"]);
        assert_eq!(session.qresync, enabled, "{answer}");
        let (_, changes) = session.select_since("INBOX", Knowledge::new(7, 9)).await.unwrap();
        assert_eq!(changes.whole, enabled);
    }
}

#[tokio::test]
async fn all_uids_are_told_in_either_form_or_not_at_all() {
    const PLAIN: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR";
    let all = |uids: &[u32]| Some(UidSet::of(uids));
    for (capabilities, answer, expected) in [
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID COUNT 3 ALL 2,7:8\r\n", all(&[2, 7, 8])),
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID ALL 8:7,2 COUNT 3\r\n", all(&[2, 7, 8])),
        // Too few, another count, no UIDs, a message that went meanwhile, a line of which one cannot know what it was.
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID ALL 2,7 COUNT 2\r\n", None),
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID ALL 2,7:8 COUNT 4\r\n", None),
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID ALL 2,7:8 COUNT 3\r\n* VANISHED 2\r\n", None),
        (QRESYNC, "* ESEARCH (TAG \"A5\") UID ALL 2,7:8 COUNT 3\r\n* 5 FOO\r\n", None),
        (QRESYNC, "* SEARCH 2 7 8\r\n", all(&[2, 7, 8])),
        (QRESYNC, "", None),
        (PLAIN, "* SEARCH 2 7 8\r\n", all(&[2, 7, 8])),
        (PLAIN, "* SEARCH 2 7\r\n* SEARCH 8\r\n", all(&[2, 7, 8])),
        (PLAIN, "* SEARCH 2 7 8\r\n* 1 EXPUNGE\r\n", None),
        (PLAIN, "", None),
    ] {
        let mut session = session_with(capabilities, move |tag, _| format!("{answer}{tag} OK\r\n")).await;
        session.exists = Some(3);
        assert_eq!(session.all_uids().await, Ok(expected), "{answer}");
        assert!(session.is_usable());
    }
}

#[tokio::test]
async fn a_server_that_boasts_of_its_searches_is_asked_in_the_old_way() {
    for refusal in ["BAD Unknown SEARCH return option", "NO not today"] {
        let mut session = session_with(QRESYNC, move |tag, command| match command {
            "UID SEARCH ALL" => format!("* SEARCH 4\r\n{tag} OK\r\n"),
            _ => format!("{tag} {refusal}\r\n"),
        })
        .await;
        session.exists = Some(1);
        assert_eq!(session.all_uids().await, Ok(Some(UidSet::of(&[4]))), "{refusal}");
    }
}

#[tokio::test]
async fn changes_of_flags_are_told_without_what_is_gone() {
    let mut session = session(|tag, command| match command {
        "UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 12)" => {
            format!("* 2 FETCH (UID 8 MODSEQ (14) FLAGS (\\Seen))\r\n* 9 EXISTS\r\n{tag} OK\r\n")
        }
        other => panic!("{other}"),
    })
    .await;
    session.exists = Some(8);
    let changes = session.fetch_changes(12).await.unwrap();
    assert_eq!(changes, Changes { flags: vec![(8, SEEN)], vanished: UidSet::default(), whole: true });
    session.exists = Some(0);
    assert_eq!(session.fetch_changes(99).await.unwrap().flags, []);
}

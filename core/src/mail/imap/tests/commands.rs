use super::super::{Code, HeaderEvent, ImapError, ImapSession, Knowledge, Limit, Messages, Role, ServerEvent, UidSet};
use super::{LIMITS, Peer, opened, password, session};
use crate::mail::{Credentials, Flags};

const COMMANDS: usize = 28;

/// Every command of the layer, by number.
async fn give(session: &mut ImapSession, number: usize) -> Option<Result<(), ImapError>> {
    let one = UidSet::of(&[1]);
    let sets = [Messages::Uids(one.clone()), Messages::Sequence(1, 2)];
    Some(match number {
        0 => session.select("INBOX").await.map(|_| ()),
        1 => session.list().await.map(|_| ()),
        2 => session.store_flags(&one, true, &["\\Seen"]).await,
        3 => session.move_messages(&one, "Trash").await.map(|_| ()),
        4 => session.copy_messages(&one, "Trash").await.map(|_| ()),
        5 => session.expunge_uids(&one).await,
        6 => session.append("Sent", &["\\Seen"], b"From: a\r\n\r\n").await.map(|_| ()),
        7 => session.search_header("Message-ID", "<a@b>").await.map(|_| ()),
        8 => session.noop().await,
        9 => session.fetch_part(1, "", 0, 100).await.map(|_| ()),
        10 => session.fetch_headers(&sets, &mut |_| {}).await,
        11 => {
            session.exists = Some(3);
            session.fetch_flags(&UidSet::all(), &mut |_, _| {}).await.map(|_| ())
        }
        12 => session.overview().await.map(|_| ()),
        13 => session.status("INBOX").await.map(|_| ()),
        14 => session.select_since("INBOX", Knowledge::new(7, 3)).await.map(|_| ()),
        15 => {
            session.exists = Some(3);
            session.fetch_changes(3).await.map(|_| ())
        }
        16 => session.all_uids().await.map(|_| ()),
        17 => session.compress().await,
        18 => session.namespaces().await.map(|_| ()),
        19 => session.quotas("INBOX").await.map(|_| ()),
        20 => session.my_rights("INBOX").await.map(|_| ()),
        21 => session.mailbox_id_of("INBOX").await.map(|_| ()),
        22 => session.create("Classe/6e").await,
        23 => session.rename("Classe", "6\"e").await,
        24 => session.delete("Classe").await,
        25 => session.subscribe("Classe", true).await,
        26 => session.subscribe("Classe", false).await,
        27 => session.fetch_outline(1).await.map(|_| ()),
        _ => return None,
    })
}

#[tokio::test]
async fn no_and_bad_are_errors_for_every_command_and_leave_the_session_usable() {
    for word in ["NO [SERVERBUG] not today", "BAD what?"] {
        let mut number = 0;
        loop {
            let mut session = session(move |tag, _| format!("{tag} {word}\r\n")).await;
            let Some(outcome) = give(&mut session, number).await else { break };
            match outcome {
                Err(ImapError::Refused { code, text, .. }) if word.starts_with("NO") => {
                    assert_eq!(code, Some(Code::ServerBug), "{number}");
                    assert!(text.contains("not today"));
                }
                Err(ImapError::Bad { .. }) if word.starts_with("BAD") => {}
                other => panic!("command {number} to {word}: {other:?}"),
            }
            if number != 6 {
                assert!(session.is_usable(), "command {number}");
            }
            number += 1;
        }
        assert_eq!(number, COMMANDS);
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_in_a_command_ends_the_session() {
    for number in 0..COMMANDS {
        let (stream, mut peer) = Peer::pair();
        tokio::spawn(async move {
            peer.welcome().await;
            peer.command().await;
            peer.say("* 3 EXI").await;
        });
        let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
        assert_eq!(give(&mut session, number).await, Some(Err(ImapError::Closed)), "{number}");
        assert!(!session.is_usable());
        assert_eq!(session.noop().await, Err(ImapError::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_and_a_slow_one_is_not() {
    let mut silent = session(|_, _| String::new()).await;
    assert_eq!(silent.noop().await, Err(ImapError::TimedOut));
    assert!(!silent.is_usable());

    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome().await;
        let (tag, _) = peer.command().await.unwrap();
        for byte in format!("{tag} OK at last\r\n").bytes() {
            tokio::time::sleep(std::time::Duration::from_secs(29)).await;
            peer.say([byte]).await;
        }
        peer.command().await;
    });
    let mut slow = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
    assert_eq!(slow.noop().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_late_answer_of_a_dropped_command_is_never_taken_for_anothers() {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome().await;
        let (tag, _) = peer.command().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        peer.say(format!("* SEARCH 1 2 3\r\n{tag} OK\r\n")).await;
        peer.command().await;
    });
    let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
    let dropped = tokio::time::timeout(std::time::Duration::from_secs(1), session.search_header("a", "b")).await;
    assert!(dropped.is_err());
    assert!(!session.is_usable());
    assert_eq!(session.search_header("a", "c").await, Err(ImapError::Closed));
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_a_server_that_is_down() {
    for (answer, expected) in [
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", "failed"),
        ("NO Login failed", "failed"),
        ("NO [UNAVAILABLE] Temporary authentication failure.", "down"),
        ("BAD Invalid", "bad"),
    ] {
        let (stream, mut peer) = Peer::pair();
        tokio::spawn(async move {
            peer.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n").await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("{tag} {answer}\r\n")).await;
        });
        let error = ImapSession::open(stream, &password(), LIMITS).await.unwrap_err();
        let kind = match &error {
            ImapError::AuthenticationFailed { .. } => "failed",
            ImapError::Unavailable => "down",
            ImapError::Bad { .. } => "bad",
            _ => "other",
        };
        assert_eq!(kind, expected, "{error:?}");
        assert!(!format!("{error:?} {error}").contains("pl4nted"));
    }
}

#[tokio::test]
async fn a_refused_token_is_answered_as_rfc_7628_asks() {
    let (stream, mut peer) = Peer::pair();
    let server = tokio::spawn(async move {
        peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER] hi\r\n").await;
        let (tag, command) = peer.command().await.unwrap();
        assert_eq!(command, "AUTHENTICATE OAUTHBEARER");
        peer.say("+ \r\n").await;
        let initial = peer.stream_line().await;
        peer.say("+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n").await;
        let last = peer.stream_line().await;
        peer.say(format!("{tag} NO [AUTHENTICATIONFAILED] no\r\n")).await;
        (initial, last)
    });
    let credentials = Credentials::Bearer { user: "jdupont".to_owned(), token: "t0ken".into() };
    let error = ImapSession::open(stream, &credentials, LIMITS).await.unwrap_err();
    assert!(matches!(error, ImapError::AuthenticationFailed { .. }), "{error:?}");
    let (initial, last) = server.await.unwrap();
    assert_eq!(initial, "bixhPWpkdXBvbnQsAWF1dGg9QmVhcmVyIHQwa2VuAQE=");
    assert_eq!(last, "AQ==");
}

#[tokio::test]
async fn greetings_that_are_none_are_refused() {
    assert_eq!(opened("* PREAUTH welcome root\r\n").await.unwrap_err(), ImapError::Malformed);
    assert_eq!(opened("* BYE [UNAVAILABLE] full\r\n").await.unwrap_err(), ImapError::Unavailable);
    assert_eq!(opened("HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap_err(), ImapError::Malformed);
    assert_eq!(opened("").await.unwrap_err(), ImapError::Closed);
    assert_eq!(opened(vec![b'x'; 3 << 20]).await.unwrap_err(), ImapError::Limit(Limit::Line));
    assert_eq!(
        opened("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] no way in\r\n").await.unwrap_err(),
        ImapError::NoMechanism
    );
}

#[tokio::test]
async fn rows_come_for_what_was_asked_and_only_for_that() {
    let row = |uid: u32| {
        format!(
            "* {uid} FETCH (UID {uid} FLAGS (\\Seen \\sEEN $x) INTERNALDATE \" 1-Feb-2026 10:00:00 +0100\" \
             RFC822.SIZE 77 BODY[HEADER.FIELDS (FROM)]<0> {{13}}\r\nFrom: a@b\r\n\r\n)\r\n"
        )
    };
    let mut session = session(move |tag, command| {
        if command.starts_with("UID FETCH 5:6 ") {
            // News of another message, a foreign header, junk, and a row that imap-proto cannot read.
            format!(
                "* 9 FETCH (FLAGS (\\Flagged))\r\n{}{}* ESEARCH (TAG \"x\") UID ALL 1:3\r\n\
                 * 6 FETCH (UID 6 FLAGS (\\Seen) RFC822.SIZE (minus)\r\n{tag} OK\r\n",
                row(5),
                row(8)
            )
        } else {
            format!("{}{tag} OK\r\n", row(2))
        }
    })
    .await;
    let mut events = Vec::new();
    let sets = [Messages::Uids(UidSet::of(&[6, 5])), Messages::Sequence(1, 3)];
    session.fetch_headers(&sets, &mut |event| events.push(event)).await.unwrap();
    let [HeaderEvent::Row(five), HeaderEvent::Unreadable { uid: Some(6), raw }, HeaderEvent::Row(two)] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((five.uid, two.uid, five.size), (5, 2, 77));
    assert_eq!((five.flags, five.internal_date), (Flags::SEEN, 1_769_936_400));
    assert_eq!(five.header, b"From: a@b\r\n\r\n");
    assert!(raw.ends_with(b"minus)\r\n"));
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_list_of_flags_is_whole_only_when_every_message_is_in_it() {
    for (answer, whole) in [
        ("* 1 FETCH (UID 4 FLAGS ())\r\n* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n", true),
        ("* 1 FETCH (UID 4 FLAGS ())\r\n", false),
        ("* 1 FETCH (UID 4 FLAGS ())\r\n* 2 EXPUNGE\r\n", false),
        ("* 1 FETCH (UID 4 FLAGS ())\r\n* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n", false),
        ("* 3 EXISTS\r\n* 1 FETCH (UID 4 FLAGS ())\r\n* 2 FETCH (UID 7 FLAGS ())\r\n", false),
        ("* 1 FETCH (UID 4 FLAGS ())\r\n* 2 FETCH (UID 7 FLAGS (\\Seen)) junk\r\n", false),
    ] {
        let mut session = session(move |tag, _| format!("{answer}{tag} OK\r\n")).await;
        session.exists = Some(2);
        assert_eq!(session.fetch_flags(&UidSet::all(), &mut |_, _| {}).await, Ok(whole), "{answer}");
    }
}

#[tokio::test]
async fn a_number_of_messages_that_cannot_be_read_is_not_nought() {
    for exists in ["", "* 5 EXISTS\n", "* 99999999999 EXISTS\r\n"] {
        let mut session = session(move |tag, _| format!("{exists}* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n")).await;
        assert_eq!(session.select("INBOX").await, Err(ImapError::Malformed), "{exists}");
        assert_eq!(session.fetch_flags(&UidSet::all(), &mut |_, _| {}).await, Ok(false));
    }
    let mut empty = session(|tag, _| format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n")).await;
    assert_eq!(empty.select("INBOX").await.map(|selected| selected.exists), Ok(0));
    assert_eq!(empty.fetch_flags(&UidSet::all(), &mut |_, _| {}).await, Ok(true));
}

#[tokio::test]
async fn results_that_cannot_be_read_are_not_empty_ones() {
    for line in ["* SEARCH 2 5 (MODSEQ 917)\r\n", "* ESEARCH (TAG \"A1\") UID ALL 1:3\r\n"] {
        let mut searched = session(move |tag, _| format!("{line}{tag} OK\r\n")).await;
        assert_eq!(searched.search_header("Message-ID", "<a@b>").await, Err(ImapError::Malformed), "{line}");
        assert!(searched.is_usable());
        // Another command's junk is no matter of this one.
        assert_eq!(searched.noop().await, Ok(()));
        assert_eq!(searched.fetch_part(1, "", 0, 10).await, Err(ImapError::NotFound));
    }
    let mut part = session(|tag, _| format!("* 1 FETCH (UID 1 BODY[]<0> junk)\r\n{tag} OK\r\n")).await;
    assert_eq!(part.fetch_part(1, "", 0, 10).await, Err(ImapError::Malformed));
}

#[tokio::test]
async fn unreadable_rows_are_told_for_what_was_asked_by_no_number_of_a_mails_own() {
    let mut session = session(|tag, command| match command {
        "NOOP" => format!("* 5 FETCH (UID 5 junk)\r\n{tag} OK\r\n"),
        _ => format!(
            "* 8 FETCH (UID 8 junk)\r\n* 6 FETCH (FLAGS (((] BODY[] {{12}}\r\nx (UID 5) yz)\r\n\
             * 6 FETCH (INTERNALDATE \"UID 5\" UID 6 junk)\r\n\
             * 5 FETCH (UID 5 BODY[HEADER.FIELDS (FROM)] junk)\r\n\
             * 6 FETCH (UID 99999999999 BODY[HEADER.FIELDS (FROM)] NIL)\r\n{tag} OK\r\n"
        ),
    })
    .await;
    session.noop().await.unwrap();
    let mut told = Vec::new();
    let sets = [Messages::Uids(UidSet::of(&[5, 6]))];
    session.fetch_headers(&sets, &mut |event| told.push(event)).await.unwrap();
    let uids: Vec<_> = told
        .iter()
        .map(|event| match event {
            HeaderEvent::Unreadable { uid, .. } => *uid,
            HeaderEvent::Row(row) => panic!("{row:?}"),
        })
        .collect();
    // Those of which something was read come at once, the others behind the tagged answer.
    assert_eq!(uids, [None, None, Some(6), Some(5)]);
}

#[tokio::test]
async fn more_unreadable_rows_than_are_kept_are_an_error_and_no_silence() {
    let mut session = session(|tag, _| format!("{}{tag} OK\r\n", "* 6 FETCH (UID 6 junk)\r\n".repeat(1025))).await;
    let sets = [Messages::Uids(UidSet::of(&[6]))];
    let outcome = session.fetch_headers(&sets, &mut |_| {}).await;
    assert_eq!(outcome, Err(ImapError::Limit(Limit::Unreadable)));
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_second_go_ahead_is_no_success_of_an_append() {
    for capabilities in ["IMAP4rev1 LITERAL+", "IMAP4rev1"] {
        let (stream, mut peer) = Peer::pair();
        tokio::spawn(async move {
            peer.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n").await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("{tag} OK\r\n")).await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n")).await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("+ go\r\n+ go on\r\n{tag} NO [OVERQUOTA] full\r\n")).await;
            peer.literal(4).await;
        });
        let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
        assert_eq!(session.append("Sent", &[], b"a: b").await, Err(ImapError::Malformed), "{capabilities}");
        assert!(!session.is_usable());
    }
}

#[tokio::test]
async fn what_the_server_says_of_its_own_accord_is_kept_in_order_and_in_bounds() {
    let mut session = session(|tag, command| match command {
        "NOOP" => format!(
            "* 9 EXISTS\r\n* 4 EXPUNGE\r\n* OK [ALERT] Maintenance \x07at noon\r\n\
             * BYE going\r\n{tag} OK [ALERT] soon\r\n"
        ),
        _ => format!("{}{tag} OK\r\n", "* 1 EXISTS\r\n".repeat(500)),
    })
    .await;
    session.noop().await.unwrap();
    let events = session.take_events();
    assert_eq!(
        events,
        [
            ServerEvent::Exists(9),
            ServerEvent::Expunged(4),
            ServerEvent::Alert("Maintenance at noon".to_owned()),
            ServerEvent::Bye("going".to_owned()),
            ServerEvent::Alert("soon".to_owned()),
        ]
    );
    session.search_header("a", "b").await.unwrap();
    assert_eq!(session.take_events().len(), 100);
    assert!(session.take_events().is_empty());
}

#[tokio::test]
async fn a_mailbox_that_a_command_could_not_name_cannot_be_selected() {
    let mut told = session(|tag, _| {
        format!(
            "* LIST () \"/\" \"&AGE-\"\r\n* LIST () \"/\" \"R&D\"\r\n\
             * LIST (\\NonExistent) \"/\" gone\r\n* LIST () \"/\" a\r\n{tag} OK\r\n"
        )
    })
    .await;
    let listed = told.list().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.selectable)).collect();
    assert_eq!(seen, [("&AGE-", false), ("R&D", false), ("gone", false), ("a", true)]);
}

#[tokio::test]
async fn mailboxes_have_the_roles_that_the_server_gives_or_their_names_tell() {
    let mut told = session(|tag, _| {
        format!(
            "* LIST (\\HasNoChildren \\Sent) \"/\" Expedies\r\n* LIST () \"/\" Sent\r\n\
             * LIST (\\Noselect) \"/\" \"&AMk-coles\"\r\n* LIST () \"/\" \"&AMk-coles/Corbeille\"\r\n\
             * LIST () \"/\" inbox\r\n{tag} OK\r\n"
        )
    })
    .await;
    let listed = told.list().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.role, one.selectable)).collect();
    assert_eq!(
        seen,
        [
            ("Expedies", Some(Role::Sent), true),
            ("Sent", None, true),
            ("Écoles", None, false),
            ("Écoles/Corbeille", Some(Role::Trash), true),
            ("INBOX", Some(Role::Inbox), true),
        ]
    );
}

#[tokio::test]
async fn arguments_that_would_begin_another_command_are_not_sent() {
    let mut session = session(|tag, command| panic!("sent {tag} {command}")).await;
    let one = UidSet::of(&[1]);
    assert_eq!(session.search_header("A\r\nx LOGOUT", "b").await, Err(ImapError::InvalidArgument));
    assert_eq!(session.store_flags(&one, true, &["\\Seen) x"]).await, Err(ImapError::InvalidArgument));
    assert_eq!(session.fetch_part(1, "1]<0.1> X", 0, 1).await, Err(ImapError::InvalidArgument));
    assert_eq!(session.append("Sent", &[], b"a\0b").await, Err(ImapError::InvalidArgument));
    assert_eq!(session.search_header("Subject", "été").await, Err(ImapError::InvalidArgument));
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_message_is_appended_with_and_without_the_servers_go_ahead() {
    for (capabilities, plus) in [("IMAP4rev1 LITERAL+", "+"), ("IMAP4rev1", "")] {
        let (stream, mut peer) = Peer::pair();
        let server = tokio::spawn(async move {
            peer.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n").await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("{tag} OK\r\n")).await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n")).await;
            let (tag, command) = peer.command().await.unwrap();
            if plus.is_empty() {
                peer.say("+ go\r\n").await;
            }
            let bytes = peer.literal(9).await;
            peer.say(format!("{tag} OK [APPENDUID 1 2] done\r\n")).await;
            (command, bytes)
        });
        let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
        let place = session.append("Envoyés", &["\\Seen"], b"a: b\r\n\r\nc").await;
        assert_eq!(place, Ok(Some((1, 2))));
        let (command, bytes) = server.await.unwrap();
        assert_eq!(command, format!("APPEND \"Envoy&AOk-s\" (\\Seen) {{9{plus}}}"));
        assert_eq!(bytes, b"a: b\r\n\r\nc\r\n");
    }
}

#[tokio::test]
async fn a_search_that_finds_the_whole_of_a_large_mailbox_is_read() {
    let mut session = session(|tag, _| {
        let all: String = (1..=200_000).map(|uid| format!(" {uid}")).collect();
        format!("* SEARCH{all}\r\n{tag} OK\r\n")
    })
    .await;
    assert_eq!(session.search_header("a", "b").await.map(|found| found.len()), Ok(200_000));
}

#[tokio::test]
async fn where_messages_went_is_told_before_or_with_the_tagged_answer_and_lies_tell_nothing() {
    for (told, uids) in [
        ("[COPYUID 9 1:3 11:13]", vec![(1, 11), (2, 12), (3, 13)]),
        ("[COPYUID 9 3,1 20,7]", vec![(3, 20), (1, 7)]),
        ("[COPYUID 9 3:1 13:11]", vec![(1, 11), (2, 12), (3, 13)]),
        // Not asked for, of different sizes, without end, or none at all.
        ("[COPYUID 9 7 11]", vec![]),
        ("[COPYUID 9 1:2 11]", vec![]),
        ("[COPYUID 9 1:4294967295 1:4294967295]", vec![]),
        ("[COPYUID x y]", vec![]),
        ("", vec![]),
    ] {
        for untagged in [true, false] {
            let mut session = session(move |tag, _| match untagged {
                true => format!("* OK {told} x\r\n* 1 EXPUNGE\r\n{tag} OK done\r\n"),
                false => format!("{tag} OK {told} done\r\n"),
            })
            .await;
            let set = UidSet::of(&[1, 2, 3]);
            for copied in [session.move_messages(&set, "Trash").await, session.copy_messages(&set, "Trash").await] {
                assert_eq!(copied.unwrap().uids, uids, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_mailbox_that_is_deleted_is_left_first_and_names_are_quoted() {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&asked);
    let mut session = super::session_with("IMAP4rev1 UNSELECT SASL-IR AUTH=PLAIN", move |tag, command| {
        heard.lock().unwrap().push(command.to_owned());
        format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n")
    })
    .await;
    session.select("6\"e").await.unwrap();
    session.delete("6\"e").await.unwrap();
    session.delete("Élèves").await.unwrap();
    session.rename("a\\b", "c\r\nx LOGOUT").await.unwrap();
    let asked = asked.lock().unwrap().clone();
    let expected = [
        "SELECT \"6\\\"e\"",
        "UNSELECT",
        "DELETE \"6\\\"e\"",
        "DELETE \"&AMk-l&AOg-ves\"",
        "RENAME \"a\\\\b\" \"c&AA0ACg-x LOGOUT\"",
    ];
    assert_eq!(asked, expected);
}

use super::super::{ImapError, Listed, Overview, Role, Status};
use super::session_with;

const LIST_STATUS: &str = "IMAP4rev1 SASL-IR LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE UNSELECT AUTH=PLAIN";
const OLD: &str = "IMAP4rev1 SASL-IR AUTH=PLAIN";

fn named<'a>(overview: &'a Overview, name: &str) -> &'a Listed {
    overview.mailboxes.iter().find(|one| one.name == name).unwrap()
}

#[tokio::test]
async fn one_command_tells_what_is_in_all_mailboxes() {
    let mut session = session_with(LIST_STATUS, |tag, command| match command {
        "LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))" => {
            format!(
                "* LIST (\\Subscribed) \"/\" INBOX\r\n\
                 * STATUS INBOX (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 5 UNSEEN 12 HIGHESTMODSEQ 70)\r\n\
                 * LIST (\\NonExistent) \"/\" Classes\r\n\
                 * LIST () \"/\" \"Classes/6&AOg-me\"\r\n\
                 * STATUS \"Classes/6&AOg-me\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 6 UNSEEN 0 HIGHESTMODSEQ 0) \r\n{tag} OK\r\n"
            )
        }
        other => panic!("{other}"),
    })
    .await;
    let overview = session.overview().await.unwrap();
    assert!(overview.whole);
    let inbox = named(&overview, "INBOX");
    let status = inbox.status.unwrap();
    assert_eq!((status.messages, status.uid_next, status.uid_validity), (Some(231), Some(44_292), Some(5)));
    assert_eq!((status.unseen, status.highest_mod_seq, inbox.subscribed), (Some(12), Some(70), true));
    assert_eq!((named(&overview, "Classes").selectable, named(&overview, "Classes").status), (false, None));
    let nested = named(&overview, "Classes/6ème");
    assert_eq!((nested.status.unwrap().messages, nested.status.unwrap().highest_mod_seq), (Some(2), None));
    assert_eq!((nested.selectable, nested.subscribed), (true, false));
}

#[tokio::test]
async fn an_old_server_is_asked_for_each_mailbox_and_for_what_is_subscribed() {
    let mut session = session_with(OLD, |tag, command| match command {
        "LIST \"\" \"*\"" => {
            format!("* LIST () \".\" INBOX\r\n* LIST (\\Noselect) \".\" a\r\n* LIST () \".\" a.b\r\n{tag} OK\r\n")
        }
        "LSUB \"\" \"*\"" => format!("* LSUB () \".\" a.b\r\n{tag} OK\r\n"),
        "STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)" => {
            format!("* STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 1 UNSEEN 1)\r\n{tag} OK\r\n")
        }
        "STATUS \"a.b\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)" => format!("{tag} NO gone\r\n"),
        other => panic!("{other}"),
    })
    .await;
    let overview = session.overview().await.unwrap();
    assert!(overview.whole);
    let told =
        Status { messages: Some(3), unseen: Some(1), uid_validity: Some(1), uid_next: Some(9), highest_mod_seq: None };
    assert_eq!((named(&overview, "INBOX").status, named(&overview, "INBOX").subscribed), (Some(told), false));
    assert_eq!((named(&overview, "a.b").status, named(&overview, "a.b").subscribed), (None, true));
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_name_with_a_backslash_or_a_quote_goes_back_as_it_came() {
    for (listed, name, back) in [
        ("\"a\\\\b\"", "a\\b", "\"a\\\\b\""),
        ("\"dit \\\"oui\\\"\"", "dit \"oui\"", "\"dit \\\"oui\\\"\""),
        ("{3}\r\na\\b", "a\\b", "\"a\\\\b\""),
        ("\"\\\\\"", "\\", "\"\\\\\""),
        ("plain", "plain", "\"plain\""),
    ] {
        let mut session = session_with("IMAP4rev1 SASL-IR AUTH=PLAIN LIST-EXTENDED", move |tag, command| {
            if command.starts_with("LIST") {
                format!("* LIST (\\HasNoChildren) \"\\\\\" {listed}\r\n* STATUS {listed} (MESSAGES 3)\r\n{tag} OK\r\n")
            } else {
                assert_eq!(command, format!("SELECT {back}"));
                format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{tag} OK\r\n")
            }
        })
        .await;
        let mailboxes = session.list().await.unwrap();
        assert_eq!((mailboxes[0].name.as_str(), mailboxes[0].delimiter.as_deref()), (name, Some("\\")), "{listed}");
        assert_eq!(mailboxes[0].status.and_then(|status| status.messages), Some(3), "{listed}");
        session.select(name).await.unwrap();
    }
}

#[tokio::test]
async fn a_mailbox_that_is_missing_from_a_list_with_an_unreadable_line_is_not_gone() {
    let mut session = session_with(LIST_STATUS, |tag, _| {
        format!("* LIST () \"/\" INBOX\r\n* LIST () \"/\" x (\"OLDNAME\" (y))\r\n{tag} OK\r\n")
    })
    .await;
    assert!(!session.overview().await.unwrap().whole);
}

#[tokio::test]
async fn a_server_that_does_not_understand_its_own_extension_is_asked_in_the_old_way() {
    let mut session = session_with(LIST_STATUS, |tag, command| match command {
        command if command.contains("STATUS (") && command.starts_with("LIST") => format!("{tag} BAD what?\r\n"),
        command if command.starts_with("LIST") => format!("* LIST () \"/\" INBOX\r\n{tag} OK\r\n"),
        _ => format!("* STATUS INBOX (MESSAGES 3)\r\n{tag} OK\r\n"),
    })
    .await;
    assert_eq!(named(&session.overview().await.unwrap(), "INBOX").status.unwrap().messages, Some(3));
}

#[tokio::test]
async fn a_selected_mailbox_is_left_before_its_status_is_asked() {
    let mut session = session_with(LIST_STATUS, |tag, command| match command.split(' ').next() {
        Some("SELECT") => format!("* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{tag} OK\r\n"),
        Some("UNSELECT") => format!("{tag} OK\r\n"),
        _ => format!("* LIST () \"/\" INBOX\r\n{tag} OK\r\n"),
    })
    .await;
    session.select("INBOX").await.unwrap();
    assert_eq!(session.selected.as_deref(), Some("INBOX"));
    session.overview().await.unwrap();
    assert_eq!(session.selected, None);
}

#[tokio::test]
async fn a_role_is_guessed_once_and_for_the_mailbox_that_stands_highest() {
    let mut session = session_with(OLD, |tag, _| {
        format!(
            "* LIST () \".\" INBOX\r\n* LIST () \".\" \"INBOX.Archives.Corbeille\"\r\n* LIST () \".\" \"INBOX.Corbeille\"\r\n\
             * LIST () \".\" \"INBOX.Ind&AOk-sirables\"\r\n* LIST () \".\" \"INBOX.Brouillons\"\r\n\
             * LIST () \".\" \"INBOX.Envoy&AOk-s\"\r\n* LIST () \".\" \"INBOX.Archives\"\r\n\
             * LIST (\\Noselect) \".\" Trash\r\n{tag} OK\r\n"
        )
    })
    .await;
    let listed = session.list().await.unwrap();
    let role = |name: &str| listed.iter().find(|one| one.name == name).unwrap().role;
    for (name, expected) in [
        ("INBOX.Corbeille", Some(Role::Trash)),
        ("INBOX.Archives.Corbeille", None),
        ("INBOX.Indésirables", Some(Role::Junk)),
        ("INBOX.Brouillons", Some(Role::Drafts)),
        ("INBOX.Envoyés", Some(Role::Sent)),
        ("INBOX.Archives", Some(Role::Archive)),
        ("Trash", None),
    ] {
        assert_eq!(role(name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_mailbox_that_the_server_denies_is_refused_and_not_unknown() {
    let mut session = session_with(OLD, |tag, _| format!("{tag} NO [NONEXISTENT] no such mailbox\r\n")).await;
    assert!(matches!(session.status("x").await, Err(ImapError::Refused { .. })));
}

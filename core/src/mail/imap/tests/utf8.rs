//! UTF8=ACCEPT (RFC 6855): names and headers in UTF-8 once the server has agreed, and not before.

use std::sync::{Arc, Mutex};

use super::super::{ImapError, ImapSession, Role};
use super::{LIMITS, Peer, password, session_with};

const UTF8: &str = "IMAP4rev1 SASL-IR ENABLE QRESYNC CONDSTORE UTF8=ACCEPT LIST-EXTENDED LITERAL- MOVE AUTH=PLAIN";

/// A session at a server that answers ENABLE by `enabled`, and the commands that it was given.
async fn enabling(enabled: &'static str) -> (ImapSession, Arc<Mutex<Vec<String>>>) {
    let given = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&given);
    let session = session_with(UTF8, move |tag, command| {
        seen.lock().unwrap().push(command.to_owned());
        match command.split(' ').next().unwrap() {
            "ENABLE" => enabled.replace("{}", tag),
            "SELECT" => format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n"),
            "LIST" => format!(
                "* LIST () \"/\" \"Élèves\"\r\n* LIST () \"/\" \"R&D\"\r\n* LIST () \"/\" \"&AMk-t&AOk-\"\r\n\
                 * LIST () \"/\" \"a\u{2028}b\"\r\n* LIST () \"/\" \"corbeille\"\r\n* LIST () \"/\" \"x\u{fffd}\"\r\n{tag} OK\r\n"
            ),
            _ => format!("{tag} OK\r\n"),
        }
    })
    .await;
    (session, given)
}

const AGREED: &str = "* ENABLED QRESYNC UTF8=ACCEPT\r\n{} OK\r\n";

#[tokio::test]
async fn names_travel_in_utf_8_once_the_server_has_agreed() {
    let (mut session, given) = enabling(AGREED).await;
    session.select("Élèves & parents").await.unwrap();
    session.select("INBOX").await.unwrap();
    assert_eq!(
        given.lock().unwrap()[..],
        [
            "ENABLE QRESYNC UTF8=ACCEPT",
            "NOOP",
            "SELECT \"Élèves & parents\" (CONDSTORE)",
            "SELECT \"INBOX\" (CONDSTORE)"
        ]
    );
}

#[tokio::test]
async fn they_travel_as_ever_where_it_has_not() {
    for refused in ["* ENABLED QRESYNC\r\n{} OK\r\n", "{} BAD what?\r\n", "{} OK\r\n"] {
        let (mut session, given) = enabling(refused).await;
        session.select("Élèves & parents").await.unwrap();
        assert_eq!(given.lock().unwrap()[2], "SELECT \"&AMk-l&AOg-ves &- parents\" (CONDSTORE)", "{refused}");
    }
}

#[tokio::test]
async fn a_name_that_is_the_same_in_both_forms_waits_for_nothing() {
    let (mut session, given) = enabling(AGREED).await;
    session.select("INBOX").await.unwrap();
    assert_eq!(given.lock().unwrap()[..], ["ENABLE QRESYNC UTF8=ACCEPT", "SELECT \"INBOX\" (CONDSTORE)"]);
}

#[tokio::test]
async fn names_of_a_list_are_read_in_the_form_that_holds() {
    let (mut session, _) = enabling(AGREED).await;
    let listed = session.list().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.selectable)).collect();
    assert_eq!(
        seen,
        [
            ("Élèves", true),
            ("R&D", true),
            ("&AMk-t&AOk-", true),
            ("a\u{2028}b", false),
            ("corbeille", true),
            ("x\u{fffd}", false),
        ]
    );
    assert_eq!(listed[4].role, Some(Role::Trash));
    let (mut old, _) = enabling("{} NO\r\n").await;
    let listed = old.list().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.selectable)).take(3).collect();
    assert_eq!(seen, [("Élèves", false), ("R&D", false), ("Été", true)]);
}

#[tokio::test]
async fn a_name_that_cannot_be_carried_is_refused_and_not_mangled() {
    let (mut session, given) = enabling(AGREED).await;
    for name in ["a\u{2028}b", "a\u{7f}", "a\tb", "a\r\nb", "a\u{85}b", "x\u{fffd}", "a\0"] {
        assert_eq!(session.select(name).await, Err(ImapError::InvalidArgument), "{name:?}");
    }
    assert!(session.is_usable());
    assert!(given.lock().unwrap().iter().all(|command| !command.starts_with("SELECT")));
}

#[tokio::test]
async fn a_message_whose_header_is_utf_8_is_appended_as_such() {
    let utf8 = "Subject: Été\r\n\r\nx".as_bytes();
    let large = [utf8, &b"y\r\n".repeat(2000)].concat();
    let latin = b"Subject: \xc9t\xe9\r\n\r\nx";
    for (message, enabled, expected) in [
        (utf8, true, format!("UTF8 (~{{{}+}}", utf8.len())),
        (&large, true, format!("UTF8 (~{{{}}}", large.len())),
        (latin, true, format!("{{{}+}}", latin.len())),
        ("Subject: a\r\n\r\né".as_bytes(), true, "{16+}".to_owned()),
        (utf8, false, format!("{{{}+}}", utf8.len())),
    ] {
        let (stream, mut peer) = Peer::pair();
        let size = message.len();
        let server = tokio::spawn(async move {
            peer.welcome_with(UTF8).await;
            let (tag, _) = peer.command().await.unwrap();
            let enabled = if enabled { "* ENABLED UTF8=ACCEPT\r\n" } else { "" };
            peer.say(format!("{enabled}{tag} OK\r\n")).await;
            let (tag, _) = peer.command().await.unwrap();
            peer.say(format!("{tag} OK\r\n")).await;
            let (tag, command) = peer.command().await.unwrap();
            if !command.contains('+') {
                peer.say("+ go\r\n").await;
            }
            let close = if command.contains("UTF8") { 1 } else { 0 };
            let bytes = peer.literal(size + close).await;
            peer.say(format!("{tag} OK [APPENDUID 1 2] done\r\n")).await;
            (command, bytes)
        });
        let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
        assert_eq!(session.append("Envoyés", &[], message).await, Ok(Some((1, 2))));
        let (command, bytes) = server.await.unwrap();
        let name = if enabled { "Envoyés" } else { "Envoy&AOk-s" };
        assert_eq!(command, format!("APPEND \"{name}\" () {expected}"));
        let close: &[u8] = if expected.starts_with("UTF8") { b")\r\n" } else { b"\r\n" };
        assert_eq!(bytes, [message, close].concat());
    }
}

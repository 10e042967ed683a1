use std::sync::Mutex;

use super::super::{ImapError, ImapSession};
use super::{LIMITS, Peer};
use crate::mail::Credentials;

/// Everything that this test program logged, async-imap's lines too.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.lock().unwrap().push_str(&format!("{}\n", record.args()));
    }

    fn flush(&self) {}
}

/// Signs in at a server that offers `offered` and ends the attempt with `answer`. What the server read, and what came of it.
async fn attempt(offered: &str, answer: &str, credentials: &Credentials) -> (String, Result<(), ImapError>) {
    let (stream, mut peer) = Peer::pair();
    let (greeting, answer) = (format!("* OK [CAPABILITY IMAP4rev1 {offered}] hi\r\n"), answer.to_owned());
    let server = tokio::spawn(async move {
        peer.say(greeting).await;
        let (tag, mut read) = peer.command().await.unwrap();
        if read.starts_with("AUTHENTICATE") && read.split(' ').count() == 2 {
            peer.say("+ \r\n").await;
            read = format!("{read} {}", peer.stream_line().await);
        }
        peer.say(format!("{tag} {}\r\n", answer.replace("READ", &read))).await;
        if let Some((tag, _)) = peer.command().await {
            peer.say(format!("* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n")).await;
        }
        read
    });
    let outcome = ImapSession::open(stream, credentials, LIMITS).await.map(|session| {
        assert!(!format!("{session:?}").contains("pl4n"));
    });
    (server.await.unwrap(), outcome)
}

#[tokio::test]
async fn a_secret_reaches_the_server_whole_and_nothing_else() {
    let _ = log::set_logger(&Recorder);
    log::set_max_level(log::LevelFilter::Trace);
    let password = Credentials::Password { user: "jdupont".to_owned(), password: "pl4n\\\"ted".into() };
    let token = Credentials::Bearer { user: "jdupont".to_owned(), token: "pl4nted".into() };
    let (plain, oauth, xoauth2) = (
        "AGpkdXBvbnQAcGw0blwidGVk",
        "bixhPWpkdXBvbnQsAWF1dGg9QmVhcmVyIHBsNG50ZWQBAQ==",
        "dXNlcj1qZHVwb250AWF1dGg9QmVhcmVyIHBsNG50ZWQBAQ==",
    );
    for (offered, credentials, wire) in [
        ("AUTH=PLAIN SASL-IR", &password, format!("AUTHENTICATE PLAIN {plain}")),
        ("AUTH=PLAIN", &password, format!("AUTHENTICATE PLAIN {plain}")),
        ("IDLE", &password, "LOGIN \"jdupont\" \"pl4n\\\\\\\"ted\"".to_owned()),
        ("AUTH=OAUTHBEARER AUTH=XOAUTH2 SASL-IR", &token, format!("AUTHENTICATE OAUTHBEARER {oauth}")),
        ("AUTH=OAUTHBEARER", &token, format!("AUTHENTICATE OAUTHBEARER {oauth}")),
        ("AUTH=XOAUTH2 SASL-IR", &token, format!("AUTHENTICATE XOAUTH2 {xoauth2}")),
        ("AUTH=XOAUTH2", &token, format!("AUTHENTICATE XOAUTH2 {xoauth2}")),
    ] {
        assert_eq!(attempt(offered, "OK in", credentials).await, (wire, Ok(())), "{offered}");
        // Servers that repeat what they read.
        for answer in ["BAD unknown: READ", "NO [AUTHENTICATIONFAILED] READ", "NO READ"] {
            let (_, outcome) = attempt(offered, answer, credentials).await;
            let error = outcome.unwrap_err();
            let right = match error {
                ImapError::Bad { .. } => answer.starts_with("BAD"),
                ImapError::AuthenticationFailed { .. } => answer.starts_with("NO"),
                _ => false,
            };
            assert!(right, "{offered} {answer}: {error:?}");
            let told = format!("{error:?} {error} {credentials:?}");
            for secret in ["pl4n", plain, oauth, xoauth2] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }
    // async-imap would tell in detail what it sends and what comes: that is compiled away.
    assert!(log::STATIC_MAX_LEVEL <= log::LevelFilter::Info, "libraries log in detail");
    let logged = LOGGED.lock().unwrap().clone();
    for secret in ["pl4n", plain, oauth, xoauth2] {
        assert!(!logged.contains(secret), "{logged}");
    }
}

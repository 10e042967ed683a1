use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{ImapError, ImapSession};
use super::{LIMITS, Peer};
use crate::mail::Credentials;
use crate::mail::sasl::tests::ScramServer;

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
        let mut challenges = match read.split(' ').nth(1).unwrap() {
            "SCRAM-SHA-256" | "LOGIN" => 2,
            _ => 1,
        };
        if read.starts_with("AUTHENTICATE") {
            challenges -= read.split(' ').count() - 2;
            let mut scram = ScramServer::new("pl4n\\\"ted");
            for turn in 0..challenges {
                let first = read.rsplit_once(' ').and_then(|(_, first)| STANDARD.decode(first).ok());
                let challenge = first.filter(|first| first.starts_with(b"n,,"));
                let challenge = challenge.map(|first| scram.challenge(&String::from_utf8(first).unwrap()));
                peer.say(format!("+ {}\r\n", STANDARD.encode(challenge.unwrap_or_default()))).await;
                read = format!("{read} {}", peer.stream_line().await);
                if read.contains("SCRAM") && turn + 1 == challenges {
                    let proof = STANDARD.decode(read.rsplit_once(' ').unwrap().1).unwrap();
                    let signature = scram.signature(&String::from_utf8(proof).unwrap()).unwrap();
                    if answer.starts_with("OK") {
                        peer.say(format!("+ {}\r\n", STANDARD.encode(signature))).await;
                        peer.stream_line().await;
                    }
                }
            }
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
    let login = STANDARD.encode("pl4n\\\"ted");
    let (plain, oauth, xoauth2) = (
        "AGpkdXBvbnQAcGw0blwidGVk",
        "bixhPWpkdXBvbnQsAWF1dGg9QmVhcmVyIHBsNG50ZWQBAQ==",
        "dXNlcj1qZHVwb250AWF1dGg9QmVhcmVyIHBsNG50ZWQBAQ==",
    );
    for (offered, credentials, wire) in [
        ("AUTH=PLAIN AUTH=LOGIN SASL-IR", &password, format!("AUTHENTICATE PLAIN {plain}")),
        ("AUTH=PLAIN", &password, format!("AUTHENTICATE PLAIN {plain}")),
        ("AUTH=LOGIN SASL-IR", &password, format!("AUTHENTICATE LOGIN {} {login}", STANDARD.encode("jdupont"))),
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
            for secret in ["pl4n", plain, oauth, xoauth2, &login] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }
    // The proof of SCRAM too: from it a password could be guessed at leisure.
    let mut proofs = Vec::new();
    for offered in ["AUTH=SCRAM-SHA-256 AUTH=PLAIN", "AUTH=SCRAM-SHA-256 SASL-IR"] {
        for answer in ["OK in", "BAD unknown: READ", "NO [AUTHENTICATIONFAILED] READ", "NO READ"] {
            let (read, outcome) = attempt(offered, answer, &password).await;
            let proof = read.rsplit_once(' ').unwrap().1.to_owned();
            assert_eq!(outcome.is_ok(), answer == "OK in", "{offered} {answer}: {outcome:?}");
            let told = format!("{outcome:?}");
            assert!(!told.contains(&proof) && !told.contains("pl4n"), "{told}");
            proofs.push(proof);
        }
    }
    // async-imap would tell in detail what it sends and what comes: that is compiled away.
    assert!(log::STATIC_MAX_LEVEL <= log::LevelFilter::Info, "libraries log in detail");
    let logged = LOGGED.lock().unwrap().clone();
    for secret in ["pl4n", plain, oauth, xoauth2, &login] {
        assert!(!logged.contains(secret), "{logged}");
    }
    assert!(!proofs.iter().any(|proof| logged.contains(proof)), "{logged}");
}

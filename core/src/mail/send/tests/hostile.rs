//! Servers that repeat secrets, cut connections in the middle of a message, or never take leave.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::*;

/// Large enough not to fit into the buffers of [`half_read`].
fn long_letter() -> Outgoing {
    let mut letter = letter();
    letter.mime = b"Subject: Bulletins\r\n\r\n".to_vec();
    letter.mime.extend(b"Les bulletins du premier trimestre.\r\n".repeat(8000));
    letter
}

/// The outcome when the server answers up to `354`, reads `enough` bytes of the message, and then hangs up or falls silent.
async fn half_read(enough: usize, hang_up: bool) -> Result<(), SendError> {
    let (ours, theirs) = duplex(1024);
    let server = tokio::spawn(async move {
        let mut stream = BufReader::new(theirs);
        for (index, reply) in RECORDED[..6].iter().enumerate() {
            if index > 0 {
                stream.read_line(&mut String::new()).await.unwrap();
            }
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        let mut read = 0;
        while read < enough {
            read += stream.read(&mut vec![0; (enough - read).min(4096)]).await.unwrap();
        }
        if !hang_up {
            std::future::pending::<()>().await;
        }
    });
    let outcome = submit(Box::new(ours), "academie.test", &token(), &long_letter(), SILENCE, &mut |_| {}).await;
    server.abort();
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_message_cut_in_its_middle_was_not_sent() {
    let length = long_letter().mime.len();
    for enough in [0, 1, 1000, 100_000, length - 10_000] {
        for hang_up in [true, false] {
            assert_eq!(half_read(enough, hang_up).await, Err(SendError::NotSent), "{enough} of {length}, {hang_up}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_cut_in_its_last_line_or_after_it_may_have_been_sent() {
    let length = long_letter().mime.len();
    for enough in length..=length + 3 {
        for hang_up in [true, false] {
            assert_eq!(half_read(enough, hang_up).await, Err(SendError::Uncertain), "{enough} of {length}, {hang_up}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_the_message_and_takes_no_leave_holds_nobody_up() {
    let before = Instant::now();
    let (ours, theirs) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut stream = BufReader::new(theirs);
        for (index, reply) in RECORDED[..7].iter().enumerate() {
            let asked = ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", ".\r\n"][index];
            let mut line = String::new();
            while !line.starts_with(asked) {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
            }
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let outcome = submit(Box::new(ours), "academie.test", &token(), &letter(), SILENCE, &mut |_| {}).await;
    assert_eq!(outcome, Ok(()));
    assert!(before.elapsed() <= Duration::from_secs(2), "{:?}", before.elapsed());
    server.abort();
}

#[tokio::test]
async fn a_secret_that_the_server_repeats_stays_out_of_the_error() {
    let password = || Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() };
    let told = STANDARD.encode("\0jdupont\0pl4nted");
    for code in [421, 432, 454, 500, 501, 502, 504, 530, 534, 535, 538, 550, 554] {
        let mut replies = recorded();
        replies[2] = format!("{code}-5.7.8 no: AUTH PLAIN {told}\r\n{code} 5.7.8 that is pl4nted\r\n");
        let (outcome, stages, _) = played(replies, usize::MAX, password()).await;
        let error = outcome.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("pl4nted") && !shown.contains(&told), "{shown}");
        assert_eq!(stages, [Stage::Authenticating]);
        let looked_at = code == 501 || code > 504;
        assert_eq!(error == SendError::AuthenticationFailed, looked_at, "{code} gave {error}");
    }
}

#[tokio::test]
async fn a_long_token_is_said_after_the_challenge_and_a_short_one_at_once() {
    let jwt = "e".repeat(3000);
    let long = Credentials::Bearer { user: "jdupont".to_owned(), token: jwt.clone().into() };
    let mut replies = recorded();
    replies.insert(2, "334 \r\n".to_owned());
    let (outcome, _, got) = played(replies, usize::MAX, long).await;
    assert_eq!(outcome, Ok(()));
    let said = STANDARD.encode(format!("n,a=jdupont,\x01auth=Bearer {jwt}\x01\x01"));
    assert!(got.contains(&format!("AUTH OAUTHBEARER\r\n{said}\r\n")));
    assert!(played(recorded(), usize::MAX, token()).await.2.contains("AUTH OAUTHBEARER bixh"));
}

#[tokio::test]
async fn a_refused_token_is_acknowledged_before_the_refusal_comes() {
    for (offered, acknowledgement) in [("OAUTHBEARER", "\r\nAQ==\r\n"), ("XOAUTH2", "\r\n\r\n")] {
        let mut replies = recorded();
        replies[1] = format!("250-x\r\n250 AUTH {offered}\r\n");
        replies[2] = "334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n".to_owned();
        replies[3] = "535 5.7.8 no\r\n".to_owned();
        let (outcome, _, got) = played(replies, usize::MAX, token()).await;
        assert_eq!(outcome, Err(SendError::AuthenticationFailed));
        assert!(got.ends_with(acknowledgement), "{got:?}");
    }
}

#[tokio::test]
async fn credentials_that_would_say_something_else_are_not_sent() {
    for credentials in [
        Credentials::Password { user: "a\0b".to_owned(), password: "c".into() },
        Credentials::Password { user: "a".to_owned(), password: "b\0c".into() },
        Credentials::Bearer { user: "a\x01auth=Bearer x".to_owned(), token: "b".into() },
        Credentials::Bearer { user: "a".to_owned(), token: "b\r\nMAIL FROM:<x@y.fr>".into() },
    ] {
        let (outcome, _, got) = played(recorded(), usize::MAX, credentials).await;
        assert_eq!((outcome, got.as_str()), (Err(SendError::NoMechanism), "EHLO academie.test\r\n"));
    }
    let odd = Credentials::Bearer { user: "a=b,c@d.fr".to_owned(), token: "e".into() };
    let said = STANDARD.encode("n,a=a=3Db=2Cc@d.fr,\x01auth=Bearer e\x01\x01");
    assert!(played(recorded(), usize::MAX, odd).await.2.contains(&said));
}

#[tokio::test]
async fn a_server_that_answers_before_it_is_asked_is_not_believed() {
    let mut replies = recorded();
    replies[5] = "354 go\r\n250 2.0.0 queued\r\n".to_owned();
    replies[6] = String::new();
    let (outcome, stages, got) = played(replies, usize::MAX, token()).await;
    assert_eq!(outcome, Err(SendError::Malformed));
    assert!(!stages.contains(&Stage::Accepted) && got.ends_with("DATA\r\n"), "{got}");
}

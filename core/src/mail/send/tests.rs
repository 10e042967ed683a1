mod hostile;
mod sign_in;

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};

use super::{Credentials, Outgoing, SendError, Stage, submit};

const SILENCE: Duration = Duration::from_secs(30);
/// A server's side: the greeting, then one reply a command; the last is the verdict on the message.
const RECORDED: [&str; 8] = [
    "220 smtp.academie.test ESMTP\r\n",
    "250-smtp.academie.test\r\n250-SIZE 26214400\r\n250 AUTH PLAIN XOAUTH2 OAUTHBEARER\r\n",
    "235 2.7.0 ok\r\n",
    "250 2.1.0 ok\r\n",
    "250 2.1.5 ok\r\n",
    "354 go\r\n",
    "250 2.0.0 queued\r\n",
    "221 bye\r\n",
];

fn letter() -> Outgoing {
    Outgoing {
        message_id: "a@academie.test".to_owned(),
        from: "jdupont@academie.test".to_owned(),
        recipients: vec!["pmartin@academie.test".to_owned()],
        subject: "Conseil".to_owned(),
        mime: b"Subject: Conseil\r\n\r\nBonjour\r\n.\r\n..fin\r\n".to_vec(),
    }
}

fn token() -> Credentials {
    Credentials::Bearer { user: "jdupont".to_owned(), token: "pl4nted".into() }
}

/// The outcome, the stages, and all that the server got, when it says the first `cut` bytes of `replies`.
async fn played(
    replies: Vec<String>,
    cut: usize,
    credentials: Credentials,
) -> (Result<(), SendError>, Vec<Stage>, String) {
    let (ours, theirs) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let (mut left, mut got, mut stream) = (cut, String::new(), BufReader::new(theirs));
        for (index, reply) in replies.iter().enumerate() {
            let data = index > 0 && replies[index - 1].starts_with("354");
            // A command, or all of the message behind the go-ahead.
            let mut listening = index > 0;
            while listening {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return got;
                }
                got.push_str(&line);
                listening = data && line != ".\r\n";
            }
            let some = &reply.as_bytes()[..left.min(reply.len())];
            let _ = stream.write_all(some).await;
            left -= some.len();
            if some.len() < reply.len() {
                return got;
            }
        }
        got
    });
    let mut stages = Vec::new();
    let outcome =
        submit(Box::new(ours), "academie.test", &credentials, &letter(), SILENCE, &mut |s| stages.push(s)).await;
    (outcome, stages, server.await.unwrap())
}

fn recorded() -> Vec<String> {
    RECORDED.iter().map(|reply| (*reply).to_owned()).collect()
}

#[tokio::test]
async fn a_message_goes_out_with_its_dots_doubled() {
    let (outcome, stages, got) = played(recorded(), usize::MAX, token()).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(stages, [Stage::Authenticating, Stage::Authenticated, Stage::Envelope, Stage::Data, Stage::Accepted]);
    assert!(got.contains("AUTH OAUTHBEARER "));
    assert!(got.contains("RCPT TO:<pmartin@academie.test>\r\n"));
    assert!(got.contains("\r\n\r\nBonjour\r\n..\r\n...fin\r\n.\r\n"));
}

#[tokio::test]
async fn a_cut_at_any_byte_says_whether_it_may_have_gone() {
    let before: usize = RECORDED[..6].iter().map(|reply| reply.len()).sum();
    let verdict = before + RECORDED[6].len();
    for cut in 0..=verdict {
        let (outcome, _, _) = played(recorded(), cut, token()).await;
        let expected = match cut {
            _ if cut < before => Err(SendError::NotSent),
            _ if cut < verdict => Err(SendError::Uncertain),
            _ => Ok(()),
        };
        assert_eq!(outcome, expected, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_refusal_at_each_step_is_told_and_nothing_is_sent() {
    for step in [0, 1, 2, 3, 4, 5, 6] {
        for (code, later) in [(451, true), (550, false)] {
            let mut replies = recorded();
            replies[step] = format!("{code} 4.3.0 not you\r\n");
            replies.truncate(step + 1);
            let (outcome, _, _) = played(replies, usize::MAX, token()).await;
            match outcome {
                Err(SendError::TryLater { code: 451, .. }) if later => {}
                Err(SendError::AuthenticationFailed) if !later && step == 2 => {}
                Err(SendError::Refused { code: 550, recipient, .. }) if !later => {
                    assert_eq!(recipient.is_some(), step == 4);
                }
                other => panic!("{code} at {step}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_refused_secret_is_told_and_never_repeated() {
    let mut replies = recorded();
    replies[2] = "535 5.7.8 no, pl4nted\r\n".to_owned();
    let (outcome, _, _) = played(replies, usize::MAX, token()).await;
    assert_eq!(outcome, Err(SendError::AuthenticationFailed));
    assert!(!format!("{outcome:?} {:?}", token()).contains("pl4nted"));
}

#[tokio::test]
async fn no_secret_goes_to_a_server_without_a_fitting_mechanism() {
    let mut replies = recorded();
    replies[1] = "250-x\r\n250 AUTH CRAM-MD5\r\n".to_owned();
    let (outcome, _, got) = played(replies, usize::MAX, token()).await;
    assert_eq!((outcome, got.as_str()), (Err(SendError::NoMechanism), "EHLO academie.test\r\n"));
}

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_kept() {
    let mut replies = recorded();
    replies[1] = "250-x\r\n250-SIZE 10\r\n250 AUTH PLAIN XOAUTH2\r\n".to_owned();
    assert_eq!(played(replies, usize::MAX, token()).await.0, Err(SendError::TooLarge { limit: 10 }));
}

#[tokio::test]
async fn replies_without_end_or_sense_are_given_up() {
    for nonsense in ["250-again\r\n".repeat(500), "2".repeat(100_000), "abc\r\n".to_owned(), "999 x\r\n".to_owned()] {
        let mut replies = recorded();
        replies[1] = nonsense;
        assert_eq!(played(replies, usize::MAX, token()).await.0, Err(SendError::Malformed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_with_the_right_word() {
    for (told, expected) in [(3, SendError::NotSent), (6, SendError::Uncertain)] {
        let (ours, theirs) = duplex(1 << 20);
        let holding = tokio::spawn(async move {
            let mut stream = BufReader::new(theirs);
            for reply in &RECORDED[..told] {
                let _ = stream.write_all(reply.as_bytes()).await;
                let _ = stream.read_line(&mut String::new()).await;
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
        });
        let outcome = submit(Box::new(ours), "academie.test", &token(), &letter(), SILENCE, &mut |_| {}).await;
        assert_eq!(outcome, Err(expected));
        holding.abort();
    }
}

#[tokio::test]
async fn what_smtp_cannot_carry_is_not_begun() {
    for change in [
        |l: &mut Outgoing| l.recipients.clear(),
        |l: &mut Outgoing| l.recipients = vec!["a@b>\r\nDATA".to_owned()],
        |l: &mut Outgoing| l.from = "sans arobase".to_owned(),
        |l: &mut Outgoing| l.mime = b"a: b\r\n\r\n\n.\nMAIL FROM:<x@y>\r\n".to_vec(),
        |l: &mut Outgoing| l.mime = "é\r\n".as_bytes().to_vec(),
    ] {
        let mut letter = letter();
        change(&mut letter);
        let (ours, _theirs) = duplex(100);
        let outcome = submit(Box::new(ours), "academie.test", &token(), &letter, SILENCE, &mut |_| {}).await;
        assert_eq!(outcome, Err(SendError::Unsendable));
    }
}

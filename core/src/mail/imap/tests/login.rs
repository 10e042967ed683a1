//! Signing in: which mechanism, what a refusal means, and servers that do not play their part.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{ImapError, ImapSession};
use super::{LIMITS, Peer, password};
use crate::mail::Distrust;
use crate::mail::sasl::tests::ScramServer;

/// What a server does with one attempt, and what it makes of our proof.
#[derive(Clone, Copy)]
enum Play {
    /// Answers so before it has seen anything.
    Refuse(&'static str),
    /// Plays SCRAM for this password and this many rounds.
    Scram(&'static str, u32),
    /// Sends this challenge instead of the first.
    Challenge(&'static str),
    /// Sends this instead of its signature, then this.
    Signature(&'static str, &'static str),
    /// Answers PLAIN and LOGIN by this.
    Tell(&'static str),
}

fn decoded(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
}

/// What we said in each attempt, decoded, and what came of all.
async fn played(offered: &str, plays: &[Play]) -> (Vec<String>, Result<(), ImapError>) {
    let (stream, mut peer) = Peer::pair();
    let (offered, plays) = (offered.to_owned(), plays.to_vec());
    let server = tokio::spawn(async move {
        peer.say(format!("* OK [CAPABILITY IMAP4rev1 {offered}] hi\r\n")).await;
        let (mut said, mut plays) = (Vec::new(), plays.into_iter());
        while let Some((tag, command)) = peer.command().await {
            let Some(line) = command.strip_prefix("AUTHENTICATE ") else {
                if command == "CAPABILITY" {
                    peer.say(format!("* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n")).await;
                    continue;
                }
                let Some(Play::Tell(answer)) = plays.next() else { panic!("{command}") };
                said.push(command);
                peer.say(format!("{tag} {answer}\r\n")).await;
                continue;
            };
            let play = plays.next().expect("one attempt too many");
            said.push(line.split(' ').next().unwrap().to_owned());
            if let Play::Refuse(answer) = play {
                peer.say(format!("{tag} {answer}\r\n")).await;
                continue;
            }
            let mut first = line.split_once(' ').map(|(_, first)| decoded(first));
            if first.is_none() {
                peer.say("+ \r\n").await;
                first = Some(decoded(&peer.stream_line().await));
            }
            let first = first.unwrap();
            let mut scram = ScramServer::new("pl4nted");
            let mut answer = "OK in";
            match play {
                Play::Tell(told) if line.starts_with("LOGIN") => {
                    peer.say(format!("+ {}\r\n", STANDARD.encode("Password:"))).await;
                    said.push(format!("{first} {}", decoded(&peer.stream_line().await)));
                    answer = told;
                }
                Play::Tell(told) => {
                    said.push(first);
                    answer = told;
                }
                Play::Challenge(challenge) => {
                    peer.say(format!(
                        "+ {}\r\n",
                        STANDARD.encode(challenge.replace("OURS", first.rsplit_once("r=").unwrap().1))
                    ))
                    .await;
                    said.push(peer.stream_line().await);
                    answer = "BAD given up";
                }
                Play::Scram(known, rounds) => {
                    scram = ScramServer::new(known);
                    scram.iterations = rounds;
                    let challenge = STANDARD.encode(scram.challenge(&first));
                    peer.say(format!("+ {challenge}\r\n")).await;
                    match scram.signature(&decoded(&peer.stream_line().await)) {
                        Some(signature) => {
                            peer.say(format!("+ {}\r\n", STANDARD.encode(signature))).await;
                            assert_eq!(peer.stream_line().await, "");
                        }
                        None => answer = "NO [AUTHENTICATIONFAILED] wrong",
                    }
                }
                Play::Signature(signature, told) => {
                    let challenge = STANDARD.encode(scram.challenge(&first));
                    peer.say(format!("+ {challenge}\r\n")).await;
                    let right = scram.signature(&decoded(&peer.stream_line().await));
                    assert!(right.is_some());
                    if !signature.is_empty() {
                        peer.say(format!("+ {}\r\n", STANDARD.encode(signature))).await;
                        said.push(peer.stream_line().await);
                    }
                    answer = told;
                }
                Play::Refuse(_) => unreachable!(),
            }
            peer.say(format!("{tag} {answer}\r\n")).await;
        }
        said
    });
    let outcome = ImapSession::open(stream, &password(), LIMITS).await.map(drop);
    (server.await.unwrap(), outcome)
}

const ALL: &str = "AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN SASL-IR";

#[tokio::test]
async fn the_best_way_is_taken_and_no_other_after_it() {
    for offered in [ALL, "AUTH=PLAIN AUTH=SCRAM-SHA-256"] {
        assert_eq!(played(offered, &[Play::Scram("pl4nted", 4096)]).await, (vec!["SCRAM-SHA-256".to_owned()], Ok(())));
    }
    let (said, outcome) = played("AUTH=LOGIN AUTH=PLAIN", &[Play::Tell("OK")]).await;
    assert_eq!((said[0].as_str(), outcome), ("PLAIN", Ok(())));
    for offered in ["AUTH=LOGIN SASL-IR", "AUTH=LOGIN LOGINDISABLED"] {
        let (said, outcome) = played(offered, &[Play::Tell("OK")]).await;
        assert_eq!((said, outcome), (vec!["LOGIN".to_owned(), "jdupont pl4nted".to_owned()], Ok(())));
    }
    assert_eq!(played("AUTH=CRAM-MD5 LOGINDISABLED", &[]).await, (vec![], Err(ImapError::NoMechanism)));
}

#[tokio::test]
async fn a_wrong_password_is_refused_once_whatever_else_is_offered() {
    for (play, mechanism) in [
        (Play::Scram("another", 4096), "SCRAM-SHA-256"),
        (Play::Signature("e=invalid-proof", "NO"), "SCRAM-SHA-256"),
        (Play::Signature("", "NO [AUTHENTICATIONFAILED] no"), "SCRAM-SHA-256"),
    ] {
        let (said, outcome) = played(ALL, &[play]).await;
        assert_eq!(said[0], mechanism);
        assert!(matches!(outcome, Err(ImapError::AuthenticationFailed { .. })), "{outcome:?}");
    }
    let (_, outcome) = played("AUTH=PLAIN AUTH=LOGIN SASL-IR", &[Play::Tell("NO")]).await;
    assert!(matches!(outcome, Err(ImapError::AuthenticationFailed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_before_our_proof_says_nothing_of_the_password() {
    for answer in ["NO [AUTHENTICATIONFAILED] Authentication failed.", "NO unsupported", "BAD what?", "NO [CANNOT] x"] {
        let (said, outcome) = played(ALL, &[Play::Refuse(answer), Play::Tell("OK")]).await;
        assert_eq!(
            (&said[..], outcome),
            (&["SCRAM-SHA-256", "PLAIN", "\0jdupont\0pl4nted"].map(String::from)[..], Ok(()))
        );
        let refused = [Play::Refuse(answer), Play::Refuse(answer)];
        let (said, outcome) = played("AUTH=SCRAM-SHA-256 AUTH=LOGIN LOGINDISABLED", &refused).await;
        assert_eq!((said.len(), outcome), (2, Err(ImapError::NoMechanism)), "{answer}");
    }
    // A server that is down need not be asked in every way.
    let (said, outcome) = played(ALL, &[Play::Refuse("NO [UNAVAILABLE] later")]).await;
    assert_eq!((said.len(), outcome), (1, Err(ImapError::Unavailable)));
    // Behind all mechanisms comes the command.
    let (said, outcome) = played("AUTH=SCRAM-SHA-256", &[Play::Refuse("NO x"), Play::Tell("OK")]).await;
    assert_eq!((said[1].as_str(), outcome), ("LOGIN \"jdupont\" \"pl4nted\"", Ok(())));
}

#[tokio::test]
async fn who_sends_a_bad_challenge_gets_no_proof_and_no_password() {
    for (play, distrust) in [
        (Play::Challenge("r=OURSx,s=YQ==,i=1000"), Distrust::Iterations),
        (Play::Challenge("r=OURSx,s=YQ==,i=2000000000"), Distrust::Iterations),
        (Play::Challenge("r=OURS,s=YQ==,i=4096"), Distrust::Nonce),
        (Play::Challenge("r=theirs,s=YQ==,i=4096"), Distrust::Nonce),
        (Play::Challenge("m=x,r=OURSx,s=YQ==,i=4096"), Distrust::Challenge),
        (Play::Challenge(""), Distrust::Challenge),
    ] {
        let (said, outcome) = played(ALL, &[play]).await;
        assert_eq!(
            (&said[..], outcome),
            (&["SCRAM-SHA-256", "*"].map(String::from)[..], Err(ImapError::Distrusted(distrust)))
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_is_not_believed() {
    for play in [
        Play::Signature("", "OK come in"),
        Play::Signature("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "OK come in"),
        Play::Signature("hello", "OK come in"),
        Play::Signature("e=other-error", "OK come in"),
    ] {
        let (_, outcome) = played(ALL, &[play]).await;
        assert_eq!(outcome, Err(ImapError::Distrusted(Distrust::Signature)));
    }
}

#[tokio::test]
async fn a_server_that_lets_us_in_before_it_knows_us_is_not_believed() {
    for offered in ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-256 SASL-IR"] {
        let (_, outcome) = played(offered, &[Play::Refuse("OK come in")]).await;
        assert_eq!(outcome, Err(ImapError::Distrusted(Distrust::Challenge)), "{offered}");
    }
}

/// A server that answers AUTHENTICATE by whatever it says next.
async fn opened_by(script: impl AsRef<[u8]> + Send + 'static) -> Result<ImapSession, ImapError> {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.say(format!("* OK [CAPABILITY IMAP4rev1 {ALL}] hi\r\n")).await;
        peer.command().await;
        peer.say(script).await;
    });
    ImapSession::open(stream, &password(), LIMITS).await
}

#[tokio::test]
async fn challenges_without_sense_or_end_are_errors() {
    for (script, expected) in [
        ("+ not base64!\r\n".to_owned(), ImapError::Malformed),
        ("+ \r\n".repeat(50), ImapError::Distrusted(Distrust::Challenge)),
        ("A0001 MAYBE\r\n".to_owned(), ImapError::Malformed),
        ("* BYE no more\r\n".to_owned(), ImapError::Closed),
        (format!("+ {}\r\n", STANDARD.encode(vec![b'r'; 100_000])), ImapError::Distrusted(Distrust::Challenge)),
    ] {
        assert_eq!(opened_by(script).await.unwrap_err(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_silent_in_the_middle_of_a_sign_in_is_given_up_and_a_slow_one_is_not() {
    for (pace, expected) in [(29, Ok(())), (31, Err(ImapError::TimedOut))] {
        let (stream, mut peer) = Peer::pair();
        tokio::spawn(async move {
            peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR] hi\r\n").await;
            let mut scram = ScramServer::new("pl4nted");
            let (tag, line) = peer.command().await.unwrap();
            let challenge = scram.challenge(&decoded(line.rsplit_once(' ').unwrap().1));
            let slowly = async |peer: &mut Peer, text: String| {
                for byte in text.bytes() {
                    tokio::time::sleep(std::time::Duration::from_secs(pace)).await;
                    peer.say([byte]).await;
                }
            };
            slowly(&mut peer, format!("+ {}\r\n", STANDARD.encode(challenge))).await;
            let Some(signature) = scram.signature(&decoded(&peer.stream_line().await)) else { return };
            slowly(&mut peer, format!("+ {}\r\n", STANDARD.encode(signature))).await;
            peer.stream_line().await;
            slowly(&mut peer, format!("{tag} OK\r\n")).await;
            let (tag, _) = peer.command().await.unwrap();
            slowly(&mut peer, format!("{tag} OK\r\n")).await;
        });
        assert_eq!(ImapSession::open(stream, &password(), LIMITS).await.map(drop), expected, "{pace}");
    }
}

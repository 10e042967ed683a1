//! SCRAM-SHA-256 and LOGIN by AUTH (RFC 4954): what is said, and what a refusal means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::mail::Distrust;
use crate::mail::sasl::tests::ScramServer;

fn password() -> Credentials {
    Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() }
}

fn decoded(line: &str) -> String {
    let word = line.trim_end().rsplit_once(' ').map_or(line.trim_end(), |(_, word)| word);
    String::from_utf8(STANDARD.decode(word).unwrap()).unwrap()
}

/// What came of a sign-in at a server that offers `offered`, knows `known`, refuses the mechanisms of which it says so, and
/// signs by `signature`, or rightly. Behind that it hangs up.
async fn signed_in(
    offered: &'static str,
    known: &'static str,
    refused: &'static [(&'static str, &'static str)],
    signature: Option<&'static str>,
) -> (Result<(), SendError>, Vec<Stage>, Vec<String>) {
    let (ours, theirs) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let (mut stream, mut got) = (BufReader::new(theirs), Vec::new());
        stream.write_all(b"220 x\r\n").await.unwrap();
        stream.read_line(&mut String::new()).await.unwrap();
        stream.write_all(format!("250-x\r\n250 AUTH {offered}\r\n").as_bytes()).await.unwrap();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 || !line.starts_with("AUTH ") {
                return got;
            }
            let mechanism = line.split_ascii_whitespace().nth(1).unwrap().to_owned();
            got.push(line.trim_end().to_owned());
            if let Some((_, answer)) = refused.iter().find(|(name, _)| *name == mechanism) {
                stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                continue;
            }
            let ask = async |stream: &mut BufReader<tokio::io::DuplexStream>, challenge: &str| {
                let challenge = format!("334 {}\r\n", STANDARD.encode(challenge));
                stream.write_all(challenge.as_bytes()).await.unwrap();
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                line
            };
            let right = match mechanism.as_str() {
                "PLAIN" => decoded(&line) == format!("\0jdupont\0{known}"),
                "LOGIN" => {
                    let user = decoded(&ask(&mut stream, "Username:").await);
                    user == "jdupont" && decoded(&ask(&mut stream, "Password:").await) == known
                }
                _ => {
                    let mut scram = ScramServer::new(known);
                    let challenge = scram.challenge(&decoded(&line));
                    let proof = ask(&mut stream, &challenge).await;
                    let ours = scram.signature(&decoded(&proof));
                    if let Some(ours) = &ours {
                        ask(&mut stream, signature.unwrap_or(ours)).await;
                    }
                    ours.is_some()
                }
            };
            let answer = if right { "235 in\r\n" } else { "535 5.7.8 no\r\n" };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut stages = Vec::new();
    let outcome =
        submit(Box::new(ours), "academie.test", &password(), &letter(), SILENCE, &mut |s| stages.push(s)).await;
    (outcome, stages, server.await.unwrap())
}

#[tokio::test]
async fn the_best_way_is_taken() {
    for (offered, mechanism) in
        [("PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"), ("LOGIN PLAIN", "PLAIN"), ("LOGIN", "LOGIN")]
    {
        let (outcome, stages, got) = signed_in(offered, "pl4nted", &[], None).await;
        assert!(got.len() == 1 && got[0].starts_with(&format!("AUTH {mechanism}")), "{got:?}");
        // In, and then cut.
        assert_eq!((outcome, stages), (Err(SendError::NotSent), vec![Stage::Authenticating, Stage::Authenticated]));
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    for offered in ["PLAIN LOGIN SCRAM-SHA-256", "LOGIN PLAIN", "LOGIN"] {
        let (outcome, stages, got) = signed_in(offered, "another", &[], None).await;
        assert_eq!((outcome, got.len()), (Err(SendError::AuthenticationFailed), 1), "{offered}");
        assert_eq!(stages, [Stage::Authenticating]);
    }
}

#[tokio::test]
async fn a_refusal_before_our_proof_says_nothing_of_the_password() {
    for answer in ["535 5.7.8 no", "504 5.5.4 what?", "501 5.5.2 what?", "500 what?"] {
        let refused: &'static [_] = vec![("SCRAM-SHA-256", answer)].leak();
        let (outcome, stages, got) = signed_in("PLAIN SCRAM-SHA-256", "pl4nted", refused, None).await;
        assert_eq!((outcome, got.len()), (Err(SendError::NotSent), 2), "{answer}");
        assert_eq!(stages, [Stage::Authenticating, Stage::Authenticated]);
        // With nothing else to try, no try was spent.
        let (outcome, stages, _) = signed_in("SCRAM-SHA-256", "pl4nted", refused, None).await;
        assert_eq!((outcome, stages), (Err(SendError::NoMechanism), vec![]), "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_gets_no_letter() {
    for signature in ["v=AAAA", "hello", ""] {
        let (outcome, stages, _) = signed_in("SCRAM-SHA-256", "pl4nted", &[], Some(signature)).await;
        assert_eq!(outcome, Err(SendError::Distrusted(Distrust::Signature)));
        assert_eq!(stages, [Stage::Authenticating]);
    }
    let mut replies = recorded();
    replies[1] = "250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n".to_owned();
    for answer in ["235 in\r\n", "334 cj14LHM9WVE9PSxpPTE=\r\n"] {
        replies[2] = answer.to_owned();
        let (outcome, stages, got) = played(replies.clone(), usize::MAX, password()).await;
        assert!(matches!(outcome, Err(SendError::Distrusted(_))), "{outcome:?}");
        assert!(stages.is_empty() && !got.contains("PLAIN") && !got.contains("MAIL"), "{got}");
    }
}

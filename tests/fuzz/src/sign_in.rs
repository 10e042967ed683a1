//! Signing in at a server that does not know the password: by no challenge does it get a proof that it may not have, or us to
//! believe it.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartable_core::mail::imap::{ImapError, ImapSession};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

use crate::server::{LIMITS, password, run};
use crate::tape::Tape;

/// What the server has seen of us.
#[derive(Default)]
struct Seen {
    proof: bool,
    password: bool,
    attempts: usize,
}

/// Whether this challenge may be answered by a proof.
fn is_fair(challenge: &[u8], nonce: &str) -> bool {
    let Ok(text) = std::str::from_utf8(challenge) else { return false };
    let parts: Vec<_> = text.split(',').collect();
    let [r, s, i, ..] = parts.as_slice() else { return false };
    let rounds = i.strip_prefix("i=").and_then(|rounds| rounds.parse::<u32>().ok());
    r.strip_prefix("r=").is_some_and(|told| told.starts_with(nonce) && told.len() > nonce.len())
        && s.starts_with("s=")
        && rounds.is_some_and(|rounds| (4096..=600_000).contains(&rounds))
}

fn challenge(tape: &mut Tape<'_>, nonce: &str) -> Vec<u8> {
    let theirs = tape.pick(&["x", "", "3rfcNHYJY1ZVvWVs7j", "\x07", ",", "é"]);
    let ours = if tape.once_in(4) { tape.pick(&["", "r", "fyko+d2lbbFgONRv9qkxdawL"]) } else { nonce };
    let salt = tape.pick(&["W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gQ==", "", "!", "QQ"]);
    let rounds = tape.pick(&["4096", "4096", "4096", "4097", "4095", "0", "-1", "600001", "4294967295", "1e9", ""]);
    let head = if tape.once_in(8) { tape.pick(&["m=x,", "e=other-error,", ","]) } else { "" };
    let tail = if tape.once_in(8) { tape.pick(&[",x=y", ",,", ",m=z"]) } else { "" };
    let mut challenge = format!("{head}r={ours}{theirs},s={salt},i={rounds}{tail}").into_bytes();
    if tape.once_in(3) {
        tape.spoil(&mut challenge);
    }
    challenge
}

fn last(tape: &mut Tape<'_>) -> Vec<u8> {
    let words: &[&str] =
        &["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "e=invalid-proof", "v=", "", "v=!", "r=x,s=QQ==,i=4096"];
    let mut said = tape.pick(words).as_bytes().to_vec();
    if tape.once_in(3) {
        tape.spoil(&mut said);
    }
    said
}

async fn line(peer: &mut BufReader<DuplexStream>) -> Option<String> {
    let mut line = String::new();
    let read = peer.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn serve(stream: DuplexStream, input: Vec<u8>, seen: Arc<Mutex<Seen>>) -> Option<()> {
    let mut tape = Tape::new(&input);
    let mut peer = BufReader::new(stream);
    let at_once = if tape.once_in(2) { "SASL-IR " } else { "" };
    let greeting = format!("* OK [CAPABILITY IMAP4rev1 {at_once}AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN] hi\r\n");
    peer.write_all(greeting.as_bytes()).await.ok()?;
    loop {
        let command = line(&mut peer).await?;
        let (tag, command) = command.split_once(' ')?;
        if !command.starts_with("AUTHENTICATE ") {
            seen.lock().unwrap().password |= command.contains("pl4nted");
            peer.write_all(format!("{tag} OK\r\n").as_bytes()).await.ok()?;
            continue;
        }
        seen.lock().unwrap().attempts += 1;
        let mut words = command.split(' ').skip(1);
        let scram = words.next() == Some("SCRAM-SHA-256");
        let mut said = words.next().map(str::to_owned);
        let (mut nonce, mut fair) = (String::new(), false);
        for _ in 0..tape.below(5) {
            if let Some(said) = said.take() {
                let said = String::from_utf8(STANDARD.decode(said).unwrap()).unwrap();
                seen.lock().unwrap().password |= said.contains("pl4nted");
                nonce = said.split_once(",r=").map(|(_, nonce)| nonce.to_owned()).unwrap_or_default();
            }
            let told = match (scram, nonce.is_empty(), fair) {
                (true, false, false) => challenge(&mut tape, &nonce),
                (true, false, true) => last(&mut tape),
                _ => Vec::new(),
            };
            fair |= scram && !nonce.is_empty() && is_fair(&told, &nonce);
            let told = if tape.once_in(20) { "not base64".to_owned() } else { STANDARD.encode(told) };
            peer.write_all(format!("+ {told}\r\n").as_bytes()).await.ok()?;
            let answer = line(&mut peer).await?;
            if answer == "*" {
                break;
            }
            let answer = String::from_utf8(STANDARD.decode(answer).unwrap()).unwrap();
            seen.lock().unwrap().password |= answer.contains("pl4nted");
            if answer.contains(",p=") {
                assert!(fair, "a proof for an unfair challenge");
                seen.lock().unwrap().proof = true;
            } else if answer.starts_with("n,,") {
                said = Some(STANDARD.encode(answer));
            }
        }
        if let Some(said) = said.take() {
            seen.lock().unwrap().password |= STANDARD.decode(said).unwrap().windows(7).any(|some| some == b"pl4nted");
        }
        let end =
            tape.pick(&["OK in", "NO [AUTHENTICATIONFAILED] no", "NO", "BAD what?", "NO [UNAVAILABLE] later", "MAYBE"]);
        peer.write_all(format!("{tag} {end}\r\n").as_bytes()).await.ok()?;
    }
}

fn check(input: &[u8]) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (theirs_seen, input) = (Arc::clone(&seen), input.to_vec());
    let outcome = run(async move {
        let (ours, theirs) = duplex(1 << 16);
        let serving = tokio::spawn(serve(theirs, input, theirs_seen));
        let outcome = ImapSession::open(Box::new(ours), &password(), LIMITS).await.map(drop);
        // What the server asserted counts.
        serving.await.expect("the server saw what it must not");
        outcome
    });
    let seen = seen.lock().unwrap();
    assert!(!(seen.proof && seen.password), "what follows a proof is no other try");
    assert!(seen.attempts <= 3);
    match outcome {
        Ok(()) => assert!(seen.password, "a server that knows nothing was believed"),
        Err(ImapError::AuthenticationFailed { text }) => {
            assert!(seen.proof || seen.password, "a password was called wrong that was never seen");
            assert!(!text.contains("pl4nted"));
        }
        Err(error) => assert!(!format!("{error:?}").contains("pl4nted")),
    }
}

#[test]
fn who_does_not_know_the_password_gets_nothing_and_is_not_believed() {
    bolero::check!(name = "sign_in").with_max_len(120).for_each(check);
}

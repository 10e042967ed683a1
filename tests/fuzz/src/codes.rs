//! The codes in brackets, and the words behind them.

use cartable_core::mail::imap::ImapError;

use crate::server::{run, session};
use crate::tape::Tape;

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN";
const CODES: &[&str] = &[
    "ALERT",
    "APPENDUID 7 9",
    "APPENDUID 7 9:10",
    "COPYUID 7 1:2 3:4",
    "OVERQUOTA",
    "MODIFIED 7,9:8",
    "MAILBOXID (F1)",
    "MAILBOXID F1",
    "UIDVALIDITY 7",
    "UIDVALIDITY 0",
    "UIDNEXT 4294967295",
    "HIGHESTMODSEQ 18446744073709551615",
    "CAPABILITY IMAP4rev1",
    "CLOSED",
    "UNAVAILABLE",
    "BADCHARSET ({5} ",
    "PERMANENTFLAGS (\\Seen \\*)",
    "XWEATHER fine",
    "",
    " ",
    "]",
    "[",
    "NONEXISTENT",
];

fn status(tape: &mut Tape<'_>) -> Vec<u8> {
    let code = if tape.once_in(8) { String::new() } else { format!("[{}] ", tape.pick(CODES)) };
    let word = tape.pick(&["words", "", "\u{e9}t\u{e9} \x07", "no [code] here"]);
    let mut status = format!("{code}{}", word.repeat(1 + tape.below(60))).into_bytes();
    if tape.once_in(2) {
        tape.spoil(&mut status);
    }
    status
}

fn fit(text: &str) {
    assert!(text.chars().count() <= 200 && !text.chars().any(char::is_control), "{text:?}");
}

fn check(input: &[u8]) {
    let mut tape = Tape::new(input);
    let number = tape.below(3);
    let word = tape.pick(&["OK", "NO", "BAD"]);
    // A corpus file is the status itself.
    let (tagged, untagged) = match input {
        [b'[', ..] => (input.to_vec(), input.to_vec()),
        _ => (status(&mut tape), status(&mut tape)),
    };
    let line = tagged.contains(&b'\n');
    run(async move {
        let (mut session, _) = session(CAPABILITIES, move |tag, _| {
            let head = format!("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{}", "* OK ");
            Some(
                [head.as_bytes(), &untagged, b"\r\n", tag.as_bytes(), b" ", word.as_bytes(), b" ", &tagged, b"\r\n"]
                    .concat(),
            )
        })
        .await;
        let outcome = match number {
            0 => session.select("INBOX").await.map(|selected| assert_ne!(selected.uid_validity, 0)),
            1 => session.append("Sent", &[], b"a: b\r\n").await.map(drop),
            _ => session.noop().await,
        };
        match outcome {
            Ok(()) => assert!(word == "OK" || line, "{word} was taken for OK"),
            Err(ImapError::Refused { code, text, .. }) => {
                fit(&text);
                assert!(word == "NO" || line);
                assert!(code.is_none_or(|code| code.to_string().len() <= 40));
            }
            Err(ImapError::Bad { text, .. }) => {
                fit(&text);
                assert!(word == "BAD" || line);
            }
            Err(ImapError::Unavailable) => assert!(word == "NO" || line),
            Err(_) => {}
        }
        for event in session.take_events() {
            use cartable_core::mail::imap::ServerEvent;
            if let ServerEvent::Alert(text) | ServerEvent::Bye(text) = event {
                fit(&text);
            }
        }
    });
}

#[test]
fn no_code_makes_a_refusal_a_success_or_words_unfit_to_be_shown() {
    bolero::check!(name = "codes").with_max_len(120).for_each(check);
}

//! BODYSTRUCTURE, whose parser has no bottom: what the guard lets through is read, and nothing that is deeper than it seems.

use cartable_core::mail::imap::{HeaderEvent, ImapError, Messages, UidSet};

use crate::memory::peak;
use crate::server::{is_fatal, run, session};
use crate::tape::Tape;

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR AUTH=PLAIN";
const PIECES: &[&[u8]] = &[
    b"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\") NIL NIL \"7BIT\" 12 1 NIL NIL NIL NIL)",
    b"(\"APPLICATION\" \"PDF\" (\"NAME\" \"bulletin.pdf\") NIL NIL \"BASE64\" 1234 NIL (\"ATTACHMENT\" NIL) NIL NIL)",
    b"(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ",
    b" \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)",
    b"(",
    b"((",
    b"((((((((",
    b")",
    b")))",
    b"\"",
    b"\\",
    b"\\\"",
    b"{3}\r\nab(",
    b"{3}\n(((",
    b"{2+}\r\n((",
    b"{0}\r\n",
    b"NIL",
    b" ",
    b"\"\\\\\"",
    b"\"(\"",
    b"\"a\\\"(\"",
    b"\0",
    b"\r",
    b"\n",
    b"{",
    b"}",
    b"12",
    b"\xff(",
    b"[",
];

fn structure(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut structure = Vec::new();
    while !tape.is_over() && structure.len() < 60_000 {
        let times = if tape.once_in(12) { 1 << tape.below(12) } else { 1 + tape.below(2) };
        structure.extend(tape.pick(PIECES).repeat(times));
    }
    structure
}

fn check(input: &[u8]) {
    let structure = match input {
        [b'(', ..] => input.to_vec(),
        _ => structure(&mut Tape::new(input)),
    };
    let size = structure.len();
    let ((), held) = peak(|| {
        run(async move {
            let (mut session, log) = session(CAPABILITIES, move |tag, _| {
                let head = b"* 1 FETCH (UID 5 BODYSTRUCTURE ".as_slice();
                let tail = format!(" BODY[HEADER.FIELDS (FROM)]<0> {{2}}\r\n\r\n)\r\n{tag} OK\r\n");
                Some([head, &structure, tail.as_bytes()].concat())
            })
            .await;
            let (wanted, mut told) = (UidSet::of(&[5]), 0);
            let mut each = |event| {
                told += 1;
                let (HeaderEvent::Row(_) | HeaderEvent::Unreadable { .. }) = &event else { return };
                if let HeaderEvent::Row(row) = event {
                    assert_eq!(row.uid, 5);
                }
            };
            let outcome = session.fetch_headers(&[Messages::Uids(wanted)], &mut each).await;
            match outcome {
                Ok(()) => {
                    assert!(session.is_usable());
                    assert!(log.lock().unwrap().last_is_granted());
                }
                Err(error) => {
                    let known = is_fatal(&error) || matches!(error, ImapError::Malformed | ImapError::Limit(_));
                    assert!(known && (!is_fatal(&error) || !session.is_usable()), "{error:?}");
                }
            }
            assert!(told <= size + 1);
        })
    });
    assert!(held < (4 << 20) + 400 * size, "{held} bytes held for {size}");
}

#[test]
fn no_structure_is_deeper_than_the_stack() {
    bolero::check!(name = "bodystructure").with_max_len(300).for_each(check);
}

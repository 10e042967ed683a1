//! Names of mailboxes: what is listed and can be selected is selected by the very bytes that it was listed by.

use std::sync::{Arc, Mutex};

use crate::server::{run, session};
use crate::tape::Tape;

const UTF7: &str = "IMAP4rev1 SASL-IR LIST-EXTENDED AUTH=PLAIN";
const UTF8: &str = "IMAP4rev1 SASL-IR LIST-EXTENDED ENABLE UTF8=ACCEPT AUTH=PLAIN";

const PIECES: &[&[u8]] = &[
    b"INBOX",
    b"a",
    b"/",
    b"&",
    b"-",
    b"&-",
    b"&AMk-",
    b"&AOk",
    b"AOk-",
    b"&2D3czg-",
    b"&2D0-",
    b"&U,BTFw-",
    b"&AA0ACg-",
    b"&AGE-",
    "É".as_bytes(),
    "台北".as_bytes(),
    "📎".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{fffd}".as_bytes(),
    "e\u{301}".as_bytes(),
    b"\xff",
    b"\xc3",
    b"\x7f",
    b"\x01",
    b"\t",
    b"\"",
    b"\\",
    b" ",
    b"%",
    b"*",
    b"{3}",
    b"]",
    b",",
    b"=",
];

fn names(tape: &mut Tape<'_>) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    while !tape.is_over() && names.len() < 8 {
        let mut name = Vec::new();
        for _ in 0..1 + tape.below(5) {
            name.extend(tape.pick(PIECES));
        }
        if tape.once_in(4) {
            tape.spoil(&mut name);
        }
        names.push(name);
    }
    names
}

fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in name {
        if b"\"\\".contains(byte) {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    quoted
}

fn unquoted(argument: &str) -> Vec<u8> {
    let inner = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("a quoted name");
    let (mut name, mut bytes) = (Vec::new(), inner.bytes());
    while let Some(byte) = bytes.next() {
        name.push(if byte == b'\\' { bytes.next().expect("something quoted") } else { byte });
    }
    name
}

fn check(input: &[u8]) {
    let mut tape = Tape::new(input);
    let capabilities = if tape.once_in(2) { UTF8 } else { UTF7 };
    // A corpus file has one name a line.
    let listed = match input {
        [b'#', rest @ ..] => rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        _ => names(&mut tape),
    };
    let literal = tape.once_in(3);
    let mut told = Vec::new();
    for name in &listed {
        let wire = if literal { [format!("{{{}}}\r\n", name.len()).as_bytes(), name].concat() } else { quoted(name) };
        told.extend([b"* LIST () \"/\" ".as_slice(), &wire, b"\r\n"].concat());
    }
    let selected = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&selected);
    run(async move {
        let (mut session, _) = session(capabilities, move |tag, command| {
            Some(match command.split_once(' ') {
                Some(("ENABLE", _)) => format!("* ENABLED UTF8=ACCEPT\r\n{tag} OK\r\n").into_bytes(),
                Some(("LIST", _)) => [told.as_slice(), format!("{tag} OK\r\n").as_bytes()].concat(),
                Some(("SELECT", name)) => {
                    seen.lock().unwrap().push(unquoted(name));
                    format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n").into_bytes()
                }
                _ => format!("{tag} OK\r\n").into_bytes(),
            })
        })
        .await;
        // Bytes that end a line in a name make the list something else; what of it is read is checked all the same.
        let Ok(mailboxes) = session.list().await else { return };
        for one in mailboxes.iter().filter(|one| one.selectable) {
            let before = selected.lock().unwrap().len();
            session.select(&one.name).await.expect("what is selectable can be named");
            let selected = selected.lock().unwrap();
            assert_eq!(selected.len(), before + 1);
            let wire = selected.last().unwrap();
            let broken = listed.iter().any(|name| name.iter().any(|byte| b"\r\n".contains(byte)));
            // In whatever case a server writes it, that is one mailbox (RFC 9051, 5.1).
            let inbox = wire == b"INBOX" && listed.iter().any(|name| name.eq_ignore_ascii_case(b"INBOX"));
            assert!(broken || inbox || listed.contains(wire), "{:?} was never listed", String::from_utf8_lossy(wire));
        }
    });
}

#[test]
fn a_name_goes_back_as_it_came_or_not_at_all() {
    bolero::check!(name = "names").with_max_len(200).for_each(check);
}

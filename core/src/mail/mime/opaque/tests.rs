use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::{Notice, read_message};
use super::{Content, content_of, opened};

fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head.as_slice(), body].concat()
}

/// Of indefinite length.
fn open_ended(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], body, &[0, 0]].concat()
}

fn oid(last: u8) -> Vec<u8> {
    element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last])
}

fn signed(inner: &[u8], pieces: bool) -> Vec<u8> {
    let make: fn(u8, &[u8]) -> Vec<u8> = if pieces { open_ended } else { element };
    let content = if pieces {
        let all: Vec<u8> = inner.chunks(50).flat_map(|piece| element(4, piece)).collect();
        open_ended(0x24, &all)
    } else {
        element(4, inner)
    };
    let encapsulated = make(0x30, &[oid(1), make(0xa0, &content)].concat());
    let data = make(0x30, &[element(2, &[1]), element(0x31, &[]), encapsulated, element(0x31, &[])].concat());
    make(0x30, &[oid(2), make(0xa0, &data)].concat())
}

fn mail(der: &[u8]) -> String {
    format!(
        "From: Rectorat <rectorat@academie.example>\r\nSubject: Dehors\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/pkcs7-mime; smime-type=signed-data;\r\n name=smime.p7m\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        STANDARD.encode(der)
    )
}

const INNER: &str = "From: quelqu’un d’autre <x@evil.example>\r\nSubject: Dedans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nNote de rentrée.\r\n--b\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\n\
    %PDF\r\n--b--\r\n";

#[test]
fn a_message_signed_as_a_whole_is_read_and_keeps_its_sender() {
    for pieces in [false, true] {
        let raw = mail(&signed(INNER.as_bytes(), pieces));
        let reading = read_message(raw.as_bytes());
        assert_eq!(reading.headers.subject, "Dehors");
        assert_eq!(reading.headers.from.unwrap().address, "rectorat@academie.example");
        assert_eq!(reading.text.trim(), "Note de rentrée.");
        assert_eq!(reading.attachments[0].name, "x.pdf");
        assert_eq!(super::super::attachment(raw.as_bytes(), 0).unwrap().1, b"%PDF");
        assert_eq!(reading.notices, [Notice::SmimeSigned]);
    }
}

#[test]
fn what_is_for_a_key_only_is_said() {
    let der = element(0x30, &[oid(3), element(0xa0, &[])].concat());
    assert_eq!(content_of(&der), Content::Enveloped);
    // Declared as signed: the bytes know better.
    let reading = read_message(mail(&der).as_bytes());
    assert_eq!(reading.notices, [Notice::SmimeEncrypted]);
    assert_eq!(reading.attachments.len(), 1);
}

#[test]
fn signed_bytes_that_nest_or_lie_about_their_length_open_nothing_and_take_no_time() {
    let deep = (0..5000).fold(element(4, b"x"), |inner, _| open_ended(0x24, &inner));
    let hostile = [
        signed(b"", false).repeat(2),
        [vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], oid(2)].concat(),
        open_ended(0x30, &[oid(2), open_ended(0xa0, &[0x30, 0x80].repeat(100_000))].concat()),
        open_ended(
            0x30,
            &[
                oid(2),
                vec![0xa0, 0x80, 0x30, 0x80],
                element(2, &[1]),
                element(0x31, &[]),
                vec![0x30, 0x80],
                oid(1),
                vec![0xa0, 0x80],
                deep,
            ]
            .concat(),
        ),
        vec![0x30],
        vec![],
    ];
    for der in hostile {
        let raw = mail(&der);
        let reading = read_message(raw.as_bytes());
        assert!(reading.text.trim().is_empty() && reading.attachments.len() <= 1, "{reading:?}");
        assert_eq!(reading.headers.subject, "Dehors");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_opened_or_not(der in proptest::collection::vec(any::<u8>(), 0..300), at in 0..200usize) {
        let _ = opened(mail(&der).as_bytes());
        let mut spoilt = signed(INNER.as_bytes(), true);
        spoilt.splice(at..(at + 5).min(spoilt.len()), der.iter().take(5).copied());
        let raw = mail(&spoilt);
        let opened = opened(raw.as_bytes()).unwrap_or_default();
        prop_assert!(opened.len() <= raw.len());
    }
}

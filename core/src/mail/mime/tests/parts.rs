//! Messages put together from parts, and the decoding of parts as they come.

use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::super::skeleton::Skeleton;
use super::super::{Decoder, Notice, Source, assemble, attachment, read_message, read_parts, source_of};
use crate::mail::imap::{Encoding, Part};

fn decoded(encoding: Encoding, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut out);
    }
    let damaged = decoder.finish(&mut out);
    (out, damaged)
}

#[test]
fn parts_are_decoded_whatever_is_wrong_with_them() {
    use Encoding::{Base64, Identity, QuotedPrintable};
    for (encoding, written, bytes, damaged) in [
        (Base64, "JVBERi0=", "%PDF-", false),
        (Base64, "JVBE\r\nRi0", "%PDF-", false),
        (Base64, "JV BE\tRi0=\r\n\r\n", "%PDF-", false),
        // Two pieces put together.
        (Base64, "JVA=\r\nREY=", "%PDF", false),
        (Base64, "JV!BE*Ri0=", "%PDF-", true),
        (Base64, "JVBERi0=A", "%PDF-", true),
        (Base64, "é", "", true),
        (Base64, "", "", false),
        (QuotedPrintable, "=C3=A9t=c3=a9", "été", false),
        (QuotedPrintable, "a=\r\nb=\nc= \t\r\nd=", "abcd", false),
        (QuotedPrintable, "a=ZZ=4", "a=ZZ=4", true),
        (QuotedPrintable, "==41=\r\r\n", "=A=\r\r\n", true),
        (QuotedPrintable, "1 = 2\r\n", "1 = 2\r\n", true),
        (QuotedPrintable, "fin=\r", "fin", false),
        (Identity, "a=C3\0", "a=C3\0", false),
    ] {
        let whole = decoded(encoding, &[written.as_bytes()]);
        assert_eq!((String::from_utf8_lossy(&whole.0).as_ref(), whole.1), (bytes, damaged), "{written:?}");
        let one_by_one: Vec<_> = written.as_bytes().chunks(1).collect();
        assert_eq!(decoded(encoding, &one_by_one), whole, "{written:?}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_decode_as_the_whole_does(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        noise in proptest::collection::vec(prop_oneof![Just(b'='), Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..300),
        sizes in proptest::collection::vec(1..50usize, 1..40),
    ) {
        use base64::Engine as _;
        let written = base64::engine::general_purpose::STANDARD.encode(&bytes);
        for (encoding, raw) in [
            (Encoding::Base64, written.as_bytes()), (Encoding::Base64, &noise), (Encoding::QuotedPrintable, &noise),
        ] {
            let (mut rest, mut pieces) = (raw, Vec::new());
            for size in sizes.iter().cycle().take_while(|_| !raw.is_empty()) {
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            let whole = decoded(encoding, &[raw]);
            prop_assert!(whole.0.len() <= raw.len());
            prop_assert_eq!(decoded(encoding, &pieces), whole);
        }
        prop_assert_eq!(decoded(Encoding::Base64, &[written.as_bytes()]), (bytes, false));
    }
}

type Sections = Vec<(String, Vec<u8>)>;

/// The structure of a mail as our own reader sees it, and its sections as a server would give them.
fn taken_apart(raw: &[u8]) -> Option<(Part, Vec<u8>, Sections)> {
    let message = MessageParser::default().parse(raw)?;
    let (mut sections, at) = (Vec::new(), |offset: u32| offset as usize);
    fn part(
        message: &mail_parser::Message<'_>,
        raw: &[u8],
        id: u32,
        section: &str,
        sections: &mut Sections,
    ) -> Option<Part> {
        let one = message.parts.get(id as usize)?;
        let (header, body, end) = (one.offset_header as usize, one.offset_body as usize, one.offset_end as usize);
        let name = |number: usize| if section.is_empty() { number.to_string() } else { format!("{section}.{number}") };
        if !section.is_empty() {
            sections.push((format!("{section}.MIME"), raw[header..body].to_vec()));
        }
        let kind = one.content_type();
        let media_type = kind.map_or("text/plain".to_owned(), |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_lowercase()
        });
        if let mail_parser::PartType::Multipart(inside) = &one.body {
            let parts =
                inside.iter().enumerate().map(|(index, id)| part(message, raw, *id, &name(index + 1), sections));
            let parts = parts.collect::<Option<Vec<_>>>()?;
            return Some(Part { section: section.to_owned(), media_type, parts, ..Part::default() });
        }
        let section = if section.is_empty() { "1".to_owned() } else { section.to_owned() };
        let encoding = match one.encoding {
            mail_parser::Encoding::Base64 => Encoding::Base64,
            mail_parser::Encoding::QuotedPrintable => Encoding::QuotedPrintable,
            mail_parser::Encoding::None => Encoding::Identity,
        };
        let bytes = raw.get(body..end)?.to_vec();
        let octets = bytes.len() as u32;
        sections.push((section.clone(), bytes));
        Some(Part { section, media_type, encoding, octets, ..Part::default() })
    }
    let root = part(&message, raw, 0, "", &mut sections)?;
    Some((root, raw[..at(message.parts[0].offset_body)].to_vec(), sections))
}

fn put_together(raw: &[u8], without: impl Fn(&Part) -> bool) -> Option<Skeleton> {
    let (root, header, sections) = taken_apart(raw)?;
    let out: Vec<_> = root.all().into_iter().filter(|part| without(part)).map(|part| part.section.clone()).collect();
    let content = |name: &str| {
        let found = sections.iter().find(|(section, _)| section == name && !out.iter().any(|out| out == name));
        found.map(|(_, bytes)| bytes.as_slice())
    };
    assemble(&header, &root, &content)
}

const MAIL: &str = "Subject: =?utf-8?q?R=C3=A9union?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n\
    Rien.\r\n--a b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nBonjour\r\n--c\r\n\
    Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=A9t=C3=A9</p>\r\n--c--\r\n--a b\r\n\
    Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--a b\r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: dedans\r\n\r\nBonsoir\r\n--a b--\r\nRien.\r\n";

#[test]
fn a_message_put_together_from_its_parts_reads_as_the_whole() {
    let whole = put_together(MAIL.as_bytes(), |_| false).unwrap();
    assert!(whole.gaps.is_empty());
    assert_eq!(read_message(&whole.raw), read_message(MAIL.as_bytes()));

    let skeleton = put_together(MAIL.as_bytes(), |part| !part.media_type.starts_with("text/")).unwrap();
    let sections: Vec<_> = skeleton.gaps.iter().map(|gap| gap.section.as_str()).collect();
    assert_eq!(sections, ["2", "3"]);
    let (mut told, mut all) = (read_parts(&skeleton.raw, &skeleton.gaps), read_message(MAIL.as_bytes()));
    // Reckoned, where nothing of them is here.
    assert_eq!(told.attachments.iter().map(|one| one.size).collect::<Vec<_>>(), [5, 26]);
    for reading in [&mut told, &mut all] {
        reading.attachments.iter_mut().for_each(|one| one.size = 0);
        // Of a message that was not fetched no subject is known.
        assert!(matches!(reading.notices.as_slice(), [Notice::Forwarded { attachment: 1, .. }]));
        reading.notices.clear();
    }
    assert_eq!(told, all);
    let (told, source) = source_of(&skeleton.raw, &skeleton.gaps, 1).unwrap();
    assert!(matches!(source, Source::Away(gap) if gap.section == "3") && told.media_type == "message/rfc822");
    assert_eq!(source_of(&skeleton.raw, &skeleton.gaps, 2), None);
    let here = source_of(MAIL.as_bytes(), &[], 0).unwrap();
    assert_eq!(here.1, Source::Here(attachment(MAIL.as_bytes(), 0).unwrap().1));
}

#[test]
fn a_text_that_is_a_file_keeps_the_bytes_of_its_sender() {
    let raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nVoici.\r\n--x\r\n\
        Content-Type: text/csv; charset=iso-8859-1\r\nContent-Disposition: attachment; filename=notes.csv\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n=C9l=E8ve;12\r\n--x--\r\n";
    let (told, bytes) = attachment(raw, 0).unwrap();
    assert_eq!((told.size, bytes.as_slice()), (8, &b"\xc9l\xe8ve;12"[..]));
    assert_eq!(read_message(raw).attachments, [told]);
}

#[test]
fn parts_that_our_reader_would_not_see_are_not_put_together() {
    let text =
        |section: &str| Part { section: section.to_owned(), media_type: "text/plain".to_owned(), ..Part::default() };
    let root = Part { media_type: "multipart/mixed".to_owned(), parts: vec![text("1"), text("2")], ..Part::default() };
    let header = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n";
    let build = |header: &[u8], root: &Part, first: &'static str| {
        let content = |name: &str| match name {
            "1.MIME" | "2.MIME" => Some(&b"\r\n"[..]),
            "1" => Some(first.as_bytes()),
            _ => None,
        };
        assemble(header, root, &content)
    };
    assert!(build(header, &root, "Bonjour").is_some());
    for header in
        ["", "Subject: x\r\n\r\n", "Content-Type: multipart/mixed\r\n\r\n", "Content-Type: text/plain\r\n\r\n"]
    {
        assert_eq!(build(header.as_bytes(), &root, "Bonjour"), None, "{header}");
    }
    // One that ends its neighbour, and one whose headers did not come.
    assert_eq!(build(header, &root, "--x\r\n\r\nBonsoir"), None);
    let third = Part { parts: vec![text("1"), text("3")], ..root };
    assert_eq!(build(header, &third, "Bonjour"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_sections_are_put_together_or_not(
        header in proptest::collection::vec(any::<u8>(), 0..200),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0..MAIL.len(),
    ) {
        let mut raw = MAIL.as_bytes().to_vec();
        raw.splice(at..(at + 20).min(MAIL.len()), body.iter().take(20).copied());
        if let Some(skeleton) = put_together(&raw, |part| part.section == "2") {
            let _ = read_parts(&skeleton.raw, &skeleton.gaps);
        }
        let part = Part { section: "1".to_owned(), ..Part::default() };
        let content = |_: &str| Some(body.as_slice());
        if let Some(skeleton) = assemble(&header, &part, &content) {
            let _ = read_parts(&skeleton.raw, &skeleton.gaps);
        }
    }
}

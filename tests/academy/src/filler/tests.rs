mod loading;

use std::collections::HashSet;

use mail_parser::{HeaderValue, MessageParser, MimeHeaders, PartType};

use super::letter::Part;
use super::{FIRST_ARRIVAL, Filler, INTERVAL, Mail};

const SEEDS: [u64; 3] = [0, 7, u64::MAX];
const MANY: u64 = 1_500;

#[test]
fn every_message_is_parsed_without_loss() {
    for filler in SEEDS.iter().flat_map(|seed| [Filler::new(*seed), Filler::new(*seed).compact()]) {
        for index in 0..MANY {
            assert_read_back(&filler, index);
        }
    }
}

#[test]
fn a_message_depends_on_seed_and_index_only() {
    let filler = Filler::new(3);
    let forward: Vec<Mail> = (0..50).map(|index| filler.message(index)).collect();
    let backward: Vec<Mail> = (0..50).rev().map(|index| Filler::new(3).message(index)).collect();
    assert!(forward.iter().eq(backward.iter().rev()));
    assert_ne!(forward[0].raw, Filler::new(4).message(0).raw);
}

#[test]
fn mail_stays_the_same_from_one_machine_to_the_next() {
    // FNV-1a over the first messages. A deliberate change of the texts changes it; nothing else may.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for mail in (0..200).map(|index| Filler::new(1).message(index)) {
        for byte in mail.raw.iter().chain(&mail.internal_date.to_le_bytes()).chain(mail.flags.concat().as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    assert_eq!(hash, KNOWN_HASH, "{hash:#018x}");
}

const KNOWN_HASH: u64 = 0x0a51_f85f_0fc8_c0a5;

#[test]
fn conversations_go_back_to_earlier_messages_only() {
    let filler = Filler::new(11);
    let mut ids = HashSet::new();
    let (mut answers, mut deepest) = (0, 0);
    for index in 0..MANY {
        let raw = filler.message(index).raw;
        let message = MessageParser::new().parse(&raw).unwrap();
        let referred = [texts(message.references()), texts(message.in_reply_to())].concat();
        answers += u64::from(!referred.is_empty());
        deepest = deepest.max(referred.len());
        for id in referred {
            assert!(ids.contains(&id), "message {index} refers to {id}");
        }
        assert!(ids.insert(message.message_id().unwrap().to_owned()), "ids are unique");
    }
    assert!(answers > MANY / 5, "{answers} answers");
    assert!(deepest > 4, "a conversation has some depth");
}

#[test]
fn arrivals_grow_and_flags_vary() {
    let filler = Filler::new(5);
    let mails: Vec<Mail> = (0..500).map(|index| filler.message(index)).collect();
    assert!(mails.windows(2).all(|pair| pair[0].internal_date < pair[1].internal_date));
    assert!((FIRST_ARRIVAL..FIRST_ARRIVAL + INTERVAL).contains(&mails[0].internal_date));
    let with = |flag| mails.iter().filter(|mail| mail.flags.contains(&flag)).count();
    assert!((350..450).contains(&with("\\Seen")));
    assert!(with("\\Flagged") > 5 && with("\\Answered") > 20);
}

#[test]
fn sizes_are_those_of_real_mailboxes() {
    let mean = |filler: Filler| (0..3_000).map(|index| filler.message(index).raw.len()).sum::<usize>() / 3_000;
    let (full, compact) = (mean(Filler::new(2)), mean(Filler::new(2).compact()));
    assert!((4_000..9_500).contains(&full), "{full}");
    assert!((1_100..1_600).contains(&compact), "{compact}");
}

#[test]
fn there_is_something_of_everything() {
    let filler = Filler::new(1);
    let all: String = (0..600).map(|index| String::from_utf8_lossy(&filler.message(index).raw).into_owned()).collect();
    for mark in [
        "charset=utf-8",
        "charset=iso-8859-1",
        "charset=windows-1252",
        "charset=us-ascii",
        "format=flowed",
        "Content-Transfer-Encoding: base64",
        "quoted-printable",
        "Content-Transfer-Encoding: 8bit",
        "=?utf-8?B?",
        "=?iso-8859-1?Q?",
        "multipart/alternative",
        "multipart/mixed",
        "multipart/related",
        "multipart/report",
        "message/delivery-status",
        "text/calendar",
        "application/ics",
        "application/pdf",
        "image/png",
        "opendocument",
        "filename*=utf-8''",
        "List-Unsubscribe:",
        ".gif",
        "Re: ",
        "Cc: ",
        "In-Reply-To: ",
        "cid:image001",
        "Kind regards",
        "Cordialement",
        "\"Michael \\\"Mike",
        "conseil de classe",
        "I-Prof",
    ] {
        assert!(all.contains(mark), "{mark} is missing");
    }
    assert!((0..600).any(|index| filler.subject(index).chars().count() > 200), "a subject no list can show");
}

fn assert_read_back(filler: &Filler, index: u64) {
    let letter = filler.letter(index);
    let mail = filler.message(index);
    assert_clean_lines(&mail.raw, index);
    let message = MessageParser::new().parse(&mail.raw).unwrap_or_else(|| panic!("message {index}"));
    assert_eq!(message.subject().unwrap(), filler.subject(index), "message {index}");
    let author = filler.author(index);
    let from = message.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some(author.name), Some(author.address().as_str())), "message {index}");
    assert_eq!(format!("<{}>", message.message_id().unwrap()), filler.message_id(index));
    assert_eq!(message.date().unwrap().to_timestamp(), mail.internal_date - 4, "message {index}");

    let mut written = Vec::new();
    leaves(&letter.body, &mut written);
    let read: Vec<_> = message.parts.iter().filter(|part| !matches!(part.body, PartType::Multipart(_))).collect();
    assert_eq!(written.len(), read.len(), "parts of message {index}");
    for (written, read) in written.iter().zip(read) {
        assert!(!read.is_encoding_problem, "message {index}");
        match written {
            Part::File { file, .. } => {
                assert_eq!(read.contents(), file.content, "file of message {index}");
                assert_eq!(read.attachment_name(), Some(file.name.as_str()), "message {index}");
            }
            Part::Text(text) => {
                assert_eq!(lines(read.text_contents().unwrap()), text.content, "text of message {index}")
            }
            Part::Plain { lines: plain, .. } => {
                let read = String::from_utf8(read.contents().to_vec()).unwrap();
                assert_eq!(lines(&read), *plain, "machine part of message {index}");
            }
            Part::Many { .. } => unreachable!("leaves only"),
        }
    }
}

/// RFC 5322 2.1.1 and 2.3: CRLF only, no line above 998; RFC 2047 2: no encoded word above 75.
fn assert_clean_lines(raw: &[u8], index: u64) {
    let text = String::from_utf8_lossy(raw);
    let header = text.split("\r\n\r\n").next().unwrap();
    for line in header.split("\r\n") {
        assert!(line.chars().count() <= 120 && !line.trim().is_empty(), "header line of message {index}: {line}");
        for word in line.split([' ', ',']).filter(|word| word.starts_with("=?")) {
            assert!(word.len() <= 75, "{word} in message {index}");
        }
    }
    assert!(header.is_ascii(), "header of message {index}");
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.len() <= 1_000 && line.ends_with(b"\r\n"), "message {index}");
        assert_eq!(line.iter().filter(|byte| **byte == b'\r').count(), 1, "message {index}");
    }
}

fn leaves<'a>(part: &'a Part, found: &mut Vec<&'a Part>) {
    match part {
        Part::Many { parts, .. } => parts.iter().for_each(|part| leaves(part, found)),
        leaf => found.push(leaf),
    }
}

/// CRLF as LF, and the one line end before a boundary, which is not the part's (RFC 2046 5.1.1), given back.
fn lines(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(text) => vec![text.to_string()],
        HeaderValue::TextList(list) => list.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

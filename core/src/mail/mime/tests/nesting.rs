//! Messages in messages: attachments, whatever is in them and however deep they go.

use mail_parser::{MessageParser, PartType};
use proptest::prelude::*;

use super::super::nesting::{hide, restore};
use super::super::{attachment, read_message};

/// The stack of a secondary thread on iOS.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap().join().unwrap()
}

fn nested(levels: usize, line: &str) -> String {
    format!("Subject: dehors\r\n{}Subject: fond\r\n\r\nfond\r\n", format!("{line}\r\n\r\n").repeat(levels))
}

#[test]
fn messages_in_messages_without_end_end_no_process() {
    for line in [
        "Content-Type: message/rfc822",
        "Content-Type: message/global",
        "CONTENT-TYPE: Message/RFC822",
        "::Con tent - Type\t: message/rfc822",
        "Content-Type:\r\n message\r\n\t/\r\n rfc822",
        "Content-Type: message/ (a; comment) rfc822",
        "Content-Type: message/\"rfc822\"",
        "Content-Type: \\message/\\rfc822",
    ] {
        let reading = on_a_small_stack(move || read_message(nested(60_000, line).as_bytes()));
        assert_eq!(reading.headers.subject, "dehors", "{line}");
    }
}

#[test]
fn digests_in_digests_without_end_end_no_process() {
    let mut raw = String::from("Subject: dehors\r\n");
    for level in 0..20_000 {
        raw.push_str(&format!("Content-Type: multipart/digest; boundary=b{level}\r\n\r\n--b{level}\r\n\r\n"));
    }
    let reading = on_a_small_stack(move || read_message(raw.as_bytes()));
    assert_eq!(reading.headers.subject, "dehors");
}

#[test]
fn an_encoded_message_is_not_opened_either() {
    use base64::Engine;
    let inner = base64::engine::general_purpose::STANDARD.encode(nested(60_000, "Content-Type: message/rfc822"));
    let raw = format!(
        "Subject: dehors\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{inner}\r\n"
    );
    let reading = on_a_small_stack(move || read_message(raw.as_bytes()));
    assert_eq!(reading.attachments.len(), 1);
}

#[test]
fn a_forwarded_message_comes_out_byte_for_byte() {
    let inner = "Subject: dedans\r\nContent-Type: multipart/mixed; boundary=\"rfc822 digest\"\r\n\r\n--rfc822 digest\r\n\
                 Content-Type: MESSAGE/RFC822\r\n\r\nSubject: plus loin\r\n\r\nDu courrier global.\r\n--rfc822 digest--";
    let raw = format!(
        "Subject: TR\r\nContent-Type: multipart/mixed; boundary=global\r\n\r\n--global\r\nContent-Type: text/plain\r\n\r\n\
         Content-Type: message/rfc822 se lit ainsi.\r\n--global\r\nContent-Type: message/rfc822; name=\"digest.eml\"\r\n\r\n\
         {inner}\r\n--global--\r\n"
    );
    let reading = read_message(raw.as_bytes());
    assert_eq!(reading.text.trim(), "Content-Type: message/rfc822 se lit ainsi.");
    let (told, bytes) = attachment(raw.as_bytes(), 0).unwrap();
    assert_eq!((told.name.as_str(), told.media_type.as_str()), ("digest.eml", "message/rfc822"));
    assert_eq!(String::from_utf8(bytes).unwrap(), inner);
    assert_eq!((told.size, reading.attachments.len()), (inner.len(), 1));
}

#[test]
fn a_message_without_messages_in_it_is_not_copied() {
    assert!(hide(b"Content-Type: multipart/mixed; boundary=digest\r\n\r\nmessage/rfc822 global digest\r\n").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_hidden_is_put_back(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("Content-Type:"), Just("message/"), Just("rfc822"), Just("GLOBAL"), Just("digest"), Just("\r\n"),
                Just(" "), Just("\t"), Just("\""), Just("="), Just(";"), Just("x"), Just(":"),
            ],
            0..60,
        )
    ) {
        let raw = pieces.concat();
        let hidden = hide(raw.as_bytes()).unwrap_or_else(|| raw.clone().into_bytes());
        prop_assert_eq!(hidden.len(), raw.len());
        prop_assert_eq!(restore(&hidden).into_owned(), raw.into_bytes());
    }

    #[test]
    fn no_way_of_writing_a_type_opens_a_message(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("message"), Just("message"), Just("/"), Just("/"), Just("rfc822"), Just("rfc822"), Just("Global"),
                Just("multipart/digest;boundary=b\r\n\r\n--b\r\n\r\n"), Just("\r\n "), Just("\r\nContent-Type:"),
                Just("\n\t"), Just("\r"), Just("\x0c"), Just("("), Just(")"), Just("\""), Just("\\"), Just("="), Just(";"),
                Just("'"), Just("*"), Just("x"), Just(" "), Just("\0"),
            ],
            1..10,
        )
    ) {
        let raw = format!("Content-Type:{}\r\n\r\nSubject: x\r\n\r\nx\r\n", pieces.concat());
        let hidden = hide(raw.as_bytes()).unwrap_or_else(|| raw.clone().into_bytes());
        let message = MessageParser::default().parse(&hidden);
        let parts = message.as_ref().map(|message| message.parts.as_slice()).unwrap_or_default();
        prop_assert!(!parts.iter().any(|part| matches!(part.body, PartType::Message(_))), "{}", raw);
    }
}

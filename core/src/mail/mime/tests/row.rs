//! What a list shows of a message is what the opened message shows.

use proptest::prelude::*;

use super::super::headers::{Headers, read_headers, read_row_headers, shown};

/// What a row takes of the headers.
fn row(headers: Headers) -> Headers {
    let Headers { subject, from, message_id, likely_attachments, list_id, .. } = headers;
    Headers { subject, from, message_id, likely_attachments, list_id, ..Headers::default() }
}

#[test]
fn a_row_says_of_every_sample_what_the_message_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/mail");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "eml") {
            let raw = std::fs::read(&path).unwrap();
            assert_eq!(row(read_row_headers(&raw)), row(read_headers(&raw)), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_row_says_of_any_headers_what_the_message_says(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("From: "), Just("To: "), Just("Cc: "), Just("Reply-To: "), Just("Subject: "), Just("Date: "),
                Just("Message-ID: "), Just("References: "), Just("In-Reply-To: "), Just("Content-Type: "), Just("List-Id: "),
                Just("multipart/mixed; boundary="), Just("\r\n"), Just("\n"), Just("\r"), Just(" "), Just("\t"), Just("\""), Just("("),
                Just(")"), Just("<"), Just(">"), Just("<a@b>"), Just("Léa"), Just("=?utf-8?q?L=C3=A9a?="), Just(","), Just(";"),
                Just(":"), Just("\\"), Just("[1]"), Just("x@y.fr"), Just("Mon, 23 Nov 2026 08:00:00 +0100"), Just("\0"),
            ],
            0..40,
        )
    ) {
        let raw = pieces.concat();
        prop_assert_eq!(row(read_row_headers(raw.as_bytes())), row(read_headers(raw.as_bytes())));
    }

    #[test]
    fn what_is_shown_has_no_control_characters_and_ends_in_no_blank(text in "[ -~]{0,1200}|.{0,100}") {
        let shown = shown(&text);
        prop_assert!(shown.chars().count() <= 1000 && shown.trim() == shown && !shown.chars().any(char::is_control));
    }
}

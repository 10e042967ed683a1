//! A mail of anybody, and what a screen is given of it.

use cartable_core::mail::mime::{Reading, attachment, inner_message, read_headers, read_message};

use crate::tape::Tape;

const PIECES: &[&str] = &[
    "Subject: x\r\n",
    "From: \"a@b.example\" <c@d.example>\r\n",
    "Content-Type: text/plain; charset=utf-8; format=flowed\r\n",
    "Content-Type: text/html\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/alternative; boundary=c\r\n",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    "Content-Type: message/delivery-status\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: text/calendar; method=REQUEST\r\n",
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n",
    "Content-Type: application/octet-stream; name=winmail.dat\r\n",
    "Content-Disposition: attachment; filename=\"../x.pdf\"\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "\r\n",
    "--b\r\n",
    "--b--\r\n",
    "--c\r\n",
    "Bonjour \r\n",
    "> cité\r\n",
    "-- \r\n",
    "<p>a<img src=http://e.example/x>",
    "<a href=\"",
    "<!--",
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261113T180000Z\r\nEND:VEVENT\r\n",
    "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    "MIAGCSqGSIb3DQEHAqCA\r\n",
    "=C3=A9",
    "\u{202e}",
    "List-Unsubscribe: <https://l.example/u>\r\n",
];

fn mail(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut mail = Vec::new();
    while !tape.is_over() && mail.len() < 20_000 {
        let piece = tape.pick(PIECES);
        mail.extend_from_slice(piece.repeat(1 + usize::from(tape.once_in(20)) * tape.below(50)).as_bytes());
    }
    tape.spoil(&mut mail);
    mail
}

/// What a screen may take for granted.
fn holds(raw: &[u8], reading: &Reading) {
    // A made-up name and the marks of quotes and lists are what may be added, and entities what may be written longer.
    let most = 60 * raw.len() + 4096;
    let html = reading.html.as_ref().map_or("", |html| html.html.as_str());
    assert!(
        reading.text.len() <= most.min((1 << 20) + 4) && html.len() <= most,
        "{} of {}",
        reading.text.len(),
        raw.len()
    );
    assert!(!reading.text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{:?}", reading.text);
    assert!(!html.to_lowercase().contains("src=\"http"), "{html}");
    assert!(reading.attachments.len() <= 500);
    for one in &reading.attachments {
        let (told, bytes) = attachment(raw, one.index).expect("an attachment that is told of");
        assert_eq!((&told, bytes.len()), (one, one.size));
        assert!(!one.name.is_empty() && !one.name.contains(['/', '\\', '\0', '\n']));
    }
    assert_eq!(reading.blocks().iter().map(|block| block.text.as_str()).collect::<String>(), reading.text);
    let words = raw.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let nothing = *reading == Reading::default();
    assert!(!nothing || words == 0, "a blank of {words} letters");
    for one in reading.report.iter().flat_map(|report| &report.recipients) {
        assert!(one.address.contains('@') && !one.address.contains(char::is_whitespace));
    }
    if let Some(event) = &reading.invitation {
        assert!(event.attendees.len() <= 200 && event.summary.chars().count() <= 1000);
    }
}

fn check(input: &[u8]) {
    let mut tape = Tape::new(input);
    // A corpus file is the mail itself, or its beginning.
    let raw = if input.starts_with(b"Subject: ") { input.to_vec() } else { mail(&mut tape) };
    let reading = read_message(&raw);
    holds(&raw, &reading);
    let headers = read_headers(&raw);
    assert!(headers.subject.chars().count() <= 1000);
    for index in 0..2 {
        if let Some(inner) = inner_message(&raw, &[index]) {
            assert!(inner.len() <= raw.len());
            holds(&inner, &read_message(&inner));
        }
    }
}

#[test]
fn no_mail_is_a_blank_or_more_than_a_screen_bears() {
    bolero::check!(name = "mime").with_max_len(400).for_each(check);
}

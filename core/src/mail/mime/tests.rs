use proptest::prelude::*;

mod corpora;
mod golden;
mod harmless;
mod nesting;
mod parts;
mod plain;
mod row;
mod torture;

use super::{Trouble, attachment, clean, document, read_headers, read_message};

#[test]
fn a_message_of_two_forms_gives_text_and_harmless_html() {
    let raw = b"From: =?utf-8?q?L=C3=A9a_Reset?= <lreset@academie.test>\r\nTo: jdupont@academie.test\r\n\
Subject: =?iso-8859-1?q?R=E9union?=\r\nMessage-ID: <1@academie.test>\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
\xc3\x80 18 h.\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p onclick=\"evil()\">\xc3\x80 <b>18 h</b><script>evil()</script><img src=\"https://pixel.example/t.gif\"></p>\r\n--x--\r\n";
    let reading = read_message(raw);
    assert_eq!(reading.headers.subject, "Réunion");
    let from = reading.headers.from.unwrap();
    assert_eq!((from.name.as_deref(), from.address.as_str()), (Some("Léa Reset"), "lreset@academie.test"));
    assert_eq!(reading.headers.message_id.as_deref(), Some("1@academie.test"));
    assert_eq!(reading.text.trim(), "À 18 h.");
    let html = reading.html.unwrap();
    assert!(html.html.contains("<b>18 h</b>"));
    assert!(!html.html.contains("evil") && !html.html.contains("pixel.example"), "{}", html.html);
    assert_eq!(html.remote_pictures, 1);
    assert!(document(&html).contains("default-src 'none'"));
}

#[test]
fn an_attachment_keeps_its_bytes_and_loses_its_path() {
    let raw = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
Content-Type: text/plain\r\n\r\nBonjour\r\n--x\r\nContent-Type: application/pdf\r\n\
Content-Disposition: attachment; filename=\"../../etc/bulletin.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
JVBERi0=\r\n--x--\r\n";
    let reading = read_message(raw);
    assert_eq!(reading.attachments.len(), 1);
    let (told, bytes) = attachment(raw, 0).unwrap();
    assert_eq!(bytes, b"%PDF-");
    assert!(
        told.name.ends_with("bulletin.pdf") && !told.name.contains('/') && !told.name.contains(".."),
        "{}",
        told.name
    );
    assert!(attachment(raw, 1).is_none());
}

#[test]
fn a_bad_message_is_shown_as_far_as_it_goes() {
    for raw in [&b""[..], b"\0\xff\xfe", b"no header at all", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x"] {
        let _ = read_message(raw);
    }
    let reading = read_message(b"\r\n");
    assert!(reading.html.is_none() && matches!(reading.trouble, None | Some(Trouble::Unreadable | Trouble::Damaged)));
}

#[test]
fn thousands_of_parts_in_parts_end_no_process() {
    let mut raw = String::from("Subject: deep\r\n");
    for level in 0..5000 {
        raw.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"));
    }
    raw.push_str("Content-Type: text/plain\r\n\r\nfond\r\n");
    let reading = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || read_message(raw.as_bytes()))
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(reading.headers.subject, "deep");
}

#[test]
fn headers_are_bounded_and_cannot_turn_the_text_around() {
    let raw = format!("Subject: a\u{202e}b{}\r\nFrom: \"x\u{202e}\" <a@b.fr>\r\n\r\n", "c".repeat(100_000));
    let headers = read_headers(raw.as_bytes());
    assert!(headers.subject.len() < 4000 && !headers.subject.contains('\u{202e}'));
    assert!(!headers.from.unwrap().name.unwrap_or_default().contains('\u{202e}'));
}

#[test]
fn html_that_would_act_or_call_home_does_neither() {
    for hostile in [
        "<svg onload=evil()>",
        "<iframe src=https://evil.example></iframe>",
        "<form action=https://evil.example><input></form>",
        "<a href=\"javascript:evil()\">x</a>",
        "<style>@import url(https://evil.example)</style>",
        "<p style=\"background:url(https://evil.example/x)\">x</p>",
        "<img srcset=\"https://evil.example/x 2x\">",
        "<p style=\"position:fixed\">x</p>",
        "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
        "<base href=https://evil.example>",
        "<img src=\"//evil.example/x.png\">",
        "<video poster=https://evil.example/x></video>",
        "<div><!--</div>--><img src=\"https://evil.example/1\"></div>",
    ] {
        let html = clean(hostile).html;
        for word in ["evil", "<script", "<form", "<style", "position"] {
            assert!(!html.contains(word), "{hostile} gave {html}");
        }
    }
    let link = clean("<a href=\"https://portail.example/x\">x</a>").html;
    assert!(link.contains("href=\"https://portail.example/x\"") && link.contains("noopener"));
}

#[test]
fn html_nested_without_end_comes_to_an_end() {
    for page in ["<div>".repeat(20_000), "<div><!--</div>-->".repeat(20_000), "<table><tr><td>".repeat(10_000)] {
        assert!(!clean(&page).html.contains("<script"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_can_be_opened(raw in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let reading = read_message(&raw);
        for one in &reading.attachments {
            let _ = attachment(&raw, one.index);
        }
        let _ = read_headers(&raw);
    }
}

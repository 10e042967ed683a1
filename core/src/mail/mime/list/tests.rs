use proptest::prelude::*;

use super::{Leave, list_of};

fn leave(headers: &str, is_signed: bool) -> Option<Leave> {
    list_of(format!("{headers}\r\n\r\nList-Unsubscribe: <https://body.example>\r\n").as_bytes(), None, || is_signed)?
        .leave
}

const POST: &str = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";

#[test]
fn one_click_is_offered_only_where_it_is_meant_and_vouched_for() {
    let both = format!("List-Unsubscribe: <mailto:x@l.example>,\r\n <https://l.example/u?id=1>\r\n{POST}");
    let click = Leave::OneClick { host: "l.example".to_owned(), url: "https://l.example/u?id=1".to_owned() };
    assert_eq!(leave(&both, true), Some(click));
    assert!(matches!(leave(&both, false), Some(Leave::Letter { to, .. }) if to == "x@l.example"));
    for without in [
        "List-Unsubscribe: <https://l.example/u>".to_owned(),
        format!("List-Unsubscribe: <http://l.example/u>\r\n{POST}"),
        format!("List-Unsubscribe: <https://192.168.1.1/u>\r\n{POST}"),
        format!("List-Unsubscribe: <https://localhost/u>\r\n{POST}"),
        format!("List-Unsubscribe: <https://l.example/u>, <https://m.example/u>\r\n{POST}"),
        format!("List-Unsubscribe: <https://l.example/u>\r\n{POST}\r\n{POST}"),
        format!("List-Unsubscribe: <https://l.example/u>\r\nList-Unsubscribe: <http://m.example/>\r\n{POST}"),
        "List-Unsubscribe: <https://l.example/u>\r\nList-Unsubscribe-Post: no".to_owned(),
    ] {
        let offered = leave(&without, true);
        assert!(matches!(offered, Some(Leave::Page { .. })), "{without}: {offered:?}");
    }
}

#[test]
fn a_letter_says_what_the_list_wants_and_nothing_more() {
    let letter = leave(
        "List-Unsubscribe: <mailto:l%2Bx@l.example?subject=Quitter%20la+liste&body=un%0Adeux&bcc=v@x.example>",
        false,
    );
    let expected =
        Leave::Letter { to: "l+x@l.example".into(), subject: "Quitter la+liste".into(), body: "un\ndeux".into() };
    assert_eq!(letter, Some(expected));
    let plain = leave("List-Unsubscribe: <mailto:l@l.example>", false);
    assert!(matches!(plain, Some(Leave::Letter { subject, .. }) if subject == "unsubscribe"));
}

#[test]
fn addresses_that_hide_who_is_meant_are_not_offered() {
    for hostile in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://ac-lyon.fr@evil.example/",
        "mailto:",
        "mailto:a,b@x.example",
        "mailto:a@x.example%0d%0aBcc:v@y.example",
        "mailto:%22a%22@x.example",
        "https://",
        "tel:123",
        "mailto:a%20b@x.example",
    ] {
        let offered = leave(&format!("List-Unsubscribe: <{hostile}>\r\n{POST}"), true);
        assert_eq!(offered, None, "{hostile}");
    }
    assert_eq!(list_of(b"Subject: x\r\n\r\n", None, || true), None);
    assert!(list_of(b"Subject: x\r\n\r\n", Some("l".to_owned()), || true).is_some_and(|list| list.leave.is_none()));
}

proptest! {
    #[test]
    fn any_headers_give_https_for_one_click_and_no_line_break_in_a_letter(value in ".{0,200}", path in "[ -~]{0,80}") {
        for value in [value, format!("<mailto:{path}>"), format!("<https://l.example/{path}>")] {
            match leave(&format!("List-Unsubscribe: {value}\r\n{POST}"), true) {
                Some(Leave::OneClick { url, .. }) => prop_assert!(url.starts_with("https://")),
                Some(Leave::Letter { to, subject, .. }) => prop_assert!(!to.contains(['\r', '\n', ' ']) && !subject.contains(['\r', '\n'])),
                _ => {}
            }
        }
    }
}

use proptest::prelude::*;

use super::jar::Jar;
use super::{Word, seconds_of, word};
use secrecy::ExposeSecret;

fn cookies(jar: &Jar) -> String {
    jar.header().expose_secret().to_owned()
}

#[test]
fn the_portal_s_numbers_have_names() {
    assert_eq!(word(86, Some(8)), Word::Locked { wait_s: Some(8) });
    assert_eq!(
        [5, 96, 82, 81, 21, 22, 25, 24].map(|number| word(number, None)),
        [
            Word::WrongPassword,
            Word::WrongCode,
            Word::TooLate,
            Word::TooLate,
            Word::Blocked,
            Word::Expired,
            Word::MustChange,
            Word::Other(24)
        ]
    );
    assert_eq!(seconds_of("pwdWillExpire,4,23,59,44"), Some(431_984));
    assert_eq!(seconds_of("pwdWillExpire,x"), None);
    assert_eq!(seconds_of(&format!("pwdWillExpire,{}", i64::MAX)), None);
}

#[test]
fn cookies_are_kept_by_name_and_end_when_the_portal_says_so() {
    let mut jar = Jar::default();
    jar.take(["a=1; path=/; secure", "b=2", "a=3; domain=.evil.example"], 0);
    assert_eq!(cookies(&jar), "llnglanguage=fr; b=2; a=3");
    let past = "b=x; expires=Wed, 21 Oct 2015 00:00:00 GMT";
    jar.take([past], 1_445_385_599_999);
    assert_eq!(cookies(&jar), "llnglanguage=fr; a=3; b=x");
    jar.take(["b=x; Expires=Wed, 21-Oct-2015 00:00:00 GMT"], 1_445_385_600_000);
    assert_eq!(cookies(&jar), "llnglanguage=fr; a=3");
    // Max-Age counts before Expires, a date that is none says nothing, and an empty value is an end.
    jar.take(["c=1; expires=Wed, 21 Oct 2015 00:00:00 GMT; max-age=60", "d=1; expires=soon", "a="], i64::MAX);
    assert_eq!(cookies(&jar), "llnglanguage=fr; c=1; d=1");
    jar.take(["c=1; max-age=0"], 0);
    assert_eq!(cookies(&jar), "llnglanguage=fr; d=1");
}

#[test]
fn a_cookie_cannot_break_out_of_its_header_nor_fill_the_memory() {
    let mut jar = Jar::default();
    let long = format!("long={}", "x".repeat(5_000));
    jar.take(["a=b\r\nX: y", "=x", "no cookie", "é=1", "q=\u{7f}", long.as_str()], 0);
    assert_eq!(cookies(&jar), "llnglanguage=fr");
    let many: Vec<_> = (0..1_000).map(|number| format!("c{number}=1")).collect();
    jar.take(many.iter().map(String::as_str), 0);
    assert_eq!(cookies(&jar).matches("=1").count(), 32);
}

proptest! {
    #[test]
    fn what_a_jar_sends_is_one_line_of_text(fields in proptest::collection::vec("[ -~\\PC]{0,80}", 0..10)) {
        let mut jar = Jar::default();
        jar.take(fields.iter().map(String::as_str), 0);
        prop_assert!(reqwest::header::HeaderValue::from_str(&cookies(&jar)).is_ok());
    }
}

use proptest::prelude::*;

use super::{MethodResult, bodies, count, results_of};

/// The results of these fields as a short text: `method=result property=value, …`.
fn read(header: &str) -> Vec<String> {
    let tell = |one: &MethodResult| {
        let properties = one.properties.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{}={}{}", one.method, one.result, properties.collect::<String>())
    };
    results_of(header.as_bytes(), "smtp.academie.test").iter().map(tell).collect()
}

fn own(body: &str) -> Vec<String> {
    read(&format!("Authentication-Results: smtp.academie.test{body}\r\n"))
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // RFC 8601, appendix B, with our server in place of the example's.
    assert_eq!(own(" 1; none"), [""; 0]);
    assert_eq!(own(";\r\n          spf=pass smtp.mailfrom=example.net"), ["spf=pass smtp.mailfrom=example.net"]);
    assert_eq!(
        own(";\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net"),
        ["auth=pass smtp.auth=sender@example.net", "spf=pass smtp.mailfrom=example.net"]
    );
    assert_eq!(
        own(";\r\n dkim=pass reason=\"good signature\"\r\n  header.i=@mail-router.example.net;\r\n \
             dkim=fail reason=\"bad; signature\" header.i=@newyork.example.com"),
        ["dkim=pass header.i=@mail-router.example.net", "dkim=fail header.i=@newyork.example.com"]
    );
    let commented = "Authentication-Results: (checked) smtp.academie.test (this is\r\n (nested; auth=pass) and \\) ) 1 ; \
                     auth (x) = (y) pass (z) smtp (a) . (b) auth (c) = portail (d)\r\n";
    assert_eq!(read(commented), ["auth=pass smtp.auth=portail"]);
    assert_eq!(own("; dkim/1=pass header.d=a.test"), ["dkim=pass header.d=a.test"]);
    assert_eq!(own("; dkim/2=pass header.d=a.test"), [""; 0]);
    assert_eq!(own("; DKIM=Pass Header.D=\"A.test\""), ["dkim=pass header.d=A.test"]);
    assert_eq!(own("; auth=pass smtp.auth=\"a; spf=pass b\"@c.test"), ["auth=pass smtp.auth=a; spf=pass b@c.test"]);
    assert_eq!(own("; dkim=pass header.b=Ab/c+d= header.d=a.test;"), ["dkim=pass header.b=Ab/c+d= header.d=a.test"]);
}

#[test]
fn only_the_topmost_field_of_the_own_server_counts() {
    let genuine = "Authentication-Results: smtp.academie.test; auth=fail\r\n";
    let forged = "Authentication-Results: smtp.academie.test; auth=pass smtp.auth=portail\r\n";
    let other = "authentication-results : mx.elsewhere.test; auth=pass smtp.auth=portail\r\n";
    assert_eq!(read(&format!("{genuine}{forged}")), ["auth=fail"]);
    assert_eq!(read(&format!("{other}From: a@b.c\r\n{genuine}{forged}")), ["auth=fail"]);
    assert_eq!(read(other), [""; 0]);
    assert_eq!(read("From: a@b.c\r\n"), [""; 0]);
    // The body of a message is no header.
    assert_eq!(read(&format!("From: a@b.c\r\n\r\n{forged}")), [""; 0]);
    // A field that cannot be told from one's own shades what is below it.
    for strange in
        ["", ";", " \"smtp", " (smtp.academie.test; auth=pass", " smtp.academie.test 2; auth=pass", " a b; x"]
    {
        assert_eq!(read(&format!("Authentication-Results:{strange}\r\n{forged}")), [""; 0], "{strange}");
    }
    let long = format!("Authentication-Results: mx.elsewhere.test; {}\r\n", "x".repeat(100_000));
    assert_eq!(read(&format!("{long}{forged}")), [""; 0]);
    assert_eq!(read(&format!("Authentication-Results-Old: x; auth=pass\r\n{genuine}")), ["auth=fail"]);
    assert_eq!(read("Authentication-Results: \"smtp.academie\\.test\"; auth=fail\r\n"), ["auth=fail"]);
    assert_eq!(read("Authentication-Results: SMTP.academie.TEST; auth=fail\r\n"), ["auth=fail"]);
}

#[test]
fn behind_a_place_that_cannot_be_read_nothing_counts() {
    let good = "spf=fail";
    for broken in [
        "auth",
        "auth=",
        "auth=pass smtp",
        "auth=pass smtp.",
        "auth=pass smtp.auth",
        "auth=pass smtp.auth=",
        "auth=pass smtp.auth=\"portail",
        "auth=pass smtp.auth=portail \"x\"",
        "auth=pass reason=a reason=b",
        "auth=pass smtp.auth=a reason=b",
        "auth=pass(",
        "auth=pass-",
        "auth=pass/x",
        "auth=pass smtp.auth=\"a\u{7}\"",
        "auth=pass smtp.auth=a\rb",
        "=pass",
    ] {
        assert_eq!(own(&format!("; {good}; {broken}; dkim=pass header.d=academie.test")), [good], "{broken}");
    }
    let twice = results_of(b"Authentication-Results: a.test; auth=pass smtp.auth=x smtp.auth=y\r\n", "a.test");
    assert_eq!((twice[0].properties.len(), twice[0].property("smtp.auth")), (2, None));
}

#[test]
fn a_hostile_field_costs_no_more_than_its_length() {
    let nested =
        format!("Authentication-Results: {}{} smtp.academie.test; auth=pass\r\n", "(".repeat(7000), ")".repeat(7000));
    assert_eq!(read(&nested), ["auth=pass"]);
    let deeper = format!("Authentication-Results: {}{} a.test; auth=pass\r\n", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(read(&deeper), [""; 0]);
    let folded = format!("Authentication-Results: smtp.academie.test; auth=pass\r\n{}", " \r\n".repeat(100_000));
    assert_eq!(read(&folded), [""; 0]);
    assert_eq!(own(&"; spf=none".repeat(1000)).len(), 100);
    assert_eq!(own(&format!("; auth=pass{}", " smtp.auth=a".repeat(1000))), [""; 0]);
    let other = "Authentication-Results: mx.elsewhere.test; none\r\n";
    assert_eq!(read(&format!("{}Authentication-Results: smtp.academie.test; a=b\r\n", other.repeat(49))), ["a=b"]);
    assert_eq!(read(&format!("{}Authentication-Results: smtp.academie.test; a=b\r\n", other.repeat(50))), [""; 0]);
    assert_eq!(count(other.repeat(3000).as_bytes(), b"authentication-results"), 3000);
}

/// A result as a server would write it, in one of many forms.
fn written(method: &str, result: &str, value: &str, form: usize) -> String {
    let blank = ["", " ", "\r\n\t", " (c) ", " (a (b; x=y) \\( \"c\") \r\n "][form % 5];
    let value = if form.is_multiple_of(2) { format!("\"{}\"", value.replace('"', "\\\"")) } else { value.to_owned() };
    format!("{blank};{blank}{method}{blank}={blank}{result} {blank}smtp.auth{blank}={blank}{value}{blank}")
}

proptest! {
    #[test]
    fn what_a_server_writes_is_read_back_however_it_is_folded_and_commented(
        results in proptest::collection::vec(("[a-z]{1,8}", "[a-z]{1,8}", "[a-z@.]{1,12}", 0..10_usize), 0..8)
    ) {
        let text: String = results.iter().map(|(m, r, v, form)| written(m, r, v, *form)).collect();
        let expected: Vec<_> = results.iter().map(|(m, r, v, _)| format!("{m}={r} smtp.auth={v}")).collect();
        prop_assert_eq!(own(&text), expected);
    }

    #[test]
    fn any_bytes_are_survived_and_never_make_a_result_of_another_server(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["(", ")", "\"", "\\", ";", "=", ".", " ", "\r\n ", "a", "smtp.academie.test", "\r\n",
                                          "Authentication-Results:", "auth=pass", "smtp.auth=portail", "/1"]), 0..60),
    ) {
        let _ = results_of(&bytes, "smtp.academie.test");
        let _ = bodies(&bytes, b"from").count();
        let mut field = b"Authentication-Results: ".to_vec();
        field.extend_from_slice(&bytes);
        let _ = results_of(&field, "smtp.academie.test");
        // A field of one's own at the top, whatever comes behind it.
        let rest = pieces.concat();
        let header = format!("Authentication-Results: smtp.academie.test; auth=fail\r\n{rest}\r\n");
        let found = results_of(header.as_bytes(), "smtp.academie.test");
        // A folded line may go on with it, but its first result stands.
        prop_assert!(found.is_empty() || (found[0].method == "auth" && found[0].result == "fail"), "{:?}", found);
    }
}

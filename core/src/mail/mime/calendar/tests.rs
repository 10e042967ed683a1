use proptest::prelude::*;

use super::{Line, escaped, lines, write};

#[test]
fn lines_are_unfolded_and_taken_apart() {
    let found = lines(
        "SUMMARY;LANGUAGE=fr:Conseil\\, 3e\r\n  B\\nà 18 h\r\nattendee;CN=\"Reset; Léa: prof\";PARTSTAT=ACCEPTED:mailto:l@a.example\n",
    );
    assert_eq!(found[0].text(), "Conseil, 3e B\nà 18 h");
    assert_eq!((found[1].name.as_str(), found[1].parameter("CN")), ("ATTENDEE", Some("Reset; Léa: prof")));
    assert_eq!((found[1].parameter("PARTSTAT"), found[1].value.as_str()), (Some("ACCEPTED"), "mailto:l@a.example"));
    for nothing in ["", "sans deux points", ":", "A;B", "A;B=\"x:y", " replié sans rien avant", "É:x"] {
        assert_eq!(lines(nothing), [], "{nothing}");
    }
}

#[test]
fn a_calendar_without_end_comes_to_an_end() {
    assert!(lines(&"A:b\n".repeat(100_000)).len() <= 5000);
    assert!(lines(&format!("A:{}", "é\n ".repeat(1_000_000)))[0].value.chars().count() <= 8192);
    assert!(lines(&format!("A{}:x", ";B=c".repeat(10_000)))[0].parameters.len() <= 20);
}

proptest! {
    #[test]
    fn a_text_that_is_written_is_read_again(text in "[ -~é日\n]{0,300}") {
        let mut out = String::new();
        write(&mut out, &format!("SUMMARY:{}", escaped(&text)));
        prop_assert!(out.lines().all(|line| line.len() <= 75));
        let found = lines(&out);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(found[0].text(), text);
    }

    #[test]
    fn any_calendar_is_read(text in "[A-C;:=\"\\\\ \r\n,é]{0,200}") {
        for Line { name, value, .. } in lines(&text) {
            prop_assert!(!name.is_empty() && !value.contains('\n'));
        }
    }
}

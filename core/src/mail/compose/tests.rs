use proptest::prelude::*;

use super::*;
use crate::mail::mime::{read_message, shown};

fn me() -> Person {
    person("Jeanne Dupont", "jdupont@academie.test")
}

fn person(name: &str, address: &str) -> Person {
    Person { name: Some(name.to_owned()), address: address.to_owned() }
}

fn original() -> ReplyTo {
    let headers = Headers {
        subject: "Conseil de classe".to_owned(),
        from: Some(person("Léa Reset", "lreset@academie.test")),
        to: vec![me(), person("Paul Martin", "pmartin@academie.test")],
        cc: vec![person("", "JDUPONT@academie.test"), person("Vie scolaire", "vs@college.test")],
        message_id: Some("3@academie.test".to_owned()),
        references: vec!["1@academie.test".to_owned(), "2@academie.test".to_owned()],
        date_ms: Some(1_700_000_000_000),
        ..Headers::default()
    };
    ReplyTo { headers, text: "À 18 h.\n> et avant ?".to_owned() }
}

/// What a reader shows of `text`: see `mime::shown`, but with its lines.
fn kept(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.split('\n').map(visible_of).collect::<Vec<_>>().join("\n")
}

fn visible_of(line: &str) -> String {
    line.chars().filter(|c| *c == '\t' || shown(&format!("x{c}x")).chars().count() == 3).collect()
}

/// Runs of blanks in a header are one blank to every reader.
fn folded(text: &str) -> String {
    shown(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_answer_goes_to_the_author_and_stands_in_its_conversation() {
    let outgoing = reply(&original(), &me(), "D’accord.", false, true, 1_700_000_100_000).unwrap();
    let reading = read_message(&outgoing.mime);
    assert_eq!(outgoing.recipients, ["lreset@academie.test"]);
    assert_eq!(reading.headers.subject, "Re: Conseil de classe");
    assert_eq!(reading.headers.in_reply_to, ["3@academie.test"]);
    assert_eq!(reading.headers.references, ["1@academie.test", "2@academie.test", "3@academie.test"]);
    assert_eq!(reading.headers.message_id.as_deref(), Some(outgoing.message_id.as_str()));
    assert_eq!(reading.headers.date_ms, Some(1_700_000_100_000));
    let expected = "D’accord.\n\nLe 14/11/2023, Léa Reset a écrit :\n> À 18 h.\n>> et avant ?";
    assert_eq!(reading.text.replace("\r\n", "\n").trim_end(), expected);
}

#[test]
fn an_answer_to_all_reaches_each_once_and_not_oneself() {
    let outgoing = reply(&original(), &me(), "Oui", true, false, 0).unwrap();
    assert_eq!(outgoing.recipients, ["lreset@academie.test", "pmartin@academie.test", "vs@college.test"]);
    let headers = read_message(&outgoing.mime).headers;
    assert_eq!((headers.to.len(), headers.cc.len()), (2, 1));
}

#[test]
fn an_answer_goes_where_the_author_wants_it() {
    let mut original = original();
    original.headers.reply_to = vec![person("Liste", "liste@college.test")];
    assert_eq!(reply(&original, &me(), "Oui", false, true, 0).unwrap().recipients, ["liste@college.test"]);
}

#[test]
fn a_subject_is_marked_as_an_answer_once() {
    for (subject, expected) in [
        ("Conseil", "Re: Conseil"),
        ("RE: Conseil", "Re: Conseil"),
        ("RE : Conseil", "Re: Conseil"),
        ("RE\u{a0}: Conseil", "Re: Conseil"),
        ("re:Re: RE : Conseil", "Re: Conseil"),
        ("Réf: Conseil", "Re: Conseil"),
        ("RÉP : Conseil", "Re: Conseil"),
        ("Re[4]: Conseil", "Re: Conseil"),
        ("AW: Conseil", "Re: Conseil"),
        ("TR: Conseil", "Re: TR: Conseil"),
        ("RE: TR : RE: Conseil", "Re: TR : RE: Conseil"),
        ("Rentrée : horaires", "Re: Rentrée : horaires"),
        ("", "Re:"),
        ("RE:", "Re:"),
    ] {
        assert_eq!(reply_subject(subject), expected);
    }
}

#[test]
fn neither_the_phone_nor_the_program_is_named() {
    let outgoing = new_message(&[person("", "a@b.fr")], "x", "y", &me(), 0).unwrap();
    let source = String::from_utf8(outgoing.mime).unwrap();
    let names: Vec<_> = source.lines().take_while(|l| !l.is_empty()).filter_map(|l| l.split_once(':')).collect();
    let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    for name in &names {
        let expected = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"];
        assert!(expected.contains(name) || *name == "Content-Transfer-Encoding", "{name}");
    }
    assert!(outgoing.message_id.ends_with("@academie.test"));
}

#[test]
fn a_header_cannot_be_begun_from_a_field() {
    for line_break in ["\r\n", "\n", "\r", "\0"] {
        let hostile = format!("x{line_break}Bcc: y@z.fr");
        let at = |to: Person, subject: &str| new_message(&[to], subject, "x", &me(), 0);
        assert_eq!(at(person("", "a@b.fr"), &hostile), Err(ComposeError::LineBreak));
        assert_eq!(at(person(&hostile, "a@b.fr"), "x"), Err(ComposeError::LineBreak));
        assert_eq!(at(person("", &hostile), "x"), Err(ComposeError::LineBreak));
        let me = person(&hostile, "jdupont@academie.test");
        assert_eq!(new_message(&[person("", "a@b.fr")], "x", "x", &me, 0), Err(ComposeError::LineBreak));
    }
}

#[test]
fn what_is_no_address_is_told_and_a_clock_out_of_range_is_no_panic() {
    for address in ["", "a", "a@", "@b.fr", "a b@c.fr", "a@b@c.fr", "élève@b.fr", "a@b.fr, c@d.fr", "<a@b.fr>"] {
        let outcome = new_message(&[person("", address)], "x", "y", &me(), 0);
        assert!(matches!(outcome, Err(ComposeError::BadAddress(_))), "{address}: {outcome:?}");
    }
    for now in [-1, i64::MIN, i64::MAX, 253_402_300_800_000] {
        assert!(matches!(new_message(&[me()], "x", "y", &me(), now), Err(ComposeError::Build(_))), "{now}");
    }
    assert_eq!(new_message(&[], "x", "y", &me(), 0), Err(ComposeError::NoRecipient));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_was_written_is_what_is_read(body in "(?s).{0,300}", quote in "(?s).{0,200}", all in any::<bool>()) {
        let original = ReplyTo { text: quote, ..original() };
        let outgoing = reply(&original, &me(), &body, all, true, 0).unwrap();
        let reading = read_message(&outgoing.mime);
        let text = reading.text.replace("\r\n", "\n");
        prop_assert!(text.starts_with(&kept(&body)), "{text:?}");
        let read: Vec<_> = reading.headers.to.iter().chain(&reading.headers.cc).map(|p| p.address.clone()).collect();
        prop_assert_eq!(read, outgoing.recipients);
        prop_assert_eq!(reading.headers.message_id, Some(outgoing.message_id));
        prop_assert!(reading.attachments.is_empty() && reading.trouble.is_none());
    }

    #[test]
    fn a_message_is_ascii_in_short_lines_whatever_is_in_it(
        body in "(?s).{0,300}|[ a-z.]{0,3000}", subject in "\\PC{0,200}", name in "\\PC{0,80}",
    ) {
        let outgoing = new_message(&[person(&name, "a@b.fr")], &subject, &body, &me(), 0).unwrap();
        prop_assert!(outgoing.mime.is_ascii());
        for line in outgoing.mime.split_inclusive(|b| *b == b'\n') {
            let text = line.strip_suffix(b"\r\n").unwrap_or(line);
            prop_assert!(text.len() <= 998 && !text.contains(&b'\r') && !text.contains(&b'\n'));
        }
    }

    #[test]
    fn names_and_subjects_are_read_as_they_were_written(
        subject in "[a-zA-Zéèêàçœ’ :,;!?«»()=_\"\\-.@<>]{0,150}|\\PC{0,80}",
        name in "[A-Za-zéèêàçœ' .,\\-\"@<>()\\\\]{0,40}|\\PC{0,40}",
    ) {
        let outgoing = new_message(&[person(&name, "a@b.fr")], &subject, "x", &me(), 0).unwrap();
        let headers = read_message(&outgoing.mime).headers;
        prop_assert_eq!(folded(&headers.subject), folded(&subject));
        prop_assert_eq!(headers.to.len(), 1);
        prop_assert_eq!(&headers.to[0].address, "a@b.fr");
        prop_assert_eq!(folded(headers.to[0].name.as_deref().unwrap_or_default()), folded(&name));
    }
}

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::super::fold::{fold, words};
use super::super::query::{Criterion, Field, Query, Saying, Term};

/// A Tuesday.
const TODAY: Date = date(2026, 11, 24);

fn read(text: &str) -> Query {
    Query::read(text, TODAY)
}

fn criteria(text: &str) -> Vec<Criterion> {
    let query = read(text);
    assert!(query.terms.iter().all(|term| !term.excluded), "{text}");
    query.terms.into_iter().map(|term| term.criterion).collect()
}

fn word(field: Field, word: &str) -> Criterion {
    Criterion::Says(field, Saying::Word(word.to_owned()))
}

fn beginning(field: Field, word: &str) -> Criterion {
    Criterion::Says(field, Saying::Beginning(word.to_owned()))
}

#[test]
fn case_accents_ligatures_and_elided_articles_make_no_difference() {
    for (text, folded) in [
        ("L'ÉLÈVE", vec!["eleve"]),
        ("l’élève", vec!["eleve"]),
        ("Œuvre cœur ﬁn æquo", vec!["oeuvre", "coeur", "fin", "aequo"]),
        ("aujourd'hui", vec!["aujourd", "hui"]),
        ("qu'il n'y a", vec!["il", "y", "a"]),
        ("Jean-Noël", vec!["jean", "noel"]),
        ("e\u{301}te\u{301}", vec!["ete"]),
        ("Straße İzmir Łódź", vec!["strasse", "izmir", "lodz"]),
        ("\u{301}\u{200b} -- …", vec![]),
    ] {
        let got: Vec<String> = words(text).map(|word| word.folded).collect();
        assert_eq!(got, folded, "{text}");
    }
    assert_eq!(fold(&"é".repeat(100)), "e".repeat(32));
}

#[test]
fn the_last_word_may_go_on_and_the_others_are_whole() {
    assert_eq!(
        criteria("Conseil de CLA"),
        [word(Field::Anywhere, "conseil"), word(Field::Anywhere, "de"), beginning(Field::Anywhere, "cla")]
    );
    assert_eq!(criteria("cons* classe "), [beginning(Field::Anywhere, "cons"), beginning(Field::Anywhere, "classe")]);
    assert_eq!(criteria("projet avant:2026"), [word(Field::Anywhere, "projet"), Criterion::Before(date(2026, 1, 1))]);
}

#[test]
fn fields_are_known_in_french_and_in_english() {
    for text in ["de:léa", "from:Léa", "DE:LÉA"] {
        assert_eq!(criteria(text), [beginning(Field::From, "léa")], "{text}");
    }
    for text in ["à:paul", "a:paul", "to:paul"] {
        assert_eq!(criteria(text), [beginning(Field::To, "paul")], "{text}");
    }
    for text in ["a:pièce", "a:piece", "à:pièces", "has:attachment"] {
        assert_eq!(criteria(text), [Criterion::HasAttachment], "{text}");
    }
    let phrase = Saying::Phrase(["conseil", "de", "classe"].map(str::to_owned).to_vec());
    for text in ["objet:\"Conseil de classe\"", "subject:«Conseil de classe»"] {
        assert_eq!(criteria(text), [Criterion::Says(Field::Subject, phrase.clone())], "{text}");
    }
    for text in ["dans:archives", "in:\"Archives\""] {
        assert_eq!(criteria(text), [Criterion::In("archives".to_owned())], "{text}");
    }
}

#[test]
fn days_are_read_as_teachers_write_them() {
    for (text, day) in [
        ("12/03/2026", date(2026, 3, 12)),
        ("2026-03-12", date(2026, 3, 12)),
        ("03/2026", date(2026, 3, 1)),
        ("mars 2026", date(2026, 3, 1)),
        ("\"mars 2026\"", date(2026, 3, 1)),
        ("Février 2026", date(2026, 2, 1)),
        ("2025", date(2025, 1, 1)),
        ("hier", date(2026, 11, 23)),
        ("aujourd'hui", TODAY),
        ("7j", date(2026, 11, 17)),
        ("2s", date(2026, 11, 10)),
        ("1m", date(2026, 10, 24)),
        ("1a", date(2025, 11, 24)),
    ] {
        assert_eq!(criteria(&format!("avant:{text}")), [Criterion::Before(day)], "{text}");
        assert_eq!(criteria(&format!("after:{text}")), [Criterion::Since(day)], "{text}");
    }
    assert_eq!(
        criteria("après:mars 2026 notes"),
        [Criterion::Since(date(2026, 3, 1)), beginning(Field::Anywhere, "notes")]
    );
}

#[test]
fn what_makes_no_sense_is_read_as_words() {
    for (text, got) in [
        ("avant:31/02/2026", vec!["avant", "31", "02", "2026*"]),
        ("avant:99999999999999999999j", vec!["avant", "99999999999999999999j*"]),
        ("has:paul", vec!["has", "paul*"]),
        ("\"conseil de", vec!["conseil", "de*"]),
        ("con\"seil", vec!["con", "seil*"]),
        ("https://a.test/?q=1", vec!["https", "a", "test", "q", "1*"]),
        ("a AND (b OR NEAR(c)) ^d", vec!["a", "and", "b", "or", "near", "c", "d*"]),
        ("de: projet", vec!["projet*"]),
        ("avant: - \" \"\" : * -- '", vec![]),
        ("\0\u{7f}\u{fffd}", vec![]),
    ] {
        let shown: Vec<String> = criteria_of_any(text).iter().map(ToString::to_string).collect();
        assert_eq!(shown, got, "{text}");
    }
}

fn criteria_of_any(text: &str) -> Vec<Criterion> {
    read(text).terms.into_iter().map(|term| term.criterion).collect()
}

#[test]
fn what_is_excluded_is_whole() {
    let excluded = |criterion| Term { excluded: true, criterion };
    assert_eq!(
        read("-cantine -de:léa -\"a b\" -a:pièce").terms,
        [
            excluded(word(Field::Anywhere, "cantine")),
            excluded(word(Field::From, "léa")),
            excluded(Criterion::Says(Field::Anywhere, Saying::Phrase(vec!["a".to_owned(), "b".to_owned()]))),
            excluded(Criterion::HasAttachment),
        ]
    );
}

#[test]
fn a_question_without_end_is_bounded() {
    assert!(read(&"a ".repeat(100_000)).terms.len() <= 16);
    assert!(read(&"x".repeat(1_000_000)).to_string().len() < 100);
}

fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => r#"[a-zéÉœ'’İΣß0-9]{1,8}"#,
        2 => prop::sample::select(vec![
            "de:", "à:", "a:", "to:", "objet:", "avant:", "après:", "a:pièce", "to:pièce", "dans:", "-", "\"", "«", "*", ":", " ", "hier",
            "mars", "2026", "12/03/2026", "7j", "'", "\u{301}",
        ]).prop_map(str::to_owned),
        2 => Just(" ".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_question_that_is_written_down_reads_as_the_same(text in typed()) {
        let query = read(&text);
        prop_assert_eq!(&read(&query.to_string()), &query, "{} -> {}", text, query);
    }

    #[test]
    fn folding_twice_is_folding_once(text in any::<String>()) {
        for word in words(&text) {
            prop_assert_eq!(fold(&word.folded), word.folded.clone());
            prop_assert!(text.get(word.place.clone()).is_some());
            prop_assert!(word.folded.chars().all(char::is_alphanumeric));
        }
    }
}

use super::super::{Academy, Catalogue, Kind};
use super::essai;
use proptest::prelude::*;

fn found<'a>(all: &'a Catalogue, typed: &str) -> Vec<&'a str> {
    all.search(typed).into_iter().map(|academy| academy.id.as_str()).collect()
}

#[test]
fn an_academy_is_found_by_whatever_a_teacher_types() {
    let all = Catalogue::bundled().unwrap();
    for (typed, id) in [
        ("reunion", "reunion"),
        ("La Réunion", "reunion"),
        ("RÉUNION", "reunion"),
        ("orleans", "orleans-tours"),
        ("Orléans Tours", "orleans-tours"),
        ("  tours orléans ", "orleans-tours"),
        ("académie d’Orléans-Tours", "orleans-tours"),
        ("academie d'aix", "aix-marseille"),
        ("nancy metz", "nancy-metz"),
        ("metz", "nancy-metz"),
        ("Rouen", "normandie"),
        ("caen", "normandie"),
        ("Fort-de-France", "martinique"),
        ("schoelcher", "martinique"),
        ("nouméa", "nouvelle-caledonie"),
        ("nouvelle calédonie", "nouvelle-caledonie"),
        ("jeanne.dupont@ac-nancy-metz.fr", "nancy-metz"),
        ("jeanne.dupont@AC-Nancy-Metz.fr", "nancy-metz"),
        ("jeanne.dupont@ac-nanc", "nancy-metz"),
        ("jeanne.dupont@ac-rouen.fr", "normandie"),
        ("ac-caen.fr", "normandie"),
        ("portail.ac-nancy-metz.fr", "nancy-metz"),
        ("https://portail.ac-nancy-metz.fr/sso/SSO", "nancy-metz"),
        ("12E9501234ABC", "nancy-metz"),
        ("12e 95 01234 abc", "nancy-metz"),
        ("12", "nancy-metz"),
        ("05G", "normandie"),
        ("21E9501234ABC", "normandie"),
        ("43", "mayotte"),
    ] {
        assert_eq!(found(&all, typed), [id], "{typed}");
    }
}

#[test]
fn what_means_no_academy_finds_none() {
    let all = Catalogue::bundled().unwrap();
    for typed in [
        "1",
        "0",
        "26",
        "30E9501234ABC",
        "12345",
        "12E9501234ABCD",
        "12-E",
        "Atlantis",
        "lyon@gmail.com",
        "jeanne@ac-lyon.fr.example",
        "jeanne@fac-lyon.fr",
        "https://ac-lyon.fr.example/",
        "messagerie nationale",
        "!?",
    ] {
        assert_eq!(found(&all, typed), [""; 0], "{typed}");
    }
}

#[test]
fn nothing_typed_finds_all_in_the_order_of_their_names() {
    let all = Catalogue::bundled().unwrap();
    let everybody = all.search("  ");
    assert_eq!(everybody.len(), 31);
    assert!(everybody.iter().all(|academy| academy.kind != Kind::National));
    assert_eq!(everybody[0].id, "aix-marseille");
    assert_eq!(everybody[30].kind, Kind::ViceRectorat);
    // "d" begins "Dijon" and also the article of three others: the town comes first.
    assert_eq!(found(&all, "d")[0], "dijon");
    assert_eq!(found(&all, "académie").len(), 30);
}

#[test]
fn a_new_academy_is_found_as_the_others_are() {
    let mut all = Catalogue::bundled().unwrap();
    all.add(essai()).unwrap();
    for typed in ["port oeuvre", "PORT-ŒUVRÉ", "vieil", "98E9501234ABC", "x@ac-vieil-essai.fr"] {
        assert_eq!(found(&all, typed), ["essai"], "{typed}");
    }
}

proptest! {
    /// Everybody finds their academy by its whole name and by an address there, in any case.
    #[test]
    fn a_name_or_an_address_leads_home(pick in any::<prop::sample::Index>(), user in "[a-z.]{1,20}", up in any::<bool>()) {
        let all = Catalogue::bundled().unwrap();
        let academies: Vec<&Academy> = all.search("");
        let academy = academies[pick.index(academies.len())];
        for typed in [academy.name.clone(), format!("{user}@{}", academy.mail_domains[0])] {
            let typed = if up { typed.to_uppercase() } else { typed };
            prop_assert_eq!(found(&all, &typed), [academy.id.as_str()]);
        }
    }

    #[test]
    fn any_query_is_answered(typed in any::<String>()) {
        let _ = Catalogue::bundled().unwrap().search(&typed);
    }
}

use super::super::{
    Academy, Catalogue, GenerationName::Legacy, GenerationName::National, MailLogin, MailSecret, MailServer, Standing,
    TlsStart,
};
use super::{changed, essai};
use jiff::civil::date;
use url::Url;

const TODAY: jiff::civil::Date = date(2026, 11, 24);

#[test]
fn an_academy_tells_on_which_generation_an_address_is_or_that_one_must_ask() {
    let all = Catalogue::bundled().unwrap();
    let standing = |id: &str, address: &str, day| all.by_id(id).unwrap().standing(address, day);
    assert_eq!(standing("reunion", "jeanne.dupont@ac-reunion.fr", TODAY), Standing::On(National));
    assert_eq!(standing("reunion", "jeanne.dupont@ac-lyon.fr", TODAY), Standing::Stranger);
    assert_eq!(standing("reunion", "@ac-reunion.fr", TODAY), Standing::Stranger);
    // Announced for 2025: not yet in 2024, and afterwards nobody has said that it is done.
    assert_eq!(standing("poitiers", "j@ac-poitiers.fr", date(2024, 12, 31)), Standing::On(Legacy));
    assert_eq!(standing("poitiers", "j@AC-Poitiers.fr ", TODAY), Standing::Ask);
    assert_eq!(standing("nancy-metz", "j@ac-nancy-metz.fr", TODAY), Standing::Ask);
    assert_eq!(standing("normandie", "j@ac-caen.fr", TODAY), Standing::Ask);
    let apart = changed(&[("[oidc]", "[move_to_national]\nstatus = \"apart\"\n[oidc]")]).unwrap();
    assert_eq!(apart.standing("j@ac-essai.fr", TODAY), Standing::On(Legacy));
    let done = changed(&[("[oidc]", "[move_to_national]\nstatus = \"done\"\nyear = 2027\n[oidc]")]).unwrap();
    assert_eq!(done.standing("j@ac-essai.fr", TODAY), Standing::On(Legacy));
    assert_eq!(done.standing("j@ac-essai.fr", date(2027, 1, 1)), Standing::On(National));
}

#[test]
fn the_page_where_the_browser_ends_shows_the_generation() {
    let all = Catalogue::bundled().unwrap();
    let grenoble = all.by_id("grenoble").unwrap();
    let at = |url: &str| all.generation_at(grenoble, &Url::parse(url).unwrap());
    assert_eq!(at("https://webmail.ac-grenoble.fr/layout/index.jsp"), Some(Legacy));
    assert_eq!(at("https://messagerie.education.gouv.fr/mail"), Some(National));
    assert_eq!(at("https://webmail.ac-grenoble.fr.example/"), None);
    assert_eq!(at("https://webmel.ac-creteil.fr/"), None);
    let caledonie = all.by_id("nouvelle-caledonie").unwrap();
    assert_eq!(all.generation_at(caledonie, &Url::parse("https://messagerie.education.gouv.fr/").unwrap()), None);
}

#[test]
fn the_servers_of_the_messagerie_nationale_stand_in_one_place() {
    let all = Catalogue::bundled().unwrap();
    let reunion = all.by_id("reunion").unwrap();
    let national = all.generation(reunion, National).unwrap();
    assert_eq!(national.imap.as_ref().unwrap().host, "imap.education.gouv.fr");
    assert_eq!((national.login, national.secret), (Some(MailLogin::Address), Some(MailSecret::AppPassword)));
    assert!(all.generation(reunion, Legacy).is_none());
    // Its SMTP server is not known, so there is nothing to set up.
    assert_eq!(all.national().unwrap().suggested_mail(National), None);
}

#[test]
fn somebody_on_the_messagerie_nationale_may_sign_in_there_too_but_at_no_other_academy() {
    let all = Catalogue::bundled().unwrap();
    let lyon = all.by_id("lyon").unwrap();
    let official = |academy: &Academy, url: &str| all.is_official(academy, &Url::parse(url).unwrap());
    assert!(official(lyon, "https://portail.ac-lyon.fr/sso/SSO"));
    assert!(official(lyon, "https://hub.phm.education.gouv.fr/ds"));
    assert!(!lyon.is_official(&Url::parse("https://hub.phm.education.gouv.fr/ds").unwrap()));
    assert!(!official(lyon, "https://portail.ac-nancy-metz.fr/sso/SSO"));
    let apart = changed(&[("[oidc]", "[move_to_national]\nstatus = \"apart\"\n[oidc]")]).unwrap();
    assert!(!official(&apart, "https://hub.phm.education.gouv.fr/ds"));
}

#[test]
fn servers_are_used_unasked_only_where_the_academy_itself_states_all_of_them() {
    let sure = essai();
    let mail = sure.mail.as_ref().unwrap();
    assert_eq!(
        (mail.domain.as_str(), mail.imap.host.as_str(), mail.smtp.port),
        ("ac-essai.fr", "imap.ac-essai.fr", 465)
    );
    let medium = changed(&[("confidence = \"high\"", "confidence = \"medium\"")]).unwrap();
    assert_eq!(medium.mail, None);
    assert_eq!(medium.suggested_mail(Legacy).as_ref(), Some(mail));
    for (from, to) in [
        ("port = 465, tls = \"implicit\"", "port = 465"),
        (", port = 993", ""),
        ("login = \"identifier\"\n", ""),
        ("auth = [\"oauthbearer\", \"xoauth2\", \"password\"]\n", ""),
    ] {
        let partly = changed(&[(from, to)]).unwrap();
        assert_eq!((&partly.mail, partly.suggested_mail(Legacy)), (&None, None), "{to}");
    }
    let late = changed(&[("port = 465, tls = \"implicit\"", "port = 587, tls = \"starttls\"")]).unwrap();
    assert_eq!(late.mail.unwrap().smtp, MailServer::new("smtp.ac-essai.fr", 587, TlsStart::Starttls));
    // So it is in the bundled ones: none is stated by the academy itself, Créteil's are to be confirmed.
    let all = Catalogue::bundled().unwrap();
    assert!(all.search("").iter().all(|academy| academy.mail.is_none()));
    let suggested: Vec<_> = all.search("").into_iter().filter(|a| a.suggested_mail(Legacy).is_some()).collect();
    assert_eq!(suggested.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["creteil"]);
}

use super::{Academy, Catalogue, ProfileError};
use url::Url;

const TEST: &str = r#"
format = 1
id = "essai"
name = "Académie d'Orléans-Tours"
city = "Orléans"
numen_code = "18"
official_origins = ["https://id.ac-essai.fr"]
[oidc]
issuer = "https://id.ac-essai.fr"
client_id = "mobile"
redirect_uri = "fr.cartable.app:/retour"
scopes = ["openid"]
[mail]
domain = "ac-essai.fr"
login = "identifier"
auth = ["oauthbearer", "xoauth2", "password"]
imap = { host = "imap.ac-essai.fr", port = 993 }
smtp = { host = "smtp.ac-essai.fr", port = 465 }
[[evidence]]
field = "*"
source = "invented"
checked = "2026-11-24"
confidence = "low"
"#;

#[test]
fn bundled_profiles_keep_the_rules() {
    assert!(Catalogue::bundled().unwrap().by_id("nancy-metz").is_some());
}

#[test]
fn an_academy_is_found_by_whatever_a_teacher_types() {
    let mut all = Catalogue::bundled().unwrap();
    all.add(Academy::from_toml(TEST).unwrap()).unwrap();
    for typed in ["orleans", "ORLÉANS", "Orléans Tours", "18E9501234ABC", "jeanne.dupont@ac-essai.fr", " ac-essai.fr "]
    {
        let found: Vec<_> = all.search(typed).into_iter().map(|a| a.id.as_str()).collect();
        assert_eq!(found, ["essai"], "{typed}");
    }
    assert_eq!(all.search("").len(), 2);
    assert!(all.search("1").is_empty() && all.search("Atlantis").is_empty());
}

#[test]
fn only_https_on_an_official_origin_may_be_sent_a_secret() {
    let academy = Academy::from_toml(TEST).unwrap();
    let official = |url: &str| academy.is_official(&Url::parse(url).unwrap());
    assert!(official("https://id.ac-essai.fr/oauth2/token"));
    assert!(official("https://ID.ac-essai.fr:443/"));
    for other in [
        "http://id.ac-essai.fr/",
        "https://id.ac-essai.fr:8443/",
        "https://id.ac-essai.fr.example/",
        "https://id.ac-essai.fr@example.org/",
        "https://xn--d-tka.ac-essai.fr/",
        "data:text/html,https://id.ac-essai.fr",
    ] {
        assert!(!official(other), "{other}");
    }
}

#[test]
fn a_profile_that_breaks_a_rule_is_refused() {
    for (from, to) in [
        ("https://id.ac-essai.fr\"]", "http://id.ac-essai.fr\"]"),
        ("https://id.ac-essai.fr\"]", "https://id.ac-essai.fr/path\"]"),
        ("issuer = \"https://id.ac-essai.fr\"", "issuer = \"https://id.example.org\""),
        ("fr.cartable.app:/retour", "http://example.org/retour"),
        ("fr.cartable.app:/retour", "cartable:/retour"),
        ("[\"openid\"]", "[\"email\"]"),
        ("port = 993", "port = 0"),
        ("id = \"essai\"", "id = \"Essai !\""),
    ] {
        let text = TEST.replace(from, to);
        assert_ne!(text, TEST, "{from}");
        assert!(matches!(Academy::from_toml(&text), Err(ProfileError::Invalid(_))), "{to}");
    }
    assert_eq!(Academy::from_toml("format = 2\nnew = true"), Err(ProfileError::NewerFormat(2)));
    assert!(matches!(Academy::from_toml("format = 1\nid = 3"), Err(ProfileError::Unreadable(_))));
}

#[test]
fn no_two_academies_claim_one_origin() {
    let mut all = Catalogue::bundled().unwrap();
    let thief = TEST.replace("id.ac-essai.fr", "portail.ac-nancy-metz.fr");
    assert!(matches!(all.add(Academy::from_toml(&thief).unwrap()), Err(ProfileError::Claimed(_))));
}

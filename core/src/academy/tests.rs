mod bundled;
mod generations;
mod search;
mod update;

use super::{Academy, Catalogue, Confidence, LockRule, PasswordPolicy, ProfileError, WayIn};
use proptest::prelude::*;
use url::Url;

/// An academy of which everything is known.
const TEST: &str = r#"
format = 1
id = "essai"
name = "Académie d'Essai-sur-Mer"
city = "Port-Œuvré"
revised = "2026-11-24"
also_called = ["Vieil-Essai"]
numen_codes = ["98"]
mail_domains = ["ac-essai.fr", "ac-vieil-essai.fr"]
official_origins = ["https://id.ac-essai.fr"]
look_alikes = ["id.ac-essai.example"]
second_factors = ["totp", "push"]
identifier = { form = "initial-name", example = "jdupont" }
lock = { tries = 5, minutes = 20 }
password = { min_length = 10, history = 2 }
hacked_account = { mailbox_blocked_hours = 48 }
mail_rules = { no_aggregators = true }
[oidc]
issuer = "https://id.ac-essai.fr"
client_id = "mobile"
redirect_uri = "fr.cartable.app:/retour"
scopes = ["openid"]
[mail_code]
senders = ["portail@ac-essai.fr"]
authserv_id = "smtp.ac-essai.fr"
proof = "dkim"
digits = 6
subject = "code de connexion"
[[portals]]
protocol = "saml"
address = "https://id.ac-essai.fr/saml"
[[generations]]
name = "legacy"
login = "identifier"
auth = ["oauthbearer", "xoauth2", "password"]
imap = { host = "imap.ac-essai.fr", port = 993, tls = "implicit" }
smtp = { host = "smtp.ac-essai.fr", port = 465, tls = "implicit" }
[[services]]
name = "Courrier"
kind = "webmail"
address = "https://courrier.ac-essai.fr/"
audience = "staff"
generation = "legacy"
sign_in = "cas"
[[services]]
name = "Inscriptions"
kind = "other"
address = "https://familles.ac-essai.fr/"
audience = "families"
[[recovery]]
name = "Oubli"
address = "https://id.ac-essai.fr/oubli"
proofs = ["recovery-contact"]
[support]
phone = "01 23 45 67 89"
[[evidence]]
fields = ["*"]
source = "invented"
checked = "2026-11-24"
confidence = "high"
"#;

fn essai() -> Academy {
    Academy::from_toml(TEST).unwrap()
}

/// The test academy with parts of its text replaced.
fn changed(changes: &[(&str, &str)]) -> Result<Academy, ProfileError> {
    let text = changes.iter().fold(TEST.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Academy::from_toml(&text)
}

#[test]
fn only_https_on_an_official_origin_may_be_sent_a_secret() {
    let academy = essai();
    let official = |url: &str| academy.is_official(&Url::parse(url).unwrap());
    assert!(official("https://id.ac-essai.fr/oauth2/token"));
    assert!(official("https://ID.ac-essai.fr:443/"));
    for other in [
        "http://id.ac-essai.fr/",
        "https://id.ac-essai.fr:8443/",
        "https://id.ac-essai.fr.example/",
        "https://id.ac-essai.fr@example.org/",
        "https://xn--d-tka.ac-essai.fr/",
        "https://courrier.ac-essai.fr/",
        "data:text/html,https://id.ac-essai.fr",
    ] {
        assert!(!official(other), "{other}");
    }
}

#[test]
fn a_profile_that_breaks_a_rule_is_refused() {
    for (from, to) in [
        ("id = \"essai\"", "id = \"Essai !\""),
        ("id = \"essai\"", "id = \"../essai\""),
        ("id = \"essai\"", "id = \"national\""),
        ("id = \"essai\"", "id = \"essai\"\nkind = \"national\""),
        ("city = \"Port-Œuvré\"", "city = \" \""),
        ("[\"98\"]", "[\"9\"]"),
        ("[\"98\"]", "[\"9a\"]"),
        ("\"ac-vieil-essai.fr\"", "\"AC-vieil-essai.fr\""),
        ("\"ac-vieil-essai.fr\"", "\"essai\""),
        ("origins = [\"https://id.ac-essai.fr\"]", "origins = [\"http://id.ac-essai.fr\"]"),
        ("origins = [\"https://id.ac-essai.fr\"]", "origins = [\"https://id.ac-essai.fr/path\"]"),
        ("origins = [\"https://id.ac-essai.fr\"]", "origins = [\"https://me:me@id.ac-essai.fr\"]"),
        ("origins = [\"https://id.ac-essai.fr\"]", "origins = [\"https://127.0.0.1\"]"),
        ("\"id.ac-essai.example\"", "\"id.ac-essai.fr\""),
        ("issuer = \"https://id.ac-essai.fr\"", "issuer = \"https://id.example.org\""),
        ("fr.cartable.app:/retour", "http://example.org/retour"),
        ("fr.cartable.app:/retour", "cartable:/retour"),
        ("[\"openid\"]", "[\"email\"]"),
        ("[\"openid\"]", "[\"openid\"]\npost_logout_redirect_uri = \"http://example.org/adieu\""),
        ("https://id.ac-essai.fr/saml", "http://id.ac-essai.fr/saml"),
        ("https://id.ac-essai.fr/saml", "https://portail.ac-essai.fr/saml"),
        ("https://id.ac-essai.fr/oubli", "https://oubli.ac-essai.fr/"),
        ("https://courrier.ac-essai.fr/", "http://courrier.ac-essai.fr/"),
        ("https://courrier.ac-essai.fr/", "https://courrier#ac-essai.fr/"),
        ("https://familles.ac-essai.fr/", "https://id.ac-essai.fr/"),
        ("[\"portail@ac-essai.fr\"]", "[]"),
        ("portail@ac-essai.fr", "@ac-essai.fr"),
        ("portail@ac-essai.fr", "portail@ac-essai.fr>"),
        ("\"smtp.ac-essai.fr\"\nproof", "\"smtp.ac-essai.fr; auth\"\nproof"),
        ("digits = 6", "digits = 3"),
        ("code de connexion", " "),
        ("port = 993", "port = 0"),
        ("\"imap.ac-essai.fr\"", "\"imap.ac-essai.fr/\""),
        ("\"imap.ac-essai.fr\"", "\"192.0.2.1 \""),
        ("name = \"legacy\"", "name = \"national\""),
        ("audience = \"families\"", "audience = \"families\"\nsign_in = \"cas\""),
        ("tries = 5", "tries = 0"),
        ("min_length = 10", "classes = 5"),
        ("min_length = 10", "min_length = 3"),
        ("min_length = 10", "max_length = 11"),
        ("source = \"invented\"", "source = \"\""),
        ("[\"*\"]", "[\"*\", \"services.Cantine\"]"),
    ] {
        assert!(matches!(changed(&[(from, to)]), Err(ProfileError::Invalid(_))), "{to}: {:?}", changed(&[(from, to)]));
    }
    assert_eq!(Academy::from_toml("format = 2\nnew = true"), Err(ProfileError::UnknownFormat(2)));
    for unreadable in ["format = 1\nid = 3", "", "format = \"1\"", "format = 1\nsecret = \"x\"", "\0"] {
        assert!(matches!(Academy::from_toml(unreadable), Err(ProfileError::Unreadable(_))), "{unreadable}");
    }
}

#[test]
fn every_fact_has_a_source_and_the_closest_one_counts() {
    let names = "numen_codes\", \"mail_domains\", \"city\", \"also_called";
    let some = changed(&[("\"*\"", &format!("\"{names}\""))]);
    assert!(matches!(some, Err(ProfileError::Unsourced(_))), "{some:?}");
    let more = "confidence = \"high\"\n[[evidence]]\nfields = [\"second_factors\", \"generations.legacy.smtp\"]\n\
                source = \"somebody\"\nchecked = \"2026-11-24\"\nconfidence = \"medium\"\n";
    let academy = changed(&[("confidence = \"high\"\n", more)]).unwrap();
    assert_eq!(academy.confidence("second_factors"), Some(Confidence::Medium));
    assert_eq!(academy.confidence("generations.legacy.smtp.port"), Some(Confidence::Medium));
    assert_eq!(academy.confidence("generations.legacy.imap.port"), Some(Confidence::High));
    // A field whose name only begins alike is another.
    assert_eq!(academy.confidence("second_factors_of_others"), Some(Confidence::High));
}

#[test]
fn no_secret_goes_where_a_page_of_little_reliability_says() {
    for field in [
        "official_origins",
        "oidc",
        "portals",
        "generations.legacy.imap",
        "generations.legacy.smtp.host",
        "services.Courrier",
        "services.Courrier.sign_in",
        "recovery.Oubli.address",
    ] {
        let more = format!(
            "confidence = \"high\"\n[[evidence]]\nfields = [\"{field}\"]\nsource = \"a forum\"\n\
             checked = \"2026-11-24\"\nconfidence = \"low\"\n"
        );
        let doubtful = changed(&[("confidence = \"high\"\n", &more)]);
        assert!(matches!(doubtful, Err(ProfileError::Doubtful(_))), "{field}: {doubtful:?}");
    }
    let low = changed(&[("confidence = \"high\"", "confidence = \"low\"")]);
    assert!(matches!(low, Err(ProfileError::Doubtful(_))));
}

#[test]
fn what_is_not_published_is_the_careful_default() {
    let published = essai();
    assert_eq!(published.lock_rule(), LockRule { tries: 5, minutes: Some(20) });
    let policy = published.password_policy();
    assert_eq!((policy.min_length, policy.classes, policy.history), (10, 4, Some(2)));
    let silent =
        changed(&[("lock = { tries = 5, minutes = 20 }\n", ""), ("password = { min_length = 10, history = 2 }\n", "")]);
    let silent = silent.unwrap();
    assert_eq!((silent.lock_rule(), silent.password_policy()), (LockRule::CAREFUL, PasswordPolicy::CAREFUL));
    assert_eq!((PasswordPolicy::CAREFUL.min_length, PasswordPolicy::CAREFUL.classes), (12, 4));
}

#[test]
fn the_best_way_in_is_taken() {
    let academy = essai();
    assert!(matches!(academy.way_in(), WayIn::Oidc(oidc) if oidc.client_id == "mobile"));
    let (before, rest) = TEST.split_once("[oidc]").unwrap();
    let (_, portals) = rest.split_once("[[portals]]").unwrap();
    let browser = Academy::from_toml(&format!("{before}[[portals]]{portals}")).unwrap();
    assert!(matches!(browser.way_in(), WayIn::Browser(portal) if portal.address.path() == "/saml"));
    let (_, generations) = portals.split_once("[[generations]]").unwrap();
    let none = Academy::from_toml(&format!("{before}[[generations]]{generations}")).unwrap();
    assert_eq!(none.way_in(), WayIn::Unknown);
}

#[test]
fn no_two_academies_claim_one_host_or_one_domain() {
    let mut all = Catalogue::bundled().unwrap();
    for (from, to, claimed) in [
        ("id.ac-essai.fr", "portail.ac-nancy-metz.fr", "portail.ac-nancy-metz.fr"),
        ("imap.ac-essai.fr", "imap.education.gouv.fr", "imap.education.gouv.fr"),
        // Another port of a host is the same machine.
        ("id.ac-essai.fr", "portail.ac-lyon.fr:8443", "portail.ac-lyon.fr"),
        ("courrier.ac-essai.fr", "webmail.ac-grenoble.fr", "webmail.ac-grenoble.fr"),
        ("\"ac-vieil-essai.fr\"", "\"ac-rouen.fr\"", "ac-rouen.fr"),
    ] {
        let thief = changed(&[(from, to)]).unwrap();
        assert_eq!(all.add(thief).unwrap_err(), ProfileError::Claimed(claimed.to_owned()));
        assert!(all.by_id("essai").is_none());
    }
    all.add(essai()).unwrap();
    all.add(changed(&[("sur-Mer", "sur-Lac")]).unwrap()).unwrap();
    assert_eq!(all.search("essai").len(), 1);
    assert!(all.by_id("essai").unwrap().name.ends_with("Lac"));
}

proptest! {
    /// A profile damaged at any place is refused or is one that keeps every rule; it never panics.
    #[test]
    fn a_damaged_profile_is_refused_or_keeps_the_rules(at in 0..TEST.len(), byte in any::<u8>()) {
        let mut bytes = TEST.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(academy) = Academy::from_toml(&text)
        {
            prop_assert!(academy.official_origins.iter().all(|origin| origin.scheme() == "https"));
            prop_assert!(academy.hosts().all(|host| host.contains('.')));
            prop_assert!(academy.portals.iter().all(|portal| academy.is_official(&portal.address)));
            prop_assert!(academy.services.iter().all(|service| service.address.scheme() == "https"));
        }
    }
}

//! The rules that every profile keeps. Code behind this module relies on them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Host, Url};

use super::facts::{Audience, Confidence, Kind, MailCodeRule, OidcSettings, Service, ServiceSignIn};
use super::generation::{GenerationName, ServerFacts};
use super::profile::{Academy, ProfileError};

/// What names a file rather than states a fact.
const UNSOURCED: &[&str] = &["format", "id", "kind", "name", "revised", "evidence"];

/// The paths of all facts that a file states, each once.
///
/// An entry of a list of tables goes by its `name`, or by its number.
pub(super) fn stated(table: &Map<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in table.iter().filter(|(key, _)| !UNSOURCED.contains(&key.as_str())) {
        walk(key.clone(), value, &mut found);
    }
    found
}

fn walk(path: String, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                walk(format!("{path}.{key}"), value, found);
            }
        }
        Value::Array(array) if array.iter().any(Value::is_object) => {
            for (number, entry) in array.iter().enumerate() {
                let name = entry.get("name").and_then(Value::as_str);
                walk(format!("{path}.{}", name.map_or_else(|| number.to_string(), str::to_owned)), entry, found);
            }
        }
        // Which generation an entry is about is no fact of its own.
        _ if path.starts_with("generations.") && path.ends_with(".name") => {}
        _ => {
            found.insert(path);
        }
    }
}

/// The path of a field of a generation.
pub(super) fn generation_path(name: GenerationName, field: &str) -> String {
    let name = match name {
        GenerationName::Legacy => "legacy",
        GenerationName::National => "national",
    };
    format!("generations.{name}.{field}")
}

/// How close the field of an evidence is to `path`: the longer the closer, `None` when it is about something else.
pub(super) fn closeness(field: &str, path: &str) -> Option<usize> {
    if field == "*" {
        return Some(0);
    }
    let rest = path.strip_prefix(field)?;
    (rest.is_empty() || rest.starts_with('.')).then_some(field.len())
}

/// Checks a profile of which the file states these facts.
pub(super) fn check(academy: &Academy, stated: &BTreeSet<String>) -> Result<(), ProfileError> {
    names(academy)?;
    origins(academy)?;
    if let Some(oidc) = &academy.oidc {
        check_oidc(academy, oidc)?;
    }
    if let Some(code) = &academy.mail_code {
        check_mail_code(code)?;
    }
    addresses(academy)?;
    numbers(academy)?;
    generations(academy)?;
    evidence(academy, stated)
}

fn rule(kept: bool, field: &'static str) -> Result<(), ProfileError> {
    if kept { Ok(()) } else { Err(ProfileError::Invalid(field)) }
}

fn names(academy: &Academy) -> Result<(), ProfileError> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    rule(!academy.id.is_empty() && academy.id.len() <= 40 && plain(&academy.id), "id")?;
    rule((academy.kind == Kind::National) == (academy.id == "national"), "kind")?;
    rule(academy.id != Academy::OWN, "id")?;
    rule(!academy.name.trim().is_empty(), "name")?;
    rule(academy.kind == Kind::National || !academy.city.trim().is_empty(), "city")?;
    let code = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_digit());
    rule(academy.numen_codes.iter().all(code), "numen_codes")?;
    rule(academy.mail_domains.iter().all(|domain| is_host(domain)), "mail_domains")?;
    let strange = |host: &String| is_host(host) && academy.hosts().all(|own| own != host);
    rule(academy.look_alikes.iter().all(strange), "look_alikes")
}

fn origins(academy: &Academy) -> Result<(), ProfileError> {
    let bare = |url: &Url| is_safe(url) && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    rule(academy.official_origins.iter().all(bare), "official_origins")
}

fn check_oidc(academy: &Academy, oidc: &OidcSettings) -> Result<(), ProfileError> {
    let issuer = Url::parse(&oidc.issuer).map_err(|_| ProfileError::Invalid("oidc.issuer"))?;
    rule(academy.is_official(&issuer), "oidc.issuer")?;
    // RFC 8252: a private scheme is a reversed domain name of ours; plain http never leaves the phone.
    let ours = |back: &Url| {
        let loopback = back.scheme() == "http" && matches!(back.host_str(), Some("127.0.0.1" | "[::1]"));
        back.scheme() == "https" || loopback || back.scheme().contains('.')
    };
    rule(ours(&oidc.redirect_uri), "oidc.redirect_uri")?;
    rule(oidc.post_logout_redirect_uri.iter().all(ours), "oidc.post_logout_redirect_uri")?;
    rule(oidc.scopes.iter().any(|scope| scope == "openid"), "oidc.scopes")
}

fn check_mail_code(code: &MailCodeRule) -> Result<(), ProfileError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-".contains(&b);
    let address = |text: &String| {
        text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && user.bytes().all(plain) && is_host(host))
    };
    rule(!code.senders.is_empty() && code.senders.iter().all(address), "mail_code.senders")?;
    rule(is_host(&code.authserv_id), "mail_code.authserv_id")?;
    // Fewer digits are found in any mail, and no portal has more.
    rule((4..=10).contains(&code.digits), "mail_code.digits")?;
    rule(code.subject.as_ref().is_none_or(|words| !words.trim().is_empty()), "mail_code.subject")
}

fn addresses(academy: &Academy) -> Result<(), ProfileError> {
    let official = |url: &Url| is_safe(url) && academy.is_official(url);
    rule(academy.portals.iter().all(|portal| official(&portal.address)), "portals.address")?;
    rule(academy.recovery.iter().filter_map(|tool| tool.address.as_ref()).all(official), "recovery.address")?;
    rule(academy.recovery.iter().all(|tool| !tool.name.is_empty()), "recovery.name")?;
    rule(academy.services.iter().all(|service| is_safe(&service.address) && !service.name.is_empty()), "services")?;
    rule(academy.support.page.iter().all(is_safe), "support.page")?;
    // A ticket of the portal's goes there.
    let by_cas = academy.services.iter().any(|service| service.sign_in == Some(ServiceSignIn::Cas));
    rule(!by_cas || !academy.official_origins.is_empty(), "services.sign_in")?;
    // A teacher must never be led to sign in where parents do.
    let families = academy.services.iter().filter(|service| service.audience == Some(Audience::Families));
    let apart = families.into_iter().all(|service| academy.hosts().all(|own| service.address.host_str() != Some(own)));
    let strange = |service: &Service| service.audience == Some(Audience::Families) && service.sign_in.is_some();
    rule(!academy.services.iter().any(strange), "services.sign_in")?;
    rule(apart, "services.audience")
}

fn numbers(academy: &Academy) -> Result<(), ProfileError> {
    let password = &academy.password;
    rule(password.classes.is_none_or(|classes| (1..=4).contains(&classes)), "password.classes")?;
    let policy = academy.password_policy();
    let lengths = policy.min_length > 0 && policy.max_length.is_none_or(|most| most >= policy.min_length);
    rule(lengths && policy.min_length >= policy.classes, "password.min_length")?;
    rule(password.max_age_days != Some(0), "password.max_age_days")?;
    rule(academy.lock_rule().tries > 0, "lock.tries")
}

fn generations(academy: &Academy) -> Result<(), ProfileError> {
    for (at, generation) in academy.generations.iter().enumerate() {
        let again = academy.generations.iter().skip(at + 1).any(|other| other.name == generation.name);
        // Those of the messagerie nationale stand in one file, so that they are put right in one place.
        let elsewhere = (generation.name == GenerationName::National) != (academy.kind == Kind::National);
        rule(!again && !elsewhere, "generations.name")?;
        let good = |server: &ServerFacts| is_host(&server.host) && server.port != Some(0);
        rule(generation.imap.iter().chain(&generation.smtp).all(good), "generations")?;
    }
    Ok(())
}

fn evidence(academy: &Academy, stated: &BTreeSet<String>) -> Result<(), ProfileError> {
    for path in stated {
        match academy.confidence(path) {
            None => return Err(ProfileError::Unsourced(path.clone())),
            Some(Confidence::Low) if takes_secrets(path) => return Err(ProfileError::Doubtful(path.clone())),
            Some(_) => {}
        }
    }
    rule(!academy.evidence.is_empty(), "evidence")?;
    for told in &academy.evidence {
        rule(!told.fields.is_empty() && !told.source.trim().is_empty(), "evidence")?;
        // An evidence about nothing is a slip of the pen, or stands for a fact that somebody deleted.
        let about = |field: &String| stated.iter().any(|path| closeness(field, path).is_some());
        rule(told.fields.iter().all(about), "evidence.fields")?;
    }
    Ok(())
}

/// Whether a secret goes, or is typed, where this field says.
fn takes_secrets(path: &str) -> bool {
    let under = |field: &str| closeness(field, path).is_some();
    let server = under("generations") && (path.contains(".imap.") || path.contains(".smtp."));
    server
        || under("official_origins")
        || under("oidc")
        || under("portals")
        || path.ends_with(".address")
        || path.ends_with(".sign_in")
}

/// Https, with a whole host name and nobody's name before it.
fn is_safe(url: &Url) -> bool {
    let anonymous = url.username().is_empty() && url.password().is_none();
    url.scheme() == "https" && matches!(url.host(), Some(Host::Domain(host)) if is_host(host)) && anonymous
}

/// A host by name, as it is written in a certificate.
pub(super) fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let labels = host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    host.len() <= 253 && host.contains('.') && host.bytes().all(plain) && labels
}

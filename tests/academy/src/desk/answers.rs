//! What the desk answers, as a page or as JSON, in French or English.

use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::RESET_PATH;
use super::requests::{LONGEST, Language, Manner, SHORTEST, Weakness};
use super::steps::STEP_LIFE;

/// All that the desk can say.
#[derive(Debug)]
pub(super) enum Answer {
    ProofForm,
    PasswordForm { token: SecretString },
    Done,
    Malformed { field: &'static str },
    ProofRefused { attempts_left: u32 },
    TooManyAttempts { wait: Duration },
    PasswordRefused { weaknesses: Vec<Weakness>, token: Option<SecretString> },
    StepExpired,
    Unavailable,
    TooLarge,
    TooSlow,
    NotFound,
    MethodNotAllowed { allowed: &'static str },
}

impl Answer {
    /// Its word in the log and, for refusals, in JSON.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::ProofForm => "proof",
            Self::PasswordForm { .. } => "password",
            Self::Done => "done",
            Self::Malformed { .. } => "malformed",
            Self::ProofRefused { .. } => "proof_refused",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::PasswordRefused { .. } => "password_refused",
            Self::StepExpired => "step_expired",
            Self::Unavailable => "unavailable",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::ProofForm | Self::PasswordForm { .. } | Self::Done => StatusCode::OK,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::ProofRefused { .. } => StatusCode::FORBIDDEN,
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::PasswordRefused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::StepExpired => StatusCode::GONE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    pub(super) fn headers(&self, manner: Manner) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let language = if manner.language == Language::French { "fr" } else { "en" };
        let kind = if manner.json { "application/json" } else { "text/html; charset=utf-8" };
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_LANGUAGE, language),
            (header::VARY, "Accept, Accept-Language"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        match self {
            Self::TooManyAttempts { wait } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(*wait)));
            }
            Self::MethodNotAllowed { allowed } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            _ => {}
        }
        headers
    }

    pub(super) fn body(&self, manner: Manner) -> String {
        if manner.json { self.json(manner.language).to_string() } else { self.page(manner.language) }
    }

    fn json(&self, language: Language) -> Value {
        let mut object = Map::new();
        let key = if self.status().is_success() { "step" } else { "error" };
        object.insert(key.to_owned(), json!(self.word()));
        object.insert("message".to_owned(), json!(self.message(language)));
        let mut add = |name: &str, value: Value| object.insert(name.to_owned(), value);
        match self {
            Self::ProofForm => {
                add("action", json!(format!("{RESET_PATH}/proof")));
                add("fields", json!(["identifier", "numen", "birth_date"]));
            }
            Self::PasswordForm { token } => {
                add("action", json!(format!("{RESET_PATH}/password")));
                add("fields", json!(["token", "new_password", "confirmation"]));
                add("token", json!(token.expose_secret()));
                add("expires_in", json!(STEP_LIFE.as_secs()));
                add("rules", json!({ "min_length": SHORTEST, "max_length": LONGEST, "letter": true, "digit": true }));
            }
            Self::Malformed { field } => {
                add("field", json!(field));
            }
            Self::ProofRefused { attempts_left } => {
                add("attempts_left", json!(attempts_left));
            }
            Self::TooManyAttempts { wait } => {
                add("retry_after", json!(seconds(*wait)));
            }
            Self::PasswordRefused { weaknesses, token } => {
                let reasons: Vec<&str> = weaknesses.iter().map(|weakness| reason(*weakness).0).collect();
                add("reasons", json!(reasons));
                add("token", json!(token.as_ref().map(ExposeSecret::expose_secret)));
            }
            _ => {}
        }
        Value::Object(object)
    }

    /// Only words of the desk and tokens of hexadecimal digits go into a page, so nothing needs escaping.
    fn page(&self, language: Language) -> String {
        let french = language == Language::French;
        let pick = |fr: &'static str, en: &'static str| if french { fr } else { en };
        let title = pick("Réinitialiser mon mot de passe", "Reset my password");
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p id=\"message\" role=\"status\" data-word=\"{}\">{}</p>\n",
            pick("fr", "en"),
            self.word(),
            self.message(language)
        );
        match self {
            Self::ProofForm | Self::ProofRefused { attempts_left: 1.. } | Self::Malformed { .. } => {
                let fields = [
                    ("identifier", "text", pick("Identifiant", "Identifier")),
                    ("numen", "password", "NUMEN"),
                    ("birth_date", "date", pick("Date de naissance", "Date of birth")),
                ];
                page.push_str(&form("proof", None, &fields, pick("Continuer", "Continue")));
            }
            Self::PasswordForm { token } | Self::PasswordRefused { token: Some(token), .. } => {
                let fields = [
                    ("new_password", "password", pick("Nouveau mot de passe", "New password")),
                    ("confirmation", "password", pick("Confirmation", "Once more")),
                ];
                page.push_str(&form("password", Some(token), &fields, pick("Enregistrer", "Save")));
            }
            _ => page.push_str(&format!("<p><a href=\"{RESET_PATH}\">{}</a></p>\n", pick("Retour", "Back"))),
        }
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    fn message(&self, language: Language) -> String {
        let (french, english) = match self {
            Self::ProofForm => (
                "Indiquez votre identifiant, votre NUMEN et votre date de naissance.".to_owned(),
                "Enter your identifier, your NUMEN and your date of birth.".to_owned(),
            ),
            Self::PasswordForm { .. } => (
                format!("Choisissez un mot de passe d'au moins {SHORTEST} caractères, avec une lettre et un chiffre."),
                format!("Choose a password of at least {SHORTEST} characters, with a letter and a digit."),
            ),
            Self::Done => (
                "Votre mot de passe est changé. Utilisez-le dès maintenant.".to_owned(),
                "Your password is changed. Use it from now on.".to_owned(),
            ),
            Self::Malformed { field } => (
                format!("Le champ « {field} » n'a pas la forme attendue."),
                format!("The field \"{field}\" does not look as expected."),
            ),
            Self::ProofRefused { attempts_left } => (
                format!("Ces informations ne correspondent à aucun compte. Essais restants : {attempts_left}."),
                format!("These details match no account. Attempts left: {attempts_left}."),
            ),
            Self::TooManyAttempts { wait } => {
                let minutes = seconds(*wait).div_ceil(60);
                (
                    format!("Trop d'essais. Réessayez dans {minutes} min."),
                    format!("Too many attempts. Try again in {minutes} min."),
                )
            }
            Self::PasswordRefused { weaknesses, .. } => {
                let join = |pick: fn((&'static str, &'static str, &'static str)) -> &'static str| {
                    weaknesses.iter().map(|weakness| pick(reason(*weakness))).collect::<Vec<_>>().join(", ")
                };
                (
                    format!("Mot de passe refusé : {}.", join(|(_, french, _)| french)),
                    format!("Password refused: {}.", join(|(_, _, english)| english)),
                )
            }
            Self::StepExpired => (
                "Cette étape n'est plus valable. Recommencez.".to_owned(),
                "This step is no longer valid. Start again.".to_owned(),
            ),
            Self::Unavailable => (
                "Le service ne répond pas. Aucun essai n'a été compté.".to_owned(),
                "The service does not answer. No attempt was counted.".to_owned(),
            ),
            Self::TooLarge => ("Demande trop longue.".to_owned(), "Request too large.".to_owned()),
            Self::TooSlow => ("Demande trop lente.".to_owned(), "Request too slow.".to_owned()),
            Self::NotFound => ("Page inconnue.".to_owned(), "No such page.".to_owned()),
            Self::MethodNotAllowed { .. } => ("Méthode refusée.".to_owned(), "Method not allowed.".to_owned()),
        };
        if language == Language::French { french } else { english }
    }
}

/// A weakness as JSON, French and English name it.
fn reason(weakness: Weakness) -> (&'static str, &'static str, &'static str) {
    match weakness {
        Weakness::Mismatch => ("mismatch", "les deux saisies diffèrent", "the two entries differ"),
        Weakness::TooShort => ("too_short", "trop court", "too short"),
        Weakness::TooLong => ("too_long", "trop long", "too long"),
        Weakness::NoLetter => ("no_letter", "aucune lettre", "no letter"),
        Weakness::NoDigit => ("no_digit", "aucun chiffre", "no digit"),
        Weakness::ContainsIdentifier => ("contains_identifier", "contient l'identifiant", "contains the identifier"),
        Weakness::Unprintable => ("unprintable", "caractère non imprimable", "unprintable character"),
    }
}

fn form(step: &str, token: Option<&SecretString>, fields: &[(&str, &str, &str)], button: &str) -> String {
    let mut form = format!("<form method=\"post\" action=\"{RESET_PATH}/{step}\" autocomplete=\"off\">\n");
    if let Some(token) = token {
        form.push_str(&format!("<input type=\"hidden\" name=\"token\" value=\"{}\">\n", token.expose_secret()));
    }
    for (name, kind, label) in fields {
        form.push_str(&format!(
            "<p><label for=\"{name}\">{label}</label> <input id=\"{name}\" name=\"{name}\" type=\"{kind}\" required></p>\n"
        ));
    }
    form.push_str(&format!("<p><button type=\"submit\">{button}</button></p>\n</form>\n"));
    form
}

/// Rounded up, so that who waits that long is not turned away again.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

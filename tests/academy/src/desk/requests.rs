//! What a client sent, made certain.

use std::collections::HashMap;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE};
use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};

/// Language of the words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    French,
    English,
}

/// How the client wants its answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) language: Language,
    pub(super) json: bool,
}

/// The three things that prove a person.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) identifier: String,
    pub(super) numen: SecretString,
    /// As `YYYY-MM-DD`.
    pub(super) birth_date: SecretString,
}

/// The second step.
#[derive(Debug)]
pub(super) struct NewPassword {
    pub(super) token: SecretString,
    pub(super) password: SecretString,
    pub(super) confirmation: SecretString,
}

/// A field that cannot be what it should be, by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Why a password is not good enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    Mismatch,
    TooShort,
    TooLong,
    NoLetter,
    NoDigit,
    ContainsIdentifier,
    Unprintable,
}

pub(super) const SHORTEST: usize = 8;
pub(super) const LONGEST: usize = 128;

impl Manner {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json =
            text(ACCEPT).split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "application/json");
        Self { language: preferred(text(ACCEPT_LANGUAGE)), json }
    }
}

impl Proof {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let identifier = fields.take("identifier")?.expose_secret().trim().to_lowercase();
        let known = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        if identifier.is_empty() || identifier.len() > 64 || !identifier.chars().all(known) {
            return Err(Malformed("identifier"));
        }
        Ok(Self {
            identifier,
            numen: numen(&fields.take("numen")?)?,
            birth_date: birth_date(&fields.take("birth_date")?)?,
        })
    }
}

impl NewPassword {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        Ok(Self {
            token: fields.take("token")?,
            password: fields.take("new_password")?,
            confirmation: fields.take("confirmation")?,
        })
    }

    /// All that is wrong with it for the owner of `identifier`.
    pub(super) fn weaknesses(&self, identifier: &str) -> Vec<Weakness> {
        let password = self.password.expose_secret();
        let length = password.chars().count();
        let checks = [
            (password != self.confirmation.expose_secret(), Weakness::Mismatch),
            (length < SHORTEST, Weakness::TooShort),
            (length > LONGEST, Weakness::TooLong),
            (!password.chars().any(char::is_alphabetic), Weakness::NoLetter),
            (!password.chars().any(char::is_numeric), Weakness::NoDigit),
            (password.to_lowercase().contains(identifier), Weakness::ContainsIdentifier),
            (password.chars().any(char::is_control), Weakness::Unprintable),
        ];
        checks.into_iter().filter_map(|(wrong, weakness)| wrong.then_some(weakness)).collect()
    }
}

/// Fields of a form or of a flat JSON object.
#[derive(Debug)]
pub(super) struct Fields(HashMap<String, SecretString>);

impl Fields {
    /// `None` for a body that is neither.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        let fields = match kind.as_str() {
            "application/x-www-form-urlencoded" => url::form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), SecretString::from(value.into_owned())))
                .collect(),
            "application/json" => serde_json::from_slice::<HashMap<String, String>>(body)
                .ok()?
                .into_iter()
                .map(|(name, value)| (name, SecretString::from(value)))
                .collect(),
            _ => return None,
        };
        Some(Self(fields))
    }

    fn take(&mut self, name: &'static str) -> Result<SecretString, Malformed> {
        self.0.remove(name).ok_or(Malformed(name))
    }
}

/// Upper case and without the spaces of the paper it was copied from.
fn numen(typed: &SecretString) -> Result<SecretString, Malformed> {
    let numen: String = typed.expose_secret().chars().filter(|letter| !letter.is_whitespace()).collect();
    if numen.len() != 13 || !numen.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(Malformed("numen"));
    }
    Ok(SecretString::from(numen.to_ascii_uppercase()))
}

fn birth_date(typed: &SecretString) -> Result<SecretString, Malformed> {
    let typed = typed.expose_secret().trim();
    let date = Date::strptime("%Y-%m-%d", typed).or_else(|_| Date::strptime("%d/%m/%Y", typed));
    let date = date.map_err(|_| Malformed("birth_date"))?;
    Ok(SecretString::from(date.strftime("%Y-%m-%d").to_string()))
}

/// RFC 9110 12.5.4, for two languages; French where nothing else is said.
fn preferred(accept_language: &str) -> Language {
    let mut best = (0.0, Language::French);
    for range in accept_language.split(',').take(20) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        let language = match tag.split('-').next() {
            Some("fr" | "*") => Language::French,
            Some("en") => Language::English,
            _ => continue,
        };
        if quality > best.0 {
            best = (quality, language);
        }
    }
    best.1
}

//! The portal's cookies (RFC 6265), for one portal and never sent anywhere else.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// More than any portal sets; what is beyond is not kept.
const MOST: usize = 32;
const LONGEST: usize = 4096;

/// The cookies of one portal. They let in: never printed, kept in the keystore only.
#[derive(Clone, Default, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(in crate::portal) struct Jar {
    cookies: Vec<(String, String)>,
}

impl Jar {
    /// Takes the fields `Set-Cookie` of an answer. The portal's attributes can only widen where a cookie goes, and it never
    /// goes further than the portal: so only its name, its value and its end matter.
    pub(in crate::portal) fn take<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>, now_ms: i64) {
        for field in fields.into_iter().filter(|field| field.len() <= LONGEST) {
            let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            let printable = |text: &str| text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b';');
            if name.is_empty() || !printable(name) || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                continue;
            }
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() && !has_ended(attributes, now_ms) && self.cookies.len() < MOST {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The field `Cookie` for the next request.
    pub(in crate::portal) fn header(&self) -> SecretString {
        // The portal writes its mails in this language.
        let mut field = "llnglanguage=fr".to_owned();
        for (name, value) in &self.cookies {
            field.push_str("; ");
            field.push_str(name);
            field.push('=');
            field.push_str(value);
        }
        field.into()
    }
}

/// Whether the attributes say that the cookie has ended. A date that cannot be read says nothing.
fn has_ended(attributes: &str, now_ms: i64) -> bool {
    let mut ended = None;
    for attribute in attributes.split(';') {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("max-age") {
            // It counts before `Expires` (RFC 6265, 5.3).
            return value.parse::<i64>().is_ok_and(|seconds| seconds <= 0);
        }
        if name.eq_ignore_ascii_case("expires") {
            let date = value.replace('-', " ");
            ended = jiff::fmt::rfc2822::parse(&date).ok().map(|end| end.timestamp().as_millisecond() <= now_ms);
        }
    }
    ended.unwrap_or(false)
}

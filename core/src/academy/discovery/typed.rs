//! What a teacher typed: an address, or a host.

use super::SettingsError;
use crate::academy::rules::is_host;

/// The longest address (RFC 5321, 4.5.3.1) with room for a scheme and a path around it.
const LONGEST: usize = 400;

/// What a host for mail is called before the domain that it serves.
const SERVICES: &[&str] = &["imap", "imaps", "smtp", "smtps", "mail", "webmail", "mel", "courrier", "messagerie"];

/// What a teacher typed. Not what stands before the `@`: that is nobody's business here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Typed {
    /// The domain or host as it was typed.
    pub(super) shown: String,
    /// The same as it goes on the wire.
    pub(super) host: String,
    /// Whose settings are looked for: of `imap.example.org`, typed alone, those of `example.org`.
    pub(super) domain: String,
    /// Whether it was an address.
    pub(super) address: bool,
}

impl Typed {
    pub(super) fn read(typed: &str) -> Result<Self, SettingsError> {
        let typed = typed.trim();
        if typed.len() > LONGEST {
            return Err(SettingsError::NotAnAddress);
        }
        let (shown, address) = match typed.rsplit_once('@') {
            Some(("", _)) => return Err(SettingsError::NotAnAddress),
            Some((_, domain)) => (domain, true),
            None => (without_link(typed), false),
        };
        let host = host(shown).ok_or(SettingsError::NotAnAddress)?;
        let served = host.split_once('.').filter(|(service, rest)| {
            // The rest must be a domain of its own, and not what everybody registers under.
            !address && SERVICES.contains(service) && rest.contains('.')
        });
        let domain = served.map_or_else(|| host.clone(), |(_, domain)| domain.to_owned());
        Ok(Self { shown: shown.to_owned(), host, domain, address })
    }
}

/// A host by name as it goes on the wire; `None` for an IP address and for anything else that a certificate does not name.
pub(super) fn host(typed: &str) -> Option<String> {
    let typed = typed.trim().trim_end_matches('.');
    if typed.len() > LONGEST || typed.contains('%') {
        return None;
    }
    let host = idna::domain_to_ascii(typed).ok()?;
    // An IP address, in whatever form, ends in a number; no name does (RFC 3696, 2).
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    (is_host(&host) && !number && host.split('.').all(|label| label.len() <= 63)).then_some(host)
}

/// A host out of the line of a browser, or of a form that wants the port too.
fn without_link(typed: &str) -> &str {
    let typed = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    typed.split(['/', ':', '?', '#']).next().unwrap_or_default()
}

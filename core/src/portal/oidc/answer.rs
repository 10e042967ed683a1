//! What the browser brought back, which any app or page may have sent us.

use secrecy::SecretString;
use url::Url;

use super::Discovery;
use crate::academy::OidcSettings;
use crate::portal::state::SignInFailure;

/// What the browser brought back.
pub(in crate::portal) struct Answer {
    issuer: Option<String>,
    pub(in crate::portal) outcome: Result<SecretString, SignInFailure>,
}

impl Answer {
    /// Takes an address apart that any app or page may have sent us.
    pub(in crate::portal) fn read(returned: &str, settings: &OidcSettings, state: &str) -> Result<Self, SignInFailure> {
        if returned.len() > 16 * 1024 {
            return Err(SignInFailure::TooLarge);
        }
        let url = Url::parse(returned).map_err(|_| SignInFailure::Malformed("answer"))?;
        let asked = &settings.redirect_uri;
        let same = (url.scheme(), url.host_str(), url.port_or_known_default(), url.path())
            == (asked.scheme(), asked.host_str(), asked.port_or_known_default(), asked.path());
        if !same {
            return Err(SignInFailure::NotOurs("address"));
        }
        let once = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            match (values.next(), values.next()) {
                (value, None) => Ok(value),
                _ => Err(SignInFailure::Malformed("answer")),
            }
        };
        let given = once("state")?.unwrap_or_default();
        // Compared once, then forgotten: there is nothing to measure by timing.
        if given != state {
            return Err(SignInFailure::NotOurs("state"));
        }
        let outcome = match (once("code")?, once("error")?) {
            (_, Some(error)) => Err(SignInFailure::Refused { code: word(&error) }),
            (Some(code), None) if !code.is_empty() => Ok(code.into()),
            _ => Err(SignInFailure::Malformed("answer")),
        };
        Ok(Self { issuer: once("iss")?, outcome })
    }

    /// RFC 9207: an `iss` must be right, and must be there when the portal promises it.
    pub(super) fn check_issuer(&self, discovery: &Discovery) -> Result<(), SignInFailure> {
        match &self.issuer {
            Some(issuer) if *issuer != discovery.issuer => Err(SignInFailure::NotOurs("issuer")),
            None if discovery.authorization_response_iss_parameter_supported => Err(SignInFailure::NotOurs("issuer")),
            _ => Ok(()),
        }
    }
}

/// An OAuth error code is a short ASCII word; anything else is not repeated.
pub(super) fn word(code: &str) -> String {
    let fine = !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fine { code.to_owned() } else { "unknown_error".to_owned() }
}

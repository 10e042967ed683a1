//! One academy's profile: its TOML form and the rules that it must keep.

use serde::Deserialize;
use url::{Origin, Url};

/// The newest form of a profile that this version reads.
const FORMAT: u32 = 1;

/// What is known of one academy. Every address in it is https or TLS, and on an official origin where it takes secrets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Academy {
    /// The form of the file.
    format: u32,
    /// The stable short name, for instance `nancy-metz`.
    pub id: String,
    /// The name that teachers know.
    pub name: String,
    /// The town of the rectorat.
    pub city: String,
    /// The first two digits of the NUMEN of its teachers, where known.
    #[serde(default)]
    pub numen_code: Option<String>,
    /// The only origins that may be sent a secret.
    pub official_origins: Vec<Url>,
    /// Sign-in by OpenID Connect, where the portal offers it.
    #[serde(default)]
    pub oidc: Option<OidcSettings>,
    /// The mail servers, where known.
    #[serde(default)]
    pub mail: Option<MailSettings>,
    /// Where the facts come from.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// How the portal is entered by OpenID Connect with PKCE (RFC 8252, RFC 7636).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OidcSettings {
    /// The issuer, exactly as the portal spells it in its tokens.
    pub issuer: String,
    /// Our name at this portal. There is no secret: a phone app is a public client.
    pub client_id: String,
    /// Where the browser hands the answer back.
    pub redirect_uri: Url,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// The mail servers of an academy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MailSettings {
    /// The domain of the addresses.
    pub domain: String,
    /// What the mail servers take as a name.
    pub login: MailLogin,
    /// How to prove who one is, best first.
    pub auth: Vec<MailMechanism>,
    /// IMAP with TLS from the first byte.
    pub imap: MailServer,
    /// Submission with TLS from the first byte.
    pub smtp: MailServer,
}

/// A server that speaks TLS from the first byte (RFC 8314).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MailServer {
    /// The name in its certificate.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What a mail server takes as a name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MailLogin {
    /// The identifiant académique.
    Identifier,
    /// The whole address.
    Address,
}

/// A way to prove to a mail server who one is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MailMechanism {
    /// The portal's token by RFC 7628.
    OAuthBearer,
    /// The portal's token by the older form of it.
    XOAuth2,
    /// The password itself.
    Password,
}

/// Where a fact of the profile comes from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evidence {
    /// The field, or `*` for all of them.
    pub field: String,
    /// Who says so.
    pub source: String,
    /// The day on which it was last checked.
    pub checked: jiff::civil::Date,
    /// How far to believe it.
    pub confidence: Confidence,
}

/// How far a source is believed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Confidence {
    /// The academy's own page, or the product's own source.
    High,
    /// A third party's published settings.
    Medium,
    /// A page of little reliability.
    Low,
}

/// Why a profile is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not TOML, or a field that is missing, unknown or of another type.
    #[error("the profile cannot be read: {0}")]
    Unreadable(String),
    /// Written for a newer version of the app.
    #[error("the profile has form {0}, newer than this version reads")]
    NewerFormat(u32),
    /// A rule is broken; the text names the field.
    #[error("the profile breaks a rule: {0}")]
    Invalid(&'static str),
    /// Two profiles claim one name or one origin.
    #[error("two profiles claim {0}")]
    Claimed(String),
}

impl Academy {
    /// Reads and checks one profile.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let form: Form = toml::from_str(text).map_err(|error| ProfileError::Unreadable(error.message().to_owned()))?;
        if form.format != FORMAT {
            return Err(ProfileError::NewerFormat(form.format));
        }
        let academy: Self =
            toml::from_str(text).map_err(|error| ProfileError::Unreadable(error.message().to_owned()))?;
        academy.check()?;
        Ok(academy)
    }

    /// Whether `url` may be sent a secret: https and on an official origin.
    pub fn is_official(&self, url: &Url) -> bool {
        let asked = url.origin();
        matches!(asked, Origin::Tuple(..))
            && url.scheme() == "https"
            && self.official_origins.iter().any(|known| known.origin() == asked)
    }

    fn check(&self) -> Result<(), ProfileError> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if self.id.is_empty() || !plain(&self.id) {
            return Err(ProfileError::Invalid("id"));
        }
        if self.official_origins.is_empty() {
            return Err(ProfileError::Invalid("official_origins"));
        }
        for origin in &self.official_origins {
            let bare = origin.path() == "/" && origin.query().is_none() && origin.fragment().is_none();
            if origin.scheme() != "https" || origin.host_str().is_none() || !bare || !origin.username().is_empty() {
                return Err(ProfileError::Invalid("official_origins"));
            }
        }
        if let Some(oidc) = &self.oidc {
            let issuer = Url::parse(&oidc.issuer).map_err(|_| ProfileError::Invalid("oidc.issuer"))?;
            if !self.is_official(&issuer) {
                return Err(ProfileError::Invalid("oidc.issuer"));
            }
            // RFC 8252: a private scheme is a reversed domain name of ours; plain http never leaves the phone.
            let back = &oidc.redirect_uri;
            let loopback = back.scheme() == "http" && matches!(back.host_str(), Some("127.0.0.1" | "[::1]"));
            if !(back.scheme() == "https" || loopback || back.scheme().contains('.')) {
                return Err(ProfileError::Invalid("oidc.redirect_uri"));
            }
            if !oidc.scopes.iter().any(|scope| scope == "openid") {
                return Err(ProfileError::Invalid("oidc.scopes"));
            }
        }
        if let Some(mail) = &self.mail {
            if mail.auth.is_empty() {
                return Err(ProfileError::Invalid("mail.auth"));
            }
            for server in [&mail.imap, &mail.smtp] {
                if server.host.is_empty() || server.port == 0 {
                    return Err(ProfileError::Invalid("mail"));
                }
            }
        }
        if self.evidence.is_empty() {
            return Err(ProfileError::Invalid("evidence"));
        }
        Ok(())
    }
}

/// Read before all else, so that a newer file is called newer and not broken.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

//! The academy's profile, as the app reads it.

/// The scheme by which the browser hands the answer back to the app.
pub(crate) const REDIRECT_URI: &str = "fr.academie.mobile:/oauth2redirect";

/// How the app signs in, in a profile of the academy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Way {
    /// By OpenID Connect in the system browser; mail takes the portal's token, or a password.
    Oidc,
    /// By the portal's own form, which the app fills in; mail takes the portal's password.
    Form,
    /// By a page in the system browser that hands nothing back; mail takes the portal's password.
    Browser,
}

impl Way {
    fn toml(self, issuer: &str) -> String {
        let page = |protocol: &str| format!("[[portals]]\nprotocol = \"{protocol}\"\naddress = \"{issuer}/\"\n");
        match self {
            Self::Oidc => format!(
                r#"[oidc]
issuer = "{issuer}"
client_id = "mobile"
redirect_uri = "{REDIRECT_URI}"
scopes = ["openid", "profile", "email", "offline_access"]
"#
            ),
            Self::Form => page("lemonldap-ng"),
            Self::Browser => page("saml"),
        }
    }

    fn mail(self) -> &'static str {
        match self {
            Self::Oidc => r#"auth = ["oauthbearer", "xoauth2", "password"]"#,
            Self::Form | Self::Browser => "auth = [\"password\"]\nsecret = \"portal-password\"",
        }
    }
}

/// With the ENT at this port, where there is one.
pub(crate) fn toml(way: Way, issuer: &str, imap_port: u16, smtp_port: u16, ent_port: Option<u16>) -> String {
    let (sign_in, mail) = (way.toml(issuer), way.mail());
    let ent = ent_port.map_or_else(String::new, |port| {
        format!(
            r#"
[[services]]
name = "ENT"
kind = "ent"
address = "https://ent.academie.test:{port}/"
audience = "staff"
sign_in = "cas"
"#
        )
    });
    format!(
        r#"format = 1
id = "academie-test"
name = "Académie d'essai"
city = "Essai"
revised = "2026-11-24"
numen_codes = ["12"]
mail_domains = ["academie.test"]
official_origins = ["{issuer}"]
second_factors = ["mail-code", "totp", "push"]

{sign_in}
[mail_code]
senders = ["portail@academie.test"]
authserv_id = "smtp.academie.test"
proof = "auth"
digits = 6

[move_to_national]
status = "apart"

[[generations]]
name = "legacy"
login = "identifier"
{mail}
imap = {{ host = "imap.academie.test", port = {imap_port}, tls = "implicit" }}
smtp = {{ host = "smtp.academie.test", port = {smtp_port}, tls = "implicit" }}
{ent}
[[evidence]]
fields = ["*"]
source = "the test academy started in this process"
checked = "2026-11-24"
confidence = "high"
"#
    )
}

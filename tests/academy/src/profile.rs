//! The academy's profile, as the app reads it.

/// The scheme by which the browser hands the answer back to the app.
pub(crate) const REDIRECT_URI: &str = "fr.academie.mobile:/oauth2redirect";

pub(crate) fn toml(issuer: &str, imap_port: u16, smtp_port: u16) -> String {
    format!(
        r#"format = 1
id = "academie-test"
name = "Académie d'essai"
city = "Essai"
numen_code = "12"
official_origins = ["{issuer}"]

[oidc]
issuer = "{issuer}"
client_id = "mobile"
redirect_uri = "{REDIRECT_URI}"
scopes = ["openid", "profile", "email", "offline_access"]

[mail]
domain = "academie.test"
login = "identifier"
auth = ["oauthbearer", "xoauth2", "password"]
imap = {{ host = "imap.academie.test", port = {imap_port} }}
smtp = {{ host = "smtp.academie.test", port = {smtp_port} }}

[[evidence]]
field = "*"
source = "the test academy started in this process"
checked = "2026-11-24"
confidence = "high"
"#
    )
}

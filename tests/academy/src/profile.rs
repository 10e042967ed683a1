//! The academy's profile, as the app reads it.

/// The scheme by which the browser hands the answer back to the app.
pub(crate) const REDIRECT_URI: &str = "fr.academie.mobile:/oauth2redirect";

/// With the ENT at this port, where there is one.
pub(crate) fn toml(issuer: &str, imap_port: u16, smtp_port: u16, ent_port: Option<u16>) -> String {
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

[oidc]
issuer = "{issuer}"
client_id = "mobile"
redirect_uri = "{REDIRECT_URI}"
scopes = ["openid", "profile", "email", "offline_access"]

[move_to_national]
status = "apart"

[[generations]]
name = "legacy"
login = "identifier"
auth = ["oauthbearer", "xoauth2", "password"]
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

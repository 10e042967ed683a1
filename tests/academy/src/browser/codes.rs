//! The codes that a second factor asks for.

use super::BrowserError;

/// The authenticator's code now.
pub(super) fn code_of(secret: &str) -> Result<String, BrowserError> {
    let secret = totp_rs::Secret::try_from_base32(secret.to_ascii_uppercase()).map_err(|_| BrowserError::Secret)?;
    // What the portal chooses is its own affair, also where it is less than the RFC recommends.
    let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    Ok(totp.generate_current().to_string())
}

/// The only number of six digits in the portal's mail, which it prints in bold.
pub(super) fn code_in(message: &[u8]) -> Option<String> {
    let message = mail_parser::MessageParser::new().parse(message)?;
    let html = message.body_html(0)?;
    html.split("<b>").skip(1).find_map(|rest| {
        let code = rest.split('<').next()?.trim();
        (code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
    })
}

//! Reading what an answer means: tagged outcomes and the codes in their brackets.

use async_imap::imap_proto::{Outcome, ResponseCode, Status};

use super::error::{ImapError, shown};

/// The code in the brackets of an outcome that imap-proto left as text: `[OVERQUOTA] …`.
pub(super) fn code_of(text: &str) -> Option<String> {
    let (code, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    let word = code.split(' ').next().unwrap_or_default();
    let fine = !word.is_empty() && word.len() <= 40 && word.bytes().all(|b| b.is_ascii_graphic());
    fine.then(|| word.to_ascii_uppercase())
}

/// What a tagged answer to `command` means.
pub(super) fn judge(command: &'static str, status: &Status, outcome: &Outcome<'_>) -> Result<(), ImapError> {
    let text = outcome.information.as_deref().unwrap_or_default();
    match status {
        Status::Ok | Status::PreAuth => Ok(()),
        Status::No => {
            let code = match &outcome.code {
                Some(ResponseCode::TryCreate) => Some("TRYCREATE".to_owned()),
                _ => code_of(text),
            };
            if code.as_deref() == Some("UNAVAILABLE") {
                return Err(ImapError::Unavailable);
            }
            Err(ImapError::Refused { command, code, text: shown(text) })
        }
        Status::Bad => Err(ImapError::Bad { command, text: shown(text) }),
        Status::Bye => Err(ImapError::Closed),
    }
}

/// What a failed authentication means. Only what speaks of the secret is called its fault: a server that is down must not
/// make a right password look wrong.
pub(super) fn judge_login(text: &str) -> ImapError {
    match code_of(text).as_deref() {
        None | Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED") => {
            ImapError::AuthenticationFailed { text: shown(text) }
        }
        Some("UNAVAILABLE" | "SERVERBUG" | "INUSE" | "LIMIT") => ImapError::Unavailable,
        Some(code) => ImapError::Refused { command: "AUTHENTICATE", code: Some(code.to_owned()), text: shown(text) },
    }
}

/// An internal date (RFC 9051, date-time) in seconds since 1970.
pub(super) fn internal_date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    Some(parsed.to_timestamp().ok()?.as_second())
}

//! Reading what a tagged answer means.

use async_imap::imap_proto::{Outcome, Status};

use super::code::Code;
use super::error::{ImapError, shown};

/// What a tagged answer to `command` means.
pub(super) fn judge(command: &'static str, status: &Status, outcome: &Outcome<'_>) -> Result<(), ImapError> {
    let text = outcome.information.as_deref().unwrap_or_default();
    match status {
        Status::Ok | Status::PreAuth => Ok(()),
        Status::No => match Code::of(outcome) {
            Some(Code::Unavailable) => Err(ImapError::Unavailable),
            code => Err(ImapError::Refused { command, code, text: shown(text) }),
        },
        Status::Bad => Err(ImapError::Bad { command, text: shown(text) }),
        Status::Bye => Err(ImapError::Closed),
    }
}

/// What a failed authentication means. Only what speaks of the secret is called its fault: a server that is down must not
/// make a right password look wrong.
pub(super) fn judge_login(text: &str) -> ImapError {
    match Code::in_text(text) {
        None | Some(Code::AuthenticationFailed | Code::AuthorizationFailed | Code::Expired) => {
            ImapError::AuthenticationFailed { text: shown(text) }
        }
        Some(Code::Unavailable | Code::ServerBug | Code::InUse | Code::Limit) => ImapError::Unavailable,
        code => ImapError::Refused { command: "AUTHENTICATE", code, text: shown(text) },
    }
}

/// An internal date (RFC 9051, date-time) in seconds since 1970.
pub(super) fn internal_date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    Some(parsed.to_timestamp().ok()?.as_second())
}

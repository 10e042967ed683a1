//! Reading answers, and what a tagged one means.

use std::borrow::Cow;
use std::panic::catch_unwind;

use async_imap::imap_proto::{Outcome, Response, Status};

use super::code::Code;
use super::error::{ImapError, shown};

/// The one answer that `raw` is, where it can be read.
///
/// imap-proto panics at `INTERNALDATE NIL`, at words that begin with `é` behind a code, and at names of METADATA that are no
/// UTF-8. None of it is worth an app.
pub(super) fn parse(raw: &[u8]) -> Option<Response<'_>> {
    // This panic would tell the server's words, which may be ours.
    if is_status(raw)
        && memchr::memchr(b']', raw).is_some_and(|at| raw.get(at + 1).is_some_and(|byte| !byte.is_ascii()))
    {
        return None;
    }
    match catch_unwind(|| Response::parse(raw)) {
        Ok(Ok(([], response))) => Some(response),
        _ => None,
    }
}

/// `raw` with the strings in the place of mailbox names as they are meant: imap-proto leaves the backslashes of quoted strings
/// in, and the name would be that of another mailbox. They become literals, which have none.
pub(super) fn with_plain_names(raw: &[u8]) -> Cow<'_, [u8]> {
    let named = [&b"LIST "[..], b"LSUB ", b"STATUS ", b"QUOTA ", b"QUOTAROOT ", b"MYRIGHTS "];
    let begins = |word: &&[u8]| raw.get(2..2 + word.len()).is_some_and(|told| told.eq_ignore_ascii_case(word));
    if !raw.starts_with(b"* ") || memchr::memchr(b'\\', raw).is_none() || !named.iter().any(begins) {
        return Cow::Borrowed(raw);
    }
    plain(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
}

fn plain(raw: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(raw.len() + 16), raw);
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'{')) {
        let (before, behind) = rest.split_at_checked(at)?;
        out.extend_from_slice(before);
        // Of a LIST the delimiter stands behind the attributes, and is quoted in any case.
        let delimiter = before.ends_with(b") ");
        let (text, length) = if behind.starts_with(b"{") { literal_at(behind)? } else { quoted_at(behind)? };
        let (told, after) = behind.split_at_checked(length)?;
        match text {
            Some(text) if !delimiter && text.len() + 2 != length => {
                out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
                out.extend_from_slice(&text);
            }
            _ => out.extend_from_slice(told),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The quoted string at the beginning, and how long it is with its quotes.
fn quoted_at(raw: &[u8]) -> Option<(Option<Vec<u8>>, usize)> {
    let (mut text, mut at) = (Vec::new(), 1);
    loop {
        match *raw.get(at)? {
            b'"' => return Some((Some(text), at + 1)),
            b'\r' | b'\n' => return None,
            b'\\' => at += 1,
            _ => {}
        }
        text.push(*raw.get(at)?);
        at += 1;
    }
}

/// A literal is passed over.
fn literal_at(raw: &[u8]) -> Option<(Option<Vec<u8>>, usize)> {
    let line = memchr::memchr(b'\n', raw)? + 1;
    let size = super::guard::literal(raw.get(..line)?)?;
    Some((None, line.checked_add(usize::try_from(size).ok()?)?))
}

/// `* OK …`, `A1 NO …`.
fn is_status(raw: &[u8]) -> bool {
    let word = raw.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|known| word.eq_ignore_ascii_case(known))
        || raw.starts_with(b"+ ")
}

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

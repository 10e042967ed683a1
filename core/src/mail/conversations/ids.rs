//! The fields of a header that tell what a message answers and whom it went to, read without reading the others.

use memchr::{memchr, memchr_iter};

use crate::mail::mime::message_id;

/// Of References the first, which began the conversation, and the last, which are the nearest.
const LAST: usize = 9;
/// Of In-Reply-To, which usually has one.
const ANSWERED: usize = 2;
/// Of To and Cc: what is longer goes to many.
const RECIPIENTS: usize = 4096;

/// The Message-IDs that a message names, at most a dozen.
pub(super) fn named(header: &[u8]) -> Vec<String> {
    let mut named = Vec::new();
    for (name, value) in fields(header) {
        let (first, last) = if name.eq_ignore_ascii_case(b"references") {
            (1, LAST)
        } else if name.eq_ignore_ascii_case(b"in-reply-to") {
            (ANSWERED, 0)
        } else {
            continue;
        };
        let all: Vec<_> = bracketed(value).collect();
        let skip = all.len().saturating_sub(last).max(first);
        let kept = all.iter().enumerate().filter(|(at, _)| *at < first || *at >= skip);
        named.extend(kept.filter_map(|(_, id)| message_id(str::from_utf8(id).ok()?)));
        if named.len() > 2 * (1 + LAST) {
            // Fields that come many times are against RFC 5322, 3.6.
            break;
        }
    }
    named.sort_unstable();
    named.dedup();
    named
}

/// The fields To and Cc as they came, with an empty line behind them; `None` where they are long.
pub(super) fn recipients(header: &[u8]) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    for (name, value) in fields(header) {
        if name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"cc") {
            if block.len() + value.len() > RECIPIENTS {
                return None;
            }
            block.extend_from_slice(name);
            block.push(b':');
            block.extend_from_slice(value);
        }
    }
    block.extend_from_slice(b"\r\n");
    Some(block)
}

/// Name and value of each field, the value with its line ends and folds.
fn fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let end = memchr_iter(b'\n', rest)
            .map(|at| at + 1)
            .find(|at| !matches!(rest.get(*at), Some(b' ' | b'\t')))
            .unwrap_or(rest.len());
        let (field, behind) = rest.split_at_checked(end)?;
        rest = behind;
        if field.is_empty() || matches!(field, b"\n" | b"\r\n") { None } else { Some(field) }
    })
    .filter_map(|field| {
        let (name, value) = field.split_at_checked(memchr(b':', field)?)?;
        Some((name.trim_ascii_end(), value.get(1..)?))
    })
}

/// What stands between brackets.
fn bracketed(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        rest = rest.get(memchr(b'<', rest)? + 1..)?;
        let (id, behind) = rest.split_at_checked(memchr(b'>', rest)?)?;
        rest = behind;
        Some(id)
    })
}

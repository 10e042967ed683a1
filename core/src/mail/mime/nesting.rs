//! Keeps mail-parser from opening messages inside messages.
//!
//! It builds one value within the other, as deep as the sender likes; freeing them recurses, and a mail of 1 MB made of
//! `Content-Type: message/rfc822` lines overflows a stack of 2 MiB, which ends the process. A message in a message is an
//! attachment here, so the parser need not know what it is: one letter of its type is replaced before parsing, and put back
//! in whatever comes out.

use std::borrow::Cow;

use memchr::memmem;

/// Subtypes that make the parser begin a new message, and the one that makes it do so for parts without a type.
const WORDS: [&[u8]; 3] = [b"rfc822", b"global", b"digest"];
/// Stands for the last letter of one of the words. Not a letter of any media type, and left alone by the parser.
const MARK: u8 = 0x7f;

/// `raw` with messages in messages hidden; of the same length. `None` when there are none: nothing is to be put back then.
pub(super) fn hide(raw: &[u8]) -> Option<Vec<u8>> {
    let mut hidden: Option<Vec<u8>> = None;
    let mut in_type = false;
    let mut start = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        in_type = (in_type && line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))) || names_a_type(line);
        if in_type {
            for at in subtypes(line) {
                if let Some(byte) = hidden.get_or_insert_with(|| raw.to_vec()).get_mut(start + at) {
                    *byte = MARK;
                }
            }
        }
        start += line.len();
    }
    hidden
}

/// Puts back what [`hide`] replaced.
pub(super) fn restore(bytes: &[u8]) -> Cow<'_, [u8]> {
    let marks: Vec<(usize, u8)> = WORDS
        .iter()
        .filter_map(|word| word.split_last())
        .flat_map(|(last, stem)| {
            memchr::memchr_iter(MARK, bytes).filter_map(move |at| {
                let before = bytes.get(at.checked_sub(stem.len())?..at)?;
                let capital = before.last().is_some_and(u8::is_ascii_uppercase);
                let letter = if capital { last.to_ascii_uppercase() } else { *last };
                before.eq_ignore_ascii_case(stem).then_some((at, letter))
            })
        })
        .collect();
    if marks.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut restored = bytes.to_vec();
    for (at, letter) in marks {
        if let Some(byte) = restored.get_mut(at) {
            *byte = letter;
        }
    }
    Cow::Owned(restored)
}

/// [`restore`] for text.
pub(super) fn restore_text(text: &str) -> Cow<'_, str> {
    match restore(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Whether the parser takes `line` for a Content-Type: it looks past blanks anywhere in the name, and colons before it.
fn names_a_type(line: &[u8]) -> bool {
    let mut letters = line
        .iter()
        .skip_while(|byte| byte.is_ascii_whitespace() || **byte == b':')
        .take_while(|byte| **byte != b':')
        .filter(|byte| !byte.is_ascii_whitespace());
    b"content-type".iter().all(|expected| letters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(expected)))
        && letters.next().is_none()
        && memchr::memchr(b':', line).is_some()
}

/// Where the last letters of the words stand that can be a subtype. A value never is one, so that a boundary survives.
fn subtypes(line: &[u8]) -> impl Iterator<Item = usize> {
    let lower = line.to_ascii_lowercase();
    let mut found = Vec::new();
    for word in WORDS {
        found.extend(memmem::find_iter(&lower, word).filter_map(|at| {
            let mut before = lower.get(..at).unwrap_or_default().iter().rev();
            let fits = match before.next() {
                None | Some(b'/' | b')' | b'\\') => true,
                Some(b'"') => before.next() != Some(&b'='),
                Some(byte) => byte.is_ascii_whitespace(),
            };
            fits.then_some(at + word.len() - 1)
        }));
    }
    found.into_iter()
}

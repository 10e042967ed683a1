//! Subjects without the marks of answers and forwards.

use unicode_normalization::UnicodeNormalization;

/// What stands before the colon of an answer or a forward, in French and in English.
const MARKS: [&str; 13] = ["re", "ré", "réf", "ref", "rép", "rep", "réponse", "reponse", "tr", "fw", "fwd", "wg", "aw"];
/// Marks and tags in front of a subject; what has more is no subject.
const MOST: usize = 20;
/// A subject of fewer letters and digits is one that anybody may write at any time.
const SHORTEST: usize = 8;

/// What a subject is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Subject {
    /// In small letters, without marks.
    pub(super) base: String,
    /// Whether it has the mark of an answer or a forward.
    pub(super) marked: bool,
}

/// Reads a subject; `None` where it is too short to tell conversations apart.
pub(super) fn read(subject: &str) -> Option<Subject> {
    let (mut rest, mut tags, mut marked) = (subject.trim_start(), Vec::new(), false);
    for _ in 0..MOST {
        // The tag of a mailing list stands before the mark, or behind it, or both.
        if let Some((tag, behind)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            rest = behind.trim_start();
        } else if let Some(behind) = behind_mark(rest) {
            marked = true;
            rest = behind.trim_start();
        } else {
            break;
        }
    }
    let mut base = String::with_capacity(subject.len());
    let words = tags.into_iter().flat_map(str::split_whitespace).chain(rest.split_whitespace());
    for word in words {
        if !base.is_empty() {
            base.push(' ');
        }
        if word.is_ascii() {
            base.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            base.extend(word.nfc().flat_map(char::to_lowercase));
        }
    }
    let long = base.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST;
    long.then_some(Subject { base, marked })
}

/// What follows a mark, as `RE :`, `Fwd:`, `Re[2]:`.
fn behind_mark(text: &str) -> Option<&str> {
    let end = text.find([':', '：', '[', ' ', '\u{a0}', '\u{202f}'])?;
    let (word, rest) = text.split_at_checked(end)?;
    if end > 16 || !MARKS.iter().any(|mark| word.nfc().flat_map(char::to_lowercase).eq(mark.chars())) {
        return None;
    }
    let rest = match rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((count, behind)) if count.bytes().all(|b| b.is_ascii_digit()) => behind,
        _ => rest,
    };
    rest.trim_start().strip_prefix([':', '：'])
}

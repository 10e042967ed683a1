//! Words as the index and the questions know them: without case, accents, ligatures and elided articles.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word that is longer is known by its beginning: it is a name of a machine's.
pub(super) const LONGEST: usize = 32;
/// What stands before an apostrophe and says nothing of its own.
const ELIDED: [&str; 13] = ["l", "d", "j", "n", "s", "c", "m", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"];

/// A word of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    /// Where it stands in the text, in bytes.
    pub(super) place: Range<usize>,
    pub(super) folded: String,
}

/// `word` without case, accents and ligatures, at most [`LONGEST`] characters.
pub(super) fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    if word.is_ascii() {
        let letters = word.chars().filter(char::is_ascii_alphanumeric);
        folded.extend(letters.take(LONGEST).map(|c| c.to_ascii_lowercase()));
        return folded;
    }
    for c in word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            // Lower case may bring a mark of its own, as that of a Turkish İ.
            c if c.is_alphanumeric() => folded.push(c),
            _ => {}
        }
    }
    match folded.char_indices().nth(LONGEST) {
        Some((end, _)) => folded.get(..end).unwrap_or_default().to_owned(),
        None => folded,
    }
}

/// The words of `text` in their order.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, _) = rest.find(|(_, c)| c.is_alphanumeric())?;
            let mut end = text.len();
            let mut behind = None;
            while let Some((at, c)) = rest.peek().copied() {
                if !c.is_alphanumeric() && !is_combining_mark(c) {
                    (end, behind) = (at, Some(c));
                    break;
                }
                rest.next();
            }
            let folded = fold(text.get(start..end).unwrap_or_default());
            let elided = matches!(behind, Some('\'' | '’' | 'ʼ')) && ELIDED.contains(&folded.as_str());
            if !folded.is_empty() && !elided {
                return Some(Word { place: start..end, folded });
            }
        }
    })
}

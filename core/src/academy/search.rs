//! Whether an academy is what a teacher has typed so far.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::profile::Academy;

/// Words that every name has.
const COMMON: &[&str] = &["academie", "rectorat", "vice", "de", "des", "du", "d", "la", "le", "l"];

/// A query, made ready once for all academies.
pub(super) struct Query {
    /// As typed, folded.
    text: String,
    words: Vec<String>,
}

impl Query {
    pub(super) fn new(typed: &str) -> Self {
        let text = folded(typed.trim());
        Self { words: words(&text).map(str::to_owned).collect(), text }
    }

    /// How well the academy fits: 0 the best, `None` not at all.
    pub(super) fn rank(&self, academy: &Academy) -> Option<u8> {
        if self.text.is_empty() || self.is_address_at(academy) || self.is_numen_of(academy) {
            return Some(0);
        }
        // An address or a host of somebody else: what its words happen to begin with says nothing.
        if self.words.is_empty() || self.text.contains(['@', '/']) {
            return None;
        }
        let names = [&academy.name, &academy.city].into_iter().chain(&academy.also_called);
        let names: Vec<String> = names.map(|name| folded(name)).collect();
        let named = |typed: &str, own: bool| {
            let mut known = names.iter().flat_map(|name| words(name));
            known.any(|word| word.starts_with(typed) && !(own && COMMON.contains(&word)))
        };
        if !self.words.iter().all(|word| named(word, false)) {
            return None;
        }
        // What begins an article too is meant as the beginning of a name, unless the name follows.
        let telling = self.words.iter().any(|word| !COMMON.contains(&word.as_str()));
        let mut told = self.words.iter().filter(|word| !telling || !COMMON.contains(&word.as_str()));
        Some(u8::from(!told.all(|word| named(word, true))))
    }

    /// A domain of its addresses, the beginning of one, an address there, or a host below it.
    fn is_address_at(&self, academy: &Academy) -> bool {
        let typed = self.text.rsplit_once('@').map_or(self.text.as_str(), |(_, domain)| domain);
        let typed = typed.strip_prefix("https://").unwrap_or(typed);
        let host = typed.split(['/', ':']).next().unwrap_or_default();
        let begun = host.contains(['.', '-']) || self.text.contains('@');
        !host.is_empty()
            && begun
            && academy.mail_domains.iter().any(|domain| {
                domain.starts_with(host) || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            })
    }

    /// The two digits of a NUMEN, alone or with as much of the rest as is typed: letter, 7 digits, 3 letters.
    fn is_numen_of(&self, academy: &Academy) -> bool {
        let typed: String = self.text.chars().filter(|c| !c.is_whitespace()).collect();
        let fits = |(at, c): (usize, char)| match at {
            0 | 1 | 3..=9 => c.is_ascii_digit(),
            2 | 10..=12 => c.is_ascii_lowercase(),
            _ => false,
        };
        typed.chars().enumerate().all(fits) && academy.numen_codes.iter().any(|code| typed.starts_with(code.as_str()))
    }
}

/// Without accents and in lower case.
pub(super) fn folded(text: &str) -> String {
    let bare = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    bare.collect::<String>().replace('œ', "oe")
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

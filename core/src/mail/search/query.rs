//! What a teacher asks for, typed: words, `"phrases"`, `de:`, `à:`, `objet:`, `avant:`, `après:`, `a:pièce`, `dans:`, `-word`, with their
//! English twins. Nothing is an error: what makes no sense is read as words.

use std::fmt;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use super::dates::{day, is_month, year};
use super::fold::{fold, words};

/// Of a longer question the rest is not read.
const LONGEST: usize = 1000;
/// Nor more terms than these.
const MOST_TERMS: usize = 16;
/// Words of a phrase.
const MOST_WORDS: usize = 12;
/// Characters of a word, and of the name of a mailbox.
const LONGEST_WORD: usize = 64;
const PIECE: [&str; 5] = ["piece", "pieces", "pj", "attachment", "attachments"];

/// A question. Its [`Display`](fmt::Display) is text that reads as the same question.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// What must be so, all of it.
    pub terms: Vec<Term>,
}

/// One thing that must be so, or must not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Term {
    /// Whether it must not be so.
    pub excluded: bool,
    /// What.
    pub criterion: Criterion,
}

/// What a message may fulfil.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Criterion {
    /// It says this there.
    Says(Field, Saying),
    /// It was received before this day begins.
    Before(Date),
    /// It was received on this day or later.
    Since(Date),
    /// It has attachments.
    HasAttachment,
    /// It is in a mailbox whose name has these words, or whose role they are.
    In(String),
}

/// Where it is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// Subject, people, attachment names or text.
    Anywhere,
    /// The sender's name or address.
    From,
    /// The name or address of somebody it went to.
    To,
    /// The subject.
    Subject,
}

/// What is said, as it was written, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Saying {
    /// This word.
    Word(String),
    /// A word that begins so.
    Beginning(String),
    /// These words one behind the other.
    Phrase(Vec<String>),
}

impl Query {
    /// Reads a question as it stood on the day `today`. The last word is one that may go on. Never fails.
    pub fn read(text: &str, today: Date) -> Self {
        let text: String = text.chars().take(LONGEST).map(plain_quote).collect();
        let mut terms = Vec::new();
        let mut rest = text.as_str();
        while let Some((token, behind)) = token(rest) {
            rest = token.read(&mut terms, behind, today);
        }
        terms.truncate(MOST_TERMS);
        if let Some(Term { excluded: false, criterion: Criterion::Says(_, saying) }) = terms.last_mut()
            && let Saying::Word(word) = saying
        {
            *saying = Saying::Beginning(std::mem::take(word));
        }
        Self { terms }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// A piece of the question.
struct Token<'q> {
    excluded: bool,
    /// What stands before a colon.
    name: Option<&'q str>,
    value: &'q str,
    quoted: bool,
}

fn plain_quote(c: char) -> char {
    if matches!(c, '«' | '»' | '“' | '”' | '„' | '\u{201f}') { '"' } else { c }
}

/// The first piece of `text`, and what is behind it.
fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    let (excluded, bare) = match text.strip_prefix('-') {
        Some(bare) if first == '-' => (true, bare),
        _ => (false, text),
    };
    let end = bare.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(bare.len());
    let (head, tail) = bare.split_at_checked(end)?;
    let named = head.split_once(':').filter(|(name, _)| !name.is_empty() && name.chars().all(char::is_alphanumeric));
    let opens = named.map_or(head.is_empty(), |(_, value)| value.is_empty());
    if opens && let Some((inside, behind)) = tail.strip_prefix('"').and_then(|tail| tail.split_once('"')) {
        return Some((Token { excluded, name: named.map(|(name, _)| name), value: inside, quoted: true }, behind));
    }
    // A quote that closes nowhere, or stands in a word, parts words.
    let tail = if head.is_empty() { tail.strip_prefix('"').unwrap_or(tail) } else { tail };
    let (name, value) = named.map_or((None, head), |(name, value)| (Some(name), value));
    Some((Token { excluded, name, value, quoted: false }, tail))
}

impl Token<'_> {
    /// Adds its terms; what of `behind` it did not need.
    fn read<'q>(&self, terms: &mut Vec<Term>, behind: &'q str, today: Date) -> &'q str {
        let mut add = |criterion| terms.push(Term { excluded: self.excluded, criterion });
        let name = self.name.map(fold).unwrap_or_default();
        let piece = !self.quoted && PIECE.contains(&fold(self.value).as_str());
        let field = match name.as_str() {
            "" => Field::Anywhere,
            "a" | "has" if piece => {
                add(Criterion::HasAttachment);
                return behind;
            }
            "de" | "from" => Field::From,
            "a" | "to" => Field::To,
            "objet" | "subject" => Field::Subject,
            "dans" | "in" => {
                let wanted: String = tame(self.value).chars().take(LONGEST_WORD).collect();
                let wanted = wanted.trim();
                if !wanted.is_empty() {
                    add(Criterion::In(wanted.to_owned()));
                }
                return behind;
            }
            "avant" | "before" | "apres" | "after" if self.value.is_empty() => return behind,
            "avant" | "before" | "apres" | "after" => {
                let criterion = if name == "avant" || name == "before" { Criterion::Before } else { Criterion::Since };
                // The year of a month is a piece of its own.
                if !self.quoted
                    && is_month(self.value)
                    && let Some((next, after)) = token(behind)
                    && year(next.value).is_some()
                    && next.name.is_none()
                    && !next.excluded
                    && let Some(day) = day(&format!("{} {}", self.value, next.value), today)
                {
                    add(criterion(day));
                    return after;
                }
                if let Some(day) = day(self.value, today) {
                    add(criterion(day));
                    return behind;
                }
                self.says(Field::Anywhere, self.name.unwrap_or_default(), terms);
                Field::Anywhere
            }
            _ => {
                self.says(Field::Anywhere, self.name.unwrap_or_default(), terms);
                Field::Anywhere
            }
        };
        self.says(field, self.value, terms);
        behind
    }

    fn says(&self, field: Field, text: &str, terms: &mut Vec<Term>) {
        let text = tame(text);
        let beginning = !self.quoted && text.ends_with('*');
        let all = words(&text).filter_map(|word| text.get(word.place));
        let mut all: Vec<String> = all.map(|word| word.chars().take(LONGEST_WORD).collect()).collect();
        let mut add = |saying| terms.push(Term { excluded: self.excluded, criterion: Criterion::Says(field, saying) });
        if self.quoted {
            all.truncate(MOST_WORDS);
            if !all.is_empty() {
                add(Saying::Phrase(all));
            }
            return;
        }
        let last = all.len().saturating_sub(1);
        for (at, word) in all.into_iter().enumerate() {
            add(if beginning && at == last { Saying::Beginning(word) } else { Saying::Word(word) });
        }
    }
}

/// In lower case, composed.
fn tame(text: &str) -> String {
    text.to_lowercase().nfc().collect()
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            if term.excluded {
                f.write_str("-")?;
            }
            write!(f, "{}", term.criterion)?;
        }
        Ok(())
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(day) => write!(f, "avant:{day}"),
            Self::Since(day) => write!(f, "après:{day}"),
            Self::HasAttachment => f.write_str("a:pièce"),
            Self::In(name) => write!(f, "dans:\"{name}\""),
            Self::Says(field, saying) => {
                f.write_str(match (field, saying) {
                    (Field::Anywhere, _) => "",
                    (Field::From, _) => "de:",
                    // Not the question for attachments.
                    (Field::To, Saying::Word(word)) if PIECE.contains(&fold(word).as_str()) => "to:",
                    (Field::To, Saying::Beginning(word)) if PIECE.contains(&fold(word).as_str()) => "to:",
                    (Field::To, _) => "à:",
                    (Field::Subject, _) => "objet:",
                })?;
                match saying {
                    Saying::Word(word) => f.write_str(word),
                    Saying::Beginning(word) => write!(f, "{word}*"),
                    Saying::Phrase(words) => write!(f, "\"{}\"", words.join(" ")),
                }
            }
        }
    }
}

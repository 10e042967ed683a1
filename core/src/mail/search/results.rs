//! Questions to the index: newest first, a page at a time.

use std::collections::BinaryHeap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::fold::{fold, words};
use super::index::{FROM, SUBJECT, TO, WIDE, place_of, spread_before, waiting};
use super::query::{Criterion, Field, Query, Saying, Term};
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::imap::Role;
use crate::mail::mime;
use crate::mail::rows::{self, After, Row};
use crate::store::StoreError;

/// Rows of one answer at the most.
const MOST: u32 = 500;
/// Messages looked at for one answer, and such as are read as a whole for the words of a phrase. Behind them the next page goes on.
const LOOKED_AT: usize = 20_000;
const READ: usize = 300;
/// What is read of new mail before a question is answered, so that it is found at once. More is read behind the next sync.
const FRESH: u32 = 50;
/// Characters of a snippet, and how many of them stand before its first mark.
const SNIPPET: usize = 160;
const BEFORE: usize = 50;
/// Snippets of one call; marks of one snippet.
const SNIPPETS: usize = 100;
const MARKS: usize = 32;

/// A page of what was found on the phone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// Behind what the next page begins; `None` where there is none. A page may be short, or empty, and not be the last.
    pub after: Option<After>,
    /// Messages on the phone whose words are not read yet.
    pub waiting: u64,
}

/// A message that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// Its row.
    pub row: Row,
    /// The mailbox it is shown in.
    pub mailbox: i64,
    /// Where in the row's subject the words stand, in bytes of UTF-8, ascending, none touching another.
    pub marks: Vec<Range<usize>>,
}

/// A place in the text of a message that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Snippet {
    /// The message.
    pub message: i64,
    /// Plain text on one line, at most 160 characters; the subject where the text is not on the phone or has none of the words.
    pub text: String,
    /// Where in it the words stand, in bytes of UTF-8, ascending.
    pub marks: Vec<Range<usize>>,
    /// Whether it is the subject.
    pub subject: bool,
}

impl MailAccount {
    /// The messages on the phone that fulfil `query`, in all mailboxes, newest first, at most `limit` (500 at the most) behind
    /// `after`. None for a question that asks for nothing. Does not wait for the network; other reads do not wait for it. Dropped,
    /// it stops at once: to be dropped and called anew at each key.
    ///
    /// Where a phrase cannot be read, for the text is not on the phone any more, all of its words are enough.
    pub async fn search(&self, query: &Query, after: Option<After>, limit: u32) -> Result<Found, MailError> {
        if query.is_empty() || limit == 0 {
            return Ok(Found::default());
        }
        self.index_some(FRESH).await?;
        let (query, academy) = (query.clone(), self.academy.id.clone());
        let found = self.store.read_aside(move |c| Asked::new(c, &query, &academy)?.page(c, after, limit.min(MOST)));
        Ok(found.await?)
    }

    /// Where the words of `query` stand in these messages (100 at the most): for the rows that are on the screen. Reads the store only;
    /// dropped, it stops at once.
    pub async fn snippets(&self, query: &Query, messages: &[i64]) -> Result<Vec<Snippet>, MailError> {
        let messages: Vec<i64> = messages.iter().take(SNIPPETS).copied().collect();
        let (in_text, in_subject) = (sought(query, false), sought(query, true));
        let read = move |c: &Connection| {
            let mut snippets = Vec::new();
            for message in messages {
                let Some(row) = StoreError::unless_missing(rows::one(c, message))? else { continue };
                let text = rows::body(c, message)?.map(|body| mime::read_parts(&body.raw, &body.gaps).text);
                let from_text = text.and_then(|text| cut_out(&text, &in_text));
                let (subject, (text, marks)) = match from_text {
                    Some(cut) => (false, cut),
                    None => (
                        true,
                        cut_out(&row.subject, &in_subject).unwrap_or_else(|| (one_line(&row.subject), Vec::new())),
                    ),
                };
                snippets.push(Snippet { message, text, marks, subject });
            }
            Ok(snippets)
        };
        Ok(self.store.read_aside(read).await?)
    }
}

/// A question as the store understands it.
pub(super) struct Asked {
    /// For the index; `None` where no word must be there.
    matching: Option<String>,
    /// Words that must not be there, where there is no other.
    lacking: Option<String>,
    /// From when on, and before when, in milliseconds.
    since_ms: i64,
    before_ms: i64,
    /// What mailboxes it must be in, and must not.
    within: Vec<Vec<i64>>,
    without: Vec<i64>,
    attachments: Option<bool>,
    said: Vec<(Field, Vec<String>)>,
    unsaid: Vec<(Field, Vec<String>)>,
    /// Those of the account.
    mailboxes: Vec<i64>,
    /// What is marked in a subject.
    sought: Vec<Sought>,
}

impl Asked {
    pub(super) fn new(c: &Connection, query: &Query, academy: &str) -> Result<Self, StoreError> {
        let mut asked = Self {
            matching: None,
            lacking: None,
            since_ms: i64::MIN,
            before_ms: i64::MAX,
            within: Vec::new(),
            without: Vec::new(),
            attachments: None,
            said: Vec::new(),
            unsaid: Vec::new(),
            mailboxes: Vec::new(),
            sought: sought(query, true),
        };
        let (mut positive, mut negative): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let known = rows::names(c, academy)?;
        asked.mailboxes = known.iter().map(|one| one.0).collect();
        for Term { excluded, criterion } in &query.terms {
            match (criterion, excluded) {
                (Criterion::Says(field, saying), false) => {
                    positive.extend(expressions(*field, saying));
                    asked.said.extend(phrase(*field, saying));
                }
                (Criterion::Says(field, saying), true) => match phrase(*field, saying) {
                    Some(phrase) => asked.unsaid.push(phrase),
                    None => negative.extend(expressions(*field, saying)),
                },
                (Criterion::Before(day), false) | (Criterion::Since(day), true) => {
                    asked.before_ms = asked.before_ms.min(start_of(*day));
                }
                (Criterion::Since(day), false) | (Criterion::Before(day), true) => {
                    asked.since_ms = asked.since_ms.max(start_of(*day));
                }
                (Criterion::HasAttachment, excluded) => match asked.attachments.replace(!excluded) {
                    // With, and without.
                    Some(before) if before == *excluded => asked.within.push(Vec::new()),
                    _ => {}
                },
                (Criterion::In(name), excluded) => {
                    let named = known.iter().filter(|(_, known, role)| is_named(name, known, *role)).map(|one| one.0);
                    if *excluded { asked.without.extend(named) } else { asked.within.push(named.collect()) }
                }
            }
        }
        // One letter, as one begins to type, says nothing beside other words.
        if positive.len() > 1
            && let Some(Term { criterion: Criterion::Says(_, Saying::Beginning(word)), .. }) = query.terms.last()
            && fold(word).chars().count() == 1
        {
            positive.pop();
        }
        asked.matching = match (positive.join(" AND "), negative.join(" NOT ")) {
            (yes, _) if yes.is_empty() => None,
            (yes, no) if no.is_empty() => Some(yes),
            (yes, no) => Some(format!("({yes}) NOT {no}")),
        };
        if asked.matching.is_none() && !negative.is_empty() {
            asked.lacking = Some(negative.join(" OR "));
        }
        Ok(asked)
    }

    /// Whether a message, of which the phone knows, fulfils the question as far as the index can tell.
    pub(super) fn fits(&self, c: &Connection, message: i64) -> Result<bool, StoreError> {
        let Some(matching) = &self.matching else { return Ok(false) };
        let mut query = c.prepare_cached(
            "SELECT 1 FROM search_words WHERE search_words MATCH ?
             AND rowid = (SELECT place FROM search_entry WHERE message = ?)",
        )?;
        Ok(query.exists(params![matching, message])?)
    }

    /// What the server cannot tell: whether it has attachments, and is in a mailbox that was asked for.
    pub(super) fn allows(&self, row: &Row, mailbox: i64) -> bool {
        self.attachments.is_none_or(|wanted| wanted == row.attachments) && self.looks_into(mailbox)
    }

    /// Whether messages of that mailbox may fulfil the question.
    pub(super) fn looks_into(&self, mailbox: i64) -> bool {
        self.mailboxes.contains(&mailbox)
            && self.within.iter().all(|some| some.contains(&mailbox))
            && !self.without.contains(&mailbox)
    }

    /// The row of a message with what is to be marked in it; `None` where it is shown nowhere.
    pub(super) fn hit(&self, c: &Connection, message: i64) -> Result<Option<Hit>, StoreError> {
        let mut shown = c.prepare_cached("SELECT shown_in FROM message WHERE id = ?")?;
        let shown: Option<Option<i64>> = shown.query_row([message], |row| row.get(0)).optional()?;
        let Some(mailbox) = shown.flatten() else { return Ok(None) };
        let Some(row) = StoreError::unless_missing(rows::one(c, message))? else { return Ok(None) };
        let marks = marks(&row.subject, &self.sought);
        Ok(Some(Hit { row, mailbox, marks }))
    }

    /// Whether the words of the phrases stand one behind the other, and those of the excluded ones do not. Of a message whose text is
    /// not here any more nobody can tell: then the words are enough, and nothing is excluded.
    fn fits_phrases(&self, c: &Connection, message: i64) -> Result<bool, StoreError> {
        let mut query = c.prepare_cached(
            "SELECT m.header, e.body FROM message m JOIN search_entry e ON e.message = m.id WHERE m.id = ?",
        )?;
        let (header, indexed): (Vec<u8>, bool) = query.query_row([message], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let headers = mime::read_headers(&header);
        let body = rows::body(c, message)?;
        let unknown = indexed && body.is_none();
        let reading = body.map(|body| mime::read_parts(&body.raw, &body.gaps)).unwrap_or_default();
        let people = |all: &[mime::Person]| -> Vec<String> {
            all.iter().flat_map(|one| [one.name.clone().unwrap_or_default(), one.address.clone()]).collect()
        };
        let from = people(headers.from.as_slice());
        let mut to = people(&headers.to);
        to.extend(people(&headers.cc));
        let says = |field: Field, phrase: &[String]| match field {
            Field::Subject => stands_in(phrase, &headers.subject),
            Field::From => from.iter().any(|text| stands_in(phrase, text)),
            Field::To => to.iter().any(|text| stands_in(phrase, text)),
            Field::Anywhere => {
                let names = reading.attachments.iter().map(|one| &one.name);
                let texts = [&headers.subject, &reading.text].into_iter().chain(&from).chain(&to).chain(names);
                texts.into_iter().any(|text| stands_in(phrase, text))
            }
        };
        let lost = |field: Field| unknown && field == Field::Anywhere;
        let fits = self.said.iter().all(|(field, phrase)| says(*field, phrase) || lost(*field))
            && !self.unsaid.iter().any(|(field, phrase)| says(*field, phrase));
        Ok(fits)
    }

    fn page(&self, c: &Connection, after: Option<After>, limit: u32) -> Result<Found, StoreError> {
        let after = after.unwrap_or(After { received_ms: i64::MAX, id: i64::MAX });
        let mut found = Found { waiting: waiting(c)?, ..Found::default() };
        // A place may be later than the message, never earlier.
        let newest = after.received_ms.min(self.before_ms.saturating_sub(1));
        let (low, high) = (place_of(self.since_ms), place_of(newest).saturating_add(spread_before(c)?));
        let (mut sql, mut values) =
            (String::from("SELECT e.place, m.id, m.received_ms, m.shown_in, m.attachments FROM "), vec![]);
        match (&self.matching, &self.lacking) {
            (Some(matching), _) => {
                sql += "search_words w CROSS JOIN search_entry e ON e.place = w.rowid CROSS JOIN message m ON m.id = e.message
                        WHERE w.search_words MATCH ? AND w.rowid BETWEEN ? AND ? ORDER BY w.rowid DESC";
                values.extend([Value::from(matching.clone()), low.into(), high.into()]);
            }
            (None, lacking) => {
                sql += "search_entry e CROSS JOIN message m ON m.id = e.message WHERE e.place BETWEEN ? AND ?";
                values.extend([Value::from(low), high.into()]);
                if let Some(lacking) = lacking {
                    sql += " AND e.place NOT IN (SELECT rowid FROM search_words WHERE search_words MATCH ?)";
                    values.push(lacking.clone().into());
                }
                sql += " ORDER BY e.place DESC";
            }
        }
        let mut query = c.prepare_cached(&sql)?;
        let mut rows = query.query(params_from_iter(values))?;
        // What was found and may still stand behind something that comes.
        let mut held: BinaryHeap<(i64, i64)> = BinaryHeap::new();
        let (mut looked_at, mut read) = (0, 0);
        let more = loop {
            let next = rows.next()?;
            let place: Option<i64> = next.map(|row| row.get(0)).transpose()?;
            // What comes from here on was received before this moment.
            let all_before = place.map_or(i64::MIN, |place| (place + 1).saturating_mul(1000 * WIDE));
            while found.hits.len() < limit as usize
                && held.peek().is_some_and(|(received_ms, _)| *received_ms >= all_before)
                && let Some((received_ms, id)) = held.pop()
            {
                found.after = Some(After { received_ms, id });
                found.hits.extend(self.hit(c, id)?);
            }
            if found.hits.len() >= limit as usize {
                break true;
            }
            let Some(row) = next else { break false };
            if looked_at >= LOOKED_AT || read >= READ {
                let before = After { received_ms: all_before, id: i64::MIN };
                found.after = Some(before);
                break true;
            }
            // What stands later than it was received was looked at for the page before: this one must get on.
            let fresh = usize::from(place.is_some_and(|place| place <= place_of(after.received_ms)));
            looked_at += fresh;
            let (id, received_ms, shown, attachments): (i64, i64, Option<i64>, bool) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let Some(shown) = shown else { continue };
            let fits = (received_ms, id) < (after.received_ms, after.id)
                && (self.since_ms..self.before_ms).contains(&received_ms)
                && self.attachments.is_none_or(|wanted| wanted == attachments)
                && self.within.iter().all(|some| some.contains(&shown))
                && !self.without.contains(&shown);
            if !fits || !self.mailboxes.contains(&shown) {
                continue;
            }
            if !self.said.is_empty() || !self.unsaid.is_empty() {
                read += fresh;
                if !self.fits_phrases(c, id)? {
                    continue;
                }
            }
            held.push((received_ms, id));
        };
        if !more {
            found.after = None;
        }
        Ok(found)
    }
}

/// A word that is looked for, folded, and whether it may go on.
struct Sought(String, bool);

/// What of `query` may stand in a text, or in a subject.
fn sought(query: &Query, subject: bool) -> Vec<Sought> {
    let mut all = Vec::new();
    for term in query.terms.iter().filter(|term| !term.excluded) {
        let Criterion::Says(field, saying) = &term.criterion else { continue };
        if *field == Field::Anywhere || (subject && *field == Field::Subject) {
            match saying {
                Saying::Word(word) => all.push(Sought(fold(word), false)),
                Saying::Beginning(word) => all.push(Sought(fold(word), true)),
                Saying::Phrase(words) => all.extend(words.iter().map(|word| Sought(fold(word), false))),
            }
        }
    }
    all
}

impl Sought {
    fn is(&self, word: &str) -> bool {
        if self.1 { word.starts_with(&self.0) } else { word == self.0 }
    }
}

fn marks(text: &str, sought: &[Sought]) -> Vec<Range<usize>> {
    if sought.is_empty() {
        return Vec::new();
    }
    let found = words(text).filter(|word| sought.iter().any(|one| one.is(&word.folded)));
    found.take(MARKS).map(|word| word.place).collect()
}

/// The piece of `text` around the first word that is looked for, on one line, and where in it such words stand.
fn cut_out(text: &str, sought: &[Sought]) -> Option<(String, Vec<Range<usize>>)> {
    let first = words(text).find(|word| sought.iter().any(|one| one.is(&word.folded)))?.place;
    let head = text.get(..first.start)?;
    let start = head.char_indices().rev().take(BEFORE).last().map_or(0, |(at, _)| at);
    // Not in the middle of a word.
    let start = match text.get(start..first.start)?.find(char::is_whitespace) {
        Some(blank) if start > 0 => start + blank,
        _ => start,
    };
    let line = one_line(text.get(start..)?);
    let marks = marks(&line, sought);
    Some((line, marks))
}

/// The beginning of `text`, its white space made single blanks.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut left = SNIPPET;
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
            left = left.saturating_sub(1);
        }
        line.extend(word.chars().take(left));
        left = left.saturating_sub(word.chars().count());
        if left == 0 {
            break;
        }
    }
    line
}

fn stands_in(phrase: &[String], text: &str) -> bool {
    let all: Vec<String> = words(text).map(|word| word.folded).collect();
    all.windows(phrase.len()).any(|some| some == phrase)
}

/// Of a phrase what the index does not know: that its words stand one behind the other.
fn phrase(field: Field, saying: &Saying) -> Option<(Field, Vec<String>)> {
    match saying {
        Saying::Phrase(words) if words.len() > 1 => Some((field, words.iter().map(|word| fold(word)).collect())),
        _ => None,
    }
}

/// What the index is asked for, a word each. Each stands in quotes, and has no other character in it than letters, digits and its mark.
fn expressions(field: Field, saying: &Saying) -> Vec<String> {
    let mark = match field {
        Field::Anywhere => "",
        Field::From => &String::from(FROM),
        Field::To => &String::from(TO),
        Field::Subject => &String::from(SUBJECT),
    };
    let word = |word: &String| Some(fold(word)).filter(|word| !word.is_empty()).map(|word| format!("\"{mark}{word}\""));
    match saying {
        Saying::Word(one) => word(one).into_iter().collect(),
        // One letter alone: half of all words begin with it.
        Saying::Beginning(one) if mark.is_empty() && fold(one).chars().count() < 2 => word(one).into_iter().collect(),
        Saying::Beginning(one) => word(one).map(|word| word + "*").into_iter().collect(),
        Saying::Phrase(all) => all.iter().filter_map(word).collect(),
    }
}

/// When the day begins in France, in milliseconds.
fn start_of(day: Date) -> i64 {
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    day.to_zoned(zone).map(|start| start.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond()
}

/// Whether `wanted` is what somebody calls that mailbox: the beginnings of words of its name, or of its role.
fn is_named(wanted: &str, name: &str, role: Option<Role>) -> bool {
    let role = match role {
        Some(Role::Inbox) => "inbox boîte de réception",
        Some(Role::Sent) => "sent envoyés",
        Some(Role::Drafts) => "drafts brouillons",
        Some(Role::Trash) => "trash bin corbeille",
        Some(Role::Junk) => "junk spam indésirables",
        Some(Role::Archive) => "archives",
        _ => "",
    };
    let of = |text: &str| words(text).map(|word| word.folded).collect::<Vec<_>>();
    let (names, roles) = (of(name), of(role));
    let all_in = |all: &[String]| {
        let mut wanted = words(wanted).peekable();
        wanted.peek().is_some() && wanted.all(|word| all.iter().any(|one| one.starts_with(&word.folded)))
    };
    all_in(&names) || all_in(&roles)
}

//! The words of messages in the store: what is to be read is noted by triggers, read here a bounded piece at a time, and durable
//! with the note that it was.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::fold::words;
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::mime::{self, Headers};
use crate::mail::rows;
use crate::store::StoreError;

/// A transaction: so many messages at most, or so many bytes of them.
const MESSAGES: u32 = 1000;
const BYTES: usize = 4 * 1024 * 1024;
/// Words of one message. Nobody reads on in a longer one.
const MOST_WORDS: usize = 5000;
/// Bytes of its text.
const MOST_TEXT: usize = 256 * 1024;
/// A place is so many seconds wide: with few gaps between places an index is half as large as with one for every second.
pub(super) const WIDE: i64 = 256;
/// Pages that are merged at once.
const MERGED: u32 = 400;
/// After so many messages what was written in pieces is merged.
const MANY: u64 = 2000;

/// Marks of words that stand in a header: they are no part of a word.
pub(super) const SUBJECT: char = '!';
pub(super) const FROM: char = '#';
pub(super) const TO: char = '$';
const FILE: char = '%';

/// A message whose words have been read.
struct Prepared {
    turn: i64,
    message: i64,
    received_ms: i64,
    body: bool,
    /// `None` where what the index has of it is more than can be read now.
    words: Option<String>,
}

impl MailAccount {
    /// Reads the words of the messages that came since, a bounded piece at a time, each durable; what another piece was meant
    /// for while this is dropped is read the next time. Gives how many messages these were. Does not wait for the network.
    pub async fn index_waiting(&self) -> Result<u64, MailError> {
        let mut all = 0;
        loop {
            let mut prepared = self.prepared(MESSAGES, None).await?;
            if prepared.is_empty() {
                break;
            }
            // While one piece is written, the next is read. What comes meanwhile has a higher turn, and its own round.
            while let Some(lowest) = prepared.last().map(|one| one.turn) {
                let writing = self.store.write(move |t, _| write(t, prepared));
                let (written, next) = tokio::join!(writing, self.prepared(MESSAGES, Some(lowest)));
                all += written?;
                prepared = next?;
            }
        }
        if all >= MANY {
            while self.store.write(|t, _| merge_some(t)).await? {}
        }
        Ok(all)
    }

    /// The last messages that came, `most` of them at the most.
    pub(super) async fn index_some(&self, most: u32) -> Result<u64, MailError> {
        let prepared = self.prepared(most, None).await?;
        if prepared.is_empty() {
            return Ok(0);
        }
        Ok(self.store.write(move |t, _| write(t, prepared)).await?)
    }

    /// Not on the connection for long reads: a search does not wait for it.
    async fn prepared(&self, most: u32, below: Option<i64>) -> Result<Vec<Prepared>, StoreError> {
        self.store.read(move |c| prepare(c, most, below.unwrap_or(i64::MAX))).await
    }
}

/// The messages whose words are still to be read.
pub(super) fn waiting(c: &Connection) -> Result<u64, StoreError> {
    let count: i64 = c.prepare_cached("SELECT count(*) FROM search_due")?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn prepare(c: &Connection, most: u32, below: i64) -> Result<Vec<Prepared>, StoreError> {
    let mut due = c.prepare_cached(
        "SELECT d.turn, d.message, m.received_ms, m.header, m.unreadable, ifnull(e.body, 0),
                EXISTS (SELECT 1 FROM offered_code WHERE message = d.message)
         FROM search_due d JOIN message m ON m.id = d.message
         LEFT JOIN search_entry e ON e.message = m.id
         WHERE d.turn < ? ORDER BY d.turn DESC LIMIT ?",
    )?;
    let mut rows = due.query(params![below, most])?;
    let (mut prepared, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message = row.get(1)?;
        // Nobody looks for a sign-in code, which no table has.
        let is_code: bool = row.get(6)?;
        let body = if is_code { None } else { rows::body(c, message)? };
        let header: Vec<u8> = row.get(3)?;
        bytes += header.len() + body.as_ref().map_or(0, |body| body.raw.len());
        if bytes > BYTES && !prepared.is_empty() {
            break;
        }
        let (unreadable, before): (bool, bool) = (row.get(4)?, row.get(5)?);
        let words = (body.is_some() || !before || is_code).then(|| {
            let headers = if unreadable { Headers::default() } else { mime::read_headers(&header) };
            // One that cannot be read must not keep the others from it.
            catch_unwind(AssertUnwindSafe(|| words_of(&headers, body.as_ref()))).unwrap_or_default()
        });
        prepared.push(Prepared { turn: row.get(0)?, message, received_ms: row.get(2)?, body: body.is_some(), words });
    }
    Ok(prepared)
}

/// What the index knows of a message, as text whose words are parted by blanks.
fn words_of(headers: &Headers, body: Option<&rows::Body>) -> String {
    let mut all = Words::default();
    all.add(Some(SUBJECT), &headers.subject);
    let people = [(FROM, headers.from.as_slice()), (TO, &headers.to), (TO, &headers.cc)];
    for (mark, person) in people.into_iter().flat_map(|(mark, people)| people.iter().map(move |one| (mark, one))) {
        all.add(Some(mark), person.name.as_deref().unwrap_or_default());
        all.add(Some(mark), &person.address);
    }
    if let Some(body) = body {
        let reading = mime::read_parts(&body.raw, &body.gaps);
        for attachment in &reading.attachments {
            all.add(Some(FILE), &attachment.name);
        }
        let end = reading.text.floor_char_boundary(MOST_TEXT);
        all.add(None, reading.text.get(..end).unwrap_or_default());
    }
    all.text
}

#[derive(Default)]
struct Words {
    seen: HashSet<String>,
    text: String,
}

impl Words {
    fn add(&mut self, mark: Option<char>, text: &str) {
        for word in words(text) {
            if self.seen.len() >= MOST_WORDS {
                return;
            }
            if let Some(mark) = mark {
                let mut marked = String::with_capacity(word.folded.len() + 1);
                marked.push(mark);
                marked.push_str(&word.folded);
                self.once(marked);
            }
            self.once(word.folded);
        }
    }

    fn once(&mut self, word: String) {
        if !self.seen.contains(&word) {
            self.text.push_str(&word);
            self.text.push(' ');
            self.seen.insert(word);
        }
    }
}

fn write(t: &Transaction<'_>, mut prepared: Vec<Prepared>) -> Result<u64, StoreError> {
    // The index takes rows in their order; for another one it would begin a new piece of itself.
    prepared.sort_by_key(|one| (one.received_ms, one.message));
    let mut done = t.prepare_cached("DELETE FROM search_due WHERE turn = ? AND message = ?")?;
    let mut before = t.prepare_cached("SELECT place FROM search_entry WHERE message = ?")?;
    let mut entry = t.prepare_cached("INSERT INTO search_entry (place, message, body) VALUES (?, ?, ?)")?;
    let mut again = t.prepare_cached("UPDATE search_entry SET body = ? WHERE place = ?")?;
    let mut insert = t.prepare_cached("INSERT OR REPLACE INTO search_words (rowid, words) VALUES (?, ?)")?;
    let (mut count, mut spread, mut last) = (0, 0, None);
    for one in prepared {
        // It changed meanwhile, or somebody else has read it.
        if done.execute(params![one.turn, one.message])? == 0 {
            continue;
        }
        count += 1;
        let Some(words) = one.words else { continue };
        let wanted = place_of(one.received_ms);
        let known: Option<i64> = before.query_row([one.message], |row| row.get(0)).optional()?;
        let place = match known {
            Some(place) if place >= wanted && place - wanted <= spread_before(t)? => {
                again.execute(params![one.body, place])?;
                place
            }
            known => {
                if let Some(place) = known {
                    t.execute("DELETE FROM search_entry WHERE place = ?", [place])?;
                }
                let place = free_place(t, last.map_or(wanted, |last: i64| wanted.max(last + 1)))?;
                spread = spread.max(place - wanted);
                last = Some(place);
                entry.execute(params![place, one.message, one.body])?;
                place
            }
        };
        insert.execute(params![place, words])?;
    }
    if spread > spread_before(t)? {
        t.execute(
            "INSERT INTO search_spread (one, places) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET places = excluded.places",
            [spread],
        )?;
    }
    Ok(count)
}

/// Where a message that was received then belongs.
pub(super) fn place_of(received_ms: i64) -> i64 {
    received_ms.div_euclid(1000 * WIDE).max(0)
}

/// By how much a place may be later.
pub(super) fn spread_before(c: &Connection) -> Result<i64, StoreError> {
    let mut query = c.prepare_cached("SELECT places FROM search_spread")?;
    Ok(query.query_row([], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// The first of `wanted` and some places behind it that is free. Where thousands of messages have one time, as after a move from
/// another server, it is not looked for one by one.
fn free_place(t: &Transaction<'_>, wanted: i64) -> Result<i64, StoreError> {
    let mut taken = t.prepare_cached("SELECT 1 FROM search_entry WHERE place = ?")?;
    let (mut place, mut step) = (wanted, 1);
    while taken.exists([place])? {
        (place, step) = (place + step, step * 2);
    }
    Ok(place)
}

/// Merges some of what was written in pieces; whether there may be more.
fn merge_some(t: &Transaction<'_>) -> Result<bool, StoreError> {
    let changes = || t.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
    let before = changes()?;
    t.execute("INSERT INTO search_words (search_words, rank) VALUES ('merge', ?)", [MERGED])?;
    Ok(changes()? - before >= 2)
}

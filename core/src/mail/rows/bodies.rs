//! What of messages is in the store: whole ones, parts and pieces of parts; and where on the server the rest is.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::mail::imap::{Part, Piece};
use crate::mail::mime::Gap;
use crate::store::StoreError;

/// Where a message lies on the server.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Place {
    pub(in crate::mail) mailbox: String,
    pub(in crate::mail) uid_validity: Option<u32>,
    pub(in crate::mail) uid: u32,
    pub(in crate::mail) size: u64,
}

/// A message as far as it was fetched to be read.
#[derive(Clone, Debug, Default)]
pub(in crate::mail) struct Body {
    pub(in crate::mail) raw: Vec<u8>,
    /// The parts that are empty in `raw`; none in a whole message.
    pub(in crate::mail) gaps: Vec<Gap>,
    /// Whether some of what is read is missing.
    pub(in crate::mail) incomplete: bool,
}

/// What is known of how a message is made up.
#[derive(Clone, Debug)]
pub(in crate::mail) enum Known {
    Nothing,
    /// That it is to be fetched whole.
    Unusable,
    Parts(Part),
}

/// Some bytes of a section that are in the store.
#[derive(Clone, Copy, Debug)]
pub(in crate::mail) struct Stretch {
    pub(in crate::mail) offset: u64,
    pub(in crate::mail) length: u64,
    pub(in crate::mail) last: bool,
}

pub(in crate::mail) fn body(c: &Connection, message: i64) -> Result<Option<Body>, StoreError> {
    let mut query = c.prepare_cached("SELECT raw, gaps, incomplete FROM body WHERE message = ?")?;
    let found = query.query_row([message], |row| {
        let gaps: Option<String> = row.get(1)?;
        Ok(Body { raw: row.get(0)?, gaps: from_json(gaps).unwrap_or_default(), incomplete: row.get(2)? })
    });
    Ok(found.optional()?)
}

/// Keeps what a message is read from, in the place of the pieces that it was put together from.
/// [`StoreError::NotFound`] when the message went meanwhile.
pub(in crate::mail) fn keep_body(t: &Transaction<'_>, message: i64, body: &Body) -> Result<(), StoreError> {
    still_there(t, message)?;
    let gaps = (!body.gaps.is_empty()).then(|| to_json(&body.gaps));
    t.prepare_cached(
        "INSERT INTO body (message, raw, gaps, incomplete) VALUES (?, ?, ?, ?) ON CONFLICT (message)
         DO UPDATE SET raw = excluded.raw, gaps = excluded.gaps, incomplete = excluded.incomplete",
    )?
    .execute(params![message, body.raw, gaps, body.incomplete])?;
    let mut sections = t.prepare_cached("SELECT DISTINCT section FROM piece WHERE message = ?")?;
    let sections: Vec<String> = sections.query_map([message], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for section in sections.iter().filter(|section| !body.gaps.iter().any(|gap| gap.section == **section)) {
        t.execute("DELETE FROM piece WHERE message = ? AND section = ?", params![message, section])?;
    }
    recount(t, message)
}

/// Keeps a whole message of which nothing was here before. One that went meanwhile, or is here already, is left alone.
pub(in crate::mail) fn keep_fresh(t: &Transaction<'_>, message: i64, raw: &[u8]) -> Result<bool, StoreError> {
    let mut insert = t.prepare_cached(
        "INSERT INTO body (message, raw) SELECT id, ?2 FROM message WHERE id = ?1 ON CONFLICT (message) DO NOTHING",
    )?;
    if insert.execute(params![message, raw])? == 0 {
        return Ok(false);
    }
    add_bytes(t, message, raw.len())?;
    Ok(true)
}

pub(in crate::mail) fn place(c: &Connection, message: i64) -> Result<Place, StoreError> {
    let mut query = c.prepare_cached(
        // Of a copy that is not made yet: that of its original.
        "SELECT b.name, b.uid_validity, m.uid, m.size FROM message m JOIN mailbox b ON b.id = m.mailbox
         WHERE m.id = ifnull((SELECT source FROM action WHERE message = ?1 AND kind = 'copy'), ?1) AND m.uid > 0",
    )?;
    let place = query.query_row([message], |row| {
        Ok(Place { mailbox: row.get(0)?, uid_validity: row.get(1)?, uid: row.get(2)?, size: super::count(row.get(3)?) })
    });
    Ok(place?)
}

pub(in crate::mail) fn structure(c: &Connection, message: i64) -> Result<Known, StoreError> {
    let mut query = c.prepare_cached("SELECT structure FROM kept WHERE message = ?")?;
    let told: Option<Option<String>> = query.query_row([message], |row| row.get(0)).optional()?;
    Ok(match told.flatten() {
        None => Known::Nothing,
        told => from_json(told).flatten().map_or(Known::Unusable, Known::Parts),
    })
}

/// Keeps how a message is made up; `None`: it is to be fetched whole, and what came of its parts is of no use.
/// [`StoreError::NotFound`] when the message went meanwhile.
pub(in crate::mail) fn keep_structure(
    t: &Transaction<'_>,
    message: i64,
    root: Option<&Part>,
) -> Result<(), StoreError> {
    still_there(t, message)?;
    add_bytes(t, message, 0)?;
    t.execute("UPDATE kept SET structure = ? WHERE message = ?", params![to_json(&root), message])?;
    if root.is_none() {
        t.execute("DELETE FROM piece WHERE message = ? AND section <> ''", [message])?;
        recount(t, message)?;
    }
    Ok(())
}

/// What of a section is here, in order.
pub(in crate::mail) fn stretches(c: &Connection, message: i64, section: &str) -> Result<Vec<Stretch>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT offset, length(bytes), last FROM piece WHERE message = ? AND section = ? ORDER BY offset",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Stretch { offset: super::count(row.get(0)?), length: super::count(row.get(1)?), last: row.get(2)? })
    };
    Ok(query.query_map(params![message, section], read)?.collect::<Result<_, _>>()?)
}

/// Keeps pieces as they came, each with whether it is the last of its section. [`StoreError::NotFound`] when the message went
/// meanwhile.
pub(in crate::mail) fn keep_pieces(
    t: &Transaction<'_>,
    message: i64,
    pieces: &[(Piece, bool)],
) -> Result<(), StoreError> {
    still_there(t, message)?;
    let mut insert = t.prepare_cached(
        "INSERT INTO piece (message, section, offset, bytes, last) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (message, section, offset) DO NOTHING",
    )?;
    let mut bytes = 0;
    for (piece, last) in pieces {
        bytes += insert.execute(params![message, piece.section, piece.offset, piece.bytes, last])? * piece.bytes.len();
    }
    add_bytes(t, message, bytes)
}

/// The bytes of a section from its beginning on, as far as they are here without a gap.
pub(in crate::mail) fn section(c: &Connection, message: i64, section: &str) -> Result<Vec<u8>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT offset, bytes FROM piece WHERE message = ? AND section = ? ORDER BY offset")?;
    let mut rows = query.query(params![message, section])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != i64::try_from(all.len()).unwrap_or(i64::MAX) {
            break;
        }
        all.extend_from_slice(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(all)
}

/// The piece of a section that begins at `offset`.
pub(in crate::mail) fn piece(
    c: &Connection,
    message: i64,
    section: &str,
    offset: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = c.prepare_cached("SELECT bytes FROM piece WHERE message = ? AND section = ? AND offset = ?")?;
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    Ok(query.query_row(params![message, section, offset], |row| row.get(0)).optional()?)
}

/// Forgets at most `most` pieces of a section; how many these were.
pub(in crate::mail) fn drop_pieces(
    t: &Transaction<'_>,
    message: i64,
    section: &str,
    most: u32,
) -> Result<usize, StoreError> {
    let gone = t.execute(
        "DELETE FROM piece WHERE id IN (SELECT id FROM piece WHERE message = ? AND section = ? LIMIT ?)",
        params![message, section, most],
    )?;
    recount(t, message)?;
    Ok(gone)
}

/// The message is used at `now_ms`.
pub(in crate::mail) fn touch(t: &Transaction<'_>, message: i64, now_ms: i64) -> Result<(), StoreError> {
    t.execute("UPDATE kept SET used_ms = max(used_ms, ?) WHERE message = ?", params![now_ms, message])?;
    Ok(())
}

fn still_there(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    let there = t.prepare_cached("SELECT 1 FROM message WHERE id = ?")?.exists([message])?;
    if there { Ok(()) } else { Err(StoreError::NotFound) }
}

fn add_bytes(t: &Transaction<'_>, message: i64, bytes: usize) -> Result<(), StoreError> {
    let mut add = t.prepare_cached(
        "INSERT INTO kept (message, bytes, used_ms) SELECT id, ?2, received_ms FROM message WHERE id = ?1
         ON CONFLICT (message) DO UPDATE SET bytes = bytes + excluded.bytes",
    )?;
    add.execute(params![message, i64::try_from(bytes).unwrap_or(i64::MAX)])?;
    Ok(())
}

fn recount(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    add_bytes(t, message, 0)?;
    t.prepare_cached(
        "UPDATE kept SET bytes = ifnull((SELECT length(raw) FROM body WHERE message = ?1), 0)
             + ifnull((SELECT sum(length(bytes)) FROM piece WHERE message = ?1), 0)
         WHERE message = ?1",
    )?
    .execute([message])?;
    Ok(())
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    // Numbers, names and lists of them: there is nothing in it that could not be written.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

fn from_json<T: serde::de::DeserializeOwned>(text: Option<String>) -> Option<T> {
    serde_json::from_str(&text?).ok()
}

//! How much of messages is kept, what goes first, and what is fetched before anybody asks for it.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::mail::bodies::Prefetch;
use crate::mail::flags::Flags;
use crate::mail::imap::Role;
use crate::store::StoreError;

/// What goes at once: a transaction of a few milliseconds.
const AT_ONCE_BYTES: i64 = 8 * 1024 * 1024;
const AT_ONCE: usize = 500;
/// Pages given back to the file system at once.
const PAGES: u32 = 2048;

/// A message of which the phone has the header only.
#[derive(Clone, Copy, Debug)]
pub(in crate::mail) struct Candidate {
    pub(in crate::mail) message: i64,
    pub(in crate::mail) uid: u32,
    pub(in crate::mail) size: u64,
    pub(in crate::mail) received_ms: i64,
    pub(in crate::mail) unread: bool,
}

/// A mailbox in which something may be fetched.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Source {
    pub(in crate::mail) id: i64,
    pub(in crate::mail) name: String,
    pub(in crate::mail) role: Option<Role>,
    pub(in crate::mail) uid_validity: u32,
}

/// How many bytes of messages are here.
pub(in crate::mail) fn cache_size(c: &Connection) -> Result<u64, StoreError> {
    let mut query = c.prepare_cached("SELECT ifnull(sum(bytes), 0) FROM kept INDEXED BY kept_oldest")?;
    Ok(super::count(query.query_row([], |row| row.get(0))?))
}

/// The limit in bytes and the prefetch that the teacher has set.
pub(in crate::mail) fn cache_settings(c: &Connection) -> Result<Option<(u64, Prefetch)>, StoreError> {
    let mut query = c.prepare_cached("SELECT most_bytes, prefetch FROM cache")?;
    let row = query.query_row([], |row| Ok((super::count(row.get(0)?), row.get::<_, String>(1)?)));
    Ok(row.optional()?.map(|(most, prefetch)| (most, Prefetch::named(&prefetch))))
}

pub(in crate::mail) fn set_cache(t: &Transaction<'_>, most: u64, prefetch: Prefetch) -> Result<(), StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    t.execute(
        "INSERT INTO cache (one, most_bytes, prefetch) VALUES (1, ?, ?)
         ON CONFLICT (one) DO UPDATE SET most_bytes = excluded.most_bytes, prefetch = excluded.prefetch",
        params![most, prefetch.name()],
    )?;
    Ok(())
}

/// When the message was last used that goes first.
pub(in crate::mail) fn least_used(c: &Connection) -> Result<Option<i64>, StoreError> {
    let mut query = c.prepare_cached("SELECT used_ms FROM kept ORDER BY used_ms LIMIT 1")?;
    Ok(query.query_row([], |row| row.get(0)).optional()?)
}

/// Takes away some of what was used least recently, as long as there is more than `most`; whether there still is, and more to
/// take. The messages in `held` stay, and those that no server has: drafts, copies still to be made.
pub(in crate::mail) fn evict_some(t: &Transaction<'_>, most: u64, held: &[i64]) -> Result<bool, StoreError> {
    let mut excess = i64::try_from(cache_size(t)?.saturating_sub(most)).unwrap_or(i64::MAX);
    let mut oldest = t.prepare_cached(
        "SELECT k.message, k.bytes FROM kept k JOIN message m ON m.id = k.message WHERE m.uid > 0
         ORDER BY k.used_ms, k.message LIMIT ?",
    )?;
    let rows = oldest.query_map([i64::try_from(AT_ONCE + held.len()).unwrap_or(i64::MAX)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    let (mut taken, mut gone) = (0, 0usize);
    for (message, bytes) in rows.into_iter().filter(|(message, _)| !held.contains(message)) {
        if excess <= 0 || taken >= AT_ONCE_BYTES || gone >= AT_ONCE {
            break;
        }
        for table in ["body", "piece", "kept"] {
            t.prepare_cached(&format!("DELETE FROM {table} WHERE message = ?"))?.execute([message])?;
        }
        (taken, excess, gone) = (taken + bytes, excess - bytes, gone + 1);
    }
    Ok(excess > 0 && gone > 0)
}

/// Gives some of the file's free pages back to the file system; whether there are more.
pub(in crate::mail) fn shrink_some(t: &Transaction<'_>) -> Result<bool, StoreError> {
    let free = || t.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    let before = free()?;
    // A row for each page.
    let mut vacuum = t.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    let after = free()?;
    // A file that was made before it could shrink keeps its pages for what comes next.
    Ok(after > 0 && after < before)
}

/// The mailboxes that are known and hold messages.
pub(in crate::mail) fn sources(c: &Connection, academy: &str) -> Result<Vec<Source>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, name, role, uid_validity FROM mailbox
         WHERE academy = ? AND selectable = 1 AND uid_validity IS NOT NULL ORDER BY id",
    )?;
    let rows = query.query_map([academy], |row| {
        let role: Option<String> = row.get(2)?;
        Ok(Source {
            id: row.get(0)?,
            name: row.get(1)?,
            role: role.as_deref().and_then(Role::from_word),
            uid_validity: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Messages of a mailbox of which there is no body, received since `since_ms`, newest first, behind the message `after`.
pub(in crate::mail) fn candidates(
    c: &Connection,
    mailbox: i64,
    since_ms: i64,
    after: (i64, i64),
    limit: u32,
) -> Result<Vec<Candidate>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, uid, size, received_ms, flags FROM message
         WHERE shown_in = ?1 AND mailbox = ?1 AND uid > 0 AND received_ms >= ? AND (received_ms, id) < (?, ?)
           AND NOT EXISTS (SELECT 1 FROM body WHERE message = message.id)
         ORDER BY received_ms DESC, id DESC LIMIT ?",
    )?;
    let rows = query.query_map(params![mailbox, since_ms, after.0, after.1, limit], |row| {
        Ok(Candidate {
            message: row.get(0)?,
            uid: row.get(1)?,
            size: super::count(row.get(2)?),
            received_ms: row.get(3)?,
            unread: !Flags::from_bits(row.get(4)?).has(Flags::SEEN),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

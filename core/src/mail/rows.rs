//! Mailboxes, messages and waiting actions in the store: all the SQL of the reading side. Where a message is on the server and
//! where it is shown are two things: see `sync/README.md`.

mod actions;
mod bodies;
mod cache;
mod conversations;
mod lists;
mod mailbox_actions;
mod mailbox_outcome;
mod mailboxes;
mod objects;
mod rights;
mod senders;
mod server;
mod threads;
mod waiting;

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub use actions::{ActionKind, Refusal, RefusalReason};
pub(super) use actions::{
    Copy, Deed, Draft, End, Item, Kind, Undone, begin, begin_ends, begin_flags, copied, copies, destroyed, drafts,
    drop_lost, filed, flagged, forget_refusals, has_lost, is_waiting, items, left, moved, refusals, refuse, resolve,
    save_draft, settle_idle, swallow, undo,
};
pub(super) use bodies::{
    Body, Known as Structure, Place, Stretch, body, drop_pieces, keep_body, keep_fresh, keep_pieces, keep_structure,
    piece, place, section, stretches, structure, touch,
};
pub(super) use cache::{
    Candidate, Source, cache_settings, cache_size, candidates, evict_some, least_used, set_cache, shrink_some, sources,
};
pub use conversations::{Conversation, Copied, Participant, Sighting};
pub(super) use conversations::{conversation, conversations, mute};
pub use lists::{List, ListCounts};
pub(super) use lists::{list, list_counts};
pub(super) use mailbox_actions::{
    MailboxAction, MailboxKind, act_on_mailbox, create_mailbox, delimiter, is_busy, is_taken, join_roles,
    mailbox_actions, role_mailbox, settle_mailboxes, shown_mailbox, undo_on_mailbox,
};
pub(super) use mailbox_outcome::{mailbox_done, mailbox_refused, refuse_arrivals};
pub use mailboxes::Mailbox;
pub(super) use mailboxes::{
    Known, Mark, drop_mailbox, forget_all, is_unopened, known_mailboxes, list_mailbox, mailbox_named, mailbox_of_role,
    mailboxes, mark, mark_named, names, open_mailbox, rename_mailbox, set_mark,
};
pub(super) use objects::{drop_left, has_left, has_named, recognise};
pub(super) use rights::{REMOVE, doubt_rights, lacking_for, lacking_in, needed_for, set_rights};
pub(super) use senders::{form, is_first, set_form};
pub(super) use server::{alert, asked_ms, dismiss_alert, keep_alert, keep_answers, namespaces, quotas};
pub(super) use threads::{conversation_of, has_unthreaded, thread_some};
pub(super) use waiting::{Waiting, waiting, waiting_letters};

use self::threads::Threads;
use super::conversations::Heard;
use super::flags::Flags;
use super::imap::UidSet;
use super::mime::{Headers, Person, read_headers, read_row_headers};
use crate::store::StoreError;

/// A message as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Its number in the store.
    pub id: i64,
    /// When the server received it, in milliseconds since 1970.
    pub received_ms: i64,
    /// Its subject; empty when there is none.
    pub subject: String,
    /// The sender's name, as the sender gives it.
    pub from_name: Option<String>,
    /// The sender's address.
    pub from_address: Option<String>,
    /// Read, flagged, answered, with what the teacher did meanwhile.
    pub flags: Flags,
    /// Whether it seems to have attachments.
    pub attachments: bool,
    /// Its size in bytes.
    pub size: u64,
    /// The server's line about it could not be read; it may still be opened.
    pub unreadable: bool,
    /// The mailbox that it is shown in; `None` for a message that is about to go for ever.
    pub mailbox: Option<i64>,
    /// Whether its conversation is muted: no notice is given of it.
    pub muted: bool,
    /// To whom it went, the first few, where it is shown among what was sent or among the drafts: there the sender says nothing.
    pub to: Vec<Person>,
}

/// The place in a list after which a page begins: the last row of the page before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct After {
    /// The row's time.
    pub received_ms: i64,
    /// The row's number.
    pub id: i64,
}

/// What a sync knows of a message.
pub(super) struct Arrived {
    pub(super) uid: u32,
    pub(super) received_ms: i64,
    pub(super) size: u64,
    pub(super) flags: Flags,
    pub(super) header: Vec<u8>,
    /// The server's own name for it (RFC 8474).
    pub(super) email_id: Option<String>,
    pub(super) unreadable: bool,
}

/// Of a letter to many, these are named in its row; they are looked for in so much of the header.
const NAMED: usize = 5;
const LOOKED_AT: i64 = 16 * 1024;

/// Along an index, however large the mailbox is.
const PAGE: &str =
    "SELECT id, received_ms, subject, from_name, from_address, flags, attachments, size, unreadable, shown_in,
EXISTS (SELECT 1 FROM conversation WHERE id = message.conversation AND muted = 1)
FROM message WHERE shown_in = ? AND (received_ms, id) < (?, ?) ORDER BY received_ms DESC, id DESC LIMIT ?";

/// The rows after `after`, newest first.
pub(super) fn page(c: &Connection, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, StoreError> {
    let after = after.unwrap_or(After { received_ms: i64::MAX, id: i64::MAX });
    let mut query = c.prepare_cached(PAGE)?;
    let rows = query.query_map(params![mailbox, after.received_ms, after.id, limit.min(500)], row)?;
    addressed(c, rows.collect::<Result<_, _>>()?)
}

/// The rows, those of mailboxes for what the teacher writes with whom it went to.
fn addressed(c: &Connection, mut rows: Vec<Row>) -> Result<Vec<Row>, StoreError> {
    let mut written = c.prepare_cached("SELECT id FROM mailbox WHERE role IN ('sent', 'drafts')")?;
    let written = written.query_map([], |row| row.get(0))?.collect::<Result<BTreeSet<i64>, _>>()?;
    let mut header = c.prepare_cached("SELECT ifnull(substr(header, 1, ?), x'') FROM message WHERE id = ?")?;
    for row in rows.iter_mut().filter(|row| row.mailbox.is_some_and(|mailbox| written.contains(&mailbox))) {
        let header: Vec<u8> = header.query_row([LOOKED_AT, row.id], |row| row.get(0))?;
        let Headers { to, cc, .. } = read_headers(&header);
        row.to = to.into_iter().chain(cc).take(NAMED).collect();
    }
    Ok(rows)
}

/// The messages that are shown in a mailbox; with `unread` only those.
pub(super) fn shown_in(c: &Connection, mailbox: i64, unread: bool) -> Result<Vec<i64>, StoreError> {
    let mut query = c.prepare_cached(if unread {
        "SELECT id FROM message WHERE shown_in = ? AND flags & 1 = 0"
    } else {
        "SELECT id FROM message WHERE shown_in = ?"
    })?;
    let rows = query.query_map([mailbox], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a message is shown in that mailbox.
pub(super) fn is_shown_in(c: &Connection, message: i64, mailbox: i64) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT 1 FROM message WHERE id = ? AND shown_in = ?")?.exists([message, mailbox])?)
}

/// One row, hidden or not.
pub(super) fn one(c: &Connection, message: i64) -> Result<Row, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, received_ms, subject, from_name, from_address, flags, attachments, size, unreadable, shown_in,
                EXISTS (SELECT 1 FROM conversation WHERE id = message.conversation AND muted = 1)
         FROM message WHERE id = ?",
    )?;
    let row = query.query_row([message], row)?;
    Ok(row)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        received_ms: row.get(1)?,
        subject: row.get(2)?,
        from_name: row.get(3)?,
        from_address: row.get(4)?,
        flags: Flags::from_bits(row.get(5)?),
        attachments: row.get(6)?,
        size: count(row.get(7)?),
        unreadable: row.get(8)?,
        mailbox: row.get(9)?,
        muted: row.get(10)?,
        to: Vec::new(),
    })
}

/// Every known UID of a mailbox with the server's flags, ascending.
pub(super) fn uids(c: &Connection, mailbox: i64) -> Result<Vec<(u32, Flags)>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT uid, server_flags FROM message WHERE mailbox = ? AND uid > 0 ORDER BY uid")?;
    let rows = query.query_map([mailbox], |row| Ok((row.get(0)?, Flags::from_bits(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of `uids` that the mailbox does not have here. Reads nothing of the others.
pub(super) fn missing(c: &Connection, mailbox: i64, uids: &[u32]) -> Result<Vec<u32>, StoreError> {
    let mut query = c.prepare_cached("SELECT 1 FROM message WHERE mailbox = ? AND uid = ?")?;
    let mut missing = Vec::new();
    for uid in uids {
        if !query.exists(params![mailbox, uid])? {
            missing.push(*uid);
        }
    }
    Ok(missing)
}

/// The message of that UID.
pub(super) fn message_of(c: &Connection, mailbox: i64, uid: u32) -> Result<Option<i64>, StoreError> {
    let mut query = c.prepare_cached("SELECT id FROM message WHERE mailbox = ? AND uid = ?")?;
    Ok(query.query_row(params![mailbox, uid], |row| row.get(0)).optional()?)
}

pub(super) fn known(c: &Connection, mailbox: i64) -> Result<u64, StoreError> {
    let mut query = c.prepare_cached("SELECT count(*) FROM message WHERE mailbox = ? AND uid > 0")?;
    Ok(count(query.query_row([mailbox], |row| row.get(0))?))
}

/// Adds messages that the server has; one that is known already, here or from elsewhere, keeps its row and its body.
pub(super) fn add(t: &Transaction<'_>, mailbox: i64, arrived: &[Arrived]) -> Result<(), StoreError> {
    let mut insert = t.prepare_cached(
        "INSERT INTO message (mailbox, uid, received_ms, size, subject, from_name, from_address, message_id,
                              attachments, server_flags, flags, header, unreadable, email_id, conversation, to_me, shown_in)
         VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?1) ON CONFLICT (mailbox, uid) DO NOTHING",
    )?;
    senders::remember(t, mailbox, arrived.iter().map(|one| one.header.as_slice()))?;
    let lost = actions::has_lost(t)?;
    let threads = Threads::of(t, mailbox)?;
    for one in arrived {
        if lost && !one.unreadable && actions::adopt(t, mailbox, one)? {
            continue;
        }
        let headers = if one.unreadable { Headers::default() } else { read_row_headers(&one.header) };
        let heard = (!one.unreadable).then(|| Heard::new(&one.header, &headers, one.received_ms));
        let (conversation, to_me) = threads.place(heard.as_ref())?;
        let Headers { subject, from, message_id, likely_attachments, .. } = headers;
        let (name, address) = from.map_or((None, None), |person| (person.name, Some(person.address)));
        let size = i64::try_from(one.size).unwrap_or(i64::MAX);
        let added = insert.execute(params![
            mailbox,
            one.uid,
            one.received_ms,
            size,
            subject,
            name,
            address,
            message_id,
            likely_attachments,
            one.flags.bits(),
            one.flags.bits(),
            one.header,
            one.unreadable,
            one.email_id,
            conversation,
            to_me,
        ])?;
        if added == 0 {
            threads.forget_empty(conversation)?;
        }
    }
    Ok(())
}

/// Takes the server's flags for a message and applies what the teacher did meanwhile.
pub(super) fn set_flags(t: &Transaction<'_>, mailbox: i64, uid: u32, flags: Flags) -> Result<(), StoreError> {
    let mut update =
        t.prepare_cached("UPDATE message SET server_flags = ? WHERE mailbox = ? AND uid = ? RETURNING id")?;
    let message: Option<i64> = update.query_row(params![flags.bits(), mailbox, uid], |row| row.get(0)).optional()?;
    message.map_or(Ok(()), |message| actions::settle_shown(t, message).map(drop))
}

/// Removes messages that the server says are gone; what waits for one of them waits for it to come again.
pub(super) fn remove(t: &Transaction<'_>, mailbox: i64, gone: &UidSet) -> Result<(), StoreError> {
    let mut delete = t.prepare_cached("DELETE FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?")?;
    for range in gone.ranges() {
        actions::lose(t, mailbox, *range.start(), *range.end())?;
        objects::leave(t, mailbox, *range.start(), *range.end())?;
        delete.execute(params![mailbox, range.start(), range.end()])?;
    }
    Ok(())
}

/// How many messages of a mailbox are in `uids`.
pub(super) fn count_in(c: &Connection, mailbox: i64, uids: &UidSet) -> Result<u64, StoreError> {
    let mut query = c.prepare_cached("SELECT count(*) FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?")?;
    let mut total = 0;
    for range in uids.ranges() {
        total += count(query.query_row(params![mailbox, range.start(), range.end()], |row| row.get(0))?);
    }
    Ok(total)
}

/// The newest messages of a mailbox, by which it can be known again: UID, time in milliseconds, size.
pub(super) fn samples(c: &Connection, mailbox: i64, most: u32) -> Result<Vec<(u32, i64, u64)>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT uid, received_ms, size FROM message WHERE mailbox = ? AND uid > 0 AND unreadable = 0
         ORDER BY uid DESC LIMIT ?",
    )?;
    let rows = query.query_map(params![mailbox, most], |row| Ok((row.get(0)?, row.get(1)?, count(row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;

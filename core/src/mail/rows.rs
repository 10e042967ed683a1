//! Mailboxes, messages and waiting actions in the store: all the SQL of the reading side.

mod bodies;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub(super) use bodies::{Place, body, keep_body, place};

use super::flags::Flags;
use super::imap::Role;
use super::mime::{Headers, read_row_headers};
use crate::store::{Change, StoreError};

/// A mailbox as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mailbox {
    /// Its number in the store.
    pub id: i64,
    /// Its name on the server, decoded.
    pub name: String,
    /// What it is for, where known.
    pub role: Option<Role>,
    /// How many messages the phone knows in it.
    pub known: u64,
    /// How many of these are unread.
    pub unread: u64,
    /// Whether the phone has once known all of it: false while the first sync goes on.
    pub complete: bool,
}

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
    pub(super) unreadable: bool,
}

/// What is known of a mailbox as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) uid_validity: Option<u32>,
    pub(super) uid_next: Option<u32>,
    pub(super) highest_mod_seq: Option<u64>,
    pub(super) complete: bool,
}

/// A waiting action.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Action {
    pub(super) id: i64,
    pub(super) message: i64,
    pub(super) mailbox: i64,
    pub(super) uid: u32,
    pub(super) kind: Kind,
}

/// What a waiting action does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Add(Flags),
    Remove(Flags),
    Bin,
}

/// Each count is that of an index.
const MAILBOXES: &str = "SELECT id, name, role, complete,
       (SELECT count(*) FROM message WHERE mailbox = b.id AND hidden = 0),
       (SELECT count(*) FROM message WHERE mailbox = b.id AND hidden = 0 AND flags & 1 = 0)
FROM mailbox b WHERE academy = ? AND selectable = 1 ORDER BY role IS NOT 'inbox', name";

pub(super) fn mailboxes(c: &Connection, academy: &str) -> Result<Vec<Mailbox>, StoreError> {
    let mut query = c.prepare_cached(MAILBOXES)?;
    let rows = query.query_map([academy], |row| {
        Ok(Mailbox {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get::<_, Option<String>>(2)?.and_then(|word| Role::from_word(&word)),
            complete: row.get(3)?,
            known: count(row.get(4)?),
            unread: count(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The rows after `after`, newest first.
pub(super) fn page(c: &Connection, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, StoreError> {
    let after = after.unwrap_or(After { received_ms: i64::MAX, id: i64::MAX });
    let mut query = c.prepare_cached(
        "SELECT id, received_ms, subject, from_name, from_address, flags, attachments, size, unreadable
         FROM message WHERE mailbox = ? AND hidden = 0 AND (received_ms, id) < (?, ?)
         ORDER BY received_ms DESC, id DESC LIMIT ?",
    )?;
    let rows = query.query_map(params![mailbox, after.received_ms, after.id, limit.min(500)], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One row, hidden or not.
pub(super) fn one(c: &Connection, message: i64) -> Result<Row, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, received_ms, subject, from_name, from_address, flags, attachments, size, unreadable
         FROM message WHERE id = ?",
    )?;
    Ok(query.query_row([message], row)?)
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
    })
}

pub(super) fn mailbox_of_role(c: &Connection, academy: &str, role: Role) -> Result<Option<(i64, String)>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT id, name FROM mailbox WHERE academy = ? AND role = ? ORDER BY id LIMIT 1")?;
    Ok(query.query_row(params![academy, role.word()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The mailbox of this name, made when the store does not know it.
pub(super) fn mailbox_named(
    t: &Transaction<'_>,
    academy: &str,
    name: &str,
    role: Option<Role>,
    selectable: bool,
) -> Result<i64, StoreError> {
    let mut query = t.prepare_cached(
        "INSERT INTO mailbox (academy, name, role, selectable) VALUES (?, ?, ?, ?)
         ON CONFLICT (academy, name) DO UPDATE SET role = excluded.role, selectable = excluded.selectable
         RETURNING id",
    )?;
    Ok(query.query_row(params![academy, name, role.map(Role::word), selectable], |row| row.get(0))?)
}

pub(super) fn mark(c: &Connection, mailbox: i64) -> Result<Mark, StoreError> {
    let mut query =
        c.prepare_cached("SELECT uid_validity, uid_next, highest_mod_seq, complete FROM mailbox WHERE id = ?")?;
    Ok(query.query_row([mailbox], |row| {
        Ok(Mark {
            uid_validity: row.get(0)?,
            uid_next: row.get(1)?,
            highest_mod_seq: row.get::<_, Option<i64>>(2)?.and_then(|value| u64::try_from(value).ok()),
            complete: row.get(3)?,
        })
    })?)
}

pub(super) fn set_mark(t: &Transaction<'_>, mailbox: i64, mark: Mark) -> Result<(), StoreError> {
    // RFC 7162: a mod-sequence has 63 bits.
    let mod_seq = mark.highest_mod_seq.and_then(|value| i64::try_from(value).ok());
    t.prepare_cached(
        "UPDATE mailbox SET uid_validity = ?, uid_next = ?, highest_mod_seq = ?, complete = ? WHERE id = ?",
    )?
    .execute(params![mark.uid_validity, mark.uid_next, mod_seq, mark.complete, mailbox])?;
    Ok(())
}

/// Forgets every message of a mailbox: the server has said, by a new UIDVALIDITY, that none of its numbers holds.
pub(super) fn forget_all(t: &Transaction<'_>, mailbox: i64) -> Result<(), StoreError> {
    t.execute("DELETE FROM message WHERE mailbox = ?", [mailbox])?;
    set_mark(t, mailbox, Mark::default())
}

/// Every known UID of a mailbox with the server's flags, ascending.
pub(super) fn uids(c: &Connection, mailbox: i64) -> Result<Vec<(u32, Flags)>, StoreError> {
    let mut query = c.prepare_cached("SELECT uid, server_flags FROM message WHERE mailbox = ? ORDER BY uid")?;
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

pub(super) fn known(c: &Connection, mailbox: i64) -> Result<u64, StoreError> {
    let mut query = c.prepare_cached("SELECT count(*) FROM message WHERE mailbox = ?")?;
    Ok(count(query.query_row([mailbox], |row| row.get(0))?))
}

/// Adds messages that the server has; one that is known already keeps its row and its body.
pub(super) fn add(t: &Transaction<'_>, mailbox: i64, arrived: &[Arrived]) -> Result<(), StoreError> {
    let mut insert = t.prepare_cached(
        "INSERT INTO message (mailbox, uid, received_ms, size, subject, from_name, from_address, message_id,
                              attachments, server_flags, flags, header, unreadable)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (mailbox, uid) DO NOTHING",
    )?;
    for one in arrived {
        let Headers { subject, from, message_id, likely_attachments, .. } =
            if one.unreadable { Headers::default() } else { read_row_headers(&one.header) };
        let (name, address) = from.map_or((None, None), |person| (person.name, Some(person.address)));
        let size = i64::try_from(one.size).unwrap_or(i64::MAX);
        insert.execute(params![
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
        ])?;
    }
    Ok(())
}

/// Takes the server's flags for a message and applies what the teacher did meanwhile.
pub(super) fn set_flags(t: &Transaction<'_>, mailbox: i64, uid: u32, flags: Flags) -> Result<(), StoreError> {
    let mut update =
        t.prepare_cached("UPDATE message SET server_flags = ? WHERE mailbox = ? AND uid = ? RETURNING id")?;
    let message: Option<i64> = update.query_row(params![flags.bits(), mailbox, uid], |row| row.get(0)).optional()?;
    message.map_or(Ok(()), |message| settle_shown(t, message))
}

/// Removes messages that the server says are gone.
pub(super) fn remove(t: &Transaction<'_>, mailbox: i64, uids: &[u32]) -> Result<(), StoreError> {
    let mut delete = t.prepare_cached("DELETE FROM message WHERE mailbox = ? AND uid = ?")?;
    for uid in uids {
        delete.execute(params![mailbox, uid])?;
    }
    Ok(())
}

/// Writes down what the teacher did and shows it at once.
pub(super) fn act(t: &Transaction<'_>, changes: &mut Vec<Change>, message: i64, kind: Kind) -> Result<(), StoreError> {
    let mailbox: i64 = t.query_row("SELECT mailbox FROM message WHERE id = ?", [message], |row| row.get(0))?;
    let (word, flag) = match kind {
        Kind::Add(flag) => ("add", flag),
        Kind::Remove(flag) => ("remove", flag),
        Kind::Bin => ("bin", Flags::default()),
    };
    t.execute("INSERT INTO action (message, kind, flag) VALUES (?, ?, ?)", params![message, word, flag.bits()])?;
    settle_shown(t, message)?;
    changes.push(Change::Messages { mailbox });
    Ok(())
}

/// Takes back what put a message into the bin.
pub(super) fn undo_bin(t: &Transaction<'_>, changes: &mut Vec<Change>, message: i64) -> Result<(), StoreError> {
    let mailbox: i64 = t.query_row("SELECT mailbox FROM message WHERE id = ?", [message], |row| row.get(0))?;
    t.execute("DELETE FROM action WHERE message = ? AND kind = 'bin'", [message])?;
    settle_shown(t, message)?;
    changes.push(Change::Messages { mailbox });
    Ok(())
}

/// The oldest waiting actions of an academy, at most `limit`.
pub(super) fn actions(c: &Connection, academy: &str, limit: u32) -> Result<Vec<Action>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT a.id, m.id, m.mailbox, m.uid, a.kind, a.flag FROM action a
         JOIN message m ON m.id = a.message JOIN mailbox b ON b.id = m.mailbox
         WHERE b.academy = ? ORDER BY a.id LIMIT ?",
    )?;
    let rows = query.query_map(params![academy, limit], |row| {
        let (word, flag): (String, i64) = (row.get(4)?, row.get(5)?);
        let kind = match word.as_str() {
            "add" => Kind::Add(Flags::from_bits(flag)),
            "remove" => Kind::Remove(Flags::from_bits(flag)),
            _ => Kind::Bin,
        };
        Ok(Action { id: row.get(0)?, message: row.get(1)?, mailbox: row.get(2)?, uid: row.get(3)?, kind })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The server has done `action`.
pub(super) fn done(t: &Transaction<'_>, changes: &mut Vec<Change>, action: &Action) -> Result<(), StoreError> {
    match action.kind {
        Kind::Bin => {
            t.execute("DELETE FROM message WHERE id = ?", [action.message])?;
        }
        Kind::Add(flag) => {
            t.execute(
                "UPDATE message SET server_flags = server_flags | ? WHERE id = ?",
                params![flag.bits(), action.message],
            )?;
        }
        Kind::Remove(flag) => {
            t.execute(
                "UPDATE message SET server_flags = server_flags & ~? WHERE id = ?",
                params![flag.bits(), action.message],
            )?;
        }
    }
    dropped(t, changes, action)
}

/// The server has refused `action`: what it says stands.
pub(super) fn dropped(t: &Transaction<'_>, changes: &mut Vec<Change>, action: &Action) -> Result<(), StoreError> {
    t.execute("DELETE FROM action WHERE id = ?", [action.id])?;
    settle_shown(t, action.message)?;
    changes.push(Change::Messages { mailbox: action.mailbox });
    Ok(())
}

/// What is shown is what the server said, with every waiting action applied in order.
fn settle_shown(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    let server: Option<i64> = t
        .prepare_cached("SELECT server_flags FROM message WHERE id = ?")?
        .query_row([message], |row| row.get(0))
        .optional()?;
    let Some(server) = server else { return Ok(()) };
    let (mut shown, mut hidden) = (Flags::from_bits(server), false);
    let mut waiting = t.prepare_cached("SELECT kind, flag FROM action WHERE message = ? ORDER BY id")?;
    let mut rows = waiting.query([message])?;
    while let Some(row) = rows.next()? {
        let flag = Flags::from_bits(row.get(1)?);
        match row.get::<_, String>(0)?.as_str() {
            "add" => shown = shown.with(flag),
            "remove" => shown = shown.without(flag),
            _ => hidden = true,
        }
    }
    t.prepare_cached("UPDATE message SET flags = ?, hidden = ? WHERE id = ?")?.execute(params![
        shown.bits(),
        hidden,
        message
    ])?;
    Ok(())
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! What the teacher did and the server does not know yet.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Arrived;
use crate::mail::flags::Flags;
use crate::mail::imap::Role;
use crate::store::{Change, StoreError};

/// A waiting action.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct Action {
    pub(in crate::mail) id: i64,
    pub(in crate::mail) message: i64,
    pub(in crate::mail) mailbox: i64,
    pub(in crate::mail) uid: u32,
    pub(in crate::mail) kind: Kind,
}

/// What a waiting action does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::mail) enum Kind {
    Add(Flags),
    Remove(Flags),
    Bin,
}

/// Writes down what the teacher did and shows it at once.
pub(in crate::mail) fn act(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    message: i64,
    kind: Kind,
) -> Result<(), StoreError> {
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
pub(in crate::mail) fn undo_bin(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    message: i64,
) -> Result<(), StoreError> {
    let mailbox: i64 = t.query_row("SELECT mailbox FROM message WHERE id = ?", [message], |row| row.get(0))?;
    t.execute("DELETE FROM action WHERE message = ? AND kind = 'bin'", [message])?;
    settle_shown(t, message)?;
    changes.push(Change::Messages { mailbox });
    Ok(())
}

/// The oldest waiting actions of an academy behind the action `after`, at most `limit`.
pub(in crate::mail) fn actions(
    c: &Connection,
    academy: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<Action>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT a.id, m.id, m.mailbox, m.uid, a.kind, a.flag FROM action a
         JOIN message m ON m.id = a.message JOIN mailbox b ON b.id = m.mailbox
         WHERE b.academy = ? AND a.id > ? ORDER BY a.id LIMIT ?",
    )?;
    let rows = query.query_map(params![academy, after, limit], |row| {
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
pub(in crate::mail) fn done(t: &Transaction<'_>, changes: &mut Vec<Change>, action: &Action) -> Result<(), StoreError> {
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
pub(in crate::mail) fn dropped(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    action: &Action,
) -> Result<(), StoreError> {
    t.execute("DELETE FROM action WHERE id = ?", [action.id])?;
    settle_shown(t, action.message)?;
    changes.push(Change::Messages { mailbox: action.mailbox });
    Ok(())
}

/// What is shown is what the server said, with every waiting action applied in order.
pub(super) fn settle_shown(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
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

/// Keeps the actions of a mailbox whose messages are about to be forgotten: the same messages may come under other numbers or
/// in another mailbox.
pub(super) fn orphan(t: &Transaction<'_>, mailbox: i64) -> Result<(), StoreError> {
    t.prepare_cached(
        "INSERT INTO orphan (academy, received_ms, size, header, kind, flag)
         SELECT b.academy, m.received_ms, m.size, m.header, a.kind, a.flag FROM action a
         JOIN message m ON m.id = a.message JOIN mailbox b ON b.id = m.mailbox
         WHERE m.mailbox = ? AND m.unreadable = 0 ORDER BY a.id",
    )?
    .execute([mailbox])?;
    Ok(())
}

/// Gives the actions that wait for one of these messages, whose rows are written, back to it.
pub(super) fn adopt(t: &Transaction<'_>, mailbox: i64, arrived: &[Arrived]) -> Result<(), StoreError> {
    let mut owner = t.prepare_cached("SELECT academy, role FROM mailbox WHERE id = ?")?;
    let (academy, role): (String, Option<String>) = owner.query_row([mailbox], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if !t.prepare_cached("SELECT 1 FROM orphan WHERE academy = ?")?.exists([&academy])? {
        return Ok(());
    }
    // In the bin already: to put it there once more would be to destroy it.
    let bin = role.and_then(|word| Role::from_word(&word)) == Some(Role::Trash);
    let mut taken = t.prepare_cached(
        "DELETE FROM orphan WHERE academy = ? AND received_ms = ? AND size = ? AND header = ? RETURNING id, kind, flag",
    )?;
    let mut message = t.prepare_cached("SELECT id FROM message WHERE mailbox = ? AND uid = ?")?;
    let mut insert = t.prepare_cached("INSERT INTO action (message, kind, flag) VALUES (?, ?, ?)")?;
    for one in arrived.iter().filter(|one| !one.unreadable) {
        let size = i64::try_from(one.size).unwrap_or(i64::MAX);
        let found = taken.query_map(params![academy, one.received_ms, size, one.header], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?;
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        if found.is_empty() {
            continue;
        }
        let message: i64 = message.query_row(params![mailbox, one.uid], |row| row.get(0))?;
        for (_, kind, flag) in found.into_iter().filter(|(_, kind, _)| kind != "bin" || !bin) {
            insert.execute(params![message, kind, flag])?;
        }
        settle_shown(t, message)?;
    }
    Ok(())
}

/// Gives up the actions whose message has come nowhere, now that every mailbox has been looked through. How many they were.
pub(in crate::mail) fn drop_orphans(t: &Transaction<'_>, academy: &str) -> Result<u64, StoreError> {
    let dropped = t.prepare_cached("DELETE FROM orphan WHERE academy = ?")?.execute([academy])?;
    Ok(dropped as u64)
}

pub(in crate::mail) fn has_orphans(c: &Connection, academy: &str) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT 1 FROM orphan WHERE academy = ?")?.exists([academy])?)
}

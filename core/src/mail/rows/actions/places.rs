//! Where a message is on the server, and how it is known again where that changes.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::outcome::{ActionKind, RefusalReason, refuse};
use super::{Kind, settle_shown, tell, waiting, without_uid, write};
use crate::mail::flags::Flags;
use crate::mail::rows::Arrived;
use crate::store::{Change, StoreError};

/// Nobody knows where it is: it has no number, and is not one that the server has still to be given.
const IS_LOST: &str =
    "m.uid < 0 AND NOT EXISTS (SELECT 1 FROM action WHERE message = m.id AND kind IN ('copy', 'append'))";

/// It may have gone as it was to: the server has heard that it is to be destroyed, or its copy is where it was moved to. What comes
/// elsewhere and is like it may be that very copy, which another program has moved.
const MAY_BE_GONE: &str = "EXISTS (SELECT 1 FROM action WHERE message = m.id AND kind = 'destroy'
    AND (begun > 0 OR source IS NOT NULL OR m.remains = 1))";

/// The messages of these UIDs are gone. Those that something waits for are kept: they may come again, elsewhere or under other
/// numbers.
pub(in crate::mail::rows) fn lose(t: &Transaction<'_>, mailbox: i64, low: u32, high: u32) -> Result<(), StoreError> {
    if !t.prepare_cached("SELECT 1 FROM action")?.exists([])? {
        return Ok(());
    }
    let mut lost = t.prepare_cached(
        "UPDATE message SET uid = -id WHERE mailbox = ? AND uid BETWEEN ? AND ? AND unreadable = 0
         AND (id IN (SELECT message FROM action) OR id IN (SELECT source FROM action)) RETURNING id",
    )?;
    let lost = lost.query_map(params![mailbox, low, high], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for message in lost {
        settle_shown(t, message)?;
    }
    Ok(())
}

/// The mailbox is gone, and may have come under another name before it was missed: then its messages are there, under the same
/// UIDVALIDITY and UIDs (RFC 9051, 6.3.6), and what waits for them waits for them there.
pub(in crate::mail::rows) fn follow(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    mailbox: i64,
) -> Result<(), StoreError> {
    let mut query = t.prepare_cached(
        "SELECT m.id, n.id FROM message m JOIN mailbox b ON b.id = m.mailbox
         JOIN mailbox c ON c.academy = b.academy AND c.id <> b.id AND c.uid_validity = b.uid_validity
         JOIN message n ON n.mailbox = c.id AND n.uid = m.uid AND n.received_ms = m.received_ms AND n.size = m.size
             AND n.header = m.header
         WHERE m.mailbox = ? AND m.uid > 0
           AND (m.id IN (SELECT message FROM action) OR m.id IN (SELECT source FROM action))",
    )?;
    let pairs = query.query_map([mailbox], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    for (before, now) in pairs.collect::<Result<Vec<_>, _>>()? {
        t.prepare_cached("UPDATE action SET message = ? WHERE message = ?")?.execute([now, before])?;
        t.prepare_cached("UPDATE action SET source = ? WHERE source = ?")?.execute([now, before])?;
        tell(changes, settle_shown(t, now)?);
    }
    Ok(())
}

/// None of the mailbox's numbers holds any more.
pub(in crate::mail::rows) fn forget(t: &Transaction<'_>, mailbox: i64) -> Result<(), StoreError> {
    lose(t, mailbox, 1, u32::MAX)?;
    t.execute("DELETE FROM message WHERE mailbox = ? AND uid > 0", [mailbox])?;
    Ok(())
}

/// Whether a message that comes may be one that is known.
pub(in crate::mail) fn has_lost(c: &Connection) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT 1 FROM message INDEXED BY message_nowhere WHERE uid < 0")?.exists([])?)
}

/// Whether the message that comes is one that was lost, or the copy that the server was told to make: then its row has this
/// place now, with all that waits for it. One that the server was told to move is looked for first where it was to go: elsewhere
/// it may be a copy of somebody else's.
pub(in crate::mail::rows) fn adopt(t: &Transaction<'_>, mailbox: i64, one: &Arrived) -> Result<bool, StoreError> {
    let mut found = t.prepare_cached(&format!(
        "SELECT m.id FROM message m WHERE m.uid < 0 AND m.received_ms = ?1 AND m.size = ?2 AND m.header = ?3
         AND (({IS_LOST} AND NOT {MAY_BE_GONE} AND ?4 = ifnull((SELECT mailbox FROM action WHERE message = m.id AND kind = 'move' AND begun = 1
                                          ORDER BY id DESC LIMIT 1), ?4))
              OR EXISTS (SELECT 1 FROM action
                                   WHERE message = m.id AND kind = 'copy' AND begun = 1 AND mailbox = ?4))
         AND (SELECT academy FROM mailbox WHERE id = m.mailbox) = (SELECT academy FROM mailbox WHERE id = ?4)
         AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?4 AND uid = ?5)
         ORDER BY EXISTS (SELECT 1 FROM action WHERE message = m.id AND mailbox = ?4) DESC, m.id LIMIT 1"
    ))?;
    let size = i64::try_from(one.size).unwrap_or(i64::MAX);
    let found = found.query_row(params![one.received_ms, size, one.header, mailbox, one.uid], |row| row.get(0));
    let Some(message) = found.optional()? else { return Ok(false) };
    t.prepare_cached("UPDATE message SET mailbox = ?, uid = ?, server_flags = ?, remains = 0 WHERE id = ?")?
        .execute(params![mailbox, one.uid, one.flags.bits(), message])?;
    came(t, message)?;
    Ok(true)
}

/// What was being done when it went has been done or not: where it is now says which.
fn came(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    t.prepare_cached("DELETE FROM action WHERE message = ? AND kind = 'copy'")?.execute([message])?;
    doubt(t, message)?;
    settle_shown(t, message)?;
    Ok(())
}

/// One has looked what became of what was begun with a message. A server that was left in the middle may do what it heard a moment
/// after that: of flags it is told once more.
fn doubt(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    t.prepare_cached(
        "UPDATE action SET begun = CASE WHEN begun > 0 AND kind IN ('add', 'remove') THEN 2 ELSE 0 END WHERE message = ?",
    )?
    .execute([message])?;
    Ok(())
}

/// From now on the message is there. A row that came for it meanwhile gives way, with what waits for it; false, and nothing done,
/// where that row is of another message. `certain` where its header need not be the same.
pub(super) fn lies(
    t: &Transaction<'_>,
    message: i64,
    mailbox: i64,
    uid: u32,
    certain: bool,
) -> Result<bool, StoreError> {
    let mut other =
        t.prepare_cached("SELECT id, server_flags FROM message WHERE mailbox = ? AND uid = ? AND id <> ?")?;
    let other =
        other.query_row(params![mailbox, uid, message], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    if let Some((other, flags)) = other.optional()? {
        let mut same = t.prepare_cached(
            "SELECT 1 FROM message a, message b WHERE a.id = ? AND b.id = ? AND a.received_ms = b.received_ms
             AND a.size = b.size AND a.header = b.header",
        )?;
        if !certain && !same.exists([message, other])? {
            return Ok(false);
        }
        t.prepare_cached("UPDATE action SET message = ? WHERE message = ?")?.execute([message, other])?;
        t.prepare_cached("UPDATE action SET source = ? WHERE source = ?")?.execute([message, other])?;
        t.prepare_cached("DELETE FROM message WHERE id = ?")?.execute([other])?;
        t.prepare_cached("UPDATE message SET server_flags = ? WHERE id = ?")?.execute([flags, message])?;
    }
    t.prepare_cached("UPDATE message SET mailbox = ?, uid = ?, remains = 0 WHERE id = ?")?
        .execute(params![mailbox, uid, message])?;
    Ok(true)
}

/// The server has made a copy of a message that was to move, at (`mailbox`, `uid`): the row is that, and the original is to be
/// destroyed, out of sight. False, and nothing done, where another message is there.
pub(super) fn part(t: &Transaction<'_>, message: i64, mailbox: i64, uid: u32) -> Result<bool, StoreError> {
    let mut place = t.prepare_cached("SELECT mailbox, uid, server_flags FROM message WHERE id = ?")?;
    let (home, before, flags) =
        place.query_row([message], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    without_uid(t, message)?;
    if !lies(t, message, mailbox, uid, false)? {
        t.prepare_cached("UPDATE message SET uid = ? WHERE id = ?")?.execute([before, message])?;
        return Ok(false);
    }
    t.prepare_cached(
        "INSERT INTO message (mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header, remains)
         SELECT ?, ?, received_ms, size, subject, attachments, ?, ?, header, 1 FROM message WHERE id = ?",
    )?
    .execute(params![home, before, flags, flags, message])?;
    let original = t.last_insert_rowid();
    let mut owner = t.prepare_cached("SELECT academy FROM mailbox WHERE id = ?")?;
    let academy: String = owner.query_row([home], |row| row.get(0))?;
    write(t, &academy, None, ActionKind::Move, Some(original), Kind::Destroy, Some(message), original)?;
    settle_shown(t, original)?;
    Ok(true)
}

/// The message that came after `newest` and is this one: in the mailbox `there`, or in any.
fn twin(t: &Transaction<'_>, message: i64, newest: i64, there: Option<i64>) -> Result<Option<(i64, u32)>, StoreError> {
    let mut query = t.prepare_cached(
        "SELECT n.mailbox, n.uid FROM message m JOIN message n ON n.id > ?2 AND n.uid > 0 AND n.id <> m.id
             AND n.received_ms = m.received_ms AND n.size = m.size AND n.header = m.header AND n.remains = 0
         WHERE m.id = ?1 AND (?3 IS NULL OR n.mailbox = ?3)
           AND (SELECT academy FROM mailbox WHERE id = n.mailbox) = (SELECT academy FROM mailbox WHERE id = m.mailbox)
         ORDER BY n.id LIMIT 1",
    )?;
    let found = query.query_row(params![message, newest, there], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// The mailboxes `looked` have been brought up to date. What was begun and had no outcome has had its effect or not, as one
/// sees now; what had none is begun anew. Of a move half of it may be done: a server without MOVE is told to copy first, and
/// Dovecot leaves the original where its mailbox gets another name in the middle.
pub(in crate::mail) fn resolve(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    looked: &[i64],
) -> Result<(), StoreError> {
    // Those with the lowest numbers first: a copy before the original that is to be destroyed.
    for message in lost(t, academy)? {
        if may_be_gone(t, message, looked)? {
            continue;
        }
        let mut told = t.prepare_cached(
            "SELECT min(newest), (SELECT mailbox FROM action WHERE message = ?1 AND kind = 'move' AND begun = 1
                                  ORDER BY id DESC LIMIT 1) FROM action WHERE message = ?1 OR source = ?1",
        )?;
        let (newest, to) = told.query_row([message], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
        let Some(newest) = newest else { continue };
        let found = match twin(t, message, newest, to)? {
            None => twin(t, message, newest, None)?,
            found => found,
        };
        if let Some((mailbox, uid)) = found
            && lies(t, message, mailbox, uid, false)?
        {
            came(t, message)?;
            tell(changes, [mailbox]);
        }
    }
    for (message, home, uid) in begun(t, academy)? {
        let mut actions = t.prepare_cached(
            "SELECT id, kind, mailbox, newest FROM action WHERE message = ? AND begun = 1 ORDER BY id",
        )?;
        let actions = actions.query_map([message], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?))
        })?;
        let actions = actions.collect::<Result<Vec<_>, _>>()?;
        let is = |what: &str| actions.iter().rev().find(|(_, kind, ..)| kind == what);
        let (moving, copying) = (is("move"), is("copy"));
        let to = moving.or(copying).and_then(|(_, _, to, _)| *to);
        let seen = looked.contains(&home) && to.is_none_or(|to| looked.contains(&to));
        // Where a draft is, its Message-ID tells.
        if !seen || (uid < 0 && copying.is_none()) {
            continue;
        }
        if let Some((.., newest)) = moving
            && let Some((mailbox, uid)) = twin(t, message, *newest, to)?
            && part(t, message, mailbox, uid)?
        {
            t.execute("DELETE FROM action WHERE message = ? AND kind = 'move' AND begun = 1", [message])?;
            tell(changes, [home, mailbox]);
        }
        doubt(t, message)?;
        settle_shown(t, message)?;
    }
    Ok(())
}

/// Whether nothing that is like a lost message can be taken for it. An original that another program has moved can, once its copy is
/// seen to be at its own place.
fn may_be_gone(t: &Transaction<'_>, message: i64, looked: &[i64]) -> Result<bool, StoreError> {
    let mut gone = t.prepare_cached(&format!("SELECT 1 FROM message m WHERE m.id = ? AND {MAY_BE_GONE}"))?;
    if !gone.exists([message])? {
        return Ok(false);
    }
    let mut copy = t.prepare_cached(
        "SELECT c.mailbox FROM action a JOIN message c ON c.id = a.source
         WHERE a.message = ? AND a.kind = 'destroy' AND c.uid > 0",
    )?;
    let copy: Option<i64> = copy.query_row([message], |row| row.get(0)).optional()?;
    Ok(copy.is_none_or(|mailbox| !looked.contains(&mailbox)))
}

/// The messages of which something was begun that had no outcome, with their places.
fn begun(t: &Transaction<'_>, academy: &str) -> Result<Vec<(i64, i64, i64)>, StoreError> {
    let mut query = t.prepare_cached(
        "SELECT DISTINCT m.id, m.mailbox, m.uid FROM action a JOIN message m ON m.id = a.message
         WHERE a.academy = ? AND a.begun = 1",
    )?;
    Ok(query.query_map([academy], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?)
}

fn lost(t: &Transaction<'_>, academy: &str) -> Result<Vec<i64>, StoreError> {
    let mut lost = t.prepare_cached(&format!(
        "SELECT m.id FROM message m JOIN mailbox b ON b.id = m.mailbox WHERE b.academy = ? AND {IS_LOST} ORDER BY m.id"
    ))?;
    Ok(lost.query_map([academy], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Gives up the messages that have come nowhere, now that every mailbox has been looked through: what was to be destroyed is;
/// the other actions are refused. How many were done, and how many refused.
pub(in crate::mail) fn drop_lost(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    now_ms: i64,
) -> Result<(u64, u64), StoreError> {
    let (mut done, mut undone) = (0, Vec::new());
    let lost = lost(t, academy)?;
    for message in &lost {
        let actions = waiting(t, *message, i64::MAX)?;
        if actions.iter().any(|(_, kind, _)| *kind == Kind::Destroy) {
            done += actions.len() as u64;
        } else {
            undone.extend(actions.into_iter().map(|(id, ..)| id));
        }
    }
    let refused = refuse(t, changes, academy, &undone, RefusalReason::Gone, now_ms)?;
    for message in lost {
        t.execute("DELETE FROM message WHERE id = ?", [message])?;
        changes.push(Change::Mailboxes);
    }
    Ok((done, refused))
}

/// What the server now says of a message's flags.
pub(super) fn set_server_flags(t: &Transaction<'_>, message: i64, flags: Flags) -> Result<(), StoreError> {
    t.prepare_cached("UPDATE message SET server_flags = ? WHERE id = ?")?.execute(params![flags.bits(), message])?;
    Ok(())
}

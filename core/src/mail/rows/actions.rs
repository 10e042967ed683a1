//! What the teacher did and the server does not know yet: written, and shown at once.

mod drafts;
mod merge;
mod outcome;
mod places;
mod plan;
mod undo;

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction, params};

pub(in crate::mail) use drafts::{Draft, drafts, save_draft};
pub(in crate::mail) use merge::{End, Kind, Merged};
pub(super) use outcome::note;
pub use outcome::{ActionKind, Refusal, RefusalReason};
pub(in crate::mail) use outcome::{
    copied, destroyed, filed, flagged, forget_refusals, left, moved, refusals, refuse, settle_idle,
};
pub(super) use places::{adopt, follow, forget, lose};
pub(in crate::mail) use places::{drop_lost, has_lost, resolve};
pub(in crate::mail) use plan::{Copy, Item, begin, begin_ends, begin_flags, copies, is_waiting, items, swallow};
pub(in crate::mail) use undo::{Undone, undo};

use crate::mail::flags::Flags;
use crate::store::{Change, StoreError};

/// Deeds that can still be undone.
const DEEDS: i64 = 50;

/// One call of the teacher's being written down.
pub(in crate::mail) struct Deed<'a> {
    pub(in crate::mail) id: i64,
    pub(super) academy: &'a str,
    pub(super) what: ActionKind,
    /// The newest message there is.
    pub(super) newest: i64,
}

impl<'a> Deed<'a> {
    /// Begins it. `flag` and `mailbox` are what it changes, for its undoing.
    pub(in crate::mail) fn begin(
        t: &Transaction<'_>,
        academy: &'a str,
        what: ActionKind,
        flag: Flags,
        mailbox: Option<i64>,
    ) -> Result<Self, StoreError> {
        t.execute(
            "INSERT INTO deed (academy, what, flag, mailbox) VALUES (?, ?, ?, ?)",
            params![academy, what.word(), flag.bits(), mailbox],
        )?;
        let id = t.last_insert_rowid();
        t.execute("DELETE FROM deed WHERE id <= ?", [id - DEEDS])?;
        let newest = t.query_row("SELECT ifnull(max(id), 0) FROM message", [], |row| row.get(0))?;
        Ok(Self { id, academy, what, newest })
    }

    /// Does `kinds` with each of the messages. Those that are not there any more are passed over, unless none is there.
    pub(in crate::mail) fn act(
        &self,
        t: &Transaction<'_>,
        changes: &mut Vec<Change>,
        messages: &[i64],
        kinds: &[Kind],
    ) -> Result<(), StoreError> {
        let mut shown = t.prepare_cached(
            "SELECT m.flags, m.shown_in FROM message m JOIN mailbox b ON b.id = m.mailbox WHERE m.id = ? AND b.academy = ?",
        )?;
        let mut part =
            t.prepare_cached("INSERT OR IGNORE INTO deed_part (deed, message, flags, shown_in) VALUES (?, ?, ?, ?)")?;
        let (mut touched, mut any) = (BTreeSet::new(), messages.is_empty());
        for message in messages {
            let before = shown.query_row(params![message, self.academy], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
            });
            let Some((flags, shown_in)) = before.optional()? else { continue };
            any = true;
            part.execute(params![self.id, message, flags, shown_in])?;
            for kind in kinds {
                self.write(t, Some(*message), *kind, None)?;
            }
            touched.extend(shown_in);
            touched.extend(settle_shown(t, *message)?);
        }
        tell(changes, touched);
        if any { Ok(()) } else { Err(StoreError::NotFound) }
    }

    /// Shows a copy of each of the messages in a mailbox.
    pub(in crate::mail) fn copy(
        &self,
        t: &Transaction<'_>,
        changes: &mut Vec<Change>,
        messages: &[i64],
        to: i64,
    ) -> Result<(), StoreError> {
        // Nought until the number of the row is known: it is replaced at once.
        let mut insert = t.prepare_cached(
            "INSERT INTO message (mailbox, uid, received_ms, size, subject, from_name, from_address, message_id, attachments,
                                  server_flags, flags, header, unreadable, conversation, to_me)
             SELECT ?, 0, received_ms, size, subject, from_name, from_address, message_id, attachments, server_flags, flags,
                    header, unreadable, conversation, to_me FROM message WHERE id = ? AND shown_in IS NOT NULL",
        )?;
        let mut flags = t.prepare_cached(
            "INSERT INTO action (academy, deed, what, kind, message, flag, newest)
             SELECT academy, ?, ?, kind, ?, flag, newest FROM action
             WHERE message = ? AND kind IN ('add', 'remove') ORDER BY id",
        )?;
        let mut body = t.prepare_cached("INSERT INTO body (message, raw) SELECT ?, raw FROM body WHERE message = ?")?;
        let mut any = messages.is_empty();
        for message in messages {
            if insert.execute(params![to, message])? == 0 {
                continue;
            }
            any = true;
            let copy = t.last_insert_rowid();
            without_uid(t, copy)?;
            self.write(t, Some(copy), Kind::Copy(to), Some(*message))?;
            flags.execute(params![self.id, self.what.word(), copy, message])?;
            body.execute(params![copy, message])?;
            t.prepare_cached("INSERT INTO deed_part (deed, message, flags) VALUES (?, ?, 0)")?
                .execute(params![self.id, copy])?;
            settle_shown(t, copy)?;
        }
        tell(changes, [to]);
        if any { Ok(()) } else { Err(StoreError::NotFound) }
    }

    pub(super) fn write(
        &self,
        t: &Transaction<'_>,
        message: Option<i64>,
        kind: Kind,
        source: Option<i64>,
    ) -> Result<(), StoreError> {
        write(t, self.academy, Some(self.id), self.what, message, kind, source, self.newest)
    }
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
fn write(
    t: &Transaction<'_>,
    academy: &str,
    deed: Option<i64>,
    what: ActionKind,
    message: Option<i64>,
    kind: Kind,
    source: Option<i64>,
    newest: i64,
) -> Result<(), StoreError> {
    let (word, flag, mailbox) = match kind {
        Kind::Add(flag) => ("add", flag, None),
        Kind::Remove(flag) => ("remove", flag, None),
        Kind::Move(to) => ("move", Flags::default(), Some(to)),
        Kind::Destroy => ("destroy", Flags::default(), None),
        Kind::Copy(to) => ("copy", Flags::default(), Some(to)),
        Kind::Append(to) => ("append", Flags::default(), Some(to)),
    };
    t.prepare_cached(
        "INSERT INTO action (academy, deed, what, kind, message, mailbox, source, flag, newest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![academy, deed, what.word(), word, message, mailbox, source, flag.bits(), newest])?;
    Ok(())
}

/// The row is of a message that has no number on the server.
fn without_uid(t: &Transaction<'_>, message: i64) -> Result<(), StoreError> {
    t.prepare_cached("UPDATE message SET uid = -id WHERE id = ?")?.execute([message])?;
    Ok(())
}

/// Reads a message's waiting actions, oldest first, below the action `before`.
fn waiting(t: &rusqlite::Connection, message: i64, before: i64) -> Result<Vec<(i64, Kind, Begun)>, StoreError> {
    let mut query =
        t.prepare_cached("SELECT id, kind, flag, mailbox, begun FROM action WHERE message = ? AND id < ? ORDER BY id")?;
    let rows = query.query_map([message, before], |row| {
        let (flag, mailbox) = (Flags::from_bits(row.get(2)?), row.get::<_, Option<i64>>(3)?.unwrap_or_default());
        let kind = match row.get::<_, String>(1)?.as_str() {
            "add" => Kind::Add(flag),
            "remove" => Kind::Remove(flag),
            "move" => Kind::Move(mailbox),
            "copy" => Kind::Copy(mailbox),
            "append" => Kind::Append(mailbox),
            _ => Kind::Destroy,
        };
        let begun = match row.get(4)? {
            0 => Begun::No,
            1 => Begun::UnderWay,
            _ => Begun::Perhaps,
        };
        Ok((row.get(0)?, kind, begun))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the server has heard of an action; the numbers 0, 1 and 2 in the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Begun {
    No,
    /// It hears of it now. Found so later, nobody knows what became of it.
    UnderWay,
    /// It may have heard of it, and has not done it as far as one could see.
    Perhaps,
}

/// What is shown is what the server said, with every waiting action applied in order; gives the mailbox it is shown in. One
/// that the server has no more where it was is shown only where the teacher has moved it.
pub(super) fn settle_shown(t: &Transaction<'_>, message: i64) -> Result<Option<i64>, StoreError> {
    let row = t
        .prepare_cached("SELECT mailbox, uid, server_flags, remains FROM message WHERE id = ?")?
        .query_row([message], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, Flags::from_bits(row.get(2)?), row.get::<_, bool>(3)?))
        });
    let Some((mailbox, uid, server, remains)) = row.optional()? else { return Ok(None) };
    let hidden = remains && server.has(Flags::DELETED);
    let (mut flags, mut shown_in) = (server, (uid > 0 && !hidden).then_some(mailbox));
    for (_, kind, _) in waiting(t, message, i64::MAX)? {
        match kind {
            Kind::Add(flag) => flags = flags.with(flag),
            Kind::Remove(flag) => flags = flags.without(flag),
            Kind::Move(to) | Kind::Copy(to) | Kind::Append(to) => shown_in = Some(to),
            Kind::Destroy => shown_in = None,
        }
    }
    t.prepare_cached("UPDATE message SET flags = ?, shown_in = ? WHERE id = ?")?.execute(params![
        flags.bits(),
        shown_in,
        message
    ])?;
    Ok(shown_in)
}

/// Each once, however many messages: those who listen are told everything anew where too much is said.
fn tell(changes: &mut Vec<Change>, mailboxes: impl IntoIterator<Item = i64>) {
    let told = mailboxes.into_iter().map(|mailbox| Change::Messages { mailbox }).chain([Change::Mailboxes]);
    for change in told {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
}

#[cfg(test)]
mod tests;

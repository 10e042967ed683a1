//! What became of what the teacher did with mailboxes.

use rusqlite::{Connection, Transaction, params};

use super::actions::{RefusalReason, note, refuse};
use super::mailbox_actions::{MailboxAction, MailboxKind, delimiter, mailbox_actions, renamed, settle_mailboxes};
use crate::store::{Change, StoreError};

/// The server has done an action on a mailbox.
pub(in crate::mail) fn mailbox_done(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    action: &MailboxAction,
) -> Result<(), StoreError> {
    t.execute("DELETE FROM action WHERE id = ?", [action.id])?;
    match &action.kind {
        // What is in it, and under which numbers, is not known.
        MailboxKind::Create => {
            t.execute(
                "UPDATE mailbox SET on_server = 1, complete = 0 WHERE id = ? AND on_server = 0",
                [action.mailbox],
            )?;
        }
        MailboxKind::Rename(to) => rename_all(t, academy, &action.name, to)?,
        MailboxKind::Delete => {
            t.execute("DELETE FROM mailbox WHERE id = ?", [action.mailbox])?;
        }
        MailboxKind::Subscribe(on) => {
            t.execute("UPDATE mailbox SET subscribed = ? WHERE id = ?", params![on, action.mailbox])?;
        }
    }
    settle_mailboxes(t, academy)?;
    changes.push(Change::Mailboxes);
    Ok(())
}

/// Gives a mailbox and those in it the names that they have on the server after a RENAME (RFC 9051, 6.3.6).
fn rename_all(t: &Transaction<'_>, academy: &str, from: &str, to: &str) -> Result<(), StoreError> {
    let mut query = t.prepare_cached("SELECT id, name, delimiter FROM mailbox WHERE academy = ?")?;
    let all = query.query_map([academy], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    for (id, name, delimiter) in all.collect::<Result<Vec<_>, _>>()? {
        if let Some(name) = renamed(&name, delimiter.as_deref(), from, to) {
            // A row that came for the new name already gives way: it is the same mailbox.
            t.execute("DELETE FROM mailbox WHERE academy = ? AND name = ? AND id <> ?", params![academy, name, id])?;
            t.execute("UPDATE mailbox SET name = ? WHERE id = ?", params![name, id])?;
        }
    }
    Ok(())
}

/// The server does not do an action on a mailbox: it is undone here, with what depends on it, and the teacher is told. How many
/// actions were refused.
pub(in crate::mail) fn mailbox_refused(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    action: &MailboxAction,
    why: RefusalReason,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut shown = t.prepare_cached("SELECT ifnull(shown_name, name) FROM mailbox WHERE id = ?")?;
    let shown: String = shown.query_row([action.mailbox], |row| row.get(0))?;
    note(t, academy, action.kind.what().word(), 0, None, Some(&shown), &why, now_ms)?;
    changes.push(Change::Refusals);
    let mut refused = 1;
    let keeps =
        t.prepare_cached("SELECT 1 FROM action WHERE mailbox = ? AND kind = 'append'")?.exists([action.mailbox])?;
    if action.kind == MailboxKind::Create && keeps {
        // What the teacher has written lies in it: tried again next time.
        return Ok(refused);
    }
    t.execute("DELETE FROM action WHERE id = ?", [action.id])?;
    match &action.kind {
        MailboxKind::Create => {
            refused += refuse_arrivals(t, changes, academy, action.mailbox, now_ms)?;
            let inside = dependents(t, academy, action, &action.name)?;
            t.execute("DELETE FROM mailbox WHERE id = ?", [action.mailbox])?;
            for one in inside {
                refused += mailbox_refused(t, changes, academy, &one, RefusalReason::MailboxGone, now_ms)?;
            }
        }
        // What was made or put into it under the new name belongs into it under the old.
        MailboxKind::Rename(to) => {
            for one in dependents(t, academy, action, to)? {
                let name = |name: &str| {
                    let rest = name.strip_prefix(to.as_str()).unwrap_or_default();
                    format!("{}{rest}", action.name)
                };
                if let MailboxKind::Rename(to) = &one.kind {
                    t.execute("UPDATE action SET name = ? WHERE id = ?", params![name(to), one.id])?;
                } else {
                    let made = "UPDATE OR IGNORE mailbox SET name = ? WHERE id = ? AND on_server = 0";
                    t.execute(made, params![name(&one.name), one.mailbox])?;
                }
            }
        }
        MailboxKind::Delete | MailboxKind::Subscribe(_) => {}
    }
    settle_mailboxes(t, academy)?;
    changes.push(Change::Mailboxes);
    Ok(refused)
}

/// The later actions that make a mailbox in `parent`, or bring one there.
fn dependents(
    c: &Connection,
    academy: &str,
    action: &MailboxAction,
    parent: &str,
) -> Result<Vec<MailboxAction>, StoreError> {
    let delimiter = delimiter(c, academy)?;
    let is_inside = |name: &str| {
        let rest = name.strip_prefix(parent);
        rest.is_some_and(|rest| delimiter.as_deref().is_some_and(|delimiter| rest.starts_with(delimiter)))
    };
    let inside = |one: &MailboxAction| match &one.kind {
        MailboxKind::Create => is_inside(&one.name),
        MailboxKind::Rename(to) => is_inside(to),
        MailboxKind::Delete | MailboxKind::Subscribe(_) => false,
    };
    Ok(mailbox_actions(c, academy)?.into_iter().filter(|one| one.id > action.id && inside(one)).collect())
}

/// What was to come into a mailbox cannot.
pub(in crate::mail) fn refuse_arrivals(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    mailbox: i64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut query =
        t.prepare_cached("SELECT id FROM action WHERE mailbox = ? AND kind IN ('move', 'copy') ORDER BY id")?;
    let ids = query.query_map([mailbox], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    refuse(t, changes, academy, &ids, RefusalReason::MailboxGone, now_ms)
}

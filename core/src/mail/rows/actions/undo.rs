//! Taking back what was done: by forgetting it where the server has not heard of it, else by the reverse.

use rusqlite::{OptionalExtension, Transaction, params};

use super::outcome::ActionKind;
use super::{Kind, settle_shown, tell, write};
use crate::mail::flags::Flags;
use crate::store::{Change, StoreError};

/// How a call was shown before it.
struct Before {
    message: i64,
    flags: Flags,
    shown_in: Option<i64>,
}

/// Takes back what the call `deed` did with messages; whether all of it could be. What the teacher has done since stands.
pub(in crate::mail) fn undo(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    deed: i64,
) -> Result<bool, StoreError> {
    let (what, flag, to) = t.query_row(
        "SELECT what, flag, mailbox FROM deed WHERE id = ? AND academy = ?",
        params![deed, academy],
        |row| {
            let what = ActionKind::from_word(&row.get::<_, String>(0)?);
            Ok((what, Flags::from_bits(row.get(1)?), row.get::<_, Option<i64>>(2)?))
        },
    )?;
    let mut parts = t.prepare_cached("SELECT message, flags, shown_in FROM deed_part WHERE deed = ?")?;
    let parts = parts.query_map([deed], |row| {
        Ok(Before { message: row.get(0)?, flags: Flags::from_bits(row.get(1)?), shown_in: row.get(2)? })
    })?;
    let newest = t.query_row("SELECT ifnull(max(id), 0) FROM message", [], |row| row.get(0))?;
    let mut whole = true;
    for before in parts.collect::<Result<Vec<_>, _>>()? {
        whole &= undo_one(t, changes, academy, deed, (what, flag, to), &before, newest)?;
    }
    t.execute("DELETE FROM deed WHERE id = ?", [deed])?;
    Ok(whole)
}

fn undo_one(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    deed: i64,
    (what, flag, to): (ActionKind, Flags, Option<i64>),
    before: &Before,
    newest: i64,
) -> Result<bool, StoreError> {
    let message = before.message;
    let mut now = t.prepare_cached("SELECT flags, shown_in FROM message WHERE id = ?")?;
    let now = now.query_row([message], |row| Ok((Flags::from_bits(row.get(0)?), row.get::<_, Option<i64>>(1)?)));
    let Some((_, shown_in)) = now.optional()? else { return Ok(false) };
    tell(changes, shown_in);
    let unheard = t.execute("DELETE FROM action WHERE message = ? AND deed = ? AND begun = 0", [message, deed])?;
    let told = what != ActionKind::Copy || unheard == 0;
    if !told {
        // The copy is known to nobody else.
        t.execute("DELETE FROM message WHERE id = ?", [message])?;
        return Ok(true);
    }
    let now = settle_shown(t, message)?;
    let flags: i64 = t.query_row("SELECT flags FROM message WHERE id = ?", [message], |row| row.get(0))?;
    let flags = Flags::from_bits(flags);
    let reverse = |kind| write(t, academy, None, ActionKind::Undo, Some(message), kind, None, newest);
    let (back, away) = (before.flags.without(flags).both(flag), flags.without(before.flags).both(flag));
    if !back.is_empty() {
        reverse(Kind::Add(back))?;
    }
    if !away.is_empty() {
        reverse(Kind::Remove(away))?;
    }
    let doomed = "SELECT 1 FROM action WHERE message = ? AND deed = ? AND kind = 'destroy'";
    let undone = match what {
        ActionKind::Copy => false,
        // About to be destroyed by a command that nobody knows the outcome of.
        _ if t.prepare_cached(doomed)?.exists([message, deed])? => false,
        _ if to.is_some() && now == to && before.shown_in != to => match before.shown_in {
            Some(home) if t.prepare_cached("SELECT 1 FROM mailbox WHERE id = ?")?.exists([home])? => {
                reverse(Kind::Move(home))?;
                true
            }
            _ => false,
        },
        _ => true,
    };
    tell(changes, settle_shown(t, message)?);
    Ok(undone)
}

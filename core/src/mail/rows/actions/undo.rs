//! Taking back what was done: by forgetting it where the server has not heard of it, else by the reverse.

use rusqlite::{OptionalExtension, Transaction, params};

use super::outcome::ActionKind;
use super::{Kind, settle_shown, tell, write};
use crate::mail::flags::Flags;
use crate::mail::imap::Rights;
use crate::mail::rows::rights::{lacking_in, needed_for};
use crate::store::{Change, StoreError};

/// How a call was shown before it.
struct Before {
    message: i64,
    flags: Flags,
    shown_in: Option<i64>,
}

/// What could be taken back of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::mail) enum Undone {
    /// All.
    Wholly,
    /// Not all of it.
    Partly,
    /// Nothing: for one of the messages these rights are known to be missing.
    Forbidden(Rights),
}

/// Takes back what the call `deed` did with messages. What the teacher has done since stands.
pub(in crate::mail) fn undo(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    deed: i64,
) -> Result<Undone, StoreError> {
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
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    // What is to be told to the server, and so what must be allowed, is known only once what it has not heard of is forgotten.
    t.execute_batch("SAVEPOINT undo")?;
    let (mut whole, mut lacking, mut made) = (true, Rights::default(), Vec::new());
    for before in parts {
        whole &= undo_one(t, &mut made, academy, deed, (what, flag, to), &before, newest, &mut lacking)?;
    }
    if !lacking.is_empty() {
        t.execute_batch("ROLLBACK TO undo; RELEASE undo")?;
        return Ok(Undone::Forbidden(lacking));
    }
    t.execute_batch("RELEASE undo")?;
    t.execute("DELETE FROM deed WHERE id = ?", [deed])?;
    changes.append(&mut made);
    Ok(if whole { Undone::Wholly } else { Undone::Partly })
}

#[expect(clippy::too_many_arguments, reason = "what all messages of a call share")]
fn undo_one(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    deed: i64,
    (what, flag, to): (ActionKind, Flags, Option<i64>),
    before: &Before,
    newest: i64,
    lacking: &mut Rights,
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
    let place: i64 = t.query_row("SELECT mailbox FROM message WHERE id = ?", [message], |row| row.get(0))?;
    let mut reverse = |kind| {
        *lacking = lacking.with(lacking_in(t, place, needed_for(kind))?);
        if let Kind::Move(home) = kind
            && home != place
        {
            *lacking = lacking.with(lacking_in(t, home, Rights::INSERT)?);
        }
        write(t, academy, None, ActionKind::Undo, Some(message), kind, None, newest)
    };
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

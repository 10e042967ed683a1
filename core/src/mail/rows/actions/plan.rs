//! What waits, in the form in which it is told to the server.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Begun, End, Kind, Merged, waiting};
use crate::mail::flags::Flags;
use crate::store::{Change, StoreError};

/// A message and what is to be told of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::mail) struct Item {
    pub(in crate::mail) message: i64,
    pub(in crate::mail) mailbox: i64,
    pub(in crate::mail) uid: u32,
    pub(in crate::mail) merged: Merged,
    /// The actions that are done with the flags, with the end, and without a word.
    pub(in crate::mail) flag_ids: Vec<i64>,
    pub(in crate::mail) end_ids: Vec<i64>,
    pub(in crate::mail) idle_ids: Vec<i64>,
}

/// A copy that is to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct Copy {
    pub(in crate::mail) action: i64,
    /// The row of the copy.
    pub(in crate::mail) message: i64,
    pub(in crate::mail) to: i64,
    /// Where the original is.
    pub(in crate::mail) mailbox: i64,
    pub(in crate::mail) uid: u32,
}

/// Whether anything waits.
pub(in crate::mail) fn is_waiting(c: &Connection, academy: &str) -> Result<bool, StoreError> {
    Ok(c.prepare_cached("SELECT 1 FROM action WHERE academy = ?")?.exists([academy])?)
}

/// What is to be told of the next messages behind `after`, by the actions below `before`; and the last message looked at, `None`
/// when there was none. Messages with an action of which nobody knows what became of it are left out, and those not on the
/// server.
pub(in crate::mail) fn items(
    c: &Connection,
    academy: &str,
    after: i64,
    before: i64,
    limit: u32,
) -> Result<(Vec<Item>, Option<i64>), StoreError> {
    let mut query = c.prepare_cached(
        "SELECT DISTINCT message FROM action WHERE academy = ? AND message > ? AND id < ? ORDER BY message LIMIT ?",
    )?;
    let messages = query.query_map(params![academy, after, before, limit], |row| row.get::<_, i64>(0))?;
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    let mut items = Vec::new();
    for message in &messages {
        items.extend(item(c, *message, before)?);
    }
    Ok((items, messages.last().copied()))
}

fn item(c: &Connection, message: i64, before: i64) -> Result<Option<Item>, StoreError> {
    let actions = waiting(c, message, before)?;
    let is_under_way = |begun: &Begun| *begun == Begun::UnderWay;
    if actions.iter().any(|(_, kind, begun)| is_under_way(begun) || matches!(kind, Kind::Copy(_) | Kind::Append(_))) {
        return Ok(None);
    }
    let mut place = c.prepare_cached("SELECT mailbox, uid, server_flags FROM message WHERE id = ? AND uid > 0")?;
    let place = place.query_row([message], |row| Ok((row.get(0)?, row.get(1)?, Flags::from_bits(row.get(2)?))));
    let Some((mailbox, uid, flags)) = place.optional()? else { return Ok(None) };
    let mut merged = Merged::of(actions.iter().map(|(_, kind, _)| *kind), mailbox, flags);
    for (_, kind, _) in actions.iter().filter(|(.., begun)| *begun == Begun::Perhaps) {
        merged.insist(*kind, flags);
    }
    let mut item = Item { message, mailbox, uid, merged, ..Item::default() };
    for (id, kind, _) in actions {
        let about_flags = matches!(kind, Kind::Add(_) | Kind::Remove(_)) && merged.end != End::Destroy;
        let idle = if about_flags { merged.keeps_flags() } else { merged.end == End::Stay };
        match (idle, about_flags) {
            (true, _) => item.idle_ids.push(id),
            (false, true) => item.flag_ids.push(id),
            (false, false) => item.end_ids.push(id),
        }
    }
    if !may_end(c, message, merged.end)? {
        item.merged.end = End::Stay;
        item.end_ids.clear();
    }
    Ok(Some(item))
}

/// Whether nothing must be done before that end: a mailbox must be there, copies made, and the draft that takes the place of
/// this one kept.
fn may_end(c: &Connection, message: i64, end: End) -> Result<bool, StoreError> {
    Ok(match end {
        End::Stay => true,
        End::Move(to) => c.prepare_cached("SELECT 1 FROM mailbox WHERE id = ? AND on_server = 1")?.exists([to])?,
        End::Destroy => {
            let copied = "SELECT 1 FROM action WHERE source = ? AND kind = 'copy'";
            let replaced = "SELECT 1 FROM action a JOIN action n ON n.message = a.source AND n.kind = 'append'
                            WHERE a.message = ? AND a.kind = 'destroy'";
            !c.prepare_cached(copied)?.exists([message])? && !c.prepare_cached(replaced)?.exists([message])?
        }
    })
}

/// Copies that can be made by the actions below `before`, at most `limit`.
pub(in crate::mail) fn copies(c: &Connection, academy: &str, before: i64, limit: u32) -> Result<Vec<Copy>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT a.id, a.message, a.mailbox, s.mailbox, s.uid FROM action a JOIN message s ON s.id = a.source
         JOIN mailbox b ON b.id = a.mailbox
         WHERE a.academy = ? AND a.kind = 'copy' AND a.begun = 0 AND a.id < ? AND s.uid > 0 AND b.on_server = 1
         ORDER BY s.mailbox, a.mailbox, a.id LIMIT ?",
    )?;
    let rows = query.query_map(params![academy, before, limit], |row| {
        let (action, message, to) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Copy { action, message, to, mailbox: row.get(3)?, uid: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The server is about to hear of these actions: of those that are still there, for the teacher may have taken one back since
/// they were read. Gives these.
pub(in crate::mail) fn begin(t: &Transaction<'_>, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    let mut begin = t.prepare_cached("UPDATE action SET begun = 1 WHERE id = ?")?;
    let mut begun = Vec::new();
    for id in ids {
        if begin.execute([id])? > 0 {
            begun.push(*id);
        }
    }
    Ok(begun)
}

/// The same of the flags of messages: gives those of which the same is to be told as when they were read.
pub(in crate::mail) fn begin_flags(
    t: &Transaction<'_>,
    items: Vec<Item>,
    before: i64,
) -> Result<Vec<Item>, StoreError> {
    begin_items(t, items, before, |item| &item.flag_ids, |item| (item.merged.add, item.merged.remove))
}

/// The same of what becomes of messages.
pub(in crate::mail) fn begin_ends(t: &Transaction<'_>, items: Vec<Item>, before: i64) -> Result<Vec<Item>, StoreError> {
    begin_items(t, items, before, |item| &item.end_ids, |item| item.merged.end)
}

fn begin_items<T: PartialEq>(
    t: &Transaction<'_>,
    items: Vec<Item>,
    before: i64,
    ids: fn(&Item) -> &[i64],
    told: fn(&Item) -> T,
) -> Result<Vec<Item>, StoreError> {
    let mut same = Vec::new();
    for then in items {
        let now = item(t, then.message, before)?;
        let holds = |now: &Item| {
            (now.mailbox, now.uid) == (then.mailbox, then.uid) && ids(now) == ids(&then) && told(now) == told(&then)
        };
        if now.is_some_and(|now| holds(&now)) {
            begin(t, ids(&then))?;
            same.push(then);
        }
    }
    Ok(same)
}

/// What was made here and destroyed, by an action below `before`, before the server heard of it never was. How many actions that settles, and the copies
/// whose original is gone.
pub(in crate::mail) fn swallow(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    before: i64,
) -> Result<(u64, Vec<i64>), StoreError> {
    let never = "SELECT a.message FROM action a JOIN action b ON b.message = a.message AND b.kind = 'destroy'
                 WHERE a.academy = ?1 AND b.id < ?2 AND a.kind IN ('copy', 'append') AND a.begun = 0";
    let among = params![academy, before];
    let settled: i64 =
        t.query_row(&format!("SELECT count(*) FROM action WHERE message IN ({never})"), among, |row| row.get(0))?;
    if settled > 0 {
        t.execute(&format!("DELETE FROM message WHERE id IN ({never})"), among)?;
        changes.push(Change::Mailboxes);
    }
    let mut lost =
        t.prepare_cached("SELECT id FROM action WHERE academy = ? AND kind = 'copy' AND source IS NULL AND begun = 0")?;
    let lost = lost.query_map([academy], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((super::super::count(settled), lost))
}

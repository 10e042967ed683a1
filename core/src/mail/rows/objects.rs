//! Messages that the server has its own names for (EMAILID, RFC 8474): known again by these wherever they appear, so that nothing of
//! them is fetched twice. One that is gone from its mailbox is kept, shown nowhere, to the end of the sync.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::actions::settle_shown;
use crate::mail::flags::Flags;
use crate::store::StoreError;

/// Nothing waits for it, and it has no number.
const IS_LEFT: &str =
    "uid < 0 AND email_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM action WHERE message = message.id)
                       AND NOT EXISTS (SELECT 1 FROM action WHERE source = message.id)";

/// Whether a message that comes may be one that is known by its name. Not while something waits: a copy has the name of its
/// original, and what comes may be the outcome of an action, which is known by more than that.
pub(in crate::mail) fn has_named(c: &Connection) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT 1 FROM message INDEXED BY message_email_id WHERE email_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM action)",
    )?;
    Ok(query.exists([])?)
}

/// Keeps those of the messages that have a name, unless something waits: another mailbox may have them now.
pub(super) fn leave(t: &Transaction<'_>, mailbox: i64, low: u32, high: u32) -> Result<(), StoreError> {
    t.prepare_cached(
        "UPDATE message SET uid = -id, shown_in = NULL
         WHERE mailbox = ? AND uid BETWEEN ? AND ? AND email_id IS NOT NULL AND unreadable = 0
           AND NOT EXISTS (SELECT 1 FROM action)",
    )?
    .execute(params![mailbox, low, high])?;
    Ok(())
}

/// Whether some were left that came nowhere.
pub(in crate::mail) fn has_left(c: &Connection) -> Result<bool, StoreError> {
    Ok(c.prepare_cached(&format!("SELECT 1 FROM message INDEXED BY message_nowhere WHERE {IS_LEFT}"))?.exists([])?)
}

/// Every mailbox has been looked at: what came nowhere is gone.
pub(in crate::mail) fn drop_left(t: &Transaction<'_>) -> Result<(), StoreError> {
    t.execute(&format!("DELETE FROM message WHERE {IS_LEFT}"), [])?;
    Ok(())
}

/// Of the messages that have come into a mailbox (UID, flags, name), those that are known get their rows, with the bodies: that
/// which was left elsewhere, else a copy of one that is still there. Gives their UIDs.
pub(in crate::mail) fn recognise(
    t: &Transaction<'_>,
    mailbox: i64,
    named: &[(u32, Flags, String)],
) -> Result<Vec<u32>, StoreError> {
    let mut same = t.prepare_cached(&format!(
        "SELECT id, uid > 0 FROM message WHERE email_id = ?1 AND unreadable = 0 AND (uid > 0 OR ({IS_LEFT}))
           AND (SELECT academy FROM mailbox WHERE id = message.mailbox) = (SELECT academy FROM mailbox WHERE id = ?2)
           AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?2 AND uid = ?3)
         ORDER BY uid > 0, EXISTS (SELECT 1 FROM body WHERE message = message.id) DESC, id LIMIT 1"
    ))?;
    let mut take =
        t.prepare_cached("UPDATE message SET mailbox = ?, uid = ?, server_flags = ?, remains = 0 WHERE id = ?")?;
    let mut copy = t.prepare_cached(
        "INSERT INTO message (mailbox, uid, server_flags, flags, shown_in, received_ms, size, subject, from_name, from_address,
                              message_id, attachments, header, email_id, conversation, to_me)
         SELECT ?1, ?2, ?3, ?3, ?1, received_ms, size, subject, from_name, from_address, message_id, attachments, header,
                email_id, conversation, to_me FROM message WHERE id = ?4",
    )?;
    let bodies = [
        "INSERT INTO body (message, raw, gaps, incomplete) SELECT ?, raw, gaps, incomplete FROM body WHERE message = ?",
        "INSERT INTO piece (message, section, offset, bytes, last) SELECT ?, section, offset, bytes, last FROM piece
         WHERE message = ?",
        "INSERT OR REPLACE INTO kept (message, bytes, used_ms, structure) SELECT ?, bytes, used_ms, structure FROM kept
         WHERE message = ?",
    ];
    let mut known = Vec::new();
    if !has_named(t)? {
        return Ok(known);
    }
    for (uid, flags, name) in named {
        let found = same.query_row(params![name, mailbox, uid], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        let Some((message, there)) = found.optional()? else { continue };
        if there {
            copy.execute(params![mailbox, uid, flags.bits(), message])?;
            let made = t.last_insert_rowid();
            for sql in bodies {
                t.prepare_cached(sql)?.execute([made, message])?;
            }
        } else {
            take.execute(params![mailbox, uid, flags.bits(), message])?;
            settle_shown(t, message)?;
        }
        known.push(*uid);
    }
    Ok(known)
}

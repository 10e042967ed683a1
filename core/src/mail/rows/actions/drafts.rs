//! Drafts: kept here at once, put on the server by the next push.

use rusqlite::{Connection, Transaction, params};

use super::{ActionKind, Deed, Kind, settle_shown, tell, without_uid};
use crate::mail::compose::Outgoing;
use crate::mail::flags::Flags;
use crate::mail::mime::{Headers, read_row_headers};
use crate::mail::rows::{conversation_of, keep_fresh};
use crate::store::{Change, StoreError};

/// A draft that is to be put on the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct Draft {
    pub(in crate::mail) action: i64,
    pub(in crate::mail) message: i64,
    pub(in crate::mail) mailbox: i64,
    pub(in crate::mail) message_id: String,
    /// Whether it may be there already.
    pub(in crate::mail) begun: bool,
}

/// Shows a draft in the mailbox `to`, in the place of `previous`; gives its row.
pub(in crate::mail) fn save_draft(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    previous: Option<i64>,
    outgoing: &Outgoing,
    to: i64,
    now_ms: i64,
) -> Result<i64, StoreError> {
    let deed = Deed::begin(t, academy, ActionKind::Draft, Flags::default(), Some(to))?;
    let end = outgoing.mime.windows(4).position(|four| four == b"\r\n\r\n").map_or(outgoing.mime.len(), |at| at + 2);
    let header = outgoing.mime.get(..end).unwrap_or(&outgoing.mime);
    let Headers { subject, from, likely_attachments, .. } = read_row_headers(header);
    let (name, address) = from.map_or((None, None), |person| (person.name, Some(person.address)));
    let size = i64::try_from(outgoing.mime.len()).unwrap_or(i64::MAX);
    let flags = Flags::DRAFT.with(Flags::SEEN).bits();
    t.execute(
        "INSERT INTO message (mailbox, uid, received_ms, size, subject, from_name, from_address, message_id, attachments,
                              server_flags, flags, header) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            to, now_ms, size, subject, name, address, outgoing.message_id, likely_attachments, flags, flags, header
        ],
    )?;
    let message = t.last_insert_rowid();
    without_uid(t, message)?;
    keep_fresh(t, message, &outgoing.mime)?;
    deed.write(t, Some(message), Kind::Append(to), None)?;
    if let Some(previous) = previous {
        // What was to go once that one was kept now waits for this one.
        t.execute("UPDATE action SET source = ? WHERE source = ? AND kind = 'destroy'", [message, previous])?;
        let there = t.prepare_cached("SELECT 1 FROM message WHERE id = ?")?.exists([previous])?;
        if there {
            deed.write(t, Some(previous), Kind::Destroy, Some(message))?;
            tell(changes, settle_shown(t, previous)?);
        }
    }
    tell(changes, settle_shown(t, message)?);
    conversation_of(t, message)?;
    Ok(message)
}

/// The drafts to be put on the server, by the actions below `before`.
pub(in crate::mail) fn drafts(c: &Connection, academy: &str, before: i64) -> Result<Vec<Draft>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT a.id, m.id, a.mailbox, m.message_id, a.begun FROM action a JOIN message m ON m.id = a.message
         JOIN mailbox b ON b.id = a.mailbox
         WHERE a.academy = ? AND a.kind = 'append' AND a.id < ? AND b.on_server = 1 ORDER BY a.id",
    )?;
    let rows = query.query_map(params![academy, before], |row| {
        let (action, message, mailbox) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let message_id = row.get::<_, Option<String>>(3)?.unwrap_or_default();
        Ok(Draft { action, message, mailbox, message_id, begun: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

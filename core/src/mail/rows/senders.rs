//! Who has written, and to whom the teacher has; and what the teacher prefers to read.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::mail::mime::{Form, read_headers};
use crate::store::StoreError;

/// Recipients of one letter that are remembered.
const MOST: usize = 100;

/// Along the indices, whatever the number of messages.
pub(super) const FIRST: &str = "SELECT
    EXISTS (SELECT 1 FROM message o JOIN mailbox b ON b.id = o.mailbox
            WHERE o.from_address = m.from_address COLLATE NOCASE AND o.received_ms < m.received_ms AND b.academy = x.academy
              AND (m.message_id IS NULL OR o.message_id IS NOT m.message_id))
    OR EXISTS (SELECT 1 FROM written_to w WHERE w.academy = x.academy AND w.address = m.from_address)
FROM message m JOIN mailbox x ON x.id = m.mailbox
WHERE m.id = ? AND x.complete = 1 AND m.from_address IS NOT NULL";

/// Whether nobody has written from this address before, nor been written to at it. `None` where that is not known.
pub(in crate::mail) fn is_first(c: &Connection, message: i64) -> Result<Option<bool>, StoreError> {
    let known: Option<bool> = c.prepare_cached(FIRST)?.query_row([message], |row| row.get(0)).optional()?;
    Ok(known.map(|known| !known))
}

/// Remembers to whom the messages of the mailbox for what was sent went.
pub(super) fn remember<'h>(
    t: &Transaction<'_>,
    mailbox: i64,
    headers: impl Iterator<Item = &'h [u8]>,
) -> Result<(), StoreError> {
    let mut query = t.prepare_cached("SELECT academy FROM mailbox WHERE id = ? AND role = 'sent'")?;
    let Some(academy) = query.query_row([mailbox], |row| row.get::<_, String>(0)).optional()? else { return Ok(()) };
    let mut insert = t.prepare_cached("INSERT OR IGNORE INTO written_to (academy, address) VALUES (?, ?)")?;
    for header in headers {
        let headers = read_headers(header);
        for person in headers.to.iter().chain(&headers.cc).take(MOST) {
            insert.execute(params![academy, person.address])?;
        }
    }
    Ok(())
}

/// What the teacher prefers to read; the text until told otherwise.
pub(in crate::mail) fn form(c: &Connection) -> Result<Form, StoreError> {
    let form: Option<String> =
        c.prepare_cached("SELECT form FROM reading_form")?.query_row([], |row| row.get(0)).optional()?;
    Ok(if form.as_deref() == Some("html") { Form::Html } else { Form::Text })
}

pub(in crate::mail) fn set_form(t: &Transaction<'_>, form: Form) -> Result<(), StoreError> {
    let word = if form == Form::Html { "html" } else { "text" };
    t.execute("INSERT INTO reading_form (one, form) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET form = ?1", [word])?;
    Ok(())
}

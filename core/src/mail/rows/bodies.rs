//! Whole messages in the store, and where those are that are not.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::store::StoreError;

/// Where a message lies on the server.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Place {
    pub(in crate::mail) mailbox: String,
    pub(in crate::mail) uid_validity: Option<u32>,
    pub(in crate::mail) uid: u32,
    pub(in crate::mail) size: u64,
}

pub(in crate::mail) fn body(c: &Connection, message: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = c.prepare_cached("SELECT raw FROM body WHERE message = ?")?;
    Ok(query.query_row([message], |row| row.get(0)).optional()?)
}

pub(in crate::mail) fn keep_body(t: &Transaction<'_>, message: i64, raw: &[u8]) -> Result<(), StoreError> {
    t.execute(
        "INSERT INTO body (message, raw) VALUES (?, ?) ON CONFLICT (message) DO UPDATE SET raw = excluded.raw",
        params![message, raw],
    )?;
    Ok(())
}

pub(in crate::mail) fn place(c: &Connection, message: i64) -> Result<Place, StoreError> {
    let mut query = c.prepare_cached(
        // Of a copy that is not made yet: that of its original.
        "SELECT b.name, b.uid_validity, m.uid, m.size FROM message m JOIN mailbox b ON b.id = m.mailbox
         WHERE m.id = ifnull((SELECT source FROM action WHERE message = ?1 AND kind = 'copy'), ?1) AND m.uid > 0",
    )?;
    let place = query.query_row([message], |row| {
        Ok(Place { mailbox: row.get(0)?, uid_validity: row.get(1)?, uid: row.get(2)?, size: super::count(row.get(3)?) })
    });
    Ok(place?)
}

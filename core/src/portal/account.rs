//! Who is signed in, in the store.

use rusqlite::{OptionalExtension, params};

use super::state::Who;
use crate::store::{Change, Store, StoreError};

pub(super) async fn load(store: &Store, academy: &str) -> Result<Option<Who>, StoreError> {
    let academy = academy.to_owned();
    store
        .read(move |c| {
            let mut query =
                c.prepare_cached("SELECT identifier, name, address, password_ends_ms FROM account WHERE academy = ?")?;
            let who = query.query_row([academy], |row| {
                Ok(Who {
                    identifier: row.get(0)?,
                    name: row.get(1)?,
                    address: row.get(2)?,
                    password_ends_ms: row.get(3)?,
                })
            });
            Ok(who.optional()?)
        })
        .await
}

/// Writes down who signed in. When it was somebody else before, all mail of that person goes in the same transaction (the
/// store's triggers see to it).
pub(super) async fn keep(store: &Store, academy: &str, who: &Who) -> Result<(), StoreError> {
    let (academy, who) = (academy.to_owned(), who.clone());
    store
        .write(move |t, changes| {
            t.execute(
                "INSERT INTO account (academy, identifier, name, address, password_ends_ms) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (academy) DO UPDATE
                 SET identifier = excluded.identifier, name = excluded.name, address = excluded.address,
                     password_ends_ms = excluded.password_ends_ms",
                params![academy, who.identifier, who.name, who.address, who.password_ends_ms],
            )?;
            changes.extend([Change::Account, Change::Mailboxes, Change::Outbox]);
            Ok(())
        })
        .await
}

/// Forgets the person, with all of their mail.
pub(super) async fn forget(store: &Store, academy: &str) -> Result<(), StoreError> {
    let academy = academy.to_owned();
    store
        .write(move |t, changes| {
            t.execute("DELETE FROM account WHERE academy = ?", [academy])?;
            changes.extend([Change::Account, Change::Mailboxes, Change::Outbox]);
            Ok(())
        })
        .await
}

/// Whether it can be the name of an account.
pub(super) fn is_name(identifier: &str) -> bool {
    !identifier.is_empty()
        && identifier.len() <= 128
        && !identifier.chars().any(|c| c.is_control() || c.is_whitespace())
}

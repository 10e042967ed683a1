//! What the teacher may do in mailboxes that are not theirs. Rights that are not known forbid nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Kind;
use crate::mail::flags::Flags;
use crate::mail::imap::{Owner, Rights};
use crate::store::StoreError;

/// What takes a message out of its mailbox (RFC 4314, 4; RFC 6851, 3.3).
pub(in crate::mail) const REMOVE: Rights = Rights::DELETE_MESSAGES.with(Rights::EXPUNGE);

/// Nobody's own is the empty word: see the migration.
pub(super) fn owner_word(owner: &Owner) -> Option<&str> {
    match owner {
        Owner::Own => None,
        Owner::Person(name) => Some(name),
        Owner::Shared => Some(""),
    }
}

pub(super) fn owner_named(word: Option<String>) -> Owner {
    match word {
        None => Owner::Own,
        Some(name) if name.is_empty() => Owner::Shared,
        Some(name) => Owner::Person(name),
    }
}

/// What one must be allowed to, where the message is.
pub(in crate::mail) fn needed_for(kind: Kind) -> Rights {
    match kind {
        Kind::Add(flags) | Kind::Remove(flags) => {
            let of = |flag, right| if flags.has(flag) { right } else { Rights::default() };
            let others = flags.without(Flags::SEEN).without(Flags::DELETED);
            let write = if others.is_empty() { Rights::default() } else { Rights::WRITE };
            of(Flags::SEEN, Rights::SEEN).with(of(Flags::DELETED, Rights::DELETE_MESSAGES)).with(write)
        }
        Kind::Move(_) | Kind::Destroy => REMOVE,
        Kind::Copy(_) | Kind::Append(_) => Rights::INSERT,
    }
}

/// Those of `needed` that the teacher does not have in a mailbox.
pub(in crate::mail) fn lacking_in(c: &Connection, mailbox: i64, needed: Rights) -> Result<Rights, StoreError> {
    let mut query = c.prepare_cached("SELECT rights FROM mailbox WHERE id = ? AND owner IS NOT NULL")?;
    let rights: Option<Option<i64>> = query.query_row([mailbox], |row| row.get(0)).optional()?;
    Ok(rights.flatten().map_or(Rights::default(), |bits| needed.without(Rights::from_bits(bits))))
}

/// The same of the mailboxes that messages are in on the server.
pub(in crate::mail) fn lacking_for(
    c: &Connection,
    academy: &str,
    messages: &[i64],
    needed: Rights,
) -> Result<Rights, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, rights FROM mailbox WHERE academy = ? AND owner IS NOT NULL AND rights IS NOT NULL",
    )?;
    let rows = query.query_map([academy], |row| Ok((row.get(0)?, needed.without(Rights::from_bits(row.get(1)?)))))?;
    let mut lacking: BTreeMap<i64, Rights> = rows.collect::<Result<_, _>>()?;
    lacking.retain(|_, rights| !rights.is_empty());
    if lacking.is_empty() {
        return Ok(Rights::default());
    }
    let mut query = c.prepare_cached("SELECT mailbox FROM message WHERE id = ?")?;
    for message in messages {
        let mailbox: Option<i64> = query.query_row([message], |row| row.get(0)).optional()?;
        if let Some(rights) = mailbox.and_then(|mailbox| lacking.get(&mailbox)) {
            return Ok(*rights);
        }
    }
    Ok(Rights::default())
}

/// Writes down what the server said that the teacher may do in the mailbox of this name.
pub(in crate::mail) fn set_rights(
    t: &Transaction<'_>,
    academy: &str,
    name: &str,
    rights: Option<Rights>,
    now_ms: i64,
) -> Result<(), StoreError> {
    t.prepare_cached("UPDATE mailbox SET rights = ?, rights_ms = ? WHERE academy = ? AND name = ?")?
        .execute(params![rights.map(Rights::bits), now_ms, academy, name])?;
    Ok(())
}

/// The server would not open the mailbox: what one may do there is asked again.
pub(in crate::mail) fn doubt_rights(t: &Transaction<'_>, mailbox: i64) -> Result<(), StoreError> {
    t.execute("UPDATE mailbox SET rights_ms = NULL WHERE id = ? AND owner IS NOT NULL", [mailbox])?;
    Ok(())
}

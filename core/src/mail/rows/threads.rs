//! Conversations as messages come: a union-find over the names of messages, in the transaction that writes the rows. The rules are
//! in `conversations/README.md`.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::mail::conversations::{Heard, Links, Me};
use crate::mail::mime::read_row_headers;
use crate::store::{Change, StoreError};

/// The conversations of one account, while messages come.
pub(super) struct Threads<'t> {
    t: &'t Transaction<'t>,
    me: Me,
}

impl<'t> Threads<'t> {
    /// Those of the account that a mailbox belongs to.
    pub(super) fn of(t: &'t Transaction<'_>, mailbox: i64) -> Result<Self, StoreError> {
        let mut owner = t.prepare_cached(
            "SELECT b.academy, a.address FROM mailbox b LEFT JOIN account a ON a.academy = b.academy WHERE b.id = ?",
        )?;
        let me = owner.query_row([mailbox], |row| Ok(Me { academy: row.get(0)?, address: row.get(1)? }))?;
        Ok(Self { t, me })
    }

    /// The conversation of a message that comes, and whether it is to the teacher alone. One that cannot be read is of a
    /// conversation of its own.
    pub(super) fn place(&self, heard: Option<&Heard<'_>>) -> Result<(i64, bool), StoreError> {
        let links = heard.map(|heard| self.me.read(heard)).unwrap_or_default();
        Ok((self.join(&links)?, links.to_me))
    }

    /// The same of one that is in the store already, of which something is in doubt.
    fn look_into(&self, message: i64) -> Result<i64, StoreError> {
        let mut row =
            self.t.prepare_cached("SELECT received_ms, unreadable, conversation, header FROM message WHERE id = ?")?;
        let (received_ms, unreadable, before, header) = row.query_row([message], |row| {
            Ok((row.get(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, Vec<u8>>(3)?))
        })?;
        let headers = (!unreadable).then(|| read_row_headers(&header));
        let heard = headers.as_ref().map(|read| Heard::new(&header, read, received_ms));
        let (conversation, to_me) = match (before, &heard) {
            // Only whom it went to: what it said of others stays said.
            (Some(before), Some(heard)) => (before, self.me.read(heard).to_me),
            (Some(before), None) => (before, false),
            (None, _) => self.place(heard.as_ref())?,
        };
        let mut update = self.t.prepare_cached("UPDATE message SET conversation = ?, to_me = ? WHERE id = ?")?;
        update.execute(params![conversation, to_me, message])?;
        Ok(conversation)
    }

    /// No message came of the conversation that was made for it.
    pub(super) fn forget_empty(&self, conversation: i64) -> Result<(), StoreError> {
        let mut delete = self.t.prepare_cached(
            "DELETE FROM conversation WHERE id = ?1 AND muted = 0
               AND NOT EXISTS (SELECT 1 FROM message WHERE conversation = ?1)",
        )?;
        delete.execute([conversation])?;
        Ok(())
    }

    fn join(&self, links: &Links) -> Result<i64, StoreError> {
        let (mut found, mut unknown) = (BTreeSet::new(), Vec::new());
        let mut known = self.t.prepare_cached("SELECT conversation FROM known_id WHERE key = ?")?;
        for key in &links.ids {
            match known.query_row([key], |row| row.get::<_, i64>(0)).optional()? {
                Some(conversation) => found.extend([conversation]),
                None => unknown.push(*key),
            }
        }
        let mut offered = self.t.prepare_cached("SELECT conversation, sought FROM subject_key WHERE key = ?")?;
        let mut fresh = Vec::new();
        for (key, seeking) in keys(links) {
            let mut rows = offered.query([key])?;
            let mut joined = false;
            while let Some(row) = rows.next()? {
                joined |= row.get::<_, bool>(1)?;
                if seeking || joined {
                    found.insert(row.get::<_, i64>(0)?);
                }
            }
            if seeking || !joined {
                fresh.push((key, seeking));
            }
        }
        let conversation = self.union(&found)?;
        let mut insert = self.t.prepare_cached("INSERT OR IGNORE INTO known_id (key, conversation) VALUES (?, ?)")?;
        for key in unknown {
            insert.execute([key, conversation])?;
        }
        let mut offer = self.t.prepare_cached(
            "INSERT INTO subject_key (key, conversation, sought) VALUES (?, ?, ?)
             ON CONFLICT (key, conversation) DO UPDATE SET sought = 1 WHERE excluded.sought = 1",
        )?;
        for (key, seeking) in fresh {
            offer.execute(params![key, conversation, seeking])?;
        }
        Ok(conversation)
    }

    /// One conversation of all: the others go into the heaviest; a new one where there is none.
    fn union(&self, all: &BTreeSet<i64>) -> Result<i64, StoreError> {
        let mut all = all.iter().copied();
        let Some(mut whole) = all.next() else {
            self.t.prepare_cached("INSERT INTO conversation (academy) VALUES (?)")?.execute([&self.me.academy])?;
            return Ok(self.t.last_insert_rowid());
        };
        for other in all {
            let (into, from) = if self.is_heavier(other, whole)? { (other, whole) } else { (whole, other) };
            self.merge(into, from)?;
            whole = into;
        }
        Ok(whole)
    }

    /// Whether there is more to move of the one than of the other; counts no further than the lighter goes.
    fn is_heavier(&self, one: i64, other: i64) -> Result<bool, StoreError> {
        let mut weight = self.t.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM message WHERE conversation = ?1
                 UNION ALL SELECT 1 FROM known_id WHERE conversation = ?1
                 UNION ALL SELECT 1 FROM subject_key WHERE conversation = ?1 LIMIT ?2)",
        )?;
        let mut most = 16;
        loop {
            let mut weigh = |conversation| weight.query_row([conversation, most], |row| row.get::<_, i64>(0));
            let (this, that) = (weigh(one)?, weigh(other)?);
            if this < most || that < most {
                return Ok(this > that);
            }
            most *= 2;
        }
    }

    fn merge(&self, into: i64, from: i64) -> Result<(), StoreError> {
        for sql in [
            "UPDATE message SET conversation = ?1 WHERE conversation = ?2",
            "UPDATE known_id SET conversation = ?1 WHERE conversation = ?2",
            "INSERT INTO subject_key (key, conversation, sought)
             SELECT key, ?1, sought FROM subject_key WHERE conversation = ?2
             ON CONFLICT (key, conversation) DO UPDATE SET sought = max(sought, excluded.sought)",
            "UPDATE conversation SET muted = 1 WHERE id = ?1 AND EXISTS (SELECT 1 FROM conversation WHERE id = ?2 AND muted = 1)",
        ] {
            self.t.prepare_cached(sql)?.execute([into, from])?;
        }
        self.t.prepare_cached("DELETE FROM conversation WHERE id = ?")?.execute([from])?;
        Ok(())
    }
}

fn keys(links: &Links) -> impl Iterator<Item = (i64, bool)> {
    links.seeks.iter().map(|key| (*key, true)).chain(links.offers.iter().map(|key| (*key, false)))
}

/// Whether there are messages of which the conversation is not known yet.
pub(in crate::mail) fn has_unthreaded(c: &Connection) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT 1 FROM message INDEXED BY message_unthreaded
         WHERE shown_in IS NOT NULL AND (conversation IS NULL OR to_me IS NULL)",
    )?;
    Ok(query.exists([])?)
}

/// Finds the conversations of some messages that came before there were any, or by another way than a sync; whether there are
/// more.
pub(in crate::mail) fn thread_some(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    most: u32,
) -> Result<bool, StoreError> {
    // Read before anything is written: what is updated leaves the index under the query.
    let mut some = t.prepare_cached(
        "SELECT id, mailbox, shown_in FROM message INDEXED BY message_unthreaded
         WHERE shown_in IS NOT NULL AND (conversation IS NULL OR to_me IS NULL) ORDER BY id DESC LIMIT ?",
    )?;
    let some = some.query_map([most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let some: Vec<(i64, i64, i64)> = some.collect::<Result<_, _>>()?;
    let (mut mailboxes, mut accounts) = (BTreeSet::new(), BTreeMap::new());
    for (message, mailbox, shown_in) in &some {
        let threads = match accounts.entry(*mailbox) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Threads::of(t, *mailbox)?),
        };
        threads.look_into(*message)?;
        mailboxes.insert(*shown_in);
    }
    changes.extend(mailboxes.into_iter().map(|mailbox| Change::Messages { mailbox }));
    Ok(some.len() == usize::try_from(most).unwrap_or(usize::MAX))
}

/// The conversation of a message; found, where it is not known yet. [`StoreError::NotFound`] where there is no such message.
pub(in crate::mail) fn conversation_of(t: &Transaction<'_>, message: i64) -> Result<i64, StoreError> {
    let mut known = t.prepare_cached("SELECT conversation, mailbox FROM message WHERE id = ?")?;
    let (known, mailbox) = known.query_row([message], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
    match known {
        Some(conversation) => Ok(conversation),
        None => Threads::of(t, mailbox)?.look_into(message),
    }
}

//! The mailboxes in the store, and how far each is known.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::actions::{RefusalReason, follow, forget, settle_shown};
use super::mailbox_actions::{role_mailbox, settle_mailboxes};
use super::mailbox_outcome::refuse_arrivals;
use super::rights::{owner_named, owner_word};
use super::{MailboxAction, MailboxKind, count, mailbox_actions, mailbox_refused};
use crate::mail::imap::{Listed, Owner, Rights, Role};
use crate::store::{Change, StoreError};

/// A mailbox as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mailbox {
    /// Its number in the store.
    pub id: i64,
    /// Its name, with the names of those it lies in.
    pub name: String,
    /// What parts these names; `None` where the server knows no mailboxes in mailboxes.
    pub delimiter: Option<String>,
    /// Whether the teacher has subscribed to it.
    pub subscribed: bool,
    /// What it is for, where known; of the teacher's own only.
    pub role: Option<Role>,
    /// Whose it is.
    pub owner: Owner,
    /// What the teacher may do in it; `None` where that is not known, and for their own, where they may do everything. What is
    /// not allowed is refused at once.
    pub rights: Option<Rights>,
    /// Whether its messages come to the phone: those of a mailbox of others do once the teacher has subscribed to it, or looked
    /// into it.
    pub synced: bool,
    /// How many messages the phone knows in it.
    pub known: u64,
    /// How many of these are unread.
    pub unread: u64,
    /// Whether the phone has once known all of it: false while the first sync goes on.
    pub complete: bool,
}

/// What is known of a mailbox as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::mail) struct Mark {
    pub(in crate::mail) uid_validity: Option<u32>,
    pub(in crate::mail) uid_next: Option<u32>,
    pub(in crate::mail) highest_mod_seq: Option<u64>,
    pub(in crate::mail) complete: bool,
}

/// Each count is kept.
pub(super) const MAILBOXES: &str = "SELECT id, shown_name, role, complete, messages, unread,
       delimiter, shown_subscribed, owner, rights, owner IS NULL OR subscribed OR opened
FROM mailbox WHERE academy = ? AND selectable = 1 AND shown_name IS NOT NULL
ORDER BY role IS NOT 'inbox', shown_name";

pub(in crate::mail) fn mailboxes(c: &Connection, academy: &str) -> Result<Vec<Mailbox>, StoreError> {
    let mut query = c.prepare_cached(MAILBOXES)?;
    let rows = query.query_map([academy], |row| {
        Ok(Mailbox {
            id: row.get(0)?,
            name: row.get(1)?,
            delimiter: row.get(6)?,
            subscribed: row.get(7)?,
            role: row.get::<_, Option<String>>(2)?.and_then(|word| Role::from_word(&word)),
            complete: row.get(3)?,
            known: count(row.get(4)?),
            unread: count(row.get(5)?),
            owner: owner_named(row.get(8)?),
            rights: row.get::<_, Option<i64>>(9)?.map(Rights::from_bits),
            synced: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Of the mailboxes that are shown: number, name and role. Counts nothing.
pub(in crate::mail) fn names(c: &Connection, academy: &str) -> Result<Vec<(i64, String, Option<Role>)>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, shown_name, role FROM mailbox WHERE academy = ? AND selectable = 1 AND shown_name IS NOT NULL",
    )?;
    let rows = query.query_map([academy], |row| {
        let role: Option<String> = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?, role.as_deref().and_then(Role::from_word)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(in crate::mail) fn mailbox_of_role(
    c: &Connection,
    academy: &str,
    role: Role,
) -> Result<Option<(i64, String)>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, name FROM mailbox WHERE academy = ? AND role = ? AND selectable = 1 ORDER BY id LIMIT 1",
    )?;
    Ok(query.query_row(params![academy, role.word()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The mailbox of this name, made when the store does not know it.
pub(in crate::mail) fn mailbox_named(
    t: &Transaction<'_>,
    academy: &str,
    name: &str,
    role: Option<Role>,
    selectable: bool,
) -> Result<i64, StoreError> {
    let mut query = t.prepare_cached(
        "INSERT INTO mailbox (academy, name, role, selectable, shown_name) VALUES (?1, ?2, ?3, ?4, ?2)
         ON CONFLICT (academy, name) DO UPDATE SET role = excluded.role, selectable = excluded.selectable,
             complete = complete AND on_server, on_server = 1
         RETURNING id",
    )?;
    Ok(query.query_row(params![academy, name, role.map(Role::word), selectable], |row| row.get(0))?)
}

pub(in crate::mail) fn mark(c: &Connection, mailbox: i64) -> Result<Mark, StoreError> {
    let mut query =
        c.prepare_cached("SELECT uid_validity, uid_next, highest_mod_seq, complete FROM mailbox WHERE id = ?")?;
    Ok(query.query_row([mailbox], |row| {
        Ok(Mark {
            uid_validity: row.get(0)?,
            uid_next: row.get(1)?,
            highest_mod_seq: row.get::<_, Option<i64>>(2)?.and_then(|value| u64::try_from(value).ok()),
            complete: row.get(3)?,
        })
    })?)
}

pub(in crate::mail) fn set_mark(t: &Transaction<'_>, mailbox: i64, mark: Mark) -> Result<(), StoreError> {
    // RFC 7162: a mod-sequence has 63 bits.
    let mod_seq = mark.highest_mod_seq.and_then(|value| i64::try_from(value).ok());
    t.prepare_cached(
        "UPDATE mailbox SET uid_validity = ?, uid_next = ?, highest_mod_seq = ?, complete = ? WHERE id = ?",
    )?
    .execute(params![mark.uid_validity, mark.uid_next, mod_seq, mark.complete, mailbox])?;
    Ok(())
}

/// Forgets every message of a mailbox: the server has said, by a new UIDVALIDITY, that none of its numbers holds.
pub(in crate::mail) fn forget_all(t: &Transaction<'_>, mailbox: i64) -> Result<(), StoreError> {
    forget(t, mailbox)?;
    set_mark(t, mailbox, Mark::default())
}

/// A mailbox as the sync sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct Known {
    pub(in crate::mail) id: i64,
    pub(in crate::mail) name: String,
    pub(in crate::mail) delimiter: Option<String>,
    pub(in crate::mail) role: Option<Role>,
    pub(in crate::mail) selectable: bool,
    pub(in crate::mail) subscribed: bool,
    /// Whether the server has it, as far as the phone knows.
    pub(in crate::mail) on_server: bool,
    pub(in crate::mail) mark: Mark,
    /// How many messages of the server's are here, hidden ones among them, and how many of them it calls unread.
    pub(in crate::mail) messages: u64,
    pub(in crate::mail) unseen: u64,
    pub(in crate::mail) owner: Owner,
    pub(in crate::mail) rights: Option<Rights>,
    /// When these were asked.
    pub(in crate::mail) rights_ms: Option<i64>,
    /// Whether the teacher has looked into it.
    pub(in crate::mail) opened: bool,
    /// Whether something is to come into it.
    pub(in crate::mail) expected: bool,
}

impl Known {
    /// Whether the server's list says what the store knows.
    pub(in crate::mail) fn is(&self, listed: &Listed) -> bool {
        self.name == listed.name
            && self.delimiter == listed.delimiter
            && self.role == listed.role
            && self.owner == listed.owner
            && self.selectable == listed.selectable
            && self.subscribed == listed.subscribed
            && self.on_server
    }

    /// Whether its messages are to come to the phone. What is to come into a mailbox of others, and was not told by COPYUID to
    /// have arrived, is looked for there.
    pub(in crate::mail) fn is_synced(&self) -> bool {
        let readable = self.rights.is_none_or(|rights| rights.has(Rights::READ));
        let wanted = self.owner == Owner::Own || (readable && (self.subscribed || self.opened || self.expected));
        self.selectable && wanted
    }
}

/// Each count is that of an index here, too: in a background job this is the only query that knows of all messages.
pub(super) const KNOWN: &str =
    "SELECT id, name, delimiter, role, selectable, subscribed, uid_validity, uid_next, highest_mod_seq,
       complete,
       (SELECT count(*) FROM message WHERE mailbox = b.id AND uid > 0), on_server,
       (SELECT count(*) FROM message INDEXED BY message_unseen
        WHERE mailbox = b.id AND uid > 0 AND server_flags & 1 = 0),
       owner, rights, rights_ms, opened, EXISTS (SELECT 1 FROM action WHERE mailbox = b.id AND message IS NOT NULL)
FROM mailbox b WHERE academy = ? ORDER BY name";

/// All mailboxes of an academy, also those that cannot be selected.
pub(in crate::mail) fn known_mailboxes(c: &Connection, academy: &str) -> Result<Vec<Known>, StoreError> {
    let mut query = c.prepare_cached(KNOWN)?;
    let rows = query.query_map([academy], |row| {
        Ok(Known {
            id: row.get(0)?,
            name: row.get(1)?,
            delimiter: row.get(2)?,
            role: row.get::<_, Option<String>>(3)?.and_then(|word| Role::from_word(&word)),
            selectable: row.get(4)?,
            subscribed: row.get(5)?,
            mark: Mark {
                uid_validity: row.get(6)?,
                uid_next: row.get(7)?,
                highest_mod_seq: row.get::<_, Option<i64>>(8)?.and_then(|value| u64::try_from(value).ok()),
                complete: row.get(9)?,
            },
            messages: count(row.get(10)?),
            on_server: row.get(11)?,
            unseen: count(row.get(12)?),
            owner: owner_named(row.get(13)?),
            rights: row.get::<_, Option<i64>>(14)?.map(Rights::from_bits),
            rights_ms: row.get(15)?,
            opened: row.get(16)?,
            expected: row.get(17)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes down what the server's list says of a mailbox; gives its number.
pub(in crate::mail) fn list_mailbox(t: &Transaction<'_>, academy: &str, listed: &Listed) -> Result<i64, StoreError> {
    let id = mailbox_named(t, academy, &listed.name, listed.role, listed.selectable)?;
    t.prepare_cached("UPDATE mailbox SET delimiter = ?, subscribed = ?, owner = ? WHERE id = ?")?.execute(params![
        listed.delimiter,
        listed.subscribed,
        owner_word(&listed.owner),
        id
    ])?;
    Ok(id)
}

/// Whether it is a mailbox of others that the teacher has not looked into.
pub(in crate::mail) fn is_unopened(c: &Connection, mailbox: i64) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached("SELECT 1 FROM mailbox WHERE id = ? AND owner IS NOT NULL AND opened = 0")?;
    Ok(query.exists([mailbox])?)
}

/// The teacher looks into a mailbox of others: from now on its messages come.
pub(in crate::mail) fn open_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    mailbox: i64,
) -> Result<(), StoreError> {
    t.execute("UPDATE mailbox SET opened = 1 WHERE id = ?", [mailbox])?;
    changes.push(Change::Mailboxes);
    Ok(())
}

/// Writes down how far the mailbox of this name is known.
pub(in crate::mail) fn mark_named(
    t: &Transaction<'_>,
    academy: &str,
    name: &str,
    mark: Mark,
) -> Result<(), StoreError> {
    let mut query = t.prepare_cached("SELECT id FROM mailbox WHERE academy = ? AND name = ?")?;
    let mailbox = query.query_row(params![academy, name], |row| row.get(0))?;
    set_mark(t, mailbox, mark)
}

/// A mailbox has another name now, and is the same.
pub(in crate::mail) fn rename_mailbox(t: &Transaction<'_>, mailbox: i64, name: &str) -> Result<(), StoreError> {
    t.execute("UPDATE mailbox SET name = ? WHERE id = ?", params![name, mailbox])?;
    Ok(())
}

/// Forgets a mailbox that the server has no more, and its messages. What waits for these waits for them to come again; what was
/// to come into it is refused, but for drafts, which go elsewhere. How many actions were refused.
pub(in crate::mail) fn drop_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    mailbox: i64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut refused = 0;
    let about: Vec<MailboxAction> = mailbox_actions(t, academy)?;
    for action in about.into_iter().filter(|action| action.mailbox == mailbox) {
        match action.kind {
            // As it was to be.
            MailboxKind::Delete => {
                t.execute("DELETE FROM action WHERE id = ?", [action.id])?;
            }
            _ => refused += mailbox_refused(t, changes, academy, &action, RefusalReason::MailboxGone, now_ms)?,
        }
    }
    refused += refuse_arrivals(t, changes, academy, mailbox, now_ms)?;
    follow(t, changes, mailbox)?;
    forget(t, mailbox)?;
    t.execute("UPDATE mailbox SET role = NULL WHERE id = ?", [mailbox])?;
    let drafts: bool =
        t.prepare_cached("SELECT 1 FROM action WHERE mailbox = ? AND kind = 'append'")?.exists([mailbox])?;
    if drafts {
        let elsewhere = role_mailbox(t, changes, academy, Role::Drafts)?;
        t.execute("UPDATE action SET mailbox = ? WHERE mailbox = ? AND kind = 'append'", [elsewhere, mailbox])?;
    }
    // Those that are kept are in no mailbox; the inbox keeps them.
    let mut kept = t.prepare_cached(
        "UPDATE message SET mailbox = (SELECT id FROM mailbox WHERE academy = ?1 AND role = 'inbox')
         WHERE mailbox = ?2 AND EXISTS (SELECT 1 FROM mailbox WHERE academy = ?1 AND role = 'inbox') RETURNING id",
    )?;
    let kept = kept.query_map(params![academy, mailbox], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    t.execute("DELETE FROM mailbox WHERE id = ?", [mailbox])?;
    for message in kept {
        settle_shown(t, message)?;
    }
    settle_mailboxes(t, academy)?;
    Ok(refused)
}

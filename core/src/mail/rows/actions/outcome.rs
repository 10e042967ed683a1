//! What became of actions: done, or refused and told.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::places::{lies, part, set_server_flags};
use super::{settle_shown, tell};
use crate::mail::flags::Flags;
use crate::mail::rows::Arrived;
use crate::store::{Change, StoreError};

/// Refusals that are kept.
const REFUSALS: i64 = 100;

/// What the teacher did.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ActionKind {
    /// Set or cleared flags: read, flagged, answered, forwarded.
    Flag,
    /// Moved messages to a mailbox.
    Move,
    /// Copied messages to a mailbox.
    Copy,
    /// Put messages into the bin.
    Delete,
    /// Deleted messages for ever.
    DeleteForEver,
    /// Called messages unwanted.
    Junk,
    /// Called messages wanted.
    NotJunk,
    /// Put messages into the archive.
    Archive,
    /// Saved a draft.
    Draft,
    /// Made a mailbox.
    CreateMailbox,
    /// Gave a mailbox another name or place.
    RenameMailbox,
    /// Deleted a mailbox.
    DeleteMailbox,
    /// Subscribed to a mailbox.
    Subscribe,
    /// No longer subscribed to one.
    Unsubscribe,
    /// Took something back that the server had done.
    Undo,
}

impl ActionKind {
    const WORDS: [(Self, &'static str); 15] = [
        (Self::Flag, "flag"),
        (Self::Move, "move"),
        (Self::Copy, "copy"),
        (Self::Delete, "delete"),
        (Self::DeleteForEver, "delete-for-ever"),
        (Self::Junk, "junk"),
        (Self::NotJunk, "not-junk"),
        (Self::Archive, "archive"),
        (Self::Draft, "draft"),
        (Self::CreateMailbox, "create-mailbox"),
        (Self::RenameMailbox, "rename-mailbox"),
        (Self::DeleteMailbox, "delete-mailbox"),
        (Self::Subscribe, "subscribe"),
        (Self::Unsubscribe, "unsubscribe"),
        (Self::Undo, "undo"),
    ];

    /// Its word in the store, and in the texts.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, _)| *kind == self).map_or("flag", |(_, word)| word)
    }

    pub(in crate::mail) fn from_word(word: &str) -> Self {
        Self::WORDS.iter().find(|(_, known)| *known == word).map_or(Self::Flag, |(kind, _)| *kind)
    }
}

/// Why something that the teacher did was not done. The phone shows what the server has.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The message is not there any more.
    Gone,
    /// The mailbox is not there any more.
    MailboxGone,
    /// No room is left. A draft is kept on the phone and tried again.
    Full,
    /// There is a mailbox of that name already.
    Exists,
    /// There is mail in the mailbox that the phone did not know when it was to be deleted.
    Changed,
    /// The server's own word.
    Said(String),
}

/// Something that the teacher did and that was not done.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// Its number, for [`crate::mail::MailAccount::forget_refusals`].
    pub id: i64,
    /// What the teacher did.
    pub what: ActionKind,
    /// With how many messages.
    pub messages: u64,
    /// The subject of one of these.
    pub subject: Option<String>,
    /// The mailbox that it was about, as it was shown.
    pub mailbox: Option<String>,
    /// Why not.
    pub why: RefusalReason,
    /// When it was known, in milliseconds since 1970.
    pub at_ms: i64,
}

fn delete(t: &Transaction<'_>, ids: &[i64]) -> Result<(), StoreError> {
    let mut delete = t.prepare_cached("DELETE FROM action WHERE id = ?")?;
    for id in ids {
        delete.execute([id])?;
    }
    Ok(())
}

/// Nothing had to be told of these actions.
pub(in crate::mail) fn settle_idle(t: &Transaction<'_>, message: i64, ids: &[i64]) -> Result<(), StoreError> {
    delete(t, ids)?;
    settle_shown(t, message)?;
    Ok(())
}

/// The message has these flags on the server now.
pub(in crate::mail) fn flagged(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    message: i64,
    flags: Flags,
    ids: &[i64],
) -> Result<(), StoreError> {
    set_server_flags(t, message, flags)?;
    delete(t, ids)?;
    tell(changes, settle_shown(t, message)?);
    Ok(())
}

/// Whether the phone's numbers of a mailbox are of this UIDVALIDITY; one it did not know yet is, from now on.
fn is_under(t: &Transaction<'_>, mailbox: i64, validity: u32) -> Result<bool, StoreError> {
    t.prepare_cached("UPDATE mailbox SET uid_validity = ? WHERE id = ? AND uid_validity IS NULL")?
        .execute(params![validity, mailbox])?;
    Ok(t.prepare_cached("SELECT 1 FROM mailbox WHERE id = ? AND uid_validity = ?")?
        .exists(params![mailbox, validity])?)
}

/// A message is at another place on the server now. With `original`, it is still at the old one too. False, and nothing done, where
/// the phone cannot take that for true: the next look at the mailbox tells.
pub(in crate::mail) fn moved(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    message: i64,
    to: i64,
    (validity, uid): (u32, u32),
    original: bool,
    ids: &[i64],
) -> Result<bool, StoreError> {
    if !is_under(t, to, validity)? {
        return Ok(false);
    }
    let done = if original { part(t, message, to, uid)? } else { lies(t, message, to, uid, false)? };
    if done {
        delete(t, ids)?;
        settle_shown(t, message)?;
        tell(changes, [to]);
    }
    Ok(done)
}

/// A copy is there, with the flags that its original has on the server.
pub(in crate::mail) fn copied(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    action: i64,
    (message, to): (i64, i64),
    (validity, uid): (u32, u32),
) -> Result<bool, StoreError> {
    if !is_under(t, to, validity)? {
        return Ok(false);
    }
    let mut original =
        t.prepare_cached("SELECT m.server_flags FROM action a JOIN message m ON m.id = a.source WHERE a.id = ?")?;
    let flags: Option<i64> = original.query_row([action], |row| row.get(0)).optional()?;
    if !lies(t, message, to, uid, false)? {
        return Ok(false);
    }
    if let Some(flags) = flags {
        set_server_flags(t, message, Flags::from_bits(flags))?;
    }
    delete(t, &[action])?;
    settle_shown(t, message)?;
    tell(changes, [to]);
    Ok(true)
}

/// A draft is there.
pub(in crate::mail) fn filed(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    action: i64,
    (message, to): (i64, i64),
    validity: u32,
    one: &Arrived,
) -> Result<bool, StoreError> {
    if !is_under(t, to, validity)? || !lies(t, message, to, one.uid, true)? {
        return Ok(false);
    }
    t.execute(
        "UPDATE message SET received_ms = ?, size = ?, header = ?, server_flags = ? WHERE id = ?",
        params![one.received_ms, i64::try_from(one.size).unwrap_or(i64::MAX), one.header, one.flags.bits(), message],
    )?;
    delete(t, &[action])?;
    settle_shown(t, message)?;
    tell(changes, [to]);
    Ok(true)
}

/// A message is gone for ever.
pub(in crate::mail) fn destroyed(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    mailbox: i64,
    message: i64,
) -> Result<(), StoreError> {
    t.prepare_cached("DELETE FROM message WHERE id = ?")?.execute([message])?;
    tell(changes, [mailbox]);
    Ok(())
}

/// A message is marked as deleted and stays where it is, out of sight: the server cannot remove it without others.
pub(in crate::mail) fn left(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    message: i64,
    flags: Flags,
    ids: &[i64],
) -> Result<(), StoreError> {
    t.prepare_cached("UPDATE message SET remains = 1 WHERE id = ?")?.execute([message])?;
    flagged(t, changes, message, flags, ids)
}

/// What is told of one call.
struct Told {
    messages: BTreeSet<i64>,
    subject: String,
    mailbox: Option<String>,
}

/// The server does not do these actions on messages: what it says is shown again, and the teacher is told. A draft is kept, and
/// told once. How many were refused.
pub(in crate::mail) fn refuse(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    ids: &[i64],
    why: RefusalReason,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut query = t.prepare_cached(
        "SELECT a.message, a.kind, a.deed, a.what, m.subject, b.shown_name, a.flag FROM action a
         JOIN message m ON m.id = a.message LEFT JOIN mailbox b ON b.id = ifnull(a.mailbox, m.mailbox) WHERE a.id = ?",
    )?;
    // By the call that they were part of.
    let mut told: BTreeMap<(Option<i64>, String), Told> = BTreeMap::new();
    let (mut messages, mut refused) = (BTreeSet::new(), 0);
    for id in ids {
        let row = query.query_row([id], |row| {
            let what = ((row.get::<_, Option<i64>>(2)?, row.get::<_, String>(3)?), row.get::<_, String>(4)?);
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, what, row.get(5)?, Flags::from_bits(row.get(6)?)))
        });
        let Some((message, kind, (call, subject), mailbox, flag)) = row.optional()? else { continue };
        let draft = kind == "append";
        if draft {
            t.execute("UPDATE action SET begun = 0 WHERE id = ?", [id])?;
        } else {
            delete(t, &[*id])?;
        }
        messages.insert(message);
        if kind == "copy" {
            t.execute("DELETE FROM message WHERE id = ?", [message])?;
        }
        // A server need not keep keywords; that is no news.
        if matches!(kind.as_str(), "add" | "remove") && flag.is_keywords() && matches!(why, RefusalReason::Said(_)) {
            continue;
        }
        refused += 1;
        let told = told.entry(call).or_insert_with(|| Told { messages: BTreeSet::new(), subject, mailbox });
        told.messages.insert(message);
    }
    for ((_, what), Told { messages, subject, mailbox }) in told {
        note(t, academy, &what, messages.len(), Some(&subject), mailbox.as_deref(), &why, now_ms)?;
    }
    for message in messages {
        tell(changes, settle_shown(t, message)?);
    }
    changes.extend((refused > 0).then_some(Change::Refusals));
    Ok(refused)
}

/// Writes down a refusal, once where the same is told again and again.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub(in crate::mail::rows) fn note(
    t: &Transaction<'_>,
    academy: &str,
    what: &str,
    messages: usize,
    subject: Option<&str>,
    mailbox: Option<&str>,
    why: &RefusalReason,
    now_ms: i64,
) -> Result<(), StoreError> {
    let (word, said) = match why {
        RefusalReason::Gone => ("gone", None),
        RefusalReason::MailboxGone => ("mailbox-gone", None),
        RefusalReason::Full => ("full", None),
        RefusalReason::Exists => ("exists", None),
        RefusalReason::Changed => ("changed", None),
        RefusalReason::Said(said) => ("said", Some(said)),
    };
    if what == "draft" || what == "create-mailbox" {
        t.execute(
            "DELETE FROM refusal WHERE academy = ? AND what = ? AND why = ? AND subject IS ? AND mailbox IS ?",
            params![academy, what, word, subject, mailbox],
        )?;
    }
    t.execute(
        "INSERT INTO refusal (academy, what, messages, subject, mailbox, why, said, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![academy, what, messages as i64, subject, mailbox, word, said, now_ms],
    )?;
    t.execute("DELETE FROM refusal WHERE id <= ?", [t.last_insert_rowid() - REFUSALS])?;
    Ok(())
}

/// The refusals that nobody has dismissed, newest first.
pub(in crate::mail) fn refusals(c: &Connection, academy: &str) -> Result<Vec<Refusal>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT id, what, messages, subject, mailbox, why, said, at_ms FROM refusal WHERE academy = ? ORDER BY id DESC",
    )?;
    let rows = query.query_map([academy], |row| {
        Ok(Refusal {
            id: row.get(0)?,
            what: ActionKind::from_word(&row.get::<_, String>(1)?),
            messages: super::super::count(row.get(2)?),
            subject: row.get(3)?,
            mailbox: row.get(4)?,
            why: match row.get::<_, String>(5)?.as_str() {
                "gone" => RefusalReason::Gone,
                "mailbox-gone" => RefusalReason::MailboxGone,
                "full" => RefusalReason::Full,
                "exists" => RefusalReason::Exists,
                "changed" => RefusalReason::Changed,
                _ => RefusalReason::Said(row.get::<_, Option<String>>(6)?.unwrap_or_default()),
            },
            at_ms: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The teacher has read the refusals up to this one.
pub(in crate::mail) fn forget_refusals(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    up_to: i64,
) -> Result<(), StoreError> {
    t.execute("DELETE FROM refusal WHERE academy = ? AND id <= ?", params![academy, up_to])?;
    changes.push(Change::Refusals);
    Ok(())
}

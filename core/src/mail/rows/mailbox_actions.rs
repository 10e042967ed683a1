//! What the teacher did with mailboxes and the server does not know yet.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::actions::{ActionKind, Deed};
use super::mailbox_of_role;
use crate::mail::flags::Flags;
use crate::mail::imap::Role;
use crate::store::{Change, StoreError};

/// A waiting action on a mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct MailboxAction {
    pub(in crate::mail) id: i64,
    pub(in crate::mail) mailbox: i64,
    pub(in crate::mail) kind: MailboxKind,
    /// The server's name of the mailbox.
    pub(in crate::mail) name: String,
    /// Whether the server knows the mailbox.
    pub(in crate::mail) on_server: bool,
    /// Whether the server may have heard of the action.
    pub(in crate::mail) begun: bool,
}

/// What it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) enum MailboxKind {
    Create,
    /// To this name.
    Rename(String),
    Delete,
    Subscribe(bool),
}

impl MailboxKind {
    fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Rename(_) => "rename",
            Self::Delete => "delete",
            Self::Subscribe(true) => "subscribe",
            Self::Subscribe(false) => "unsubscribe",
        }
    }

    pub(super) fn what(&self) -> ActionKind {
        match self {
            Self::Create => ActionKind::CreateMailbox,
            Self::Rename(_) => ActionKind::RenameMailbox,
            Self::Delete => ActionKind::DeleteMailbox,
            Self::Subscribe(true) => ActionKind::Subscribe,
            Self::Subscribe(false) => ActionKind::Unsubscribe,
        }
    }
}

/// A mailbox as the teacher sees it, for those who change it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) struct Shown {
    pub(in crate::mail) name: String,
    pub(in crate::mail) role: Option<Role>,
    pub(in crate::mail) delimiter: Option<String>,
}

/// A mailbox that is shown.
pub(in crate::mail) fn shown_mailbox(c: &Connection, academy: &str, mailbox: i64) -> Result<Shown, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT shown_name, role, delimiter FROM mailbox
         WHERE id = ? AND academy = ? AND selectable = 1 AND shown_name IS NOT NULL",
    )?;
    Ok(query.query_row(params![mailbox, academy], |row| {
        let role = row.get::<_, Option<String>>(1)?.and_then(|word| Role::from_word(&word));
        Ok(Shown { name: row.get(0)?, role, delimiter: row.get(2)? })
    })?)
}

/// What parts names on this server, where it is known.
pub(in crate::mail) fn delimiter(c: &Connection, academy: &str) -> Result<Option<String>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT delimiter FROM mailbox WHERE academy = ? ORDER BY role IS NOT 'inbox' LIMIT 1")?;
    Ok(query.query_row([academy], |row| row.get(0)).optional()?.flatten())
}

/// Whether a mailbox has this name, here or on the server.
pub(in crate::mail) fn is_taken(c: &Connection, academy: &str, name: &str) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached("SELECT 1 FROM mailbox WHERE academy = ?1 AND (name = ?2 OR shown_name = ?2)")?;
    Ok(query.exists([academy, name])?)
}

/// Makes a mailbox that the server is to be told of; gives the call and the mailbox.
pub(in crate::mail) fn create_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    name: &str,
    role: Option<Role>,
) -> Result<(i64, i64), StoreError> {
    let delimiter = delimiter(t, academy)?;
    t.execute(
        "INSERT INTO mailbox (academy, name, role, delimiter, on_server, complete) VALUES (?, ?, ?, ?, 0, 1)",
        params![academy, name, role.map(Role::word), delimiter],
    )?;
    let mailbox = t.last_insert_rowid();
    let deed = act_on_mailbox(t, changes, academy, mailbox, &MailboxKind::Create)?;
    Ok((deed, mailbox))
}

/// Writes down what is to be done with a mailbox, and shows it.
pub(in crate::mail) fn act_on_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    mailbox: i64,
    kind: &MailboxKind,
) -> Result<i64, StoreError> {
    let deed = Deed::begin(t, academy, kind.what(), Flags::default(), Some(mailbox))?;
    let name = if let MailboxKind::Rename(name) = kind { Some(name) } else { None };
    t.execute(
        "INSERT INTO action (academy, deed, what, kind, mailbox, name) VALUES (?, ?, ?, ?, ?, ?)",
        params![academy, deed.id, kind.what().word(), kind.word(), mailbox, name],
    )?;
    settle_mailboxes(t, academy)?;
    changes.push(Change::Mailboxes);
    Ok(deed.id)
}

/// The mailbox of this role; made, where the server has none.
pub(in crate::mail) fn role_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    role: Role,
) -> Result<i64, StoreError> {
    if let Some((mailbox, _)) = mailbox_of_role(t, academy, role)? {
        return Ok(mailbox);
    }
    let name = match role {
        Role::Inbox => "INBOX",
        Role::Sent => "Sent",
        Role::Drafts => "Drafts",
        Role::Trash => "Trash",
        Role::Junk => "Junk",
        Role::Archive => "Archive",
    };
    // A name that is taken by a mailbox of another role, or one that cannot hold messages.
    let free = |name: &String| is_taken(t, academy, name).map(|taken| !taken);
    let mut named = name.to_owned();
    let mut number = 2;
    while !free(&named)? {
        named = format!("{name} {number}");
        number += 1;
    }
    Ok(create_mailbox(t, changes, academy, &named, Some(role))?.1)
}

/// A mailbox that was made here for a role gives way to the one that the server turns out to have.
pub(in crate::mail) fn join_roles(t: &Transaction<'_>, academy: &str) -> Result<(), StoreError> {
    let mut query = t.prepare_cached(
        "SELECT a.id, b.id FROM mailbox a JOIN mailbox b ON b.academy = a.academy AND b.role = a.role AND b.on_server = 1
         WHERE a.academy = ? AND a.on_server = 0",
    )?;
    let pairs = query.query_map([academy], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    for (ours, theirs) in pairs.collect::<Result<Vec<_>, _>>()? {
        t.execute("DELETE FROM action WHERE mailbox = ? AND message IS NULL", [ours])?;
        t.execute("UPDATE action SET mailbox = ? WHERE mailbox = ?", [theirs, ours])?;
        t.execute("UPDATE message SET mailbox = ? WHERE mailbox = ?", [theirs, ours])?;
        t.execute("UPDATE message SET shown_in = ? WHERE shown_in = ?", [theirs, ours])?;
        t.execute("UPDATE deed SET mailbox = ? WHERE mailbox = ?", [theirs, ours])?;
        t.execute("DELETE FROM mailbox WHERE id = ?", [ours])?;
    }
    Ok(())
}

/// The waiting actions on mailboxes, oldest first.
pub(in crate::mail) fn mailbox_actions(c: &Connection, academy: &str) -> Result<Vec<MailboxAction>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT a.id, a.mailbox, a.kind, a.name, b.name, b.on_server, a.begun FROM action a JOIN mailbox b ON b.id = a.mailbox
         WHERE a.academy = ? AND a.message IS NULL ORDER BY a.id",
    )?;
    let rows = query.query_map([academy], |row| {
        let kind = match row.get::<_, String>(2)?.as_str() {
            "create" => MailboxKind::Create,
            "rename" => MailboxKind::Rename(row.get::<_, Option<String>>(3)?.unwrap_or_default()),
            "delete" => MailboxKind::Delete,
            word => MailboxKind::Subscribe(word == "subscribe"),
        };
        let (id, mailbox, name) = (row.get(0)?, row.get(1)?, row.get(4)?);
        Ok(MailboxAction { id, mailbox, kind, name, on_server: row.get(5)?, begun: row.get(6)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Shows every mailbox as the server has it, with the waiting actions applied in order. A name goes over to the mailboxes in it.
pub(in crate::mail) fn settle_mailboxes(t: &Transaction<'_>, academy: &str) -> Result<(), StoreError> {
    let mut query = t.prepare_cached("SELECT id, name, delimiter, subscribed FROM mailbox WHERE academy = ?")?;
    let mut all = query
        .query_map([academy], |row| {
            let name = Some(row.get::<_, String>(1)?);
            Ok((row.get::<_, i64>(0)?, name, row.get::<_, Option<String>>(2)?, row.get::<_, bool>(3)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for action in mailbox_actions(t, academy)? {
        let Some(at) = all.iter().position(|(id, ..)| *id == action.mailbox) else { continue };
        let Some((_, shown, _, subscribed)) = all.get_mut(at) else { continue };
        match action.kind {
            MailboxKind::Create => {}
            MailboxKind::Subscribe(on) => *subscribed = on,
            MailboxKind::Delete => *shown = None,
            MailboxKind::Rename(to) => {
                let Some(from) = shown.clone() else { continue };
                for (_, name, delimiter, _) in &mut all {
                    if let Some(renamed) =
                        name.as_deref().and_then(|name| renamed(name, delimiter.as_deref(), &from, &to))
                    {
                        *name = Some(renamed);
                    }
                }
            }
        }
    }
    let mut update = t.prepare_cached(
        "UPDATE mailbox SET shown_name = ?1, shown_subscribed = ?2
         WHERE id = ?3 AND (shown_name IS NOT ?1 OR shown_subscribed <> ?2)",
    )?;
    for (id, name, _, subscribed) in all {
        update.execute(params![name, subscribed, id])?;
    }
    Ok(())
}

/// The name of a mailbox after `from` has become `to`, where it is that or lies in it.
pub(super) fn renamed(name: &str, delimiter: Option<&str>, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    let inside = delimiter.is_some_and(|delimiter| rest.starts_with(delimiter));
    (rest.is_empty() || inside).then(|| format!("{to}{rest}"))
}

/// Whether something that was done with the messages of a mailbox, or brings some there, below the action `before`, waits still.
pub(in crate::mail) fn is_busy(c: &Connection, mailbox: i64, before: i64) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT 1 FROM action a JOIN message m ON m.id = a.message
         WHERE a.id < ?2 AND ((m.mailbox = ?1 AND a.kind IN ('move', 'copy', 'append')) OR a.mailbox = ?1)
         UNION ALL SELECT 1 FROM action a JOIN message s ON s.id = a.source
         WHERE a.id < ?2 AND a.kind = 'copy' AND s.mailbox = ?1",
    )?;
    Ok(query.exists([mailbox, before])?)
}

/// Takes back an action on a mailbox; `None` where the call was about messages, else whether it could be.
pub(in crate::mail) fn undo_on_mailbox(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    deed: i64,
) -> Result<Option<bool>, StoreError> {
    let mut call = t.prepare_cached("SELECT what, mailbox FROM deed WHERE id = ? AND academy = ?")?;
    let (what, mailbox) = call.query_row(params![deed, academy], |row| {
        Ok((ActionKind::from_word(&row.get::<_, String>(0)?), row.get::<_, Option<i64>>(1)?))
    })?;
    let about_mailbox = [
        ActionKind::CreateMailbox,
        ActionKind::RenameMailbox,
        ActionKind::DeleteMailbox,
        ActionKind::Subscribe,
        ActionKind::Unsubscribe,
    ];
    let (true, Some(mailbox)) = (about_mailbox.contains(&what), mailbox) else { return Ok(None) };
    let used = "SELECT 1 FROM action WHERE mailbox = ?1 AND deed IS NOT ?2 UNION ALL SELECT 1 FROM message WHERE mailbox = ?1
                UNION ALL SELECT 1 FROM mailbox o JOIN mailbox b ON b.id = ?1 AND o.academy = b.academy
                WHERE o.on_server = 0 AND o.delimiter IS NOT NULL AND substr(o.name, 1, length(b.name) + 1) = b.name || o.delimiter";
    if what == ActionKind::CreateMailbox && t.prepare_cached(used)?.exists([mailbox, deed])? {
        return Ok(Some(false));
    }
    let unheard = t.execute("DELETE FROM action WHERE deed = ? AND message IS NULL AND begun = 0", [deed])? > 0;
    let undone = match what {
        ActionKind::CreateMailbox if unheard => {
            t.execute("DELETE FROM mailbox WHERE id = ? AND on_server = 0", [mailbox])?;
            true
        }
        ActionKind::Subscribe | ActionKind::Unsubscribe if !unheard => {
            let on = what == ActionKind::Unsubscribe;
            let there = t.prepare_cached("SELECT 1 FROM mailbox WHERE id = ?")?.exists([mailbox])?;
            if there {
                act_on_mailbox(t, changes, academy, mailbox, &MailboxKind::Subscribe(on))?;
            }
            there
        }
        _ => unheard,
    };
    if undone {
        t.execute("DELETE FROM deed WHERE id = ?", [deed])?;
    }
    settle_mailboxes(t, academy)?;
    changes.push(Change::Mailboxes);
    Ok(Some(undone))
}

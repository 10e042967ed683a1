//! What a teacher does with mail: written down and shown at once, done on the server by the next sync.
//!
//! Each call is one transaction however many messages it is about, and gives a number by which [`MailAccount::undo`] takes it back.
//! None of them waits for the network.

use rusqlite::Transaction;

use super::account::MailAccount;
use super::compose::Outgoing;
use super::error::MailError;
use super::flags::Flags;
use super::imap::{Rights, Role};
use super::rows::{self, ActionKind, Deed, Kind, MailboxKind, REMOVE, Refusal, Undone};
use crate::store::{Change, StoreError};

/// The longest name of a mailbox, in characters: servers allow 255 bytes, and an accent takes several.
const LONGEST_NAME: usize = 60;

/// Messages. [`MailError::NotAllowed`] where the mailbox is somebody else's and its rights are known to forbid it, for one of the
/// messages: then nothing is done with any. Those that are not there any more are passed over; [`MailError::NotFound`] where none is.
impl MailAccount {
    /// Sets or clears flags.
    pub async fn set_flags(&self, messages: &[i64], flags: Flags, on: bool) -> Result<i64, MailError> {
        let kinds = [if on { Kind::Add(flags) } else { Kind::Remove(flags) }];
        self.act(ActionKind::Flag, flags, messages, &kinds).await
    }

    /// Marks all messages that are shown in a mailbox as read.
    pub async fn mark_all_read(&self, mailbox: i64) -> Result<i64, MailError> {
        let messages = self.store.read(move |c| rows::shown_in(c, mailbox, true)).await?;
        self.act(ActionKind::Flag, Flags::SEEN, &messages, &[Kind::Add(Flags::SEEN)]).await
    }

    /// Moves messages to a mailbox, also to one that the server does not know of yet.
    pub async fn move_to(&self, messages: &[i64], mailbox: i64) -> Result<i64, MailError> {
        self.transfer(ActionKind::Move, messages, mailbox).await
    }

    /// Copies messages to a mailbox.
    pub async fn copy_to(&self, messages: &[i64], mailbox: i64) -> Result<i64, MailError> {
        self.transfer(ActionKind::Copy, messages, mailbox).await
    }

    /// Puts messages into the bin, which is made where the server has none; deletes for ever those that are there already.
    pub async fn delete(&self, messages: &[i64]) -> Result<i64, MailError> {
        let all = messages.to_vec();
        self.act_in(
            ActionKind::Delete,
            Role::Trash,
            Flags::default(),
            messages,
            REMOVE,
            move |t, changes, deed, bin| {
                let (mut inside, mut outside) = (Vec::new(), Vec::new());
                for message in all {
                    let binned = rows::is_shown_in(t, message, bin)?;
                    if binned { inside.push(message) } else { outside.push(message) }
                }
                if !inside.is_empty() {
                    deed.act(t, changes, &inside, &[Kind::Destroy])?;
                }
                if outside.is_empty() && !inside.is_empty() {
                    Ok(())
                } else {
                    deed.act(t, changes, &outside, &[Kind::Move(bin)])
                }
            },
        )
        .await
    }

    /// Deletes messages for ever.
    pub async fn delete_for_ever(&self, messages: &[i64]) -> Result<i64, MailError> {
        self.act(ActionKind::DeleteForEver, Flags::default(), messages, &[Kind::Destroy]).await
    }

    /// Deletes for ever what is shown in the bin.
    pub async fn empty_bin(&self) -> Result<i64, MailError> {
        let free = Rights::default();
        self.act_in(ActionKind::DeleteForEver, Role::Trash, Flags::default(), &[], free, |t, changes, deed, bin| {
            let messages = rows::shown_in(t, bin, false)?;
            deed.act(t, changes, &messages, &[Kind::Destroy])
        })
        .await
    }

    /// Puts messages where unwanted mail goes, and marks them so that a filter learns.
    pub async fn junk(&self, messages: &[i64]) -> Result<i64, MailError> {
        let kinds = [Kind::Add(Flags::JUNK), Kind::Remove(Flags::NOT_JUNK)];
        self.to_role(ActionKind::Junk, Role::Junk, messages, &kinds).await
    }

    /// Puts messages back into the inbox, and marks them as wanted.
    pub async fn not_junk(&self, messages: &[i64]) -> Result<i64, MailError> {
        let kinds = [Kind::Add(Flags::NOT_JUNK), Kind::Remove(Flags::JUNK)];
        self.to_role(ActionKind::NotJunk, Role::Inbox, messages, &kinds).await
    }

    /// Puts messages into the archive.
    pub async fn archive(&self, messages: &[i64]) -> Result<i64, MailError> {
        self.to_role(ActionKind::Archive, Role::Archive, messages, &[]).await
    }

    async fn transfer(&self, what: ActionKind, messages: &[i64], to: i64) -> Result<i64, MailError> {
        let (academy, messages) = (self.academy.id.clone(), messages.to_vec());
        let done = self.store.write(move |t, changes| {
            rows::shown_mailbox(t, &academy, to)?;
            let out = if what == ActionKind::Copy { Rights::READ } else { REMOVE };
            let lacking =
                rows::lacking_in(t, to, Rights::INSERT)?.with(rows::lacking_for(t, &academy, &messages, out)?);
            if !lacking.is_empty() {
                return Ok(Err(MailError::NotAllowed { lacking }));
            }
            let deed = Deed::begin(t, &academy, what, Flags::default(), Some(to))?;
            match what {
                ActionKind::Copy => deed.copy(t, changes, &messages, to)?,
                _ => deed.act(t, changes, &messages, &[Kind::Move(to)])?,
            }
            Ok(Ok(deed.id))
        });
        done.await?
    }

    async fn to_role(&self, what: ActionKind, role: Role, messages: &[i64], kinds: &[Kind]) -> Result<i64, MailError> {
        let (all, mut kinds) = (messages.to_vec(), kinds.to_vec());
        let flags = if kinds.is_empty() { Flags::default() } else { Flags::JUNK.with(Flags::NOT_JUNK) };
        // Marks that a mailbox of others does not take are no reason to keep a message there.
        self.act_in(what, role, flags, messages, REMOVE, move |t, changes, deed, to| {
            kinds.push(Kind::Move(to));
            deed.act(t, changes, &all, &kinds)
        })
        .await
    }

    async fn act(&self, what: ActionKind, flags: Flags, messages: &[i64], kinds: &[Kind]) -> Result<i64, MailError> {
        let (academy, messages, kinds) = (self.academy.id.clone(), messages.to_vec(), kinds.to_vec());
        let done = self.store.write(move |t, changes| {
            let needed = kinds.iter().fold(Rights::default(), |needed, kind| needed.with(rows::needed_for(*kind)));
            let lacking = rows::lacking_for(t, &academy, &messages, needed)?;
            if !lacking.is_empty() {
                return Ok(Err(MailError::NotAllowed { lacking }));
            }
            let deed = Deed::begin(t, &academy, what, flags, None)?;
            deed.act(t, changes, &messages, &kinds)?;
            Ok(Ok(deed.id))
        });
        done.await?
    }

    /// Does something with the mailbox of a role, given `needed` where `messages` are.
    async fn act_in(
        &self,
        what: ActionKind,
        role: Role,
        flags: Flags,
        messages: &[i64],
        needed: Rights,
        write: impl FnOnce(&Transaction<'_>, &mut Vec<Change>, &Deed<'_>, i64) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<i64, MailError> {
        let (academy, messages) = (self.academy.id.clone(), messages.to_vec());
        let done = self.store.write(move |t, changes| {
            let lacking = rows::lacking_for(t, &academy, &messages, needed)?;
            if !lacking.is_empty() {
                return Ok(Err(MailError::NotAllowed { lacking }));
            }
            let to = rows::role_mailbox(t, changes, &academy, role)?;
            let deed = Deed::begin(t, &academy, what, flags, Some(to))?;
            write(t, changes, &deed, to)?;
            Ok(Ok(deed.id))
        });
        done.await?
    }
}

/// Mailboxes. [`MailError::NotAllowed`] where one of them is somebody else's and its rights are known to forbid it.
impl MailAccount {
    /// Makes a mailbox, in `parent` or beside the inbox; gives the number of the call and that of the mailbox, which is there at
    /// once. [`MailError::BadMailboxName`], [`MailError::MailboxExists`].
    pub async fn create_mailbox(&self, parent: Option<i64>, name: &str) -> Result<(i64, i64), MailError> {
        let (academy, name) = (self.academy.id.clone(), name.to_owned());
        let done = self.store.write(move |t, changes| {
            let name = match full_name(t, &academy, parent, &name)? {
                Ok(name) => name,
                Err(error) => return Ok(Err(error)),
            };
            rows::create_mailbox(t, changes, &academy, &name, None).map(Ok)
        });
        done.await?
    }

    /// Gives a mailbox another name, or another place. [`MailError::MailboxProtected`] for the inbox and those with a role.
    pub async fn rename_mailbox(&self, mailbox: i64, parent: Option<i64>, name: &str) -> Result<i64, MailError> {
        let (academy, name) = (self.academy.id.clone(), name.to_owned());
        let done = self.store.write(move |t, changes| {
            let shown = rows::shown_mailbox(t, &academy, mailbox)?;
            if shown.role.is_some() {
                return Ok(Err(MailError::MailboxProtected));
            }
            let lacking = rows::lacking_in(t, mailbox, Rights::DELETE_MAILBOX)?;
            if !lacking.is_empty() {
                return Ok(Err(MailError::NotAllowed { lacking }));
            }
            let name = match full_name(t, &academy, parent, &name)? {
                Ok(name) => name,
                Err(error) => return Ok(Err(error)),
            };
            let inside =
                shown.delimiter.is_some_and(|delimiter| name.starts_with(&format!("{}{delimiter}", shown.name)));
            if inside {
                return Ok(Err(MailError::BadMailboxName));
            }
            rows::act_on_mailbox(t, changes, &academy, mailbox, &MailboxKind::Rename(name)).map(Ok)
        });
        done.await?
    }

    /// Deletes a mailbox with the messages in it; not the mailboxes in it. [`MailError::MailboxProtected`] for the inbox and
    /// those with a role.
    pub async fn delete_mailbox(&self, mailbox: i64) -> Result<i64, MailError> {
        let academy = self.academy.id.clone();
        let done = self.store.write(move |t, changes| {
            if rows::shown_mailbox(t, &academy, mailbox)?.role.is_some() {
                return Ok(Err(MailError::MailboxProtected));
            }
            let lacking = rows::lacking_in(t, mailbox, Rights::DELETE_MAILBOX)?;
            if !lacking.is_empty() {
                return Ok(Err(MailError::NotAllowed { lacking }));
            }
            rows::act_on_mailbox(t, changes, &academy, mailbox, &MailboxKind::Delete).map(Ok)
        });
        done.await?
    }

    /// Subscribes to a mailbox (`on`), or no longer: other programs show those that are subscribed to.
    pub async fn subscribe(&self, mailbox: i64, on: bool) -> Result<i64, MailError> {
        let academy = self.academy.id.clone();
        let done = self.store.write(move |t, changes| {
            rows::shown_mailbox(t, &academy, mailbox)?;
            rows::act_on_mailbox(t, changes, &academy, mailbox, &MailboxKind::Subscribe(on))
        });
        Ok(done.await?)
    }
}

/// Drafts, undoing, and what was refused.
impl MailAccount {
    /// Keeps a draft, in the place of `previous` where there is one; gives its number. Shown among the drafts and durable when it
    /// returns. The former copy goes from the server only once this one is there. `now_ms` is milliseconds since 1970.
    pub async fn save_draft(&self, previous: Option<i64>, outgoing: Outgoing, now_ms: i64) -> Result<i64, MailError> {
        let academy = self.academy.id.clone();
        let saved = self.store.write(move |t, changes| {
            let to = rows::role_mailbox(t, changes, &academy, Role::Drafts)?;
            rows::save_draft(t, changes, &academy, previous, &outgoing, to, now_ms)
        });
        Ok(saved.await?)
    }

    /// Takes back what a call did: forgotten where the server has not heard of it, else undone by the reverse. What the teacher
    /// has done since stands. [`MailError::CannotUndo`] where something of it, or all, has no reverse: then the rest is undone.
    /// [`MailError::NotAllowed`] where the reverse is known to be forbidden in a mailbox of somebody else's, for one of the messages:
    /// then nothing is undone. [`MailError::NotFound`] for a call of long ago: the last fifty are known.
    pub async fn undo(&self, deed: i64) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let undone = self.store.write(move |t, changes| match rows::undo_on_mailbox(t, changes, &academy, deed)? {
            Some(true) => Ok(Undone::Wholly),
            Some(false) => Ok(Undone::Partly),
            None => rows::undo(t, changes, &academy, deed),
        });
        match undone.await? {
            Undone::Wholly => Ok(()),
            Undone::Partly => Err(MailError::CannotUndo),
            Undone::Forbidden(lacking) => Err(MailError::NotAllowed { lacking }),
        }
    }

    /// What the server did not do, newest first; at most the last hundred. Reads the store only.
    pub async fn refusals(&self) -> Result<Vec<Refusal>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::refusals(c, &academy)).await?)
    }

    /// The teacher has read the refusals up to this one: they do not come back.
    pub async fn forget_refusals(&self, up_to: i64) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.write(move |t, changes| rows::forget_refusals(t, changes, &academy, up_to)).await?)
    }
}

/// The name of a mailbox in `parent`, if there can be one.
fn full_name(
    t: &Transaction<'_>,
    academy: &str,
    parent: Option<i64>,
    name: &str,
) -> Result<Result<String, MailError>, StoreError> {
    let delimiter = match parent {
        // Those of others may be parted otherwise than the teacher's own.
        Some(parent) => rows::shown_mailbox(t, academy, parent)?.delimiter.or(rows::delimiter(t, academy)?),
        None => rows::delimiter(t, academy)?,
    };
    let lacking = parent.map_or(Ok(Rights::default()), |parent| rows::lacking_in(t, parent, Rights::CREATE))?;
    if !lacking.is_empty() {
        return Ok(Err(MailError::NotAllowed { lacking }));
    }
    let name = name.trim();
    let parts = delimiter.as_deref().is_some_and(|delimiter| name.contains(delimiter));
    // `*` and `%` stand for any name in LIST (RFC 9051, 6.3.9).
    let odd = name.chars().any(|c| c.is_control() || c == '*' || c == '%');
    if name.is_empty() || name.chars().count() > LONGEST_NAME || parts || odd {
        return Ok(Err(MailError::BadMailboxName));
    }
    let name = match (parent, delimiter) {
        (None, _) => name.to_owned(),
        (Some(parent), Some(delimiter)) => {
            format!("{}{delimiter}{name}", rows::shown_mailbox(t, academy, parent)?.name)
        }
        (Some(_), None) => return Ok(Err(MailError::BadMailboxName)),
    };
    let taken = name.eq_ignore_ascii_case("INBOX") || rows::is_taken(t, academy, &name)?;
    Ok(if taken { Err(MailError::MailboxExists) } else { Ok(name) })
}

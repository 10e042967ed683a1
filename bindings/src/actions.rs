//! What the teacher does with messages and mailboxes, undoing it, and what the server refused.

use cartable_core::mail::{self, Flags};
use cartable_core::words::Language;

use crate::cartable::Cartable;
use crate::error::{CompanionError, Told};

/// A mailbox that was just made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct NewMailbox {
    /// The number of the call, for `undo`.
    pub call: i64,
    /// The number of the mailbox. Messages may be moved there at once.
    pub mailbox: i64,
}

/// Something that the teacher did and that was not done. The lists already show what the server has.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Refusal {
    /// Its number, for `forget_refusals`.
    pub id: i64,
    /// What the teacher did.
    pub action: ActionKind,
    /// With how many messages.
    pub messages: u64,
    /// The subject of one of these.
    pub subject: Option<String>,
    /// The mailbox that it was about, as it was shown.
    pub mailbox: Option<String>,
    /// When it was known, in milliseconds since 1970.
    pub at_ms: i64,
    /// What the teacher is told: why not.
    pub told: Told,
}

/// What the teacher did.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum ActionKind {
    /// Set or cleared marks: read, flagged, answered, forwarded.
    Mark,
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
    /// Something this version has no name for.
    Other,
}

impl Refusal {
    fn new(refusal: mail::Refusal, language: Language) -> Self {
        let told = Told::new(&refusal.finding(), language);
        let mail::Refusal { id, what, messages, subject, mailbox, at_ms, .. } = refusal;
        Self { id, action: what.into(), messages, subject, mailbox, at_ms, told }
    }
}

impl From<mail::ActionKind> for ActionKind {
    fn from(what: mail::ActionKind) -> Self {
        match what {
            mail::ActionKind::Flag => Self::Mark,
            mail::ActionKind::Move => Self::Move,
            mail::ActionKind::Copy => Self::Copy,
            mail::ActionKind::Delete => Self::Delete,
            mail::ActionKind::DeleteForEver => Self::DeleteForEver,
            mail::ActionKind::Junk => Self::Junk,
            mail::ActionKind::NotJunk => Self::NotJunk,
            mail::ActionKind::Archive => Self::Archive,
            mail::ActionKind::Draft => Self::Draft,
            mail::ActionKind::CreateMailbox => Self::CreateMailbox,
            mail::ActionKind::RenameMailbox => Self::RenameMailbox,
            mail::ActionKind::DeleteMailbox => Self::DeleteMailbox,
            mail::ActionKind::Subscribe => Self::Subscribe,
            mail::ActionKind::Unsubscribe => Self::Unsubscribe,
            mail::ActionKind::Undo => Self::Undo,
            _ => Self::Other,
        }
    }
}

/// Messages, one or thousands in one call. Those that are not there any more are passed over; `NotFound` where none is.
#[uniffi::export]
impl Cartable {
    /// Marks messages as read or unread.
    pub async fn set_read(&self, messages: Vec<i64>, read: bool) -> Result<i64, CompanionError> {
        self.mark(messages, Flags::SEEN, read).await
    }

    /// Flags messages or takes the flag away.
    pub async fn set_flagged(&self, messages: Vec<i64>, flagged: bool) -> Result<i64, CompanionError> {
        self.mark(messages, Flags::FLAGGED, flagged).await
    }

    /// Marks messages as answered or not. `reply` does it by itself.
    pub async fn set_answered(&self, messages: Vec<i64>, answered: bool) -> Result<i64, CompanionError> {
        self.mark(messages, Flags::ANSWERED, answered).await
    }

    /// Marks messages as forwarded or not.
    pub async fn set_forwarded(&self, messages: Vec<i64>, forwarded: bool) -> Result<i64, CompanionError> {
        self.mark(messages, Flags::FORWARDED, forwarded).await
    }

    /// Marks all messages of a mailbox as read.
    pub async fn mark_all_read(&self, mailbox: i64) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.mark_all_read(mailbox).await }).await
    }

    /// Moves messages to a mailbox.
    pub async fn move_to(&self, messages: Vec<i64>, mailbox: i64) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.move_to(&messages, mailbox).await }).await
    }

    /// Copies messages to a mailbox.
    pub async fn copy_to(&self, messages: Vec<i64>, mailbox: i64) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.copy_to(&messages, mailbox).await }).await
    }

    /// Puts messages into the bin, or deletes for ever those that are in it: ask before.
    pub async fn delete(&self, messages: Vec<i64>) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.delete(&messages).await }).await
    }

    /// Deletes messages for ever.
    pub async fn delete_for_ever(&self, messages: Vec<i64>) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.delete_for_ever(&messages).await }).await
    }

    /// Deletes for ever what is in the bin.
    pub async fn empty_bin(&self) -> Result<i64, CompanionError> {
        self.run(|core| async move { core.empty_bin().await }).await
    }

    /// Puts messages among the unwanted.
    pub async fn junk(&self, messages: Vec<i64>) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.junk(&messages).await }).await
    }

    /// Puts messages that were called unwanted back into the inbox.
    pub async fn not_junk(&self, messages: Vec<i64>) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.not_junk(&messages).await }).await
    }

    /// Puts messages into the archive.
    pub async fn archive(&self, messages: Vec<i64>) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.archive(&messages).await }).await
    }
}

/// Mailboxes. The inbox and those with a role can be neither renamed nor deleted: `Refused` with `mailbox-protected`.
#[uniffi::export]
impl Cartable {
    /// Makes a mailbox, in `parent` or beside the inbox. `Refused` with `mailbox-exists` or `bad-mailbox-name`.
    pub async fn create_mailbox(&self, parent: Option<i64>, name: String) -> Result<NewMailbox, CompanionError> {
        let (call, mailbox) = self.run(move |core| async move { core.create_mailbox(parent, &name).await }).await?;
        Ok(NewMailbox { call, mailbox })
    }

    /// Gives a mailbox another name, or puts it into another one. `name` is its last name alone.
    pub async fn rename_mailbox(&self, mailbox: i64, parent: Option<i64>, name: String) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.rename_mailbox(mailbox, parent, &name).await }).await
    }

    /// Deletes a mailbox with its messages: ask before. Refused later where other mail has come into it meanwhile.
    pub async fn delete_mailbox(&self, mailbox: i64) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.delete_mailbox(mailbox).await }).await
    }

    /// Subscribes to a mailbox, or no longer.
    pub async fn subscribe(&self, mailbox: i64, subscribed: bool) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.subscribe(mailbox, subscribed).await }).await
    }
}

/// Undoing, and what was refused.
#[uniffi::export]
impl Cartable {
    /// Takes back what the call of this number did, whether the server knows of it or not. `Refused` with `cannot-undo` where that
    /// is impossible, as of what is deleted for ever; what of it can be taken back is. `NotFound` for a call of long ago.
    pub async fn undo(&self, call: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.undo(call).await }).await
    }

    /// What the server did not do, newest first; `Change.Refusals` tells when to look. Reads the store only.
    pub async fn refusals(&self) -> Result<Vec<Refusal>, CompanionError> {
        let language = self.language();
        let refusals = self.run(|core| async move { core.refusals().await }).await?;
        Ok(refusals.into_iter().map(|refusal| Refusal::new(refusal, language)).collect())
    }

    /// The teacher has read the refusals up to this one, by its `id`.
    pub async fn forget_refusals(&self, up_to: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.forget_refusals(up_to).await }).await
    }
}

impl Cartable {
    async fn mark(&self, messages: Vec<i64>, flags: Flags, on: bool) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.set_flags(&messages, flags, on).await }).await
    }
}

//! What a teacher does with mail. Each call is durable and shown at once, needs no network, and is done on the server at the next
//! sync; it gives a number for [`Companion::undo`].

use super::{Companion, CompanionError};
use crate::mail::compose::Outgoing;
use crate::mail::{Flags, Refusal, RefusalReason};
use crate::words::Finding;

/// Messages, one or thousands in one call. [`Finding::MailboxNotAllowed`] where a mailbox of others is known not to allow it, be it
/// for one of them: then nothing is done. Those that are not there any more are passed over; [`CompanionError::NotFound`] where
/// none is.
impl Companion {
    /// Sets or clears flags: read, flagged, answered, forwarded.
    pub async fn set_flags(&self, messages: &[i64], flags: Flags, on: bool) -> Result<i64, CompanionError> {
        Ok(self.mail()?.set_flags(messages, flags, on).await?)
    }

    /// Marks all messages of a mailbox as read.
    pub async fn mark_all_read(&self, mailbox: i64) -> Result<i64, CompanionError> {
        Ok(self.mail()?.mark_all_read(mailbox).await?)
    }

    /// Moves messages to a mailbox.
    pub async fn move_to(&self, messages: &[i64], mailbox: i64) -> Result<i64, CompanionError> {
        Ok(self.mail()?.move_to(messages, mailbox).await?)
    }

    /// Copies messages to a mailbox.
    pub async fn copy_to(&self, messages: &[i64], mailbox: i64) -> Result<i64, CompanionError> {
        Ok(self.mail()?.copy_to(messages, mailbox).await?)
    }

    /// Puts messages into the bin, or deletes for ever those that are in it.
    pub async fn delete(&self, messages: &[i64]) -> Result<i64, CompanionError> {
        Ok(self.mail()?.delete(messages).await?)
    }

    /// Deletes messages for ever.
    pub async fn delete_for_ever(&self, messages: &[i64]) -> Result<i64, CompanionError> {
        Ok(self.mail()?.delete_for_ever(messages).await?)
    }

    /// Deletes for ever what is in the bin.
    pub async fn empty_bin(&self) -> Result<i64, CompanionError> {
        Ok(self.mail()?.empty_bin().await?)
    }

    /// Puts messages among the unwanted.
    pub async fn junk(&self, messages: &[i64]) -> Result<i64, CompanionError> {
        Ok(self.mail()?.junk(messages).await?)
    }

    /// Puts messages that were called unwanted back into the inbox.
    pub async fn not_junk(&self, messages: &[i64]) -> Result<i64, CompanionError> {
        Ok(self.mail()?.not_junk(messages).await?)
    }

    /// Puts messages into the archive.
    pub async fn archive(&self, messages: &[i64]) -> Result<i64, CompanionError> {
        Ok(self.mail()?.archive(messages).await?)
    }
}

/// Drafts, undoing, and what was refused.
impl Companion {
    /// Keeps a draft, in the place of `previous`; gives its message. Thrown away by [`Companion::delete_for_ever`].
    pub async fn save_draft(&self, previous: Option<i64>, outgoing: Outgoing) -> Result<i64, CompanionError> {
        Ok(self.mail()?.save_draft(previous, outgoing, self.clock.now_ms()).await?)
    }

    /// Takes back what a call did, whether the server knows of it or not. [`Finding::CannotUndo`] where that is impossible, as of
    /// what is deleted for ever; what of it can be taken back is. [`Finding::MailboxNotAllowed`], and nothing taken back, where a
    /// mailbox of others is known to forbid the reverse. [`CompanionError::NotFound`] for a call of long ago.
    pub async fn undo(&self, call: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.undo(call).await?)
    }

    /// What the server did not do, newest first. Reads the store only.
    pub async fn refusals(&self) -> Result<Vec<Refusal>, CompanionError> {
        Ok(self.mail()?.refusals().await?)
    }

    /// The teacher has read the refusals up to this one.
    pub async fn forget_refusals(&self, up_to: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.forget_refusals(up_to).await?)
    }
}

impl Refusal {
    /// What the teacher is told about it.
    pub fn finding(&self) -> Finding {
        match &self.why {
            RefusalReason::Gone => Finding::Gone,
            RefusalReason::MailboxGone => Finding::MailboxGone,
            RefusalReason::Full => Finding::MailboxFull,
            RefusalReason::Exists => Finding::MailboxExists,
            RefusalReason::Changed => Finding::MailboxChanged,
            RefusalReason::Said(said) => Finding::MailRefused { said: said.clone() },
        }
    }
}

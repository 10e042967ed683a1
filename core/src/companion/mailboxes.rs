//! The mailboxes: a teacher's own, those of others, and how much room there is.

use super::{Companion, CompanionError};
use crate::mail::imap::Quota;
use crate::mail::{Mailbox, ServerAlert};

/// What the phone knows of them. [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// The mailboxes that the phone knows, those of others among them ([`Mailbox::owner`]). Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, CompanionError> {
        Ok(self.mail()?.mailboxes().await?)
    }

    /// How much room the inbox and what shares its limits have, in bytes and in messages, as the server told within the last
    /// hours of syncing; empty where it has no limit or does not tell. Reads the store only.
    pub async fn quota(&self) -> Result<Vec<Quota>, CompanionError> {
        Ok(self.mail()?.quota().await?)
    }

    /// What the mail server last said that must be shown to the teacher, in its own words, until
    /// [`Companion::dismiss_server_alert`]. Reads the store only; [`crate::store::Change::ServerAlert`] tells when it changes.
    pub async fn server_alert(&self) -> Result<Option<ServerAlert>, CompanionError> {
        Ok(self.mail()?.server_alert().await?)
    }

    /// The teacher has read it: it comes back only in other words.
    pub async fn dismiss_server_alert(&self) -> Result<(), CompanionError> {
        Ok(self.mail()?.dismiss_server_alert().await?)
    }
}

/// What a teacher does with them: durable and shown at once, done on the server at the next sync. The inbox and those with a role
/// can be neither renamed nor deleted ([`crate::words::Finding::MailboxProtected`]), those of others as far as these allow it
/// ([`crate::words::Finding::MailboxNotAllowed`]).
impl Companion {
    /// Makes a mailbox, in `parent` or beside the inbox; gives the number of the call, and that of the mailbox.
    pub async fn create_mailbox(&self, parent: Option<i64>, name: &str) -> Result<(i64, i64), CompanionError> {
        Ok(self.mail()?.create_mailbox(parent, name).await?)
    }

    /// Gives a mailbox another name, or puts it into another one.
    pub async fn rename_mailbox(&self, mailbox: i64, parent: Option<i64>, name: &str) -> Result<i64, CompanionError> {
        Ok(self.mail()?.rename_mailbox(mailbox, parent, name).await?)
    }

    /// Deletes a mailbox with its messages; refused later where other mail has come into it meanwhile.
    pub async fn delete_mailbox(&self, mailbox: i64) -> Result<i64, CompanionError> {
        Ok(self.mail()?.delete_mailbox(mailbox).await?)
    }

    /// Subscribes to a mailbox, or no longer.
    pub async fn subscribe(&self, mailbox: i64, on: bool) -> Result<i64, CompanionError> {
        Ok(self.mail()?.subscribe(mailbox, on).await?)
    }
}

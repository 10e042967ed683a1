//! Why an errand with the mail servers did not work.

use super::imap::{ImapError, Rights};
use super::send::SendError;
use crate::attempts::LedgerError;
use crate::portal::SessionError;
use crate::ports::{ConnectError, SecretStoreError};
use crate::store::StoreError;

/// Why an errand with the mail servers did not work. What was done before it stands.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The server was not reached.
    #[error("the mail server was not reached: {0}")]
    Connect(#[from] ConnectError),
    /// The IMAP server refused, or spoke badly.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// The mail was not sent, or nobody knows whether it was.
    #[error(transparent)]
    Send(#[from] SendError),
    /// There is no session at the portal, or it could not be used.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The server takes a password only, and none was given.
    #[error("the mail server wants a password")]
    PasswordNeeded,
    /// The server says that the password is wrong.
    #[error("the mail server refuses the password")]
    PasswordRefused,
    /// The server takes a password made for this app only, and none was given.
    #[error("the mail server wants an app password")]
    AppPasswordNeeded,
    /// The server says that the app password is wrong. That says nothing of the portal's.
    #[error("the mail server refuses the app password")]
    AppPasswordRefused,
    /// The password may not be tried now.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No mail server is known for this academy.
    #[error("no mail server is known for this academy")]
    NoServer,
    /// The inbox, or a mailbox with a role: it can be neither renamed nor deleted.
    #[error("the mailbox is protected")]
    MailboxProtected,
    /// There is a mailbox of that name, here or still on the server.
    #[error("there is a mailbox of that name")]
    MailboxExists,
    /// The mailbox is somebody else's, who does not allow it (RFC 4314). Nothing was done.
    #[error("not allowed in this mailbox: it needs {lacking}")]
    NotAllowed {
        /// The rights that the teacher does not have.
        lacking: Rights,
    },
    /// No mailbox can have that name, or be there.
    #[error("not a name for a mailbox")]
    BadMailboxName,
    /// It has no reverse, or the server has done it.
    #[error("it cannot be undone")]
    CannotUndo,
    /// There is no such message, mailbox or letter any more.
    #[error("not found")]
    NotFound,
    /// The mailbox has other UIDs now (RFC 9051, UIDVALIDITY): the message may be there under another. The next sync tells.
    #[error("the mailbox was renumbered")]
    Renumbered,
    /// The folder that a file was to be written into is not there, or may not be written into: another must be chosen.
    #[error("the folder is not there or cannot be written into")]
    BadFolder,
    /// More than the app takes into memory.
    #[error("{size} bytes are too many")]
    TooLarge {
        /// How many bytes these are, or about.
        size: u64,
    },
    /// The app is about to sleep or end, and stopped the errand.
    #[error("stopped")]
    Stopped,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
    /// The keystore did not serve.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
}

impl From<StoreError> for MailError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            other => Self::Store(other),
        }
    }
}

//! Opening a message: from the store when it is there, else from the server, piece by piece.

use super::account::MailAccount;
use super::error::MailError;
use super::flags::Flags;
use super::imap::ImapError;
use super::mime::{self, Attachment, Reading};
use super::rows::{self, After, Kind, Mailbox, Row};

/// How much is asked for at once; the guard refuses a literal larger than this.
const PIECE: u32 = 512 * 1024;
/// Servers of the academies take 20 to 25 MB; encoded, that is a third more.
const LARGEST: u64 = 40 * 1024 * 1024;

/// An opened message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Its row in the list.
    pub row: Row,
    /// What it says.
    pub reading: Reading,
}

impl MailAccount {
    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::mailboxes(c, &academy)).await?)
    }

    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind `after`. Reads the store only.
    pub async fn page(&self, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, MailError> {
        Ok(self.store.read(move |c| rows::page(c, mailbox, after, limit)).await?)
    }

    /// Opens a message. The first time it is fetched and kept; it is not marked as read.
    pub async fn open_message(&self, message: i64) -> Result<Opened, MailError> {
        let row = self.store.read(move |c| rows::one(c, message)).await?;
        let raw = self.unless_stopped(self.raw(message)).await?;
        // A hostile message may take a while: not on a thread that others wait for.
        let reading = tokio::task::spawn_blocking(move || mime::read_message(&raw)).await;
        let reading = reading.map_err(|_| MailError::NotFound)?;
        Ok(Opened { row, reading })
    }

    /// The content of an attachment, by its number in [`Reading::attachments`].
    pub async fn attachment(&self, message: i64, index: u32) -> Result<(Attachment, Vec<u8>), MailError> {
        let raw = self.unless_stopped(self.raw(message)).await?;
        let index = usize::try_from(index).map_err(|_| MailError::NotFound)?;
        mime::attachment(&raw, index).ok_or(MailError::NotFound)
    }

    /// Sets or clears a flag. Shown at once, done on the server at the next sync.
    pub async fn set_flag(&self, message: i64, flag: Flags, on: bool) -> Result<(), MailError> {
        let kind = if on { Kind::Add(flag) } else { Kind::Remove(flag) };
        Ok(self.store.write(move |t, changes| rows::act(t, changes, message, kind)).await?)
    }

    /// Puts a message into the bin. Gone from the list at once, moved on the server at the next sync.
    pub async fn delete(&self, message: i64) -> Result<(), MailError> {
        Ok(self.store.write(move |t, changes| rows::act(t, changes, message, Kind::Bin)).await?)
    }

    /// Takes [`MailAccount::delete`] back, as long as the server does not know of it.
    pub async fn undelete(&self, message: i64) -> Result<(), MailError> {
        Ok(self.store.write(move |t, changes| rows::undo_bin(t, changes, message)).await?)
    }

    async fn raw(&self, message: i64) -> Result<Vec<u8>, MailError> {
        if let Some(raw) = self.store.read(move |c| rows::body(c, message)).await? {
            return Ok(raw);
        }
        let (mailbox, validity, uid, size) = self.store.read(move |c| rows::place(c, message)).await?;
        if size > LARGEST {
            return Err(MailError::TooLarge { size });
        }
        let mut errand = self.foreground().await?;
        if validity != Some(errand.imap.select(&mailbox).await?.uid_validity) {
            return Err(MailError::NotFound);
        }
        let mut raw = Vec::new();
        loop {
            let offset = u32::try_from(raw.len()).map_err(|_| MailError::TooLarge { size })?;
            let piece = match errand.imap.fetch_part(uid, "", offset, PIECE).await {
                Ok(piece) => piece,
                Err(ImapError::NotFound) => {
                    errand.end();
                    return Err(MailError::NotFound);
                }
                Err(error) => return Err(error.into()),
            };
            let last = piece.len() < PIECE as usize;
            raw.extend_from_slice(&piece);
            if raw.len() as u64 > LARGEST {
                return Err(MailError::TooLarge { size: raw.len() as u64 });
            }
            if last {
                break;
            }
        }
        errand.end();
        let kept = raw.clone();
        self.store.write(move |t, _| rows::keep_body(t, message, &kept)).await?;
        Ok(raw)
    }
}

//! Opening a message: from the store when it is there, else from the server, piece by piece.

use std::sync::atomic::Ordering;

use super::account::{Errand, MailAccount};
use super::error::MailError;
use super::flags::Flags;
use super::imap::ImapError;
use super::mime::{self, Attachment, Reading};
use super::rows::{self, After, Kind, Mailbox, Place, Row};
use crate::attempts::Presence;

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

/// A message, or where it is.
enum Found {
    Kept(Vec<u8>),
    At(Place),
}

impl MailAccount {
    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::mailboxes(c, &academy)).await?)
    }

    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind `after`. Reads the store only. The next syncs
    /// look at this mailbox before the others.
    pub async fn page(&self, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, MailError> {
        self.on_screen.store(mailbox, Ordering::Relaxed);
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

    /// A whole message, fetched and kept the first time.
    pub(super) async fn raw(&self, message: i64) -> Result<Vec<u8>, MailError> {
        let place = match self.kept_or_place(message).await? {
            Found::Kept(raw) => return Ok(raw),
            Found::At(place) => place,
        };
        let mut errand = self.foreground().await?;
        let mut raw = self.fetch(&mut errand, message, place.clone()).await;
        if raw.as_ref().is_err_and(|error| errand.was_stale(error)) {
            self.reopen(&mut errand, Presence::Attended).await?;
            raw = self.fetch(&mut errand, message, place).await;
        }
        // What is not there, or is too large, says nothing against the connection.
        if !matches!(raw, Err(MailError::Imap(_))) {
            errand.end();
        }
        raw
    }

    /// The same by a connection that is open already.
    pub(super) async fn raw_on(&self, errand: &mut Errand<'_>, message: i64) -> Result<Vec<u8>, MailError> {
        match self.kept_or_place(message).await? {
            Found::Kept(raw) => Ok(raw),
            Found::At(place) => self.fetch(errand, message, place).await,
        }
    }

    async fn kept_or_place(&self, message: i64) -> Result<Found, MailError> {
        let found = self.store.read(move |c| match rows::body(c, message)? {
            Some(raw) => Ok(Found::Kept(raw)),
            None => Ok(Found::At(rows::place(c, message)?)),
        });
        match found.await? {
            Found::At(place) if place.size > LARGEST => Err(MailError::TooLarge { size: place.size }),
            found => Ok(found),
        }
    }

    async fn fetch(&self, errand: &mut Errand<'_>, message: i64, place: Place) -> Result<Vec<u8>, MailError> {
        if place.uid_validity != Some(errand.imap.select(&place.mailbox).await?.uid_validity) {
            return Err(MailError::NotFound);
        }
        let mut raw = Vec::new();
        loop {
            let offset = u32::try_from(raw.len()).map_err(|_| MailError::TooLarge { size: place.size })?;
            let piece = match errand.imap.fetch_part(place.uid, "", offset, PIECE).await {
                Err(ImapError::NotFound) => return Err(MailError::NotFound),
                piece => piece?,
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
        let kept = raw.clone();
        self.store.write(move |t, _| rows::keep_body(t, message, &kept)).await?;
        Ok(raw)
    }
}

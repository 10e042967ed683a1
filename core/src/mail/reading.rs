//! Opening a message: from the store when it is there, else from the server, as far as it is read (`bodies`).

use std::sync::atomic::Ordering;

use super::account::{Errand, MailAccount};
use super::bodies::Progress;
use super::error::MailError;
use super::imap::{ImapError, Quota};
use super::mime::{self, Attachment, Gap, Reading, Source, Trouble};
use super::rows::{self, After, Body, Mailbox, Row};
use crate::attempts::Presence;

/// An attachment that is decoded in memory; a larger one goes to a file.
const LARGEST: u64 = 40 * 1024 * 1024;

/// An opened message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Its row in the list.
    pub row: Row,
    /// What it says.
    pub reading: Reading,
    /// Whether some of its text was not fetched: there is more of it than anybody reads on a phone.
    pub incomplete: bool,
}

impl MailAccount {
    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::mailboxes(c, &academy)).await?)
    }

    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind `after`. Does not wait for the network. The next
    /// syncs look at this mailbox before the others; the messages of one of others come from the first look on.
    pub async fn page(&self, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, MailError> {
        self.on_screen.store(mailbox, Ordering::Relaxed);
        let read =
            self.store.read(move |c| Ok((rows::page(c, mailbox, after, limit)?, rows::is_unopened(c, mailbox)?)));
        let (page, unopened) = read.await?;
        if unopened {
            self.store.write(move |t, changes| rows::open_mailbox(t, changes, mailbox)).await?;
        }
        Ok(page)
    }

    /// The limits that hold for the inbox, as the server told within the last hours; none where it has none, or does not tell.
    /// Reads the store only.
    pub async fn quota(&self) -> Result<Vec<Quota>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::quotas(c, &academy)).await?)
    }

    /// Opens a message. The first time its text is fetched and kept, with the small pictures in it; of a small message all of it.
    /// Other attachments are listed, with about their size. It is not marked as read.
    pub async fn open_message(&self, message: i64) -> Result<Opened, MailError> {
        self.open_message_telling(message, &|_, _| {}).await
    }

    /// The same, telling how many bytes of how many have come. What came is kept also when this is dropped or cut off, and the
    /// next time goes on behind it. `progress` must not wait for anything.
    pub async fn open_message_telling(
        &self,
        message: i64,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Opened, MailError> {
        self.open_showing(message, false, progress).await
    }

    /// The same with the pictures of other servers in its HTML: only on the teacher's request.
    pub async fn open_message_with_pictures(&self, message: i64) -> Result<Opened, MailError> {
        self.open_showing(message, true, &|_, _| {}).await
    }

    async fn open_showing(&self, message: i64, remote: bool, progress: Progress<'_>) -> Result<Opened, MailError> {
        let row = self.store.read(move |c| rows::one(c, message)).await?;
        let _held = self.in_use.hold(message);
        let body = self.unless_stopped(self.body(message, progress)).await?;
        let incomplete = body.incomplete;
        let read = if remote { mime::read_with_pictures } else { mime::read_parts };
        // A hostile message may take a while: not on a thread that others wait for.
        let reading = tokio::task::spawn_blocking(move || read(&body.raw, &body.gaps)).await;
        let mut reading = reading.map_err(|_| MailError::NotFound)?;
        if incomplete {
            reading.trouble = Some(Trouble::TooLong);
        }
        Ok(Opened { row, reading, incomplete })
    }

    /// The content of an attachment, by its number in [`Reading::attachments`], decoded. The first time it is fetched, and kept.
    /// [`MailError::TooLarge`] for one of more than 40 MiB: [`MailAccount::save_attachment`] takes any.
    pub async fn attachment(&self, message: i64, index: u32) -> Result<(Attachment, Vec<u8>), MailError> {
        let _held = self.in_use.hold(message);
        let (attachment, source) = self.source(message, index).await?;
        let gap = match source {
            Source::Here(bytes) => return Ok((attachment, bytes)),
            Source::Away(gap) => gap,
        };
        if gap.size > LARGEST {
            return Err(MailError::TooLarge { size: gap.size });
        }
        self.unless_stopped(self.bring(message, &gap, &|_, _| {})).await?;
        let mut bytes = Vec::new();
        self.decode(message, &gap, &mut bytes).await?;
        Ok((Attachment { size: bytes.len(), ..attachment }, bytes))
    }

    /// What a message is read from, fetched and kept the first time.
    pub(super) async fn raw(&self, message: i64) -> Result<Vec<u8>, MailError> {
        Ok(self.body(message, &|_, _| {}).await?.raw)
    }

    /// The same by a connection that is open already.
    pub(super) async fn raw_on(&self, errand: &mut Errand<'_>, message: i64) -> Result<Vec<u8>, MailError> {
        if let Some(body) = self.store.read(move |c| rows::body(c, message)).await? {
            return Ok(body.raw);
        }
        let place = self.store.read(move |c| rows::place(c, message)).await?;
        Ok(self.fetch_body(errand, message, &place, u64::MAX, &|_, _| {}).await?.raw)
    }

    /// Where the bytes of an attachment are; its message is fetched for that.
    pub(super) async fn source(&self, message: i64, index: u32) -> Result<(Attachment, Source), MailError> {
        let body = self.unless_stopped(self.body(message, &|_, _| {})).await?;
        let index = usize::try_from(index).map_err(|_| MailError::NotFound)?;
        let source = tokio::task::spawn_blocking(move || mime::source_of(&body.raw, &body.gaps, index)).await;
        source.ok().flatten().ok_or(MailError::NotFound)
    }

    /// Fetches what is missing of a part.
    pub(super) async fn bring(&self, message: i64, gap: &Gap, progress: Progress<'_>) -> Result<(), MailError> {
        if self.has_section(message, gap).await? {
            return Ok(());
        }
        let place = self.store.read(move |c| rows::place(c, message)).await?;
        let mut errand = self.foreground().await?;
        let mut brought = self.fetch_section(&mut errand, message, &place, gap, progress).await;
        if brought.as_ref().is_err_and(|error| errand.was_stale(error)) {
            self.reopen(&mut errand, Presence::Attended).await?;
            brought = self.fetch_section(&mut errand, message, &place, gap, progress).await;
        }
        errand.end();
        brought
    }

    async fn body(&self, message: i64, progress: Progress<'_>) -> Result<Body, MailError> {
        let now = self.clock.now_ms();
        if let Some(body) = self.store.read(move |c| rows::body(c, message)).await? {
            self.store.write(move |t, _| rows::touch(t, message, now)).await?;
            return Ok(body);
        }
        let place = self.store.read(move |c| rows::place(c, message)).await?;
        let mut errand = self.foreground().await?;
        let mut fetched = self.fetch_body(&mut errand, message, &place, u64::MAX, progress).await;
        if fetched.as_ref().is_err_and(|error| errand.was_stale(error)) {
            self.reopen(&mut errand, Presence::Attended).await?;
            fetched = self.fetch_body(&mut errand, message, &place, u64::MAX, progress).await;
        }
        errand.end();
        if let Err(MailError::Imap(ImapError::Limit(_))) = fetched {
            // The message's structure cost the connection; it is fetched whole from now on.
            errand = self.foreground().await?;
            fetched = self.fetch_body(&mut errand, message, &place, u64::MAX, progress).await;
            errand.end();
        }
        let body = fetched?;
        self.store.write(move |t, _| rows::touch(t, message, now)).await?;
        // What is too much now goes the next time at the latest: the message can be read all the same.
        let _ = self.trim().await;
        Ok(body)
    }
}

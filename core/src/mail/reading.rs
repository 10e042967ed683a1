//! Opening a message: from the store when it is there, else from the server, as far as it is read (`bodies`).

use std::sync::atomic::Ordering;

use super::account::{Errand, MailAccount};
use super::bodies::Progress;
use super::error::MailError;
use super::imap::{ImapError, Quota};
use super::mime::{self, Attachment, Form, Gap, List, Reading, Source, Trouble};
use super::rows::{self, After, Body, Mailbox, Row};
use super::sender::{self, Sender};
use crate::attempts::Presence;

/// An attachment that is decoded in memory; a larger one goes to a file.
const LARGEST: u64 = 40 * 1024 * 1024;
/// Of a source so much is shown.
const SHOWN: usize = 1 << 20;

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
    /// Which form of it to show: what the teacher prefers, where it has that.
    pub form: Form,
    /// Who sent it, and how far that is to be believed.
    pub sender: Sender,
    /// The mailing list it is of, and how one leaves that.
    pub list: Option<List>,
}

/// The source of a message, for a screen.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RawSource {
    /// The first MiB, without characters that a screen cannot show.
    pub text: String,
    /// Whether there is more of it.
    pub cut: bool,
    /// Whether every part is in it; else the larger attachments are left out, which are on the server only.
    pub whole: bool,
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
        let read_as = if remote { mime::read_with_pictures } else { mime::read_parts };
        // A hostile message may take a while: not on a thread that others wait for.
        let academy = self.academy.clone();
        let read = tokio::task::spawn_blocking(move || {
            let reading = read_as(&body.raw, &body.gaps);
            let headers = &reading.headers;
            let sender = sender::sender(&body.raw, headers.from.as_ref(), &headers.reply_to, &academy);
            let list = sender::list(&body.raw, headers.list_id.clone(), &academy);
            (reading, sender, list)
        });
        let (mut reading, mut sender, list) = read.await.map_err(|_| MailError::NotFound)?;
        let told = self.store.read(move |c| Ok((rows::form(c)?, rows::is_first(c, message)?)));
        let preferred;
        (preferred, sender.is_first) = told.await?;
        if incomplete {
            reading.trouble = Some(Trouble::TooLong);
        }
        let form = reading.form(preferred);
        Ok(Opened { row, reading, incomplete, form, sender, list })
    }

    /// What the teacher prefers to read, where a message has both. Reads the store only.
    pub async fn form(&self) -> Result<Form, MailError> {
        Ok(self.store.read(rows::form).await?)
    }

    /// Sets what [`MailAccount::form`] gives, for all accounts in this store. Durable when it returns.
    pub async fn set_form(&self, form: Form) -> Result<(), MailError> {
        Ok(self.store.write(move |t, _| rows::set_form(t, form)).await?)
    }

    /// Opens a message that is an attachment of a message, or of one in it: `path` has the number of an attachment at each level,
    /// at most eight. Fetches and keeps the outermost attachment. [`MailError::NotFound`] where one of these is no message.
    pub async fn open_inner(&self, message: i64, path: Vec<u32>) -> Result<Reading, MailError> {
        self.inner(message, path, |raw| Some(mime::read_message(raw))).await
    }

    /// The content of an attachment of a message in a message: the last number of `path` is the attachment's.
    pub async fn inner_attachment(&self, message: i64, mut path: Vec<u32>) -> Result<(Attachment, Vec<u8>), MailError> {
        let index = path.pop().and_then(|index| usize::try_from(index).ok()).ok_or(MailError::NotFound)?;
        if path.is_empty() {
            return self.attachment(message, u32::try_from(index).unwrap_or(u32::MAX)).await;
        }
        self.inner(message, path, move |raw| mime::attachment(raw, index)).await
    }

    async fn inner<T: Send + 'static>(
        &self,
        message: i64,
        path: Vec<u32>,
        read: impl FnOnce(&[u8]) -> Option<T> + Send + 'static,
    ) -> Result<T, MailError> {
        let (first, deeper) = path.split_first().ok_or(MailError::NotFound)?;
        let (told, bytes) = self.attachment(message, *first).await?;
        let deeper = deeper.to_vec();
        let read = tokio::task::spawn_blocking(move || match deeper.as_slice() {
            [] => mime::is_message(&told).then(|| read(&bytes))?,
            deeper if deeper.len() < mime::DEEPEST && mime::is_message(&told) => {
                read(&mime::inner_message(&bytes, deeper)?)
            }
            _ => None,
        });
        read.await.ok().flatten().ok_or(MailError::NotFound)
    }

    /// The source of a message as far as it is on the phone, where it is fetched as [`MailAccount::open_message`] does.
    /// [`MailAccount::save_source`] gives all of it.
    pub async fn raw_source(&self, message: i64) -> Result<RawSource, MailError> {
        let _held = self.in_use.hold(message);
        let body = self.unless_stopped(self.body(message, &|_, _| {})).await?;
        let whole = body.gaps.is_empty() && !body.incomplete;
        let (text, cut) = mime::source_text(&body.raw, SHOWN);
        Ok(RawSource { text, cut, whole })
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

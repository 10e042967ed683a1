//! What of the mail is on the phone: opening messages, saving attachments, and what is kept.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::block_in_place;

use cartable_core::mail;

use crate::cartable::Cartable;
use crate::error::{CompanionError, ListenerError};
use crate::records::{AttachmentContent, MessageView};
use crate::task::TaskHandle;

/// An attachment that is a file now.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SavedFile {
    /// Its path.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether the sender encoded it wrongly: say that it may not open.
    pub damaged: bool,
}

/// What is fetched before the teacher asks for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Prefetch {
    /// What is likely to be read: by an unmetered way the texts of the last 30 days; by a metered one the unread of the inbox of the
    /// last 3 days. Small messages whole, of larger ones the text.
    Usual,
    /// Every message, with its attachments up to 1 MiB; by a metered way the usual.
    Everything,
    /// Nothing.
    Nothing,
}

/// Is told how the opening of a message goes on.
#[uniffi::export(foreign)]
pub trait OpenListener: Send + Sync {
    /// So many bytes of so many have come. Not called where the message is on the phone.
    fn on_progress(&self, done: u64, total: u64) -> Result<(), ListenerError>;

    /// The message. Not called when it failed or was cancelled: [`crate::TaskHandle::finished`] tells.
    fn on_opened(&self, message: MessageView) -> Result<(), ListenerError>;
}

/// Is told how the saving of an attachment goes on.
#[uniffi::export(foreign)]
pub trait SaveListener: Send + Sync {
    /// So many bytes, as they are on the server, of so many have come.
    fn on_progress(&self, done: u64, total: u64) -> Result<(), ListenerError>;

    /// The file is whole and on the disk. Not called when it failed or was cancelled: [`crate::TaskHandle::finished`] tells.
    fn on_saved(&self, file: SavedFile) -> Result<(), ListenerError>;
}

impl From<mail::Saved> for SavedFile {
    fn from(saved: mail::Saved) -> Self {
        Self { path: saved.path.to_string_lossy().into_owned(), bytes: saved.bytes, damaged: saved.damaged }
    }
}

impl From<mail::Prefetch> for Prefetch {
    fn from(prefetch: mail::Prefetch) -> Self {
        match prefetch {
            mail::Prefetch::Everything => Self::Everything,
            mail::Prefetch::Nothing => Self::Nothing,
            _ => Self::Usual,
        }
    }
}

impl From<Prefetch> for mail::Prefetch {
    fn from(prefetch: Prefetch) -> Self {
        match prefetch {
            Prefetch::Usual => Self::Usual,
            Prefetch::Everything => Self::Everything,
            Prefetch::Nothing => Self::Nothing,
        }
    }
}

#[uniffi::export]
impl Cartable {
    /// Opens a message; the first time its text is fetched, and kept. Does not mark it as read. Where that may take long, use
    /// `open_message_telling`.
    pub async fn open_message(&self, message: i64) -> Result<MessageView, CompanionError> {
        self.run(move |core| async move { core.open_message(message).await.map(Into::into) }).await
    }

    /// Begins to open a message, telling how it goes on. Cancelled or cut off, the next time goes on from there.
    pub fn open_message_telling(
        &self,
        message: i64,
        listener: Arc<dyn OpenListener>,
    ) -> Result<Arc<TaskHandle>, CompanionError> {
        let core = Arc::clone(&self.core);
        self.start(async move {
            let progress = |done, total| drop(block_in_place(|| listener.on_progress(done, total)));
            let opened = core.open_message_telling(message, &progress).await?;
            let _ = block_in_place(|| listener.on_opened(opened.into()));
            Ok(())
        })
    }

    /// An attachment by its index, decoded, for showing it. `Refused` with `too-large` for one of more than 40 MiB: `save_attachment`
    /// takes any.
    pub async fn attachment(&self, message: i64, index: u32) -> Result<AttachmentContent, CompanionError> {
        self.run(move |core| async move { core.attachment(message, index).await.map(Into::into) }).await
    }

    /// Begins to save an attachment, by its index, to a file in `folder`, which must be there. The file has the attachment's name, or
    /// that with a number, and is there only once it is whole. Cancelled or cut off, the next time goes on from there.
    pub fn save_attachment(
        &self,
        message: i64,
        index: u32,
        folder: String,
        listener: Arc<dyn SaveListener>,
    ) -> Result<Arc<TaskHandle>, CompanionError> {
        let core = Arc::clone(&self.core);
        let folder = PathBuf::from(folder);
        self.start(async move {
            let progress = |done, total| drop(block_in_place(|| listener.on_progress(done, total)));
            let saved = core.save_attachment(message, index, &folder, &progress).await?;
            let _ = block_in_place(|| listener.on_saved(saved.into()));
            Ok(())
        })
    }

    /// What is fetched before the teacher asks for it. Reads the store only.
    pub async fn prefetch_policy(&self) -> Result<Prefetch, CompanionError> {
        self.run(|core| async move { core.prefetch_policy().await.map(Into::into) }).await
    }

    /// Sets what is fetched before the teacher asks for it, from the next sync on.
    pub async fn set_prefetch_policy(&self, prefetch: Prefetch) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.set_prefetch_policy(prefetch.into()).await }).await
    }

    /// How many bytes of messages and attachments are kept on the phone, beside the headers. Reads the store only.
    pub async fn cache_size(&self) -> Result<u64, CompanionError> {
        self.run(|core| async move { core.cache_size().await }).await
    }

    /// How many bytes of them may be kept: 256 MiB until `set_cache_limit`. Reads the store only.
    pub async fn cache_limit(&self) -> Result<u64, CompanionError> {
        self.run(|core| async move { core.cache_limit().await }).await
    }

    /// Keeps no more than this from now on: what was opened longest ago goes first, at once. The server still has it.
    pub async fn set_cache_limit(&self, bytes: u64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.set_cache_limit(bytes).await }).await
    }

    /// Forgets all that is kept of messages beside their headers, and gives the room back. The server still has it.
    pub async fn empty_cache(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.empty_cache().await }).await
    }
}

//! What of the mail is on the phone: fetched ahead, kept within a limit, saved to files.

use std::path::Path;

use super::{Companion, CompanionError};
use crate::mail::{Opened, Prefetch, Prefetched, Saved};

/// Bodies and attachments. All of these give [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// [`Companion::open_message`], telling how many bytes of how many have come; `progress` must not wait for anything. May be
    /// dropped at any moment; goes on from there next time.
    pub async fn open_message_telling(
        &self,
        message: i64,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Opened, CompanionError> {
        Ok(self.mail()?.open_message_telling(message, progress).await?)
    }

    /// Saves an attachment, by its index, to a file in `folder`, which must be there. The file has the attachment's name, or that
    /// with a number, and is there only once it is whole and on the disk. Of any size, in the same memory.
    ///
    /// `progress` is told how many bytes, as they are on the server, of how many have come; it must not wait for anything. May be
    /// dropped at any moment; goes on from there next time.
    pub async fn save_attachment(
        &self,
        message: i64,
        index: u32,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Saved, CompanionError> {
        Ok(self.mail()?.save_attachment(message, index, folder, progress).await?)
    }

    /// Fetches messages that are likely to be read, as far as [`Companion::set_prefetch_policy`] and the way to the servers allow.
    /// `progress` is told how many messages of how many are here; it must not wait for anything. May be dropped at any moment; goes
    /// on from there next time. What the teacher waits for goes first.
    pub async fn prefetch(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<Prefetched, CompanionError> {
        let mail = self.mail()?;
        let fetched = mail.prefetch(progress).await?;
        // What is not read now is read behind the next sync.
        let _ = mail.index_waiting().await;
        Ok(fetched)
    }

    /// What is fetched before the teacher asks for it. Reads the store only.
    pub async fn prefetch_policy(&self) -> Result<Prefetch, CompanionError> {
        Ok(self.mail()?.prefetch_policy().await?)
    }

    /// Sets what is fetched before the teacher asks for it, from the next sync on.
    pub async fn set_prefetch_policy(&self, prefetch: Prefetch) -> Result<(), CompanionError> {
        Ok(self.mail()?.set_prefetch_policy(prefetch).await?)
    }

    /// How many bytes of messages and attachments are kept on the phone, beside the headers. Reads the store only.
    pub async fn cache_size(&self) -> Result<u64, CompanionError> {
        Ok(self.mail()?.cache_size().await?)
    }

    /// How many bytes of them may be kept: 256 MiB until [`Companion::set_cache_limit`]. Reads the store only.
    pub async fn cache_limit(&self) -> Result<u64, CompanionError> {
        Ok(self.mail()?.cache_limit().await?)
    }

    /// Keeps no more than this from now on: what was opened longest ago goes first, at once. The server still has it.
    pub async fn set_cache_limit(&self, bytes: u64) -> Result<(), CompanionError> {
        Ok(self.mail()?.set_cache_limit(bytes).await?)
    }

    /// Forgets all that is kept of messages beside their headers, and gives the room back. The server still has it.
    pub async fn empty_cache(&self) -> Result<(), CompanionError> {
        Ok(self.mail()?.empty_cache().await?)
    }
}

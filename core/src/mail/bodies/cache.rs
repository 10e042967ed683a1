//! How much is kept.

use super::Prefetch;
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::rows;

/// Until the teacher says otherwise.
const USUAL_MOST: u64 = 256 * 1024 * 1024;

impl MailAccount {
    /// How many bytes of messages and attachments are kept, beside the headers. Reads the store only.
    pub async fn cache_size(&self) -> Result<u64, MailError> {
        Ok(self.store.read(rows::cache_size).await?)
    }

    /// How many bytes of them may be kept: 256 MiB until [`MailAccount::set_cache_limit`] was called. Reads the store only.
    pub async fn cache_limit(&self) -> Result<u64, MailError> {
        Ok(self.cache_settings().await?.0)
    }

    /// Keeps no more than this from now on. What is too much goes at once, what was opened longest ago first; the server still
    /// has it. Nothing that is not on the server counts, or goes.
    pub async fn set_cache_limit(&self, bytes: u64) -> Result<(), MailError> {
        let (_, prefetch) = self.cache_settings().await?;
        self.store.write(move |t, _| rows::set_cache(t, bytes, prefetch)).await?;
        self.trim_to(bytes).await
    }

    /// What is fetched before the teacher asks for it. Reads the store only.
    pub async fn prefetch_policy(&self) -> Result<Prefetch, MailError> {
        Ok(self.cache_settings().await?.1)
    }

    /// Sets what is fetched before the teacher asks for it, from the next sync on.
    pub async fn set_prefetch_policy(&self, prefetch: Prefetch) -> Result<(), MailError> {
        let (most, _) = self.cache_settings().await?;
        Ok(self.store.write(move |t, _| rows::set_cache(t, most, prefetch)).await?)
    }

    /// Forgets all that is kept of messages beside their headers, but for those that are being read, and gives the room back to
    /// the file system. The server still has it.
    pub async fn empty_cache(&self) -> Result<(), MailError> {
        self.trim_to(0).await
    }

    pub(super) async fn cache_settings(&self) -> Result<(u64, Prefetch), MailError> {
        let set = self.store.read(rows::cache_settings).await?;
        Ok(set.unwrap_or((USUAL_MOST, Prefetch::default())))
    }

    /// Brings what is kept below the limit, a bounded piece at a time.
    pub(in crate::mail) async fn trim(&self) -> Result<(), MailError> {
        let most = self.cache_limit().await?;
        if self.cache_size().await? > most { self.trim_to(most).await } else { Ok(()) }
    }

    pub(super) async fn trim_to(&self, most: u64) -> Result<(), MailError> {
        loop {
            let held = self.in_use.all();
            if !self.store.write(move |t, _| rows::evict_some(t, most, &held)).await? {
                break;
            }
        }
        while self.store.write(|t, _| rows::shrink_some(t)).await? {}
        // The pages are gone from the file once its log is folded into it.
        Ok(self.store.checkpoint().await?)
    }
}

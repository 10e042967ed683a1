//! A teacher's errands with the mail.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Companion, CompanionError};
use crate::attempts::Presence;
use crate::mail::mime::Attachment;
use crate::mail::{After, Letter, Opened, Row, SyncReport};
use crate::words::Language;

/// What a sync within a deadline came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SyncOnce {
    /// Letters that went out.
    pub sent: u64,
    /// What the sync did, once it was whole.
    pub report: Option<SyncReport>,
}

/// Mail. All of these give [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind `after`. Does not wait for the
    /// network. Those of a mailbox of others come at the syncs from the first look on.
    pub async fn messages(&self, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, CompanionError> {
        Ok(self.mail()?.page(mailbox, after, limit).await?)
    }

    /// Opens a message; the first time its text is fetched, and kept. Does not mark it as read.
    pub async fn open_message(&self, message: i64) -> Result<Opened, CompanionError> {
        Ok(self.mail()?.open_message(message).await?)
    }

    /// An attachment by its index, decoded; [`Companion::save_attachment`] for a large one.
    pub async fn attachment(&self, message: i64, index: u32) -> Result<(Attachment, Vec<u8>), CompanionError> {
        Ok(self.mail()?.attachment(message, index).await?)
    }

    /// Answers a message, its sender or (`all`) everybody it went to; gives the letter's number in the outbox, where it is
    /// durable. [`Companion::send_waiting`] sends it.
    pub async fn reply(&self, message: i64, text: &str, all: bool) -> Result<i64, CompanionError> {
        let french = self.language == Language::French;
        Ok(self.mail()?.reply(message, text, all, french, self.clock.now_ms()).await?)
    }

    /// The letters of the outbox, newest first. Reads the store only.
    pub async fn outbox(&self) -> Result<Vec<Letter>, CompanionError> {
        Ok(self.mail()?.outbox().await?)
    }

    /// Sends again a letter that was refused or is uncertain: the teacher has looked and wants it.
    pub async fn send_again(&self, letter: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.send_again(letter).await?)
    }

    /// Sends the letters that wait; gives how many went out. Goes on to its end when its future is dropped, so that no
    /// letter's fate is unknown for our own sake.
    pub async fn send_waiting(&self) -> Result<u64, CompanionError> {
        let mail = self.mail()?;
        let sending = tokio::spawn(async move { mail.send_waiting().await });
        Ok(sending.await.map_err(|_| CompanionError::Bug { detail: "sending panicked".to_owned() })??)
    }

    /// Brings phone and server together: the teacher's actions out, headers in, newest first. `progress` is told how many
    /// headers of how many have come. May be dropped at any moment; goes on from there next time. For a teacher who asked for
    /// it and waits: a password may be tried once more than by [`Companion::sync_once`].
    pub async fn sync(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<SyncReport, CompanionError> {
        let mail = self.mail()?;
        let report = mail.sync_telling(Presence::Attended, progress).await?;
        // What is not read now is read behind the next sync.
        let _ = mail.index_waiting().await;
        Ok(report)
    }

    /// What a background job calls: syncs, the inbox first, sends what waits, and prefetches. Returns by the deadline with what was
    /// done until then, whatever the servers do; the next call goes on from there. Where another process of the app's is at it,
    /// that one is waited for.
    pub async fn sync_once(&self, deadline: Duration) -> Result<SyncOnce, CompanionError> {
        let end = Instant::now() + deadline;
        let mail = self.mail()?;
        let mut done = SyncOnce::default();
        let letters = mail.letters_wait().await?;
        // The first sync of a large mailbox keeps no letter waiting for the next time.
        let most = if letters { end - deadline / 3 } else { end };
        let synced = timeout_at(most, mail.sync()).await;
        if letters {
            // A letter that cannot be sent has its trouble in the outbox.
            let sent = timeout_at(end, self.send_waiting()).await;
            done.sent = sent.unwrap_or(Ok(0)).unwrap_or_default();
        }
        done.report = synced.ok().transpose()?;
        if done.report.is_some() {
            // Where time is left; what does not come now comes the next time.
            let _ = timeout_at(end, mail.prefetch(&|_, _| {})).await;
            let _ = timeout_at(end, mail.index_waiting()).await;
        }
        Ok(done)
    }
}

//! The companion as a shell holds it. In Kotlin every class has a `Companion` of its own, so here it has the product's name.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use cartable_core::companion::{Companion as Core, CompanionError as CoreError};
use cartable_core::mail::After;
use cartable_core::ports::{Clock, SystemClock};
use cartable_core::words::Language;

use crate::error::CompanionError;
use crate::ports::{ChangeListener, SecretStore, ServiceResolver, Setup, SyncListener};
use crate::records::{Letter, Mailbox, MessageRow, PageEnd, Quota, Rescued, SyncOnce};
use crate::runtime;
use crate::task::TaskHandle;

/// One teacher's companion: the academy's portal and mail on this phone. A shell has one from [`crate::Accounts`] for each account; an
/// app with a single account may open it by itself.
///
/// What the teacher does with mail is durable and shown at once, needs no network, and is done on the server at the next sync, which
/// `stay_in_touch` does by itself. Each such call gives a number for `undo`.
#[derive(Debug, uniffi::Object)]
pub struct Cartable {
    pub(crate) core: Arc<Core>,
    /// Cancelled by `shutdown`, and every task with it.
    ended: CancellationToken,
}

#[uniffi::export]
impl Cartable {
    /// Opens the companion where it was when the app ended, a sign-in under way included. Connects to nothing.
    ///
    /// Secrets are kept in the platform's keystore, or in `secrets` where the shell gives one. `services` looks up SRV records
    /// on a phone, whose system has no call for them that Rust knows; without it `find_mail_settings` does without.
    #[uniffi::constructor(default(secrets = None, services = None))]
    pub async fn open(
        setup: Setup,
        secrets: Option<Arc<dyn SecretStore>>,
        services: Option<Arc<dyn ServiceResolver>>,
    ) -> Result<Arc<Self>, CompanionError> {
        let language = setup.language();
        let opened = runtime::run(async move { Core::open(setup.into_core(secrets, services)?).await }).await;
        let core = opened.map_err(|error| CompanionError::new(error, now_ms(), language))?;
        Ok(Arc::new(Self::around(Arc::new(core))))
    }

    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, CompanionError> {
        Ok(convert(self.run(|core| async move { core.mailboxes().await }).await?))
    }

    /// How much room the inbox and what shares its limits have; empty where it has no limit or the server does not tell. Reads the
    /// store only.
    pub async fn quota(&self) -> Result<Vec<Quota>, CompanionError> {
        Ok(convert(self.run(|core| async move { core.quota().await }).await?))
    }

    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind the end of the page before. Reads the store
    /// only.
    pub async fn messages(
        &self,
        mailbox: i64,
        behind: Option<PageEnd>,
        limit: u32,
    ) -> Result<Vec<MessageRow>, CompanionError> {
        let after = behind.map(After::from);
        Ok(convert(self.run(move |core| async move { core.messages(mailbox, after, limit).await }).await?))
    }

    /// Answers a message, its sender or (`all`) everybody it went to; gives the letter's number in the outbox, where it is
    /// durable. `send_waiting` sends it.
    pub async fn reply(&self, message: i64, text: String, all: bool) -> Result<i64, CompanionError> {
        self.run(move |core| async move { core.reply(message, &text, all).await }).await
    }

    /// The letters of the outbox, newest first. Reads the store only.
    pub async fn outbox(&self) -> Result<Vec<Letter>, CompanionError> {
        let language = self.language();
        let letters = self.run(|core| async move { core.outbox().await }).await?;
        Ok(letters.into_iter().map(|letter| Letter::new(letter, language)).collect())
    }

    /// Sends again a letter that was refused or is uncertain: the teacher has looked and wants it.
    pub async fn send_again(&self, letter: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.send_again(letter).await }).await
    }

    /// Sends the letters that wait; gives how many went out.
    pub async fn send_waiting(&self) -> Result<u64, CompanionError> {
        self.run(|core| async move { core.send_waiting().await }).await
    }

    /// Begins to bring phone and server together, newest mail first. Goes on from where it was when it is cancelled and begun
    /// anew.
    pub fn sync(&self, listener: Option<Arc<dyn SyncListener>>) -> Result<Arc<TaskHandle>, CompanionError> {
        let core = Arc::clone(&self.core);
        self.start(async move {
            let told = listener.clone();
            let progress = move |done, expected| {
                if let Some(listener) = &told {
                    // A listener that fails is its shell's affair; the mail comes all the same.
                    let _ = block_in_place(|| listener.on_progress(done, expected));
                }
            };
            let report = core.sync(&progress).await?;
            if let Some(listener) = listener {
                let _ = block_in_place(|| listener.on_report(report.into()));
            }
            Ok(())
        })
    }

    /// What a background job calls: syncs, sends what waits and fetches ahead, and returns by the deadline, in milliseconds, with what
    /// was done until then.
    pub async fn sync_once(&self, deadline_ms: u64) -> Result<SyncOnce, CompanionError> {
        let deadline = Duration::from_millis(deadline_ms);
        self.run(move |core| async move { core.sync_once(deadline).await.map(Into::into) }).await
    }

    /// Tells `listener` what changes from now on, one call after the other, until the handle is cancelled or the companion
    /// shut down. A call that takes long holds up only the next.
    pub fn listen(&self, listener: Arc<dyn ChangeListener>) -> Result<Arc<TaskHandle>, CompanionError> {
        let mut changes = self.core.changes();
        self.start(async move {
            while let Some(batch) = changes.batch().await {
                let _ = block_in_place(|| listener.on_changes(convert(batch)));
            }
            Ok(())
        })
    }

    /// Before the phone sleeps: stops what runs, closes the connections and folds the database's log. Returns when all is
    /// quiet. Any later call goes on as before.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.suspend().await }).await
    }

    /// Before the app ends: the same, and closes the database. Later calls give `Cancelled`, and so do all
    /// tasks.
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        self.end_tasks();
        self.run(|core| async move { core.shutdown().await }).await
    }
}

/// Makes a new database in the place of a damaged one: `Cartable.open` then goes on signed in, and the next sync brings the mail
/// back from the server. What no server has is carried over as far as it can be read. Blocks for as long as the disk does. Shut
/// the companion down before, where one is open.
#[uniffi::export]
pub fn rebuild_storage(folder: String, language: String) -> Result<Rescued, CompanionError> {
    let rebuilt = Core::rebuild_storage(Path::new(&folder), &SystemClock);
    rebuilt.map(Into::into).map_err(|error| CompanionError::new(error, now_ms(), Language::of_tag(&language)))
}

impl Cartable {
    pub(crate) fn around(core: Arc<Core>) -> Self {
        Self { core, ended: CancellationToken::new() }
    }

    /// Cancels every task.
    pub(crate) fn end_tasks(&self) {
        self.ended.cancel();
    }

    pub(crate) async fn run<T, F, W>(&self, work: F) -> Result<T, CompanionError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Core>) -> W,
        W: Future<Output = Result<T, CoreError>> + Send + 'static,
    {
        runtime::run(work(Arc::clone(&self.core))).await.map_err(|error| self.error(error))
    }

    /// Begins long work, which may be dropped at any of its waits.
    pub(crate) fn start(
        &self,
        work: impl Future<Output = Result<(), CoreError>> + Send + 'static,
    ) -> Result<Arc<TaskHandle>, CompanionError> {
        let task = TaskHandle::start(self.ended.child_token(), self.language(), work);
        task.map_err(|error| self.error(error))
    }

    pub(crate) fn error(&self, error: CoreError) -> CompanionError {
        CompanionError::new(error, now_ms(), self.language())
    }

    pub(crate) fn language(&self) -> Language {
        self.core.language()
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

fn convert<T, U: From<T>>(all: Vec<T>) -> Vec<U> {
    all.into_iter().map(U::from).collect()
}

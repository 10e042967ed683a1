//! The companion as a shell holds it. In Kotlin every class has a `Companion` of its own, so here it has the product's name.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use cartable_core::companion::{Companion as Core, CompanionError as CoreError};
use cartable_core::mail::{After, Flags};
use cartable_core::portal;
use cartable_core::ports::{Clock, SystemClock};
use cartable_core::words::Language;

use crate::error::CompanionError;
use crate::ports::{ChangeListener, SecretStore, Setup, SyncListener};
use crate::records::{
    AcademyCard, AttachmentContent, Letter, Mailbox, MessageRow, MessageView, PageEnd, SecondFactor, SignInState,
    SyncOnce, Who,
};
use crate::runtime;
use crate::task::TaskHandle;

/// One teacher's companion: the academy's portal and mail on this phone. A shell holds one.
#[derive(Debug, uniffi::Object)]
pub struct Cartable {
    core: Arc<Core>,
    /// Cancelled by `shutdown`, and every task with it.
    ended: CancellationToken,
}

#[uniffi::export]
impl Cartable {
    /// Opens the companion where it was when the app ended, a sign-in under way included. Connects to nothing.
    ///
    /// Secrets are kept in the platform's keystore, or in `secrets` where the shell gives one.
    #[uniffi::constructor]
    pub async fn open(setup: Setup, secrets: Option<Arc<dyn SecretStore>>) -> Result<Arc<Self>, CompanionError> {
        let language = setup.language();
        let opened = runtime::run(async move { Core::open(setup.into_core(secrets)?).await }).await;
        let core = opened.map_err(|error| CompanionError::new(error, now_ms(), language))?;
        Ok(Arc::new(Self { core: Arc::new(core), ended: CancellationToken::new() }))
    }

    /// The academies that `query` may mean: by name, town, address or NUMEN; all of them for an empty query.
    pub fn academies(&self, query: String) -> Vec<AcademyCard> {
        self.core.academies(&query).into_iter().map(Into::into).collect()
    }

    /// The academy that the teacher has chosen.
    pub fn academy(&self) -> Option<AcademyCard> {
        self.core.academy().map(|academy| academy.as_ref().into())
    }

    /// Whose mail is on the phone. Stays while that person signs in anew, and until they sign out.
    pub fn account(&self) -> Option<Who> {
        self.core.account().map(Into::into)
    }

    /// Where the sign-in stands.
    pub fn sign_in_state(&self) -> SignInState {
        SignInState::new(self.core.sign_in_state(), now_ms(), self.language())
    }

    /// Begins to sign in at an academy, or begins again. Comes to rest at a question, as a rule at `Browser`, whose page the shell
    /// opens in the system browser, or at `Failed`. Waits for the portal, at most about a minute.
    pub async fn begin_sign_in(&self, academy: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.begin_sign_in(&academy).await }).await
    }

    /// The browser came back to the app with `url`. Waits for the portal, at most about a minute.
    pub async fn browser_returned(&self, url: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.browser_returned(&url).await }).await
    }

    /// The teacher closed the browser. Where the portal does not hand back by itself, that is how they come back.
    pub async fn browser_closed(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.browser_closed().await }).await
    }

    /// Answers `Password`. The password goes to the portal's official host and nowhere else; where the academy's mail takes the
    /// same one it is kept for that. Waits for the portal, at most a few minutes.
    pub async fn enter_password(&self, identifier: String, password: String) -> Result<SignInState, CompanionError> {
        let password: SecretString = password.into();
        self.sign_in(|core| async move { core.enter_password(&identifier, &password).await }).await
    }

    /// Answers `Choice`.
    pub async fn choose_factor(&self, factor: SecondFactor) -> Result<SignInState, CompanionError> {
        self.sign_in(move |core| async move { core.choose_factor(factor.into()).await }).await
    }

    /// Answers `Code`.
    pub async fn enter_code(&self, code: String) -> Result<SignInState, CompanionError> {
        let code: SecretString = code.into();
        self.sign_in(|core| async move { core.enter_code(&code).await }).await
    }

    /// Asks the portal for another mail with the code.
    pub async fn resend_code(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.resend_code().await }).await
    }

    /// Answers `Prompt`: the teacher has approved. Waits until the portal has seen it too, at most about a minute.
    pub async fn prompt_approved(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.prompt_approved().await }).await
    }

    /// Answers `Introduction`. What cannot be an identifier or an address is asked for again.
    pub async fn introduce(&self, identifier: String, address: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.introduce(&identifier, &address).await }).await
    }

    /// Leads to the portal's page in the browser instead of asking in the app.
    pub async fn use_browser(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.use_browser().await }).await
    }

    /// Goes back by a step: from a code to the password, from anywhere else out of the sign-in. Whoever was signed in before is so
    /// again.
    pub async fn sign_in_back(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.sign_in_back().await }).await
    }

    /// Asks the portal whether its session still is this person's. Nothing where the session lives in the browser, and nobody can
    /// tell without it.
    pub async fn is_portal_session_alive(&self) -> Result<Option<bool>, CompanionError> {
        self.run(|core| async move { core.is_portal_session_alive().await }).await
    }

    /// Signs out: forgets session and passwords, and all mail on this phone; the server keeps its own. Refused while letters
    /// are unsent, unless `discard_unsent`.
    pub async fn sign_out(&self, discard_unsent: bool) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.sign_out(discard_unsent).await }).await
    }

    /// Keeps the password of the mail servers, for academies whose servers take no token of the portal's, and tries it at once.
    /// A password that the server refuses is not kept; one that could not be tried is.
    pub async fn set_mail_password(&self, password: String) -> Result<(), CompanionError> {
        let password: SecretString = password.into();
        self.run(move |core| async move { core.set_mail_password(&password).await }).await
    }

    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, CompanionError> {
        Ok(convert(self.run(|core| async move { core.mailboxes().await }).await?))
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

    /// Opens a message; the first time it is fetched, and kept. Does not mark it as read.
    pub async fn open_message(&self, message: i64) -> Result<MessageView, CompanionError> {
        self.run(move |core| async move { core.open_message(message).await.map(Into::into) }).await
    }

    /// An attachment by its index, decoded.
    pub async fn attachment(&self, message: i64, index: u32) -> Result<AttachmentContent, CompanionError> {
        self.run(move |core| async move { core.attachment(message, index).await.map(Into::into) }).await
    }

    /// Marks a message as read or unread. Durable and shown at once; done on the server at the next sync.
    pub async fn set_read(&self, message: i64, read: bool) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.set_flag(message, Flags::SEEN, read).await }).await
    }

    /// Flags a message or takes the flag away. Durable and shown at once; done on the server at the next sync.
    pub async fn set_flagged(&self, message: i64, flagged: bool) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.set_flag(message, Flags::FLAGGED, flagged).await }).await
    }

    /// Puts a message into the bin. Durable and gone from the list at once; moved on the server at the next sync.
    pub async fn delete(&self, message: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.delete(message).await }).await
    }

    /// Takes `delete` back. `NotFound` once the server has done it.
    pub async fn undelete(&self, message: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.undelete(message).await }).await
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
        let task = TaskHandle::start(self.ended.child_token(), self.language(), async move {
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
        });
        task.map_err(|error| self.error(error))
    }

    /// What a background job calls: sends and syncs, and returns by the deadline, in milliseconds, with what was done until
    /// then.
    pub async fn sync_once(&self, deadline_ms: u64) -> Result<SyncOnce, CompanionError> {
        let deadline = Duration::from_millis(deadline_ms);
        self.run(move |core| async move { core.sync_once(deadline).await.map(Into::into) }).await
    }

    /// Tells `listener` what changes from now on, one call after the other, until the handle is cancelled or the companion
    /// shut down. A call that takes long holds up only the next.
    pub fn listen(&self, listener: Arc<dyn ChangeListener>) -> Result<Arc<TaskHandle>, CompanionError> {
        let mut changes = self.core.changes();
        let task = TaskHandle::start(self.ended.child_token(), self.language(), async move {
            while let Some(batch) = changes.batch().await {
                let _ = block_in_place(|| listener.on_changes(convert(batch)));
            }
            Ok(())
        });
        task.map_err(|error| self.error(error))
    }

    /// Before the phone sleeps: stops what runs, closes the connections and folds the database's log. Returns when all is
    /// quiet. Any later call goes on as before.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.suspend().await }).await
    }

    /// Before the app ends: the same, and closes the database. Later calls give `Cancelled`, and so do all
    /// tasks.
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        self.ended.cancel();
        self.run(|core| async move { core.shutdown().await }).await
    }
}

/// Moves a damaged database out of the way, so that `Cartable.open` starts a new one. The server still has the mail; what had
/// not been sent stays in the old file. Blocks for as long as the disk does.
#[uniffi::export]
pub fn set_aside_storage(folder: String, language: String) -> Result<(), CompanionError> {
    let moved = Core::set_aside_storage(Path::new(&folder), &SystemClock);
    moved.map_err(|error| CompanionError::new(error, now_ms(), Language::of_tag(&language)))
}

impl Cartable {
    pub(crate) async fn run<T, F, W>(&self, work: F) -> Result<T, CompanionError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Core>) -> W,
        W: Future<Output = Result<T, CoreError>> + Send + 'static,
    {
        runtime::run(work(Arc::clone(&self.core))).await.map_err(|error| self.error(error))
    }

    async fn sign_in<F, W>(&self, work: F) -> Result<SignInState, CompanionError>
    where
        F: FnOnce(Arc<Core>) -> W,
        W: Future<Output = Result<portal::SignInState, CoreError>> + Send + 'static,
    {
        let language = self.language();
        self.run(work).await.map(|state| SignInState::new(state, now_ms(), language))
    }

    fn error(&self, error: CoreError) -> CompanionError {
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

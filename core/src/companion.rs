//! The facade that the shells hold: a teacher's errands, each one call.
//!
//! Calls that read answer from the store and wait for nobody. Calls that act write down what the teacher did and return;
//! [`Companion::sync`] and [`Companion::send_waiting`] tell the servers. Every wait for a server has a limit.

mod codes;
mod error;
mod seat;
mod services;
mod settings;
mod setup;
mod sign_in;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

pub use error::CompanionError;
pub use services::{ServiceOpening, SignedInBy};
pub use setup::Setup;

use seat::Seat;

use crate::academy::{Academy, Catalogue, RefusedUpdate};
use crate::attempts::Presence;
use crate::mail::mime::Attachment;
use crate::mail::{After, Flags, Letter, MailAccount, Mailbox, Opened, Row, SyncReport};
use crate::portal::Who;
use crate::ports::{Clock, Network, SecretStore};
use crate::store::{Listening, Store};
use crate::words::{Finding, Language, Sentence};

/// What a sync within a deadline came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SyncOnce {
    /// Letters that went out.
    pub sent: u64,
    /// What the sync did, once it was whole.
    pub report: Option<SyncReport>,
}

/// One teacher's companion: the academy's portal and mail on this phone.
pub struct Companion {
    language: Language,
    catalogue: Catalogue,
    refused_profiles: Vec<RefusedUpdate>,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    network: Network,
    store: Store,
    /// Only ever held to copy what is in it.
    seat: Mutex<Option<Arc<Seat>>>,
    /// Held while somebody comes or goes.
    door: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Companion")
    }
}

impl Companion {
    /// Opens the companion where it was when the app ended, a sign-in under way included. Connects to nothing.
    ///
    /// [`CompanionError::StorageDamaged`] when the database is none: nothing is touched, see
    /// [`Companion::set_aside_storage`].
    pub async fn open(setup: Setup) -> Result<Self, CompanionError> {
        let opening = tokio::task::spawn_blocking(move || {
            let (folder, language) = (setup.folder.clone(), setup.language);
            // The database first: that it is damaged must not be hidden by a keystore that is locked.
            let store = Store::open(&folder)?;
            Ok::<_, CompanionError>((store, language, setup.lent()?))
        });
        let opened = opening.await.map_err(|_| CompanionError::Bug { detail: "opening panicked".to_owned() })?;
        let (store, language, lent) = opened?;
        let companion = Self {
            language,
            catalogue: lent.catalogue,
            refused_profiles: lent.refused_profiles,
            secrets: lent.secrets,
            clock: lent.clock,
            network: lent.network,
            store,
            seat: Mutex::default(),
            door: tokio::sync::Mutex::default(),
        };
        if let Some(academy) = companion.chosen().await? {
            companion.sit_down(&academy).await?;
        }
        Ok(companion)
    }

    /// Moves a damaged database out of the way, so that [`Companion::open`] starts a new one. The server still has the mail;
    /// what had not been sent stays in the old file. Blocks for as long as the disk does.
    pub fn set_aside_storage(folder: &Path, clock: &dyn Clock) -> Result<(), CompanionError> {
        Ok(Store::set_aside(folder, clock.now_ms())?)
    }

    /// The academies that `query` may mean: by name, town, address or NUMEN; all of them for an empty query.
    pub fn academies(&self, query: &str) -> Vec<&Academy> {
        self.catalogue.search(query)
    }

    /// The newer profiles that were there and not taken, with the reason: for a report to the support desk.
    pub fn refused_profiles(&self) -> &[RefusedUpdate] {
        &self.refused_profiles
    }

    /// The academy that the teacher has chosen.
    pub fn academy(&self) -> Option<Arc<Academy>> {
        Some(Arc::clone(&self.seat()?.academy))
    }

    /// Whose mail is on the phone. Stays while that person signs in anew, and until they sign out.
    pub fn account(&self) -> Option<Who> {
        Some(self.seat()?.mail()?.who().clone())
    }

    /// What changes from now on, for those who show it.
    pub fn changes(&self) -> Listening {
        self.store.notices().listen()
    }

    /// What to tell the teacher about `error`.
    pub fn words(&self, error: &CompanionError) -> Sentence {
        error.finding(self.clock.now_ms()).sentence(self.language)
    }

    /// The language it speaks.
    pub fn language(&self) -> Language {
        self.language
    }
}

/// Mail. All of these give [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// The mailboxes that the phone knows. Reads the store only.
    pub async fn mailboxes(&self) -> Result<Vec<Mailbox>, CompanionError> {
        Ok(self.mail()?.mailboxes().await?)
    }

    /// At most `limit` rows (500 at the most) of a mailbox, newest first, behind `after`. Reads the store only.
    pub async fn messages(&self, mailbox: i64, after: Option<After>, limit: u32) -> Result<Vec<Row>, CompanionError> {
        Ok(self.mail()?.page(mailbox, after, limit).await?)
    }

    /// Opens a message; the first time it is fetched, and kept. Does not mark it as read.
    pub async fn open_message(&self, message: i64) -> Result<Opened, CompanionError> {
        Ok(self.mail()?.open_message(message).await?)
    }

    /// An attachment by its index, decoded.
    pub async fn attachment(&self, message: i64, index: u32) -> Result<(Attachment, Vec<u8>), CompanionError> {
        Ok(self.mail()?.attachment(message, index).await?)
    }

    /// Sets or clears a flag. Durable and shown at once; done on the server at the next sync.
    pub async fn set_flag(&self, message: i64, flag: Flags, on: bool) -> Result<(), CompanionError> {
        Ok(self.mail()?.set_flag(message, flag, on).await?)
    }

    /// Puts a message into the bin. Durable and gone from the list at once; moved on the server at the next sync.
    pub async fn delete(&self, message: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.delete(message).await?)
    }

    /// Takes [`Companion::delete`] back. [`CompanionError::NotFound`] once the server has done it.
    pub async fn undelete(&self, message: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.undelete(message).await?)
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
        Ok(self.mail()?.sync_telling(Presence::Attended, progress).await?)
    }

    /// What a background job calls: sends and syncs, and returns by the deadline with what was done until then.
    pub async fn sync_once(&self, deadline: Duration) -> Result<SyncOnce, CompanionError> {
        let end = Instant::now() + deadline;
        let mut done = SyncOnce::default();
        // A letter that cannot be sent must not keep new mail away: its trouble is in the outbox.
        let sent = timeout_at(end, self.send_waiting()).await;
        done.sent = sent.unwrap_or(Ok(0)).unwrap_or_default();
        if let Ok(synced) = timeout_at(end, self.mail()?.sync()).await {
            done.report = Some(synced?);
        }
        Ok(done)
    }
}

/// Sleep and end.
impl Companion {
    /// Before the phone sleeps: stops what runs ([`CompanionError::Cancelled`]), closes the connections and folds the
    /// database's log. Returns when all is quiet; waits for a letter that is being sent. Any later call goes on as before.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        if let Some(mail) = self.seat().and_then(|seat| seat.mail()) {
            mail.disconnect().await;
        }
        Ok(self.store.checkpoint().await?)
    }

    /// Before the app ends: the same, and closes the database. Later calls give [`CompanionError::Cancelled`].
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        if let Some(mail) = self.seat().and_then(|seat| seat.mail()) {
            mail.disconnect().await;
        }
        Ok(self.store.close().await?)
    }

    fn mail(&self) -> Result<Arc<MailAccount>, CompanionError> {
        self.seat().and_then(|seat| seat.mail()).ok_or(CompanionError::SignInAgain(Finding::SessionEnded))
    }

    fn seat(&self) -> Option<Arc<Seat>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;

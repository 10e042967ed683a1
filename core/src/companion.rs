//! The facade that the shells hold: a teacher's errands, each one call.
//!
//! Calls that read answer from the store and wait for nobody. Calls that act write down what the teacher did and return;
//! [`Companion::sync`] and [`Companion::send_waiting`] tell the servers. Every wait for a server has a limit.

mod accounts;
mod actions;
mod bodies;
mod codes;
mod error;
mod lists;
mod mail;
mod mailboxes;
mod pictures;
mod reading;
mod rebuild;
mod running;
mod search;
mod seat;
mod services;
mod settings;
mod setup;
mod sign_in;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use accounts::{AccountId, Accounts};
pub use error::CompanionError;
pub use lists::AfterAll;
pub use mail::SyncOnce;
pub use running::InTouch;
pub use services::{ServiceOpening, SignedInBy};
pub use setup::Setup;

use accounts::Among;
use running::Running;
use seat::Seat;

use crate::academy::{Academy, Catalogue, RefusedUpdate};
use crate::mail::MailAccount;
use crate::portal::Who;
use crate::ports::{Clock, Network, SecretStore};
use crate::store::{Listening, Store};
use crate::words::{Finding, Language, Sentence};

/// One teacher's companion: the academy's portal and mail on this phone.
pub struct Companion {
    language: Language,
    catalogue: Catalogue,
    refused_profiles: Vec<RefusedUpdate>,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    network: Network,
    store: Store,
    /// The other accounts of the phone, where there may be some.
    among: Option<Among>,
    /// Only ever held to copy what is in it.
    seat: Mutex<Option<Arc<Seat>>>,
    /// Held while somebody comes or goes.
    door: tokio::sync::Mutex<()>,
    running: Running,
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
    /// [`Companion::rebuild_storage`].
    pub async fn open(setup: Setup) -> Result<Self, CompanionError> {
        let opening = tokio::task::spawn_blocking(move || {
            let (folder, language, among) = (setup.folder.clone(), setup.language, setup.among.clone());
            // The database first: that it is damaged must not be hidden by a keystore that is locked.
            let store = Store::open(&folder)?;
            Ok::<_, CompanionError>((store, language, among, setup.lent()?))
        });
        let opened = opening.await.map_err(|_| CompanionError::Bug { detail: "opening panicked".to_owned() })?;
        let (store, language, among, lent) = opened?;
        let companion = Self {
            language,
            catalogue: lent.catalogue,
            refused_profiles: lent.refused_profiles,
            secrets: lent.secrets,
            clock: lent.clock,
            network: lent.network,
            store,
            among,
            seat: Mutex::default(),
            door: tokio::sync::Mutex::default(),
            running: Running::default(),
        };
        if let Some(academy) = companion.chosen().await? {
            companion.sit_down(&academy).await?;
        }
        Ok(companion)
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

impl Companion {
    fn mail(&self) -> Result<Arc<MailAccount>, CompanionError> {
        self.seat().and_then(|seat| seat.mail()).ok_or(CompanionError::SignInAgain(Finding::SessionEnded))
    }

    fn seat(&self) -> Option<Arc<Seat>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;

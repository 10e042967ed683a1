//! While the app is open: staying in touch with the mail servers, and what the phone knows of the way to them.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::block_in_place;

use cartable_core::companion as core;
use cartable_core::mail;
use cartable_core::words::Language;

use crate::cartable::{Cartable, now_ms};
use crate::error::{CompanionError, ListenerError, Told};
use crate::task::TaskHandle;

/// How the mail on the phone stands to that on the server.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum InTouch {
    /// A sync is under way: so many headers of so many have come. Nothing yet says how many where `total` is nought.
    Syncing {
        /// Those that have come.
        done: u64,
        /// How many are to come, as far as is known.
        total: u64,
    },
    /// The phone knows all that the server has, and hears of what is new.
    UpToDate {
        /// When that was last certain, in milliseconds since 1970.
        since_ms: i64,
    },
    /// It did not work, and is tried again by itself.
    Waiting {
        /// When, in milliseconds since 1970.
        until_ms: i64,
        /// What the teacher is told: why it did not work.
        told: Told,
    },
    /// The phone has no network, as `set_link` said. It goes on by itself when there is one.
    Offline,
    /// It does not work before the teacher has done something; then it goes on by itself.
    NeedsTeacher {
        /// Whether that is to sign in, or to give the mail password when `told` is about that: what an error `SignInAgain` asks for.
        sign_in: bool,
        /// What the teacher is told.
        told: Told,
    },
    /// Something this version has no name for.
    Other,
}

/// The way to the servers, as the phone's system knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Link {
    /// None: nothing is tried unasked.
    Offline,
    /// The teacher has told the phone to spare data.
    LowData,
    /// Paid by the byte, or slow.
    Metered,
    /// Nothing is known against it.
    Unmetered,
}

/// Is told how the mail on the phone stands to that on the server, now and whenever that changes; only the latest where it changes
/// while a call lasts.
#[uniffi::export(foreign)]
pub trait TouchListener: Send + Sync {
    /// It stands like this.
    fn on_state(&self, state: InTouch) -> Result<(), ListenerError>;
}

impl InTouch {
    fn new(state: core::InTouch, language: Language) -> Self {
        let told = |error: &core::CompanionError| Told::new(&error.finding(now_ms()), language);
        match state {
            core::InTouch::Syncing { done, total } => Self::Syncing { done, total },
            core::InTouch::UpToDate { since_ms } => Self::UpToDate { since_ms },
            core::InTouch::Waiting { until_ms, error } => Self::Waiting { until_ms, told: told(&error) },
            core::InTouch::Offline => Self::Offline,
            core::InTouch::NeedsTeacher { error } => {
                let sign_in = matches!(error, core::CompanionError::SignInAgain(_));
                Self::NeedsTeacher { sign_in, told: told(&error) }
            }
            _ => Self::Other,
        }
    }
}

impl From<Link> for mail::Link {
    fn from(link: Link) -> Self {
        match link {
            Link::Offline => Self::Offline,
            Link::LowData => Self::LowData,
            Link::Metered => Self::Metered,
            Link::Unmetered => Self::Unmetered,
        }
    }
}

#[uniffi::export]
impl Cartable {
    /// Begins to keep the mail up to date as long as the app is open: sends what waits, syncs, fetches ahead, and hears of the
    /// server's news, which are in the store about a second after they are on the server where it can tell them.
    ///
    /// Call it once, when the app comes to the foreground, and keep the handle. It ends with `Cancelled` by `cancel`, `suspend` and
    /// `shutdown`: call it again when the app is back. It ends with `SignInAgain` when nobody is signed in. Nothing else ends it:
    /// what fails is tried again, later and later, and a password no oftener than the ledger allows.
    pub fn stay_in_touch(&self, listener: Arc<dyn TouchListener>) -> Result<Arc<TaskHandle>, CompanionError> {
        let (core, language) = (Arc::clone(&self.core), self.language());
        self.start(async move {
            let (state, mut states) = watch::channel(None);
            // On its own, so that a listener that takes long holds up no mail.
            let telling = tokio::spawn(async move {
                while states.changed().await.is_ok() {
                    let now = states.borrow_and_update().clone();
                    if let Some(now) = now {
                        let _ = block_in_place(|| listener.on_state(InTouch::new(now, language)));
                    }
                }
            });
            let ended = core.stay_in_touch(&|now| drop(state.send_replace(Some(now)))).await;
            // Nothing is told after the end.
            drop(state);
            let _ = telling.await;
            ended
        })
    }

    /// What the phone's system says of the way to the servers: call it when the app starts and whenever that changes; until then it
    /// is `Unmetered`. With `Offline` nothing is tried unasked; what the teacher asks for always is. Does not block.
    pub fn set_link(&self, link: Link) {
        self.core.set_link(link.into());
    }

    /// The phone has changed from one network to another of the same kind. What was asked over the old one is given up in a few
    /// seconds, and connections are tested before they are used again. Does not block.
    pub fn network_changed(&self) {
        self.core.network_changed();
    }
}

//! While the app is open, and when it goes: staying in touch with the mail servers, the way to them, sleep and end.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Companion, CompanionError};
use crate::mail::{Link, MailError, Touch};

/// How the mail on the phone stands to that on the server. `until` and `since` are in milliseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InTouch {
    /// A sync is under way: so many headers of so many have come.
    Syncing {
        /// Those that have come.
        done: u64,
        /// How many are to come, as far as is known; nought as long as nothing is.
        total: u64,
    },
    /// The phone knows all that the server has, and hears of what is new.
    UpToDate {
        /// When that was last certain.
        since_ms: i64,
    },
    /// It did not work, and is tried again by itself.
    Waiting {
        /// When.
        until_ms: i64,
        /// Why it did not work.
        error: CompanionError,
    },
    /// The phone has no network. It goes on by itself when there is one.
    Offline,
    /// It does not work before the teacher has done something.
    NeedsTeacher {
        /// What that is.
        error: CompanionError,
    },
}

/// What holds whoever sits in the seat.
#[derive(Default)]
pub(super) struct Running {
    link: Mutex<Link>,
    /// Cancelled and replaced when the app goes to sleep.
    awake: Mutex<CancellationToken>,
}

impl Running {
    pub(super) fn link(&self) -> Link {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn awake(&self) -> CancellationToken {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sleep(&self) {
        std::mem::take(&mut *self.awake.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }
}

/// Staying in touch, sleep and end.
impl Companion {
    /// Keeps the mail up to date as long as the app is open: sends what waits, syncs, and waits for the server's news, which are
    /// in the store about a second after they are on the server where it can tell them. Tells `on_state` how it stands, now and
    /// whenever that changes; it must not wait for anything.
    ///
    /// Call it once, when the app comes to the foreground, and let it run. Ends with [`CompanionError::Cancelled`] by
    /// [`Companion::suspend`] and [`Companion::shutdown`]: call it again when the app is back. Ends with
    /// [`CompanionError::SignInAgain`] when nobody is signed in. Nothing else ends it: what fails is tried again, later and later,
    /// and a password no oftener than the ledger allows. May be dropped at any moment.
    pub async fn stay_in_touch(&self, on_state: &(dyn Fn(InTouch) + Send + Sync)) -> Result<(), CompanionError> {
        let awake = self.running.awake();
        loop {
            let mail = self.mail()?;
            let mut touch = mail.touch();
            let telling = async {
                loop {
                    let state = in_touch(touch.borrow_and_update().clone());
                    state.into_iter().for_each(on_state);
                    if touch.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            let end = tokio::select! {
                biased;
                end = mail.stay_in_touch() => end,
                () = telling => MailError::Stopped,
            };
            if awake.is_cancelled() {
                return Err(CompanionError::Cancelled);
            }
            if end != MailError::Stopped {
                return Err(end.into());
            }
            // Somebody else sits there now, or there is another password.
        }
    }

    /// What the phone's system says of the way to the servers, whenever that changes; until then it is [`Link::Unmetered`]. With
    /// [`Link::Offline`] nothing is tried unasked; what the teacher asks for always is. Waits for nobody.
    pub fn set_link(&self, link: Link) {
        *self.running.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
        if let Some(mail) = self.seat().and_then(|seat| seat.mail()) {
            mail.set_link(link);
        }
    }

    /// The phone has changed from one network to another of the same kind. What was asked over the old one is given up in a few
    /// seconds, and connections are tested before they are used again. Waits for nobody.
    pub fn network_changed(&self) {
        if let Some(mail) = self.seat().and_then(|seat| seat.mail()) {
            mail.network_changed();
        }
    }

    /// Before the phone sleeps: stops what runs ([`CompanionError::Cancelled`]), closes the connections and folds the
    /// database's log. Returns when all is quiet, within about two seconds whatever the servers do; only a letter that is being
    /// sent is waited for. Any later call goes on as before.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        self.stop().await;
        Ok(self.store.checkpoint().await?)
    }

    /// Before the app ends: the same, and closes the database. Later calls give [`CompanionError::Cancelled`].
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        self.stop().await;
        Ok(self.store.close().await?)
    }

    async fn stop(&self) {
        self.running.sleep();
        if let Some(mail) = self.seat().and_then(|seat| seat.mail()) {
            mail.disconnect().await;
        }
    }
}

/// `None` for what is between two workers.
fn in_touch(touch: Touch) -> Option<InTouch> {
    Some(match touch {
        Touch::Resting => return None,
        Touch::Syncing { done, total } => InTouch::Syncing { done, total },
        Touch::UpToDate { since_ms } => InTouch::UpToDate { since_ms },
        Touch::Waiting { until_ms, error } => InTouch::Waiting { until_ms, error: error.into() },
        Touch::Offline => InTouch::Offline,
        Touch::NeedsTeacher { error } => InTouch::NeedsTeacher { error: error.into() },
    })
}

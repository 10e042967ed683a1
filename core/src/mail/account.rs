//! One academy's mail: two connections, opened when needed, and the errands they run.
//!
//! Work that nobody waits for (sync, sending what waits, waiting for news) has one connection, what the teacher waits for has
//! the other: opening a message never stands behind a sync. A connection whose errand was dropped half-way is never used again.

mod lanes;
mod opening;

use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::bodies::InUse;
use super::error::MailError;
use super::link::Link;
use super::mime::Person;
use super::watch::{Asked, Touch};
use crate::academy::Academy;
use crate::attempts::Ledger;
use crate::portal::{Session, Who};
use crate::ports::{Clock, Network, SecretStore};
#[cfg(test)]
use crate::ports::{MemoryStore, SystemClock};
use crate::store::Store;

pub(super) use lanes::Errand;
use lanes::Lane;

/// How long a mail server may be silent in the middle of an answer.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// One academy's mail.
pub struct MailAccount {
    pub(super) academy: Arc<Academy>,
    pub(super) who: Who,
    pub(super) store: Store,
    pub(super) network: Network,
    session: Arc<Session>,
    secrets: Arc<dyn SecretStore>,
    ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    background: Lane,
    foreground: Lane,
    /// The mailbox whose rows were last read, by its number: synced before those that nobody looks at.
    pub(super) on_screen: AtomicI64,
    /// The messages that are being read.
    pub(super) in_use: InUse,
    pub(super) link: watch::Sender<Link>,
    /// How often the phone has changed its network.
    pub(super) networks: watch::Sender<u64>,
    /// What the teacher last asked for.
    pub(super) asked: watch::Sender<Asked>,
    /// How the worker stands.
    pub(super) touch: watch::Sender<Touch>,
    /// Held by the worker: there is one.
    pub(super) working: tokio::sync::Mutex<()>,
    /// Held while a password is tried.
    trying: tokio::sync::Mutex<()>,
    /// Cancelled and replaced by [`MailAccount::disconnect`].
    stop: std::sync::Mutex<CancellationToken>,
}

impl fmt::Debug for MailAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailAccount({})", self.academy.id)
    }
}

impl MailAccount {
    /// The mail of `who` at `academy`. Connects to nothing yet.
    pub fn new(
        academy: Arc<Academy>,
        who: Who,
        store: Store,
        network: Network,
        session: Arc<Session>,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ledger = Ledger::new(store.clone(), Arc::clone(&secrets), Arc::clone(&clock)).under(academy.lock_rule());
        Self {
            academy,
            who,
            store,
            network,
            session,
            secrets,
            ledger,
            clock,
            background: Lane::default(),
            foreground: Lane::default(),
            on_screen: AtomicI64::default(),
            link: watch::Sender::default(),
            in_use: InUse::default(),
            networks: watch::Sender::default(),
            asked: watch::Sender::default(),
            touch: watch::Sender::default(),
            working: tokio::sync::Mutex::default(),
            trying: tokio::sync::Mutex::default(),
            stop: std::sync::Mutex::default(),
        }
    }

    /// A teacher's mail that nobody has signed in to, with secrets of its own.
    #[cfg(test)]
    pub(super) fn for_tests(academy: Arc<Academy>, store: Store, network: Network) -> Self {
        let secrets: Arc<dyn SecretStore> = Arc::new(MemoryStore::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (shared, keystore) = (store.clone(), Arc::clone(&secrets));
        let session = Session::new(Arc::clone(&academy), shared, network.clone(), keystore, Arc::clone(&clock));
        let who = Who { identifier: "jdupont".to_owned(), name: None, address: None, password_ends_ms: None };
        Self::new(academy, who, store, network, Arc::new(session), secrets, clock)
    }

    /// Writes tries of passwords down in `store`, where it is not this account's own: another account of the phone may be about
    /// to try the same password.
    #[must_use]
    pub(crate) fn counting_in(mut self, store: Store) -> Self {
        self.ledger = self.ledger.within(store);
        self
    }

    /// Whose mail it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The same as an author. Where the portal told no address, the identifier stands for it.
    pub(crate) fn author(&self) -> Person {
        let address = self.who.address.clone().unwrap_or_else(|| self.who.identifier.clone());
        Person { name: self.who.name.clone(), address }
    }

    /// What the phone's system says of the way to the servers; until then it is [`Link::Unmetered`].
    pub fn set_link(&self, link: Link) {
        if self.link.send_if_modified(|before| std::mem::replace(before, link) != link) {
            self.network_changed();
        }
    }

    /// The way to the servers.
    pub fn link(&self) -> Link {
        *self.link.borrow()
    }

    /// Tells when the way to the servers changes.
    pub(super) fn link_changes(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// The phone has another network than before, be it of the same kind: what waits for an answer on the old one waits for a
    /// few seconds and no longer, and no connection is used again untested.
    pub fn network_changed(&self) {
        self.networks.send_modify(|changes| *changes += 1);
    }

    /// Stops the errands that run, which give [`MailError::Stopped`], and closes both connections, within about two seconds
    /// whatever the servers do. Only a letter that is being sent is waited for: stopped half-way, nobody would know whether it
    /// went. Later errands connect anew.
    pub async fn disconnect(&self) {
        std::mem::take(&mut *self.stop.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
        tokio::join!(self.background.close(), self.foreground.close());
    }

    /// Signs in at the mail server anew, for a teacher who waits for it.
    pub async fn check_login(&self) -> Result<(), MailError> {
        self.disconnect().await;
        self.unless_stopped(async {
            self.foreground().await?.end();
            // The worker may have been told to wait for a while, before it was known.
            self.signed_in_anew();
            Ok(())
        })
        .await
    }

    /// Tells when what is begun now must stop.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `work`, which may be dropped at any of its waits, until it is done or must stop.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, MailError>>,
    ) -> Result<T, MailError> {
        let stop = self.stop();
        stop.run_until_cancelled(work).await.unwrap_or(Err(MailError::Stopped))
    }
}

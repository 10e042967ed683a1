//! The two lanes, each a place for one connection, and the errands that take them.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::{Instant, timeout};

use super::MailAccount;
use crate::attempts::Presence;
use crate::mail::error::MailError;
use crate::mail::imap::{ImapError, ImapSession};
use crate::mail::link::Link;

/// A connection that answered so short a time ago is there.
const RECENT: Duration = Duration::from_secs(5);
/// How long a connection that was left alone has to say that it is there.
const PROOF: Duration = Duration::from_secs(8);
/// How long a server has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A place for one connection.
#[derive(Default)]
pub(super) struct Lane {
    slot: Mutex<Option<Kept>>,
    /// How many errands wait for it.
    waiting: watch::Sender<usize>,
}

/// A connection between two errands.
struct Kept {
    imap: ImapSession,
    /// When it last answered, and over which of the phone's networks.
    answered: Instant,
    network: u64,
}

/// A connection taken for one errand. Goes back only if the errand ended well.
pub(in crate::mail) struct Errand<'a> {
    slot: MutexGuard<'a, Option<Kept>>,
    pub(in crate::mail) imap: ImapSession,
    network: u64,
    origin: Origin,
}

/// Where the connection of an errand comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    /// Opened for it.
    Opened,
    /// Left by the one before, and asked whether it is there.
    Tested,
    /// Left by the one before a moment ago.
    Trusted,
}

/// Counts an errand that waits for a lane.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn at(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Lane {
    async fn take(&self) -> MutexGuard<'_, Option<Kept>> {
        if let Ok(slot) = self.slot.try_lock() {
            return slot;
        }
        let _waiting = Waiting::at(&self.waiting);
        self.slot.lock().await
    }

    /// Ready when an errand waits for it.
    async fn wanted(&self) {
        let mut waiting = self.waiting.subscribe();
        if waiting.wait_for(|count| *count > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Closes its connection, once no errand has it.
    pub(super) async fn close(&self) {
        let kept = self.take().await.take();
        if let Some(kept) = kept {
            // The connection is closed in any case.
            let _ = timeout(GOODBYE, kept.imap.logout()).await;
        }
    }

    /// Drops its connection without a word, unless an errand has it.
    fn forget(&self) {
        if let Ok(mut slot) = self.slot.try_lock() {
            *slot = None;
        }
    }
}

impl Errand<'_> {
    /// Puts the connection back for the next errand.
    pub(in crate::mail) fn end(mut self) {
        if self.imap.is_usable() {
            *self.slot = Some(Kept { imap: self.imap, answered: Instant::now(), network: self.network });
        }
    }

    /// Whether the connection was opened for this errand.
    pub(in crate::mail) fn is_new(&self) -> bool {
        self.origin == Origin::Opened
    }

    /// Whether `error` came only because the connection, which nobody had asked, was not there any more.
    pub(in crate::mail) fn was_stale(&self, error: &MailError) -> bool {
        self.origin == Origin::Trusted && *error == MailError::Imap(ImapError::Closed)
    }
}

impl MailAccount {
    pub(in crate::mail) async fn background(&self, presence: Presence) -> Result<Errand<'_>, MailError> {
        self.errand(&self.background, presence).await
    }

    pub(in crate::mail) async fn foreground(&self) -> Result<Errand<'_>, MailError> {
        self.errand(&self.foreground, Presence::Attended).await
    }

    /// Whether the teacher waits for something on the other connection.
    pub(in crate::mail) fn is_waited_for(&self) -> bool {
        self.foreground.slot.try_lock().is_err()
    }

    /// Waits until nobody waits for the other connection.
    pub(in crate::mail) async fn until_nobody_waits(&self) {
        drop(self.foreground.slot.lock().await);
    }

    /// Ready when an errand waits for the connection in the background.
    pub(in crate::mail) async fn background_wanted(&self) {
        self.background.wanted().await;
    }

    /// Drops what this way to the servers does not allow for, unless an errand has it. Nothing is said to them.
    pub(in crate::mail) fn spare(&self, link: Link) {
        if link <= Link::LowData {
            // Its server may still tell its news.
            self.background.forget();
        }
        if link == Link::Offline {
            self.foreground.forget();
        }
    }

    /// Opens a new connection for an errand that found its own gone.
    pub(in crate::mail) async fn reopen(&self, errand: &mut Errand<'_>, presence: Presence) -> Result<(), MailError> {
        (errand.network, errand.origin) = (*self.networks.borrow(), Origin::Opened);
        errand.imap = self.connected_session(presence).await?;
        Ok(())
    }

    async fn errand<'a>(&'a self, lane: &'a Lane, presence: Presence) -> Result<Errand<'a>, MailError> {
        let mut slot = lane.take().await;
        let network = *self.networks.borrow();
        if let Some(Kept { mut imap, answered, network: before }) = slot.take()
            && imap.is_usable()
        {
            if answered.elapsed() < RECENT && before == network {
                return Ok(Errand { slot, imap, network, origin: Origin::Trusted });
            }
            // The server may have hung up, or a firewall forgotten us, while nobody looked.
            if matches!(timeout(PROOF, imap.noop()).await, Ok(Ok(()))) {
                return Ok(Errand { slot, imap, network, origin: Origin::Tested });
            }
        }
        let imap = self.connected_session(presence).await?;
        Ok(Errand { slot, imap, network, origin: Origin::Opened })
    }

    async fn connected_session(&self, presence: Presence) -> Result<ImapSession, MailError> {
        let mut imap = self.open(presence).await?;
        imap.heed(self.networks.subscribe());
        self.hear_alerts(&imap);
        // Where bytes are dear. On Wi-Fi its processor time costs more battery than the bytes that it spares.
        if matches!(self.link(), Link::Metered | Link::LowData) {
            match imap.compress().await {
                Ok(()) | Err(ImapError::Unsupported(_) | ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(imap)
    }

    /// The next errand in the background has this connection.
    #[cfg(test)]
    pub(in crate::mail) async fn connected(&self, imap: ImapSession) {
        imap.heed(self.networks.subscribe());
        self.hear_alerts(&imap);
        let network = *self.networks.borrow();
        *self.background.slot.lock().await = Some(Kept { imap, answered: Instant::now(), network });
    }

    /// The next errand of the teacher has this one.
    #[cfg(test)]
    pub(in crate::mail) async fn connected_for_the_teacher(&self, imap: ImapSession) {
        imap.heed(self.networks.subscribe());
        self.hear_alerts(&imap);
        let network = *self.networks.borrow();
        *self.foreground.slot.lock().await = Some(Kept { imap, answered: Instant::now(), network });
    }
}

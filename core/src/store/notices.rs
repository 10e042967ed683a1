//! What kind of thing changed where, for those who show it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

/// A screen that is drawn anew more often than this only costs battery.
const BATCH: Duration = Duration::from_millis(100);

/// Something that a screen may show has changed; the screen reads it anew.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Change {
    /// Who is signed in.
    Account,
    /// The list of mailboxes.
    Mailboxes,
    /// Rows of this mailbox.
    Messages {
        /// The mailbox.
        mailbox: i64,
    },
    /// The outbox.
    Outbox,
    /// The alarms.
    Alarms,
    /// What the servers refused to do.
    Refusals,
    /// What the mail server says that its users must be shown.
    ServerAlert,
    /// Notices were lost because nobody took them: everything may have changed.
    Everything,
}

/// Tells changes to everybody who listens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notices {
    sender: broadcast::Sender<Change>,
}

impl Notices {
    pub(super) fn new() -> Self {
        Self { sender: broadcast::channel(256).0 }
    }

    pub(super) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            // Nobody listening is no failure.
            let _ = self.sender.send(change);
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listening {
        Listening { receiver: self.sender.subscribe() }
    }
}

/// Somebody listening to changes.
#[derive(Debug)]
pub struct Listening {
    receiver: broadcast::Receiver<Change>,
}

impl Listening {
    /// The next change; `None` once the store is gone.
    pub async fn next(&mut self) -> Option<Change> {
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Everything),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Waits for a change, then gathers what follows it for a tenth of a second, each change once. `None` once the store is
    /// gone. Nothing is lost when the future is dropped while it still waits for the first.
    pub async fn batch(&mut self) -> Option<Vec<Change>> {
        let mut changes = BTreeSet::from([self.next().await?]);
        let end = Instant::now() + BATCH;
        while let Ok(Some(change)) = timeout_at(end, self.next()).await {
            changes.insert(change);
        }
        if changes.contains(&Change::Everything) {
            return Some(vec![Change::Everything]);
        }
        Some(changes.into_iter().collect())
    }
}

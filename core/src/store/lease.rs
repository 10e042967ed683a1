//! Leases: what only one process may do at a time. The app and its notification extension share one database.

use std::fmt;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use tokio::time::{Instant, sleep};

use super::{Store, StoreError};
use crate::ports::Clock;

/// How often a lease that somebody else holds is asked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// Leave to do something, for a while. Dropped, it is given back.
#[must_use = "a lease that is dropped is given back"]
pub struct Lease {
    store: Store,
    name: &'static str,
    holder: Vec<u8>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.name)
    }
}

impl Store {
    /// Takes the lease `name` for `lasting`, waiting for at most `patience` while somebody else has it, in this process or
    /// another. `None` when the wait was for nothing.
    ///
    /// A holder that dies loses it when `lasting` is over: give `lasting` as the longest that an honest holder can take, and let
    /// `patience` be longer. The phone's restart ends all leases.
    pub async fn lease(
        &self,
        name: &'static str,
        clock: &dyn Clock,
        lasting: Duration,
        patience: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let end = Instant::now() + patience;
        loop {
            if let Some(lease) = self.take(name, clock.uptime_ms(), lasting).await? {
                return Ok(Some(lease));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            sleep(AGAIN).await;
        }
    }

    async fn take(&self, name: &'static str, now: i64, lasting: Duration) -> Result<Option<Lease>, StoreError> {
        let until = now.saturating_add(i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX));
        let store = self.clone();
        self.write(move |t, _| {
            // Taken before the phone was started anew: it had been running for longer than it has now.
            let mut take = t.prepare_cached(
                "INSERT INTO lease (name, holder, taken_ms, until_ms) VALUES (?1, randomblob(16), ?2, ?3)
                 ON CONFLICT (name) DO UPDATE
                 SET holder = excluded.holder, taken_ms = excluded.taken_ms, until_ms = excluded.until_ms
                 WHERE lease.until_ms <= excluded.taken_ms OR lease.taken_ms > excluded.taken_ms
                 RETURNING holder",
            )?;
            let holder = take.query_row(params![name, now, until], |row| row.get(0)).optional()?;
            // Made here, so that it is given back also when nobody waits for it any more.
            Ok(holder.map(|holder| Lease { store, name, holder }))
        })
        .await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (name, holder) = (self.name, std::mem::take(&mut self.holder));
        // Where that fails, time gives it back.
        self.store.writer.post(move |connection| {
            let _ = connection.execute("DELETE FROM lease WHERE name = ? AND holder = ?", params![name, holder]);
        });
    }
}

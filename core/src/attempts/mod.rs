//! The ledger of attempts: may this secret be tried now, and what became of the try.
//!
//! Portals lock an account after a few wrong passwords and do not say after how many. So a try is written down before the
//! wire sees it, and every protocol asks here first. The secret itself is never kept: only a keyed hash of it, whose key
//! is in the keystore.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{OptionalExtension, Transaction, params};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::ports::{Clock, SecretKey, SecretStore, SecretStoreError};
use crate::store::{Store, StoreError};

/// How long a refused try counts. No academy publishes its rule; LemonLDAP::NG counts for 5 to 20 minutes.
const WINDOW_MS: i64 = 20 * 60 * 1000;

/// Who is there to see the outcome of a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Presence {
    /// The teacher waits for it: two refused tries in the window.
    Attended,
    /// Background work: one.
    Unattended,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server took the secret.
    Accepted,
    /// The server said that it is wrong.
    Refused,
    /// The server never saw it.
    Untold,
}

/// A try that is written down. Settle it; a try never settled counts as refused.
#[derive(Debug)]
#[must_use = "a try that is never settled counts as refused"]
pub struct Reservation {
    id: i64,
}

/// Why a secret may not be tried.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A server has refused this very secret. Only another one helps.
    #[error("this secret is known to be wrong")]
    KnownWrong,
    /// Too many tries: one more might lock the account.
    #[error("no try before {until_ms}")]
    Wait {
        /// When the next try is allowed, in milliseconds since 1970.
        until_ms: i64,
    },
    /// The ledger cannot be read or written; without it nothing is tried.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keystore did not serve.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
}

/// The ledger of one phone.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// The ledger kept in `store`.
    pub fn new(store: Store, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, secrets, clock }
    }

    /// Asks leave to try `secret` of `identifier` in `realm` (who checks it: all servers that share the password are one
    /// realm). Written to disk when it returns.
    pub async fn reserve(
        &self,
        realm: &str,
        identifier: &str,
        secret: &SecretString,
        presence: Presence,
    ) -> Result<Reservation, LedgerError> {
        let fingerprint = self.fingerprint(realm, identifier, secret)?;
        let (realm, identifier) = (realm.to_owned(), identifier.to_lowercase());
        let (now, uptime) = (self.clock.now_ms(), self.clock.uptime_ms());
        let allowed = match presence {
            Presence::Attended => 2,
            Presence::Unattended => 1,
        };
        self.store
            .write(move |t, _| {
                if is_known_wrong(t, &realm, &identifier, &fingerprint)? {
                    return Ok(Err(LedgerError::KnownWrong));
                }
                let left = waits(t, &realm, &identifier, uptime)?;
                // The one whose end makes room for a further try.
                if let Some(wait) = left.len().checked_sub(allowed).and_then(|index| left.get(index)) {
                    return Ok(Err(LedgerError::Wait { until_ms: now.saturating_add(*wait) }));
                }
                t.execute(
                    "INSERT INTO attempt (realm, identifier, fingerprint, outcome, at_ms, uptime_ms)
                     VALUES (?, ?, ?, 'reserved', ?, ?)",
                    params![realm, identifier, fingerprint, now, uptime],
                )?;
                Ok(Ok(Reservation { id: t.last_insert_rowid() }))
            })
            .await?
    }

    /// Writes down what became of a try.
    pub async fn settle(&self, reservation: Reservation, outcome: Outcome) -> Result<(), LedgerError> {
        self.store
            .write(move |t, _| {
                let id = reservation.id;
                match outcome {
                    Outcome::Refused => t.execute("UPDATE attempt SET outcome = 'refused' WHERE id = ?", [id])?,
                    Outcome::Untold => t.execute("DELETE FROM attempt WHERE id = ?", [id])?,
                    Outcome::Accepted => {
                        t.execute("UPDATE attempt SET outcome = 'accepted' WHERE id = ?", [id])?;
                        // Of the tries before it, only which secrets are wrong says anything any more.
                        t.execute(
                            "DELETE FROM attempt WHERE id IN (
                                 SELECT old.id FROM attempt old JOIN attempt new ON new.id = ?
                                 WHERE old.realm = new.realm AND old.identifier = new.identifier AND old.id < new.id
                                   AND (old.outcome <> 'refused' OR old.fingerprint = new.fingerprint))",
                            [id],
                        )?
                    }
                };
                Ok(())
            })
            .await?;
        Ok(())
    }

    fn fingerprint(&self, realm: &str, identifier: &str, secret: &SecretString) -> Result<Vec<u8>, LedgerError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key()?);
        let mut context = hmac::Context::with_key(&key);
        for part in [realm, &identifier.to_lowercase(), secret.expose_secret()] {
            // The length first, so that no two lists of parts look alike.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Ok(context.sign().as_ref().to_vec())
    }

    fn key(&self) -> Result<Zeroizing<Vec<u8>>, SecretStoreError> {
        if let Some(kept) = self.secrets.load(&SecretKey::ledger())?
            && let Ok(key) = STANDARD_NO_PAD.decode(kept.expose_secret())
        {
            return Ok(Zeroizing::new(key));
        }
        let mut key = Zeroizing::new(vec![0; 32]);
        SystemRandom::new()
            .fill(&mut key)
            .map_err(|_| SecretStoreError::Unavailable { reason: "no random numbers".to_owned() })?;
        self.secrets.put(&SecretKey::ledger(), &STANDARD_NO_PAD.encode(&*key).into())?;
        Ok(key)
    }
}

/// Whether the last server that judged this very secret refused it.
fn is_known_wrong(t: &Transaction<'_>, realm: &str, identifier: &str, fingerprint: &[u8]) -> Result<bool, StoreError> {
    let refused: Option<bool> = t
        .prepare_cached(
            "SELECT outcome = 'refused' FROM attempt
             WHERE realm = ? AND identifier = ? AND fingerprint = ? AND outcome IN ('refused', 'accepted')
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![realm, identifier, fingerprint], |row| row.get(0))
        .optional()?;
    Ok(refused == Some(true))
}

/// How long each try still counts that was refused, or left open, since the last success: milliseconds, ascending.
///
/// The clock on the wall is not asked: it may jump. Since a try at an uptime of `then`, at least `now - then` has passed, also
/// when the phone was started anew in between, and `now` when it certainly was. So a try never counts for too short a time.
fn waits(t: &Transaction<'_>, realm: &str, identifier: &str, uptime: i64) -> Result<Vec<i64>, StoreError> {
    let mut tries = t.prepare_cached(
        "SELECT id, uptime_ms FROM attempt
         WHERE realm = ?1 AND identifier = ?2 AND lapsed = 0 AND outcome IN ('refused', 'reserved')
           AND id > ifnull((SELECT max(id) FROM attempt
                            WHERE realm = ?1 AND identifier = ?2 AND outcome = 'accepted'), 0)",
    )?;
    let rows = tries.query_map(params![realm, identifier], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut left = Vec::new();
    for (id, then) in rows.collect::<Result<Vec<(i64, i64)>, _>>()? {
        let passed = if uptime >= then { uptime - then } else { uptime };
        if passed < WINDOW_MS {
            left.push(WINDOW_MS - passed);
        } else {
            t.execute("UPDATE attempt SET lapsed = 1 WHERE id = ?", [id])?;
        }
    }
    left.sort_unstable();
    Ok(left)
}

#[cfg(test)]
mod tests;

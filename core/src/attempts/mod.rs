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
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::academy::LockRule;
use crate::ports::{Clock, SecretKey, SecretStore, SecretStoreError};
use crate::store::{Store, StoreError};

/// How long a refused try counts. No academy publishes its rule; LemonLDAP::NG counts for 5 to 20 minutes.
const WINDOW_MS: i64 = 20 * 60 * 1000;

/// The longest lock that a server is believed: whatever it says, tomorrow one may try again.
const LONGEST_LOCK_MS: i64 = 24 * 60 * 60 * 1000;

/// Refused tries that a teacher may spend in the window at most, and background work.
const ATTENDED: usize = 2;
const UNATTENDED: usize = 1;

/// Who is there to see the outcome of a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Presence {
    /// The teacher waits for it: two refused tries in the window.
    Attended,
    /// Background work: one.
    Unattended,
}

/// Why nothing may be tried for a while.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Hold {
    /// One more wrong try might lock the account.
    Caution,
    /// A server has said that the account is locked.
    Locked,
}

/// Whether a teacher may try something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Room {
    /// So many wrong tries are left, at least one.
    Tries(u32),
    /// None before a moment.
    Wait {
        /// That moment, in milliseconds since 1970.
        until_ms: i64,
        /// Why not before.
        hold: Hold,
    },
}

/// What became of a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server took the secret and lets in.
    Accepted,
    /// The secret is right and the server asks for more, as a portal for its code. Says nothing about the tries before it:
    /// a portal goes on counting them until it lets in.
    Right,
    /// The server said that it is wrong.
    Refused,
    /// The server did not judge it: it never saw it, or had locked the account before.
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
    /// Nothing may be tried yet.
    #[error("no try before {until_ms}")]
    Wait {
        /// When the next try is allowed, in milliseconds since 1970.
        until_ms: i64,
        /// Why not before.
        hold: Hold,
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
    /// Wrong tries that a teacher may spend in the window.
    attended: usize,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// The ledger kept in `store`.
    pub fn new(store: Store, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, secrets, clock, attended: ATTENDED }
    }

    /// The same, kept in `store`.
    #[must_use]
    pub(crate) fn within(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// The same for an academy with this rule: where the second wrong try locks, only one is spent. Never more than two, however
    /// generous the rule: others try too.
    #[must_use]
    pub fn under(mut self, rule: LockRule) -> Self {
        self.attended = usize::from(rule.tries).saturating_sub(1).clamp(UNATTENDED, ATTENDED);
        self
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
        let allowed = match presence {
            Presence::Attended => self.attended,
            Presence::Unattended => UNATTENDED,
        };
        self.reserve_one(realm, identifier, fingerprint, allowed).await
    }

    /// Asks leave to try a code that serves once: a wrong one counts towards the lock as a wrong password does, but says
    /// nothing about any other. The teacher is there. Written to disk when it returns.
    pub async fn reserve_code(&self, realm: &str, identifier: &str) -> Result<Reservation, LedgerError> {
        self.reserve_one(realm, identifier, ONCE.to_vec(), self.attended).await
    }

    async fn reserve_one(
        &self,
        realm: &str,
        identifier: &str,
        fingerprint: Vec<u8>,
        allowed: usize,
    ) -> Result<Reservation, LedgerError> {
        let (realm, identifier) = (realm.to_owned(), identifier.to_lowercase());
        let (now, uptime, most) = (self.clock.now_ms(), self.clock.uptime_ms(), self.attended);
        self.store
            .write(move |t, _| {
                if fingerprint != ONCE && is_known_wrong(t, &realm, &identifier, &fingerprint)? {
                    return Ok(Err(LedgerError::KnownWrong));
                }
                if let Some(wait) = locked_for(t, &realm, &identifier, uptime)? {
                    return Ok(Err(LedgerError::Wait { until_ms: now.saturating_add(wait), hold: Hold::Locked }));
                }
                let spent = spent(t, &realm, &identifier, uptime)?;
                if let Some(wait) = spent.wait(allowed, most) {
                    return Ok(Err(LedgerError::Wait { until_ms: now.saturating_add(wait), hold: Hold::Caution }));
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

    /// Whether the teacher may try something now.
    pub async fn room(&self, realm: &str, identifier: &str) -> Result<Room, LedgerError> {
        let (realm, identifier) = (realm.to_owned(), identifier.to_lowercase());
        let (now, uptime, most) = (self.clock.now_ms(), self.clock.uptime_ms(), self.attended);
        let room = self.store.write(move |t, _| {
            let spent = spent(t, &realm, &identifier, uptime)?;
            let locked = locked_for(t, &realm, &identifier, uptime)?.map(|wait| (wait, Hold::Locked));
            let wait = locked.or(spent.wait(most, most).map(|wait| (wait, Hold::Caution)));
            let left = most.saturating_sub(spent.all.len());
            Ok(match wait {
                Some((wait, hold)) => Room::Wait { until_ms: now.saturating_add(wait), hold },
                None => Room::Tries(u32::try_from(left).unwrap_or_default()),
            })
        });
        Ok(room.await?)
    }

    /// Writes down that a server has locked the account for `wait_ms` from now, at most a day. Gives when that ends, in
    /// milliseconds since 1970.
    pub async fn lock(&self, realm: &str, identifier: &str, wait_ms: i64) -> Result<i64, LedgerError> {
        let (realm, identifier) = (realm.to_owned(), identifier.to_lowercase());
        let (wait_ms, uptime) = (wait_ms.clamp(0, LONGEST_LOCK_MS), self.clock.uptime_ms());
        let until_ms = self.clock.now_ms().saturating_add(wait_ms);
        self.store
            .write(move |t, _| {
                t.execute(
                    "INSERT OR REPLACE INTO lockout (realm, identifier, wait_ms, uptime_ms) VALUES (?, ?, ?, ?)",
                    params![realm, identifier, wait_ms, uptime],
                )?;
                Ok(())
            })
            .await?;
        Ok(until_ms)
    }

    /// Writes down what became of a try.
    pub async fn settle(&self, reservation: Reservation, outcome: Outcome) -> Result<(), LedgerError> {
        self.store
            .write(move |t, _| {
                let id = reservation.id;
                match outcome {
                    Outcome::Refused => t.execute("UPDATE attempt SET outcome = 'refused' WHERE id = ?", [id])?,
                    Outcome::Untold => t.execute("DELETE FROM attempt WHERE id = ?", [id])?,
                    Outcome::Right => {
                        is_not_wrong(t, id)?;
                        t.execute("DELETE FROM attempt WHERE id = ?", [id])?
                    }
                    Outcome::Accepted => {
                        is_not_wrong(t, id)?;
                        t.execute("UPDATE attempt SET outcome = 'accepted' WHERE id = ?", [id])?;
                        t.execute(
                            "DELETE FROM lockout WHERE (realm, identifier) IN
                                 (SELECT realm, identifier FROM attempt WHERE id = ?)",
                            [id],
                        )?;
                        // What neither counts any more nor says which secret is wrong.
                        t.execute(
                            "DELETE FROM attempt WHERE id IN (
                                 SELECT old.id FROM attempt old JOIN attempt new ON new.id = ?1
                                 WHERE old.realm = new.realm AND old.identifier = new.identifier AND old.id < new.id
                                   AND (old.outcome = 'accepted'
                                        OR old.lapsed = 1 AND (old.outcome <> 'refused' OR old.fingerprint = ?2)))",
                            params![id, ONCE],
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

/// The fingerprint of a secret that serves once: nobody needs to know it again.
const ONCE: &[u8] = &[];

/// How long a lock that a server has told of still lasts, if it does. By uptime, as [`spent`].
fn locked_for(t: &Transaction<'_>, realm: &str, identifier: &str, uptime: i64) -> Result<Option<i64>, StoreError> {
    let lock: Option<(i64, i64)> = t
        .prepare_cached("SELECT wait_ms, uptime_ms FROM lockout WHERE realm = ? AND identifier = ?")?
        .query_row([realm, identifier], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let left = lock.map(|(wait, then)| wait - passed(then, uptime));
    if left.is_some_and(|left| left <= 0) {
        t.execute("DELETE FROM lockout WHERE realm = ? AND identifier = ?", [realm, identifier])?;
    }
    Ok(left.filter(|left| *left > 0))
}

/// At least how long ago an uptime of `then` was. After a new start of the phone nobody knows more than that it was before.
fn passed(then: i64, uptime: i64) -> i64 {
    if uptime >= then { uptime - then } else { uptime }
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

/// The secret of this try is not wrong, or no longer. Its refusals still count as tries.
fn is_not_wrong(t: &Transaction<'_>, id: i64) -> Result<(), StoreError> {
    t.execute(
        "UPDATE attempt SET fingerprint = ?2
         WHERE outcome = 'refused' AND fingerprint = (SELECT fingerprint FROM attempt WHERE id = ?1)",
        params![id, ONCE],
    )?;
    Ok(())
}

/// How long each try still counts that was refused, or left open: milliseconds, ascending.
struct Spent {
    /// Those since the last success.
    since_success: Vec<i64>,
    /// All: LemonLDAP::NG goes on counting those before a success.
    all: Vec<i64>,
}

impl Spent {
    /// How long until there is room for a further try, where `allowed` may be spent since the last success and `most` in all.
    fn wait(&self, allowed: usize, most: usize) -> Option<i64> {
        // The one whose end makes room.
        let room = |left: &[i64], allowed: usize| left.len().checked_sub(allowed).and_then(|at| left.get(at)).copied();
        room(&self.since_success, allowed).max(room(&self.all, most))
    }
}

/// The clock on the wall is not asked: it may jump. Since a try at an uptime of `then`, at least `now - then` has passed, also
/// when the phone was started anew in between, and `now` when it certainly was. So a try never counts for too short a time.
fn spent(t: &Transaction<'_>, realm: &str, identifier: &str, uptime: i64) -> Result<Spent, StoreError> {
    let mut tries = t.prepare_cached(
        "SELECT id, uptime_ms,
                id > ifnull((SELECT max(id) FROM attempt
                             WHERE realm = ?1 AND identifier = ?2 AND outcome = 'accepted'), 0)
         FROM attempt
         WHERE realm = ?1 AND identifier = ?2 AND lapsed = 0 AND outcome IN ('refused', 'reserved')",
    )?;
    let rows = tries.query_map(params![realm, identifier], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut spent = Spent { since_success: Vec::new(), all: Vec::new() };
    for (id, then, since_success) in rows.collect::<Result<Vec<(i64, i64, bool)>, _>>()? {
        let left = WINDOW_MS - passed(then, uptime);
        if left <= 0 {
            t.execute("UPDATE attempt SET lapsed = 1 WHERE id = ?", [id])?;
            continue;
        }
        spent.all.push(left);
        if since_success {
            spent.since_success.push(left);
        }
    }
    spent.all.sort_unstable();
    spent.since_success.sort_unstable();
    Ok(spent)
}

#[cfg(test)]
mod tests;

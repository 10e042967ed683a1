//! Step tokens: what lets a proven teacher choose a password, once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

/// How long a step may take.
pub(super) const STEP_LIFE: Duration = Duration::from_secs(600);
const KEPT: usize = 1_000;

/// A proof that was given and not used yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Step {
    /// Entry of the proven person.
    pub(super) entry: String,
    pub(super) identifier: String,
    pub(super) client: IpAddr,
    /// How many more passwords may be refused.
    pub(super) tries_left: u32,
    pub(super) since: SystemTime,
}

/// The open steps, under the digests of their tokens.
#[derive(Debug, Default)]
pub(super) struct Steps(HashMap<[u8; 32], Step>);

impl Steps {
    /// Opens a step. `None` if the system gives no random numbers.
    pub(super) fn open(&mut self, step: Step, now: SystemTime) -> Option<SecretString> {
        let mut random = [0; 32];
        SystemRandom::new().fill(&mut random).ok()?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.0.len() >= KEPT {
            self.0.retain(|_, step| is_alive(step, now));
        }
        if self.0.len() >= KEPT {
            let oldest = self.0.iter().min_by_key(|(_, step)| step.since).map(|(key, _)| *key);
            oldest.map(|key| self.0.remove(&key));
        }
        self.0.insert(key(&token)?, step);
        Some(SecretString::from(token))
    }

    /// Closes the step of `token` and returns it, if `client` opened it and its time is not over.
    pub(super) fn take(&mut self, token: &SecretString, client: IpAddr, now: SystemTime) -> Option<Step> {
        let step = self.0.remove(&key(token.expose_secret())?)?;
        (step.client == client && is_alive(&step, now)).then_some(step)
    }
}

fn is_alive(step: &Step, now: SystemTime) -> bool {
    now.duration_since(step.since).unwrap_or_default() < STEP_LIFE
}

/// Looking up a digest tells nothing by its time about the token.
fn key(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

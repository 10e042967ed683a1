//! How often a wrong proof may be given.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, SystemTime};

/// So many counters are kept; the one longest unused makes room.
const KEPT: usize = 10_000;

/// Counts attempts per key, within a window that begins anew with each.
#[derive(Debug)]
pub(super) struct Limits<K> {
    allowed: u32,
    window: Duration,
    counters: HashMap<K, Counter>,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    attempts: u32,
    last: SystemTime,
}

impl<K: Clone + Eq + Hash> Limits<K> {
    pub(super) fn new(allowed: u32, window: Duration) -> Self {
        Self { allowed, window, counters: HashMap::new() }
    }

    /// How long `key` must wait, if it must.
    pub(super) fn wait(&self, key: &K, now: SystemTime) -> Option<Duration> {
        let counter = self.counters.get(key).filter(|counter| counter.attempts >= self.allowed)?;
        self.left(counter, now)
    }

    /// Counts one attempt and returns how many are left.
    pub(super) fn take(&mut self, key: K, now: SystemTime) -> u32 {
        if self.counters.len() >= KEPT && !self.counters.contains_key(&key) {
            self.make_room(now);
        }
        let counter = self.counters.get(&key).copied();
        let before = counter.filter(|counter| self.left(counter, now).is_some()).map_or(0, |counter| counter.attempts);
        let attempts = before.saturating_add(1);
        self.counters.insert(key, Counter { attempts, last: now });
        self.allowed.saturating_sub(attempts)
    }

    /// Takes one attempt back: it was right, or nobody could say.
    pub(super) fn give_back(&mut self, key: &K) {
        if let Some(counter) = self.counters.get_mut(key) {
            counter.attempts = counter.attempts.saturating_sub(1);
        }
    }

    /// Forgets the wrong attempts of `key`.
    pub(super) fn clear(&mut self, key: &K) {
        self.counters.remove(key);
    }

    /// What is left of the counter's window. A clock that went back counts as standing still.
    fn left(&self, counter: &Counter, now: SystemTime) -> Option<Duration> {
        let passed = now.duration_since(counter.last).unwrap_or_default();
        self.window.checked_sub(passed).filter(|left| !left.is_zero())
    }

    fn make_room(&mut self, now: SystemTime) {
        let window = self.window;
        self.counters.retain(|_, counter| now.duration_since(counter.last).is_ok_and(|passed| passed < window));
        if self.counters.len() >= KEPT {
            let oldest = self.counters.iter().min_by_key(|(_, counter)| counter.last).map(|(key, _)| key.clone());
            oldest.map(|key| self.counters.remove(&key));
        }
    }
}

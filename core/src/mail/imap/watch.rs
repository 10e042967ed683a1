//! What the guard and the session above it share.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch::{Receiver, channel};
use zeroize::Zeroizing;

use super::error::ImapError;

/// What is kept of answers that cannot be read: so many, so much of one, so much of all, and of any, for the number in it.
const DIVERTED: usize = 1024;
const DIVERTED_LINE: usize = 64 * 1024;
const DIVERTED_BYTES: usize = 1024 * 1024;
const DIVERTED_HEAD: usize = 256;

/// A placeholder, and what is written in its place.
pub(super) type Secret = (&'static str, Zeroizing<Vec<u8>>);

/// What the guard and the session above it share.
pub(super) struct Watch {
    /// Every byte that came: the measure of progress.
    pub(super) received: AtomicU64,
    /// The largest literal that the command under way may bring.
    pub(super) literal: AtomicUsize,
    /// Tells that the phone has another network.
    networks: Mutex<Receiver<u64>>,
    fault: Mutex<Option<ImapError>>,
    diverted: Mutex<Diverted>,
    /// What to write instead of what, once.
    secret: Mutex<Option<Secret>>,
    alert: Mutex<Alert>,
}

/// Whom to tell what the user must be shown.
pub(super) type OnAlert = Box<dyn Fn(&str) + Send>;

/// Who is told, and the last words that were said before there was anybody.
#[derive(Default)]
struct Alert {
    on_alert: Option<OnAlert>,
    untold: Option<String>,
}

/// Answers that cannot be read.
#[derive(Default)]
struct Diverted {
    lines: Vec<Vec<u8>>,
    bytes: usize,
    lost: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            received: AtomicU64::new(0),
            literal: AtomicUsize::new(1024 * 1024),
            networks: Mutex::new(channel(0).1),
            fault: Mutex::default(),
            diverted: Mutex::default(),
            secret: Mutex::default(),
            alert: Mutex::default(),
        }
    }

    /// From now on `networks` tells that the phone has another network.
    pub(super) fn heed(&self, networks: Receiver<u64>) {
        *self.networks.lock().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    /// What changes from now on.
    pub(super) fn networks(&self) -> Receiver<u64> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        networks.mark_unchanged();
        networks
    }

    /// Why the guard closed the connection, if it did.
    pub(super) fn fault(&self) -> Option<ImapError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the guard write `secret` in the place of the next `placeholder`. async-imap logs what it writes; so it never sees a
    /// secret.
    pub(super) fn substitute(&self, placeholder: &'static str, secret: Zeroizing<Vec<u8>>) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some((placeholder, secret));
    }

    /// The secret whose place is in `written`, given once.
    pub(super) fn secret_in(&self, written: &[u8]) -> Option<Secret> {
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        secret.take_if(|(placeholder, _)| memchr::memmem::find(written, placeholder.as_bytes()).is_some())
    }

    /// From now on `on_alert` is told what the user must be shown; also what was said last before.
    pub(super) fn on_alert(&self, on_alert: OnAlert) {
        let mut alert = self.alert.lock().unwrap_or_else(PoisonError::into_inner);
        alert.untold.take().iter().for_each(|words| on_alert(words));
        alert.on_alert = Some(on_alert);
    }

    /// The server said what the user must be shown.
    pub(super) fn alert(&self, words: &str) {
        let mut alert = self.alert.lock().unwrap_or_else(PoisonError::into_inner);
        match &alert.on_alert {
            Some(on_alert) => on_alert(words),
            None => alert.untold = Some(words.to_owned()),
        }
    }

    /// The answers that could not be read since the last time, and whether there were more than are kept.
    pub(super) fn take_diverted(&self) -> (Vec<Vec<u8>>, bool) {
        let taken = std::mem::take(&mut *self.diverted.lock().unwrap_or_else(PoisonError::into_inner));
        (taken.lines, taken.lost)
    }

    /// Closes the connection for this reason: nothing more is read.
    pub(super) fn fail(&self, error: ImapError) -> io::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("refused by the guard")
    }

    /// Keeps an answer that could not be read, if the session can go on without it.
    pub(super) fn unreadable(&self, raw: &[u8]) -> Result<(), ImapError> {
        if !raw.starts_with(b"* ") {
            // A tagged or continuing line that makes no sense: nobody knows what the server did.
            return Err(ImapError::Malformed);
        }
        self.divert(raw);
        Ok(())
    }

    fn divert(&self, raw: &[u8]) {
        let mut diverted = self.diverted.lock().unwrap_or_else(PoisonError::into_inner);
        if diverted.lines.len() == DIVERTED {
            diverted.lost = true;
            return;
        }
        let room = DIVERTED_BYTES.saturating_sub(diverted.bytes).clamp(DIVERTED_HEAD, DIVERTED_LINE);
        let kept = raw.get(..room).unwrap_or(raw);
        diverted.bytes += kept.len();
        diverted.lines.push(kept.to_vec());
    }
}

//! Bodies of messages: fetched part by part and piece by piece, kept within a limit, and fetched ahead where that is wanted.
//!
//! Every piece that came is durable and never fetched again: a fetch that was cut off, killed or dropped goes on behind the last
//! of them. They belong to a row of the store, which stands for one UID under one UIDVALIDITY and goes with it.

mod cache;
mod fetching;
mod plan;
mod policy;
mod prefetch;
mod saving;

pub(super) use fetching::Progress;
pub use policy::Prefetch;
pub use prefetch::Prefetched;
pub use saving::Saved;

use std::sync::{Arc, Mutex, PoisonError};

/// How much is asked for at once. What a cut may cost is one of these; with eight of them on the wire a way of 40 ms there and
/// back still carries 12 MB a second.
const PIECE: u32 = 64 * 1024;
/// The largest message that is fetched whole without a question: a round trip weighs more than the bytes that could be saved.
const WHOLE: u64 = PIECE as u64 - 1;
/// Of a message that can only be fetched whole, so much is read.
const WHOLE_MOST: u64 = 8 * 1024 * 1024;
/// A transaction: so much a dropped fetch may have to read again.
const WRITTEN: usize = 256 * 1024;

/// The messages that are being read: what is here of them is not evicted.
#[derive(Clone, Debug, Default)]
pub(super) struct InUse(Arc<Mutex<Vec<i64>>>);

/// A message that is being read, until this is dropped.
pub(super) struct Held {
    all: InUse,
    message: i64,
}

impl InUse {
    pub(super) fn hold(&self, message: i64) -> Held {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        Held { all: self.clone(), message }
    }

    fn all(&self) -> Vec<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|message| *message == self.message) {
            all.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests;

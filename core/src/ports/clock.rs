//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day. Limits on waiting use the runtime's own monotonic clock instead.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before it.
    fn now_ms(&self) -> i64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }
}

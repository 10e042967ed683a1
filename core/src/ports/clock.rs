//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Tells the time of day, and how long the phone has been running. Limits on waiting use the runtime's own clock instead.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before it. May jump in both directions at any moment.
    fn now_ms(&self) -> i64;

    /// Milliseconds since the phone was started, its sleep included. Never goes back, but for a new start.
    fn uptime_ms(&self) -> i64;
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

    fn uptime_ms(&self) -> i64 {
        // Linux's monotonic clock stands still while the phone sleeps; Apple's does not.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const CLOCK: ClockId = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const CLOCK: ClockId = ClockId::Monotonic;
        let since = clock_gettime(CLOCK);
        since.tv_sec.saturating_mul(1000).saturating_add(since.tv_nsec / 1_000_000)
    }
}

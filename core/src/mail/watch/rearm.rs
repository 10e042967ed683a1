//! How long a connection may be quiet: learned from the path, for each kind of it.

use std::time::Duration;

use crate::mail::link::Link;

/// RFC 2177: a server may hang up after 30 minutes, so a client speaks before 29.
const LONGEST: Duration = Duration::from_secs(28 * 60);
/// Below this a connection costs more than polling.
const SHORTEST: Duration = Duration::from_secs(2 * 60);
/// So many times in a row the connection must have outlasted the wait before a longer one is tried.
const PROVEN: u32 = 4;

/// How long a connection is left quiet, for each kind of path. Kept in memory only: tomorrow it is another path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rearm([Learned; 2]);

#[derive(Clone, Debug, PartialEq)]
struct Learned {
    quiet: Duration,
    outlasted: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self { quiet: LONGEST, outlasted: 0 }
    }
}

impl Rearm {
    /// How long to leave a connection over this path quiet.
    pub(super) fn quiet(&self, link: Link) -> Duration {
        let [unmetered, metered] = &self.0;
        if link == Link::Unmetered { unmetered.quiet } else { metered.quiet }
    }

    /// The connection was there after being left quiet for so long.
    pub(super) fn outlasted(&mut self, link: Link) {
        let learned = self.of(link);
        learned.outlasted += 1;
        if learned.outlasted >= PROVEN {
            *learned = Learned { quiet: (learned.quiet + learned.quiet / 4).min(LONGEST), outlasted: 0 };
        }
    }

    /// It was not, and nobody had said so: half of it.
    pub(super) fn forgotten(&mut self, link: Link) {
        let learned = self.of(link);
        *learned = Learned { quiet: (learned.quiet / 2).max(SHORTEST), outlasted: 0 };
    }

    fn of(&mut self, link: Link) -> &mut Learned {
        let [unmetered, metered] = &mut self.0;
        if link == Link::Unmetered { unmetered } else { metered }
    }
}

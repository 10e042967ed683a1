//! Sets of message numbers (RFC 9051, sequence-set).

use std::fmt::Write;
use std::ops::RangeInclusive;

/// The longest set we send; servers have refused lines of 8,000 characters.
const LONGEST: usize = 1000;

/// A set of UIDs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UidSet {
    /// Ascending, without touch.
    ranges: Vec<(u32, u32)>,
    /// Whether it is every UID that the mailbox has, whatever these are.
    all: bool,
}

impl UidSet {
    /// Every UID of the mailbox.
    pub fn all() -> Self {
        Self { ranges: Vec::new(), all: true }
    }

    /// These UIDs, in any order.
    pub fn of(uids: &[u32]) -> Self {
        Self::of_ranges(uids.iter().map(|uid| *uid..=*uid))
    }

    /// These ranges, in any order; `10:5` is that from 5 to 10 (RFC 9051, seq-range).
    pub fn of_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Self {
        let ordered = |range: RangeInclusive<u32>| {
            let (one, other) = range.into_inner();
            (one.min(other), one.max(other))
        };
        let mut sorted: Vec<(u32, u32)> = ranges.into_iter().map(ordered).collect();
        sorted.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (low, high) in sorted {
            match ranges.last_mut() {
                Some((_, last)) if low <= last.saturating_add(1) => *last = high.max(*last),
                _ => ranges.push((low, high)),
            }
        }
        Self { ranges, all: false }
    }

    /// The set that a server writes as `text`; `None` where it is none. `*` has no meaning here.
    pub(super) fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u32>().ok();
        let range = |text: &str| match text.split_once(':') {
            Some((one, other)) => Some(number(one)?..=number(other)?),
            None => number(text).map(|uid| uid..=uid),
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self::of_ranges)
    }

    /// Whether `uid` is in it.
    pub fn has(&self, uid: u32) -> bool {
        let at = self.ranges.partition_point(|(_, high)| *high < uid);
        self.all || self.ranges.get(at).is_some_and(|(low, _)| *low <= uid)
    }

    /// How many UIDs are in it; of [`UidSet::all`] nobody knows.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|(low, high)| u64::from(high - low) + 1).sum()
    }

    /// Its ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u32>> {
        self.ranges.iter().map(|(low, high)| *low..=*high)
    }

    /// At most `most` of them, the greatest first.
    pub fn newest(&self, most: usize) -> Vec<u32> {
        self.ranges.iter().rev().flat_map(|(low, high)| (*low..=*high).rev()).take(most).collect()
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self { all: self.all || other.all, ..Self::of_ranges(self.ranges().chain(other.ranges())) }
    }

    /// The set as text, in pieces short enough for a command line each. None for an empty set.
    pub(super) fn pieces(&self) -> Vec<String> {
        if self.all {
            return vec!["1:*".to_owned()];
        }
        let mut pieces: Vec<String> = Vec::new();
        for (low, high) in &self.ranges {
            let mut range = low.to_string();
            if high > low {
                let _ = write!(range, ":{high}");
            }
            match pieces.last_mut() {
                Some(piece) if piece.len() + 1 + range.len() <= LONGEST => {
                    piece.push(',');
                    piece.push_str(&range);
                }
                _ => pieces.push(range),
            }
        }
        pieces
    }
}

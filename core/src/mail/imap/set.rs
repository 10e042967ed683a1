//! Sets of message numbers (RFC 9051, sequence-set).

use std::fmt::Write;

/// The longest set we send; servers have refused lines of 8,000 characters.
const LONGEST: usize = 1000;

/// A set of UIDs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UidSet {
    /// Ranges, ascending, without touch. `None`: all of them.
    ranges: Option<Vec<(u32, u32)>>,
}

impl UidSet {
    /// Every UID of the mailbox.
    pub fn all() -> Self {
        Self { ranges: None }
    }

    /// These UIDs, in any order.
    pub fn of(uids: &[u32]) -> Self {
        let mut sorted = uids.to_vec();
        sorted.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for uid in sorted {
            match ranges.last_mut() {
                Some((_, high)) if uid <= high.saturating_add(1) => *high = uid,
                _ => ranges.push((uid, uid)),
            }
        }
        Self { ranges: Some(ranges) }
    }

    /// Whether `uid` is in it.
    pub fn has(&self, uid: u32) -> bool {
        let Some(ranges) = &self.ranges else { return true };
        let at = ranges.partition_point(|(_, high)| *high < uid);
        ranges.get(at).is_some_and(|(low, _)| *low <= uid)
    }

    /// The set as text, in pieces short enough for a command line each. None for an empty set.
    pub(super) fn pieces(&self) -> Vec<String> {
        let Some(ranges) = &self.ranges else { return vec!["1:*".to_owned()] };
        let mut pieces: Vec<String> = Vec::new();
        for (low, high) in ranges {
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

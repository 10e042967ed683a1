//! A mailbox filler: the mail of a teacher, of any amount, the same for the same seed.
//!
//! French and some English, names with accents, conversations, attachments, HTML with its alternative, all usual charsets and
//! transfer encodings, calendar invitations, newsletters with tracking pixels, delivery failures, `format=flowed`. Message `i`
//! depends on the seed and on `i` alone, so any part of a mailbox can be made again without the rest.
//!
//! ```
//! use academy::filler::Filler;
//!
//! let mail = Filler::new(7).message(42);
//! assert_eq!(mail.raw, Filler::new(7).message(42).raw);
//! assert!(mail.raw.ends_with(b"\r\n"));
//! ```

mod attachments;
mod chance;
mod compose;
mod fill;
mod letter;
mod mime;
mod pieces;
#[cfg(test)]
mod tests;
mod words;

pub use fill::{Destination, FillError, Filled};

use self::chance::Chance;

/// When message 0 arrived: 1 September 2022, 06:00 UTC. Ten minutes lie between two messages.
const FIRST_ARRIVAL: i64 = 1_662_012_000;
const INTERVAL: i64 = 600;

/// A source of messages.
#[derive(Clone, Copy, Debug)]
pub struct Filler {
    seed: u64,
    compact: bool,
}

/// One message, ready to be appended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mail {
    /// The whole message (RFC 5322), lines ended by CRLF.
    pub raw: Vec<u8>,
    /// When it arrived, in Unix seconds; grows with the index.
    pub internal_date: i64,
    /// IMAP system flags, with their backslash.
    pub flags: Vec<&'static str>,
}

impl Filler {
    /// Mail of natural size, about 7 kB on average, from a few hundred bytes to some 100 kB.
    pub fn new(seed: u64) -> Self {
        Self { seed, compact: false }
    }

    /// The same kind of mail without its weight, about 1.3 kB on average: for counts, not for bytes.
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.compact = true;
        self
    }

    /// Message number `index`. Its conversation, if it has one, goes on from messages of lower numbers.
    pub fn message(&self, index: u64) -> Mail {
        Mail { raw: self.letter(index).to_bytes(), internal_date: self.arrival(index), flags: self.flags(index) }
    }

    /// The `Message-ID` of message `index`, with its angle brackets.
    pub fn message_id(&self, index: u64) -> String {
        let mark = self.chance(index, Purpose::Id).next();
        format!("<{mark:016x}.{index}@{}>", self.author(index).domain)
    }

    /// The message that message `index` answers.
    pub fn parent(&self, index: u64) -> Option<u64> {
        if !self.kind(index).is_personal() {
            return None;
        }
        let mut chance = self.chance(index, Purpose::Reply);
        if index == 0 || !chance.percent(45) {
            return None;
        }
        let nearest = index - chance.between(1, index.min(24));
        (0..8).map_while(|step| nearest.checked_sub(step)).find(|earlier| self.kind(*earlier).is_personal())
    }

    /// From the first message of the conversation to the one answered; empty if `index` begins one.
    pub fn ancestors(&self, index: u64) -> Vec<u64> {
        let mut ancestors: Vec<u64> =
            std::iter::successors(self.parent(index), |earlier| self.parent(*earlier)).collect();
        ancestors.reverse();
        ancestors
    }

    fn arrival(&self, index: u64) -> i64 {
        let jitter = self.chance(index, Purpose::Date).below(INTERVAL as u64 - 60);
        let index = i64::try_from(index).unwrap_or(i64::MAX / INTERVAL);
        FIRST_ARRIVAL.saturating_add(index.saturating_mul(INTERVAL)).saturating_add(jitter as i64)
    }

    fn flags(&self, index: u64) -> Vec<&'static str> {
        let mut chance = self.chance(index, Purpose::Flags);
        let mut flags = Vec::new();
        if chance.percent(80) {
            flags.push("\\Seen");
            if chance.percent(12) {
                flags.push("\\Answered");
            }
        }
        if chance.percent(4) {
            flags.push("\\Flagged");
        }
        flags
    }

    fn chance(&self, index: u64, purpose: Purpose) -> Chance {
        Chance::new(self.seed, index, purpose as u64)
    }
}

/// Independent streams of chance, so that a reply can ask for its parent's subject without making the parent.
#[derive(Clone, Copy)]
enum Purpose {
    Kind,
    Author,
    Subject,
    Words,
    Reply,
    Form,
    Files,
    Flags,
    Id,
    Date,
    Recipients,
}

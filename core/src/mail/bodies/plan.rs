//! What is to be fetched of a message, and what of that is still missing. Pure.

use std::collections::BTreeMap;

use super::PIECE;
use crate::mail::imap::{Ask, Part};
use crate::mail::rows::Stretch;

/// Of one text so much is read, as it is written: more than a screen is given of it once decoded (1 MiB).
const TEXT: u64 = 1536 * 1024;
/// Of all texts of a message together.
const TEXTS: u64 = 4 * 1024 * 1024;
/// Pictures in the text, one and all, invitations, and delivery reports.
const SMALL: u64 = 64 * 1024;
const SMALLS: u64 = 1024 * 1024;
/// The headers of a part, and what is asked of them at once.
const MIME: u64 = 64 * 1024;
const MIME_PIECE: u32 = 8 * 1024;
/// What these usually are.
const MIME_USUAL: u64 = 300;
/// Sections in one command: a line that every server takes.
const SECTIONS: usize = 24;

/// A section that is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Want {
    pub(super) section: String,
    /// Its size as the server tells it; 0 where it does not.
    pub(super) expected: u64,
    /// No more of it than this.
    pub(super) most: u64,
    /// What is asked for at once.
    piece: u32,
    /// What of it is here: by offset, how long.
    have: BTreeMap<u64, u64>,
    end: Option<u64>,
    /// Whether it is of no use without its end.
    to_its_end: bool,
    is_text: bool,
}

impl Want {
    pub(super) fn new(section: impl Into<String>, expected: u64, most: u64) -> Self {
        Self {
            section: section.into(),
            expected,
            most,
            piece: PIECE,
            have: BTreeMap::new(),
            end: None,
            to_its_end: false,
            is_text: false,
        }
    }

    /// It is of no use without its end.
    pub(super) fn up_to_its_end(self) -> Self {
        Self { to_its_end: true, ..self }
    }

    /// Whether the end has not come within what may be.
    pub(super) fn is_endless(&self) -> bool {
        self.to_its_end && self.end.is_none()
    }

    /// Whether it is a text of which there is more than is wanted.
    pub(super) fn is_cut(&self) -> bool {
        self.is_text && self.end.is_none()
    }

    /// Some of it is here.
    pub(super) fn has(&mut self, stretches: &[Stretch]) {
        for one in stretches {
            self.have.insert(one.offset, one.length);
            if one.last {
                self.end = Some(one.offset + one.length);
            }
        }
    }

    /// Takes note of `length` bytes that came for `asked` at `offset`: whether they are to be kept, and whether they are the last.
    /// Fewer than asked for are the last where the server says that the section ends there; elsewhere only if nothing at all is
    /// behind them, for a server may give less than it has (RFC 9051, 6.4.5 speaks of what there is only).
    pub(super) fn came(&mut self, offset: u64, length: u64, asked: u64) -> Option<bool> {
        let last = match length {
            0 => offset == self.reached(),
            _ => length < asked && offset + length >= self.expected,
        };
        if length == 0 && !last {
            return None;
        }
        self.have.insert(offset, length);
        if last {
            self.end = Some(offset + length);
        }
        Some(last)
    }

    /// How many bytes are here.
    pub(super) fn done(&self) -> u64 {
        self.have.values().sum()
    }

    /// How many bytes there are to be, as far as one knows.
    pub(super) fn total(&self) -> u64 {
        self.end.unwrap_or(self.expected.max(self.done())).min(self.most.max(self.done()))
    }

    /// How many bytes are here from the beginning on without a gap.
    pub(super) fn reached(&self) -> u64 {
        let mut reached = 0;
        while let Some(length) = self.have.get(&reached).filter(|length| **length > 0) {
            reached += length;
        }
        reached
    }

    /// Whether bytes came from behind the end: then nothing of it can be believed.
    pub(super) fn is_absurd(&self) -> bool {
        self.end.is_some_and(|end| self.have.iter().any(|(offset, length)| offset + length > end))
    }

    /// What is missing: offsets and how many bytes.
    fn missing(&self) -> Vec<(u64, u64)> {
        let (mut missing, mut at) = (Vec::new(), 0);
        // One byte of a section of which nothing is known, so that it is asked for.
        let target = self.end.unwrap_or(self.expected.max(1)).min(self.most);
        loop {
            if let Some(length) = self.have.get(&at).filter(|length| **length > 0) {
                at += length;
            } else if at < target {
                let next = self.have.range(at + 1..).next().map_or(u64::MAX, |(offset, _)| *offset);
                let length = u64::from(self.piece).min(next - at).min(self.most - at);
                missing.push((at, length));
                at += length;
            } else {
                break;
            }
        }
        if missing.is_empty() && self.end.is_none() && at < self.most {
            // All that was told of is here, and the end is not: there may be more.
            missing.push((at, u64::from(self.piece).min(self.most - at)));
        }
        missing
    }
}

/// The commands that fetch what is missing of `wants`: what is small goes together.
pub(super) fn asks(uid: u32, wants: &[Want]) -> Vec<Ask> {
    let (mut asks, mut open, mut size) = (Vec::new(), Vec::new(), 0);
    for want in wants {
        for (offset, length) in want.missing() {
            let (Ok(offset), Ok(most)) = (u32::try_from(offset), u32::try_from(length)) else { break };
            let expected = match want.expected {
                0 => MIME_USUAL,
                known => known.saturating_sub(u64::from(offset)).min(length),
            };
            if !open.is_empty() && (size + expected > u64::from(PIECE) || open.len() == SECTIONS) {
                asks.push(Ask::Pieces(uid, std::mem::take(&mut open)));
                size = 0;
            }
            open.push((want.section.clone(), offset, most));
            size += expected;
        }
    }
    if !open.is_empty() {
        asks.push(Ask::Pieces(uid, open));
    }
    asks
}

/// What is fetched of a message to be read: the headers of all parts, the texts, and the small pictures in them. And whether a
/// text stays out.
pub(super) fn to_read(root: &Part) -> (Vec<Want>, bool) {
    let (mut wants, mut texts, mut smalls, mut incomplete) = (Vec::new(), 0, 0, false);
    for part in root.all().into_iter().skip(usize::from(root.is_multipart())) {
        if root.is_multipart() {
            let section = format!("{}.MIME", part.section);
            wants.push(Want { piece: MIME_PIECE, ..Want::new(section, 0, MIME) });
        }
        if part.is_multipart() {
            continue;
        }
        let octets = u64::from(part.octets);
        let kind = part.media_type.as_str();
        let is_told = matches!(kind, "text/calendar" | "message/delivery-status" | "text/rfc822-headers");
        let is_small = is_told || (kind.starts_with("image/") && part.inline && !part.attachment);
        if is_text(part) {
            let most = TEXT.min(TEXTS - texts);
            incomplete |= most == 0;
            if most > 0 {
                wants.push(Want { is_text: true, ..Want::new(part.section.clone(), octets.min(most), most) });
                texts += octets.min(most);
            }
        } else if is_small && octets <= SMALL && smalls + octets <= SMALLS {
            wants.push(Want::new(part.section.clone(), octets, octets.max(1)));
            smalls += octets;
        }
    }
    (wants, incomplete)
}

fn is_text(part: &Part) -> bool {
    matches!(part.media_type.as_str(), "text/plain" | "text/html") && !part.attachment
}

/// The size of the largest text, as it is written.
pub(super) fn longest_text(root: &Part) -> u64 {
    root.all().into_iter().filter(|part| is_text(part)).map(|part| u64::from(part.octets)).max().unwrap_or_default()
}

/// The texts of which not all is wanted, cut where a line ends, so that no character and no code of it is cut through.
pub(super) fn cut(bytes: &mut Vec<u8>) {
    let tail = bytes.len().saturating_sub(4096);
    if let Some(end) = bytes.get(tail..).and_then(|tail| memchr::memrchr(b'\n', tail)) {
        bytes.truncate(tail + end + 1);
    }
}

//! Fetching: headers in pipelined batches, flags of all, a message in pieces.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use async_imap::imap_proto::{AttributeValue, Response};

use super::error::ImapError;
use super::response::internal_date;
use super::session::ImapSession;
use super::set::UidSet;
use crate::mail::flags::Flags;

const HEADERS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO CC REPLY-TO SUBJECT DATE \
                       MESSAGE-ID REFERENCES IN-REPLY-TO CONTENT-TYPE LIST-ID)])";
/// Commands on the wire at once: the server works on the next while the answer of the first travels.
const PIPELINE: usize = 2;
/// A header block of many recipients has been seen at 200 KB.
const HEADER_LITERAL: usize = 1024 * 1024;

/// Some messages of the selected mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Messages {
    /// From this sequence number to that. They hold as long as no command but these fetches is given.
    Sequence(u32, u32),
    /// These UIDs.
    Uids(UidSet),
}

impl Messages {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Sequence(low, high) => vec![format!("FETCH {low}:{high} {HEADERS}")],
            Self::Uids(uids) => uids.pieces().iter().map(|piece| format!("UID FETCH {piece} {HEADERS}")).collect(),
        }
    }

    fn has(&self, sequence: u32, uid: u32) -> bool {
        match self {
            Self::Sequence(low, high) => (*low..=*high).contains(&sequence),
            Self::Uids(uids) => uids.has(uid),
        }
    }
}

/// What came of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeaderEvent {
    /// Its header.
    Row(HeaderRow),
    /// A line that could not be read; the message is there all the same.
    Unreadable {
        /// Its UID, where that much could be read.
        uid: Option<u32>,
        /// The line, at most 64 KiB of it.
        raw: Vec<u8>,
    },
}

/// The header of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HeaderRow {
    /// Its UID.
    pub uid: u32,
    /// Its flags.
    pub flags: Flags,
    /// When the server received it, in seconds since 1970; 0 where it does not say.
    pub internal_date: i64,
    /// Its size in bytes.
    pub size: u64,
    /// The header fields, as they came.
    pub header: Vec<u8>,
}

impl ImapSession {
    /// Fetches the headers of each of `sets` in turn. Only what was asked for is told.
    pub async fn fetch_headers(
        &mut self,
        sets: &[Messages],
        each: &mut (dyn FnMut(HeaderEvent) + Send),
    ) -> Result<(), ImapError> {
        self.watch.literal.store(HEADER_LITERAL, Ordering::Relaxed);
        let mut lines = sets.iter().flat_map(|set| set.lines().into_iter().map(move |line| (set, line)));
        let mut wire = VecDeque::new();
        let mut refused = Ok(());
        let mut first = true;
        loop {
            while wire.len() < PIPELINE && refused.is_ok() {
                let Some((set, line)) = lines.next() else { break };
                let id = if first { self.begin(&line).await? } else { self.send(&line).await? };
                first = false;
                wire.push_back((id, set));
            }
            let Some((id, set)) = wire.pop_front() else { break };
            let mut take = |response: &Response<'_>| each_row(response, set, each);
            let outcome = self.answers("FETCH", &id, &mut take).await?;
            for raw in self.watch.take_diverted() {
                if let Some(uid) = unreadable_fetch(&raw) {
                    each(HeaderEvent::Unreadable { uid, raw });
                }
            }
            // What is already on the wire is still read, so that the session stays in order.
            refused = refused.and(outcome);
        }
        if !first {
            self.in_order();
        }
        refused
    }

    /// Tells UID and flags of messages. True when the list is whole: as many as there are, and none vanished meanwhile.
    pub async fn fetch_flags(
        &mut self,
        uids: &UidSet,
        each: &mut (dyn FnMut(u32, Flags) + Send),
    ) -> Result<bool, ImapError> {
        // On an empty mailbox `1:*` means a message that is not there.
        if self.exists == 0 {
            return Ok(true);
        }
        let mut seen = 0u32;
        self.expunged = false;
        for piece in uids.pieces() {
            self.run("FETCH", &format!("UID FETCH {piece} (UID FLAGS)"), |response| {
                let Response::Fetch(_, attributes) = response else { return };
                if let (Some(uid), Some(flags)) = (uid_of(attributes), flags_of(attributes)) {
                    seen = seen.saturating_add(1);
                    each(uid, flags);
                }
            })
            .await?;
        }
        let unread = self.watch.take_diverted().iter().any(|raw| unreadable_fetch(raw).is_some());
        Ok(seen == self.exists && !self.expunged && !unread)
    }

    /// At most `most` bytes of a part of a message from `offset` on (`section` empty: the whole message). Fewer than `most`
    /// mean the end. Does not mark it as read.
    pub async fn fetch_part(&mut self, uid: u32, section: &str, offset: u32, most: u32) -> Result<Vec<u8>, ImapError> {
        if !section.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') {
            return Err(ImapError::InvalidArgument);
        }
        self.watch.literal.store(most as usize, Ordering::Relaxed);
        let mut found = None;
        let line = format!("UID FETCH {uid} (UID BODY.PEEK[{section}]<{offset}.{most}>)");
        let outcome = self
            .run("FETCH", &line, |response| {
                let Response::Fetch(_, attributes) = response else { return };
                if uid_of(attributes) != Some(uid) {
                    return;
                }
                for attribute in attributes {
                    if let AttributeValue::BodySection { data, .. } = attribute {
                        found = Some(data.as_deref().unwrap_or_default().to_vec());
                    }
                }
            })
            .await;
        self.watch.literal.store(HEADER_LITERAL, Ordering::Relaxed);
        outcome?;
        found.ok_or(ImapError::NotFound)
    }
}

fn each_row(response: &Response<'_>, set: &Messages, each: &mut (dyn FnMut(HeaderEvent) + Send)) {
    let Response::Fetch(sequence, attributes) = response else { return };
    let mut row = HeaderRow { uid: 0, flags: Flags::default(), internal_date: 0, size: 0, header: Vec::new() };
    let mut complete = false;
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => row.uid = *uid,
            AttributeValue::Flags(flags) => row.flags = Flags::named(flags.iter().map(AsRef::as_ref)),
            AttributeValue::InternalDate(date) => row.internal_date = internal_date(date).unwrap_or_default(),
            AttributeValue::Rfc822Size(size) => row.size = u64::from(*size),
            AttributeValue::BodySection { data, .. } => {
                row.header = data.as_deref().unwrap_or_default().to_vec();
                complete = true;
            }
            _ => {}
        }
    }
    // Without a header it is news of a flag, of this message or another; the next sync sees it.
    if complete && row.uid != 0 && set.has(*sequence, row.uid) {
        each(HeaderEvent::Row(row));
    }
}

/// The UID in a FETCH that could not be read; `None` when it is no FETCH at all.
fn unreadable_fetch(raw: &[u8]) -> Option<Option<u32>> {
    let head = String::from_utf8_lossy(raw.get(..200).unwrap_or(raw)).to_ascii_uppercase();
    let mut words = head.split([' ', '(', ')']).filter(|word| !word.is_empty());
    if (words.next(), words.next().map(|n| n.parse::<u32>().is_ok()), words.next())
        != (Some("*"), Some(true), Some("FETCH"))
    {
        return None;
    }
    let mut after = words.skip_while(|word| *word != "UID").skip(1);
    Some(after.next().and_then(|uid| uid.trim().parse().ok()))
}

fn uid_of(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn flags_of(attributes: &[AttributeValue<'_>]) -> Option<Flags> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Flags(flags) => Some(Flags::named(flags.iter().map(AsRef::as_ref))),
        _ => None,
    })
}

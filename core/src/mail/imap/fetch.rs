//! Fetching headers in pipelined batches, and the flags of all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;

use async_imap::imap_proto::{AttributeValue, RequestId, Response};

use super::code::object_id;
use super::error::{ImapError, Limit};
use super::response::internal_date;
use super::session::{ImapSession, PIPELINE};
use super::set::UidSet;
use crate::mail::flags::Flags;

/// What a row shows and conversations are made of.
const FIELDS: &str = "FROM TO CC REPLY-TO SUBJECT DATE MESSAGE-ID REFERENCES IN-REPLY-TO CONTENT-TYPE LIST-ID";
/// A header block of many recipients has been seen at 200 KB. What is longer is cut by the server: were it refused here,
/// one letter with a megabyte of recipients would end every sync of the mailbox.
const HEADER: u32 = 256 * 1024;
/// How much of an answer is read at once: five hundred headers of 256 KiB are too much for a phone.
const PAUSE: u64 = 512 * 1024;
/// Leaves room for servers that take the limit of 256 KiB above for a hint.
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
    fn lines(&self, headers: &str) -> Vec<String> {
        match self {
            Self::Sequence(low, high) => vec![format!("FETCH {low}:{high} {headers}")],
            Self::Uids(uids) => uids.pieces().iter().map(|piece| format!("UID FETCH {piece} {headers}")).collect(),
        }
    }

    fn has(&self, sequence: u32, uid: u32) -> bool {
        match self {
            Self::Sequence(low, high) => (*low..=*high).contains(&sequence),
            Self::Uids(uids) => uids.has(uid),
        }
    }

    fn may_have(&self, sequence: u32, uid: Option<u32>) -> bool {
        match (self, uid) {
            (Self::Uids(_), None) => true,
            (_, uid) => self.has(sequence, uid.unwrap_or_default()),
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
        /// The line, at most 64 KiB of it; empty where only an attribute of it could not be read.
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
    /// The server's own name for the message, the same in every mailbox and after a move (RFC 8474, 5.1); `None` where it has
    /// none. At most 255 letters, digits, `_` and `-`.
    pub email_id: Option<String>,
    /// The server's own name for the conversation that it is part of (RFC 8474, 5.2), of the same form.
    pub thread_id: Option<String>,
    /// The header fields, as they came.
    pub header: Vec<u8>,
}

/// A fetch of headers under way. Dropped before its end, it leaves the session unusable.
pub struct HeaderFetch<'a> {
    session: &'a mut ImapSession,
    lines: Box<dyn Iterator<Item = (&'a Messages, String)> + Send + 'a>,
    /// The commands on the wire, and what each of them asks for.
    ids: Vec<RequestId>,
    wire: Vec<&'a Messages>,
    begun: bool,
    refused: Result<(), ImapError>,
}

impl fmt::Debug for HeaderFetch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderFetch")
    }
}

impl ImapSession {
    /// Whether the headers fetched from now on hold the fields `Authentication-Results`, in their order.
    pub fn fetch_results(&mut self, results: bool) {
        self.results = results;
    }

    /// Fetches the headers of `sets`, which the server is asked for in this order. Only what was asked for is told.
    pub async fn fetch_headers(
        &mut self,
        sets: &[Messages],
        each: &mut (dyn FnMut(HeaderEvent) + Send),
    ) -> Result<(), ImapError> {
        let mut fetch = self.header_fetch(sets);
        while fetch.go_on(each).await? {}
        Ok(())
    }

    /// The same step by step.
    pub fn header_fetch<'a>(&'a mut self, sets: &'a [Messages]) -> HeaderFetch<'a> {
        self.watch.literal.store(HEADER_LITERAL, Ordering::Relaxed);
        // What the server found out about the sender is long and seldom needed.
        let results = if self.results { " AUTHENTICATION-RESULTS" } else { "" };
        let ids = if self.has("OBJECTID") { "EMAILID THREADID " } else { "" };
        let headers = format!(
            "(UID FLAGS INTERNALDATE RFC822.SIZE {ids}BODY.PEEK[HEADER.FIELDS ({FIELDS}{results})]<0.{HEADER}>)"
        );
        let lines = sets.iter().flat_map(move |set| set.lines(&headers).into_iter().map(move |line| (set, line)));
        let lines = Box::new(lines);
        HeaderFetch { session: self, lines, ids: Vec::new(), wire: Vec::new(), begun: false, refused: Ok(()) }
    }

    /// Tells UID and flags of messages. True when the list is whole: as many as there are, and none vanished meanwhile.
    pub async fn fetch_flags(
        &mut self,
        uids: &UidSet,
        each: &mut (dyn FnMut(u32, Flags) + Send),
    ) -> Result<bool, ImapError> {
        // On an empty mailbox `1:*` means a message that is not there.
        if self.exists == Some(0) {
            return Ok(true);
        }
        // By number: a server may tell a message's flags twice, when they change meanwhile.
        let mut seen = Vec::new();
        self.expunged = false;
        for piece in uids.pieces() {
            self.run("FETCH", &format!("UID FETCH {piece} (UID FLAGS)"), |response| {
                let Response::Fetch(_, attributes) = response else { return };
                if let (Some(uid), Some(flags)) = (uid_of(attributes), flags_of(attributes)) {
                    seen.push(uid);
                    each(uid, flags);
                }
            })
            .await?;
        }
        seen.sort_unstable();
        seen.dedup();
        Ok(self.exists.is_some_and(|exists| seen.len() as u64 == u64::from(exists)) && !self.expunged)
    }

    /// UID, flags and the server's own name of those of the messages that are there. Needs `OBJECTID`.
    pub async fn fetch_email_ids(&mut self, uids: &UidSet) -> Result<Vec<(u32, Flags, String)>, ImapError> {
        if !self.has("OBJECTID") {
            return Err(ImapError::Unsupported("OBJECTID"));
        }
        let mut named = BTreeMap::new();
        for piece in uids.pieces() {
            self.run("FETCH", &format!("UID FETCH {piece} (UID FLAGS EMAILID)"), |response| {
                let Response::Fetch(_, attributes) = response else { return };
                let id = attributes.iter().find_map(|attribute| match attribute {
                    AttributeValue::EmailId(id) => object_id(id),
                    _ => None,
                });
                if let (Some(uid), Some(flags), Some(id)) = (uid_of(attributes), flags_of(attributes), id)
                    && uids.has(uid)
                {
                    named.insert(uid, (flags, id));
                }
            })
            .await?;
        }
        Ok(named.into_iter().map(|(uid, (flags, id))| (uid, flags, id)).collect())
    }

    /// UID, time (in seconds since 1970) and size of those of the messages that are there: by them one knows a message again.
    pub async fn fetch_stamps(&mut self, uids: &UidSet) -> Result<Vec<(u32, i64, u64)>, ImapError> {
        let mut stamps = Vec::new();
        for piece in uids.pieces() {
            self.run("FETCH", &format!("UID FETCH {piece} (UID INTERNALDATE RFC822.SIZE)"), |response| {
                let Response::Fetch(_, attributes) = response else { return };
                let (mut date, mut size) = (None, None);
                for attribute in attributes {
                    match attribute {
                        AttributeValue::InternalDate(text) => date = internal_date(text),
                        AttributeValue::Rfc822Size(value) => size = Some(u64::from(*value)),
                        _ => {}
                    }
                }
                if let (Some(uid), Some(date), Some(size)) = (uid_of(attributes), date, size) {
                    stamps.extend(uids.has(uid).then_some((uid, date, size)));
                }
            })
            .await?;
        }
        Ok(stamps)
    }
}

impl HeaderFetch<'_> {
    /// Reads to the end of one command, or half a mebibyte; false when there is no more. The server has work also while nobody reads here.
    pub async fn go_on(&mut self, each: &mut (dyn FnMut(HeaderEvent) + Send)) -> Result<bool, ImapError> {
        self.fill().await?;
        if self.ids.is_empty() {
            if self.begun {
                self.session.in_order();
            }
            return std::mem::replace(&mut self.refused, Ok(())).map(|()| false);
        }
        let mut take = |response: &Response<'_>| each_row(response, &self.wire, each);
        let read = self.session.some_answers("FETCH", &self.ids, &mut take, PAUSE).await?;
        let Some((which, outcome)) = read else { return Ok(true) };
        let (unread, lost) = self.session.watch.take_diverted();
        for raw in unread {
            match unreadable_fetch(&raw) {
                Some((sequence, uid)) if self.wire.iter().any(|set| set.may_have(sequence, uid)) => {
                    each(HeaderEvent::Unreadable { uid, raw });
                }
                _ => {}
            }
        }
        self.ids.remove(which);
        self.wire.remove(which);
        // What is already on the wire is still read, so that the session stays in order.
        let lost = if lost { Err(ImapError::Limit(Limit::Unreadable)) } else { Ok(()) };
        self.refused = std::mem::replace(&mut self.refused, Ok(())).and(outcome).and(lost);
        self.fill().await?;
        Ok(true)
    }

    async fn fill(&mut self) -> Result<(), ImapError> {
        while self.ids.len() < PIPELINE && self.refused.is_ok() {
            let Some((set, line)) = self.lines.next() else { break };
            let session = &mut *self.session;
            self.ids.push(if self.begun { session.send(&line).await? } else { session.begin(&line).await? });
            self.wire.push(set);
            self.begun = true;
        }
        Ok(())
    }
}

fn each_row(response: &Response<'_>, wire: &[&Messages], each: &mut (dyn FnMut(HeaderEvent) + Send)) {
    let Response::Fetch(sequence, attributes) = response else { return };
    let mut row = HeaderRow {
        uid: 0,
        flags: Flags::default(),
        internal_date: 0,
        size: 0,
        email_id: None,
        thread_id: None,
        header: Vec::new(),
    };
    let mut complete = false;
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => row.uid = *uid,
            AttributeValue::Flags(flags) => row.flags = Flags::named(flags.iter().map(AsRef::as_ref)),
            AttributeValue::InternalDate(date) => row.internal_date = internal_date(date).unwrap_or_default(),
            AttributeValue::Rfc822Size(size) => row.size = u64::from(*size),
            AttributeValue::EmailId(id) => row.email_id = object_id(id),
            AttributeValue::ThreadId(id) => row.thread_id = id.as_deref().and_then(object_id),
            AttributeValue::BodySection { data, .. } => {
                row.header = data.as_deref().unwrap_or_default().to_vec();
                complete = true;
            }
            _ => {}
        }
    }
    let uid = (row.uid != 0).then_some(row.uid);
    if complete && uid.is_some() && wire.iter().any(|set| set.has(*sequence, row.uid)) {
        each(HeaderEvent::Row(row));
        return;
    }
    // imap-proto reads what it can of a FETCH, and skips an attribute it cannot: here the UID or the header itself. With
    // neither it is news of a flag, of this message or another, which the next sync sees.
    let skipped = attributes.iter().any(|attribute| matches!(attribute, AttributeValue::Unknown));
    if (skipped || complete) && wire.iter().any(|set| set.may_have(*sequence, uid)) {
        each(HeaderEvent::Unreadable { uid, raw: row.header });
    }
}

/// Sequence number and UID of a FETCH that could not be read; `None` when it is no FETCH at all.
///
/// The UID is looked for before the first literal and outside quotes only: what comes behind may be a mail's own words.
pub(super) fn unreadable_fetch(raw: &[u8]) -> Option<(u32, Option<u32>)> {
    let head = raw.get(..200).unwrap_or(raw).split(|b| b"{\n".contains(b)).next().unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_uppercase();
    let bare: Vec<&str> = head.split('"').step_by(2).collect();
    let mut words = bare.iter().flat_map(|piece| piece.split([' ', '(', ')', '\r'])).filter(|word| !word.is_empty());
    let sequence = words.next().filter(|word| *word == "*").and_then(|_| words.next())?.parse().ok()?;
    words.next().filter(|word| *word == "FETCH")?;
    let uid = words.skip_while(|word| *word != "UID").nth(1).and_then(|uid| uid.parse().ok());
    Some((sequence, uid))
}

pub(super) fn uid_of(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

pub(super) fn flags_of(attributes: &[AttributeValue<'_>]) -> Option<Flags> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Flags(flags) => Some(Flags::named(flags.iter().map(AsRef::as_ref))),
        _ => None,
    })
}

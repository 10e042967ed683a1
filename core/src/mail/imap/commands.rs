//! The commands, but for those that fetch and those that manage mailboxes.

use std::ops::RangeInclusive;

use async_imap::imap_proto::{MailboxDatum, Response, Status};

use super::code::Code;
use super::error::ImapError;
use super::session::ImapSession;
use super::set::UidSet;

/// What the server says of a mailbox as it is selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// When this changes, no UID known before means anything any more.
    pub uid_validity: u32,
    /// The UID that the next message will have.
    pub uid_next: Option<u32>,
    /// How many messages there are.
    pub exists: u32,
    /// Changes with every change (RFC 7162), where the server counts them in this mailbox.
    pub highest_mod_seq: Option<u64>,
}

impl Selected {
    /// Takes a status of the server's that came before the tagged answer of SELECT.
    pub(super) fn note(&mut self, code: Option<Code>) {
        match code {
            Some(Code::UidValidity(value)) => self.uid_validity = value,
            Some(Code::UidNext(value)) => self.uid_next = Some(value),
            // Nought is what servers say that do not count.
            Some(Code::HighestModSeq(value)) => self.highest_mod_seq = Some(value).filter(|value| *value > 0),
            Some(Code::NoModSeq) => self.highest_mod_seq = None,
            Some(Code::Closed) => *self = Self::default(),
            _ => {}
        }
    }

    /// RFC 9051, 6.3.2 requires the number of messages, and the validity. Without the latter no UID can be kept; and a number
    /// that could not be read is not nought, which would mean that every message is gone.
    pub(super) fn with(self, exists: Option<u32>) -> Result<Self, ImapError> {
        match exists {
            Some(exists) if self.uid_validity != 0 => Ok(Self { exists, ..self }),
            _ => Err(ImapError::Malformed),
        }
    }
}

/// Where messages that were copied or moved are now (COPYUID, RFC 4315).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Copied {
    /// The UIDVALIDITY of the mailbox they are in; `None` where the server does not tell.
    pub uid_validity: Option<u32>,
    /// The UID that each had, and the one it has there.
    pub uids: Vec<(u32, u32)>,
}

impl Copied {
    /// COPY tells it with its tagged answer, MOVE before. Sets of different sizes, or of more than was asked, tell nothing.
    fn take(&mut self, response: &Response<'_>, asked: &UidSet) {
        let (Response::Data { status: Status::Ok, outcome } | Response::Done { status: Status::Ok, outcome, .. }) =
            response
        else {
            return;
        };
        let Some(Code::CopyUid(validity, from, to)) = Code::of(outcome) else { return };
        let size = |set: &[RangeInclusive<u32>]| {
            set.iter().map(|range| u64::from(range.end().abs_diff(*range.start())) + 1).sum()
        };
        let told: u64 = size(&from);
        if told != size(&to) || told > asked.count() || self.uid_validity.is_some_and(|before| before != validity) {
            return;
        }
        self.uid_validity = Some(validity);
        let uids = |set: Vec<RangeInclusive<u32>>| set.into_iter().flat_map(ascending);
        self.uids.extend(uids(from).zip(uids(to)).filter(|(from, _)| asked.has(*from)));
    }
}

/// `10:5` is that from 5 to 10 (RFC 9051, seq-range).
fn ascending(range: RangeInclusive<u32>) -> RangeInclusive<u32> {
    let (one, other) = range.into_inner();
    one.min(other)..=one.max(other)
}

/// A string argument. CR, LF and NUL would end the command and begin another.
pub(super) fn quoted(text: &str) -> Result<String, ImapError> {
    Ok(format!("\"{}\"", escaped(text)?))
}

/// What stands between the quotes.
pub(super) fn escaped(text: &str) -> Result<String, ImapError> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(ImapError::InvalidArgument);
    }
    Ok(text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn flag_list(flags: &[&str]) -> Result<String, ImapError> {
    let atom = |flag: &str| {
        let bare = flag.strip_prefix('\\').unwrap_or(flag);
        !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"$_-.".contains(&b))
    };
    if flags.iter().all(|flag| atom(flag)) { Ok(flags.join(" ")) } else { Err(ImapError::InvalidArgument) }
}

impl ImapSession {
    /// Selects a mailbox.
    pub async fn select(&mut self, name: &str) -> Result<Selected, ImapError> {
        let condstore = if self.has("CONDSTORE") || self.has("QRESYNC") { " (CONDSTORE)" } else { "" };
        let line = format!("SELECT {}{condstore}", self.mailbox(name).await?);
        let mut selected = Selected::default();
        (self.exists, self.selected, self.mailbox_id) = (None, Some(name.to_owned()), None);
        self.run("SELECT", &line, |response| {
            if let Response::Data { status: Status::Ok, outcome } = response {
                selected.note(Code::of(outcome));
            }
        })
        .await?;
        self.expunged = false;
        if condstore.is_empty() {
            // Some tell the number and do not claim that it can be used.
            selected.highest_mod_seq = None;
        }
        selected.with(self.exists)
    }

    /// Sets (`on`) or clears flags of messages. Done again, it changes nothing.
    pub async fn store_flags(&mut self, uids: &UidSet, on: bool, flags: &[&str]) -> Result<(), ImapError> {
        let (sign, flags) = (if on { '+' } else { '-' }, flag_list(flags)?);
        for piece in uids.pieces() {
            self.run("STORE", &format!("UID STORE {piece} {sign}FLAGS.SILENT ({flags})"), |_| {}).await?;
        }
        Ok(())
    }

    /// Moves messages to another mailbox at once (RFC 6851). Messages that are gone are no failure: which of them moved, and
    /// what their UIDs are now, is told where the server tells.
    pub async fn move_messages(&mut self, uids: &UidSet, to: &str) -> Result<Copied, ImapError> {
        if !self.has("MOVE") {
            return Err(ImapError::Unsupported("MOVE"));
        }
        self.transfer("MOVE", uids, to).await
    }

    /// Copies messages to another mailbox. What it gives is as for [`ImapSession::move_messages`].
    pub async fn copy_messages(&mut self, uids: &UidSet, to: &str) -> Result<Copied, ImapError> {
        self.transfer("COPY", uids, to).await
    }

    async fn transfer(&mut self, command: &'static str, uids: &UidSet, to: &str) -> Result<Copied, ImapError> {
        let (to, mut copied) = (self.mailbox(to).await?, Copied::default());
        for (index, piece) in uids.pieces().into_iter().enumerate() {
            let line = format!("UID {command} {piece} {to}");
            let told = self.run(command, &line, |response| copied.take(response, uids));
            match told.await {
                // The first are done: that must be known.
                Err(ImapError::Refused { .. } | ImapError::Bad { .. }) if index > 0 => break,
                told => told?,
            }
        }
        Ok(copied)
    }

    /// Removes those of the messages that are marked as deleted, and no others (RFC 4315).
    pub async fn expunge_uids(&mut self, uids: &UidSet) -> Result<(), ImapError> {
        if !self.has("UIDPLUS") {
            return Err(ImapError::Unsupported("UIDPLUS"));
        }
        for piece in uids.pieces() {
            self.run("EXPUNGE", &format!("UID EXPUNGE {piece}"), |_| {}).await?;
        }
        Ok(())
    }

    /// Adds a message to a mailbox. Gives the UIDVALIDITY and the UID it has there, where the server tells (RFC 4315).
    ///
    /// After an error other than [`ImapError::Refused`], [`ImapError::Bad`] and [`ImapError::InvalidArgument`] it may be
    /// there or not: look for it before doing it again.
    pub async fn append(
        &mut self,
        name: &str,
        flags: &[&str],
        message: &[u8],
    ) -> Result<Option<(u32, u32)>, ImapError> {
        if message.contains(&0) {
            return Err(ImapError::InvalidArgument);
        }
        let (mailbox, flags) = (self.mailbox(name).await?, flag_list(flags)?);
        // RFC 7888, 5: what the server has not agreed to take is no more than this.
        let small = message.len() <= 4096;
        let at_once = self.has("LITERAL+") || (small && self.has("LITERAL-"));
        // RFC 6855, 4.
        let (open, close) = if self.utf8 && header_is_utf8(message) { ("UTF8 (~", ")") } else { ("", "") };
        let plus = if at_once { "+" } else { "" };
        let line = format!("APPEND {mailbox} ({flags}) {open}{{{}{plus}}}", message.len());
        let id = self.begin(&line).await?;
        if !at_once && let Some(outcome) = self.go_ahead("APPEND", &id).await? {
            self.in_order();
            // An OK without a message is none.
            return outcome.and(Err(ImapError::Malformed));
        }
        self.send_literal(message, close).await?;
        let mut place = None;
        self.finish("APPEND", &id, &mut |response| place = place.or_else(|| appended(response))).await?;
        Ok(place)
    }

    /// The UIDs of the messages of the selected mailbox whose header `field` holds `value`.
    pub async fn search_header(&mut self, field: &str, value: &str) -> Result<Vec<u32>, ImapError> {
        // What is not ASCII needs a CHARSET that no server must know; no field that we look for holds it.
        if !field.is_ascii() || !value.is_ascii() {
            return Err(ImapError::InvalidArgument);
        }
        let line = format!("UID SEARCH HEADER {} {}", quoted(field)?, quoted(value)?);
        let mut found = Vec::new();
        self.run("SEARCH", &line, |response| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found.extend(uids);
            }
        })
        .await?;
        let (unread, lost) = self.watch.take_diverted();
        // A result that could not be read is not an empty one.
        if lost || unread.iter().any(|raw| is_search(raw)) {
            return Err(ImapError::Malformed);
        }
        Ok(found)
    }

    /// How many messages the selected mailbox has, as the server last said; `None` where it did not.
    pub fn exists(&self) -> Option<u32> {
        self.exists
    }

    /// Asks for news of the selected mailbox, and whether the server is still there.
    pub async fn noop(&mut self) -> Result<(), ImapError> {
        self.run("NOOP", "NOOP", |_| {}).await
    }

    /// Takes leave. The connection is closed in any case.
    pub async fn logout(mut self) -> Result<(), ImapError> {
        self.run("LOGOUT", "LOGOUT", |_| {}).await
    }
}

/// Whether the message's own header says something in UTF-8, as RFC 6532 lets it.
fn header_is_utf8(message: &[u8]) -> bool {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let header = message.get(..end).unwrap_or_default();
    !header.is_ascii() && std::str::from_utf8(header).is_ok()
}

/// The result of a search: `SEARCH`, or `ESEARCH` of a server that knows no better (RFC 4731).
pub(super) fn is_search(raw: &[u8]) -> bool {
    let word = raw.strip_prefix(b"* ").and_then(|rest| rest.split(|b| !b.is_ascii_alphabetic()).next());
    word.is_some_and(|word| word.eq_ignore_ascii_case(b"SEARCH") || word.eq_ignore_ascii_case(b"ESEARCH"))
}

fn appended(response: &Response<'_>) -> Option<(u32, u32)> {
    let Response::Done { status: Status::Ok, outcome, .. } = response else { return None };
    match Code::of(outcome) {
        Some(Code::AppendUid(validity, uid)) => Some((validity, uid)),
        _ => None,
    }
}

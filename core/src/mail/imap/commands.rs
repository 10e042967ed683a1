//! The commands, but for those that fetch.

use async_imap::imap_proto::{MailboxDatum, Response, Status};

use super::code::Code;
use super::error::ImapError;
use super::mailbox_name;
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

pub(super) fn mailbox(name: &str) -> Result<String, ImapError> {
    quoted(&mailbox_name::encode(name))
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
        let line = format!("SELECT {}{condstore}", mailbox(name)?);
        let mut selected = Selected::default();
        (self.exists, self.selected) = (None, Some(name.to_owned()));
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

    /// Moves messages to another mailbox at once (RFC 6851). Messages that are gone are no failure.
    pub async fn move_messages(&mut self, uids: &UidSet, to: &str) -> Result<(), ImapError> {
        if !self.has("MOVE") {
            return Err(ImapError::Unsupported("MOVE"));
        }
        for piece in uids.pieces() {
            self.run("MOVE", &format!("UID MOVE {piece} {}", mailbox(to)?), |_| {}).await?;
        }
        Ok(())
    }

    /// Copies messages to another mailbox.
    pub async fn copy_messages(&mut self, uids: &UidSet, to: &str) -> Result<(), ImapError> {
        for piece in uids.pieces() {
            self.run("COPY", &format!("UID COPY {piece} {}", mailbox(to)?), |_| {}).await?;
        }
        Ok(())
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
        let small = message.len() <= 4096;
        let at_once = self.has("LITERAL+") || (small && self.has("LITERAL-"));
        let (name, flags, plus) = (mailbox(name)?, flag_list(flags)?, if at_once { "+" } else { "" });
        let line = format!("APPEND {name} ({flags}) {{{}{plus}}}", message.len());
        let id = self.begin(&line).await?;
        if !at_once && let Some(outcome) = self.go_ahead("APPEND", &id).await? {
            self.in_order();
            // An OK without a message is none.
            return outcome.and(Err(ImapError::Malformed));
        }
        self.send_literal(message).await?;
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

/// The result of a search: `SEARCH`, or `ESEARCH` of a server that knows no better (RFC 4731).
fn is_search(raw: &[u8]) -> bool {
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

//! Fetching sections of messages in pieces, many commands on the wire at once.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write;
use std::sync::atomic::Ordering;

use async_imap::imap_proto::{AttributeValue, MessageSection, RequestId, Response, SectionPath};

use super::error::{ImapError, Limit};
use super::fetch::{uid_of, unreadable_fetch};
use super::session::{ImapSession, PIPELINE};
use super::set::UidSet;

/// How much of an answer is read at once.
const PAUSE: u64 = 512 * 1024;
/// The largest literal that other commands may bring, and the least that is let through while pieces come.
pub(super) const LITERAL: usize = 1024 * 1024;
const PIECE_LITERAL: usize = 64 * 1024;

/// What one command asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ask {
    /// Pieces of sections of one message: name, offset, and how many bytes at most. A piece that is shorter is the last of its
    /// section. `HEADER`, `1.2` and `1.2.MIME` are names; an empty one is the whole message.
    Pieces(u32, Vec<(String, u32, u32)>),
    /// The first so many bytes of each of these messages.
    Messages(UidSet, u32),
}

/// Some bytes of a section of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Piece {
    /// The message.
    pub uid: u32,
    /// The section's name.
    pub section: String,
    /// Where in the section it begins.
    pub offset: u32,
    /// How many bytes were asked for; the answer may be shorter.
    pub asked: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A fetch of pieces under way. Dropped before its end, it leaves the session unusable.
pub struct PieceFetch<'a> {
    session: &'a mut ImapSession,
    asks: &'a mut (dyn Iterator<Item = Ask> + Send),
    ids: Vec<RequestId>,
    wire: Vec<OnWire>,
    begun: bool,
    failed: Result<(), ImapError>,
}

/// A command on the wire, and what of it has not come yet.
struct OnWire {
    ask: Ask,
    /// By UID, section and offset: how many bytes were asked for. Of whole messages, those that have come.
    due: BTreeMap<(u32, String, u32), u32>,
    /// Whether the server gave anything of its message.
    answered: bool,
}

impl Piece {
    /// These bytes.
    pub(in crate::mail) fn new(uid: u32, section: String, offset: u32, asked: u32, bytes: Vec<u8>) -> Self {
        Self { uid, section, offset, asked, bytes }
    }
}

impl fmt::Debug for PieceFetch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PieceFetch")
    }
}

impl Ask {
    fn line(&self) -> Result<String, ImapError> {
        match self {
            Self::Pieces(uid, pieces) => {
                let mut line = format!("UID FETCH {uid} (UID");
                for (section, offset, most) in pieces {
                    if !section.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') || *most == 0 {
                        return Err(ImapError::InvalidArgument);
                    }
                    let _ = write!(line, " BODY.PEEK[{section}]<{offset}.{most}>");
                }
                Ok(line + ")")
            }
            Self::Messages(uids, most) => match uids.pieces().as_slice() {
                [set] => Ok(format!("UID FETCH {set} (UID BODY.PEEK[]<0.{most}>)")),
                // A command is one line.
                _ => Err(ImapError::InvalidArgument),
            },
        }
    }

    fn largest(&self) -> u32 {
        match self {
            Self::Pieces(_, pieces) => pieces.iter().map(|(_, _, most)| *most).max().unwrap_or_default(),
            Self::Messages(_, most) => *most,
        }
    }
}

impl OnWire {
    fn of(ask: Ask) -> Self {
        let due = match &ask {
            Ask::Pieces(uid, pieces) => pieces
                .iter()
                .map(|(section, offset, most)| ((*uid, section.to_ascii_uppercase(), *offset), *most))
                .collect(),
            Ask::Messages(..) => BTreeMap::new(),
        };
        Self { ask, due, answered: false }
    }

    /// How much of this was asked for here and has not come; from then on it has.
    fn takes(&mut self, uid: u32, section: &str, offset: u32) -> Option<u32> {
        match &self.ask {
            Ask::Messages(uids, most) => {
                let ours = section.is_empty() && offset == 0 && uids.has(uid);
                (ours && self.due.insert((uid, String::new(), 0), *most).is_none()).then_some(*most)
            }
            Ask::Pieces(..) => self.due.remove(&(uid, section.to_owned(), offset)),
        }
    }
}

impl ImapSession {
    /// Fetches pieces in the order of `asks`, which is asked for the next as soon as there is room on the wire: when it ends, what
    /// is on its way is still read. No message is marked as read.
    pub fn piece_fetch<'a>(&'a mut self, asks: &'a mut (dyn Iterator<Item = Ask> + Send)) -> PieceFetch<'a> {
        self.watch.literal.store(PIECE_LITERAL, Ordering::Relaxed);
        PieceFetch { session: self, asks, ids: Vec::new(), wire: Vec::new(), begun: false, failed: Ok(()) }
    }

    /// At most `most` bytes of a section of a message from `offset` on. Fewer than `most` mean the end.
    pub async fn fetch_part(&mut self, uid: u32, section: &str, offset: u32, most: u32) -> Result<Vec<u8>, ImapError> {
        let mut ask = std::iter::once(Ask::Pieces(uid, vec![(section.to_owned(), offset, most)]));
        let mut found = None;
        let mut fetch = self.piece_fetch(&mut ask);
        while fetch.go_on(&mut |piece| found = Some(piece.bytes)).await? {}
        found.ok_or(ImapError::NotFound)
    }
}

impl PieceFetch<'_> {
    /// Reads to the end of one command, or half a mebibyte; false when there is no more. The server has work also while nobody
    /// reads here. Each piece that was asked for is told once; what was not is left out.
    ///
    /// After everything on the wire was read, and with the session in order: [`ImapError::NotFound`] where a message is not
    /// there, [`ImapError::NoSuchPart`] where the server has nothing for a section, [`ImapError::WrongPart`] where it sent other
    /// bytes than were asked for, [`ImapError::Malformed`] where its answer could not be read.
    pub async fn go_on(&mut self, each: &mut (dyn FnMut(Piece) + Send)) -> Result<bool, ImapError> {
        self.fill().await?;
        if self.ids.is_empty() {
            self.session.watch.literal.store(LITERAL, Ordering::Relaxed);
            if self.begun {
                self.session.in_order();
            }
            return std::mem::replace(&mut self.failed, Ok(())).map(|()| false);
        }
        let (wire, mut wrong) = (&mut self.wire, Ok(()));
        let mut take = |response: &Response<'_>| {
            let taken = pieces(response, wire, each);
            wrong = std::mem::replace(&mut wrong, Ok(())).and(taken);
        };
        let read = self.session.some_answers("FETCH", &self.ids, &mut take, PAUSE).await?;
        self.fail(wrong);
        let Some((which, outcome)) = read else { return Ok(true) };
        self.ids.remove(which);
        let ended = self.wire.remove(which);
        let (unread, lost) = self.session.watch.take_diverted();
        let unread = lost || unread.iter().any(|raw| unreadable_fetch(raw).is_some());
        let all = match (&ended.ask, ended.due.is_empty()) {
            (Ask::Messages(..), _) | (_, true) => Ok(()),
            _ if unread => Err(ImapError::Malformed),
            _ if ended.answered => Err(ImapError::NoSuchPart),
            _ => Err(ImapError::NotFound),
        };
        self.fail(outcome.and(all));
        self.fail(if lost { Err(ImapError::Limit(Limit::Unreadable)) } else { Ok(()) });
        self.fill().await?;
        Ok(true)
    }

    /// What is already on the wire is still read, so that the session stays in order.
    fn fail(&mut self, outcome: Result<(), ImapError>) {
        self.failed = std::mem::replace(&mut self.failed, Ok(())).and(outcome);
    }

    async fn fill(&mut self) -> Result<(), ImapError> {
        while self.ids.len() < PIPELINE && self.failed.is_ok() {
            let Some(ask) = self.asks.next() else { break };
            let line = match ask.line() {
                Ok(line) => line,
                Err(error) => {
                    self.fail(Err(error));
                    break;
                }
            };
            self.session.watch.literal.fetch_max(ask.largest() as usize, Ordering::Relaxed);
            let session = &mut *self.session;
            self.ids.push(if self.begun { session.send(&line).await? } else { session.begin(&line).await? });
            self.wire.push(OnWire::of(ask));
            self.begun = true;
        }
        Ok(())
    }
}

/// Tells the pieces in an answer that were asked for.
fn pieces(response: &Response<'_>, wire: &mut [OnWire], each: &mut (dyn FnMut(Piece) + Send)) -> Result<(), ImapError> {
    let Response::Fetch(_, attributes) = response else { return Ok(()) };
    // Without it nobody knows whose bytes these are.
    let Some(uid) = uid_of(attributes) else { return Ok(()) };
    let mut outcome = Ok(());
    for attribute in attributes {
        let AttributeValue::BodySection { section, index, data } = attribute else { continue };
        let (section, offset) = (name(section.as_ref()), index.unwrap_or_default());
        let mut ours = wire.iter_mut().filter(|one| match &one.ask {
            Ask::Pieces(asked, _) => *asked == uid,
            Ask::Messages(uids, _) => uids.has(uid),
        });
        let mut any = false;
        let asked = ours.find_map(|one| {
            (one.answered, any) = (true, true);
            one.takes(uid, &section, offset)
        });
        let one = match (asked, data) {
            (Some(asked), Some(bytes)) if bytes.len() <= asked as usize => {
                each(Piece { uid, section, offset, asked, bytes: bytes.to_vec() });
                continue;
            }
            (Some(_), None) => Err(ImapError::NoSuchPart),
            (None, _) if !any => Ok(()),
            _ => Err(ImapError::WrongPart),
        };
        outcome = outcome.and(one);
    }
    outcome
}

/// A section as it is asked for.
fn name(section: Option<&SectionPath>) -> String {
    let word = |section: &MessageSection| match section {
        MessageSection::Header => "HEADER",
        MessageSection::Mime => "MIME",
        MessageSection::Text => "TEXT",
    };
    match section {
        None => String::new(),
        Some(SectionPath::Full(section)) => word(section).to_owned(),
        Some(SectionPath::Part(numbers, section)) => {
            let mut name = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            if let Some(section) = section {
                let _ = write!(name, ".{}", word(section));
            }
            name
        }
    }
}

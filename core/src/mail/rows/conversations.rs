//! Conversations as they are shown: those of a mailbox, and the messages of one.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Transaction, params};

use super::lists::KEPT;
use super::{After, Row, StoreError, addressed, conversation_of, row};
use crate::mail::conversations::Me;
use crate::mail::flags::Flags;
use crate::mail::mime::Person;
use crate::store::Change;

/// Messages of one conversation that are read, its newest: one that has more is no conversation between people.
const READ: usize = 500;
/// People who are named.
const PEOPLE: usize = 8;

/// A conversation in the list of a mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Conversation {
    /// Its newest message in the mailbox: by this one it is opened and muted.
    pub newest: i64,
    /// When the server received that one, in milliseconds since 1970.
    pub received_ms: i64,
    /// The subject of its first message.
    pub subject: String,
    /// Who wrote in it, the first few, in the order in which they came in.
    pub participants: Vec<Participant>,
    /// How many messages it has in all mailboxes, but those in the bin and among the unwanted mail; a message that is in several
    /// mailboxes is one. Of a conversation of more than 500 messages the newest 500 are counted, and told from.
    pub count: u64,
    /// How many of these nobody has read in any mailbox.
    pub unread: u64,
    /// Whether one of them is flagged.
    pub flagged: bool,
    /// Whether one of them seems to have attachments.
    pub attachments: bool,
    /// Whether the teacher wants no notices of it.
    pub muted: bool,
}

impl Conversation {
    /// The place in the list behind it.
    pub fn after(&self) -> After {
        After { received_ms: self.received_ms, id: self.newest }
    }
}

/// Somebody who wrote in a conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Participant {
    /// As their newest message gives it.
    pub person: Person,
    /// Whether it is the teacher.
    pub me: bool,
}

/// A message of a conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sighting {
    /// Its row: in the mailbox that the conversation was opened from where it is there.
    pub row: Row,
    /// All rows of it, that one among them: what is done with it is done with each.
    pub copies: Vec<Copied>,
}

/// One of the places where a message is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Copied {
    /// The row's number.
    pub message: i64,
    /// The mailbox.
    pub mailbox: i64,
}

/// The newest message of each conversation in a mailbox, along the mailbox's index; whether one is the newest, the conversation's
/// index tells.
pub(super) const HEADS: &str = "SELECT m.id, m.received_ms, m.conversation,
    EXISTS (SELECT 1 FROM conversation WHERE id = m.conversation AND muted = 1) AS quiet
FROM message m INDEXED BY message_newest
WHERE m.shown_in = ?1 AND (m.received_ms, m.id) < (?2, ?3) AND NOT (?4 AND quiet) AND NOT EXISTS (
    SELECT 1 FROM message n INDEXED BY message_conversation WHERE n.conversation = m.conversation
    AND (n.received_ms, n.id) > (m.received_ms, m.id) AND n.shown_in = m.shown_in)
ORDER BY m.received_ms DESC, m.id DESC LIMIT ?5";

pub(super) const MEMBERS: &str =
    "SELECT id, received_ms, subject, from_name, from_address, flags, attachments, size, unreadable,
    shown_in, EXISTS (SELECT 1 FROM conversation WHERE id = message.conversation AND muted = 1), message_id
FROM message INDEXED BY message_conversation WHERE conversation = ? AND shown_in IS NOT NULL
ORDER BY received_ms DESC, id DESC LIMIT ?";

/// The conversations of a mailbox behind `after`, that with the newest message there first; with `unmuted` only those that are
/// not muted.
pub(in crate::mail) fn conversations(
    c: &Connection,
    me: &Me,
    mailbox: i64,
    after: Option<After>,
    unmuted: bool,
    limit: u32,
) -> Result<Vec<Conversation>, StoreError> {
    let after = after.unwrap_or(After { received_ms: i64::MAX, id: i64::MAX });
    let mut query = c.prepare_cached(HEADS)?;
    let heads = query.query_map(params![mailbox, after.received_ms, after.id, unmuted, limit.min(500)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let heads: Vec<(i64, i64, Option<i64>, bool)> = heads.collect::<Result<_, _>>()?;
    let visible = visible(c, &me.academy)?;
    let mut all = Vec::with_capacity(heads.len());
    for (newest, received_ms, conversation, muted) in heads {
        let messages = match conversation {
            Some(conversation) => members(c, conversation, mailbox, &visible)?,
            // Not looked into yet.
            None => vec![Message::of(super::one(c, newest)?)],
        };
        all.push(told(me, newest, received_ms, muted, &messages));
    }
    Ok(all)
}

/// The messages of the conversation that `message` is part of, oldest first; of more than 500 the newest.
pub(in crate::mail) fn conversation(c: &Connection, me: &Me, message: i64) -> Result<Vec<Sighting>, StoreError> {
    let mut query =
        c.prepare_cached("SELECT conversation, shown_in FROM message WHERE id = ? AND shown_in IS NOT NULL")?;
    let (conversation, mailbox) = query.query_row([message], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
    let messages = match conversation {
        Some(conversation) => members(c, conversation, mailbox, &visible(c, &me.academy)?)?,
        None => vec![Message::of(super::one(c, message)?)],
    };
    let (rows, copies): (Vec<_>, Vec<_>) = messages.into_iter().map(|one| (one.row, one.copies)).unzip();
    let rows = addressed(c, rows)?;
    Ok(rows.into_iter().zip(copies).map(|(row, copies)| Sighting { row, copies }).collect())
}

/// Mutes the conversation of a message, or no longer. It stays so whatever comes into it, and where it joins another one.
pub(in crate::mail) fn mute(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    me: &Me,
    message: i64,
    on: bool,
) -> Result<(), StoreError> {
    let conversation = conversation_of(t, message)?;
    t.execute("UPDATE conversation SET muted = ? WHERE id = ?", params![on, conversation])?;
    if on {
        let mut header = t.prepare_cached("SELECT message_id, header FROM message WHERE id = ?")?;
        let key = header.query_row([message], |row| {
            Ok(me.own(row.get::<_, Option<String>>(0)?.as_deref(), &row.get::<_, Vec<u8>>(1)?))
        })?;
        t.execute("INSERT OR IGNORE INTO mute (key, academy) VALUES (?, ?)", params![key, me.academy])?;
    } else {
        t.execute("DELETE FROM mute WHERE key IN (SELECT key FROM known_id WHERE conversation = ?)", [conversation])?;
    }
    let mut where_shown =
        t.prepare_cached("SELECT DISTINCT shown_in FROM message WHERE conversation = ? AND shown_in IS NOT NULL")?;
    let mailboxes = where_shown.query_map([conversation], |row| row.get(0))?;
    for mailbox in mailboxes {
        changes.push(Change::Messages { mailbox: mailbox? });
    }
    Ok(())
}

/// A message with its copies.
struct Message {
    row: Row,
    unread: bool,
    copies: Vec<Copied>,
}

impl Message {
    fn of(row: Row) -> Self {
        let unread = !row.flags.has(Flags::SEEN);
        let copies = row.mailbox.map(|mailbox| Copied { message: row.id, mailbox }).into_iter().collect();
        Self { row, unread, copies }
    }

    fn add(&mut self, row: Row, preferred: i64) {
        self.unread &= !row.flags.has(Flags::SEEN);
        self.copies.extend(row.mailbox.map(|mailbox| Copied { message: row.id, mailbox }));
        if row.mailbox == Some(preferred) && self.row.mailbox != Some(preferred) {
            self.row = row;
        }
    }
}

/// The messages of a conversation as one sees it from `mailbox`, oldest first. Copies have the same Message-ID and author: the
/// former alone is anybody's word, and would hide another's message.
fn members(
    c: &Connection,
    conversation: i64,
    mailbox: i64,
    visible: &BTreeSet<i64>,
) -> Result<Vec<Message>, StoreError> {
    let mut query = c.prepare_cached(MEMBERS)?;
    let rows = query.query_map(params![conversation, i64::try_from(READ).unwrap_or(i64::MAX)], |one| {
        Ok((row(one)?, one.get::<_, Option<String>>(11)?))
    })?;
    let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    rows.reverse();
    let (mut messages, mut places) = (Vec::<Message>::new(), BTreeMap::new());
    for (row, message_id) in rows {
        let shown = row.mailbox.is_some_and(|shown_in| shown_in == mailbox || visible.contains(&shown_in));
        if !shown {
            continue;
        }
        let name = message_id.map(|id| (id, row.from_address.as_ref().map(|address| address.to_ascii_lowercase())));
        let known = name.as_ref().and_then(|name| places.get(name)).copied();
        match known.and_then(|at: usize| messages.get_mut(at)) {
            Some(message) => message.add(row, mailbox),
            None => {
                if let Some(name) = name {
                    places.insert(name, messages.len());
                }
                messages.push(Message::of(row));
            }
        }
    }
    Ok(messages)
}

fn told(me: &Me, newest: i64, received_ms: i64, muted: bool, messages: &[Message]) -> Conversation {
    let mut participants = Vec::<Participant>::new();
    for row in messages.iter().map(|message| &message.row) {
        let Some(address) = &row.from_address else { continue };
        let person = Person { name: row.from_name.clone(), address: address.clone() };
        let known = participants.iter_mut().find(|one| one.person.address.eq_ignore_ascii_case(address));
        if let Some(known) = known {
            known.person = person;
        } else if participants.len() < PEOPLE {
            participants.push(Participant { me: me.is(address), person });
        }
    }
    Conversation {
        newest,
        received_ms,
        subject: messages.first().map(|message| message.row.subject.clone()).unwrap_or_default(),
        participants,
        count: messages.len() as u64,
        unread: messages.iter().filter(|message| message.unread).count() as u64,
        flagged: messages.iter().any(|message| message.row.flags.has(Flags::FLAGGED)),
        attachments: messages.iter().any(|message| message.row.attachments),
        muted,
    }
}

/// The mailboxes whose messages are part of conversations wherever one looks from.
fn visible(c: &Connection, academy: &str) -> Result<BTreeSet<i64>, StoreError> {
    let mut query = c.prepare_cached(&format!("SELECT id FROM mailbox WHERE {KEPT}"))?;
    Ok(query.query_map([academy], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

//! Which messages are of one conversation: what a message says of that. What follows from it is in `rows/threads.rs`; the rules
//! for both are in `README.md`.

mod ids;
mod subject;

use ring::digest::{SHA256, digest};

use super::mime::{Headers, Person, read_headers};

/// An answer without references is of the same time as what it answers, or of the one before: in milliseconds.
const TIME_MS: i64 = 28 * 24 * 60 * 60 * 1000;
/// Recipients by which a letter of the teacher's own is found, and by which an answer finds.
const PEOPLE: usize = 8;

/// What a message says of the conversation that it is part of; names of things are hashes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Links {
    /// Its own name, and those of the messages that it names.
    pub(super) ids: Vec<i64>,
    /// The subject, with whom and when: those by which an answer without references may find it.
    pub(super) offers: Vec<i64>,
    /// The same of such an answer.
    pub(super) seeks: Vec<i64>,
    /// Whether it went to the teacher's own address, and to nobody else that is named.
    pub(super) to_me: bool,
}

/// A header, with what was read of it for its row.
pub(super) struct Heard<'a> {
    pub(super) header: &'a [u8],
    pub(super) message_id: Option<&'a str>,
    pub(super) subject: &'a str,
    pub(super) from_address: Option<&'a str>,
    pub(super) received_ms: i64,
}

impl<'a> Heard<'a> {
    pub(super) fn new(header: &'a [u8], read: &'a Headers, received_ms: i64) -> Self {
        Self {
            header,
            message_id: read.message_id.as_deref(),
            subject: &read.subject,
            from_address: read.from.as_ref().map(|person| person.address.as_str()),
            received_ms,
        }
    }
}

/// Whose mail it is, as far as conversations go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Me {
    pub(super) academy: String,
    pub(super) address: Option<String>,
}

impl Me {
    pub(super) fn is(&self, address: &str) -> bool {
        self.address.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(address))
    }

    /// The name of a message. Without a Message-ID its header stands for it: copies of it have the same.
    pub(super) fn own(&self, message_id: Option<&str>, header: &[u8]) -> i64 {
        match message_id {
            Some(id) => self.hash("id", &[id.as_bytes()]),
            None => self.hash("header", &[header]),
        }
    }

    /// What a message says.
    pub(super) fn read(&self, heard: &Heard<'_>) -> Links {
        let named = ids::named(heard.header);
        let own = self.own(heard.message_id, heard.header);
        let mut links = Links { ids: vec![own], ..Links::default() };
        links.ids.extend(named.iter().map(|id| self.hash("id", &[id.as_bytes()])));
        let subject = subject::read(heard.subject);
        let seeking = named.is_empty() && subject.as_ref().is_some_and(|subject| subject.marked);
        let by_me = heard.from_address.is_some_and(|address| self.is(address));
        let fields = ids::recipients(heard.header);
        let for_me = self.address.as_deref().zip(fields.as_deref());
        let for_me = for_me.is_some_and(|(own, fields)| has(fields, own.as_bytes()));
        let people = if for_me || by_me || seeking {
            let Headers { to, cc, .. } = fields.map(|fields| read_headers(&fields)).unwrap_or_default();
            to.into_iter().chain(cc).collect()
        } else {
            Vec::new()
        };
        links.to_me = for_me && !people.is_empty() && people.iter().all(|one: &Person| self.is(&one.address));
        let Some(subject) = subject else { return links };
        let time = heard.received_ms.div_euclid(TIME_MS);
        let key = |time: i64, who: &str| {
            let who = who.to_lowercase();
            self.hash("subject", &[subject.base.as_bytes(), who.as_bytes(), &time.to_be_bytes()])
        };
        let others = || people.iter().map(|one| one.address.as_str()).filter(|one| !self.is(one)).take(PEOPLE);
        match heard.from_address {
            Some(_) if by_me => links.offers.extend(others().map(|who| key(time, who))),
            Some(from) => links.offers.push(key(time, from)),
            None => {}
        }
        if seeking {
            let from = heard.from_address.filter(|from| !self.is(from));
            for who in from.into_iter().chain(others()) {
                links.seeks.extend([key(time, who), key(time - 1, who)]);
            }
        }
        links
    }

    /// The first eight bytes of SHA-256, in which each part has its length before it.
    fn hash(&self, kind: &str, parts: &[&[u8]]) -> i64 {
        let mut text = Vec::with_capacity(128);
        for part in [kind.as_bytes(), self.academy.as_bytes()].iter().chain(parts) {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part);
        }
        let hashed = digest(&SHA256, &text);
        hashed.as_ref().first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
    }
}

/// Whether `text` has `part` in it, in small or capital letters.
fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len().max(1)).any(|here| here.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests;

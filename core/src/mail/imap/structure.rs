//! How a message is made up (RFC 9051, BODYSTRUCTURE), as a small tree of our own.

use std::sync::atomic::Ordering;

use async_imap::imap_proto::{AttributeValue, BodyStructure, ContentEncoding, Response};
use serde::{Deserialize, Serialize};

use super::error::ImapError;
use super::fetch::{uid_of, unreadable_fetch};
use super::parts::LITERAL;
use super::session::ImapSession;

/// More than any honest message has.
const MOST_PARTS: usize = 300;
const DEEPEST: usize = 20;
/// What is asked of a header at once. One that is longer is of somebody who wants it to be.
pub(in crate::mail) const HEADER: u32 = 64 * 1024;

/// How the bytes of a part are written (RFC 2045, 6.1).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are: 7bit, 8bit, binary, and what nobody knows.
    #[default]
    Identity,
    /// Base64.
    Base64,
    /// Quoted-printable.
    QuotedPrintable,
}

/// A part of a message, with the parts in it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// By what name the server gives it: `1.2`; empty for a message of several parts as a whole.
    pub section: String,
    /// Its type in lower case: `text/plain`.
    pub media_type: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// Its size as it is written, in bytes, as the server tells it; 0 where it has parts.
    pub octets: u32,
    /// Whether the sender calls it an attachment.
    pub attachment: bool,
    /// Whether the sender has it shown in its place, or something in the text refers to it.
    pub inline: bool,
    /// What it consists of. A message in a message has none here: it is a file.
    pub parts: Vec<Part>,
}

/// A message's structure and header.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Outline {
    /// Its parts; `None` where the server's word on them cannot be read, or is none of an honest message.
    pub root: Option<Part>,
    /// At most 64 KiB of its header.
    pub header: Vec<u8>,
}

impl Part {
    /// Whether it consists of other parts.
    pub fn is_multipart(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Every part, itself first, in the order in which they are written.
    pub fn all(&self) -> Vec<&Part> {
        let (mut all, mut open) = (Vec::new(), vec![self]);
        while let Some(part) = open.pop() {
            all.push(part);
            open.extend(part.parts.iter().rev());
        }
        all
    }

    /// About how many bytes it has once decoded. Only the bytes tell for sure.
    pub fn decoded_size(&self) -> u64 {
        let octets = u64::from(self.octets);
        match self.encoding {
            // Lines of 76 characters and their ends.
            Encoding::Base64 => octets.saturating_mul(57) / 78,
            Encoding::QuotedPrintable | Encoding::Identity => octets,
        }
    }

    /// `None` for more parts, or parts deeper in parts, than an honest message has.
    pub(super) fn of(structure: &BodyStructure<'_>) -> Option<Self> {
        let mut count = 0;
        let mut root = part(structure, String::new(), 0, &mut count)?;
        if !root.is_multipart() {
            "1".clone_into(&mut root.section);
        }
        Some(root)
    }
}

fn part(structure: &BodyStructure<'_>, section: String, depth: usize, count: &mut usize) -> Option<Part> {
    *count += 1;
    if *count > MOST_PARTS || depth > DEEPEST {
        return None;
    }
    let (common, single, parts) = match structure {
        BodyStructure::Multipart { common, bodies, .. } => {
            let inside = |(index, body)| {
                let section =
                    if section.is_empty() { format!("{}", index + 1) } else { format!("{section}.{}", index + 1) };
                part(body, section, depth + 1, count)
            };
            (common, None, bodies.iter().enumerate().map(inside).collect::<Option<Vec<_>>>()?)
        }
        BodyStructure::Basic { common, other, .. }
        | BodyStructure::Text { common, other, .. }
        | BodyStructure::Message { common, other, .. } => (common, Some(other), Vec::new()),
    };
    let disposition = |name: &str| common.disposition.as_ref().is_some_and(|told| told.ty.eq_ignore_ascii_case(name));
    Some(Part {
        section,
        media_type: format!("{}/{}", common.ty.ty, common.ty.subtype).to_ascii_lowercase(),
        encoding: single.map_or(Encoding::Identity, |single| encoding(&single.transfer_encoding)),
        octets: single.map_or(0, |single| single.octets),
        attachment: disposition("attachment"),
        inline: disposition("inline") || single.is_some_and(|single| single.id.is_some()),
        parts,
    })
}

fn encoding(told: &ContentEncoding<'_>) -> Encoding {
    match told {
        ContentEncoding::Base64 => Encoding::Base64,
        ContentEncoding::QuotedPrintable => Encoding::QuotedPrintable,
        _ => Encoding::Identity,
    }
}

impl ImapSession {
    /// How a message is made up, and its header, in one round trip. Does not mark it as read. [`ImapError::NotFound`] where the
    /// message is not there any more.
    ///
    /// A structure of parts in parts without end ends the session with [`ImapError::Limit`]: then ask for the whole message.
    pub async fn fetch_outline(&mut self, uid: u32) -> Result<Outline, ImapError> {
        self.watch.literal.store(HEADER as usize, Ordering::Relaxed);
        let (mut outline, mut there) = (Outline::default(), false);
        let line = format!("UID FETCH {uid} (UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.{HEADER}>)");
        let outcome = self
            .run("FETCH", &line, |response| {
                let Response::Fetch(_, attributes) = response else { return };
                if uid_of(attributes) != Some(uid) {
                    return;
                }
                for attribute in attributes {
                    match attribute {
                        AttributeValue::BodyStructure(structure) => outline.root = Part::of(structure),
                        AttributeValue::BodySection { data: Some(data), .. } => {
                            (outline.header, there) = (data.to_vec(), true);
                        }
                        _ => {}
                    }
                }
            })
            .await;
        self.watch.literal.store(LITERAL, Ordering::Relaxed);
        outcome?;
        let (unread, lost) = self.watch.take_diverted();
        // What could not be read is not what is not there.
        let unread = lost || unread.iter().any(|raw| unreadable_fetch(raw).is_some());
        if there || unread { Ok(outline) } else { Err(ImapError::NotFound) }
    }
}

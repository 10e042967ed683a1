//! What crosses the border as plain data.

use cartable_core::academy::Academy;
use cartable_core::companion as core;
use cartable_core::mail::imap::Role;
use cartable_core::mail::mime;
use cartable_core::mail::{self, Flags};
use cartable_core::portal;
use cartable_core::store;
use cartable_core::words::Language;

use crate::error::Told;

/// An academy to choose.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct AcademyCard {
    /// Its stable short name, for `begin_sign_in`.
    pub id: String,
    /// The name that teachers know.
    pub name: String,
    /// The town of the rectorat.
    pub city: String,
    /// The host of its portal; empty where none is known.
    pub host: Option<String>,
}

/// Somebody signed in.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Who {
    /// The identifiant académique.
    pub identifier: String,
    /// The name to show, where the portal tells it.
    pub name: Option<String>,
    /// The mail address, where the portal tells it.
    pub address: Option<String>,
}

/// Where a sign-in stands, with all that a screen needs.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SignInState {
    /// Nobody is signed in, nothing is under way.
    SignedOut,
    /// The portal is asked how to sign in.
    Preparing,
    /// The teacher signs in, in the system browser.
    Browser {
        /// What to open in the browser.
        url: String,
        /// The host that will ask for the password, to be shown before the browser opens.
        host: String,
    },
    /// The browser came back; its answer is being exchanged for a session.
    Exchanging,
    /// Signed in.
    SignedIn {
        /// Who.
        who: Who,
    },
    /// It did not work; nothing is kept of it. `begin_sign_in` starts again.
    Failed {
        /// What the teacher is told.
        told: Told,
    },
}

/// A mailbox as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Mailbox {
    /// Its number on this phone.
    pub id: i64,
    /// Its name on the server, decoded.
    pub name: String,
    /// What it is for, where known.
    pub role: Option<MailboxRole>,
    /// How many messages the phone knows in it.
    pub known: u64,
    /// How many of these are unread.
    pub unread: u64,
    /// Whether the phone has once known all of it: false while the first sync goes on.
    pub complete: bool,
}

/// What a mailbox is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MailboxRole {
    /// Where mail arrives.
    Inbox,
    /// Sent mail.
    Sent,
    /// Drafts.
    Drafts,
    /// The bin.
    Trash,
    /// Unwanted mail.
    Junk,
    /// The archive.
    Archive,
    /// Something this version has no name for.
    Other,
}

/// A message as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct MessageRow {
    /// Its number on this phone.
    pub id: i64,
    /// When the server received it, in milliseconds since 1970.
    pub received_ms: i64,
    /// Its subject; empty when there is none.
    pub subject: String,
    /// The sender's name, as the sender gives it.
    pub from_name: Option<String>,
    /// The sender's address.
    pub from_address: Option<String>,
    /// Read, here or elsewhere.
    pub read: bool,
    /// Flagged.
    pub flagged: bool,
    /// Answered.
    pub answered: bool,
    /// Whether it seems to have attachments.
    pub attachments: bool,
    /// Its size in bytes.
    pub size: u64,
    /// The server's line about it could not be read; it may still be opened.
    pub unreadable: bool,
}

/// The end of a page: time and number of its last row.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct PageEnd {
    /// The row's `received_ms`.
    pub received_ms: i64,
    /// The row's `id`.
    pub id: i64,
}

/// Somebody in a header, as the sender gives it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Person {
    /// The name, cleaned of characters that reorder text.
    pub name: Option<String>,
    /// The address as written; it may be invalid.
    pub address: String,
}

/// An opened message.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct MessageView {
    /// Its row.
    pub row: MessageRow,
    /// The first recipients.
    pub to: Vec<Person>,
    /// Those in copy.
    pub cc: Vec<Person>,
    /// When the sender says it was written, in milliseconds since 1970.
    pub written_ms: Option<i64>,
    /// Its text; made from the HTML when there is no other.
    pub text: String,
    /// A whole page of its HTML, made harmless: it runs nothing and loads nothing.
    pub html: Option<String>,
    /// How many pictures of other servers were left out of the page.
    pub remote_pictures: u64,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Whether it is less than the sender wrote: damaged, too long, or no message at all.
    pub incomplete: bool,
}

/// A part of a message that is kept as a file.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Attachment {
    /// Its place in the message.
    pub index: u32,
    /// A file name without folder, never empty, never hidden.
    pub name: String,
    /// As the sender declares it, in lower case.
    pub media_type: String,
    /// Decoded, in bytes.
    pub size: u64,
    /// Whether the sender shows it within the text.
    pub inline: bool,
    /// What a `cid:` picture of the page refers to.
    pub content_id: Option<String>,
}

/// An attachment with its content.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct AttachmentContent {
    /// What it is.
    pub attachment: Attachment,
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
}

/// A letter in the outbox.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Letter {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub state: LetterState,
    /// Its subject.
    pub subject: String,
    /// Whom it goes to.
    pub recipients: Vec<String>,
    /// What the teacher is told about it, if there is anything to tell.
    pub told: Option<Told>,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum LetterState {
    /// To be sent at the next occasion.
    Waiting,
    /// Being sent.
    Sending,
    /// Sent; its copy is not in Sent yet.
    Sent,
    /// Sent, with its copy in Sent.
    Filed,
    /// Perhaps sent: look whether it arrived before sending it again.
    Uncertain,
    /// The server does not take it as it is.
    Refused,
}

/// What a sync did.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SyncReport {
    /// Headers that came.
    pub arrived: u64,
    /// Messages that the server no longer has.
    pub gone: u64,
    /// Actions of the teacher that the server has done.
    pub acted: u64,
    /// Actions that the server refused; its state is shown again.
    pub refused: u64,
}

/// What a sync within a deadline came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SyncOnce {
    /// Letters that went out.
    pub sent: u64,
    /// What the sync did; nothing when the deadline came first.
    pub report: Option<SyncReport>,
}

/// Something that a screen may show has changed; the screen reads it anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Change {
    /// Who is signed in.
    Account,
    /// The list of mailboxes.
    Mailboxes,
    /// Rows of this mailbox.
    Messages {
        /// The mailbox.
        mailbox: i64,
    },
    /// The outbox.
    Outbox,
    /// Perhaps all of it.
    Everything,
}

impl From<&Academy> for AcademyCard {
    fn from(academy: &Academy) -> Self {
        let host = academy.official_origins.first().and_then(|origin| origin.host_str()).map(str::to_owned);
        Self { id: academy.id.clone(), name: academy.name.clone(), city: academy.city.clone(), host }
    }
}

impl From<portal::Who> for Who {
    fn from(who: portal::Who) -> Self {
        Self { identifier: who.identifier, name: who.name, address: who.address }
    }
}

impl SignInState {
    pub(crate) fn new(state: portal::SignInState, language: Language) -> Self {
        match state {
            portal::SignInState::SignedOut => Self::SignedOut,
            portal::SignInState::Preparing => Self::Preparing,
            portal::SignInState::Browser { url, host } => Self::Browser { url, host },
            portal::SignInState::Exchanging => Self::Exchanging,
            portal::SignInState::SignedIn(who) => Self::SignedIn { who: who.into() },
            portal::SignInState::Failed(failure) => {
                // No failure of a sign-in speaks of a moment: which one it is now does not matter.
                Self::Failed { told: Told::new(&core::CompanionError::from(failure).finding(0), language) }
            }
            // A state that this version cannot draw is one in which nobody is signed in.
            _ => Self::SignedOut,
        }
    }
}

impl From<mail::Mailbox> for Mailbox {
    fn from(mailbox: mail::Mailbox) -> Self {
        Self {
            id: mailbox.id,
            name: mailbox.name,
            role: mailbox.role.map(Into::into),
            known: mailbox.known,
            unread: mailbox.unread,
            complete: mailbox.complete,
        }
    }
}

impl From<Role> for MailboxRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Inbox => Self::Inbox,
            Role::Sent => Self::Sent,
            Role::Drafts => Self::Drafts,
            Role::Trash => Self::Trash,
            Role::Junk => Self::Junk,
            Role::Archive => Self::Archive,
            _ => Self::Other,
        }
    }
}

impl From<mail::Row> for MessageRow {
    fn from(row: mail::Row) -> Self {
        Self {
            id: row.id,
            received_ms: row.received_ms,
            subject: row.subject,
            from_name: row.from_name,
            from_address: row.from_address,
            read: row.flags.has(Flags::SEEN),
            flagged: row.flags.has(Flags::FLAGGED),
            answered: row.flags.has(Flags::ANSWERED),
            attachments: row.attachments,
            size: row.size,
            unreadable: row.unreadable,
        }
    }
}

impl From<PageEnd> for mail::After {
    fn from(end: PageEnd) -> Self {
        Self { received_ms: end.received_ms, id: end.id }
    }
}

impl From<mime::Person> for Person {
    fn from(person: mime::Person) -> Self {
        Self { name: person.name, address: person.address }
    }
}

impl From<mail::Opened> for MessageView {
    fn from(opened: mail::Opened) -> Self {
        let mime::Reading { headers, text, html, attachments, trouble } = opened.reading;
        Self {
            row: opened.row.into(),
            to: headers.to.into_iter().map(Into::into).collect(),
            cc: headers.cc.into_iter().map(Into::into).collect(),
            written_ms: headers.date_ms,
            text,
            remote_pictures: html.as_ref().map_or(0, |html| html.remote_pictures as u64),
            html: html.as_ref().map(mime::document),
            attachments: attachments.into_iter().map(Into::into).collect(),
            incomplete: trouble.is_some(),
        }
    }
}

impl From<mime::Attachment> for Attachment {
    fn from(attachment: mime::Attachment) -> Self {
        Self {
            index: u32::try_from(attachment.index).unwrap_or(u32::MAX),
            name: attachment.name,
            media_type: attachment.media_type,
            size: attachment.size as u64,
            inline: attachment.inline,
            content_id: attachment.content_id,
        }
    }
}

impl From<(mime::Attachment, Vec<u8>)> for AttachmentContent {
    fn from((attachment, bytes): (mime::Attachment, Vec<u8>)) -> Self {
        Self { attachment: attachment.into(), bytes }
    }
}

impl Letter {
    pub(crate) fn new(letter: mail::Letter, language: Language) -> Self {
        let told = letter.finding().map(|finding| Told::new(&finding, language));
        let state = match letter.state {
            mail::LetterState::Waiting => LetterState::Waiting,
            mail::LetterState::Sending => LetterState::Sending,
            mail::LetterState::Sent => LetterState::Sent,
            mail::LetterState::Filed => LetterState::Filed,
            mail::LetterState::Refused => LetterState::Refused,
            _ => LetterState::Uncertain,
        };
        Self { id: letter.id, state, subject: letter.subject, recipients: letter.recipients, told }
    }
}

impl From<mail::SyncReport> for SyncReport {
    fn from(report: mail::SyncReport) -> Self {
        Self { arrived: report.arrived, gone: report.gone, acted: report.acted, refused: report.refused }
    }
}

impl From<core::SyncOnce> for SyncOnce {
    fn from(once: core::SyncOnce) -> Self {
        Self { sent: once.sent, report: once.report.map(Into::into) }
    }
}

impl From<store::Change> for Change {
    fn from(change: store::Change) -> Self {
        match change {
            store::Change::Account => Self::Account,
            store::Change::Mailboxes => Self::Mailboxes,
            store::Change::Messages { mailbox } => Self::Messages { mailbox },
            store::Change::Outbox => Self::Outbox,
            _ => Self::Everything,
        }
    }
}

//! What crosses the border as plain data, for mail.

use crate::error::Told;

/// A mailbox as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Mailbox {
    /// Its number on this phone.
    pub id: i64,
    /// Its name, with the names of those it lies in.
    pub name: String,
    /// What parts these names; nothing where the server knows no mailboxes in mailboxes.
    pub delimiter: Option<String>,
    /// Whether the teacher has subscribed to it.
    pub subscribed: bool,
    /// What it is for, where known.
    pub role: Option<MailboxRole>,
    /// How many messages the phone knows in it.
    pub known: u64,
    /// How many of these are unread.
    pub unread: u64,
    /// Whether the phone has once known all of it: false while the first sync goes on.
    pub complete: bool,
    /// Whose it is.
    pub owner: MailboxOwner,
    /// What one may do in one that is not one's own; nothing where that is not known, and then it may be tried.
    pub rights: Option<MailboxRights>,
    /// Whether its messages come to the phone. Those of others do once it is subscribed to, or `messages` has asked for a page of it.
    pub synced: bool,
}

/// Whose a mailbox is.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MailboxOwner {
    /// The teacher's own.
    Own,
    /// Another person's.
    Person {
        /// The name that the server gives them.
        name: String,
    },
    /// Nobody's own.
    Shared,
}

/// What one may do in a mailbox (RFC 4314).
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct MailboxRights {
    /// Read what is in it.
    pub read: bool,
    /// Mark as read.
    pub mark_read: bool,
    /// Set other marks.
    pub mark: bool,
    /// Put messages into it.
    pub insert: bool,
    /// Delete messages.
    pub delete: bool,
    /// Make mailboxes in it.
    pub create: bool,
    /// Delete or rename it.
    pub remove: bool,
    /// Say who may do what.
    pub administer: bool,
}

/// How much room there is.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Quota {
    /// The server's name for what has this limit.
    pub root: String,
    /// Bytes, where they are limited.
    pub storage: Option<QuotaUsage>,
    /// Messages, where they are limited.
    pub messages: Option<QuotaUsage>,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct QuotaUsage {
    /// So much is used; it may be more than the limit.
    pub used: u64,
    /// So much may be.
    pub limit: u64,
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
    /// Sent on to somebody.
    pub forwarded: bool,
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
    /// Decoded, in bytes; about that as long as it has not been fetched.
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
    /// Actions that the server refused; its state is shown again, and `refusals` tells why.
    pub refused: u64,
    /// Mailboxes that the server lists and would not open.
    pub skipped: u64,
}

/// What a sync within a deadline came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SyncOnce {
    /// Letters that went out.
    pub sent: u64,
    /// What the sync did; nothing when the deadline came first.
    pub report: Option<SyncReport>,
}

/// What came of the rebuilding of a damaged database.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Rescued {
    /// Letters, waiting actions and other rows that no server has and that were carried over.
    pub saved: u64,
    /// Whether that was all there was to save. Else the damaged file stays until somebody signs out.
    pub whole: bool,
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
    /// The alarms.
    Alarms,
    /// What the server refused to do.
    Refusals,
    /// Perhaps all of it.
    Everything,
}

//! What crosses the border as plain data.

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
    /// The host of its portal, where one is known.
    pub host: Option<String>,
}

/// Somebody signed in.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Who {
    /// The identifiant académique.
    pub identifier: String,
    /// The name to show, where the portal tells it.
    pub name: Option<String>,
    /// The mail address, where it is known.
    pub address: Option<String>,
    /// When the password ends, in milliseconds since 1970, where the portal has told.
    pub password_ends_ms: Option<i64>,
}

/// Where a sign-in stands, with all that a screen needs.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SignInState {
    /// Nobody is signed in, nothing is under way.
    SignedOut,
    /// The portal is asked how to go on.
    Preparing,
    /// The teacher signs in, in the system browser.
    Browser {
        /// What to open in the browser.
        url: String,
        /// The host that will ask for the password, to be shown before the browser opens.
        host: String,
        /// Whether the portal hands back to the app. Where it does not, closing the browser (`browser_closed`) goes on.
        hands_back: bool,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher gives name and password in the app: `enter_password`.
    Password {
        /// The host that they go to, to be shown.
        host: String,
        /// The identifiant académique, where it is known from before.
        identifier: Option<String>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher chooses a second factor: `choose_factor`.
    Choice {
        /// The host that asks.
        host: String,
        /// Those to choose from.
        factors: Vec<SecondFactor>,
    },
    /// The teacher gives a code: `enter_code`.
    Code {
        /// The host that it goes to.
        host: String,
        /// What kind of code it is, where the portal tells.
        factor: Option<SecondFactor>,
        /// From when on `resend_code` asks for another mail, in milliseconds since 1970; nothing where it does not.
        resend_from_ms: Option<i64>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher approves on the phone that the academy knows, and says so: `prompt_approved`. A code may be given instead.
    Prompt {
        /// The host that waits for it.
        host: String,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher says who they are: `introduce`.
    Introduction {
        /// The identifiant académique, where the portal told it: then it is not asked for.
        identifier: Option<String>,
        /// The address, where it is known from before.
        address: Option<String>,
        /// The domains of the academy's addresses, to be offered.
        domains: Vec<String>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// Nothing is tried before a moment: show the time that is left, then `begin_sign_in`.
    Wait {
        /// That moment, in milliseconds since 1970.
        until_ms: i64,
        /// Whether the portal has locked the account; otherwise the app holds back so that it does not.
        locked: bool,
        /// Why.
        told: Told,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// What was given is being checked.
    Checking,
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

/// What a portal asks for beside the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SecondFactor {
    /// A code of a TOTP app.
    Totp,
    /// The code of a key, in hardware or software.
    OtpKey,
    /// A PIN and the code of a key, typed as one.
    PinOtp,
    /// A software token of RSA SecurID.
    RsaSecurid,
    /// A code by mail.
    MailCode,
    /// A PIN and a code by mail.
    PinMailCode,
    /// A prompt on the phone.
    Push,
    /// A code that a colleague receives.
    TrustedColleague,
    /// The birth date; in the browser only.
    BirthDate,
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
    /// The alarms.
    Alarms,
    /// Perhaps all of it.
    Everything,
}

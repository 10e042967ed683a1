//! From the core's types to those of the border.

use cartable_core::academy::{self, Academy};
use cartable_core::attempts::Hold;
use cartable_core::companion as core;
use cartable_core::mail::imap::Role;
use cartable_core::mail::mime;
use cartable_core::mail::{self, Flags};
use cartable_core::portal::{self, Notice, Question};
use cartable_core::store;
use cartable_core::words::Language;

use crate::error::Told;
use crate::records::{
    AcademyCard, Attachment, AttachmentContent, Change, Letter, LetterState, Mailbox, MailboxRole, MessageRow,
    MessageView, PageEnd, Person, SecondFactor, SignInState, SyncOnce, SyncReport, Who,
};

impl From<&Academy> for AcademyCard {
    fn from(academy: &Academy) -> Self {
        let host = academy.official_origins.first().and_then(|origin| origin.host_str()).map(str::to_owned);
        Self { id: academy.id.clone(), name: academy.name.clone(), city: academy.city.clone(), host }
    }
}

impl From<portal::Who> for Who {
    fn from(who: portal::Who) -> Self {
        let portal::Who { identifier, name, address, password_ends_ms, .. } = who;
        Self { identifier, name, address, password_ends_ms }
    }
}

impl SignInState {
    pub(crate) fn new(state: portal::SignInState, now_ms: i64, language: Language) -> Self {
        match state {
            portal::SignInState::SignedOut => Self::SignedOut,
            portal::SignInState::Preparing => Self::Preparing,
            portal::SignInState::Asks(question) => Self::asks(question, now_ms, language),
            portal::SignInState::Checking => Self::Checking,
            portal::SignInState::SignedIn(who) => Self::SignedIn { who: who.into() },
            portal::SignInState::Failed(failure) => {
                Self::Failed { told: Told::new(&core::CompanionError::from(failure).finding(now_ms), language) }
            }
            // A state that this version cannot draw is one in which nobody is signed in.
            _ => Self::SignedOut,
        }
    }

    fn asks(question: Question, now_ms: i64, language: Language) -> Self {
        let say = |notice: Option<Notice>| notice.map(|notice| Told::new(&notice.finding(), language));
        match question {
            Question::Browser { url, host, hands_back, notice } => {
                Self::Browser { url, host, hands_back, notice: say(notice) }
            }
            Question::Password { host, identifier, notice } => Self::Password { host, identifier, notice: say(notice) },
            Question::Choice { host, factors } => {
                Self::Choice { host, factors: factors.into_iter().filter_map(SecondFactor::of).collect() }
            }
            Question::Code { host, factor, resend_from_ms, notice } => {
                let factor = factor.and_then(SecondFactor::of);
                Self::Code { host, factor, resend_from_ms, notice: say(notice) }
            }
            Question::Prompt { host, notice } => Self::Prompt { host, notice: say(notice) },
            Question::Introduction { identifier, address, domains, notice } => {
                Self::Introduction { identifier, address, domains, notice: say(notice) }
            }
            Question::Wait { until_ms, hold, notice, .. } => {
                let why = core::CompanionError::WaitUntil { until_ms, hold }.finding(now_ms);
                let (locked, told) = (hold == Hold::Locked, Told::new(&why, language));
                Self::Wait { until_ms, locked, told, notice: say(notice) }
            }
            _ => Self::SignedOut,
        }
    }
}

impl SecondFactor {
    /// `None` for one that this version has no name for.
    fn of(factor: academy::SecondFactor) -> Option<Self> {
        use academy::SecondFactor as F;
        Some(match factor {
            F::Totp => Self::Totp,
            F::OtpKey => Self::OtpKey,
            F::PinOtp => Self::PinOtp,
            F::RsaSecurid => Self::RsaSecurid,
            F::MailCode => Self::MailCode,
            F::PinMailCode => Self::PinMailCode,
            F::Push => Self::Push,
            F::TrustedColleague => Self::TrustedColleague,
            F::BirthDate => Self::BirthDate,
            _ => return None,
        })
    }
}

impl From<SecondFactor> for academy::SecondFactor {
    fn from(factor: SecondFactor) -> Self {
        match factor {
            SecondFactor::Totp => Self::Totp,
            SecondFactor::OtpKey => Self::OtpKey,
            SecondFactor::PinOtp => Self::PinOtp,
            SecondFactor::RsaSecurid => Self::RsaSecurid,
            SecondFactor::MailCode => Self::MailCode,
            SecondFactor::PinMailCode => Self::PinMailCode,
            SecondFactor::Push => Self::Push,
            SecondFactor::TrustedColleague => Self::TrustedColleague,
            SecondFactor::BirthDate => Self::BirthDate,
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
            store::Change::Alarms => Self::Alarms,
            _ => Self::Everything,
        }
    }
}

//! From the core's types to those of the border.

use cartable_core::companion as core;
use cartable_core::mail::imap::{self, Owner, Rights, Role};
use cartable_core::mail::mime;
use cartable_core::mail::{self, Flags};
use cartable_core::store;
use cartable_core::words::Language;

use crate::error::Told;
use crate::records::{
    Attachment, AttachmentContent, Change, Letter, LetterState, Mailbox, MailboxOwner, MailboxRights, MailboxRole,
    MessageRow, MessageView, PageEnd, Person, Quota, QuotaUsage, Rescued, SyncOnce, SyncReport,
};

/// The same names on both sides of the border. Of the core's, which may grow, one that this version has no name for is `None`.
macro_rules! same_names {
    ($($name:ident from $core:ident { $($variant:ident),+ })+) => { $(
        impl $name {
            pub(crate) fn of(core: cartable_core::academy::$core) -> Option<Self> {
                match core {
                    $(cartable_core::academy::$core::$variant => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl From<$name> for cartable_core::academy::$core {
            fn from(ours: $name) -> Self {
                match ours {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    )+ };
}

pub(crate) use same_names;

impl From<mail::Mailbox> for Mailbox {
    fn from(mailbox: mail::Mailbox) -> Self {
        Self {
            id: mailbox.id,
            name: mailbox.name,
            delimiter: mailbox.delimiter,
            subscribed: mailbox.subscribed,
            role: mailbox.role.map(Into::into),
            known: mailbox.known,
            unread: mailbox.unread,
            complete: mailbox.complete,
            owner: mailbox.owner.into(),
            rights: mailbox.rights.map(Into::into),
            synced: mailbox.synced,
        }
    }
}

impl From<Owner> for MailboxOwner {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Own => Self::Own,
            Owner::Person(name) => Self::Person { name },
            // Of a kind that this version has no name for: not the teacher's own, at any rate.
            _ => Self::Shared,
        }
    }
}

impl From<Rights> for MailboxRights {
    fn from(rights: Rights) -> Self {
        Self {
            read: rights.has(Rights::READ),
            mark_read: rights.has(Rights::SEEN),
            mark: rights.has(Rights::WRITE),
            insert: rights.has(Rights::INSERT),
            delete: rights.has(Rights::DELETE_MESSAGES) && rights.has(Rights::EXPUNGE),
            create: rights.has(Rights::CREATE),
            remove: rights.has(Rights::DELETE_MAILBOX),
            administer: rights.has(Rights::ADMINISTER),
        }
    }
}

impl From<imap::Quota> for Quota {
    fn from(quota: imap::Quota) -> Self {
        let usage = |usage: imap::Usage| QuotaUsage { used: usage.used, limit: usage.limit };
        Self { root: quota.root, storage: quota.storage.map(usage), messages: quota.messages.map(usage) }
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
            forwarded: row.flags.has(Flags::FORWARDED),
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
        let mime::Reading { headers, text, html, attachments, trouble, .. } = opened.reading;
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
        let mail::SyncReport { arrived, gone, acted, refused, skipped, .. } = report;
        Self { arrived, gone, acted, refused, skipped }
    }
}

impl From<store::Rescued> for Rescued {
    fn from(rescued: store::Rescued) -> Self {
        Self { saved: rescued.saved, whole: rescued.whole }
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
            store::Change::Refusals => Self::Refusals,
            _ => Self::Everything,
        }
    }
}

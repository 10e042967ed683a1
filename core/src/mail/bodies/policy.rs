//! What is fetched before the teacher asks for it. Pure.

use crate::mail::imap::Role;
use crate::mail::link::Link;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is fetched before the teacher asks for it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Prefetch {
    /// What is likely to be read: by an unmetered way the texts of the last 30 days, up to 256 KiB of each; by a metered one
    /// those of the unread messages of the inbox of the last 3 days, of up to 32 KiB. A message of less than 64 KiB comes with all
    /// that is in it. Nothing else, and nothing of the bin and of unwanted mail.
    #[default]
    Usual,
    /// Every message, with its attachments up to 1 MiB; of larger ones the text. By a metered way the usual.
    Everything,
    /// Nothing.
    Nothing,
}

/// A message that may be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) size: u64,
    pub(super) age_ms: i64,
    pub(super) unread: bool,
    pub(super) role: Option<Role>,
}

/// How much of a message is fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Share {
    None,
    /// Its texts, up to so many bytes of each; all of it where it is small.
    Texts(u64),
    /// All of it, up to 1 MiB; of a larger one its texts.
    All,
}

impl Prefetch {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Usual, "usual"), (Self::Everything, "everything"), (Self::Nothing, "nothing")];

    pub(in crate::mail) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(one, _)| *one == self).map_or("usual", |(_, name)| name)
    }

    pub(in crate::mail) fn named(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, one)| *one == name).map_or(Self::Usual, |(one, _)| *one)
    }

    /// How much is fetched of a message over this way.
    pub(super) fn share(self, link: Link, facts: Facts) -> Share {
        let recent = |days: i64| facts.age_ms <= days * DAY_MS;
        match (self, link) {
            (Self::Nothing, _) | (_, Link::Offline | Link::LowData) => Share::None,
            (Self::Everything, Link::Unmetered) => Share::All,
            (Self::Usual, Link::Unmetered) => {
                let wanted = recent(30) && !matches!(facts.role, Some(Role::Trash | Role::Junk));
                if wanted { Share::Texts(256 * 1024) } else { Share::None }
            }
            (_, Link::Metered) => {
                let wanted = recent(3) && facts.unread && facts.role == Some(Role::Inbox) && facts.size <= 32 * 1024;
                if wanted { Share::Texts(32 * 1024) } else { Share::None }
            }
        }
    }

    /// How old a message may be that is fetched over this way, in milliseconds; `None`: nothing is.
    pub(super) fn oldest(self, link: Link) -> Option<i64> {
        match (self, link) {
            (Self::Nothing, _) | (_, Link::Offline | Link::LowData) => None,
            (Self::Everything, Link::Unmetered) => Some(i64::MAX),
            (Self::Usual, Link::Unmetered) => Some(30 * DAY_MS),
            (_, Link::Metered) => Some(3 * DAY_MS),
        }
    }
}

/// Whether `now` is worse than `before` was.
pub(super) fn is_worse(now: Link, before: Link) -> bool {
    let rank = |link| match link {
        Link::Offline => 0,
        Link::LowData => 1,
        Link::Metered => 2,
        Link::Unmetered => 3,
    };
    rank(now) < rank(before)
}

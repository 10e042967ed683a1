//! What one may do in a mailbox: MYRIGHTS (RFC 4314, and RFC 2086 of older servers).

use std::collections::BTreeMap;
use std::fmt;

use async_imap::imap_proto::Response;

use super::error::ImapError;
use super::namespace::same_mailbox;
use super::session::ImapSession;

/// More mailboxes than anybody has.
const MOST: usize = 5000;

/// What one may do in a mailbox: some of the rights of RFC 4314, 2.1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Rights(u16);

impl Rights {
    /// `l`: sees it in the list, and may subscribe to it.
    pub const LOOKUP: Self = Self(1);
    /// `r`: may select it and read what is in it.
    pub const READ: Self = Self(1 << 1);
    /// `s`: keeps what one has read.
    pub const SEEN: Self = Self(1 << 2);
    /// `w`: may set flags other than those for read and deleted.
    pub const WRITE: Self = Self(1 << 3);
    /// `i`: may add messages, by APPEND or COPY.
    pub const INSERT: Self = Self(1 << 4);
    /// `p`: may send mail to its address.
    pub const POST: Self = Self(1 << 5);
    /// `k`: may make mailboxes in it.
    pub const CREATE: Self = Self(1 << 6);
    /// `x`: may delete or rename it.
    pub const DELETE_MAILBOX: Self = Self(1 << 7);
    /// `t`: may mark messages as deleted.
    pub const DELETE_MESSAGES: Self = Self(1 << 8);
    /// `e`: may remove those so marked.
    pub const EXPUNGE: Self = Self(1 << 9);
    /// `a`: may say who may do what.
    pub const ADMINISTER: Self = Self(1 << 10);
    /// `n`: may write annotations (RFC 5257).
    pub const ANNOTATE: Self = Self(1 << 11);
    /// `c` of RFC 2086. Where it alone is told, [`Rights::CREATE`] is in the set too.
    pub const OLD_CREATE: Self = Self(1 << 12);
    /// `d` of RFC 2086. Where it alone is told, [`Rights::DELETE_MESSAGES`] and [`Rights::EXPUNGE`] are in the set too.
    pub const OLD_DELETE: Self = Self(1 << 13);

    const LETTERS: [(char, Self); 14] = [
        ('l', Self::LOOKUP),
        ('r', Self::READ),
        ('s', Self::SEEN),
        ('w', Self::WRITE),
        ('i', Self::INSERT),
        ('p', Self::POST),
        ('k', Self::CREATE),
        ('x', Self::DELETE_MAILBOX),
        ('t', Self::DELETE_MESSAGES),
        ('e', Self::EXPUNGE),
        ('a', Self::ADMINISTER),
        ('n', Self::ANNOTATE),
        ('c', Self::OLD_CREATE),
        ('d', Self::OLD_DELETE),
    ];

    /// Those of these letters. Other letters, which a server may have for rights of its own, are passed over.
    pub fn of(letters: impl IntoIterator<Item = char>) -> Self {
        let bit = |letter| Self::LETTERS.iter().find(|(known, _)| *known == letter).map_or(0, |(_, right)| right.0);
        let told = Self(letters.into_iter().fold(0, |told, letter| told | bit(letter)));
        // RFC 4314, 2.1.1: a server that knows the new ones tells the old beside them, for old clients. Of one that does not,
        // whoever may delete messages may not always delete the mailbox.
        let new = Self::CREATE.with(Self::DELETE_MAILBOX).with(Self::DELETE_MESSAGES).with(Self::EXPUNGE);
        if told.0 & new.0 != 0 {
            return told;
        }
        let create = if told.has(Self::OLD_CREATE) { Self::CREATE } else { Self::default() };
        let delete =
            if told.has(Self::OLD_DELETE) { Self::DELETE_MESSAGES.with(Self::EXPUNGE) } else { Self::default() };
        told.with(create).with(delete)
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of them that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As the store keeps them.
    pub(in crate::mail) fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// Those that the store kept so.
    pub(in crate::mail) fn from_bits(bits: i64) -> Self {
        Self(u16::try_from(bits).unwrap_or_default())
    }

    /// Whether all of these are in it.
    pub const fn has(self, rights: Self) -> bool {
        self.0 & rights.0 == rights.0
    }
}

impl fmt::Display for Rights {
    /// By their letters, in the order of RFC 4314.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::LETTERS.iter().filter(|(_, right)| self.has(*right)).try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}

impl ImapSession {
    /// What the teacher may do in a mailbox. Needs `ACL`; a server without it lets everybody do everything in their own.
    pub async fn my_rights(&mut self, mailbox: &str) -> Result<Rights, ImapError> {
        if !self.has("ACL") {
            return Err(ImapError::Unsupported("ACL"));
        }
        let line = format!("MYRIGHTS {}", self.mailbox(mailbox).await?);
        let (mut rights, form) = (None, self.form());
        self.run("MYRIGHTS", &line, |response| {
            if let Response::MyRights(told) = response
                && form.decode(&told.mailbox).is_some_and(|name| same_mailbox(&name, mailbox))
            {
                rights = Some(Rights::of(told.rights.iter().map(|right| char::from(*right))));
            }
        })
        .await?;
        // No answer is not the answer that one may do nothing.
        rights.ok_or(ImapError::Malformed)
    }

    /// The same of several mailboxes at once; `None` for one of which the server does not say.
    pub async fn my_rights_in(&mut self, mailboxes: &[String]) -> Result<Vec<Option<Rights>>, ImapError> {
        if !self.has("ACL") {
            return Err(ImapError::Unsupported("ACL"));
        }
        let mut lines = Vec::new();
        for mailbox in mailboxes {
            lines.push(format!("MYRIGHTS {}", self.mailbox(mailbox).await?));
        }
        let (mut told, form) = (BTreeMap::new(), self.form());
        self.run_all("MYRIGHTS", &lines, &mut |response| {
            if let Response::MyRights(one) = response
                && let Some(name) = form.decode(&one.mailbox)
                && told.len() < MOST
            {
                told.insert(name, Rights::of(one.rights.iter().map(|right| char::from(*right))));
            }
        })
        .await?;
        Ok(mailboxes.iter().map(|mailbox| told.get(mailbox).copied()).collect())
    }
}

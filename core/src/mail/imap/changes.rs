//! What has changed in a mailbox since it was last looked at: QRESYNC, CONDSTORE (both RFC 7162) and searches for all UIDs.

use async_imap::imap_proto::{AttributeValue, Response, Status};

use super::code::Code;
use super::commands::Selected;
use super::error::{ImapError, Limit};
use super::fetch::{flags_of, uid_of};
use super::session::ImapSession;
use super::set::UidSet;
use crate::mail::flags::Flags;

/// More changes than a mailbox has messages.
const MOST: usize = 2_000_000;

/// What the phone knows of a mailbox as of some moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Knowledge {
    /// The mailbox's UIDVALIDITY then.
    pub uid_validity: u32,
    /// Its highest mod-sequence then.
    pub mod_seq: u64,
}

impl Knowledge {
    /// All that was so at `mod_seq` under this UIDVALIDITY.
    pub fn new(uid_validity: u32, mod_seq: u64) -> Self {
        Self { uid_validity, mod_seq }
    }
}

/// What has changed since.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// Messages that are new or whose flags changed, ascending by UID, with the flags they have now.
    pub flags: Vec<(u32, Flags)>,
    /// Messages that are gone; also such as the phone never knew.
    pub vanished: UidSet,
    /// Whether no line was unreadable: else nothing may be concluded from what is missing.
    pub whole: bool,
}

impl Changes {
    fn take(&mut self, response: &Response<'_>) {
        match response {
            Response::Fetch(_, attributes) => {
                if let (Some(uid), Some(flags)) = (uid_of(attributes), flags_of(attributes)) {
                    self.flags.push((uid, flags));
                }
                self.whole &= !attributes.iter().any(|attribute| matches!(attribute, AttributeValue::Unknown));
            }
            Response::Vanished { uids, .. } => {
                self.vanished = self.vanished.with(&UidSet::of_ranges(uids.iter().cloned()));
            }
            _ => {}
        }
    }

    fn ordered(mut self, unread: &[Vec<u8>], lost: bool) -> Self {
        // Of two answers about one message the later holds: the order is kept among equals.
        self.flags.sort_by_key(|(uid, _)| *uid);
        self.flags.reverse();
        self.flags.dedup_by_key(|(uid, _)| *uid);
        self.flags.reverse();
        self.whole &= !lost && unread.is_empty();
        self
    }
}

/// What `UID SEARCH` has found, in either form (RFC 4731).
#[derive(Debug, Default)]
pub(super) struct Found {
    uids: UidSet,
    count: Option<u64>,
    answered: bool,
}

impl Found {
    /// The messages that were found.
    pub(super) fn into_uids(self) -> UidSet {
        self.uids
    }

    /// Reads an ESEARCH line; false where it is none.
    pub(super) fn read(&mut self, raw: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(raw) else { return false };
        let Some((head, rest)) = line.trim_end().split_at_checked(10) else { return false };
        if !head.eq_ignore_ascii_case("* ESEARCH ") {
            return false;
        }
        // The tag stands in parentheses; only one command is under way.
        let mut words = rest.rsplit(')').next().unwrap_or(rest).split(' ').filter(|word| !word.is_empty());
        let mut by_uid = false;
        while let Some(word) = words.next() {
            match word.to_ascii_uppercase().as_str() {
                "UID" => by_uid = true,
                "ALL" => match words.next().and_then(UidSet::read) {
                    Some(set) => self.uids = self.uids.with(&set),
                    None => return false,
                },
                "COUNT" => match words.next().and_then(|count| count.parse().ok()) {
                    Some(count) => self.count = Some(count),
                    None => return false,
                },
                _ => drop(words.next()),
            }
        }
        self.answered |= by_uid;
        by_uid
    }
}

impl ImapSession {
    /// Selects a mailbox and takes all that has changed since `known` was so, expunged messages among it. Needs QRESYNC, which
    /// is enabled here where it is not yet; without it, and where another UIDVALIDITY holds, nothing is told to have changed
    /// and [`Changes::whole`] is false.
    pub async fn select_since(&mut self, name: &str, known: Knowledge) -> Result<(Selected, Changes), ImapError> {
        self.settle_extensions().await?;
        if !self.qresync {
            return Ok((self.select(name).await?, Changes::default()));
        }
        let mailbox = self.mailbox(name).await?;
        let line = format!("SELECT {mailbox} (QRESYNC ({} {}))", known.uid_validity, known.mod_seq);
        let (mut selected, mut changes) = (Selected::default(), Changes { whole: true, ..Changes::default() });
        (self.exists, self.selected, self.mailbox_id) = (None, Some(name.to_owned()), None);
        let mut too_many = false;
        self.run("SELECT", &line, |response| match response {
            Response::Data { status: Status::Ok, outcome } => {
                let code = Code::of(outcome);
                if code == Some(Code::Closed) {
                    changes = Changes { whole: true, ..Changes::default() };
                }
                selected.note(code);
            }
            other if changes.flags.len() < MOST => changes.take(other),
            _ => too_many = true,
        })
        .await?;
        let (unread, lost) = self.watch.take_diverted();
        self.expunged = false;
        let selected = selected.with(self.exists)?;
        if too_many {
            return Err(ImapError::Limit(Limit::Count));
        }
        let same = selected.uid_validity == known.uid_validity;
        let changes = if same { changes.ordered(&unread, lost) } else { Changes::default() };
        Ok((selected, changes))
    }

    /// The messages of the selected mailbox that are new or changed since `mod_seq`. Needs CONDSTORE. Tells nothing of those
    /// that are gone.
    pub async fn fetch_changes(&mut self, mod_seq: u64) -> Result<Changes, ImapError> {
        let mut changes = Changes { whole: true, ..Changes::default() };
        // On an empty mailbox `1:*` means a message that is not there.
        if self.exists == Some(0) {
            return Ok(changes);
        }
        let mut too_many = false;
        let line = format!("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {mod_seq})");
        self.run("FETCH", &line, |response| match response {
            other if changes.flags.len() < MOST => changes.take(other),
            _ => too_many = true,
        })
        .await?;
        let (unread, lost) = self.watch.take_diverted();
        if too_many { Err(ImapError::Limit(Limit::Count)) } else { Ok(changes.ordered(&unread, lost)) }
    }

    /// Every UID of the selected mailbox; `None` where the server did not tell all of them.
    pub async fn all_uids(&mut self) -> Result<Option<UidSet>, ImapError> {
        self.expunged = false;
        let mut found = None;
        if self.has("ESEARCH") {
            self.found = Some(Found::default());
            let searched = self.run("SEARCH", "UID SEARCH RETURN (ALL COUNT) ALL", |_| {}).await;
            found = self.found.take().filter(|found| found.answered);
            match searched {
                // It says that it can, and does not.
                Err(ImapError::Bad { .. } | ImapError::Refused { .. }) => found = None,
                other => other?,
            }
        }
        let found = match found {
            Some(found) => found,
            None => {
                let (mut uids, mut answered) = (Vec::new(), false);
                self.run("SEARCH", "UID SEARCH ALL", |response| {
                    if let Response::MailboxData(async_imap::imap_proto::MailboxDatum::Search(some)) = response {
                        answered = true;
                        uids.extend(some);
                    }
                })
                .await?;
                Found { uids: UidSet::of(&uids), count: None, answered }
            }
        };
        let (unread, lost) = self.watch.take_diverted();
        let count = found.uids.count();
        let whole = found.answered
            && !lost
            && unread.is_empty()
            && !self.expunged
            && found.count.is_none_or(|told| told == count)
            && self.exists.is_some_and(|exists| u64::from(exists) == count);
        Ok(whole.then_some(found.uids))
    }
}

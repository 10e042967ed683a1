//! How much room there is: QUOTA (RFC 9208, RFC 2087).

use async_imap::imap_proto::Response;
use async_imap::imap_proto::rfc2087::QuotaResourceName;

use super::error::{ImapError, Limit};
use super::mailbox_name::Form;
use super::namespace::same_mailbox;
use super::session::ImapSession;

/// More than any mailbox has.
const MOST: usize = 100;

/// What is used of a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// So much is used; it may be more than the limit.
    pub used: u64,
    /// So much may be.
    pub limit: u64,
}

/// The limits of some mailboxes together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Quota {
    /// The server's name for them.
    pub root: String,
    /// Bytes, where they are limited. Servers count in units of 1024.
    pub storage: Option<Usage>,
    /// Messages, where they are limited.
    pub messages: Option<Usage>,
}

impl ImapSession {
    /// The limits that hold for a mailbox; none where it has none. Needs `QUOTA`. Other resources than these two are passed over.
    ///
    /// # Errors
    /// [`ImapError::Malformed`] where a limit could not be read, [`ImapError::Limit`] for more than a hundred.
    pub async fn quotas(&mut self, mailbox: &str) -> Result<Vec<Quota>, ImapError> {
        if !self.has("QUOTA") {
            return Err(ImapError::Unsupported("QUOTA"));
        }
        let line = format!("GETQUOTAROOT {}", self.mailbox(mailbox).await?);
        let (form, mut told) = (self.form(), Told::default());
        self.run("GETQUOTAROOT", &line, |response| told.take(response, mailbox, form)).await?;
        let (unread, lost) = self.watch.take_diverted();
        told.quotas(&unread, lost)
    }
}

/// What GETQUOTAROOT is answered.
#[derive(Default)]
pub(super) struct Told {
    roots: Vec<String>,
    quotas: Vec<Quota>,
    answered: bool,
    too_many: bool,
}

impl Told {
    pub(super) fn take(&mut self, response: &Response<'_>, mailbox: &str, form: Form) {
        match response {
            Response::QuotaRoot(told) => {
                let name = form.decode(&told.mailbox_name);
                if name.is_some_and(|name| same_mailbox(&name, mailbox)) {
                    self.answered = true;
                    self.too_many |= told.quota_root_names.len() > MOST;
                    self.roots.extend(told.quota_root_names.iter().take(MOST).map(ToString::to_string));
                }
            }
            Response::Quota(told) => {
                self.too_many |= self.quotas.len() == MOST;
                let mut quota = Quota { root: told.root_name.to_string(), ..Quota::default() };
                for one in &told.resources {
                    let unit =
                        |unit| Usage { used: one.usage.saturating_mul(unit), limit: one.limit.saturating_mul(unit) };
                    match one.name {
                        QuotaResourceName::Storage => quota.storage = Some(unit(1024)),
                        QuotaResourceName::Message => quota.messages = Some(unit(1)),
                        QuotaResourceName::Atom(_) => {}
                    }
                }
                self.quotas.extend((!self.too_many).then_some(quota));
            }
            _ => {}
        }
    }

    /// The limits, given also the lines that imap-proto could not read.
    pub(super) fn quotas(self, unread: &[Vec<u8>], lost: bool) -> Result<Vec<Quota>, ImapError> {
        if self.too_many {
            return Err(ImapError::Limit(Limit::Count));
        }
        // A limit that could not be read is not none.
        if !self.answered || lost || unread.iter().any(|raw| is_quota(raw)) {
            return Err(ImapError::Malformed);
        }
        // A server may tell of others of its own accord; and of two answers the later holds.
        let last = |root: &String| self.quotas.iter().rev().find(|quota| quota.root == *root).cloned();
        self.roots.iter().map(|root| last(root).ok_or(ImapError::Malformed)).collect()
    }
}

fn is_quota(raw: &[u8]) -> bool {
    raw.get(2..7).is_some_and(|word| word.eq_ignore_ascii_case(b"QUOTA"))
}

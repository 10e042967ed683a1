//! Doing on the server what the teacher did on the phone. The order of things, and what is done where the server has changed
//! meanwhile, are in `README.md`.

mod drafts;
mod mailboxes;
mod messages;

use super::Tally;
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::imap::{Code, ImapError};
use crate::mail::rows::{self, MailboxAction, MailboxKind, RefusalReason};

/// A push under way.
struct Push<'a, 'b> {
    errand: &'a mut Errand<'b>,
    /// Whether anything was done or refused.
    settled: bool,
    /// The selected mailbox, and whether the phone's numbers of it hold.
    selected: Option<(i64, bool)>,
}

impl MailAccount {
    /// Does what waits and is not held; whether anything was done or refused. Mailboxes are made and renamed first, for messages may go there;
    /// one is deleted once nothing waits any more that was done before and is about its messages.
    pub(super) async fn push(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<bool, MailError> {
        let academy = self.academy.id.clone();
        let actions = self.store.read(move |c| rows::mailbox_actions(c, &academy)).await?;
        let mut push = Push { errand, settled: false, selected: None };
        let before = tally.before;
        for action in actions.into_iter().filter(|action| action.id < before) {
            // As it is now: the actions before may have changed its name, or undone it.
            let (academy, id) = (self.academy.id.clone(), action.id);
            let now = self.store.read(move |c| rows::mailbox_actions(c, &academy)).await?;
            let Some(action) = now.into_iter().find(|one| one.id == id) else { continue };
            if action.kind == MailboxKind::Delete && self.is_busy(&action).await? {
                self.push_messages(&mut push, tally, action.id).await?;
            }
            if tally.kept.contains(&action.id) || !self.push_mailbox(&mut push, tally, action).await? {
                break;
            }
        }
        self.push_messages(&mut push, tally, before).await?;
        Ok(push.settled)
    }

    /// Whether something waits that was done before and is about the messages of the mailbox.
    async fn is_busy(&self, action: &MailboxAction) -> Result<bool, MailError> {
        let (mailbox, before) = (action.mailbox, action.id);
        Ok(self.store.read(move |c| rows::is_busy(c, mailbox, before)).await?)
    }

    /// Selects a mailbox of the store; whether its numbers still hold. Where they do not, or it cannot be opened, nothing is done
    /// and nothing is lost: the look at the mailboxes that follows settles what becomes of what waits.
    async fn is_ready(&self, push: &mut Push<'_, '_>, mailbox: i64) -> Result<bool, MailError> {
        if let Some((selected, ready)) = push.selected
            && selected == mailbox
        {
            return Ok(ready);
        }
        push.selected = None;
        let (name, mark) = self
            .store
            .read(move |c| {
                let name =
                    c.query_row("SELECT name FROM mailbox WHERE id = ?", [mailbox], |row| row.get::<_, String>(0))?;
                Ok((name, rows::mark(c, mailbox)?))
            })
            .await?;
        let ready = match push.errand.imap.select(&name).await {
            Ok(selected) => mark.uid_validity == Some(selected.uid_validity),
            Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => false,
            Err(other) => return Err(other.into()),
        };
        push.selected = Some((mailbox, ready));
        Ok(ready)
    }
}

/// What a failed command means for the actions that it was to do.
enum Trouble {
    /// They are refused.
    Refused(RefusalReason),
    /// Nobody knows: the next look at the mailboxes tells.
    Unknown,
}

/// The connection's trouble is everybody's.
fn trouble(error: ImapError) -> Result<Trouble, ImapError> {
    Ok(match error {
        ImapError::Refused { code: Some(Code::ExpungeIssued | Code::InUse), .. } => Trouble::Unknown,
        ImapError::Refused { code: Some(Code::OverQuota), .. } => Trouble::Refused(RefusalReason::Full),
        ImapError::Refused { code: Some(Code::AlreadyExists), .. } => Trouble::Refused(RefusalReason::Exists),
        ImapError::Refused { code: Some(Code::TryCreate | Code::NonExistent), .. } => {
            Trouble::Refused(RefusalReason::MailboxGone)
        }
        ImapError::Refused { text, .. } | ImapError::Bad { text, .. } => Trouble::Refused(RefusalReason::Said(text)),
        ImapError::InvalidArgument => Trouble::Refused(RefusalReason::Said(String::new())),
        other => return Err(other),
    })
}

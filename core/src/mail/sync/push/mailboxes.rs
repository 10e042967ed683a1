//! Making, renaming, deleting and subscribing to mailboxes.

use super::{Push, Trouble, trouble};
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::imap::{Code, ImapError};
use crate::mail::rows::{self, MailboxAction, MailboxKind, RefusalReason};
use crate::mail::sync::Tally;

impl MailAccount {
    /// Does an action on a mailbox; false where it, and those behind it, must wait.
    pub(super) async fn push_mailbox(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        action: MailboxAction,
    ) -> Result<bool, MailError> {
        if !action.on_server && action.kind != MailboxKind::Create {
            // Of a mailbox that could not be made.
            return Ok(false);
        }
        let (mailbox, id) = (action.mailbox, action.id);
        if action.kind == MailboxKind::Delete {
            if self.is_busy(&action).await? {
                return Ok(false);
            }
            let known = self.store.read(move |c| rows::known(c, mailbox)).await?;
            // Whoever deletes a mailbox means the mail that was seen in it.
            match push.errand.imap.status(&action.name).await {
                Ok(Some(status)) if status.messages.is_some_and(|there| u64::from(there) > known) => {
                    self.refuse_mailbox(push, tally, action, RefusalReason::Changed).await?;
                    return Ok(true);
                }
                Ok(_) | Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        if self.store.write(move |t, _| rows::begin(t, &[id])).await?.is_empty() {
            // Taken back since it was read.
            return Ok(true);
        }
        let imap = &mut push.errand.imap;
        push.selected = None;
        let told = match &action.kind {
            // Another program has made it, or we before a kill.
            MailboxKind::Create if action.on_server => Ok(()),
            MailboxKind::Create => match imap.create(&action.name).await {
                Err(ImapError::Refused { code: Some(Code::AlreadyExists), .. }) => Ok(()),
                told => told,
            },
            MailboxKind::Rename(to) if *to == action.name => Ok(()),
            MailboxKind::Rename(to) => imap.rename(&action.name, to).await,
            MailboxKind::Delete => match imap.delete(&action.name).await {
                Err(ImapError::Refused { code: Some(Code::NonExistent), .. }) => Ok(()),
                told => told,
            },
            MailboxKind::Subscribe(on) => imap.subscribe(&action.name, *on).await,
        };
        match told.map_or_else(|error| trouble(error).map(Some), |()| Ok(None))? {
            None => {
                // Made here is seen everywhere: other programs show what is subscribed to. Refused, it is no loss.
                if action.kind == MailboxKind::Create && !action.on_server {
                    match push.errand.imap.subscribe(&action.name, true).await {
                        Ok(()) | Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
                        Err(other) => return Err(other.into()),
                    }
                }
                let academy = self.academy.id.clone();
                self.store.write(move |t, changes| rows::mailbox_done(t, changes, &academy, &action)).await?;
                push.settled = true;
                tally.report.acted += 1;
                Ok(true)
            }
            Some(Trouble::Unknown) => Ok(false),
            Some(Trouble::Refused(why)) => {
                self.refuse_mailbox(push, tally, action, why).await?;
                Ok(true)
            }
        }
    }

    async fn refuse_mailbox(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        action: MailboxAction,
        why: RefusalReason,
    ) -> Result<(), MailError> {
        let (academy, now) = (self.academy.id.clone(), self.clock.now_ms());
        tally.kept.push(action.id);
        let refused =
            self.store.write(move |t, changes| rows::mailbox_refused(t, changes, &academy, &action, why, now));
        tally.report.refused += refused.await?;
        push.settled = true;
        Ok(())
    }
}

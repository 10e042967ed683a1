//! Doing on the server what the teacher did on the phone.

use super::Tally;
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::flags::Flags;
use crate::mail::imap::{ImapError, Role, UidSet};
use crate::mail::rows::{self, Action, Kind};

/// Actions read at once.
const SOME: u32 = 200;

/// What stands in the way of the actions in a mailbox.
enum Selection {
    /// Nothing.
    Ready,
    /// Its numbers may be other messages now, or it cannot be opened: nothing is done, and nothing is lost. The look at the
    /// mailboxes that follows settles what becomes of them.
    NotNow,
}

impl MailAccount {
    /// Does the waiting actions, oldest first; whether anything was done or refused.
    pub(super) async fn push(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<bool, MailError> {
        let (mut last, mut settled) = (0, false);
        let mut selected: Option<(i64, Selection)> = None;
        loop {
            let academy = self.academy.id.clone();
            let actions = self.store.read(move |c| rows::actions(c, &academy, last, SOME)).await?;
            if actions.is_empty() {
                return Ok(settled);
            }
            for action in actions {
                last = action.id;
                if selected.as_ref().is_none_or(|(mailbox, _)| *mailbox != action.mailbox) {
                    selected = Some((action.mailbox, self.select_known(errand, action.mailbox).await?));
                }
                if matches!(selected, Some((_, Selection::NotNow))) {
                    continue;
                }
                settled = true;
                match self.carry_out(errand, &action).await {
                    Ok(()) => {
                        tally.report.acted += 1;
                        self.store.write(move |t, changes| rows::done(t, changes, &action)).await?;
                    }
                    Err(MailError::Imap(ImapError::Refused { .. } | ImapError::Bad { .. })) => {
                        tally.report.refused += 1;
                        self.store.write(move |t, changes| rows::dropped(t, changes, &action)).await?;
                    }
                    Err(other) => return Err(other),
                }
            }
        }
    }

    async fn carry_out(&self, errand: &mut Errand<'_>, action: &Action) -> Result<(), MailError> {
        let uid = UidSet::of(&[action.uid]);
        match action.kind {
            Kind::Add(flags) => errand.imap.store_flags(&uid, true, &flags.names()).await?,
            Kind::Remove(flags) => errand.imap.store_flags(&uid, false, &flags.names()).await?,
            Kind::Bin => {
                let academy = self.academy.id.clone();
                let bin = self.store.read(move |c| rows::mailbox_of_role(c, &academy, Role::Trash)).await?;
                let (id, bin) = bin.ok_or(MailError::NoBin)?;
                if id == action.mailbox {
                    errand.imap.store_flags(&uid, true, &Flags::DELETED.names()).await?;
                    errand.imap.expunge_uids(&uid).await?;
                } else if errand.imap.has("MOVE") {
                    errand.imap.move_messages(&uid, &bin).await?;
                } else {
                    // A kill between these leaves a second copy in the bin, and never loses the message.
                    errand.imap.copy_messages(&uid, &bin).await?;
                    errand.imap.store_flags(&uid, true, &Flags::DELETED.names()).await?;
                    errand.imap.expunge_uids(&uid).await?;
                }
            }
        }
        Ok(())
    }

    /// Selects a mailbox of the store; whether its numbers still hold.
    async fn select_known(&self, errand: &mut Errand<'_>, mailbox: i64) -> Result<Selection, MailError> {
        let (name, mark) = self
            .store
            .read(move |c| {
                let name =
                    c.query_row("SELECT name FROM mailbox WHERE id = ?", [mailbox], |row| row.get::<_, String>(0))?;
                Ok((name, rows::mark(c, mailbox)?))
            })
            .await?;
        match errand.imap.select(&name).await {
            Ok(selected) if mark.uid_validity == Some(selected.uid_validity) => Ok(Selection::Ready),
            Ok(_) | Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => Ok(Selection::NotNow),
            Err(other) => Err(other.into()),
        }
    }
}

//! Putting drafts on the server, each once.

use super::Push;
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::flags::Flags;
use crate::mail::imap::{HeaderEvent, ImapError, Messages, UidSet};
use crate::mail::rows::{self, Arrived, Draft};
use crate::mail::sync::Tally;

impl MailAccount {
    /// Puts the drafts on the server that are not there, by the actions below `before`.
    pub(super) async fn push_drafts(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        before: i64,
    ) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        for draft in self.store.read(move |c| rows::drafts(c, &academy, before)).await? {
            if !tally.kept.contains(&draft.action) {
                self.push_draft(push, tally, draft).await?;
            }
        }
        Ok(())
    }

    async fn push_draft(&self, push: &mut Push<'_, '_>, tally: &mut Tally<'_>, draft: Draft) -> Result<(), MailError> {
        let (action, message, to) = (draft.action, draft.message, draft.mailbox);
        let name = self.name_of(to).await?;
        push.selected = None;
        let selected = match push.errand.imap.select(&name).await {
            // The next look at the mailboxes tells what became of it.
            Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => return Ok(()),
            selected => selected?,
        };
        // By a kill before its outcome was written down it may be there already.
        let mut uid = if draft.begun { self.find(push, &draft.message_id).await? } else { None };
        let (body, doomed) = self
            .store
            .read(move |c| {
                let doomed = "SELECT 1 FROM action WHERE message = ? AND kind = 'destroy'";
                Ok((rows::body(c, message)?, c.prepare_cached(doomed)?.exists([message])?))
            })
            .await?;
        if uid.is_none() && doomed {
            self.store.write(move |t, changes| rows::destroyed(t, changes, to, message)).await?;
            (push.settled, tally.report.acted) = (true, tally.report.acted + 1);
            return Ok(());
        }
        if uid.is_none() {
            let begun = self.store.write(move |t, _| rows::begin(t, &[action])).await?;
            if begun.is_empty() {
                // Thrown away meanwhile.
                return Ok(());
            }
            let flags = Flags::DRAFT.with(Flags::SEEN).names();
            match push.errand.imap.append(&name, &flags, &body.unwrap_or_default().raw).await {
                Ok(place) => uid = place.filter(|(validity, _)| *validity == selected.uid_validity).map(|(_, uid)| uid),
                // What the teacher has written stays on the phone, and is tried again.
                Err(error) => {
                    tally.kept.push(action);
                    return self.fail(push, tally, vec![action], Some(to), error).await;
                }
            }
            push.settled = true;
            if uid.is_none() {
                // The selected mailbox must have heard of it.
                push.errand.imap.noop().await?;
                uid = self.find(push, &draft.message_id).await?;
            }
        }
        let Some(uid) = uid else { return Ok(()) };
        let mut row = None;
        let set = [Messages::Uids(UidSet::of(&[uid]))];
        let mut take = |event| {
            if let HeaderEvent::Row(one) = event {
                row = Some(one);
            }
        };
        match push.errand.imap.fetch_headers(&set, &mut take).await {
            Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
            told => told?,
        }
        let Some(row) = row.filter(|row| row.uid == uid) else { return Ok(()) };
        let arrived = Arrived {
            uid,
            received_ms: row.internal_date.saturating_mul(1000),
            size: row.size,
            flags: row.flags,
            header: row.header,
            email_id: row.email_id,
            unreadable: false,
        };
        let validity = selected.uid_validity;
        let filed =
            self.store.write(move |t, changes| rows::filed(t, changes, action, (message, to), validity, &arrived));
        tally.report.acted += u64::from(filed.await?);
        push.settled = true;
        Ok(())
    }

    async fn find(&self, push: &mut Push<'_, '_>, message_id: &str) -> Result<Option<u32>, MailError> {
        if message_id.is_empty() {
            return Ok(None);
        }
        match push.errand.imap.search_header("Message-ID", message_id).await {
            Ok(found) => Ok(found.into_iter().max()),
            // A search that is refused finds nothing out: a draft twice is better than none.
            Err(ImapError::Refused { .. } | ImapError::Bad { .. } | ImapError::InvalidArgument) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

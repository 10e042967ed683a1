//! Bringing one mailbox up to date: by what changed since the last time where the server tells, else by comparing all.

use super::difference::difference;
use super::{BATCH, FIRST, Tally, Target};
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::flags::Flags;
use crate::mail::imap::{Changes, Knowledge, Messages, Role, Selected, UidSet};
use crate::mail::rows::{self, Mark};
use crate::store::Change;

/// Changes of flags written at once.
const WRITTEN: usize = 2000;

impl MailAccount {
    /// Brings a mailbox up to date; whether all of it is known now. The mark, which says how far the phone knows it, moves last: dropped before, everything is
    /// told again the next time, and to be told twice does no harm.
    pub(super) async fn pull(
        &self,
        errand: &mut Errand<'_>,
        target: &Target,
        tally: &mut Tally<'_>,
    ) -> Result<bool, MailError> {
        let mailbox = target.id;
        let (mark, known) = self.store.read(move |c| Ok((rows::mark(c, mailbox)?, rows::known(c, mailbox)?))).await?;
        let knowledge =
            mark.complete.then(|| Some(Knowledge::new(mark.uid_validity?, mark.highest_mod_seq?))).flatten();
        let (selected, changes) = match knowledge {
            Some(knowledge) if errand.imap.has("QRESYNC") => {
                let (selected, changes) = errand.imap.select_since(&target.name, knowledge).await?;
                (selected, Some(changes).filter(|changes| changes.whole))
            }
            _ => (errand.imap.select(&target.name).await?, None),
        };
        let now = Mark {
            uid_validity: Some(selected.uid_validity),
            uid_next: selected.uid_next,
            highest_mod_seq: selected.highest_mod_seq,
            complete: true,
        };
        if mark == now && now.uid_next.is_some() && now.highest_mod_seq.is_some() && known == u64::from(selected.exists)
        {
            return Ok(true);
        }
        if mark.uid_validity != now.uid_validity {
            self.store
                .write(move |t, changes| {
                    rows::forget_all(t, mailbox)?;
                    rows::set_mark(t, mailbox, Mark { uid_validity: now.uid_validity, ..Mark::default() })?;
                    changes.push(Change::Messages { mailbox });
                    Ok(())
                })
                .await?;
        }
        let first = mark.uid_validity != now.uid_validity || (known == 0 && !mark.complete);
        tally.news = target.role == Some(Role::Inbox) && !first && mark.complete;
        let explained = if first {
            self.pull_by_sequence(errand, mailbox, &selected, tally).await?;
            // Not every message could be read in its window, or some came and went meanwhile?
            self.store.read(move |c| rows::known(c, mailbox)).await? == u64::from(selected.exists)
        } else {
            self.pull_changes(errand, mailbox, mark, &selected, changes, tally).await?
        };
        let certain = explained || self.compare(errand, mailbox, tally).await?;
        if !certain && mark.complete && !first {
            // The list was not whole, so nothing may be concluded from it: compared again next time.
            return Ok(false);
        }
        let highest_mod_seq = now.highest_mod_seq.filter(|_| certain);
        self.store
            .write(move |t, changes| {
                rows::set_mark(t, mailbox, Mark { highest_mod_seq, ..now })?;
                changes.push(Change::Mailboxes);
                Ok(())
            })
            .await?;
        Ok(certain)
    }

    /// The first time: windows of sequence numbers from the end. They hold while no command but FETCH is given
    /// (RFC 9051, 7.5.1), and spare the list of all UIDs before the first screen.
    async fn pull_by_sequence(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        selected: &Selected,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        tally.expected = tally.report.arrived + u64::from(selected.exists);
        let (mut windows, mut high, mut width) = (Vec::new(), selected.exists, FIRST);
        while high > 0 {
            let low = high.saturating_sub(width - 1).max(1);
            windows.push(Messages::Sequence(low, high));
            high = low - 1;
            width = BATCH;
        }
        self.pull_headers(errand, mailbox, &windows, tally).await
    }

    /// By mod-sequences: what the selection told (QRESYNC), or what a fetch tells (CONDSTORE) with the list of all UIDs where
    /// something is gone. False, and nothing done, where that does not explain how many messages there are: the server's
    /// counts cannot be trusted, or it was put back to an earlier state.
    async fn pull_changes(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        mark: Mark,
        selected: &Selected,
        told: Option<Changes>,
        tally: &mut Tally<'_>,
    ) -> Result<bool, MailError> {
        let Some(since) = mark.highest_mod_seq.filter(|_| mark.complete) else { return Ok(false) };
        let backwards = selected.highest_mod_seq.is_none_or(|highest| highest < since)
            || selected.uid_next.zip(mark.uid_next).is_some_and(|(now, before)| now < before);
        if backwards {
            return Ok(false);
        }
        let by_selection = told.is_some();
        let changes = match told {
            Some(changes) => changes,
            None => errand.imap.fetch_changes(since).await?,
        };
        if !changes.whole {
            return Ok(false);
        }
        let exists = if by_selection { Some(selected.exists) } else { errand.imap.exists() };
        let (uids, vanished) = (changes.flags.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), changes.vanished);
        let gone = vanished.clone();
        let (fresh, known, mut lost) = self
            .store
            .read(move |c| {
                let fresh = rows::missing(c, mailbox, &uids)?;
                Ok((fresh, rows::known(c, mailbox)?, rows::count_in(c, mailbox, &gone)?))
            })
            .await?;
        if changes.flags.iter().any(|(uid, _)| vanished.has(*uid)) {
            return Ok(false);
        }
        let (mut gone, with_fresh) = (vanished, known + fresh.len() as u64);
        if exists.map(u64::from) != with_fresh.checked_sub(lost) {
            if by_selection {
                return Ok(false);
            }
            let Some(all) = errand.imap.all_uids().await? else { return Ok(false) };
            let ours = self.store.read(move |c| rows::uids(c, mailbox)).await?;
            let absent: Vec<u32> = ours.iter().map(|(uid, _)| *uid).filter(|uid| !all.has(*uid)).collect();
            (gone, lost) = (UidSet::of(&absent), absent.len() as u64);
            if !fresh.iter().all(|uid| all.has(*uid)) || with_fresh.checked_sub(lost) != Some(all.count()) {
                return Ok(false);
            }
        }
        tally.report.gone += lost;
        self.write_changes(mailbox, gone, lost, changes.flags).await?;
        self.pull_fresh(errand, mailbox, fresh, tally).await?;
        Ok(true)
    }

    /// Every UID and flag of the server against those of the phone. False where the list was not whole.
    async fn compare(&self, errand: &mut Errand<'_>, mailbox: i64, tally: &mut Tally<'_>) -> Result<bool, MailError> {
        let mut theirs: Vec<(u32, Flags)> = Vec::new();
        let whole = errand.imap.fetch_flags(&UidSet::all(), &mut |uid, flags| theirs.push((uid, flags))).await?;
        // Of two answers about one message the later holds: the order is kept among equals.
        theirs.reverse();
        theirs.sort_by_key(|(uid, _)| *uid);
        theirs.dedup_by_key(|(uid, _)| *uid);
        let ours = self.store.read(move |c| rows::uids(c, mailbox)).await?;
        let difference = difference(&ours, &theirs);
        let gone = if whole { difference.gone } else { Vec::new() };
        tally.report.gone += gone.len() as u64;
        self.write_changes(mailbox, UidSet::of(&gone), gone.len() as u64, difference.changed).await?;
        self.pull_fresh(errand, mailbox, difference.fresh, tally).await?;
        Ok(whole)
    }

    async fn write_changes(
        &self,
        mailbox: i64,
        gone: UidSet,
        lost: u64,
        flags: Vec<(u32, Flags)>,
    ) -> Result<(), MailError> {
        if lost > 0 {
            self.store
                .write(move |t, changes| {
                    rows::remove(t, mailbox, &gone)?;
                    changes.push(Change::Messages { mailbox });
                    Ok(())
                })
                .await?;
        }
        for some in flags.chunks(WRITTEN) {
            let some = some.to_vec();
            self.store
                .write(move |t, changes| {
                    for (uid, flags) in some {
                        rows::set_flags(t, mailbox, uid, flags)?;
                    }
                    changes.push(Change::Messages { mailbox });
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}

//! Bringing the phone to the state of the server: actions out, mailboxes and headers in.

mod difference;

use std::sync::Arc;

use difference::difference;

use super::account::{Errand, MailAccount};
use super::alarms;
use super::error::MailError;
use super::flags::Flags;
use super::imap::{HeaderEvent, ImapError, Messages, Role, Selected, UidSet};
use super::rows::{self, Action, Arrived, Kind, Mark};
use crate::attempts::Presence;
use crate::store::Change;

/// The first command fills the first screen; the others are long enough for the server and short enough to be read again.
const FIRST: u32 = 50;
const BATCH: u32 = 500;
/// Headers written at once: weighs the cost of a transaction against memory and what a kill loses.
const TRANSACTION: usize = 2000;
/// The same in bytes of headers: two thousand usual ones fit, of the largest only eight.
const TRANSACTION_BYTES: usize = 2 * 1024 * 1024;

/// What a sync did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SyncReport {
    /// Headers that came.
    pub arrived: u64,
    /// Messages that the server no longer has.
    pub gone: u64,
    /// Actions of the teacher that the server has done.
    pub acted: u64,
    /// Actions that the server refused; its state is shown again.
    pub refused: u64,
}

/// A sync under way: what it did so far, and whom to tell.
struct Tally<'a> {
    report: SyncReport,
    expected: u64,
    /// Whether what arrives is new, and not an old mailbox seen for the first time.
    news: bool,
    progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl MailAccount {
    /// Does the teacher's waiting actions on the server, then brings the inbox up to date: newest first, a batch at a
    /// time, each durable before the next but one is read. Dropped in the middle, it goes on from there next time.
    pub async fn sync(&self) -> Result<SyncReport, MailError> {
        self.sync_telling(Presence::Unattended, &|_, _| {}).await
    }

    /// The same, telling after each batch how many headers of how many have come. `progress` must not wait for anything. Where
    /// a password is to be tried, `presence` says whether somebody waits for it.
    pub async fn sync_telling(
        &self,
        presence: Presence,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        self.unless_stopped(async {
            let mut errand = self.background(presence).await?;
            let mut tally = Tally { report: SyncReport::default(), expected: 0, news: false, progress };
            errand.imap.fetch_results(self.academy.mail_code.is_some());
            self.push(&mut errand, &mut tally).await?;
            self.pull_inbox(&mut errand, &mut tally).await?;
            self.settle_alarms(&mut errand).await?;
            self.pull_mailboxes(&mut errand).await?;
            errand.end();
            Ok(tally.report)
        })
        .await
    }

    async fn push(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        loop {
            let academy = self.academy.id.clone();
            let actions = self.store.read(move |c| rows::actions(c, &academy, 200)).await?;
            if actions.is_empty() {
                return Ok(());
            }
            let mut selected: Option<(i64, bool)> = None;
            for action in actions {
                let valid = match selected {
                    Some((mailbox, valid)) if mailbox == action.mailbox => valid,
                    _ => self.select_known(errand, action.mailbox).await?,
                };
                selected = Some((action.mailbox, valid));
                // Under another UIDVALIDITY the number may be another message: nothing is done to it.
                let outcome = if valid { self.carry_out(errand, &action).await } else { Err(refused()) };
                match outcome {
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
                let (id, bin) = match bin {
                    Some(bin) => bin,
                    None => {
                        self.pull_mailboxes(errand).await?;
                        let academy = self.academy.id.clone();
                        let bin = self.store.read(move |c| rows::mailbox_of_role(c, &academy, Role::Trash)).await?;
                        bin.ok_or(MailError::NoBin)?
                    }
                };
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
    async fn select_known(&self, errand: &mut Errand<'_>, mailbox: i64) -> Result<bool, MailError> {
        let (name, mark) = self
            .store
            .read(move |c| {
                let name =
                    c.query_row("SELECT name FROM mailbox WHERE id = ?", [mailbox], |row| row.get::<_, String>(0))?;
                Ok((name, rows::mark(c, mailbox)?))
            })
            .await?;
        let selected = errand.imap.select(&name).await?;
        Ok(mark.uid_validity == Some(selected.uid_validity))
    }

    async fn pull_mailboxes(&self, errand: &mut Errand<'_>) -> Result<(), MailError> {
        let listed = errand.imap.list().await?;
        let academy = self.academy.id.clone();
        self.store
            .write(move |t, changes| {
                for one in &listed {
                    rows::mailbox_named(t, &academy, &one.name, one.role, one.selectable)?;
                }
                changes.push(Change::Mailboxes);
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn pull_inbox(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let mailbox =
            self.store.write(move |t, _| rows::mailbox_named(t, &academy, "INBOX", Some(Role::Inbox), true)).await?;
        let selected = errand.imap.select("INBOX").await?;
        let (mark, known) = self.store.read(move |c| Ok((rows::mark(c, mailbox)?, rows::known(c, mailbox)?))).await?;
        let now = Mark {
            uid_validity: Some(selected.uid_validity),
            uid_next: selected.uid_next,
            highest_mod_seq: selected.highest_mod_seq,
            complete: true,
        };
        if mark == now && now.uid_next.is_some() && now.highest_mod_seq.is_some() && known == u64::from(selected.exists)
        {
            return Ok(());
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
        tally.news = !first && mark.complete;
        if first {
            self.pull_by_sequence(errand, mailbox, &selected, tally).await?;
        }
        let known = self.store.read(move |c| rows::known(c, mailbox)).await?;
        // Also after the first time, when not every message could be read in its window or some came and went meanwhile.
        if (!first || known != u64::from(selected.exists))
            && !self.compare(errand, mailbox, mark.complete, tally).await?
        {
            // The list was not whole, so nothing may be concluded from it: compared again next time.
            return Ok(());
        }
        self.store
            .write(move |t, changes| {
                rows::set_mark(t, mailbox, now)?;
                changes.push(Change::Mailboxes);
                Ok(())
            })
            .await?;
        Ok(())
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
        tally.expected = u64::from(selected.exists);
        let (mut windows, mut high, mut width) = (Vec::new(), selected.exists, FIRST);
        while high > 0 {
            let low = high.saturating_sub(width - 1).max(1);
            windows.push(Messages::Sequence(low, high));
            high = low - 1;
            width = BATCH;
        }
        self.pull_headers(errand, mailbox, &windows, tally).await
    }

    /// Later: every UID and flag of the server against those of the phone. False where the list was not whole.
    async fn compare(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        complete: bool,
        tally: &mut Tally<'_>,
    ) -> Result<bool, MailError> {
        let mut theirs: Vec<(u32, Flags)> = Vec::new();
        let whole = errand.imap.fetch_flags(&UidSet::all(), &mut |uid, flags| theirs.push((uid, flags))).await?;
        theirs.sort_unstable_by_key(|(uid, _)| *uid);
        theirs.dedup_by_key(|(uid, _)| *uid);
        let ours = self.store.read(move |c| rows::uids(c, mailbox)).await?;
        let difference = difference(&ours, &theirs);
        let (gone, changed) = (if whole { difference.gone } else { Vec::new() }, difference.changed);
        tally.report.gone += gone.len() as u64;
        if !gone.is_empty() || !changed.is_empty() {
            self.store
                .write(move |t, changes| {
                    rows::remove(t, mailbox, &gone)?;
                    for (uid, flags) in changed {
                        rows::set_flags(t, mailbox, uid, flags)?;
                    }
                    changes.push(Change::Messages { mailbox });
                    Ok(())
                })
                .await?;
        }
        let mut fresh = difference.fresh;
        tally.expected = tally.report.arrived + fresh.len() as u64;
        fresh.reverse();
        let first = fresh.len().min(FIRST as usize);
        let (newest, rest) = fresh.split_at_checked(first).unwrap_or((&fresh, &[]));
        let batches = std::iter::once(newest).chain(rest.chunks(BATCH as usize)).filter(|batch| !batch.is_empty());
        let sets: Vec<_> = batches.map(|batch| Messages::Uids(UidSet::of(batch))).collect();
        self.pull_headers(errand, mailbox, &sets, tally).await?;
        self.keep_unanswered(mailbox, &fresh, &theirs, tally).await?;
        Ok(whole || !complete)
    }

    /// A message that the server lists but whose header it did not give, or in a line that cannot be read, is kept as
    /// unreadable: it may still be opened, and is not asked for again at every sync. Had it gone meanwhile, the next sync
    /// would see that.
    async fn keep_unanswered(
        &self,
        mailbox: i64,
        asked: &[u32],
        theirs: &[(u32, Flags)],
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        if asked.is_empty() {
            return Ok(());
        }
        let asked = asked.to_vec();
        let missing = self.store.read(move |c| rows::missing(c, mailbox, &asked)).await?;
        let flags = |uid: u32| {
            let at = theirs.binary_search_by_key(&uid, |(uid, _)| *uid).ok().and_then(|at| theirs.get(at));
            at.map(|(_, flags)| *flags).unwrap_or_default()
        };
        let missing = missing.into_iter().map(|uid| unreadable(uid, flags(uid), Vec::new()));
        self.write_headers(mailbox, missing.collect(), tally).await
    }

    /// Fetches headers in the order of `sets`. The first set alone, so that the first screen is there as soon as it can be;
    /// then the server always has work, while what it sent before is written.
    async fn pull_headers(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        sets: &[Messages],
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        let (first, rest) = sets.split_at_checked(1).unwrap_or((&[], sets));
        for sets in [first, rest] {
            let mut fetch = errand.imap.header_fetch(sets);
            let (mut waiting, mut going) = (Vec::new(), Ok(true));
            while going == Ok(true) {
                let (mut arrived, mut bytes) = (Vec::<Arrived>::new(), 0);
                let read = async {
                    while arrived.len() < TRANSACTION && bytes < TRANSACTION_BYTES {
                        let mut take = |event| {
                            let one = header(event);
                            bytes += one.as_ref().map_or(0, |one| one.header.len());
                            arrived.extend(one);
                        };
                        if !fetch.go_on(&mut take).await? {
                            return Ok(false);
                        }
                    }
                    Ok::<_, ImapError>(true)
                };
                let (read, written) = tokio::join!(read, self.write_headers(mailbox, waiting, tally));
                written?;
                (waiting, going) = (arrived, read);
            }
            // What came before a failure is good and is kept; the sync goes on behind it next time.
            self.write_headers(mailbox, waiting, tally).await?;
            going?;
        }
        Ok(())
    }

    async fn write_headers(&self, mailbox: i64, arrived: Vec<Arrived>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        if arrived.is_empty() {
            return Ok(());
        }
        let count = arrived.len() as u64;
        let watch = tally.news.then(|| (Arc::clone(&self.academy), self.clock.now_ms()));
        self.store
            .write(move |t, changes| {
                rows::add(t, mailbox, &arrived)?;
                if let Some((academy, now)) = watch {
                    alarms::suspect(t, &academy, mailbox, &arrived, now)?;
                }
                changes.push(Change::Messages { mailbox });
                Ok(())
            })
            .await?;
        tally.report.arrived += count;
        (tally.progress)(tally.report.arrived, tally.expected);
        Ok(())
    }
}

fn header(event: HeaderEvent) -> Option<Arrived> {
    match event {
        HeaderEvent::Row(row) => Some(Arrived {
            uid: row.uid,
            received_ms: row.internal_date.saturating_mul(1000),
            size: row.size,
            flags: row.flags,
            header: row.header,
            unreadable: false,
        }),
        HeaderEvent::Unreadable { uid: Some(uid), raw } => Some(unreadable(uid, Flags::default(), raw)),
        _ => None,
    }
}

fn unreadable(uid: u32, flags: Flags, raw: Vec<u8>) -> Arrived {
    Arrived { uid, received_ms: 0, size: 0, flags, header: raw, unreadable: true }
}

fn refused() -> MailError {
    MailError::Imap(ImapError::Refused { command: "STORE", code: None, text: "other UIDVALIDITY".to_owned() })
}

#[cfg(test)]
mod tests;

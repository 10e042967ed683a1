//! Bringing the phone to the state of the server: actions out, mailboxes and headers in.
//!
//! One command tells what is in all mailboxes; those that have not changed cost nothing more (`survey`). The others are
//! brought up to date one by one (`pull`), the inbox first. No message is removed here without the server's explicit order.
//! The order of things and the rules for conflicts: `README.md`.

mod difference;
mod headers;
mod pull;
mod push;
mod survey;

use std::collections::BTreeSet;

use super::account::{Errand, MailAccount};
use super::error::MailError;
use super::imap::{ImapError, Role};
use super::rows;
use crate::attempts::Presence;

/// The first command fills the first screen; the others are long enough for the server and short enough to be read again.
const FIRST: u32 = 50;
const BATCH: u32 = 500;
/// Held while mailboxes are compared or letters sent: by one process of the app's at a time.
pub(super) const ALONE: &str = "cartable.mail.lock";

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
    /// Actions that the server refused, or whose message is nowhere any more; the server's state is shown again.
    pub refused: u64,
    /// Mailboxes that the server lists and would not open.
    pub skipped: u64,
}

/// A sync under way: what it did so far, and whom to tell.
struct Tally<'a> {
    report: SyncReport,
    expected: u64,
    /// Whether what arrives is new, and not an old mailbox seen for the first time.
    news: bool,
    /// Only actions below this one are done.
    before: i64,
    /// Drafts that the server refused, and that are kept: tried again the next time, not twice in one sync.
    kept: Vec<i64>,
    progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

/// A mailbox to be brought up to date.
#[derive(Clone, Debug)]
struct Target {
    id: i64,
    name: String,
    role: Option<Role>,
    /// Whether the phone knows all of it already.
    settled: bool,
}

impl MailAccount {
    /// Does the teacher's waiting actions on the server, then brings all mailboxes up to date: the inbox first, then the one on
    /// screen, newest messages first, a batch at a time, each durable before the next but one is read. Dropped in the middle,
    /// it goes on from there next time.
    pub async fn sync(&self) -> Result<SyncReport, MailError> {
        self.sync_telling(Presence::Unattended, &|_, _| {}).await
    }

    /// The same, telling after each batch how many headers of how many have come. How many are to come grows as further mailboxes
    /// are looked into. `progress` must not wait for anything. Where a password is to be tried, `presence` says whether somebody
    /// waits for it.
    pub async fn sync_telling(
        &self,
        presence: Presence,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        let synced = self.sync_by(presence, None, i64::MAX, progress).await;
        if presence == Presence::Attended {
            self.tell_asked(&synced);
        }
        synced
    }

    /// Does the teacher's waiting actions below `before`, then brings mailboxes up to date: these, and all where one of them is not
    /// known yet, or none is named.
    pub(super) async fn sync_acting_before(
        &self,
        before: i64,
        names: Option<&BTreeSet<String>>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        self.sync_by(Presence::Unattended, names, before, progress).await
    }

    async fn sync_by(
        &self,
        presence: Presence,
        names: Option<&BTreeSet<String>>,
        before: i64,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        self.unless_stopped(async {
            self.thread_rest().await?;
            let mut errand = self.background(presence).await?;
            let _alone = self.store.exclusive(ALONE).await?;
            let mut tally =
                Tally { report: SyncReport::default(), expected: 0, news: false, before, kept: Vec::new(), progress };
            let mut synced = self.sync_on(&mut errand, names, &mut tally).await;
            if synced.as_ref().is_err_and(|error| errand.was_stale(error)) {
                self.reopen(&mut errand, presence).await?;
                synced = self.sync_on(&mut errand, names, &mut tally).await;
            }
            synced?;
            errand.end();
            Ok(tally.report)
        })
        .await
    }

    async fn sync_on(
        &self,
        errand: &mut Errand<'_>,
        names: Option<&BTreeSet<String>>,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        errand.imap.fetch_results(self.academy.mail_code.is_some());
        match names {
            Some(names) => self.sync_named(errand, names, tally).await,
            None => self.sync_all(errand, tally).await,
        }
    }

    async fn sync_named(
        &self,
        errand: &mut Errand<'_>,
        names: &BTreeSet<String>,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let (acting, lost, known) = self
            .store
            .read(move |c| {
                Ok((rows::is_waiting(c, &academy)?, rows::has_lost(c)?, rows::known_mailboxes(c, &academy)?))
            })
            .await?;
        if lost || !names.iter().all(|name| known.iter().any(|one| one.name == *name)) {
            return self.sync_all(errand, tally).await;
        }
        if acting {
            self.push(errand, tally).await?;
        }
        let mut named: Vec<_> = known.into_iter().filter(|one| one.is_synced() && names.contains(&one.name)).collect();
        named.sort_by_key(|one| one.role != Some(Role::Inbox));
        let mut looked = Vec::new();
        for one in named {
            let target = Target { id: one.id, name: one.name, role: one.role, settled: false };
            let known = self.pull(errand, &target, tally).await?;
            looked.extend(known.then_some(target.id));
            if target.role == Some(Role::Inbox) {
                self.settle_alarms(errand).await?;
            }
        }
        if self.is_acting().await? {
            self.settle_actions(tally, looked, false).await?;
            self.push(errand, tally).await?;
        }
        Ok(())
    }

    async fn sync_all(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        let acting = self.is_acting().await?;
        if !acting && let Some(inbox) = self.unknown_inbox().await? {
            // The first screen does not wait for what is in the other mailboxes.
            self.pull(errand, &inbox, tally).await?;
        }
        let mut targets = self.survey(errand, tally).await?;
        if acting && self.push(errand, tally).await? {
            targets = self.survey(errand, tally).await?;
        }
        let (mut whole, mut looked) = (true, Vec::new());
        for target in &targets {
            let inbox = target.role == Some(Role::Inbox);
            let known = target.settled
                || match self.pull(errand, target, tally).await {
                    Err(MailError::Imap(ImapError::Refused { .. } | ImapError::Bad { .. })) if !inbox => {
                        // One that may not be opened, or was deleted this moment, does not keep the others waiting.
                        tally.report.skipped += 1;
                        let mailbox = target.id;
                        self.store.write(move |t, _| rows::doubt_rights(t, mailbox)).await?;
                        false
                    }
                    pulled => pulled?,
                };
            whole &= known;
            looked.extend(known.then_some(target.id));
            if inbox {
                // Also those that a kill kept from being settled.
                self.settle_alarms(errand).await?;
            }
        }
        if self.is_acting().await? {
            self.settle_actions(tally, looked, whole).await?;
            // Of messages that came under other numbers or in another mailbox; and what the teacher did meanwhile.
            self.push(errand, tally).await?;
        }
        if self.store.read(rows::has_left).await? {
            self.store.write(|t, _| rows::drop_left(t)).await?;
        }
        Ok(())
    }

    async fn is_acting(&self) -> Result<bool, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::is_waiting(c, &academy)).await?)
    }

    /// The mailboxes `looked` are as on the server now: that says what became of actions without an outcome. Where that is
    /// every mailbox (`whole`), what waits for a message that came nowhere waits for nothing.
    async fn settle_actions(&self, tally: &mut Tally<'_>, looked: Vec<i64>, whole: bool) -> Result<(), MailError> {
        let (academy, now) = (self.academy.id.clone(), self.clock.now_ms());
        let settled = self.store.write(move |t, changes| {
            rows::resolve(t, changes, &academy, &looked)?;
            if whole { rows::drop_lost(t, changes, &academy, now) } else { Ok((0, 0)) }
        });
        let (done, refused) = settled.await?;
        tally.report.acted += done;
        tally.report.refused += refused;
        Ok(())
    }

    /// The inbox, where the phone has not yet known all of it once.
    async fn unknown_inbox(&self) -> Result<Option<Target>, MailError> {
        let academy = self.academy.id.clone();
        let known = self.store.read(move |c| rows::mailbox_of_role(c, &academy, Role::Inbox)).await?;
        let id = match known {
            Some((id, _)) if self.store.read(move |c| rows::mark(c, id)).await?.complete => return Ok(None),
            Some((id, _)) => id,
            None => {
                let academy = self.academy.id.clone();
                self.store.write(move |t, _| rows::mailbox_named(t, &academy, "INBOX", Some(Role::Inbox), true)).await?
            }
        };
        Ok(Some(Target { id, name: "INBOX".to_owned(), role: Some(Role::Inbox), settled: false }))
    }
}

#[cfg(test)]
mod tests;

//! Bringing the phone to the state of the server: actions out, mailboxes and headers in.
//!
//! One command tells what is in all mailboxes; those that have not changed cost nothing more (`survey`). The others are
//! brought up to date one by one (`pull`), the inbox first. No message is removed here without the server's explicit order.

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
        let synced = self.sync_by(presence, None, progress).await;
        if presence == Presence::Attended {
            self.tell_asked(&synced);
        }
        synced
    }

    /// Does the teacher's waiting actions, then brings these mailboxes up to date, and all where one of them is not known yet.
    pub(super) async fn sync_some(
        &self,
        names: &BTreeSet<String>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        self.sync_by(Presence::Unattended, Some(names), progress).await
    }

    async fn sync_by(
        &self,
        presence: Presence,
        names: Option<&BTreeSet<String>>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<SyncReport, MailError> {
        self.unless_stopped(async {
            let mut errand = self.background(presence).await?;
            let _alone = self.store.exclusive(ALONE).await?;
            let mut tally = Tally { report: SyncReport::default(), expected: 0, news: false, progress };
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
        let (acting, orphans, known) = self
            .store
            .read(move |c| {
                let acting = !rows::actions(c, &academy, 0, 1)?.is_empty();
                Ok((acting, rows::has_orphans(c, &academy)?, rows::known_mailboxes(c, &academy)?))
            })
            .await?;
        if orphans || !names.iter().all(|name| known.iter().any(|one| one.name == *name)) {
            return self.sync_all(errand, tally).await;
        }
        if acting {
            self.push(errand, tally).await?;
        }
        let mut named: Vec<_> = known.into_iter().filter(|one| one.selectable && names.contains(&one.name)).collect();
        named.sort_by_key(|one| one.role != Some(Role::Inbox));
        for one in named {
            let target = Target { id: one.id, name: one.name, role: one.role, settled: false };
            self.pull(errand, &target, tally).await?;
            if target.role == Some(Role::Inbox) {
                self.settle_alarms(errand).await?;
            }
        }
        Ok(())
    }

    async fn sync_all(&self, errand: &mut Errand<'_>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let acting = self.store.read(move |c| Ok(!rows::actions(c, &academy, 0, 1)?.is_empty())).await?;
        if !acting && let Some(inbox) = self.unknown_inbox().await? {
            // The first screen does not wait for what is in the other mailboxes.
            self.pull(errand, &inbox, tally).await?;
        }
        let mut targets = self.survey(errand).await?;
        if acting && self.push(errand, tally).await? {
            targets = self.survey(errand).await?;
        }
        let mut whole = true;
        for target in &targets {
            let inbox = target.role == Some(Role::Inbox);
            if !target.settled {
                match self.pull(errand, target, tally).await {
                    Err(MailError::Imap(ImapError::Refused { .. } | ImapError::Bad { .. })) if !inbox => {
                        // One that may not be opened, or was deleted this moment, does not keep the others waiting.
                        tally.report.skipped += 1;
                        whole = false;
                    }
                    pulled => whole &= pulled?,
                }
            }
            if inbox {
                // Also those that a kill kept from being settled.
                self.settle_alarms(errand).await?;
            }
        }
        let academy = self.academy.id.clone();
        let (acting, orphans) = self
            .store
            .read(move |c| Ok((!rows::actions(c, &academy, 0, 1)?.is_empty(), rows::has_orphans(c, &academy)?)))
            .await?;
        if acting {
            // Of messages that came under other numbers or in another mailbox; and what the teacher did meanwhile.
            self.push(errand, tally).await?;
        }
        if orphans && whole {
            tally.report.refused += self.give_up_orphans().await?;
        }
        Ok(())
    }

    /// Every mailbox has been looked through: what waits for a message that came nowhere waits for nothing.
    async fn give_up_orphans(&self) -> Result<u64, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.write(move |t, _| rows::drop_orphans(t, &academy)).await?)
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

//! What was done with messages, in as few commands as can be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Push, Trouble, trouble};
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::flags::Flags;
use crate::mail::imap::{Copied, ImapError, UidSet};
use crate::mail::rows::{self, Copy, End, Item, RefusalReason};
use crate::mail::sync::Tally;
use crate::mail::sync::survey::is_refused;

/// Messages looked at, at once: bounds the memory.
const SOME: u32 = 2000;
/// Messages in one command, and in the transaction of its outcome.
const TOGETHER: usize = 500;

impl MailAccount {
    /// Does the actions on messages below the action `before`: what was written here, then copies, so that an original is still
    /// there; then flags, moves, and what goes for ever.
    pub(super) async fn push_messages(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        before: i64,
    ) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let (swallowed, orphans) =
            self.store.write(move |t, changes| rows::swallow(t, changes, &academy, before)).await?;
        tally.report.acted += swallowed;
        push.settled |= swallowed > 0;
        self.refuse(push, tally, orphans, RefusalReason::Gone).await?;
        self.push_drafts(push, tally, before).await?;
        self.push_copies(push, tally, before).await?;
        let mut last = 0;
        loop {
            let academy = self.academy.id.clone();
            let (items, next) = self.store.read(move |c| rows::items(c, &academy, last, before, SOME)).await?;
            let Some(next) = next else { return Ok(()) };
            last = next;
            self.push_items(push, tally, items, before).await?;
        }
    }

    async fn push_items(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        items: Vec<Item>,
        before: i64,
    ) -> Result<(), MailError> {
        let mut flags: BTreeMap<(i64, i64, i64), Vec<Item>> = BTreeMap::new();
        let mut ends: BTreeMap<(i64, End), Vec<Item>> = BTreeMap::new();
        let mut idle = Vec::new();
        for item in items {
            if !item.idle_ids.is_empty() {
                idle.push((item.message, item.idle_ids.clone()));
            }
            if !item.flag_ids.is_empty() {
                let key = (item.mailbox, item.merged.add.bits(), item.merged.remove.bits());
                flags.entry(key).or_default().push(item.clone());
            }
            if !item.end_ids.is_empty() {
                ends.entry((item.mailbox, item.merged.end)).or_default().push(item);
            }
        }
        if !idle.is_empty() {
            push.settled = true;
            tally.report.acted += idle.iter().map(|(_, ids)| ids.len() as u64).sum::<u64>();
            let settled = self
                .store
                .write(move |t, _| idle.iter().try_for_each(|(message, ids)| rows::settle_idle(t, *message, ids)));
            settled.await?;
        }
        // Mailbox by mailbox, so that each is selected once.
        let mailboxes: BTreeSet<i64> =
            flags.keys().map(|(mailbox, ..)| *mailbox).chain(ends.keys().map(|(mailbox, _)| *mailbox)).collect();
        for mailbox in mailboxes {
            if !self.is_ready(push, mailbox).await? {
                continue;
            }
            let of = flags.extract_if(.., |(one, ..), _| *one == mailbox).flat_map(|(_, items)| chunks(items));
            for items in of.collect::<Vec<_>>() {
                // As they are now: the teacher may have taken something back since they were read.
                let items = self.store.write(move |t, _| rows::begin_flags(t, items, before)).await?;
                if !items.is_empty() {
                    self.push_flags(push, tally, items).await?;
                }
            }
            let of = ends.extract_if(.., |(one, _), _| *one == mailbox);
            let of = of.flat_map(|((_, end), items)| chunks(items).map(move |items| (end, items)));
            for (end, items) in of.collect::<Vec<_>>() {
                let items = self.store.write(move |t, _| rows::begin_ends(t, items, before)).await?;
                match end {
                    _ if items.is_empty() => {}
                    End::Stay => {}
                    End::Move(to) => self.push_moves(push, tally, to, items).await?,
                    End::Destroy => self.push_destructions(push, tally, mailbox, items).await?,
                }
            }
        }
        Ok(())
    }

    /// All of these have the same flags set, and the same cleared. They are begun.
    async fn push_flags(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        items: Vec<Item>,
    ) -> Result<(), MailError> {
        let ids: Vec<i64> = items.iter().flat_map(|item| item.flag_ids.iter().copied()).collect();
        let uids = uids(&items);
        let (add, remove) = items.first().map_or_else(Default::default, |item| (item.merged.add, item.merged.remove));
        for (on, flags) in [(true, add), (false, remove)] {
            if !flags.is_empty()
                && let Err(error) = push.errand.imap.store_flags(&uids, on, &flags.names()).await
            {
                return self.fail(push, tally, ids, None, error).await;
            }
        }
        let there = self.look(push, &uids).await?;
        let done: Vec<_> =
            items.into_iter().filter_map(|item| Some((*there.get(&item.uid)?, item.message, item.flag_ids))).collect();
        self.note(push, tally, done.iter().map(|(.., ids)| ids.len()).sum(), move |t, changes| {
            done.iter().try_for_each(|(flags, message, ids)| rows::flagged(t, changes, *message, *flags, ids))
        })
        .await
    }

    async fn push_moves(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        to: i64,
        items: Vec<Item>,
    ) -> Result<(), MailError> {
        let ids: Vec<i64> = items.iter().flat_map(|item| item.end_ids.iter().copied()).collect();
        let (uids, by_copy) = (uids(&items), !push.errand.imap.has("MOVE"));
        let name = self.name_of(to).await?;
        let told = if by_copy {
            push.errand.imap.copy_messages(&uids, &name).await
        } else {
            push.errand.imap.move_messages(&uids, &name).await
        };
        let copied = match told {
            Ok(copied) => copied,
            Err(error) => return self.fail(push, tally, ids, Some(to), error).await,
        };
        let Copied { uid_validity: Some(validity), uids, .. } = copied else { return self.unknown(push) };
        let there: BTreeMap<u32, u32> = uids.into_iter().collect();
        let moved = self.store.write(move |t, changes| {
            let mut done = 0;
            for item in &items {
                if let Some(uid) = there.get(&item.uid)
                    && rows::moved(t, changes, item.message, to, (validity, *uid), by_copy, &item.end_ids)?
                {
                    done += item.end_ids.len() as u64;
                }
            }
            Ok(done)
        });
        tally.report.acted += moved.await?;
        push.settled = true;
        Ok(())
    }

    async fn push_destructions(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        mailbox: i64,
        items: Vec<Item>,
    ) -> Result<(), MailError> {
        let ids: Vec<i64> = items.iter().flat_map(|item| item.end_ids.iter().copied()).collect();
        let all = uids(&items);
        if let Err(error) = push.errand.imap.store_flags(&all, true, &Flags::DELETED.names()).await {
            return self.fail(push, tally, ids, None, error).await;
        }
        let there = self.look(push, &all).await?;
        let marked = |item: &Item| there.get(&item.uid).copied().filter(|flags| flags.has(Flags::DELETED));
        let items: Vec<_> = items.into_iter().filter_map(|item| Some((marked(&item)?, item))).collect();
        let ids: Vec<i64> = items.iter().flat_map(|(_, item)| item.end_ids.iter().copied()).collect();
        if items.is_empty() {
            return self.unknown(push);
        }
        if !push.errand.imap.has("UIDPLUS") {
            // A plain EXPUNGE would take what others have marked, too.
            return self
                .note(push, tally, ids.len(), move |t, changes| {
                    items
                        .iter()
                        .try_for_each(|(flags, item)| rows::left(t, changes, item.message, *flags, &item.end_ids))
                })
                .await;
        }
        let marked = UidSet::of(&items.iter().map(|(_, item)| item.uid).collect::<Vec<_>>());
        if let Err(error) = push.errand.imap.expunge_uids(&marked).await {
            return self.fail(push, tally, ids, None, error).await;
        }
        self.note(push, tally, ids.len(), move |t, changes| {
            items.iter().try_for_each(|(_, item)| rows::destroyed(t, changes, mailbox, item.message))
        })
        .await
    }

    /// Copies, each as soon as its original is on the server: one of a copy after that.
    async fn push_copies(&self, push: &mut Push<'_, '_>, tally: &mut Tally<'_>, before: i64) -> Result<(), MailError> {
        let mut passed: BTreeSet<i64> = BTreeSet::new();
        loop {
            let academy = self.academy.id.clone();
            let copies = self.store.read(move |c| rows::copies(c, &academy, before, SOME)).await?;
            let (mut together, mut uids) = (Vec::<Copy>::new(), BTreeSet::new());
            for copy in copies.into_iter().filter(|copy| !passed.contains(&copy.action)) {
                let fits = together.first().is_none_or(|first| (first.mailbox, first.to) == (copy.mailbox, copy.to));
                // Named twice in a set, a message is copied once.
                if fits && together.len() < TOGETHER && uids.insert(copy.uid) {
                    together.push(copy);
                }
            }
            let Some(first) = together.first() else { return Ok(()) };
            let (mailbox, to) = (first.mailbox, first.to);
            passed.extend(together.iter().map(|copy| copy.action));
            if self.is_ready(push, mailbox).await? {
                self.push_copy(push, tally, to, together).await?;
            }
        }
    }

    async fn push_copy(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        to: i64,
        copies: Vec<Copy>,
    ) -> Result<(), MailError> {
        let asked: Vec<i64> = copies.iter().map(|copy| copy.action).collect();
        let ids = self.store.write(move |t, _| rows::begin(t, &asked)).await?;
        let copies: Vec<_> = copies.into_iter().filter(|copy| ids.contains(&copy.action)).collect();
        if copies.is_empty() {
            return Ok(());
        }
        let uids = UidSet::of(&copies.iter().map(|copy| copy.uid).collect::<Vec<_>>());
        let name = self.name_of(to).await?;
        let copied = match push.errand.imap.copy_messages(&uids, &name).await {
            Ok(copied) => copied,
            Err(error) => return self.fail(push, tally, ids, Some(to), error).await,
        };
        let Copied { uid_validity: Some(validity), uids, .. } = copied else { return self.unknown(push) };
        let there: BTreeMap<u32, u32> = uids.into_iter().collect();
        let made = self.store.write(move |t, changes| {
            let mut done = 0;
            for copy in &copies {
                if let Some(uid) = there.get(&copy.uid) {
                    let made = rows::copied(t, changes, copy.action, (copy.message, to), (validity, *uid))?;
                    done += u64::from(made);
                }
            }
            Ok(done)
        });
        tally.report.acted += made.await?;
        push.settled = true;
        Ok(())
    }

    /// Which of these messages are there, and with which flags: a command that names one that is gone is answered OK. None where
    /// the server does not tell, as of a mailbox that got another name this moment.
    async fn look(&self, push: &mut Push<'_, '_>, uids: &UidSet) -> Result<BTreeMap<u32, Flags>, MailError> {
        let mut there = BTreeMap::new();
        let mut take = |uid, flags| {
            there.insert(uid, flags);
        };
        match push.errand.imap.fetch_flags(uids, &mut take).await {
            Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => Ok(BTreeMap::new()),
            told => told.map(|_| there).map_err(MailError::from),
        }
    }

    pub(super) async fn name_of(&self, mailbox: i64) -> Result<String, MailError> {
        let name = self.store.read(move |c| {
            Ok(c.query_row("SELECT name FROM mailbox WHERE id = ?", [mailbox], |row| row.get::<_, String>(0))?)
        });
        Ok(name.await?)
    }

    /// The server has done something; the mailboxes are to be looked at, to see what.
    fn unknown(&self, push: &mut Push<'_, '_>) -> Result<(), MailError> {
        push.settled = true;
        Ok(())
    }

    async fn note(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        done: usize,
        outcome: impl FnOnce(
            &rusqlite::Transaction<'_>,
            &mut Vec<crate::store::Change>,
        ) -> Result<(), crate::store::StoreError>
        + Send
        + 'static,
    ) -> Result<(), MailError> {
        self.store.write(outcome).await?;
        tally.report.acted += done as u64;
        push.settled = true;
        Ok(())
    }

    pub(super) async fn fail(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        ids: Vec<i64>,
        to: Option<i64>,
        error: ImapError,
    ) -> Result<(), MailError> {
        match trouble(error)? {
            Trouble::Refused(why) if self.is_meant(push, &why, to).await? => self.refuse(push, tally, ids, why).await,
            _ => self.unknown(push),
        }
    }

    /// Whether a refusal is about the messages. Where a mailbox got another name under this connection, or is gone, the server
    /// refuses whatever is about it (Dovecot without any code); what becomes of what waits then, the look at the mailboxes tells.
    async fn is_meant(&self, push: &mut Push<'_, '_>, why: &RefusalReason, to: Option<i64>) -> Result<bool, MailError> {
        if let Some((mailbox, _)) = push.selected.take()
            && !self.is_ready(push, mailbox).await?
        {
            return Ok(false);
        }
        let Some(to) = to.filter(|_| *why == RefusalReason::MailboxGone) else { return Ok(true) };
        let name = self.name_of(to).await?;
        Ok(!is_refused(push.errand.imap.status(&name).await.map(drop))?)
    }

    async fn refuse(
        &self,
        push: &mut Push<'_, '_>,
        tally: &mut Tally<'_>,
        ids: Vec<i64>,
        why: RefusalReason,
    ) -> Result<(), MailError> {
        if ids.is_empty() {
            return Ok(());
        }
        let (academy, now) = (self.academy.id.clone(), self.clock.now_ms());
        let refused = self.store.write(move |t, changes| rows::refuse(t, changes, &academy, &ids, why, now));
        tally.report.refused += refused.await?;
        push.settled = true;
        Ok(())
    }
}

fn uids(items: &[Item]) -> UidSet {
    UidSet::of(&items.iter().map(|item| item.uid).collect::<Vec<_>>())
}

fn chunks(items: Vec<Item>) -> impl Iterator<Item = Vec<Item>> {
    let mut items = items.into_iter();
    std::iter::from_fn(move || Some(items.by_ref().take(TOGETHER).collect::<Vec<_>>()).filter(|some| !some.is_empty()))
}

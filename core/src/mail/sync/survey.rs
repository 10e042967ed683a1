//! Which mailboxes there are now, which of them have changed, and what became of those that are not there any more.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::{Tally, Target};
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::imap::{
    ImapError, Listed, Namespaces, Overview, Owner, Questions, Quota, Rights, Role, Status, UidSet,
};
use crate::mail::rows::{self, Known, MailboxAction, MailboxKind, Mark};
use crate::store::Change;

/// By so many of its messages a mailbox is known again under another name.
const SAMPLES: u32 = 5;
/// So many mailboxes are looked into for one that has another name, where servers give many the same UIDVALIDITY.
const HEIRS: usize = 3;
/// The server is asked how much room there is, and whose mailboxes are where, so often at most: in milliseconds.
const SERVER: i64 = 60 * 60 * 1000;
/// The same for what one may do in a mailbox of others; and in so many mailboxes at once.
const RIGHTS: i64 = 24 * 60 * 60 * 1000;
const RIGHTS_AT_ONCE: usize = 500;

/// What the store must write down.
#[derive(Default)]
struct Plan {
    renamed: Vec<(i64, String)>,
    /// Renamings of the teacher's that turn out to be done.
    done: Vec<MailboxAction>,
    listed: Vec<Listed>,
    /// Mailboxes that are gone.
    gone: Vec<i64>,
    /// Mailboxes of which none of the numbers holds any more, and the UIDVALIDITY they have now.
    emptied: Vec<(i64, Option<u32>)>,
    /// Mailboxes in which no mail can be, and something is to come into.
    closed: Vec<i64>,
    /// Mailboxes that are empty, and never were otherwise as far as the phone knows.
    empty: Vec<(String, Mark)>,
    /// What one may do in these; `None` where the server does not say.
    rights: Vec<(String, Option<Rights>)>,
    /// What the server, when it was asked, told of itself.
    server: Option<(Option<Namespaces>, Option<Vec<Quota>>)>,
}

impl MailAccount {
    /// Asks for all mailboxes at once, writes down which there are, and gives those that can be selected in the order in which
    /// they are to be looked at: the inbox, what is on screen, then those with a role, then the others.
    pub(super) async fn survey(
        &self,
        errand: &mut Errand<'_>,
        tally: &mut Tally<'_>,
    ) -> Result<Vec<Target>, MailError> {
        let (academy, now) = (self.academy.id.clone(), self.clock.now_ms());
        let (namespaces, asked, before) = self
            .store
            .read(move |c| {
                let known = rows::known_mailboxes(c, &academy)?;
                Ok((rows::namespaces(c, &academy)?, rows::asked_ms(c, &academy)?, known))
            })
            .await?;
        let mut questions = Questions { namespaces, ..Questions::default() };
        questions.server =
            is_due(asked, SERVER, now) && ["NAMESPACE", "QUOTA"].into_iter().any(|name| errand.imap.has(name));
        let foreign = before.iter().filter(|one| one.owner != Owner::Own && one.is_synced());
        questions.opened = foreign.map(|one| one.name.clone()).collect();
        let mut overview = errand.imap.overview_asking(&questions).await?;
        if !overview.mailboxes.iter().any(|one| one.role == Some(Role::Inbox)) {
            // There is always one (RFC 9051, 5.1), whatever a list of public mailboxes leaves out.
            overview.whole = false;
        }
        let mut plan = self.plan(errand, &before, &overview).await?;
        plan.rights = self.rights(errand, &before, &overview, now).await?;
        let closed = before.iter().filter(|one| {
            let rights = plan.rights.iter().find(|(name, _)| *name == one.name).and_then(|(_, rights)| *rights);
            // What was read is no longer to be.
            one.messages > 0 && rights.is_some_and(|rights| !rights.has(Rights::READ))
        });
        plan.emptied.extend(closed.map(|one| (one.id, None)));
        plan.server = questions.server.then(|| (overview.namespaces.take(), overview.quotas.take()));
        let now = if plan.is_empty() {
            before
        } else {
            let academy = self.academy.id.clone();
            let written = self.store.write(move |t, changes| {
                let refused = plan.carry_out(t, changes, &academy, now)?;
                Ok((rows::known_mailboxes(t, &academy)?, refused))
            });
            let (now, refused) = written.await?;
            tally.report.refused += refused;
            now
        };
        let told: BTreeMap<_, _> =
            overview.mailboxes.iter().filter_map(|one| Some((one.name.as_str(), one.status?))).collect();
        let on_screen = self.on_screen.load(Ordering::Relaxed);
        let mut targets: Vec<Target> = now
            .into_iter()
            .filter(|one| one.on_server && one.is_synced())
            .map(|one| Target {
                settled: told.get(one.name.as_str()).is_some_and(|status| one.is_as(status, one.id == on_screen)),
                id: one.id,
                name: one.name,
                role: one.role,
            })
            .collect();
        targets.sort_by_key(|one| (one.role != Some(Role::Inbox), one.id != on_screen, one.role.is_none()));
        Ok(targets)
    }

    /// Asks what the teacher may do in the mailboxes of others of which that is not known, or has been for long.
    async fn rights(
        &self,
        errand: &mut Errand<'_>,
        known: &[Known],
        overview: &Overview,
        now: i64,
    ) -> Result<Vec<(String, Option<Rights>)>, MailError> {
        let asked = |name: &str| known.iter().find(|one| one.name == name).and_then(|one| one.rights_ms);
        let foreign = overview.mailboxes.iter().filter(|one| one.owner != Owner::Own && one.selectable);
        let due = foreign.filter(|one| is_due(asked(&one.name), RIGHTS, now)).take(RIGHTS_AT_ONCE);
        let names: Vec<String> = due.map(|one| one.name.clone()).collect();
        if names.is_empty() || !errand.imap.has("ACL") {
            return Ok(Vec::new());
        }
        let rights = errand.imap.my_rights_in(&names).await?;
        Ok(names.into_iter().zip(rights).collect())
    }

    async fn plan(&self, errand: &mut Errand<'_>, known: &[Known], overview: &Overview) -> Result<Plan, MailError> {
        let mut plan = Plan::default();
        let mut new: Vec<&Listed> = Vec::new();
        for listed in &overview.mailboxes {
            match known.iter().find(|one| one.name == listed.name) {
                Some(one) => self.plan_known(errand, &mut plan, one, listed).await?,
                None => new.push(listed),
            }
        }
        // A name that is missing from half a list says nothing.
        let missing = known.iter().filter(|one| !overview.mailboxes.iter().any(|listed| listed.name == one.name));
        let mut renamings = self.renamings_begun().await?;
        for one in missing.filter(|one| overview.whole && one.on_server) {
            let ours = renamings
                .iter()
                .position(|(action, to)| action.mailbox == one.id && new.iter().any(|listed| listed.name == *to));
            if let Some(at) = ours {
                plan.done.push(renamings.swap_remove(at).0);
                continue;
            }
            if plan.done.iter().any(|action| one.name.starts_with(&action.name)) {
                // In a mailbox that has another name now, and so has this one.
                continue;
            }
            match self.heir(errand, one, &new).await? {
                Some(listed) => {
                    plan.renamed.push((one.id, listed.name.clone()));
                    new.retain(|other| other.name != listed.name);
                    plan.listed.push(listed);
                }
                None if self.is_denied(errand, one).await? => plan.gone.push(one.id),
                None => {}
            }
        }
        for listed in new {
            plan.listed.push(listed.clone());
            if let Some(mark) = listed.status.as_ref().and_then(empty_mark) {
                plan.empty.push((listed.name.clone(), mark));
            }
        }
        Ok(plan)
    }

    /// The renamings of which nobody knows whether they were done, and to which name.
    async fn renamings_begun(&self) -> Result<Vec<(MailboxAction, String)>, MailError> {
        let academy = self.academy.id.clone();
        let actions = self.store.read(move |c| rows::mailbox_actions(c, &academy)).await?;
        let begun = actions.into_iter().filter_map(|action| match &action.kind {
            MailboxKind::Rename(to) if action.begun => {
                let to = to.clone();
                Some((action, to))
            }
            _ => None,
        });
        Ok(begun.collect())
    }

    async fn plan_known(
        &self,
        errand: &mut Errand<'_>,
        plan: &mut Plan,
        one: &Known,
        listed: &Listed,
    ) -> Result<(), MailError> {
        if !one.is(listed) {
            plan.listed.push(listed.clone());
        }
        if !listed.selectable && one.expected && self.is_denied(errand, one).await? {
            plan.closed.push(one.id);
        }
        let validity = listed.status.and_then(|status| status.uid_validity);
        if one.mark.uid_validity.is_some() && validity.is_some() && one.mark.uid_validity != validity {
            plan.emptied.push((one.id, validity));
        } else if !listed.selectable && one.messages > 0 && self.is_denied(errand, one).await? {
            plan.emptied.push((one.id, None));
        } else if one.messages == 0
            && !one.mark.complete
            && let Some(mark) = listed.status.as_ref().and_then(empty_mark)
        {
            plan.empty.push((one.name.clone(), mark));
        }
        Ok(())
    }

    /// The mailbox of another name that this one has become: of the same UIDVALIDITY, and with the same messages in it. The
    /// former alone proves nothing, for some servers take the time for it.
    async fn heir(&self, errand: &mut Errand<'_>, lost: &Known, new: &[&Listed]) -> Result<Option<Listed>, MailError> {
        let (Some(validity), true) = (lost.mark.uid_validity, lost.messages > 0) else { return Ok(None) };
        let mailbox = lost.id;
        let samples = self.store.read(move |c| rows::samples(c, mailbox, SAMPLES)).await?;
        let uids = UidSet::of(&samples.iter().map(|(uid, ..)| *uid).collect::<Vec<_>>());
        let may_be = |status: Status| status.uid_validity == Some(validity) && status.uid_next >= lost.mark.uid_next;
        for listed in new.iter().filter(|one| one.selectable && one.status.is_some_and(may_be)).take(HEIRS) {
            let selected = match errand.imap.select(&listed.name).await {
                Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => continue,
                selected => selected?,
            };
            if selected.uid_validity != validity {
                continue;
            }
            let stamps = errand.imap.fetch_stamps(&uids).await?;
            let ours = |uid: u32| samples.iter().find(|(ours, ..)| *ours == uid);
            let same = |(uid, date, size): &(u32, i64, u64)| {
                ours(*uid).is_some_and(|(_, ms, bytes)| *ms == date.saturating_mul(1000) && bytes == size)
            };
            if !stamps.is_empty() && stamps.iter().all(same) {
                return Ok(Some((*listed).clone()));
            }
        }
        Ok(None)
    }

    /// Whether the server says of this name that there is no such mailbox. Of one that is no longer shared Dovecot still tells the
    /// status; whether it can be opened is what counts.
    async fn is_denied(&self, errand: &mut Errand<'_>, one: &Known) -> Result<bool, MailError> {
        let told = match one.owner {
            Owner::Own => errand.imap.status(&one.name).await.map(drop),
            _ => errand.imap.select(&one.name).await.map(drop),
        };
        Ok(is_refused(told)?)
    }
}

/// Whether the server said no to what was asked of a mailbox. A server that did not understand says nothing of it.
pub(super) fn is_refused(told: Result<(), ImapError>) -> Result<bool, ImapError> {
    match told {
        Err(ImapError::Refused { .. }) => Ok(true),
        Ok(()) | Err(ImapError::Bad { .. } | ImapError::InvalidArgument) => Ok(false),
        Err(other) => Err(other),
    }
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.listed.is_empty()
            && self.done.is_empty()
            && self.gone.is_empty()
            && self.emptied.is_empty()
            && self.closed.is_empty()
            && self.empty.is_empty()
            && self.rights.is_empty()
            && self.server.is_none()
    }

    fn carry_out(
        self,
        t: &rusqlite::Transaction<'_>,
        changes: &mut Vec<Change>,
        academy: &str,
        now_ms: i64,
    ) -> Result<u64, crate::store::StoreError> {
        let mut refused = 0;
        for action in &self.done {
            rows::mailbox_done(t, changes, academy, action)?;
        }
        for (mailbox, name) in &self.renamed {
            rows::rename_mailbox(t, *mailbox, name)?;
        }
        for listed in &self.listed {
            rows::list_mailbox(t, academy, listed)?;
        }
        for (name, rights) in &self.rights {
            rows::set_rights(t, academy, name, *rights, now_ms)?;
        }
        if let Some((namespaces, quotas)) = &self.server {
            rows::keep_answers(t, academy, now_ms, namespaces.as_ref(), quotas.as_deref())?;
        }
        for mailbox in &self.gone {
            refused += rows::drop_mailbox(t, changes, academy, *mailbox, now_ms)?;
        }
        for mailbox in &self.closed {
            refused += rows::refuse_arrivals(t, changes, academy, *mailbox, now_ms)?;
        }
        for (mailbox, uid_validity) in &self.emptied {
            rows::forget_all(t, *mailbox)?;
            rows::set_mark(t, *mailbox, Mark { uid_validity: *uid_validity, ..Mark::default() })?;
            changes.push(Change::Messages { mailbox: *mailbox });
        }
        for (name, mark) in &self.empty {
            rows::mark_named(t, academy, name, *mark)?;
        }
        rows::join_roles(t, academy)?;
        rows::settle_mailboxes(t, academy)?;
        changes.push(Change::Mailboxes);
        Ok(refused)
    }
}

impl Known {
    /// Whether the phone knows all that the server tells of: then there is nothing to ask.
    ///
    /// Where the server counts no changes, a mailbox that is neither the inbox nor on screen passes for known when its numbers of
    /// messages and of unread ones are, and nothing has come (UIDNEXT). That misses flags other than the one for read, and the
    /// latter where as many were read as were marked unread: they are seen once the teacher looks into it.
    fn is_as(&self, status: &Status, on_screen: bool) -> bool {
        let counted = status.highest_mod_seq.is_some() && status.highest_mod_seq == self.mark.highest_mod_seq;
        let aside = self.role != Some(Role::Inbox) && !on_screen;
        let counts_none = status.highest_mod_seq.is_none() && self.mark.highest_mod_seq.is_none();
        let same_unseen = status.unseen.map(u64::from) == Some(self.unseen);
        let nothing_new = status.uid_next.is_some() && status.uid_next == self.mark.uid_next;
        self.mark.complete
            && status.uid_validity.is_some()
            && status.uid_validity == self.mark.uid_validity
            && status.messages.map(u64::from) == Some(self.messages)
            && (self.messages == 0 || (nothing_new && (counted || (aside && counts_none && same_unseen))))
    }
}

/// Whether what was asked at `asked`, if ever, is to be asked again. A clock that was put back must not mean never.
fn is_due(asked: Option<i64>, every: i64, now: i64) -> bool {
    asked.is_none_or(|at| now < at || now - at >= every)
}

/// How far an empty mailbox is known without having been selected: wholly.
fn empty_mark(status: &Status) -> Option<Mark> {
    let Status { uid_validity, uid_next, highest_mod_seq, .. } = *status;
    let empty = status.messages == Some(0) && uid_validity.is_some();
    empty.then_some(Mark { uid_validity, uid_next, highest_mod_seq, complete: true })
}

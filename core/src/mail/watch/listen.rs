//! Waiting with the server: what it is asked to tell, and what its news are about.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::policy::{Event, Telling};
use super::{Heard, Worker};
use crate::attempts::Presence;
use crate::mail::account::Errand;
use crate::mail::error::MailError;
use crate::mail::imap::{ImapError, Patience, Role, ServerEvent, Status, Waited};
use crate::mail::rows::{self, Known};

/// How long a server has to answer what ends a wait; a moment when the phone wants to sleep.
const ANSWER: Duration = Duration::from_secs(8);
const LAST_WORD: Duration = Duration::from_secs(1);
/// A connection that ends after so long, and without a word, was forgotten by the path.
const LONG: Duration = Duration::from_secs(60);

impl Worker<'_> {
    /// Waits with the server telling its news until something happens, at the longest until `until`. Gives what that is, where
    /// it is not taken in already.
    pub(super) async fn listen(&mut self, until: Instant) -> Result<Option<Event>, MailError> {
        let (mail, stop) = (self.mail, self.ears.stop());
        let begun = mail.unless_stopped(async {
            let mut errand = mail.background(Presence::Unattended).await?;
            let event = if errand.is_new() {
                // Nobody knows what was told before.
                Some(Event::Lost { forgotten: true })
            } else {
                self.ask(&mut errand).await?
            };
            Ok((errand, event))
        });
        let (mut errand, event) = begun.await?;
        if event.is_some() {
            errand.end();
            return Ok(event);
        }
        loop {
            let patience = Patience { quiet: self.rearm.quiet(mail.link()), answer: ANSWER };
            let began = Instant::now();
            let heard = async {
                tokio::select! {
                    biased;
                    heard = self.ears.hear(mail, Some(until)) => heard,
                    () = mail.background_wanted() => Ok(Heard::Wanted),
                }
            };
            let notifies = errand.imap.notifies();
            let waiting = async {
                if notifies {
                    errand.imap.listen(patience, heard).await
                } else {
                    errand.imap.idle(patience, heard).await
                }
            };
            let waited = tokio::select! {
                biased;
                waited = waiting => waited,
                () = after(&stop, LAST_WORD) => return Err(MailError::Stopped),
            };
            match waited {
                Ok(Waited::Until(heard)) => {
                    errand.end();
                    self.heard(heard?)?;
                    return Ok(None);
                }
                Ok(Waited::Quiet) => self.rearm.outlasted(mail.link()),
                Ok(Waited::Forgotten) => {
                    self.rearm.forgotten(mail.link());
                    return Ok(Some(Event::Lost { forgotten: true }));
                }
                Ok(Waited::News) if notifies => {
                    if let Some(event) = mail.unless_stopped(self.told(&mut errand)).await? {
                        errand.end();
                        return Ok(Some(event));
                    }
                }
                Ok(Waited::News) => {
                    let fresh = errand.imap.selected().is_some_and(|name| self.names.insert(name.to_owned()));
                    if fresh {
                        errand.end();
                        return Ok(Some(Event::News));
                    }
                }
                Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => {
                    self.no_idle = true;
                    errand.end();
                    return Ok(Some(Event::Telling(Telling::Nothing)));
                }
                Err(ImapError::Closed) => {
                    let bye = errand.imap.take_events().iter().any(|event| matches!(event, ServerEvent::Bye(_)));
                    let forgotten = !bye && began.elapsed() > LONG;
                    if forgotten {
                        self.rearm.forgotten(mail.link());
                    }
                    return Ok(Some(Event::Lost { forgotten }));
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Asks the server to tell as much as it can; gives what must be done before there is anything to wait for.
    async fn ask(&mut self, errand: &mut Errand<'_>) -> Result<Option<Event>, MailError> {
        if errand.imap.can_notify() && !self.no_notify {
            match errand.imap.notify().await {
                Ok(()) => {
                    self.happened(&Event::Telling(Telling::Everything));
                    errand.imap.leave().await?;
                    return self.told(errand).await;
                }
                Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => self.no_notify = true,
                Err(other) => return Err(other.into()),
            }
        }
        if !errand.imap.has("IDLE") || self.no_idle {
            return Ok(Some(Event::Telling(Telling::Nothing)));
        }
        let Some(watched) = self.watched().await? else { return Ok(Some(Event::Telling(Telling::Nothing))) };
        self.happened(&Event::Telling(Telling::OneMailbox));
        let selected = errand.imap.select(&watched.name).await?;
        let status = Status {
            messages: Some(selected.exists),
            uid_validity: Some(selected.uid_validity),
            uid_next: selected.uid_next,
            highest_mod_seq: selected.highest_mod_seq,
            ..Status::default()
        };
        // What is to be synced already is no news.
        let news = !knows(&watched, &status) && self.names.insert(watched.name);
        Ok(news.then_some(Event::News))
    }

    /// The mailbox on screen, else the inbox.
    async fn watched(&self) -> Result<Option<Known>, MailError> {
        let (on_screen, known) = (self.mail.on_screen.load(Ordering::Relaxed), self.known().await?);
        let on_screen = known.iter().find(|one| one.id == on_screen && one.selectable).cloned();
        Ok(on_screen.or_else(|| known.into_iter().find(|one| one.role == Some(Role::Inbox))))
    }

    /// What the server has told that the phone does not know.
    async fn told(&mut self, errand: &mut Errand<'_>) -> Result<Option<Event>, MailError> {
        let Some(told) = errand.imap.take_told() else { return Ok(Some(Event::MoreNews)) };
        if told.is_empty() {
            return Ok(None);
        }
        let known: BTreeMap<_, _> = self.known().await?.into_iter().map(|one| (one.name.clone(), one)).collect();
        let is_news = |(name, status): &(String, Status)| {
            !known.get(name).is_some_and(|one| knows(one, status) || !one.is_synced())
        };
        let news = told.into_iter().filter(is_news);
        let before = self.names.len();
        self.names.extend(news.map(|(name, _)| name));
        Ok((self.names.len() > before).then_some(Event::News))
    }

    async fn known(&self) -> Result<Vec<Known>, MailError> {
        let academy = self.mail.academy.id.clone();
        Ok(self.mail.store.read(move |c| rows::known_mailboxes(c, &academy)).await?)
    }
}

/// Whether the phone knows what the server tells of a mailbox. What it leaves out is as it was.
fn knows(one: &Known, told: &Status) -> bool {
    let same = |told: Option<u32>, known: Option<u32>| told.is_none() || told == known;
    one.mark.complete
        && told.messages.is_none_or(|messages| u64::from(messages) == one.messages)
        && same(told.uid_validity, one.mark.uid_validity)
        && same(told.uid_next, one.mark.uid_next)
        && (told.highest_mod_seq.is_none() || told.highest_mod_seq == one.mark.highest_mod_seq)
}

async fn after(stop: &CancellationToken, wait: Duration) {
    stop.cancelled().await;
    sleep(wait).await;
}

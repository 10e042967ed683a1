//! What the worker listens to beside the server.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Asked;
use super::policy::Event;
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::link::Link;
use crate::mail::rows::{self, Waiting};
use crate::store::{Change, Listening, StoreError};

/// What the teacher does comes in handfuls.
const HANDFUL: Duration = Duration::from_millis(100);

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// The account is to be left.
    Stop,
    /// It is time.
    Due,
    /// Somebody else needs the connection.
    Wanted,
    /// These.
    Happened(Vec<Event>),
    /// What the teacher did.
    Asked(Asked),
}

/// What the worker listens to beside the server.
pub(super) struct Ears {
    stop: CancellationToken,
    link: watch::Receiver<Link>,
    networks: watch::Receiver<u64>,
    asked: watch::Receiver<Asked>,
    notices: Listening,
    /// What waited when the store was last looked at, and the newest action that was ever seen.
    seen: Waiting,
    newest: i64,
    /// The first of the actions that are held, so that the teacher can take them back.
    held: Option<i64>,
}

impl Ears {
    pub(super) fn new(mail: &MailAccount, stop: CancellationToken) -> Self {
        Self {
            stop,
            link: mail.link.subscribe(),
            networks: mail.networks.subscribe(),
            asked: mail.asked.subscribe(),
            notices: mail.store.notices().listen(),
            seen: Waiting::default(),
            newest: 0,
            held: None,
        }
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits for something to happen, until `until` at the longest. Nothing is lost when it is dropped.
    pub(super) async fn hear(&mut self, mail: &MailAccount, until: Option<Instant>) -> Result<Heard, MailError> {
        let due = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let mut due = std::pin::pin!(due);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Heard::Stop),
                Ok(()) = self.link.changed() => {
                    return Ok(Heard::Happened(vec![Event::Link(*self.link.borrow_and_update())]));
                }
                Ok(()) = self.networks.changed() => return Ok(Heard::Happened(vec![Event::OtherNetwork])),
                Ok(()) = self.asked.changed() => return Ok(Heard::Asked(self.asked.borrow_and_update().clone())),
                change = self.notices.next() => match change {
                    None => return Err(MailError::Store(StoreError::Closed)),
                    Some(Change::Messages { .. } | Change::Outbox | Change::Everything) => {
                        sleep(HANDFUL).await;
                        let events = self.look(mail).await?;
                        if !events.is_empty() {
                            return Ok(Heard::Happened(events));
                        }
                    }
                    Some(_) => {}
                },
                () = &mut due => return Ok(Heard::Due),
            }
        }
    }

    /// Whether letters waited when the store was last looked at.
    pub(super) fn letters_wait(&self) -> bool {
        !self.seen.letters.is_empty()
    }

    /// Nothing is held any more.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    /// The actions below this may be done: those that were seen, and are not held. What is done in this moment is seen the next time,
    /// and may have to be held.
    pub(super) fn may_act_before(&self) -> i64 {
        self.held.unwrap_or(self.newest.saturating_add(1))
    }

    /// What waits in the store that did not when this was last asked.
    pub(super) async fn look(&mut self, mail: &MailAccount) -> Result<Vec<Event>, MailError> {
        // What they told of is seen now.
        while let Some(Some(_)) = self.notices.next().now_or_never() {}
        let (academy, after) = (mail.academy.id.clone(), self.newest);
        let now = mail.store.read(move |c| rows::waiting(c, &academy, after)).await?;
        let before = std::mem::replace(&mut self.seen, now.clone());
        let mut events = Vec::new();
        match now.newest {
            Some(newest) if newest > self.newest => {
                (self.newest, self.held) = (newest, self.held.or(now.destructive));
                events.push(Event::Acted { destructive: now.destructive.is_some() });
            }
            None if before.newest.is_some() => {
                self.held = None;
                events.push(Event::NothingToDo);
            }
            _ => {}
        }
        if !now.letters.is_subset(&before.letters) {
            events.push(Event::Letters);
        }
        Ok(events)
    }
}

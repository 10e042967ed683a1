//! The worker of an account: keeps its mail up to date while the app is open, and leaves the phone alone in between.
//!
//! What it does when is decided in `policy`, which knows no clock and no network; here is what it does it with. See `README.md`
//! in the folder.

mod ears;
mod listen;
mod policy;
mod rearm;
mod trouble;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::account::MailAccount;
use super::error::MailError;
use super::link::Link;
use super::rows;
use super::sync::SyncReport;
use ears::{Ears, Heard};
use policy::{Event, Held, Plan, Step};
use rearm::Rearm;
use trouble::Trouble;

/// How the mail on the phone stands to that on the server.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Touch {
    /// No worker runs.
    #[default]
    Resting,
    /// A sync is under way.
    Syncing {
        /// Headers that have come.
        done: u64,
        /// How many are to come, as far as is known.
        total: u64,
    },
    /// The phone knew all that the server has.
    UpToDate {
        /// When that was last certain, in milliseconds since 1970.
        since_ms: i64,
    },
    /// The server was not reached, or did not serve.
    Waiting {
        /// When it is tried again, in milliseconds since 1970.
        until_ms: i64,
        /// Why it did not work.
        error: MailError,
    },
    /// The phone has no network.
    Offline,
    /// It does not work before the teacher has done something.
    NeedsTeacher {
        /// What it is about.
        error: MailError,
    },
}

/// What the teacher did that no table of the store tells.
#[derive(Clone, Debug, Default)]
pub(super) enum Asked {
    /// Signed in anew.
    #[default]
    SignedIn,
    /// Asked for a sync, which came to this.
    Synced(Result<(), MailError>),
}

/// The worker.
struct Worker<'a> {
    mail: &'a Arc<MailAccount>,
    plan: Plan,
    rearm: Rearm,
    ears: Ears,
    began: Instant,
    /// Mailboxes of which the server has told news.
    names: BTreeSet<String>,
    /// The server has refused to tell in these ways.
    no_notify: bool,
    no_idle: bool,
    /// The last failure, for the screen.
    error: Option<MailError>,
    since_ms: i64,
    /// Told after each sync.
    fetch_ahead: &'a Notify,
}

impl MailAccount {
    /// Keeps the mail up to date: sends what waits, syncs, then waits for the server's news, for the teacher, for another
    /// network or for the time, and begins anew. Gives why it ended: [`MailError::Stopped`] by [`MailAccount::disconnect`], or
    /// the store's closing. What else fails it tries again, later and later; a password no oftener than the ledger lets it.
    ///
    /// May be dropped at any of its waits; a letter that is being sent goes on to its end. Of two on one account the second waits
    /// for the end of the first.
    pub async fn stay_in_touch(self: &Arc<Self>) -> MailError {
        /// Also for a worker that is dropped.
        struct Leaving<'a>(&'a watch::Sender<Touch>);
        impl Drop for Leaving<'_> {
            fn drop(&mut self) {
                self.0.send_replace(Touch::Resting);
            }
        }
        let stop = self.stop();
        let Some(_one) = stop.run_until_cancelled(self.working.lock()).await else { return MailError::Stopped };
        let _leaving = Leaving(&self.touch);
        let synced = Notify::new();
        let mut worker = Worker::new(self, Ears::new(self, stop), &synced);
        let ended = tokio::select! {
            biased;
            ended = worker.work() => ended,
            never = self.fetch_ahead(&synced) => match never {},
        };
        match ended {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    /// Fetches bodies after each sync, and reads the words of what came. Beside the worker, to which it gives the connection back every second, so that no news
    /// wait for them. What fails here fails there too, and is told there.
    async fn fetch_ahead(&self, synced: &Notify) -> Infallible {
        loop {
            synced.notified().await;
            let _ = self.index_waiting().await;
            let _ = self.prefetch(&|_, _| {}).await;
            let _ = self.index_waiting().await;
        }
    }

    /// Whether letters are to be sent, filed, or looked for. Reads the store only.
    pub async fn letters_wait(&self) -> Result<bool, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| Ok(!rows::waiting_letters(c, &academy)?.is_empty())).await?)
    }

    /// How the worker stands, now and whenever that changes.
    pub fn touch(&self) -> watch::Receiver<Touch> {
        self.touch.subscribe()
    }

    /// Tells the worker what became of a sync that the teacher asked for: it need not do it once more.
    pub(super) fn tell_asked(&self, outcome: &Result<SyncReport, MailError>) {
        self.asked.send_replace(Asked::Synced(outcome.clone().map(drop)));
    }

    /// Tells the worker that the teacher has signed in anew: what was refused may work now.
    pub fn signed_in_anew(&self) {
        self.asked.send_replace(Asked::SignedIn);
    }
}

impl<'a> Worker<'a> {
    fn new(mail: &'a Arc<MailAccount>, ears: Ears, fetch_ahead: &'a Notify) -> Self {
        Self {
            mail,
            plan: Plan::new(mail.link()),
            rearm: Rearm::default(),
            ears,
            began: Instant::now(),
            names: BTreeSet::new(),
            no_notify: false,
            no_idle: false,
            error: None,
            since_ms: 0,
            fetch_ahead,
        }
    }

    async fn work(&mut self) -> Result<Infallible, MailError> {
        for event in self.ears.look(self.mail).await? {
            self.happened(&match event {
                // Done before the app was closed: there was time to take it back.
                Event::Acted { .. } => Event::Acted { destructive: false },
                other => other,
            });
        }
        self.ears.let_go();
        loop {
            for event in self.ears.look(self.mail).await? {
                self.happened(&event);
            }
            self.show();
            match self.plan.next(self.now()) {
                Step::Send => self.send().await?,
                Step::SyncAll => self.sync(true).await?,
                Step::SyncNews => self.sync(false).await?,
                Step::Listen(until) => {
                    let event = self.listen(self.began + until).await;
                    self.outcome(event)?;
                }
                Step::Rest(until) => {
                    self.mail.spare(self.plan.link());
                    let until = until.map(|until| self.began + until);
                    let heard = self.ears.hear(self.mail, until).await?;
                    self.heard(heard)?;
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn happened(&mut self, event: &Event) {
        self.plan.happened(event, self.now(), chance());
    }

    /// Takes in what came of a wait.
    fn outcome(&mut self, event: Result<Option<Event>, MailError>) -> Result<(), MailError> {
        match event {
            Ok(event) => event.iter().for_each(|event| self.happened(event)),
            Err(error) => {
                let trouble = self.trouble(error)?;
                self.happened(&Event::Failed(trouble));
            }
        }
        Ok(())
    }

    fn heard(&mut self, heard: Heard) -> Result<(), MailError> {
        match heard {
            Heard::Due | Heard::Wanted => {}
            Heard::Stop => return Err(MailError::Stopped),
            Heard::Happened(events) => events.iter().for_each(|event| self.happened(event)),
            Heard::Asked(Asked::SignedIn) => self.happened(&Event::SignedIn),
            Heard::Asked(Asked::Synced(Ok(()))) => {
                self.up_to_date();
                self.names.clear();
                self.happened(&Event::Asked(Ok(())));
            }
            // Stopped, it says nothing of the server.
            Heard::Asked(Asked::Synced(Err(MailError::Stopped))) => {}
            Heard::Asked(Asked::Synced(Err(error))) => {
                let trouble = self.trouble(error)?;
                self.happened(&Event::Asked(Err(trouble)));
            }
        }
        Ok(())
    }

    /// What `error` means; given back where the work ends by it.
    fn trouble(&mut self, error: MailError) -> Result<Trouble, MailError> {
        match Trouble::of(&error, self.mail.clock.now_ms()) {
            Some(trouble) => {
                self.error = Some(error);
                Ok(trouble)
            }
            None => Err(error),
        }
    }

    fn up_to_date(&mut self) {
        self.since_ms = self.mail.clock.now_ms();
        self.error = None;
    }

    async fn send(&mut self) -> Result<(), MailError> {
        let mail = Arc::clone(self.mail);
        // On its own, so that no letter's fate is unknown because the worker is dropped.
        let sent = tokio::spawn(async move { mail.send_waiting().await }).await;
        let event = match sent.unwrap_or(Err(MailError::Stopped)) {
            Ok(_) => Event::Sent,
            Err(error) => match Trouble::of(&error, self.mail.clock.now_ms()) {
                Some(trouble) => Event::NotSent(trouble),
                None => return Err(error),
            },
        };
        self.happened(&event);
        Ok(())
    }

    async fn sync(&mut self, whole: bool) -> Result<(), MailError> {
        let touch = &self.mail.touch;
        touch.send_replace(Touch::Syncing { done: 0, total: 0 });
        let progress = |done, total| drop(touch.send_replace(Touch::Syncing { done, total }));
        let names = std::mem::take(&mut self.names);
        let held = self.plan.holds(self.now());
        if !held {
            self.ears.let_go();
        }
        let names = if whole { None } else { Some(&names) };
        let synced = self.mail.sync_acting_before(self.ears.may_act_before(), names, &progress).await;
        match synced {
            Ok(report) => {
                self.up_to_date();
                self.happened(&Event::Synced { whole, held, found: report != SyncReport::default() });
                if whole && self.ears.letters_wait() {
                    // Also those whose fate is to be found out.
                    self.happened(&Event::Letters);
                }
                self.fetch_ahead.notify_one();
            }
            Err(error) => {
                let trouble = self.trouble(error)?;
                self.happened(&Event::Failed(trouble));
            }
        }
        Ok(())
    }

    /// Shows how it stands.
    fn show(&self) {
        let error = || self.error.clone().unwrap_or(MailError::Stopped);
        let shown = match self.plan.held() {
            _ if self.plan.link() == Link::Offline => Touch::Offline,
            Some(Held::Teacher) => Touch::NeedsTeacher { error: error() },
            Some(Held::Until(until) | Held::Locked(until)) => {
                let left = i64::try_from(until.saturating_sub(self.now()).as_millis()).unwrap_or(i64::MAX);
                Touch::Waiting { until_ms: self.mail.clock.now_ms().saturating_add(left), error: error() }
            }
            None if self.since_ms == 0 => return,
            None => Touch::UpToDate { since_ms: self.since_ms },
        };
        self.mail.touch.send_if_modified(|before| {
            // The same pause, told again: only the clock's milliseconds differ.
            let same = match (&*before, &shown) {
                (Touch::Waiting { until_ms: before, .. }, Touch::Waiting { until_ms: now, .. }) => {
                    before.abs_diff(*now) < 100
                }
                (before, shown) => before == shown,
            };
            if !same {
                *before = shown;
            }
            !same
        });
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without chance the pauses are the longest.
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests;

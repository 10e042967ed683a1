//! What the worker does next, and when: every decision. No clock, no chance, no I/O.

use std::time::Duration;

use super::trouble::Trouble;
use crate::mail::link::Link;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How long a destructive action waits for the teacher to take it back, and a row of them at the most.
const HOLD: Duration = Duration::from_secs(5);
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// For so short a wait the server is not asked to tell its news.
const SHORT: Duration = Duration::from_secs(5);
/// After a failure: at most this, doubled with each further one up to that.
const FIRST_PAUSE: Duration = SECOND;
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Not sooner than this, whatever chance says.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// When a server hangs up it hangs up on everybody, and they should not all be back at once.
const SCATTER: Duration = Duration::from_secs(5);
/// Between two syncs that a server's news lead to; doubled with each that finds nothing new, for a server that cries wolf.
const BETWEEN_NEWS: Duration = SECOND;
const LONGEST_BETWEEN_NEWS: Duration = Duration::from_secs(5 * 60);

/// What the server tells by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Telling {
    /// News of all mailboxes.
    Everything,
    /// News of one.
    OneMailbox,
    /// Nothing: it must be asked.
    Nothing,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// What the server can tell by itself has turned out.
    Telling(Telling),
    /// A sync ended well; whether it was of all mailboxes, left what is held undone, and found anything.
    Synced { whole: bool, held: bool, found: bool },
    /// A sync did not.
    Failed(Trouble),
    /// The letters went, or had trouble of their own.
    Sent,
    /// They did not.
    NotSent(Trouble),
    /// The server has told of mailboxes that are not here as they are there.
    News,
    /// The server has told of more than one can name.
    MoreNews,
    /// The connection ended while nothing was under way; whether the path had forgotten it.
    Lost { forgotten: bool },
    /// The teacher did something, something that cannot be undone on the server among it.
    Acted { destructive: bool },
    /// Nothing of what the teacher did waits any more.
    NothingToDo,
    /// Letters wait.
    Letters,
    /// The phone's system says this of the way.
    Link(Link),
    /// The phone has another network of the same kind.
    OtherNetwork,
    /// A sync that the teacher asked for has ended.
    Asked(Result<(), Trouble>),
    /// The teacher has signed in anew.
    SignedIn,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Send the letters.
    Send,
    /// Sync all mailboxes.
    SyncAll,
    /// Do what the teacher did, and sync the mailboxes that the server told of.
    SyncNews,
    /// Wait for an event, at the longest until this moment, with the server telling its news.
    Listen(Duration),
    /// Wait for an event, at the longest until this moment, with nothing under way.
    Rest(Option<Duration>),
}

/// Why nothing is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    /// It failed; again at this moment.
    Until(Duration),
    /// The ledger allows no try before this moment.
    Locked(Duration),
    /// It cannot work before the teacher has done something.
    Teacher,
}

/// What the worker knows. Moments are told as the time since it began.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    link: Link,
    telling: Telling,
    held: Option<Held>,
    failures: u32,
    /// When all mailboxes are looked at.
    look: Duration,
    /// When those are that the server told of.
    news: Option<Duration>,
    /// How many news in a row were none, and when the last were looked at.
    cries: u32,
    looked: Duration,
    /// How many connections in a row were lost within a minute.
    losses: u32,
    /// When the teacher's actions are done, and since when they are held.
    act: Option<Duration>,
    held_since: Option<Duration>,
    letters: Option<Duration>,
    letter_failures: u32,
}

impl Plan {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            // Until it is asked.
            telling: Telling::Everything,
            held: None,
            failures: 0,
            look: Duration::ZERO,
            news: None,
            cries: 0,
            looked: Duration::ZERO,
            losses: 0,
            act: None,
            held_since: None,
            letters: None,
            letter_failures: 0,
        }
    }

    /// Why nothing is tried; a pause that is over is none.
    pub(super) fn held(&self) -> Option<Held> {
        self.held
    }

    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Whether what the teacher has just done is kept from the server for now, so that it can be taken back.
    pub(super) fn holds(&self, now: Duration) -> bool {
        self.held_since.is_some() && self.act.is_some_and(|act| act > now)
    }

    /// What to do at `now`.
    pub(super) fn next(&self, now: Duration) -> Step {
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        match self.held {
            _ if self.link == Link::Offline => return Step::Rest(None),
            Some(Held::Teacher) => return Step::Rest(None),
            Some(Held::Until(until) | Held::Locked(until)) if until > now => return Step::Rest(Some(until)),
            _ => {}
        }
        if due(self.letters) {
            return Step::Send;
        }
        if self.look <= now || (due(self.act) && self.telling != Telling::Everything) {
            return Step::SyncAll;
        }
        if due(self.act) || due(self.news) {
            return Step::SyncNews;
        }
        let moments = [self.news, self.act, self.letters];
        let until = moments.into_iter().flatten().fold(self.look, Duration::min);
        match self.telling {
            Telling::Everything | Telling::OneMailbox if self.link > Link::LowData && until > now + SHORT => {
                Step::Listen(until)
            }
            _ => Step::Rest(Some(until)),
        }
    }

    /// Takes in that `event` happened at `now`. `chance` is from 0 to 1, drawn anew for each.
    pub(super) fn happened(&mut self, event: &Event, now: Duration, chance: f64) {
        match event {
            Event::Telling(telling) => {
                self.telling = *telling;
                self.look = self.look.min(now + self.between_looks());
            }
            Event::Synced { whole, held, found } => {
                self.is_well();
                if !held {
                    (self.act, self.held_since) = (None, None);
                }
                if *whole {
                    self.look = now + self.between_looks();
                }
                if *found || *whole {
                    self.cries = 0;
                } else if self.news.is_some() {
                    self.cries = self.cries.saturating_add(1);
                }
                (self.news, self.looked) = (None, now);
            }
            Event::Failed(trouble) => {
                // All of it again: nobody knows what was missed.
                self.look = now;
                self.failed(*trouble, now, chance);
            }
            Event::Sent => (self.letters, self.letter_failures) = (None, 0),
            Event::NotSent(trouble) => self.not_sent(*trouble, now, chance),
            Event::News => self.news = self.news.or(Some(now.max(self.looked + self.between_news()))),
            Event::MoreNews => self.look = self.look.min(now.max(self.looked + self.between_news())),
            Event::Lost { forgotten } => {
                // One that hangs up on everybody after a moment must not be asked without end.
                let at_once = now < self.looked + MINUTE;
                self.losses = if at_once { self.losses.saturating_add(1) } else { 0 };
                self.look = now
                    + match (self.losses, forgotten) {
                        (0, true) => Duration::ZERO,
                        (0, false) => SCATTER.mul_f64(chance.clamp(0.0, 1.0)),
                        (losses, _) => pause(losses, chance),
                    };
            }
            Event::Acted { destructive: true } => {
                let since = *self.held_since.get_or_insert(now);
                self.act = Some((now + HOLD).min(since + LONGEST_HOLD));
            }
            Event::Acted { destructive: false } => self.act = self.act.or(Some(now)),
            Event::NothingToDo => (self.act, self.held_since) = (None, None),
            Event::Letters => self.letters = Some(now),
            Event::Link(link) => self.linked(*link, now),
            Event::OtherNetwork => self.try_anew(now),
            Event::Asked(Ok(())) => {
                self.is_well();
                (self.act, self.held_since, self.news) = (None, None, None);
                (self.look, self.looked) = (now + self.between_looks(), now);
            }
            Event::SignedIn => {
                self.is_well();
                self.look = now;
            }
            Event::Asked(Err(trouble)) => {
                self.failures = 0;
                self.failed(*trouble, now, chance);
            }
        }
    }

    /// Nothing is known against trying.
    fn is_well(&mut self) {
        (self.held, self.failures) = (None, 0);
    }

    fn failed(&mut self, trouble: Trouble, now: Duration, chance: f64) {
        self.held = Some(match trouble {
            Trouble::Passing => Held::Until(now + pause(self.failures, chance)),
            Trouble::Locked(wait) => Held::Locked(now + wait),
            Trouble::Teacher => Held::Teacher,
        });
        self.failures = self.failures.saturating_add(1);
    }

    /// Trouble with sending keeps no new mail away.
    fn not_sent(&mut self, trouble: Trouble, now: Duration, chance: f64) {
        self.letters = match trouble {
            Trouble::Passing => Some(now + pause(self.letter_failures, chance)),
            Trouble::Locked(wait) => Some(now + wait),
            // When they are given anew, or somebody has signed in.
            Trouble::Teacher => None,
        };
        self.letter_failures = self.letter_failures.saturating_add(1);
    }

    fn linked(&mut self, link: Link, now: Duration) {
        let before = std::mem::replace(&mut self.link, link);
        if link > before {
            self.try_anew(now);
            if before == Link::Offline {
                self.look = now;
            }
        }
        self.look = self.look.min(now + self.between_looks());
    }

    /// What failed may work now. What is locked stays so, and a wrong password stays wrong.
    fn try_anew(&mut self, now: Duration) {
        if let Some(Held::Until(_)) = self.held {
            (self.held, self.look) = (None, now);
        }
        (self.failures, self.letter_failures) = (0, 0);
        self.letters = self.letters.map(|_| now);
    }

    /// How often all mailboxes are looked at.
    fn between_looks(&self) -> Duration {
        match (self.link, self.telling) {
            (Link::Offline | Link::LowData, _) => 60 * MINUTE,
            // For what a server forgets to tell. In the place of every ninth question whether it is there: no wake-up more.
            (_, Telling::Everything) => 9 * 28 * MINUTE,
            (Link::Metered, Telling::OneMailbox) => 20 * MINUTE,
            (Link::Metered, Telling::Nothing) => 15 * MINUTE,
            (Link::Unmetered, Telling::OneMailbox) => 10 * MINUTE,
            (Link::Unmetered, Telling::Nothing) => 5 * MINUTE,
        }
    }

    fn between_news(&self) -> Duration {
        doubled(BETWEEN_NEWS, self.cries, LONGEST_BETWEEN_NEWS)
    }
}

/// A pause with full jitter: phones that failed together do not come back together.
fn pause(failures: u32, chance: f64) -> Duration {
    doubled(FIRST_PAUSE, failures, LONGEST_PAUSE).mul_f64(chance.clamp(0.0, 1.0)).max(SHORTEST_PAUSE)
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    2u32.checked_pow(times).and_then(|factor| first.checked_mul(factor)).map_or(most, |pause| pause.min(most))
}

//! Fetching messages before the teacher asks for them: many a command, several commands on the wire, written while the next are
//! read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::policy::{Facts, Share, is_worse};
use super::{Prefetch, Progress, WHOLE};
use crate::attempts::Presence;
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::imap::{Ask, ImapError, Piece, Role, UidSet};
use crate::mail::link::Link;
use crate::mail::rows::{self, Candidate, Place, Source};

/// The largest message of which several are asked for in one command.
const TOGETHER: u64 = 1024 * 1024 - 1;
/// What one command asks for: bytes, and messages, whose numbers have room in a line of 1,000 characters.
const COMMAND: u64 = 128 * 1024;
const MESSAGES: usize = 80;
/// A transaction. With what waits to be written and what is read meanwhile it is all that is held in memory.
const WRITTEN: usize = 3 * 1024 * 1024;
/// A slow way fills none in this time: what came is written all the same.
const SOON: Duration = Duration::from_millis(300);
/// Messages looked up at once.
const PAGE: u32 = 2000;
/// For so long the connection is not given back to a sync that waits for it.
const SLICE: Duration = Duration::from_secs(1);
/// Failures of single commands after which the server is left alone.
const FAILURES: u32 = 20;

/// What was fetched ahead.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Prefetched {
    /// Messages that can be read now without the server.
    pub messages: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// A prefetch under way.
struct Run<'a> {
    policy: Prefetch,
    link: Link,
    now_ms: i64,
    /// What may be kept, and what is.
    most: u64,
    kept: AtomicU64,
    /// Nothing as old as this is fetched: to make room, as much went.
    floor_ms: AtomicI64,
    messages: AtomicU64,
    bytes: AtomicU64,
    wanted: AtomicU64,
    progress: Progress<'a>,
}

impl Run<'_> {
    fn report(&self) -> Prefetched {
        let [messages, bytes] = [&self.messages, &self.bytes].map(|count| count.load(Ordering::Relaxed));
        Prefetched { messages, bytes }
    }

    fn share(&self, source: &Source, one: &Candidate) -> Share {
        let age_ms = self.now_ms.saturating_sub(one.received_ms);
        self.policy.share(self.link, Facts { size: one.size, age_ms, unread: one.unread, role: source.role })
    }

    fn count(&self, messages: u64, bytes: u64) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.kept.fetch_add(bytes, Ordering::Relaxed);
        let done = self.messages.load(Ordering::Relaxed);
        (self.progress)(done, done.max(self.wanted.load(Ordering::Relaxed)));
    }

    /// What is left free: so that a cache that was trimmed to its limit does not ask for more, and then lose as much, again and
    /// again.
    fn slack(&self) -> u64 {
        (self.most / 16).min(2 * 1024 * 1024)
    }

    fn room(&self) -> u64 {
        (self.most - self.slack()).saturating_sub(self.kept.load(Ordering::Relaxed))
    }

    fn is_full(&self) -> bool {
        self.room() == 0
    }
}

impl MailAccount {
    /// Fetches messages that are likely to be read, as [`Prefetch`] says and the way to the servers allows: the inbox first, the
    /// newest first. To be called behind a sync. `progress` is told how many messages of how many are here; it must not wait for
    /// anything.
    ///
    /// Each transaction is durable: dropped, it goes on from there next time. Ends, with what was done, as soon as the way becomes
    /// worse, and once as much is kept as may be. What the teacher waits for goes first.
    pub async fn prefetch(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<Prefetched, MailError> {
        let (link, mut changes) = (self.link(), self.link_changes());
        let (most, policy) = self.cache_settings().await?;
        let Some(oldest_ms) = policy.oldest(link) else { return Ok(Prefetched::default()) };
        let (now_ms, kept) = (self.clock.now_ms(), AtomicU64::new(self.cache_size().await?));
        let [messages, bytes, wanted] = [0; 3].map(AtomicU64::new);
        let floor_ms = AtomicI64::new(i64::MIN);
        let run = Run { policy, link, now_ms, most, kept, floor_ms, messages, bytes, wanted, progress };
        let stop = self.stop();
        tokio::select! {
            biased;
            _ = changes.wait_for(|now| is_worse(*now, link)) => {}
            () = stop.cancelled() => return Err(MailError::Stopped),
            done = self.prefetch_all(&run, now_ms.saturating_sub(oldest_ms)) => done?,
        }
        self.trim().await?;
        Ok(run.report())
    }

    async fn prefetch_all(&self, run: &Run<'_>, since_ms: i64) -> Result<(), MailError> {
        let (academy, on_screen) = (self.academy.id.clone(), self.on_screen.load(Ordering::Relaxed));
        let mut sources = self.store.read(move |c| rows::sources(c, &academy)).await?;
        let rank = |role| match role {
            Some(Role::Trash | Role::Junk) => 2,
            Some(_) => 0,
            None => 1,
        };
        sources.sort_by_key(|one| (one.role != Some(Role::Inbox), one.id != on_screen, rank(one.role)));
        for source in &sources {
            let mut after = (i64::MAX, i64::MAX);
            while !self.is_all_kept(run, after).await? {
                let mailbox = source.id;
                let page = self.store.read(move |c| rows::candidates(c, mailbox, since_ms, after, PAGE)).await?;
                let Some(last) = page.last() else { break };
                after = (last.received_ms, last.message);
                if !self.prefetch_page(run, source, page).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether there is no room for messages as old as this one: what is newer than the oldest that is kept takes its place.
    async fn is_all_kept(&self, run: &Run<'_>, after: (i64, i64)) -> Result<bool, MailError> {
        Ok(run.is_full() && self.store.read(rows::least_used).await?.is_some_and(|oldest| after.0 <= oldest))
    }

    /// Fetches what is wanted of a page of messages; false where the mailbox cannot be looked into now.
    async fn prefetch_page(&self, run: &Run<'_>, source: &Source, page: Vec<Candidate>) -> Result<bool, MailError> {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for one in page {
            match run.share(source, &one) {
                Share::None => {}
                Share::All if one.size <= TOGETHER => together.push(one),
                Share::Texts(text) if one.size <= WHOLE.min(text) => together.push(one),
                Share::All => alone.push((one, u64::MAX)),
                Share::Texts(text) => alone.push((one, text)),
            }
        }
        run.wanted.fetch_add((together.len() + alone.len()) as u64, Ordering::Relaxed);
        let (mut together, mut alone) = (VecDeque::from(together), VecDeque::from(alone));
        let mut failures = 0;
        while let Some(next) = together.front().or(alone.front().map(|(one, _)| one)) {
            if !self.has_room(run, next, &together).await? {
                return Ok(false);
            }
            self.until_nobody_waits().await;
            let mut errand = self.background(Presence::Unattended).await?;
            let place = Place::of(source);
            match self.select_place(&mut errand, &place).await {
                // The next sync sees to it.
                Err(MailError::Renumbered | MailError::Imap(ImapError::Refused { .. } | ImapError::Bad { .. })) => {
                    errand.end();
                    return Ok(false);
                }
                selected => selected?,
            }
            let end = Instant::now() + SLICE;
            let may_go_on = || Instant::now() < end && !self.is_waited_for() && !run.is_full();
            let mut outcome = self.prefetch_together(run, &mut errand, &mut together, &may_go_on).await;
            while outcome.is_ok() && together.is_empty() && may_go_on() {
                let Some((one, text)) = alone.pop_front() else { break };
                let place = Place { uid: one.uid, size: one.size, ..place.clone() };
                outcome = self.prefetch_alone(run, &mut errand, &place, one, text).await;
            }
            failures += u32::from(outcome.is_err());
            // A message that cannot be had does not keep the others away.
            let usable = errand.imap.is_usable();
            errand.end();
            if !usable || failures > FAILURES {
                outcome?;
            }
        }
        Ok(true)
    }

    /// Whether there is room for this message, or it and those behind it take the place of older ones. No more of these goes than
    /// has to, and nothing is fetched in this run that is as old: it would take their place, and they its own the next time.
    async fn has_room(&self, run: &Run<'_>, next: &Candidate, behind: &VecDeque<Candidate>) -> Result<bool, MailError> {
        if next.received_ms <= run.floor_ms.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if !run.is_full() {
            return Ok(true);
        }
        if self.is_all_kept(run, (next.received_ms, next.message)).await? {
            return Ok(false);
        }
        let oldest = self.store.read(rows::least_used).await?.unwrap_or_default();
        let newer = behind.iter().take_while(|one| one.received_ms > oldest).map(|one| one.size);
        let wanted = newer.sum::<u64>().clamp(next.size.min(TOGETHER), TOGETHER);
        self.trim_to(run.most.saturating_sub(run.slack() + wanted)).await?;
        run.kept.store(self.cache_size().await?, Ordering::Relaxed);
        run.floor_ms.store(self.store.read(rows::least_used).await?.unwrap_or_default(), Ordering::Relaxed);
        Ok(!run.is_full() && next.received_ms > run.floor_ms.load(Ordering::Relaxed))
    }

    async fn prefetch_alone(
        &self,
        run: &Run<'_>,
        errand: &mut Errand<'_>,
        place: &Place,
        one: Candidate,
        text: u64,
    ) -> Result<(), MailError> {
        let _held = self.in_use.hold(one.message);
        match self.fetch_body(errand, one.message, place, text, &|_, _| {}).await {
            Ok(body) => run.count(1, body.raw.len() as u64),
            Err(MailError::TooLarge { .. } | MailError::NotFound | MailError::Imap(ImapError::NotFound)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Fetches small messages as long as `may_go_on` says so.
    async fn prefetch_together(
        &self,
        run: &Run<'_>,
        errand: &mut Errand<'_>,
        left: &mut VecDeque<Candidate>,
        may_go_on: &(impl Fn() -> bool + Sync),
    ) -> Result<(), MailError> {
        let asked = Mutex::new(BTreeMap::new());
        // What is on its way takes room too.
        let (mut room, floor_ms) = (run.room(), run.floor_ms.load(Ordering::Relaxed));
        let mut asks = std::iter::from_fn(|| {
            if room == 0 || !may_go_on() {
                return None;
            }
            let (mut uids, mut bytes, mut largest) = (Vec::new(), 0, 0);
            while let Some(one) = left.front()
                && uids.len() < MESSAGES
                && one.received_ms > floor_ms
                && (uids.is_empty() || bytes + one.size <= COMMAND.min(room))
            {
                (bytes, largest) = (bytes + one.size, one.size.max(largest));
                uids.push(one.uid);
                asked.lock().unwrap_or_else(PoisonError::into_inner).insert(one.uid, one.message);
                left.pop_front();
            }
            room = room.saturating_sub(bytes.max(1));
            // A byte more than they are said to have: those that fill it are larger than that.
            let most = u32::try_from(largest + 1).unwrap_or(u32::MAX);
            (!uids.is_empty()).then(|| Ask::Messages(UidSet::of(&uids), most))
        });
        let mut fetch = errand.imap.piece_fetch(&mut asks);
        let (mut waiting, mut going) = (Vec::new(), Ok(true));
        while going == Ok(true) {
            let (mut arrived, mut bytes, begun) = (Vec::new(), 0, Instant::now());
            let read = async {
                while bytes < WRITTEN && begun.elapsed() < SOON {
                    let mut take = |piece: Piece| {
                        let message = asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&piece.uid);
                        let whole = !piece.bytes.is_empty() && piece.bytes.len() < piece.asked as usize;
                        if let Some(message) = message.filter(|_| whole) {
                            bytes += piece.bytes.len();
                            arrived.push((message, piece.bytes));
                        }
                    };
                    if !fetch.go_on(&mut take).await? {
                        return Ok(false);
                    }
                }
                Ok::<_, ImapError>(true)
            };
            let (read, written) = tokio::join!(read, self.write_bodies(run, waiting));
            written?;
            (waiting, going) = (arrived, read);
        }
        // What came before a failure is good and is kept.
        self.write_bodies(run, waiting).await?;
        going?;
        Ok(())
    }

    async fn write_bodies(&self, run: &Run<'_>, bodies: Vec<(i64, Vec<u8>)>) -> Result<(), MailError> {
        if bodies.is_empty() {
            return Ok(());
        }
        let write = self.store.write(move |t, _| {
            let (mut messages, mut bytes) = (0, 0);
            for (message, raw) in bodies {
                if rows::keep_fresh(t, message, &raw)? {
                    (messages, bytes) = (messages + 1, bytes + raw.len() as u64);
                }
            }
            Ok((messages, bytes))
        });
        let (messages, bytes) = write.await?;
        run.count(messages, bytes);
        Ok(())
    }
}

impl Place {
    /// The mailbox; no message of it yet.
    fn of(source: &Source) -> Self {
        Self { mailbox: source.name.clone(), uid_validity: Some(source.uid_validity), uid: 0, size: 0 }
    }
}

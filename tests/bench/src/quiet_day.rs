//! A quiet day: twenty messages come. What it costs to be told of them, against asking ninety-six times.
//!
//! The day is not waited for. What happens in it is done one after the other, and what only time would bring is measured once
//! and multiplied: how often a quiet connection is asked whether it is there, and all mailboxes are looked at to be sure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use academy::Academy;
use academy::wire::Wire;
use cartable_core::mail::{MailAccount, Touch};
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::child::cpu;
use crate::figure::Figure;
use crate::phone::Traffic;
use crate::place::{LOOPBACK, Place};

/// Every quarter of an hour, as a phone's system allows at the most.
const POLLS: u32 = 96;
const MESSAGES: u32 = 20;
const COUNT: u32 = 1_000;
/// By the worker's policy a connection that is quiet for 28 minutes is asked whether it is there, and every ninth time all
/// mailboxes are looked at instead. An upper bound: what happens in between puts the question off.
const LOOKS: u64 = 24 * 60 / 28 / 9;
const QUESTIONS: u64 = 24 * 60 / 28 - LOOKS;
/// After so long without a byte a phone's radio would begin to sleep; here, where a round trip takes no time, the day's parts
/// are kept apart by more than this.
const ASLEEP: Duration = Duration::from_millis(1_500);
const APART: Duration = Duration::from_millis(2_500);

/// What a part of the day cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    wakes: u64,
    traffic: Traffic,
    cpu_seconds: f64,
}

pub(crate) async fn measure(place: &mut Place) -> Result<Vec<Figure>, Failure> {
    let setup = place.inbox_of(COUNT).await?;
    let academy = place.academy().await?;
    let to = academy::Teacher::by_uid(&setup.user).ok_or("no such teacher")?.address;
    let wire = Wire::to(SocketAddr::new(LOOPBACK, setup.port)).await?;
    let over = setup.over(wire.address());

    // Asked: a connection of its own each time, as the phone's system wakes a job.
    let folder = tempfile::tempdir()?;
    let (mail, store) = over.mail(folder.path())?;
    mail.sync().await?;
    mail.disconnect().await;
    let (start, before) = (Traffic::of(&wire), cpu()?);
    for poll in 0..POLLS {
        if poll * MESSAGES / POLLS != (poll + 1) * MESSAGES / POLLS {
            deliver(academy, to, poll).await?;
        }
        mail.sync().await?;
        mail.disconnect().await;
    }
    let asked = Cost { wakes: POLLS.into(), traffic: Traffic::of(&wire).beyond(start), cpu_seconds: cpu()? - before };
    store.close().await?;

    let folder = tempfile::tempdir()?;
    let (mail, store) = over.mail(folder.path())?;
    let mail = Arc::new(mail);
    mail.sync().await?;
    mail.disconnect().await;
    sleep(ASLEEP).await;
    // What watching the wire costs by itself.
    let ((), watching) = counted(&wire, async {}).await?;
    let worker = tokio::spawn({
        let mail = Arc::clone(&mail);
        async move { mail.stay_in_touch().await }
    });
    let (begun, told) = counted(&wire, until_known(&mail, known(&mail).await?)).await?;
    begun?;
    let mut day = Cost::default();
    day.add(told, watching, 1);
    for number in 0..MESSAGES {
        let more = known(&mail).await? + 1;
        let (done, cost) = counted(&wire, async {
            deliver(academy, to, 1_000 + number).await?;
            until_known(&mail, more).await
        })
        .await?;
        done?;
        day.add(cost, watching, 1);
    }
    // Whether the connection is there is asked as after each long silence.
    let ((), question) = counted(&wire, async { mail.network_changed() }).await?;
    day.add(question, watching, QUESTIONS);
    let (looked, look) = counted(&wire, mail.sync()).await?;
    looked?;
    day.add(look, watching, LOOKS);
    mail.disconnect().await;
    worker.await?;
    store.close().await?;

    let figures = |name: &str, cost: Cost| {
        [
            Figure::new(&format!("quiet-day/{name}-wakes"), cost.wakes as f64, ""),
            Figure::new(&format!("quiet-day/{name}-bytes"), cost.traffic.bytes as f64, "B"),
            Figure::new(&format!("quiet-day/{name}-round-trips"), cost.traffic.round_trips as f64, ""),
            Figure::new(&format!("quiet-day/{name}-cpu"), cost.cpu_seconds, "s"),
        ]
    };
    let ratio = |name: &str, this: f64, that: f64| Figure::new(&format!("quiet-day/{name}-ratio"), this / that, "x");
    let mut all = vec![
        Figure::new("quiet-day/question-bytes", question.traffic.bytes as f64, "B"),
        Figure::new("quiet-day/look-bytes", look.traffic.bytes as f64, "B"),
    ];
    all.extend(figures("asked", asked));
    all.extend(figures("told", day));
    all.extend([
        ratio("bytes", day.traffic.bytes as f64, asked.traffic.bytes as f64),
        ratio("round-trips", day.traffic.round_trips as f64, asked.traffic.round_trips as f64),
        ratio("cpu", day.cpu_seconds, asked.cpu_seconds),
    ]);
    Ok(all)
}

impl Cost {
    /// So many times `other`, without what it took to watch it.
    fn add(&mut self, other: Self, watching: Self, times: u64) {
        self.wakes += other.wakes * times;
        self.traffic.bytes += other.traffic.bytes * times;
        self.traffic.round_trips += other.traffic.round_trips * times;
        self.cpu_seconds += (other.cpu_seconds - watching.cpu_seconds).max(0.0) * times as f64;
    }
}

/// What `work` and what it leads to cost until all is quiet again. A radio wakes as often as bytes come after a silence.
async fn counted<T>(wire: &Wire, work: impl Future<Output = T>) -> Result<(T, Cost), Failure> {
    let (start, before, moment) = (Traffic::of(wire), cpu()?, Duration::from_millis(20));
    let quiet = async {
        let (mut wakes, mut seen, mut silent) = (0, start.bytes, ASLEEP);
        let mut left = APART;
        while !left.is_zero() {
            sleep(moment).await;
            let now = Traffic::of(wire).bytes;
            if now == seen {
                silent += moment;
                left = left.saturating_sub(moment);
                continue;
            }
            wakes += u64::from(silent >= ASLEEP);
            (seen, silent, left) = (now, Duration::ZERO, APART);
        }
        wakes
    };
    let (done, wakes) = tokio::join!(work, quiet);
    let cost = Cost { wakes, traffic: Traffic::of(wire).beyond(start), cpu_seconds: cpu()? - before };
    Ok((done, cost))
}

async fn deliver(academy: &Academy, to: &str, number: u32) -> Result<(), Failure> {
    let raw = format!(
        "From: Vie scolaire <vs@academie.test>\r\nTo: {to}\r\nSubject: Note {number}\r\nMessage-ID: <n{number}@a.test>\r\n\
         Date: Tue, 24 Nov 2026 08:00:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBonjour\r\n"
    );
    Ok(academy.deliver(to, raw.as_bytes()).await?)
}

async fn known(mail: &MailAccount) -> Result<u64, Failure> {
    Ok(mail.mailboxes().await?.iter().map(|mailbox| mailbox.known).sum())
}

/// Waits until so many messages are on the phone and its worker says that these are all.
async fn until_known(mail: &MailAccount, messages: u64) -> Result<(), Failure> {
    let mut touch = mail.touch();
    let wait = async {
        loop {
            touch.wait_for(|touch| matches!(touch, Touch::UpToDate { .. })).await?;
            if known(mail).await? >= messages {
                return Ok(());
            }
            touch.changed().await?;
        }
    };
    timeout(Duration::from_secs(30), wait).await.map_err(|_| "the worker does not hear of a message")?
}

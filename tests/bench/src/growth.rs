//! What grows with a mailbox, and what does not: from a thousand messages to two hundred thousand.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use academy::wire::Wire;
use cartable_core::mail::{After, MailAccount};

use crate::Failure;
use crate::child::Errand;
use crate::figure::{Figure, Rounds};
use crate::first_screen::screen;
use crate::phone::{Setup, after_login};
use crate::place::{LOOPBACK, Place};
use crate::plot;

pub(crate) const COUNTS: [u32; 5] = [1_000, 5_000, 20_000, 80_000, 200_000];
const TIMES: usize = 5;
const PAGES: usize = 21;
const ROWS: u32 = 50;
const MB: f64 = 1e6;

/// One thing, measured at each of the counts.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) values: Vec<f64>,
}

/// The same of one mailbox.
struct Sample {
    first_screen: f64,
    sync: f64,
    bytes: f64,
    round_trips: f64,
    quiet_cpu: f64,
    page: f64,
    database: f64,
    memory: f64,
}

/// Measures as the mailbox grows, and draws where asked.
pub(crate) async fn measure(place: &mut Place, plot: Option<&Path>) -> Result<Vec<Series>, Failure> {
    let mut samples = Vec::new();
    for count in COUNTS {
        let setup = place.grown_to(count).await?;
        samples.push(sample(&setup, count).await?);
    }
    let series = |name, title, unit, value: fn(&Sample) -> f64| {
        let values = samples.iter().map(value).collect();
        Series { name, title, unit, values }
    };
    let all = vec![
        series("first-screen", "first screen", "s", |sample| sample.first_screen),
        series("header-sync", "first sync of all headers", "s", |sample| sample.sync),
        series("quiet-bytes", "nothing new: bytes", "B", |sample| sample.bytes),
        series("quiet-round-trips", "nothing new: round trips", "", |sample| sample.round_trips),
        series("quiet-cpu", "nothing new: processor time", "s", |sample| sample.quiet_cpu),
        series("page", "fifty rows from the middle", "s", |sample| sample.page),
        series("database", "database", "MB", |sample| sample.database),
        series("memory", "peak memory of the first sync", "MB", |sample| sample.memory),
    ];
    if let Some(file) = plot {
        std::fs::write(file, plot::draw(&COUNTS, &all))?;
    }
    Ok(all)
}

/// One figure for each count.
pub(crate) fn figures(all: &[Series]) -> Vec<Figure> {
    let figures = all.iter().flat_map(|series| {
        let named = COUNTS.iter().zip(&series.values);
        named.map(|(count, value)| Figure::new(&format!("growth/{}-{count}", series.name), *value, series.unit))
    });
    figures.collect()
}

/// All of it on one screen.
pub(crate) fn table(all: &[Series]) -> String {
    let mut text = format!("{:34}", "messages") + &COUNTS.map(|count| format!("{count:>12}")).concat();
    for series in all {
        let title = format!("{} {}", series.title, series.unit);
        text += &format!("\n{:34}", title.trim_end());
        for value in &series.values {
            let value = plot::short(*value);
            text += &format!("{value:>12}");
        }
    }
    text
}

async fn sample(setup: &Setup, count: u32) -> Result<Sample, Failure> {
    let (warm_up, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
    // Not counted: what the server reads for the first time it reads from its files.
    Errand::Sync(setup.clone(), Some(warm_up.path().to_owned())).run().await?;
    let errand = Errand::Sync(setup.clone(), Some(folder.path().to_owned()));
    let synced = errand.run().await?;
    if synced.messages != u64::from(count) {
        return Err(format!("{} of {count} messages were synced", synced.messages).into());
    }
    let mut first_screen = Rounds::default();
    for _ in 0..TIMES {
        first_screen.push(screen(setup, None).await?.0.as_secs_f64());
    }
    let wire = Wire::to(SocketAddr::new(LOOPBACK, setup.port)).await?;
    let (mail, store) = setup.over(wire.address()).mail(folder.path())?;
    let (mut bytes, mut round_trips) = (Rounds::default(), Rounds::default());
    for _ in 0..TIMES {
        let quiet = after_login(&mail, &wire).await?;
        bytes.push(quiet.bytes as f64);
        round_trips.push(quiet.round_trips as f64);
    }
    let page = page_time(&mail, count).await?;
    store.close().await?;
    let mut database = 0;
    for file in std::fs::read_dir(folder.path())? {
        database += file?.metadata()?.len();
    }
    let mut quiet_cpu = Rounds::default();
    for _ in 0..TIMES {
        quiet_cpu.push(errand.run().await?.cpu_seconds);
    }
    Ok(Sample {
        first_screen: first_screen.middle(),
        sync: synced.seconds,
        bytes: bytes.middle(),
        round_trips: round_trips.middle(),
        quiet_cpu: quiet_cpu.middle(),
        page,
        database: database as f64 / MB,
        memory: synced.peak_bytes as f64 / MB,
    })
}

/// How long fifty rows take, half-way down the list.
async fn page_time(mail: &MailAccount, count: u32) -> Result<f64, Failure> {
    let inbox = mail.mailboxes().await?.into_iter().next().ok_or("no inbox")?.id;
    let (mut after, mut passed) = (None, 0);
    while passed < count / 2 {
        let page = mail.page(inbox, after, 500).await?;
        let last = page.last().ok_or("the list ended too soon")?;
        after = Some(After { received_ms: last.received_ms, id: last.id });
        passed += 500;
    }
    let mut times = Rounds::default();
    for _ in 0..PAGES {
        let started = Instant::now();
        let rows = mail.page(inbox, after, ROWS).await?;
        times.push(started.elapsed().as_secs_f64());
        if rows.len() != ROWS as usize {
            return Err("the page is not full".into());
        }
    }
    Ok(times.middle())
}

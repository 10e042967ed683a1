//! The headers of a full inbox, durable in the store, against the raw drain of the same commands.

use std::net::SocketAddr;

use academy::Validity;
use academy::wire::{Direction, Faults, Identity, Wire};

use crate::Failure;
use crate::child::{Errand, Report};
use crate::figure::{Figure, Rounds};
use crate::peers::Peers;
use crate::phone::Setup;
use crate::place::{LOOPBACK, Place};

const USUAL: u32 = 20_000;
const LARGE: u32 = 200_000;
const ROUNDS: usize = 9;
const MB: f64 = 1e6;

pub(crate) async fn measure(
    place: &mut Place,
    rounds: Option<usize>,
    peers: Option<&Peers>,
) -> Result<Vec<Figure>, Failure> {
    let usual = place.inbox_of(USUAL).await?;
    // Both first times warm the server's cache and are not counted.
    let lines = commands(place, &usual).await?;
    Errand::Drain(usual.clone(), lines.clone()).run().await?;
    let (mut syncs, mut drains, mut fetches) = (Rounds::default(), Rounds::default(), Rounds::default());
    let (mut ours, mut neomutts) = (Rounds::default(), Rounds::default());
    let (mut cpus, mut peaks, mut bytes) = (Rounds::default(), Rounds::default(), 0);
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        let synced = whole(Errand::Sync(usual.clone(), None).run().await?, USUAL)?;
        let drained = Errand::Drain(usual.clone(), lines.clone()).run().await?;
        syncs.push(synced.seconds);
        cpus.push(synced.cpu_seconds);
        peaks.push(synced.peak_bytes as f64 / MB);
        drains.push(drained.seconds);
        fetches.push(drained.commands_seconds);
        bytes = drained.bytes;
        if let Some(peers) = peers {
            ours.push(synced.process_seconds);
            neomutts.push(peers.neomutt(&usual, USUAL).await?);
        }
    }
    let large = place.inbox_of(LARGE).await?;
    let large = whole(Errand::Sync(large, None).run().await?, LARGE)?;
    let mut figures = vec![
        Figure::ratio("first-sync/ratio", &syncs, &drains).at_most(1.5),
        Figure::median("first-sync/sync-20000", &syncs, "s"),
        Figure::median("first-sync/sync-20000-cpu", &cpus, "s"),
        Figure::median("first-sync/drain-20000", &drains, "s"),
        Figure::median("first-sync/drain-20000-no-login", &fetches, "s"),
        Figure::new("first-sync/drained", bytes as f64 / MB, "MB"),
        Figure::median("first-sync/memory-20000", &peaks, "MB").at_most(40.0),
        Figure::new("first-sync/memory-200000", large.peak_bytes as f64 / MB, "MB").at_most(40.0),
        Figure::new("first-sync/sync-200000-cold", large.seconds, "s"),
    ];
    if peers.is_some() {
        figures.push(Figure::ratio("first-sync/neomutt-to-ours", &neomutts, &ours).at_least(3.0));
        figures.push(Figure::median("first-sync/neomutt-20000", &neomutts, "s"));
        figures.push(Figure::median("first-sync/ours-20000-process", &ours, "s"));
    }
    Ok(figures)
}

/// A measurement of half the work would be worth nothing.
fn whole(report: Report, count: u32) -> Result<Report, Failure> {
    if report.messages == u64::from(count) {
        return Ok(report);
    }
    Err(format!("{} of {count} messages were synced", report.messages).into())
}

/// The commands of the product's own first sync as they went over the wire, from SELECT to the last FETCH.
async fn commands(place: &mut Place, setup: &Setup) -> Result<Vec<String>, Failure> {
    let academy = place.academy().await?;
    let wire = Wire::to(SocketAddr::new(LOOPBACK, setup.port)).await?;
    let identity = Identity::of(&academy.authority().issue(&[&setup.host], Validity::Good)?)?;
    wire.set(Faults::none().intercept(identity).record()).await?;
    whole(Errand::Sync(setup.over(wire.address()), None).run().await?, USUAL)?;
    let sent = String::from_utf8_lossy(&wire.recorded(Direction::ToServer)).into_owned();
    let word = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    let lines: Vec<String> =
        sent.lines().filter(|line| matches!(word(line).as_str(), "SELECT" | "FETCH")).map(str::to_owned).collect();
    let selects = lines.iter().take_while(|line| word(line) == "SELECT").count();
    if selects != 1 || lines.len() < 2 {
        return Err("the product's sync asked for its headers in another way".into());
    }
    Ok(lines)
}

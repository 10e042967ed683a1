//! All bodies of a full inbox of natural mail, durable in the store, against the raw drain of the same messages.

use crate::Failure;
use crate::child::{Errand, Report};
use crate::figure::{Figure, Rounds};
use crate::place::Place;

const COUNT: u32 = 20_000;
const ROUNDS: usize = 5;
const MB: f64 = 1e6;

pub(crate) async fn measure(place: &mut Place, rounds: Option<usize>) -> Result<Vec<Figure>, Failure> {
    let setup = place.natural_inbox(COUNT).await?;
    let lines = ["s SELECT INBOX".to_owned(), "f UID FETCH 1:* (UID BODY.PEEK[])".to_owned()];
    let drain = Errand::Drain(setup.clone(), lines.to_vec());
    // The first time warms the server's cache and is not counted.
    drain.run().await?;
    let (mut fetches, mut drains, mut cpus, mut peaks) =
        (Rounds::default(), Rounds::default(), Rounds::default(), Rounds::default());
    let mut bytes = 0;
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        let fetched = whole(Errand::Bodies(setup.clone()).run().await?)?;
        let drained = drain.run().await?;
        fetches.push(fetched.commands_seconds);
        cpus.push(fetched.cpu_seconds);
        peaks.push(fetched.peak_bytes as f64 / MB);
        drains.push(drained.commands_seconds);
        bytes = fetched.bytes;
    }
    Ok(vec![
        Figure::ratio("all-bodies/ratio", &fetches, &drains).at_most(2.0),
        Figure::median("all-bodies/fetch-20000", &fetches, "s"),
        Figure::median("all-bodies/drain-20000", &drains, "s"),
        Figure::median("all-bodies/cpu", &cpus, "s"),
        Figure::new("all-bodies/bytes", bytes as f64 / MB, "MB"),
        Figure::median("all-bodies/memory", &peaks, "MB").at_most(40.0),
    ])
}

/// A measurement of half the work would be worth nothing.
fn whole(report: Report) -> Result<Report, Failure> {
    if report.messages == u64::from(COUNT) {
        return Ok(report);
    }
    Err(format!("{} of {COUNT} bodies were fetched", report.messages).into())
}

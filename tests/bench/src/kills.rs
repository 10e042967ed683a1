//! The app killed at any moment, thousands of times: what the journeys do for seconds, at length.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use academy::Academy;
use journeys::kills::{Plan, Tally, errands, run};

use crate::Failure;
use crate::figure::Figure;

/// The word on the command line that makes this program an app to be killed; the phone's home and a seed follow.
pub(crate) const WORD: &str = "--app";

const RUNS: u64 = 1_000;
const BETWEEN_CHECKS: u64 = 100;
const PHONES: usize = 3;

/// What the run is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) runs: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) phones: Option<usize>,
    /// The other program gives no mailbox another name.
    pub(crate) no_renames: bool,
}

/// Kills as asked. An invariant that does not hold is a failure, whose text says how to see it again.
pub(crate) async fn measure(wish: Wish) -> Result<Vec<Figure>, Failure> {
    let academy = Arc::new(Academy::start().await?);
    let plan = Plan {
        seed: wish.seed.unwrap_or(1),
        kills: wish.runs.unwrap_or(RUNS),
        phones: wish.phones.unwrap_or(PHONES),
        between_checks: BETWEEN_CHECKS,
        renames: !wish.no_renames,
    };
    let app: [OsString; 2] = [std::env::current_exe()?.into(), WORD.into()];
    let started = Instant::now();
    let told = move |tally: &Tally| {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{} kills, {} checks in {seconds:.0} s: {tally:?}", tally.kills, tally.checks);
    };
    let done = run(&academy, &app, plan, told).await;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(academy) = Arc::into_inner(academy) {
        academy.stop().await?;
    }
    let again = || {
        let renames = if plan.renames { "" } else { " --no-renames" };
        format!("; again: kills --seed {} --runs {} --phones {}{renames}", plan.seed, plan.kills, plan.phones)
    };
    let tally = done.map_err(|error| format!("{error}{}", again()))?;
    let mut figures = vec![
        Figure::new("kills/kills", tally.kills as f64, ""),
        // The run ends at the first of either.
        Figure::new("kills/lost", 0.0, "").at_most(0.0),
        Figure::new("kills/doubled", 0.0, "").at_most(0.0),
        Figure::new("kills/checks", tally.checks as f64, ""),
        Figure::new("kills/fresh-downloads-compared", tally.fresh as f64, ""),
        Figure::new("kills/letters-sent-once", tally.letters as f64, ""),
        Figure::new("kills/letters-in-doubt", tally.uncertain as f64, ""),
        Figure::new("kills/per-minute", tally.kills as f64 * 60.0 / seconds, ""),
    ];
    let deeds =
        tally.deeds.iter().map(|(deed, count)| Figure::new(&format!("kills/promised-{deed}"), *count as f64, ""));
    figures.extend(deeds);
    Ok(figures)
}

/// The app's side.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> Result<(), Failure> {
    let (home, seed) = (words.next().ok_or("no home")?, words.next().ok_or("no seed")?.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(errands(Path::new(&home), seed));
    Ok(())
}

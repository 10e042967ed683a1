//! Measures what the product promises, against the real servers of the test academy, against the raw socket and against other
//! programs.
//!
//! `cargo run --release -p bench -- NAME … [--json] [--rounds N]`; without NAME all but the long ones. A missed goal is a result
//! and not a failure: the exit status is other than 0 only where nothing could be measured, or a killed app lost something.
//! What is compared was measured in turns in one run, for a machine is never as quiet as the last time.
//!
//! * `mail`: the five that follow; with `--peers` beside neomutt, mbsync and offlineimap, which are installed from Debian.
//! * `first-sync`: the headers of a full inbox. `first-screen`: fifty rows of a small and of a huge one. `mail-quiet`: nothing new.
//!   `mail-changes`: a few hundred changes. `mail-bodies`: every message whole.
//! * `threads`: two hundred thousand messages made into conversations, and pages of these.
//! * `sign-in`: the portal's form. `library-size`: the weight in a phone.
//! * `growth` (long): what grows with a mailbox, as a table; `--plot FILE` draws it. `docs/growth.svg` is made so.
//! * `quiet-day` (long): twenty messages in a day, asked for and told.
//! * `search` (long): 200,000 letters found by their words as one types; with `--peers` beside notmuch and mu.
//! * `kills` (long): the app killed at any moment; `--runs N`, `--seed N`, `--phones N`, `--no-renames`.

mod child;
mod drain;
mod figure;
mod first_screen;
mod first_sync;
mod growth;
mod kills;
mod library_size;
mod mail_bodies;
mod mail_changes;
mod mail_quiet;
mod peers;
mod phone;
mod place;
mod plot;
mod quiet_day;
mod search;
mod sign_in;
mod threads;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use peers::Peers;
use place::Place;

/// Whatever went wrong, in its own words: nobody handles it, somebody reads it.
type Failure = Box<dyn Error + Send + Sync>;

/// What is measured where nothing is named.
const USUAL: [&str; 4] = ["mail", "threads", "sign-in", "library-size"];
const MAIL: [&str; 5] = ["first-sync", "first-screen", "mail-quiet", "mail-changes", "mail-bodies"];
/// What is measured only where it is named: it takes long.
const LONG: [&str; 4] = ["growth", "kills", "quiet-day", "search"];

/// What was asked for on the command line.
struct Wish {
    names: Vec<String>,
    json: bool,
    rounds: Option<usize>,
    peers: bool,
    plot: Option<PathBuf>,
    kills: kills::Wish,
}

impl Wish {
    fn read(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let kills = kills::Wish { runs: None, seed: None, phones: None, no_renames: false };
        let mut wish = Self { names: Vec::new(), json: false, rounds: None, peers: false, plot: None, kills };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => wish.json = true,
                "--rounds" => {
                    let rounds = words.next().ok_or("--rounds needs a number")?.parse()?;
                    wish.rounds = Some(std::cmp::max(rounds, 1));
                }
                "--runs" => wish.kills.runs = Some(words.next().ok_or("--runs needs a number")?.parse()?),
                "--seed" => wish.kills.seed = Some(words.next().ok_or("--seed needs a number")?.parse()?),
                "--phones" => wish.kills.phones = Some(words.next().ok_or("--phones needs a number")?.parse()?),
                "--no-renames" => wish.kills.no_renames = true,
                "--peers" => wish.peers = true,
                "--plot" => wish.plot = Some(words.next().ok_or("--plot needs a file")?.into()),
                name if USUAL.contains(&name) || MAIL.contains(&name) || LONG.contains(&name) => wish.names.push(word),
                other => {
                    let names = [&USUAL[..], &MAIL, &LONG].concat().join(", ");
                    return Err(format!("no figure {other}; there are {names}").into());
                }
            }
        }
        if wish.names.is_empty() {
            wish.names = USUAL.map(str::to_owned).to_vec();
        }
        if let Some(at) = wish.names.iter().position(|name| name == "mail") {
            wish.names.splice(at..=at, MAIL.map(str::to_owned));
        }
        Ok(wish)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let done = if words.peek().is_some_and(|word| word == child::WORD) {
        child::serve()
    } else if words.peek().is_some_and(|word| word == kills::WORD) {
        kills::serve(words.skip(1))
    } else {
        Wish::read(words).and_then(|wish| measure(&wish))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(wish: &Wish) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut place = Place::default();
        let done = measure_at(wish, &mut place).await;
        // Also after a failure, which is the one to tell.
        let stopped = place.stop().await;
        done.and(stopped)
    })
}

async fn measure_at(wish: &Wish, place: &mut Place) -> Result<(), Failure> {
    let peers = if wish.peers { installed(wish.json).await } else { None };
    let peers = peers.as_ref();
    for name in &wish.names {
        let figures = match name.as_str() {
            "first-sync" => first_sync::measure(place, wish.rounds, peers).await?,
            "first-screen" => first_screen::measure(place, wish.rounds).await?,
            "mail-quiet" => mail_quiet::measure(place, wish.rounds, peers).await?,
            "mail-changes" => mail_changes::measure(place).await?,
            "mail-bodies" => mail_bodies::measure(place, wish.rounds, peers).await?,
            "kills" => kills::measure(wish.kills).await?,
            "search" => search::measure(place, wish.rounds, peers).await?,
            "quiet-day" => quiet_day::measure(place).await?,
            "threads" => threads::measure(place, wish.rounds).await?,
            "sign-in" => sign_in::measure(place, wish.rounds).await?,
            "growth" => {
                let all = growth::measure(place, wish.plot.as_deref()).await?;
                if !wish.json {
                    println!("{}", growth::table(&all));
                    continue;
                }
                growth::figures(&all)
            }
            _ => library_size::measure().await?,
        };
        for figure in figures {
            println!("{}", if wish.json { figure.json() } else { figure.row() });
        }
    }
    Ok(())
}

/// The peers, or one line that says why there are none.
async fn installed(json: bool) -> Option<Peers> {
    match Peers::ensure().await {
        Ok(peers) => Some(peers),
        Err(reason) => {
            let reason = reason.to_string();
            let told = serde_json::json!({ "name": "peers", "skipped": reason });
            println!("{}", if json { told.to_string() } else { format!("peers skipped: {reason}") });
            None
        }
    }
}

//! Measures what the product promises, against the real servers of the test academy and against the raw socket.
//!
//! `cargo run --release -p bench -- NAME [--json] [--rounds N]`; without NAME all. A missed goal is a result and not a
//! failure: the exit status is other than 0 only where nothing could be measured. What is compared was measured in turns
//! in one run, for a machine is never as quiet as the last time.

mod all_bodies;
mod child;
mod drain;
mod figure;
mod first_screen;
mod first_sync;
mod library_size;
mod mail_changes;
mod mail_quiet;
mod phone;
mod place;
mod quiet_day;
mod sign_in;

use std::error::Error;
use std::process::ExitCode;

use place::Place;

/// Whatever went wrong, in its own words: nobody handles it, somebody reads it.
type Failure = Box<dyn Error + Send + Sync>;

const NAMES: [&str; 8] =
    ["first-sync", "first-screen", "all-bodies", "mail-quiet", "mail-changes", "quiet-day", "sign-in", "library-size"];

/// What was asked for on the command line.
struct Wish {
    names: Vec<String>,
    json: bool,
    rounds: Option<usize>,
}

impl Wish {
    fn read(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut wish, mut words) = (Self { names: Vec::new(), json: false, rounds: None }, words);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => wish.json = true,
                "--rounds" => {
                    let rounds = words.next().ok_or("--rounds needs a number")?.parse()?;
                    wish.rounds = Some(std::cmp::max(rounds, 1));
                }
                name if NAMES.contains(&name) => wish.names.push(word),
                other => return Err(format!("no figure {other}; there are {}", NAMES.join(", ")).into()),
            }
        }
        if wish.names.is_empty() {
            wish.names = NAMES.map(str::to_owned).to_vec();
        }
        Ok(wish)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let done = if words.peek().is_some_and(|word| word == child::WORD) {
        child::serve()
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
    for name in &wish.names {
        let figures = match name.as_str() {
            "first-sync" => first_sync::measure(place, wish.rounds).await?,
            "first-screen" => first_screen::measure(place, wish.rounds).await?,
            "all-bodies" => all_bodies::measure(place, wish.rounds).await?,
            "mail-quiet" => mail_quiet::measure(place).await?,
            "mail-changes" => mail_changes::measure(place).await?,
            "quiet-day" => quiet_day::measure(place).await?,
            "sign-in" => sign_in::measure(place, wish.rounds).await?,
            _ => library_size::measure().await?,
        };
        for figure in figures {
            println!("{}", if wish.json { figure.json() } else { figure.row() });
        }
    }
    Ok(())
}

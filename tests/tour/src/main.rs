//! A teacher's morning in the terminal: each step with what the teacher sees, what went over which wire, how long it took,
//! and a tick. Installs and starts all it needs, and stops it again.

mod academies;
mod morning;
mod offline;
mod options;
mod picture;
mod show;
mod ways;
mod wires;

use std::io::Write;
use std::process::ExitCode;

use cartable_core::academy::Catalogue;
use options::Options;
use show::Show;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            eprintln!("{reason}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if options.academies {
        return print_academies(&options);
    }
    let mut show = Show::new(&options);
    // What went wrong has been shown with its step.
    let whole = morning::run(&mut show, &options).await.is_ok();
    show.end();
    if let Some(file) = &options.picture
        && let Err(error) = std::fs::write(file, picture::draw(show.lines()))
    {
        eprintln!("{}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_academies(options: &Options) -> ExitCode {
    let catalogue = match Catalogue::bundled() {
        Ok(catalogue) => catalogue,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let text = match options.json {
        true => academies::lines_of_json(&catalogue),
        false => academies::table(&catalogue, options.language),
    };
    // Somebody who closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

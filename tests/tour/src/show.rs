//! What is shown of each step: lines for a terminal, or JSON for a program.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use cartable_core::words::{Language, Sentence};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::options::Options;

/// The widest line of the tour.
const WIDTH: usize = 98;

/// A line that was shown.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// What a line is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Title,
    Good,
    Bad,
    Detail,
}

/// What a step tells when it is done.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<String>);

/// Why a step was not good: what happened, and what to do.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: String,
    next: String,
}

/// The tour stops here; the trouble has been shown.
#[derive(Debug)]
pub(crate) struct Stopped;

/// The showing of one tour.
pub(crate) struct Show {
    json: bool,
    language: Language,
    colour: bool,
    lines: Vec<Line>,
    good: usize,
    bad: usize,
    began: Instant,
}

impl Told {
    /// One line of detail.
    pub(crate) fn line(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// And another; an empty one is left out.
    pub(crate) fn and(mut self, text: impl Into<String>) -> Self {
        self.0.push(text.into());
        self
    }
}

impl From<Sentence> for Trouble {
    fn from(sentence: Sentence) -> Self {
        Self { what: sentence.what, next: sentence.next }
    }
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

impl Show {
    pub(crate) fn new(options: &Options) -> Self {
        let mut show = Self {
            json: options.json,
            language: options.language,
            colour: !options.json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            lines: Vec::new(),
            good: 0,
            bad: 0,
            began: Instant::now(),
        };
        if !show.json {
            let title = show.say("Cartable · une matinée de professeur", "Cartable · a teacher's morning").to_owned();
            show.print(Kind::Title, title);
        }
        show
    }

    /// The text in the language of the tour.
    pub(crate) fn say<'a>(&self, french: &'a str, english: &'a str) -> &'a str {
        if self.language == Language::French { french } else { english }
    }

    /// Runs a step and shows how it went. `name` is for programs, the title for people.
    pub(crate) async fn step<T>(
        &mut self,
        name: &str,
        title: &str,
        work: impl Future<Output = Result<(T, Told), Trouble>>,
    ) -> Result<T, Stopped> {
        let spinner = self.spinner(title);
        let start = Instant::now();
        let outcome = work.await;
        let took = start.elapsed();
        spinner.finish_and_clear();
        match outcome {
            Ok((value, told)) => {
                self.good += 1;
                self.report(name, title, true, took, told.0);
                Ok(value)
            }
            Err(trouble) => {
                self.bad += 1;
                self.report(name, title, false, took, vec![trouble.what, format!("→ {}", trouble.next)]);
                Err(Stopped)
            }
        }
    }

    /// A bar for long work, shown on a terminal only. `what` is said before it.
    pub(crate) fn bar(&self, what: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(0), self.target());
        let style = ProgressStyle::with_template("    {msg} {bar:32} {pos}/{len}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        bar
    }

    /// The last line.
    pub(crate) fn end(&mut self) {
        if self.json {
            return;
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let count = match (self.good, self.bad) {
            (good, 0) => format!("{good} {}", self.say("étapes, toutes bonnes", "steps, all good")),
            (good, bad) => {
                format!("{good} {}, {bad} {}", self.say("bonnes", "good"), self.say("en défaut", "not good"))
            }
        };
        self.print(Kind::Title, format!("{count} ({seconds:.1} s)"));
    }

    /// All that was shown.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    fn report(&mut self, name: &str, title: &str, ok: bool, took: Duration, detail: Vec<String>) {
        if self.json {
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let detail: Vec<_> = detail.iter().flat_map(|text| text.split_whitespace()).collect();
            self.write(&json!({"name": name, "ok": ok, "ms": ms, "detail": detail.join(" ")}).to_string());
            return;
        }
        let seconds = format!("{:.2} s", took.as_secs_f64());
        let room = WIDTH.saturating_sub(4 + title.chars().count() + seconds.len());
        let (kind, mark) = if ok { (Kind::Good, '✓') } else { (Kind::Bad, '✗') };
        self.print(kind, format!("{mark} {title}{}{seconds}", " ".repeat(room.max(1))));
        for text in detail.into_iter().filter(|text| !text.is_empty()) {
            self.print(Kind::Detail, format!("    {text}"));
        }
    }

    fn print(&mut self, kind: Kind, text: String) {
        let coloured = match kind {
            _ if !self.colour => text.clone(),
            Kind::Title => format!("\x1b[1m{text}\x1b[0m"),
            Kind::Good => format!("\x1b[32m{}\x1b[0m{}", &text[..'✓'.len_utf8()], &text['✓'.len_utf8()..]),
            Kind::Bad => format!("\x1b[31m{text}\x1b[0m"),
            Kind::Detail => format!("\x1b[2m{text}\x1b[0m"),
        };
        self.write(&coloured);
        self.lines.push(Line { kind, text });
    }

    fn write(&self, line: &str) {
        // Somebody who closed the pipe has seen enough.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    fn spinner(&self, title: &str) -> ProgressBar {
        let spinner = ProgressBar::with_draw_target(None, self.target());
        spinner.set_style(ProgressStyle::default_spinner());
        spinner.set_message(title.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
    }
}

//! notmuch and mu on the same letters, as files of a Maildir. They are programs: what one takes to start is measured beside and taken
//! off.

use std::path::Path;
use std::time::{Duration, Instant};

use super::letters::{Letters, Shape};
use super::{COUNT, ROWS, Times, WARM_UP};
use crate::Failure;
use crate::figure::Figure;
use crate::peers::Peers;

/// Questions of a kind: each is a process.
const QUESTIONS: u32 = 200;
/// For a program that reads every letter.
const INDEXING: Duration = Duration::from_secs(3000);

/// A program that finds mail.
#[derive(Clone, Copy, Debug)]
enum Rival {
    Notmuch,
    Mu,
}

impl Rival {
    fn name(self) -> &'static str {
        match self {
            Self::Notmuch => "notmuch",
            Self::Mu => "mu",
        }
    }

    /// Reads the Maildir in `maildir`; seconds.
    async fn index(self, peers: &Peers, maildir: &Path) -> Result<f64, Failure> {
        match self {
            Self::Notmuch => {
                let config = format!(
                    "[database]\npath={}\n[user]\nname=a\nprimary_email=a@b.test\n[new]\ntags=\n[search]\nexclude_tags=\n",
                    maildir.display()
                );
                std::fs::write(peers.home().join(".notmuch-config"), config)?;
                Ok(peers.run_within(INDEXING, "notmuch", &["new", "--quiet"]).await?.0)
            }
            Self::Mu => {
                let (home, place) = (mu_home(peers), format!("--maildir={}", maildir.display()));
                let (begun, _) = peers.run("mu", &["init", &home, &place]).await?;
                Ok(begun + peers.run_within(INDEXING, "mu", &["index", &home, "--quiet"]).await?.0)
            }
        }
    }

    async fn find(self, peers: &Peers, question: &str) -> Result<Duration, Failure> {
        let (limit, most, home) = (format!("--limit={ROWS}"), format!("--maxnum={ROWS}"), mu_home(peers));
        match self {
            Self::Notmuch => {
                time(peers, "notmuch", &["search", "--output=messages", "--sort=newest-first", &limit, question]).await
            }
            Self::Mu => {
                let words = ["find", &home, &most, "--sortfield=date", "--reverse", "--fields=i", question];
                time(peers, "mu", &words).await
            }
        }
    }

    /// A question that finds nothing.
    fn nothing(self) -> &'static str {
        match self {
            Self::Notmuch => "id:none",
            Self::Mu => "msgid:none",
        }
    }
}

fn mu_home(peers: &Peers) -> String {
    format!("--muhome={}", peers.home().join("mu").display())
}

pub(super) async fn measure(peers: &Peers, letters: &Letters, ours: &[(Shape, Times)]) -> Result<Vec<Figure>, Failure> {
    peers.also(&["notmuch", "maildir-utils"]).await?;
    let maildir = peers.home().join("search");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(maildir.join(part))?;
    }
    for number in 0..COUNT {
        std::fs::write(maildir.join(format!("cur/{number}.bench:2,S")), letters.letter(number).raw)?;
    }
    let mut figures = Vec::new();
    for rival in [Rival::Notmuch, Rival::Mu] {
        match against(rival, peers, &maildir, letters, ours).await {
            Ok(some) => figures.extend(some),
            // One that does not end, or fails, does not cost what the others tell.
            Err(failure) => eprintln!("{} skipped: {failure}", rival.name()),
        }
    }
    Ok(figures)
}

async fn against(
    rival: Rival,
    peers: &Peers,
    maildir: &Path,
    letters: &Letters,
    ours: &[(Shape, Times)],
) -> Result<Vec<Figure>, Failure> {
    let name = rival.name();
    let indexing = rival.index(peers, maildir).await?;
    let mut figures = vec![Figure::new(&format!("search/{name}-indexing-{COUNT}"), indexing, "s")];
    eprintln!("{name} indexed them in {indexing:.0} s");
    let start = start(rival, peers).await?;
    figures.push(Figure::new(&format!("search/{name}-start"), start.as_secs_f64() * 1e3, "ms"));
    for (shape, mine) in ours {
        let mut times = Vec::new();
        for number in 0..QUESTIONS {
            let asked = letters.question(WARM_UP + number, *shape).replace('"', "");
            let beginning = matches!(shape, Shape::Prefix | Shape::TwoAndPrefix);
            let asked = if beginning { asked + "*" } else { asked };
            times.push(rival.find(peers, &asked).await?.saturating_sub(start));
        }
        let theirs = Times::of(times);
        for (share, told) in [(0.50, "p50"), (0.99, "p99")] {
            figures.push(Figure::new(&format!("search/{name}-{}-{told}", shape.name()), theirs.at(share), "ms"));
        }
        let ratio = mine.at(0.99) / theirs.at(0.99).max(0.01);
        eprintln!("{name} {}: p50 {:.2} p99 {:.2} ms", shape.name(), theirs.at(0.50), theirs.at(0.99));
        figures.push(Figure::new(&format!("search/{}-p99-to-{name}", shape.name()), ratio, "x").at_most(1.0));
    }
    Ok(figures)
}

async fn time(peers: &Peers, program: &str, words: &[&str]) -> Result<Duration, Failure> {
    let started = Instant::now();
    // mu fails where it finds nothing.
    let _ = peers.run(program, words).await;
    Ok(started.elapsed())
}

/// What a question takes that finds nothing: the least of several.
async fn start(rival: Rival, peers: &Peers) -> Result<Duration, Failure> {
    let mut least = Duration::MAX;
    for _ in 0..20 {
        least = least.min(rival.find(peers, rival.nothing()).await?);
    }
    Ok(least)
}

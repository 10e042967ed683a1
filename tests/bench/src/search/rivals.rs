//! notmuch and mu on the same letters, as files of a Maildir. They are programs: what one takes to start is measured beside and taken
//! off.

use std::time::{Duration, Instant};

use super::letters::{Letters, Shape};
use super::{COUNT, ROWS, Times};
use crate::Failure;
use crate::figure::Figure;
use crate::peers::Peers;

/// Questions of a kind: each is a process.
const QUESTIONS: u32 = 200;

pub(super) async fn measure(peers: &Peers, letters: &Letters, ours: &[(Shape, Times)]) -> Result<Vec<Figure>, Failure> {
    peers.also(&["notmuch", "maildir-utils"]).await?;
    let maildir = peers.home().join("search");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(maildir.join(part))?;
    }
    for number in 0..COUNT {
        std::fs::write(maildir.join(format!("cur/{number}.bench:2,S")), letters.letter(number).raw)?;
    }
    let place = maildir.display();
    let config = format!(
        "[database]\npath={place}\n[user]\nname=a\nprimary_email=a@b.test\n[new]\ntags=\n[search]\nexclude_tags=\n"
    );
    std::fs::write(peers.home().join(".notmuch-config"), config)?;
    let mu = format!("--muhome={}", peers.home().join("mu").display());
    let (notmuch_indexing, _) = peers.run("notmuch", &["new", "--quiet"]).await?;
    let started = Instant::now();
    peers.run("mu", &["init", &mu, &format!("--maildir={place}")]).await?;
    peers.run("mu", &["index", &mu, "--quiet"]).await?;
    let mut figures = vec![
        Figure::new("search/notmuch-indexing-200000", notmuch_indexing, "s"),
        Figure::new("search/mu-indexing-200000", started.elapsed().as_secs_f64(), "s"),
    ];
    let empty = [
        start(peers, "notmuch", &["search", "--output=messages", "--limit=50", "id:none"]).await?,
        start(peers, "mu", &["find", &mu, "--fields=i", "msgid:none"]).await?,
    ];
    for (shape, mine) in ours {
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..QUESTIONS {
            let asked = letters.question(20 + number, *shape).replace('"', "");
            let beginning = matches!(shape, Shape::Prefix | Shape::TwoAndPrefix);
            let asked = if beginning { asked + "*" } else { asked };
            let limit = format!("--limit={ROWS}");
            times[0].push(
                time(peers, "notmuch", &["search", "--output=messages", "--sort=newest-first", &limit, &asked]).await?,
            );
            let most = format!("--maxnum={ROWS}");
            times[1].push(
                time(peers, "mu", &["find", &mu, &most, "--sortfield=date", "--reverse", "--fields=i", &asked]).await?,
            );
        }
        for ((name, all), start) in ["notmuch", "mu"].into_iter().zip(times).zip(&empty) {
            let theirs = Times::of(all.into_iter().map(|one| one.saturating_sub(*start)).collect());
            for (share, told) in [(0.50, "p50"), (0.99, "p99")] {
                let figure = Figure::new(&format!("search/{name}-{}-{told}", shape.name()), theirs.at(share), "ms");
                figures.push(figure);
            }
            let ratio = mine.at(0.99) / theirs.at(0.99).max(0.01);
            figures.push(Figure::new(&format!("search/{}-p99-to-{name}", shape.name()), ratio, "x").at_most(1.0));
        }
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
async fn start(peers: &Peers, program: &str, words: &[&str]) -> Result<Duration, Failure> {
    let mut least = Duration::MAX;
    for _ in 0..20 {
        least = least.min(time(peers, program, words).await?);
    }
    Ok(least)
}

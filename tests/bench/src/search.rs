//! Full-text search on 200,000 messages, newest first, as one types; what the index weighs, and what it costs beside a sync. With
//! peers: notmuch and mu on the same mail in the same run.
//!
//! The mail is invented: French syllables make 60,000 words, used as often as words are in a language (Zipf), so that short prefixes
//! have many words, and words of every frequency are asked for.

mod letters;
mod rivals;

use std::time::{Duration, Instant};

use cartable_core::mail::MailAccount;
use cartable_core::mail::Prefetch;
use cartable_core::mail::search::Query;
use cartable_core::store::Store;
use rusqlite::params;

use crate::Failure;
use crate::figure::{Figure, Rounds};
use crate::peers::Peers;
use crate::place::Place;
use letters::{Letters, Shape};

const COUNT: u32 = 200_000;
/// The inbox of natural mail that is synced with all of its bodies, to compare what indexing costs.
const SYNCED: u32 = 20_000;
/// Questions of a kind.
const QUESTIONS: u32 = 500;
/// Questions before those that count.
const WARM_UP: u32 = 20;
const ROWS: u32 = 50;
const BATCH: u32 = 2000;

pub(crate) async fn measure(
    place: &mut Place,
    rounds: Option<usize>,
    peers: Option<&Peers>,
) -> Result<Vec<Figure>, Failure> {
    let setup = place.inbox_of(SYNCED).await?;
    let letters = Letters::new(7);
    let folder = tempfile::tempdir()?;
    let (mail, store) = setup.mail(folder.path())?;
    let text = fill(&store, &letters).await?;
    eprintln!("wrote {COUNT} letters, {} MB of text", text / 1_000_000);
    let started = Instant::now();
    mail.index_waiting().await?;
    let indexing = started.elapsed();
    eprintln!("indexed them in {indexing:.1?}");
    let mut figures = Vec::new();
    let mut nines = Vec::new();
    for shape in Shape::ALL {
        let times = ask(&mail, &letters, shape).await?;
        figures.push(Figure::new(&format!("search/{}-p50", shape.name()), times.at(0.50), "ms"));
        figures.push(Figure::new(&format!("search/{}-p99", shape.name()), times.at(0.99), "ms").at_most(10.0));
        nines.push((shape, times));
    }
    figures.push(Figure::new("search/indexing-200000", indexing.as_secs_f64(), "s"));
    figures.push(Figure::new("search/text-200000", text as f64 / 1e6, "MB"));
    if let Some(peers) = peers {
        figures.extend(rivals::measure(peers, &letters, &nines).await?);
    }
    figures.push(Figure::new("search/index-of-text", 100.0 * weight(&store).await? / text as f64, "%").at_most(70.0));
    store.close().await?;
    drop(folder);
    let mut share = Rounds::default();
    let mut read = Rounds::default();
    for _ in 0..rounds.unwrap_or(3) {
        let folder = tempfile::tempdir()?;
        let (mail, store) = setup.mail(folder.path())?;
        mail.set_prefetch_policy(Prefetch::Everything).await?;
        let started = Instant::now();
        mail.sync().await?;
        mail.prefetch(&|_, _| {}).await?;
        let synced = started.elapsed();
        let started = Instant::now();
        let count = mail.index_waiting().await?;
        if count < u64::from(SYNCED) {
            return Err(format!("{count} messages were indexed").into());
        }
        read.push(started.elapsed().as_secs_f64());
        share.push(100.0 * started.elapsed().as_secs_f64() / synced.as_secs_f64());
        store.close().await?;
    }
    figures.push(Figure::median("search/indexing-of-sync", &share, "%").at_most(30.0));
    figures.push(Figure::median("search/indexing-20000", &read, "s"));
    Ok(figures)
}

/// Times in milliseconds, ascending.
pub(crate) struct Times(Vec<f64>);

impl Times {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all.into_iter().map(|one| one.as_secs_f64() * 1e3).collect())
    }

    /// What this share of them does not exceed.
    fn at(&self, share: f64) -> f64 {
        let place = ((self.0.len() as f64 * share).ceil() as usize).clamp(1, self.0.len().max(1)) - 1;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// Puts the letters into the store as if they had been synced and fetched, newest first; bytes of their text.
async fn fill(store: &Store, letters: &Letters) -> Result<u64, Failure> {
    let academy = journeys::ACADEMY;
    let made = store.write(move |t, _| {
        let sql =
            "INSERT INTO mailbox (academy, name, role, shown_name) VALUES (?, 'INBOX', 'inbox', 'INBOX') RETURNING id";
        Ok(t.query_row(sql, [academy], |row| row.get::<_, i64>(0))?)
    });
    let inbox = made.await?;
    let mut text = 0;
    for batch in (0..COUNT / BATCH).rev() {
        let made: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).rev().map(|number| letters.letter(number)).collect();
        text += made.iter().map(|one| one.text).sum::<u64>();
        let written = store.write(move |t, _| {
            let mut message = t.prepare_cached(
                "INSERT INTO message (mailbox, uid, received_ms, size, subject, from_name, from_address, attachments,
                                      server_flags, flags, header, shown_in) VALUES (?1, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?1)",
            )?;
            let mut body = t.prepare_cached("INSERT INTO body (message, raw) VALUES (?, ?)")?;
            for one in made {
                let size = one.raw.len() as i64;
                let uid = one.number + 1;
                message.execute(params![
                    inbox, uid, one.received_ms, size, one.subject, one.from_name, one.from_address, one.header()
                ])?;
                body.execute(params![t.last_insert_rowid(), one.raw])?;
            }
            Ok(())
        });
        written.await?;
    }
    Ok(text)
}

/// Bytes of the index: what the database is smaller by without it. Takes it away.
async fn weight(store: &Store) -> Result<f64, Failure> {
    let bytes = store.write(|t, _| {
        let used = || t.query_row("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size", [], |row| row.get::<_, i64>(0));
        let with = used()?;
        t.execute_batch("INSERT INTO search_words (search_words) VALUES ('delete-all'); DELETE FROM search_entry;")?;
        Ok(with - used()?)
    });
    Ok(bytes.await? as f64)
}

async fn ask(mail: &MailAccount, letters: &Letters, shape: Shape) -> Result<Times, Failure> {
    let today = jiff::civil::date(2026, 11, 24);
    let mut times = Vec::new();
    for number in 0..WARM_UP + QUESTIONS {
        let text = letters.question(number, shape);
        let started = Instant::now();
        let found = mail.search(&Query::read(&text, today), None, ROWS).await?;
        let took = started.elapsed();
        if found.hits.is_empty() {
            return Err(format!("nothing says {text}").into());
        }
        if number >= WARM_UP {
            times.push(took);
        }
    }
    Ok(Times::of(times))
}

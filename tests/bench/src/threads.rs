//! Conversations: how long two hundred thousand messages take to be told apart, and fifty rows of a small and of a huge mailbox.

use std::time::Instant;

use cartable_core::mail::{After, List, MailAccount};
use cartable_core::store::Store;

use crate::Failure;
use crate::figure::{Figure, Rounds};
use crate::place::Place;

const SMALL: u32 = 1_000;
const LARGE: u32 = 200_000;
const ROUNDS: usize = 3;
const PAGES: usize = 21;
const ROWS: u32 = 50;
/// Of a conversation; and who writes.
const MESSAGES: u32 = 4;
const PEOPLE: u32 = 300;
const MINUTE_MS: i64 = 60_000;

pub(crate) async fn measure(place: &mut Place, rounds: Option<usize>) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for count in [SMALL, LARGE] {
        let folder = tempfile::tempdir()?;
        let (mail, store) = place.inbox_of(SMALL).await?.mail(folder.path())?;
        mail.sync().await?;
        mail.disconnect().await;
        let inbox = mail.mailboxes().await?.into_iter().next().ok_or("no inbox")?.id;
        fill(&store, inbox, count).await?;
        let mut threading = Rounds::default();
        for _ in 0..rounds.unwrap_or(ROUNDS) {
            forget(&store).await?;
            let started = Instant::now();
            mail.thread_rest().await?;
            threading.push(started.elapsed().as_secs_f64());
        }
        let figure = Figure::median(&format!("threads/time-{count}"), &threading, "s");
        figures.push(if count == LARGE { figure.at_most(2.0) } else { figure });
        let middle = Some(After { received_ms: i64::from(count / 2) * MINUTE_MS, id: i64::MAX });
        let (mut conversations, mut unread) = (Rounds::default(), Rounds::default());
        for _ in 0..PAGES {
            conversations.push(conversation_page(&mail, inbox, middle).await?);
            unread.push(list_page(&mail, middle).await?);
        }
        figures.push(Figure::median(&format!("threads/conversations-{count}"), &conversations, "s"));
        figures.push(Figure::median(&format!("threads/unread-{count}"), &unread, "s"));
        store.close().await?;
    }
    Ok(figures)
}

async fn conversation_page(mail: &MailAccount, inbox: i64, after: Option<After>) -> Result<f64, Failure> {
    let started = Instant::now();
    let page = mail.conversations(inbox, after, false, ROWS).await?;
    full(started, page.len())
}

async fn list_page(mail: &MailAccount, after: Option<After>) -> Result<f64, Failure> {
    let started = Instant::now();
    let page = mail.list(List::Unread, after, ROWS).await?;
    full(started, page.len())
}

fn full(started: Instant, rows: usize) -> Result<f64, Failure> {
    let time = started.elapsed().as_secs_f64();
    if rows == ROWS as usize { Ok(time) } else { Err(format!("a page of {rows} rows").into()) }
}

/// Puts `count` messages into the mailbox, in the place of those that are there.
async fn fill(store: &Store, inbox: i64, count: u32) -> Result<(), Failure> {
    store.write(|t, _| Ok(t.execute("DELETE FROM message", [])?)).await?;
    let filled = store.write(move |t, _| {
        let mut insert = t.prepare(
            "INSERT INTO message (mailbox, shown_in, uid, received_ms, size, subject, from_name, from_address, message_id,
                                  attachments, server_flags, flags, header)
             VALUES (?1, ?1, ?2, ?3, 2000, ?4, 'Collègue', ?5, ?6, 0, 0, 0, ?7)",
        )?;
        for number in 0..count {
            let (conversation, place) = (number / MESSAGES, number % MESSAGES);
            let id = |place: u32| format!("{place}.{conversation}.7f3a9c01d2@mail.academie.test");
            let from = format!("p{}@academie.test", (conversation + place) % PEOPLE);
            let subject = format!("{}Sujet {conversation} de la classe", if place == 0 { "" } else { "Re: " });
            let mut header = format!(
                "From: Collègue <{from}>\r\nTo: Jeanne <jdupont@academie.test>\r\nSubject: {subject}\r\n\
                 Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{}>\r\n",
                id(place)
            );
            if place > 0 {
                let before: Vec<_> = (0..place).map(|place| format!("<{}>", id(place))).collect();
                header += &format!("References: {}\r\nIn-Reply-To: <{}>\r\n", before.join("\r\n "), id(place - 1));
            }
            header += "Content-Type: text/plain; charset=utf-8\r\n\r\n";
            let time = i64::from(number) * MINUTE_MS;
            insert.execute((inbox, number + 1, time, subject, from, id(place), header.into_bytes()))?;
        }
        Ok(())
    });
    Ok(filled.await?)
}

/// As if the app had known no conversations.
async fn forget(store: &Store) -> Result<(), Failure> {
    let forgotten = store.write(|t, _| {
        t.execute("UPDATE message SET conversation = NULL, to_me = NULL", [])?;
        Ok(t.execute("DELETE FROM conversation", [])?)
    });
    forgotten.await?;
    Ok(store.checkpoint().await?)
}

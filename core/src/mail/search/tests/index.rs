//! The index is that of what is there, whatever came and went before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::Connection;

use super::super::index::waiting;
use super::{NOW, Scene};
use crate::mail::imap::UidSet;
use crate::mail::rows;
use crate::store::StoreError;

const WORDS: [&str; 12] = [
    "conseil", "classe", "élève", "cantine", "œuvre", "bulletin", "sortie", "réunion", "noël", "cours", "salle",
    "projet",
];

/// What happens to a mailbox.
#[derive(Clone, Debug)]
enum Event {
    Arrives(u32, usize),
    Body(u32, usize),
    Evicted(u32),
    Gone(u32),
    Moved(u32),
    Indexed,
    /// A few messages of many, as where it is killed behind them.
    SomeIndexed,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..12u32, 0..12usize).prop_map(|(uid, word)| Event::Arrives(uid, word)),
        3 => (1..12u32, 0..12usize).prop_map(|(uid, word)| Event::Body(uid, word)),
        1 => (1..12u32).prop_map(Event::Evicted),
        2 => (1..12u32).prop_map(Event::Gone),
        1 => (1..12u32).prop_map(Event::Moved),
        1 => Just(Event::Indexed),
        1 => Just(Event::SomeIndexed),
    ]
}

fn sound(c: &Connection) -> Result<(i64, i64, i64), StoreError> {
    let one = |sql: &str| c.query_row(sql, [], |row| row.get(0));
    Ok((
        one("SELECT count(*) FROM search_entry")?,
        one("SELECT count(*) FROM search_words_docsize")?,
        one("SELECT count(*) FROM message")?,
    ))
}

async fn play(events: Vec<Event>) -> Result<(), TestCaseError> {
    let scene = Scene::new().await;
    // What each message that is there says.
    let mut model: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let mut there: BTreeMap<u32, (i64, bool)> = BTreeMap::new();
    for event in events {
        match event {
            Event::Arrives(uid, word) if !there.contains_key(&uid) => {
                // Some at the same second as others.
                let message =
                    scene.arrives(scene.inbox, uid, i64::from(uid / 3), &format!("Subject: {}\n", WORDS[word])).await;
                there.insert(uid, (message, false));
                model.insert(message, vec![word]);
            }
            Event::Body(uid, word) => {
                let Some((message, had)) = there.get_mut(&uid).filter(|(_, had)| !*had) else { continue };
                *had = true;
                scene.body(*message, &format!("Subject: x\n\nIl y a {} ici.\n", WORDS[word])).await;
                model.get_mut(message).unwrap().push(word);
            }
            Event::Evicted(uid) => {
                let Some((message, true)) = there.get(&uid).copied() else { continue };
                // What was read before stays; what was not is lost with it.
                scene.mail.index_waiting().await.unwrap();
                let evict = move |c: &rusqlite::Transaction<'_>, _: &mut Vec<_>| {
                    Ok(c.execute("DELETE FROM body WHERE message = ?", [message])?)
                };
                scene.store.write(evict).await.unwrap();
            }
            Event::Gone(uid) => {
                let Some((message, _)) = there.remove(&uid) else { continue };
                let inbox = scene.inbox;
                scene.store.write(move |t, _| rows::remove(t, inbox, &UidSet::of(&[uid]))).await.unwrap();
                let other = scene.other;
                scene.store.write(move |t, _| rows::remove(t, other, &UidSet::of(&[uid]))).await.unwrap();
                model.remove(&message);
            }
            Event::Moved(uid) => {
                let Some((message, _)) = there.get(&uid).copied() else { continue };
                let other = scene.other;
                let before = scene.store.read(waiting).await.unwrap();
                let moved = scene.store.write(move |t, _| {
                    Ok(t.execute("UPDATE message SET mailbox = ?1, shown_in = ?1 WHERE id = ?2", [other, message])?)
                });
                moved.await.unwrap();
                prop_assert_eq!(scene.store.read(waiting).await.unwrap(), before, "a move is nothing to be read");
            }
            Event::Indexed => drop(scene.mail.index_waiting().await.unwrap()),
            Event::SomeIndexed => drop(scene.mail.index_some(2).await.unwrap()),
            Event::Arrives(..) => {}
        }
    }
    scene.mail.index_waiting().await.unwrap();
    for (at, word) in WORDS.iter().enumerate() {
        let mut wanted: Vec<i64> = model.iter().filter(|(_, says)| says.contains(&at)).map(|(id, _)| *id).collect();
        let mut found = scene.find(&format!("\"{word}\"")).await;
        wanted.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, wanted, "{}", word);
    }
    let (entries, indexed, messages) = scene.store.read(sound).await.unwrap();
    prop_assert_eq!((entries, indexed), (messages, messages));
    let checked = scene
        .store
        .write(|t, _| Ok(t.execute("INSERT INTO search_words (search_words) VALUES ('integrity-check')", [])?));
    prop_assert!(checked.await.is_ok());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_came_and_went_the_index_is_that_of_what_is_there(events in prop::collection::vec(event(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(play(events))?;
    }
}

#[tokio::test]
async fn what_is_evicted_is_still_found_and_what_is_gone_is_not() {
    let scene = Scene::new().await;
    let message = scene.arrives(scene.inbox, 1, 5, "Subject: Sortie\nFrom: a@b.test\n").await;
    scene.body(message, "Subject: Sortie\n\nLe car part à huit heures.\n").await;
    assert_eq!(scene.find("heures").await, [message]);
    scene.mail.empty_cache().await.unwrap();
    assert_eq!(scene.find("heures").await, [message]);
    // It is read again when it is opened once more.
    scene.body(message, "Subject: Sortie\n\nLe car part à midi.\n").await;
    assert_eq!(scene.find("midi").await, [message]);
    assert!(scene.find("heures").await.is_empty());
    let inbox = scene.inbox;
    scene.store.write(move |t, _| rows::remove(t, inbox, &UidSet::of(&[1]))).await.unwrap();
    assert!(scene.find("midi").await.is_empty());
}

#[tokio::test]
async fn thousands_of_messages_of_one_second_are_found_in_their_order_and_none_twice() {
    let scene = Scene::new().await;
    let inbox = scene.inbox;
    let many = scene.store.write(move |t, _| {
        let arrived: Vec<_> = (1..=3000u32)
            .map(|uid| rows::Arrived {
                uid,
                received_ms: if uid.is_multiple_of(100) { NOW + i64::from(uid) * 60_000 } else { NOW },
                size: 1,
                flags: Default::default(),
                header: b"Subject: Bulletin\r\n".to_vec(),
                email_id: None,
                unreadable: false,
            })
            .collect();
        rows::add(t, inbox, &arrived)
    });
    many.await.unwrap();
    scene.mail.index_waiting().await.unwrap();
    let query = super::Query::read("bulletin", super::TODAY);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = scene.mail.search(&query, after, 170).await.unwrap();
        all.extend(found.hits.into_iter().map(|hit| (hit.row.received_ms, hit.row.id)));
        after = found.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 3000);
    assert!(all.is_sorted_by(|one, other| one > other));
}

#[tokio::test]
async fn whoever_signs_out_leaves_no_word() {
    let scene = Scene::new().await;
    scene.arrives(scene.inbox, 1, 5, "Subject: Confidentiel\n").await;
    scene.mail.index_waiting().await.unwrap();
    let academy = scene.mail.academy.id.clone();
    let gone = scene.store.write(move |t, _| {
        t.execute("INSERT INTO account (academy, identifier) VALUES (?, 'jdupont')", [&academy])?;
        Ok(t.execute("DELETE FROM account WHERE academy = ?", [&academy])?)
    });
    gone.await.unwrap();
    scene.store.checkpoint().await.unwrap();
    let file = std::fs::read(scene.store.path()).unwrap();
    assert!(memchr::memmem::find(&file, b"confidentiel").is_none());
    assert_eq!(scene.store.read(sound).await.unwrap(), (0, 0, 0));
}

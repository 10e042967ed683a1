use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::super::flags::Flags;
use super::{Arrived, add, mailbox_named, mailboxes, missing, uids};
use crate::store::Store;

const MESSAGES: u32 = 3000;

fn message(uid: u32) -> Arrived {
    let flags = if uid.is_multiple_of(10) { Flags::default() } else { Flags::SEEN };
    Arrived { uid, received_ms: i64::from(uid), size: 1, flags, header: vec![b'x'; 500], unreadable: false }
}

/// A store with an inbox of three thousand messages, of even UIDs.
async fn full(folder: &tempfile::TempDir) -> (Store, i64) {
    let store = Store::open(folder.path()).unwrap();
    let made = store.write(|t, _| {
        let mailbox = mailbox_named(t, "essai", "INBOX", None, true)?;
        add(t, mailbox, &(1..=MESSAGES).map(|number| message(2 * number)).collect::<Vec<_>>())?;
        Ok(mailbox)
    });
    let mailbox = made.await.unwrap();
    (store, mailbox)
}

/// How many hundred steps SQLite makes for `work`.
fn steps<T>(c: &Connection, work: impl FnOnce() -> T) -> (usize, T) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let tick = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    c.progress_handler(100, Some(tick)).unwrap();
    let made = work();
    c.progress_handler(0, None::<fn() -> bool>).unwrap();
    (count.load(Ordering::Relaxed), made)
}

#[tokio::test]
async fn to_know_which_of_two_messages_are_missing_no_other_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mailbox) = full(&folder).await;
    let (few, found, all) = store
        .read(move |c| {
            let (few, found) = steps(c, || missing(c, mailbox, &[4001, 4000]));
            let (all, _) = steps(c, || uids(c, mailbox));
            Ok((few, found?, all))
        })
        .await
        .unwrap();
    assert_eq!(found, [4001]);
    assert!(few <= 2 && all > 100, "{few} hundred steps, and {all} for all");
}

#[tokio::test]
async fn the_counts_of_a_mailbox_read_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(&folder).await;
    let (counted, plan) = store
        .read(|c| {
            let counted = mailboxes(c, "essai")?;
            let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {}", super::mailboxes::MAILBOXES))?;
            let plan = explain.query_map(["essai"], |row| row.get::<_, String>(3))?;
            Ok((counted, plan.collect::<Result<Vec<_>, _>>()?))
        })
        .await
        .unwrap();
    assert_eq!((counted[0].known, counted[0].unread), (u64::from(MESSAGES), u64::from(MESSAGES / 5)));
    let of_messages: Vec<_> = plan.iter().filter(|line| line.contains("message")).collect();
    assert_eq!(of_messages.len(), 2, "{plan:?}");
    assert!(of_messages.iter().all(|line| line.contains("COVERING INDEX")), "{plan:?}");
}

#[tokio::test]
async fn a_page_is_read_along_an_index_wherever_its_messages_are_on_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mailbox) = full(&folder).await;
    let (plan, few, lost) = store
        .read(move |c| {
            let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {}", super::PAGE))?;
            let plan = explain.query_map([mailbox, 0, 0, 50], |row| row.get::<_, String>(3))?;
            let plan = plan.collect::<Result<Vec<_>, _>>()?;
            let after = super::After { received_ms: 3000, id: i64::MAX };
            let (few, page) = steps(c, || super::page(c, mailbox, Some(after), 50));
            assert_eq!(page?.len(), 50);
            // Asked before each batch of headers.
            Ok((plan, few, steps(c, || super::actions::has_lost(c)).0))
        })
        .await
        .unwrap();
    assert!(plan.len() == 1 && plan[0].contains("USING INDEX message_newest"), "{plan:?}");
    assert!(few <= 20 && lost == 0, "{few} hundred steps, and {lost}");
}

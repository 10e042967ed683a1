use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::super::flags::Flags;
use super::{
    ActionKind, Arrived, Body, Deed, Kind, add, begin_ends, begin_flags, cache_size, drop_mailbox, drop_pieces,
    evict_some, form, has_lost, is_first, items, keep_body, keep_fresh, keep_pieces, keep_structure, mailbox_named,
    mailboxes, missing, page, set_form, touch, uids, undo,
};
use crate::mail::imap::{Piece, Role};
use crate::store::{Store, StoreError};

const MESSAGES: u32 = 3000;

fn message(uid: u32) -> Arrived {
    let flags = if uid.is_multiple_of(10) { Flags::default() } else { Flags::SEEN };
    Arrived {
        uid,
        received_ms: i64::from(uid),
        size: 1,
        flags,
        header: vec![b'x'; 500],
        email_id: None,
        unreadable: false,
    }
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
    let (shown, known) =
        store.read(|c| Ok((mailboxes(c, "essai")?, super::known_mailboxes(c, "essai")?))).await.unwrap();
    let (all, unread) = (u64::from(MESSAGES), u64::from(MESSAGES / 5));
    assert_eq!((shown[0].known, shown[0].unread, known[0].messages, known[0].unseen), (all, unread, all, unread));
    for (sql, counts) in [(super::mailboxes::MAILBOXES, 0), (super::mailboxes::KNOWN, 2)] {
        let plan = store.read(move |c| {
            let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let plan = explain.query_map(["essai"], |row| row.get::<_, String>(3))?;
            Ok(plan.collect::<Result<Vec<_>, _>>()?)
        });
        let plan = plan.await.unwrap();
        let of_messages: Vec<_> = plan.iter().filter(|line| line.contains("message")).collect();
        assert_eq!(of_messages.len(), counts, "{plan:?}");
        assert!(of_messages.iter().all(|line| line.contains("COVERING INDEX")), "{plan:?}");
    }
}

#[tokio::test]
async fn what_was_used_longest_ago_goes_first_some_at_a_time_and_what_is_read_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(&folder).await;
    let kept = async || {
        let ids = "SELECT message FROM kept ORDER BY message";
        let read = store.read(move |c| {
            let mut query = c.prepare(ids)?;
            let ids = query.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok((ids, cache_size(c)?))
        });
        read.await.unwrap()
    };
    let written = store.write(|t, _| {
        for message in 1..=1200 {
            assert!(keep_fresh(t, message, &[b'x'; 100])?);
            assert!(!keep_fresh(t, message, b"y")?);
        }
        keep_pieces(t, 1, &[(Piece::new(2, "2".to_owned(), 0, 50, vec![b'z'; 50]), true)])?;
        touch(t, 3, 1_000_000)?;
        // Of a message that nobody knows nothing is kept.
        assert!(!keep_fresh(t, 9999, b"x")?);
        Ok(())
    });
    written.await.unwrap();
    assert_eq!(kept().await.1, 1200 * 100 + 50);
    let more = store.write(|t, _| evict_some(t, 300, &[5])).await.unwrap();
    assert!(more && kept().await.0.len() == 700);
    while store.write(|t, _| evict_some(t, 300, &[5])).await.unwrap() {}
    // Message 3 was opened, message 5 is being read, and the newest is left.
    assert_eq!(kept().await, (vec![3, 5, 1200], 300));
    let emptied = store.write(|t, _| {
        assert!(!evict_some(t, 0, &[])?);
        Ok((
            t.query_row("SELECT (SELECT count(*) FROM body) + (SELECT count(*) FROM piece)", [], |row| {
                row.get::<_, i64>(0)
            })?,
            cache_size(t)?,
        ))
    });
    assert_eq!(emptied.await, Ok((0, 0)));
}

#[tokio::test]
async fn of_a_message_that_went_while_it_was_fetched_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(&folder).await;
    let piece = |message| {
        move |t: &rusqlite::Transaction<'_>| {
            keep_pieces(t, message, &[(Piece::new(2, "2".to_owned(), 0, 3, b"abc".to_vec()), true)])
        }
    };
    for outcome in [
        store.write(move |t, _| piece(9999)(t)).await,
        store.write(|t, _| keep_structure(t, 9999, None)).await,
        store.write(|t, _| keep_body(t, 9999, &Body::default())).await,
    ] {
        assert_eq!(outcome, Err(StoreError::NotFound));
    }
    store.write(move |t, _| piece(7)(t)).await.unwrap();
    assert_eq!(store.read(cache_size).await, Ok(3));
    assert_eq!(store.write(|t, _| drop_pieces(t, 7, "2", 10)).await, Ok(1));
    store.write(move |t, _| piece(7)(t)).await.unwrap();
    store.write(|t, _| Ok(t.execute("DELETE FROM message WHERE id = 7", [])?)).await.unwrap();
    assert_eq!(store.read(cache_size).await, Ok(0));
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
    assert!(plan[0].contains("SEARCH message USING INDEX message_newest"), "{plan:?}");
    assert!(plan[1..].iter().all(|line| !line.contains("SCAN") && !line.contains("TEMP")), "{plan:?}");
    assert!(few <= 20 && lost == 0, "{few} hundred steps, and {lost}");
}

#[tokio::test]
async fn what_was_taken_back_since_it_was_read_is_not_told_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = full(&folder).await;
    let written = store.write(|t, changes| {
        let bin = mailbox_named(t, "essai", "Trash", None, true)?;
        let deed = Deed::begin(t, "essai", ActionKind::Delete, Flags::default(), Some(bin))?;
        deed.act(t, changes, &[5, 6], &[Kind::Move(bin), Kind::Add(Flags::FLAGGED)])?;
        let (read, _) = items(t, "essai", 0, i64::MAX, 10)?;
        let other = Deed::begin(t, "essai", ActionKind::Flag, Flags::SEEN, None)?;
        other.act(t, changes, &[6], &[Kind::Remove(Flags::SEEN)])?;
        let flags = begin_flags(t, read.clone(), i64::MAX)?;
        assert_eq!(flags.iter().map(|item| item.message).collect::<Vec<_>>(), [5], "of 6 there is more to tell now");
        assert!(begin_flags(t, read.clone(), i64::MAX)?.is_empty(), "what is begun is not begun again");
        undo(t, changes, "essai", deed.id)?;
        assert!(begin_ends(t, read, i64::MAX)?.is_empty());
        Ok(())
    });
    written.await.unwrap();
}

#[tokio::test]
async fn what_waits_follows_a_mailbox_that_came_under_its_new_name_before_the_old_one_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, old) = full(&folder).await;
    let written = store.write(move |t, changes| {
        let new = mailbox_named(t, "essai", "Classe", None, true)?;
        let other = mailbox_named(t, "essai", "Autre", None, true)?;
        for (mailbox, validity) in [(old, 7), (new, 7), (other, 8)] {
            t.execute("UPDATE mailbox SET uid_validity = ? WHERE id = ?", [validity, mailbox])?;
        }
        for mailbox in [other, new] {
            add(t, mailbox, &[message(2), message(4)])?;
        }
        let deed = Deed::begin(t, "essai", ActionKind::Flag, Flags::FLAGGED, None)?;
        deed.act(t, changes, &[1, 2], &[Kind::Add(Flags::FLAGGED)])?;
        drop_mailbox(t, changes, "essai", old, 0)?;
        let mut query =
            t.prepare("SELECT m.uid, m.mailbox, m.flags & 2 FROM action a JOIN message m ON m.id = a.message")?;
        let waiting =
            query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        assert_eq!(waiting.collect::<Result<Vec<_>, _>>()?, [(2, new, 2), (4, new, 2)]);
        assert!(!has_lost(t)?);
        Ok(())
    });
    written.await.unwrap();
}

fn from(uid: u32, address: &str, to: &str) -> Arrived {
    Arrived { header: format!("From: {address}\r\nTo: {to}\r\nCc: vs@c.example\r\n\r\n").into_bytes(), ..message(uid) }
}

#[tokio::test]
async fn a_sender_is_new_who_has_neither_written_nor_been_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let told = store.write(|t, _| {
        let inbox = mailbox_named(t, "essai", "INBOX", None, true)?;
        let sent = mailbox_named(t, "essai", "Sent", None, true)?;
        t.execute("UPDATE mailbox SET complete = 1 WHERE id = ?", [inbox])?;
        t.execute("UPDATE mailbox SET role = 'sent' WHERE id = ?", [sent])?;
        let letters = [
            from(1, "lea@b.example", "j@a.example"),
            from(2, "LEA@b.example", "j@a.example"),
            from(3, "paul@b.example", "j@a.example"),
            from(4, "VS@c.example", "j@a.example"),
            from(5, "nouvelle@d.example", "j@a.example"),
            from(6, "boite@e.example", "j@a.example"),
        ];
        add(t, sent, &[from(1, "j@a.example", "Paul@B.example")])?;
        add(t, inbox, &letters)?;
        let ask = |t: &rusqlite::Transaction<'_>| {
            let mut query = t.prepare("SELECT id FROM message WHERE mailbox = ? ORDER BY uid")?;
            let ids: Vec<i64> = query.query_map([inbox], |row| row.get(0))?.collect::<Result<_, _>>()?;
            ids.into_iter().map(|id| is_first(t, id)).collect::<Result<Vec<_>, StoreError>>()
        };
        let before = ask(t)?;
        t.execute(
            "INSERT INTO outbox (academy, state, message_id, sender, recipients, subject, mime, written_ms)
             VALUES ('essai', 'waiting', 'x', 'j', 'a\"b\\@f.example' || char(10) || 'Boite@e.example', '', x'00', 1)",
            [],
        )?;
        let after = ask(t)?;
        t.execute("UPDATE mailbox SET complete = 0 WHERE id = ?", [inbox])?;
        let mut explain = t.prepare(&format!("EXPLAIN QUERY PLAN {}", super::senders::FIRST))?;
        let plan: Vec<String> = explain.query_map([1], |row| row.get(3))?.collect::<Result<_, _>>()?;
        Ok((before, after, ask(t)?, plan))
    });
    let (before, after, unknown, plan) = told.await.unwrap();
    let told = |first: [bool; 6]| first.map(Some).to_vec();
    assert_eq!(before, told([true, false, false, false, true, true]));
    assert_eq!(after, told([true, false, false, false, true, false]));
    assert_eq!(unknown, [None; 6]);
    assert!(
        plan.iter().any(|line| line.contains("message_sender")) && !plan.iter().any(|line| line.contains("SCAN")),
        "{plan:?}"
    );
}

#[tokio::test]
async fn what_the_teacher_prefers_to_read_is_kept() {
    use crate::mail::mime::Form;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.read(form).await.unwrap(), Form::Text);
    for wanted in [Form::Html, Form::Text, Form::Html] {
        store.write(move |t, _| set_form(t, wanted)).await.unwrap();
        assert_eq!(store.read(form).await.unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_message_without_any_header_is_listed_among_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let listed = store.write(|t, _| {
        let sent = mailbox_named(t, "essai", "Sent", Some(Role::Sent), true)?;
        add(t, sent, &[Arrived { header: Vec::new(), ..message(2) }, message(4)])?;
        page(t, sent, None, 10)
    });
    assert_eq!(listed.await.unwrap().len(), 2);
}

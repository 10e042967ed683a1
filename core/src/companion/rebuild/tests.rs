use std::sync::Arc;

use rusqlite::Connection;

use super::KEEP;
use crate::companion::{Companion, CompanionError, Setup};
use crate::ports::{Clock, MemoryStore};
use crate::store::{Keep, Store};

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_764_000_000_000
    }

    fn uptime_ms(&self) -> i64 {
        3_600_000
    }
}

#[tokio::test]
async fn a_damaged_database_is_told_and_gives_way_to_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cartable.db"), "junk ".repeat(2000)).unwrap();
    let setup = || Setup::new(folder.path()).clock(Arc::new(Noon)).secrets(Arc::new(MemoryStore::default()));
    assert_eq!(Companion::open(setup()).await.err(), Some(CompanionError::StorageDamaged));
    let rescued = Companion::rebuild_storage(folder.path(), &Noon).unwrap();
    assert_eq!((rescued.saved, rescued.whole), (0, false));
    Companion::open(setup()).await.unwrap();
    assert!(folder.path().join("cartable.db.1764000000000.damaged").exists());
}

#[tokio::test]
async fn a_waiting_action_waits_for_its_message_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let filled = store.write(|t, _| {
        Ok(t.execute_batch(
            "INSERT INTO account (academy, identifier) VALUES ('essai', 'jdupont');
             INSERT INTO mailbox (id, academy, name) VALUES (1, 'essai', 'INBOX');
             INSERT INTO message (id, mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header, shown_in)
                 VALUES (5, 1, 7, 1764000000000, 900, 'Cantine', 0, 0, 2, x'46726f6d3a', 1),
                        (6, 1, 8, 1764000000001, 901, 'Notes', 0, 0, 0, x'46726f6d3a20', 1),
                        (7, 1, -7, 1764000000002, 902, 'Brouillon', 0, 8, 8, x'46726f6d3a21', 1);
             INSERT INTO body (message, raw) VALUES (6, x'00'), (7, x'01');
             INSERT INTO kept (message, bytes, used_ms) VALUES (6, 1, 1), (7, 1, 1);
             INSERT INTO action (academy, what, message, kind, flag)
                 VALUES ('essai', 'flag', 5, 'add', 2), ('essai', 'draft', 7, 'append', 0);
             INSERT INTO alarm (academy, kind, message, at_ms, certain) VALUES ('essai', 'unasked-code', 5, 1, 1);",
        )?)
    });
    filled.await.unwrap();
    store.close().await.unwrap();
    let rescued = Companion::rebuild_storage(folder.path(), &Noon).unwrap();
    assert_eq!((rescued.saved, rescued.whole), (9, true));
    let new = Connection::open(folder.path().join("cartable.db")).unwrap();
    let one = |sql: &str| new.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT count(*) FROM message WHERE id = 5 AND uid = -5 AND flags = 2 AND size = 900"), 1);
    assert_eq!(one("SELECT count(*) FROM message m JOIN body b ON b.message = m.id WHERE m.id = 7 AND raw = x'01'"), 1);
    assert_eq!(one("SELECT count(*) FROM action"), 2);
    assert_eq!(one("SELECT count(*) FROM alarm WHERE message IS NULL AND certain = 1"), 1);
    assert_eq!(one("SELECT count(*) FROM message"), 2, "the others come from the server");
    assert_eq!(one("SELECT count(*) FROM mailbox WHERE complete = 0 AND uid_validity IS NULL"), 1);
}

#[test]
fn every_table_is_either_saved_or_known_to_come_from_the_server() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let database = Connection::open(folder.path().join("cartable.db")).unwrap();
    let mut tables =
        database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    // What is about a sign-in or a process that is over, what can be undone no more, parts of mail, what a server told of itself,
    // and whom letters went to, of which the outbox and the server tell anew.
    // Conversations are put together anew from the messages, but for what is muted; what is searched, too.
    let mail = ["deed", "deed_part", "piece", "conversation", "known_id", "subject_key", "written_to"];
    let elsewhere = [&mail[..], &["offered_code", "lease", "asked", "namespace", "quota", "alert"]].concat();
    for table in tables.into_iter().filter(|table| !table.starts_with("search_")) {
        let saved = KEEP.iter().any(|keep| match keep {
            Keep::Table(name) | Keep::Made { from: name, .. } => *name == table,
        });
        assert!(saved != elsewhere.contains(&table.as_str()), "{table}");
    }
}

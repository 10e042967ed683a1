mod exclusive;
mod processes;
mod rebuild;
mod versions;

use super::{Change, MIGRATIONS, Store, StoreError};
use rusqlite_migration::Migrations;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

async fn count(store: &Store) -> i64 {
    store.read(|c| Ok(c.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?)).await.unwrap()
}

const INSERT: &str = "INSERT INTO account (academy, identifier) VALUES ('essai', 'jdupont')";

#[test]
fn the_migrations_are_in_order_and_run() {
    Migrations::from_slice(MIGRATIONS).validate().unwrap();
    let mut numbers: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap()[..3].parse::<usize>().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=MIGRATIONS.len()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_of_before_keeps_its_bodies_counts_them_and_can_shrink() {
    let folder = folder();
    let mut before = rusqlite::Connection::open(folder.path().join("cartable.db")).unwrap();
    Migrations::from_slice(&MIGRATIONS[..9]).to_latest(&mut before).unwrap();
    before
        .execute_batch(
            "INSERT INTO mailbox (id, academy, name) VALUES (1, 'essai', 'INBOX');
             INSERT INTO message (id, mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header)
                 VALUES (5, 1, 1, 77, 0, '', 0, 0, 0, x'');
             INSERT INTO body (message, raw) VALUES (5, zeroblob(300000));",
        )
        .unwrap();
    drop(before);
    let store = Store::open(folder.path()).unwrap();
    let told = store.read(|c| {
        let kept = c.query_row("SELECT bytes, used_ms FROM kept WHERE message = 5", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let raw: i64 = c.query_row("SELECT length(raw) FROM body WHERE gaps IS NULL", [], |row| row.get(0))?;
        Ok((kept, raw, c.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0))?))
    });
    assert_eq!(told.await, Ok(((300_000, 77), 300_000, 2)));
    let size = async || {
        store.checkpoint().await.unwrap();
        std::fs::metadata(store.path()).unwrap().len()
    };
    let large = size().await;
    let shrunk = store.write(|t, _| {
        t.execute("DELETE FROM body", [])?;
        let mut vacuum = t.prepare("PRAGMA incremental_vacuum(500)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    });
    shrunk.await.unwrap();
    assert!(size().await + 250_000 < large);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.write(|t, _| Ok(t.execute(INSERT, [])?)).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(store.read(|_| Ok(())).await, Err(StoreError::Closed));
    assert_eq!(store.write(|_, _| Ok(())).await, Err(StoreError::Closed));
    store.close().await.unwrap();
    assert_eq!(count(&Store::open(folder.path()).unwrap()).await, 1);
}

#[tokio::test]
async fn a_write_is_whole_or_nothing_and_only_a_whole_one_is_told() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let mut listening = store.notices().listen();
    let failed: Result<(), _> = store
        .write(|t, changes| {
            t.execute(INSERT, [])?;
            changes.push(Change::Account);
            Err(StoreError::NotFound)
        })
        .await;
    assert_eq!(failed, Err(StoreError::NotFound));
    assert_eq!(count(&store).await, 0);
    store
        .write(|t, changes| {
            t.execute(INSERT, [])?;
            changes.push(Change::Account);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((count(&store).await, listening.next().await), (1, Some(Change::Account)));
}

#[tokio::test]
async fn a_job_that_panics_costs_only_itself() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let broken: Result<(), _> = store
        .write(|t, _| {
            t.execute(INSERT, [])?;
            panic!("on purpose")
        })
        .await;
    assert_eq!(broken, Err(StoreError::Closed));
    assert_eq!(count(&store).await, 0);
    store.write(|t, _| Ok(t.execute(INSERT, [])?)).await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn who_does_not_listen_is_told_to_read_everything() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let mut listening = store.notices().listen();
    store
        .write(|_, changes| {
            changes.extend((0..1000).map(|mailbox| Change::Messages { mailbox }));
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(listening.next().await, Some(Change::Everything));
}

#[tokio::test(start_paused = true)]
async fn changes_that_come_together_are_told_together_and_each_once() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let mut listening = store.notices().listen();
    for mailbox in [2, 1, 2, 2] {
        store.notices().tell(vec![Change::Messages { mailbox }]);
    }
    let told = vec![Change::Messages { mailbox: 1 }, Change::Messages { mailbox: 2 }];
    assert_eq!(listening.batch().await, Some(told));
    store.notices().tell(vec![Change::Outbox, Change::Everything]);
    assert_eq!(listening.batch().await, Some(vec![Change::Everything]));
    drop(store);
    assert_eq!(listening.batch().await, None);
}

#[tokio::test]
async fn with_the_person_all_of_their_mail_goes() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let rows =
        async |sql: &'static str| store.read(move |c| Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))?)).await;
    for (ending, left) in [
        ("UPDATE account SET identifier = 'jdupont', name = 'Jeanne'", (1, 1)),
        ("UPDATE account SET identifier = 'pmartin'", (0, 0)),
        ("DELETE FROM account", (0, 0)),
    ] {
        let made = store.write(move |t, _| {
            t.execute_batch(
                "DELETE FROM account;
                 INSERT INTO account (academy, identifier) VALUES ('essai', 'jdupont');
                 INSERT INTO mailbox (academy, name) VALUES ('essai', 'INBOX'), ('autre', 'INBOX')
                     ON CONFLICT DO NOTHING;
                 INSERT INTO message (mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header)
                     SELECT id, 1, 0, 0, '', 0, 0, 0, x'' FROM mailbox WHERE academy = 'essai';
                 INSERT INTO outbox (academy, state, message_id, sender, recipients, subject, mime, written_ms)
                     VALUES ('essai', 'waiting', '', '', '', '', x'', 0);",
            )?;
            Ok(t.execute_batch(ending)?)
        });
        made.await.unwrap();
        let found = (rows("SELECT count(*) FROM message").await, rows("SELECT count(*) FROM outbox").await);
        assert_eq!(found, (Ok(left.0), Ok(left.1)), "{ending}");
        assert_eq!(rows("SELECT count(*) FROM mailbox WHERE academy = 'autre'").await, Ok(1), "{ending}");
    }
}

#[tokio::test]
async fn actions_that_waited_in_an_older_version_wait_still() {
    let folder = folder();
    let mut old = rusqlite::Connection::open(folder.path().join("cartable.db")).unwrap();
    Migrations::from_slice(&MIGRATIONS[..9]).to_latest(&mut old).unwrap();
    old.execute_batch(
        "INSERT INTO mailbox (id, academy, name, role) VALUES (1, 'essai', 'INBOX', 'inbox'), (2, 'essai', 'Bin', 'trash');
         INSERT INTO message (id, mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header, hidden)
             VALUES (1, 1, 1, 0, 0, '', 0, 0, 1, x'', 0), (2, 1, 2, 0, 0, '', 0, 0, 0, x'', 1),
                    (3, 2, 1, 0, 0, '', 0, 0, 0, x'', 1), (4, 2, 2, 0, 0, '', 0, 0, 0, x'', 0);
         INSERT INTO action (message, kind, flag) VALUES (1, 'add', 1), (2, 'bin', 0), (3, 'bin', 0);",
    )
    .unwrap();
    drop(old);
    let store = Store::open(folder.path()).unwrap();
    let list = async |sql: &'static str| {
        let rows = store.read(move |c| {
            let mut query = c.prepare(sql)?;
            let rows = query.query_map([], |row| row.get::<_, Option<String>>(0))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        rows.await.unwrap().into_iter().map(|word| word.unwrap_or_default()).collect::<Vec<_>>()
    };
    let actions =
        list("SELECT kind || ' ' || message || ' ' || ifnull(mailbox, '') || ' ' || flag FROM action ORDER BY id");
    assert_eq!(actions.await, ["add 1  1", "move 2 2 0", "destroy 3  0"]);
    assert_eq!(list("SELECT shown_in || '' FROM message ORDER BY id").await, ["1", "2", "", "2"]);
    assert_eq!(list("SELECT shown_name FROM mailbox ORDER BY id").await, ["INBOX", "Bin"]);
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let folder = folder();
    let junk = "not a database, but dear to somebody ".repeat(200);
    std::fs::write(folder.path().join("cartable.db"), &junk).unwrap();
    assert_eq!(Store::open(folder.path()).err(), Some(StoreError::Damaged));
    assert_eq!(std::fs::read_to_string(folder.path().join("cartable.db")).unwrap(), junk);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = folder();
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(Store::open(&file).err(), Some(StoreError::Unwritable));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("cartable.db");
    rusqlite::Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(Store::open(folder.path()).err(), Some(StoreError::Newer));
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.write(|t, _| Ok(t.execute(INSERT, [])?)).await.unwrap();
    // SQLite's own limit gives the very error of a full disk.
    store.writer.run(|c| Ok(c.query_row("PRAGMA max_page_count = 1", [], |_| Ok(()))?)).await.unwrap();
    let big = "INSERT INTO account (academy, identifier) VALUES ('x', hex(randomblob(4000000)))";
    assert_eq!(store.write(move |t, _| Ok(t.execute(big, [])?)).await, Err(StoreError::Full));
    assert_eq!(count(&store).await, 1);
}

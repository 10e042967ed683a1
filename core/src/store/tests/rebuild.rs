use std::fs;
use std::path::Path;

use super::super::rebuild::{REBUILT, take_place};
use super::super::{Keep, Rescued, Store, StoreError};
use super::folder;

const KEEP: [Keep; 2] = [
    Keep::Table("outbox"),
    Keep::Made {
        from: "message",
        into: "account",
        columns: &["academy", "identifier"],
        query: "SELECT subject, b.name FROM message m JOIN mailbox b ON b.id = m.mailbox WHERE m.rowid = ?",
    },
];
const LETTERS: i64 = 40;

/// Forty letters, each of several pages, and a message.
async fn filled(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    let write = store.write(|t, _| {
        for number in 1..=LETTERS {
            t.execute(
                "INSERT INTO outbox (academy, state, message_id, sender, recipients, subject, mime, written_ms)
                 VALUES ('essai', 'waiting', ?1, 'moi', 'toi', 'Lettre ' || ?1, CAST(hex(zeroblob(5000)) AS BLOB), 0)",
                [number],
            )?;
        }
        Ok(t.execute_batch(
            "INSERT INTO mailbox (id, academy, name) VALUES (1, 'essai', 'INBOX');
             INSERT INTO message (mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header)
                 VALUES (1, 1, 0, 0, 'Bonjour', 0, 0, 0, x'');",
        )?)
    });
    write.await.unwrap();
    store
}

async fn letters(store: &Store) -> Vec<(i64, i64)> {
    let read = store.read(|c| {
        let mut query = c.prepare("SELECT id, length(mime) FROM outbox ORDER BY id")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    });
    read.await.unwrap()
}

fn damaged_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("damaged")).count()
}

#[tokio::test]
async fn what_can_be_read_is_carried_over_and_then_nothing_stays_of_the_old_file() {
    let folder = folder();
    filled(folder.path()).await.close().await.unwrap();
    let rescued = Store::rebuild(folder.path(), 7, &KEEP).unwrap();
    assert_eq!(rescued, Rescued { saved: 41, whole: true });
    assert_eq!(damaged_files(folder.path()), 0);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(letters(&store).await, (1..=LETTERS).map(|id| (id, 10_000)).collect::<Vec<_>>());
    let made =
        store.read(|c| Ok(c.query_row("SELECT academy, identifier FROM account", [], |r| Ok((r.get(0)?, r.get(1)?)))?));
    assert_eq!(made.await, Ok(("Bonjour".to_owned(), "INBOX".to_owned())));
    let mail = store.read(|c| Ok(c.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?));
    assert_eq!(mail.await, Ok(0), "mail comes from the server");
}

#[tokio::test]
async fn what_is_in_the_log_only_is_carried_over_too() {
    let folder = folder();
    let store = filled(folder.path()).await;
    // As after a kill: nothing was folded into the file.
    let copy = tempfile::tempdir().unwrap();
    for name in ["cartable.db", "cartable.db-wal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    store.close().await.unwrap();
    assert_eq!(Store::rebuild(copy.path(), 7, &KEEP).unwrap().saved, 41);
    assert!(!copy.path().join("cartable.db-wal").exists(), "it would be taken for the new file's");
    assert_eq!(letters(&Store::open(copy.path()).unwrap()).await.len(), LETTERS as usize);
}

#[tokio::test]
async fn whichever_page_is_damaged_the_rows_of_the_others_are_saved() {
    let original = folder();
    filled(original.path()).await.close().await.unwrap();
    let bytes = fs::read(original.path().join("cartable.db")).unwrap();
    let (mut all, mut some) = (0, 0);
    for page in 0..bytes.len() / 4096 {
        for junk in [0x00, 0xa5, 0xff] {
            let folder = folder();
            let mut damaged = bytes.clone();
            damaged[page * 4096..(page + 1) * 4096].fill(junk);
            fs::write(folder.path().join("cartable.db"), damaged).unwrap();
            let rescued = Store::rebuild(folder.path(), 7, &KEEP).unwrap();
            let store = Store::open(folder.path()).unwrap();
            let saved = letters(&store).await.len() as i64;
            match rescued.whole {
                true => assert_eq!(saved, LETTERS, "page {page}"),
                false => {
                    assert!(damaged_files(folder.path()) > 0, "page {page}: what was not saved may still be there")
                }
            }
            all += i32::from(saved == LETTERS);
            some += i32::from((1..LETTERS).contains(&saved));
        }
    }
    assert!(all > 30 && some > 30, "{all} times all letters, {some} times some");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_until_somebody_signs_out() {
    let folder = folder();
    let junk = "not a database, but dear to somebody ".repeat(200);
    fs::write(folder.path().join("cartable.db"), &junk).unwrap();
    assert_eq!(Store::rebuild(folder.path(), 7, &KEEP).unwrap(), Rescued { saved: 0, whole: false });
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("cartable.db.7.damaged")).unwrap(), junk);
    store.forget_damaged().await.unwrap();
    assert_eq!(damaged_files(folder.path()), 0);
}

#[tokio::test]
async fn a_rebuilding_killed_before_its_end_is_begun_anew_and_one_killed_behind_it_is_finished() {
    let folder = folder();
    filled(folder.path()).await.close().await.unwrap();
    let path = |name: &str| folder.path().join(name);
    // Before: half a new file, and the old one under two names.
    fs::write(path("cartable.db.rebuilding"), "half").unwrap();
    fs::hard_link(path("cartable.db"), path("cartable.db.6.damaged")).unwrap();
    assert_eq!(Store::rebuild(folder.path(), 7, &KEEP).unwrap(), Rescued { saved: 41, whole: true });
    assert_eq!(damaged_files(folder.path()), 0);
    // Behind: the new file is whole, the old one and its log are still in their places.
    fs::rename(path("cartable.db"), path(REBUILT)).unwrap();
    fs::write(path("cartable.db"), "damaged").unwrap();
    fs::write(path("cartable.db-wal"), "and its log").unwrap();
    assert_eq!(letters(&Store::open(folder.path()).unwrap()).await.len(), LETTERS as usize);
    assert!(!take_place(folder.path()).unwrap());
}

#[test]
fn where_nothing_can_be_written_nothing_is_changed() {
    let folder = folder();
    fs::write(folder.path().join("cartable.db"), "junk").unwrap();
    fs::create_dir(folder.path().join("cartable.db.rebuilding")).unwrap();
    assert!(matches!(Store::rebuild(folder.path(), 7, &KEEP), Err(StoreError::Failed { .. } | StoreError::Unwritable)));
    assert_eq!(fs::read_to_string(folder.path().join("cartable.db")).unwrap(), "junk");
}

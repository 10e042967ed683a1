//! The database on the phone is damaged: a new one takes its place, the mail comes back from the server, and what the teacher did
//! before and no server knew of yet is done.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use academy::{Academy, Teacher};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::{Flags, LetterState};
use cartable_core::ports::SystemClock;
use journeys::{Phone, inbox, subjects};

/// Overwrites the page in which `name` of the schema begins.
fn damage(folder: &Path, name: &str) {
    let path = folder.join("cartable.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let (page, size): (u32, u32) = database
        .query_row(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = ?",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    drop(database);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(u64::from(page - 1) * u64::from(size))).unwrap();
    file.write_all(&vec![0xa5; size as usize]).unwrap();
}

/// What came within one second has no order.
async fn sorted(companion: &Companion) -> Vec<String> {
    let mut subjects = subjects(companion).await;
    subjects.sort();
    subjects
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_rebuilt_and_what_was_not_sent_yet_is_sent_once() {
    let academy = Academy::start().await.unwrap();
    for number in 0..5 {
        let message = format!(
            "From: Lea <lreset@academie.test>\r\nSubject: Question {number}\r\nMessage-ID: <q{number}@a.test>\r\n\r\nOui ?\r\n"
        );
        academy.deliver("jdupont@academie.test", message.as_bytes()).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let rows = companion.messages(inbox(&companion).await, None, 50).await.unwrap();
    companion.reply(rows[0].id, "Oui.", false).await.unwrap();
    companion.set_flags(&[rows[3].id], Flags::FLAGGED, true).await.unwrap();
    let (before, flagged) = (sorted(&companion).await, rows[3].subject.clone());
    companion.shutdown().await.unwrap();
    drop(companion);

    damage(folder.path(), "message_newest");
    let companion = phone.open(folder.path()).await;
    let first = companion.messages(inbox(&companion).await, None, 50).await.unwrap_err();
    assert_eq!(first, CompanionError::StorageDamaged);
    companion.shutdown().await.unwrap();
    drop(companion);
    let rescued = Companion::rebuild_storage(folder.path(), &SystemClock).unwrap();
    assert!(rescued.saved > 3 && rescued.whole, "{rescued:?}");

    let companion = phone.open(folder.path()).await;
    assert_eq!(companion.account().unwrap().identifier, "jdupont");
    assert_eq!(companion.outbox().await.unwrap()[0].state, LetterState::Waiting);
    assert_eq!(companion.send_waiting().await.unwrap(), 1);
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(sorted(&companion).await, before);
    let rows = companion.messages(inbox(&companion).await, None, 50).await.unwrap();
    let shown: Vec<_> = rows.iter().filter(|row| row.flags.has(Flags::FLAGGED)).map(|row| &row.subject).collect();
    assert_eq!(shown, [&flagged]);
    assert!(rows.iter().any(|row| row.flags.has(Flags::ANSWERED)));
    let mut server = academy.mailbox("jdupont").await.unwrap();
    assert_eq!(server.messages("Sent").await.unwrap().len(), 1);
    academy.stop().await.unwrap();
}

//! Everything that a teacher does with mail where there is no network: shown at once, kept over a restart, done once it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use academy::wire::{Close, Direction};
use academy::{Academy, Mailbox};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::compose::new_message;
use cartable_core::mail::mime::Person;
use cartable_core::mail::{Flags, Row};
use cartable_core::words::Finding;
use journeys::Phone;

use super::mailboxes::{Chance, LATER, Shown, ShownRow, jeanne, message, offline, shown, without};

async fn mailbox(companion: &Companion, name: &str) -> i64 {
    let all = companion.mailboxes().await.unwrap();
    all.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{name}: {all:?}")).id
}

async fn rows(companion: &Companion, name: &str) -> Vec<Row> {
    companion.messages(mailbox(companion, name).await, None, 500).await.unwrap()
}

/// Messages 1 to `count` in the inbox.
async fn filled(academy: &Academy, count: u64) -> Mailbox {
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    for number in 1..=count {
        outside.append("INBOX", LATER.parse().unwrap(), message(number).as_bytes()).await.unwrap();
    }
    outside
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_without_a_network_outlasts_a_restart_and_is_seen_everywhere_once_it_is_back() {
    let academy = Academy::start().await.unwrap();
    let mut outside = filled(&academy, 20).await;
    for name in ["Ancienne", "Perdue"] {
        outside.command(&format!("CREATE {name}")).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let inbox = rows(&companion, "INBOX").await;
    let id = |number: usize| inbox.iter().find(|row| row.subject == format!("Message {number}")).unwrap().id;
    companion.open_message(id(5)).await.unwrap();
    companion.suspend().await.unwrap();
    offline(&phone);

    companion.set_flags(&[id(1), id(2)], Flags::SEEN, true).await.unwrap();
    companion.set_flags(&[id(2)], Flags::FORWARDED.with(Flags::ANSWERED), true).await.unwrap();
    let (_, classe) = companion.create_mailbox(None, "Élèves").await.unwrap();
    let (_, sixth) = companion.create_mailbox(Some(classe), "6e").await.unwrap();
    companion.move_to(&[id(3), id(4), id(5)], sixth).await.unwrap();
    companion.copy_to(&[id(6)], classe).await.unwrap();
    companion.delete(&[id(7), id(8)]).await.unwrap();
    companion.delete_for_ever(&[id(9)]).await.unwrap();
    companion.junk(&[id(10)]).await.unwrap();
    companion.archive(&[id(11)]).await.unwrap();
    let me = Person { name: None, address: "jdupont@academie.test".to_owned() };
    let write = |text: &str| new_message(std::slice::from_ref(&me), "Sortie", text, &me, 1_795_000_000_000).unwrap();
    let first = companion.save_draft(None, write("Chers parents")).await.unwrap();
    assert_eq!(companion.sync(&|_, _| {}).await, Err(CompanionError::CheckConnection(Finding::Unreachable)));

    // As if the app had been killed.
    drop(companion);
    let companion = phone.open(folder.path()).await;
    let second = companion.save_draft(Some(first), write("Chers parents, chers élèves")).await.unwrap();
    let opened = companion.open_message(second).await.unwrap();
    assert_eq!(opened.reading.text.trim(), "Chers parents, chers élèves");
    companion.rename_mailbox(mailbox(&companion, "Ancienne").await, Some(classe), "5e").await.unwrap();
    companion.delete_mailbox(mailbox(&companion, "Perdue").await).await.unwrap();
    companion.subscribe(sixth, true).await.unwrap();
    companion.move_to(&[id(12)], mailbox(&companion, "Élèves/5e").await).await.unwrap();
    companion.move_to(&[id(3)], mailbox(&companion, "INBOX").await).await.unwrap();
    let taken_back = companion.delete(&[id(13)]).await.unwrap();
    companion.undo(taken_back).await.unwrap();
    let before = shown(&companion).await;
    let subjects = |name: &str| {
        let of = before.iter().find(|(key, _)| key.starts_with(&format!("{name} "))).unwrap().1;
        of.iter().map(|row| row.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(subjects("Élèves/6e"), ["Message 4", "Message 5"]);
    assert_eq!(
        (subjects("Élèves"), subjects("Élèves/5e")),
        (vec!["Message 6".to_owned()], vec!["Message 12".to_owned()])
    );
    assert_eq!((subjects("Trash").len(), subjects("Drafts").len(), subjects("INBOX").len()), (2, 1, 12));
    assert!(!before.keys().any(|name| name.starts_with("Perdue") || name.starts_with("Ancienne")));

    phone.hosts.lead("imap.academie.test", "127.0.0.1".parse().unwrap());
    let wire = phone.watched(&academy, academy.imap()).await;
    let report = companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!((report.refused, report.gone, report.arrived), (0, 0, 0), "{:?}", companion.refusals().await);
    let said = String::from_utf8_lossy(&wire.recorded(Direction::ToServer)).into_owned();
    // Three messages into one mailbox go together; nothing is fetched again.
    assert_eq!(said.matches(" UID MOVE ").count(), 5);
    assert_eq!(said.matches(" APPEND ").count(), 1);
    let after = shown(&companion).await;
    let without_time = |all: &Shown| {
        let names = |rows: &[ShownRow]| -> Vec<_> {
            rows.iter().map(|(subject, .., flags)| (subject.clone(), flags.clone())).collect()
        };
        all.iter().map(|(name, rows)| (name.clone(), names(rows))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(without_time(&after), without_time(&before));
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap(), Default::default());

    let (other, elsewhere) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let other = other.signed_in(&academy, jeanne(), elsewhere.path()).await;
    other.sync(&|_, _| {}).await.unwrap();
    assert_eq!(shown(&other).await, after);
    let sixths = other.mailboxes().await.unwrap().into_iter().find(|one| one.name == "Élèves/6e").unwrap();
    assert!(sixths.subscribed);

    // What was fetched before it moved is still there.
    companion.suspend().await.unwrap();
    offline(&phone);
    companion.open_message(id(5)).await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_are_moved_by_one_call_and_few_commands() {
    let academy = Academy::start().await.unwrap();
    let mut outside = filled(&academy, 1).await;
    // Doubled by the server, which is quicker.
    for _ in 0..11 {
        outside.command("SELECT INBOX").await.unwrap();
        outside.command("COPY 1:* INBOX").await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();
    let inbox = mailbox(&companion, "INBOX").await;
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|row: &Row| cartable_core::mail::After { received_ms: row.received_ms, id: row.id });
        let page = companion.messages(inbox, after, 500).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let ids: Vec<i64> = all.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 2048);
    companion.mark_all_read(inbox).await.unwrap();
    companion.archive(&ids).await.unwrap();
    let wire = phone.watched(&academy, academy.imap()).await;
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap().acted, 4096);
    let said = String::from_utf8_lossy(&wire.recorded(Direction::ToServer)).into_owned();
    assert!(said.matches(" UID STORE ").count() <= 5 && said.matches(" UID MOVE ").count() <= 5);
    outside.command("UNSELECT").await.unwrap();
    assert_eq!((outside.count("INBOX").await.unwrap(), outside.count("Archive").await.unwrap()), (0, 2048));
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap(), Default::default());
    academy.stop().await.unwrap();
}

/// Every message of the inbox is moved about, by the teacher and by another program, over a bad way: in the end each is there, and
/// once where the server can move.
async fn storm(academy: &Academy, taken: &'static [&'static str], seed: u64) {
    const MESSAGES: u64 = 60;
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    for name in ["INBOX", "Archive", "Trash", "Junk"] {
        outside.command(&format!("SELECT {name}")).await.unwrap();
        let _ = outside.command("STORE 1:* +FLAGS (\\Deleted)").await;
        outside.command("EXPUNGE").await.unwrap();
    }
    let mut outside = filled(academy, MESSAGES).await;
    let (phone, folder) = (Phone::new(academy), tempfile::tempdir().unwrap());
    let mut companion = phone.signed_in(academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();
    let (wire, faults) = without(academy, &phone, taken).await;
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let moving = tokio::spawn(async move {
        let mut chance = Chance(seed + 1);
        let names = ["INBOX", "Archive", "Trash", "Junk"];
        while !told.load(Ordering::Relaxed) {
            let (from, to) = (names[chance.below(4) as usize], names[chance.below(4) as usize]);
            outside.command(&format!("SELECT {from}")).await.unwrap();
            let number = 1 + chance.below(MESSAGES);
            if from != to {
                let _ = outside.command(&format!("MOVE {number} {to}")).await;
            }
            tokio::time::sleep(Duration::from_millis(5 + chance.below(20))).await;
        }
        outside
    });
    let mut chance = Chance(seed);
    for _ in 0..16 {
        for name in ["INBOX", "Archive", "Trash", "Junk"] {
            for row in rows(&companion, name).await {
                let one = [row.id];
                let done = match chance.below(30) {
                    0 => companion.archive(&one).await,
                    1 if name != "Trash" => companion.delete(&one).await,
                    2 => companion.junk(&one).await,
                    3 => companion.not_junk(&one).await,
                    4 => companion.set_flags(&one, Flags::FLAGGED, chance.below(2) == 0).await,
                    _ => continue,
                };
                let done = match done {
                    Err(CompanionError::NotFound) => continue,
                    done => done.unwrap(),
                };
                if chance.below(4) == 0 {
                    companion.undo(done).await.unwrap();
                }
            }
        }
        let way = match chance.below(3) {
            0 => faults.clone(),
            _ => faults.clone().cut(Direction::ToClient, 300 + chance.below(8_000), Close::Reset),
        };
        wire.set(way).await.unwrap();
        match companion.sync(&|_, _| {}).await {
            Ok(_) | Err(CompanionError::CheckConnection(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        if chance.below(4) == 0 {
            drop(companion);
            companion = phone.open(folder.path()).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut outside = moving.await.unwrap();
    outside.command("UNSELECT").await.unwrap();
    wire.set(faults).await.unwrap();
    companion.suspend().await.unwrap();
    for _ in 0..3 {
        companion.sync(&|_, _| {}).await.unwrap();
    }
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap(), Default::default());
    let mut subjects = Vec::new();
    for (name, rows) in shown(&companion).await {
        let on_server = outside.count(name.split(' ').next().unwrap()).await.unwrap();
        assert_eq!(on_server, rows.len(), "{name}, seed {seed}, without {taken:?}");
        subjects.extend(rows.into_iter().map(|row| row.0));
    }
    subjects.sort();
    let all = subjects.len();
    // What two move at the same moment both have moved; so has a server that is cut off in the middle of a move, and does it after
    // we have looked and moved it ourselves. Twice is better than not at all.
    subjects.dedup();
    assert!(all - subjects.len() <= 2, "seed {seed}, without {taken:?}: {} came twice", all - subjects.len());
    let mut expected: Vec<_> = (1..=MESSAGES).map(|number| format!("Message {number}")).collect();
    expected.sort();
    assert_eq!(subjects, expected, "seed {seed}, without {taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_moved_about_from_two_sides_over_a_bad_way_are_never_lost() {
    let academy = Academy::start().await.unwrap();
    let seed = std::env::var("SEED").map_or(20_261_124, |seed| seed.parse().unwrap());
    for (number, taken) in [&[][..], &["MOVE"], &["QRESYNC", "CONDSTORE", "ESEARCH"]].into_iter().enumerate() {
        storm(&academy, taken, seed + number as u64).await;
    }
    academy.stop().await.unwrap();
}

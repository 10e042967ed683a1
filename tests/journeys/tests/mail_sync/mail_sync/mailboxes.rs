//! Another program changes the mail while the phone syncs, is cut off and starts anew: in the end the phone shows what a fresh
//! one would, however the server tells what has changed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use academy::wire::{Close, Direction, Faults, Identity, Wire};
use academy::{Academy, Mailbox, Teacher, Validity};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::{After, Flags};
use journeys::Phone;

/// How often the phone syncs while the mail changes, for each way of telling. `SYNCS=500` for a longer night.
const SYNCS: u32 = 14;
const SEED: u64 = 20_261_124;
pub(super) const LATER: &str = "2026-11-24T08:00:00Z";

/// Chance that can be repeated.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

pub(super) fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

pub(super) fn message(number: u64) -> String {
    format!(
        "From: lreset@academie.test\r\nSubject: Message {number}\r\nMessage-ID: <m{number}@a.test>\r\n\r\nBonjour\r\n"
    )
}

/// Subject, time, size and flags.
pub(super) type ShownRow = (String, i64, u64, Vec<&'static str>);
/// By mailbox.
pub(super) type Shown = BTreeMap<String, Vec<ShownRow>>;

/// What the phone shows of each mailbox: subject, time, size and flags of its messages.
pub(super) async fn shown(companion: &Companion) -> Shown {
    let mut all = BTreeMap::new();
    for mailbox in companion.mailboxes().await.unwrap() {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = companion.messages(mailbox.id, after, 500).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(After { received_ms: last.received_ms, id: last.id });
            assert!(page.iter().all(|row| !row.unreadable));
            rows.extend(page.into_iter().map(|row| (row.subject, row.received_ms, row.size, row.flags.names())));
        }
        rows.sort();
        assert!(mailbox.complete && mailbox.known == rows.len() as u64, "{mailbox:?}");
        all.insert(format!("{} {:?}", mailbox.name, mailbox.role), rows);
    }
    all
}

/// Another program of the teacher's.
struct Other {
    imap: Mailbox,
    chance: Chance,
    /// Mailboxes that it made, in their form on the wire.
    made: Vec<String>,
    numbers: u64,
}

impl Other {
    fn anywhere(&mut self) -> String {
        let fixed = ["INBOX", "INBOX", "INBOX", "Archive", "Sent", "Trash"];
        let index = self.chance.below((fixed.len() + self.made.len()) as u64) as usize;
        fixed.get(index).map(|name| (*name).to_owned()).unwrap_or_else(|| self.made[index - fixed.len()].clone())
    }

    async fn append(&mut self, mailbox: &str, count: u64) {
        for _ in 0..count {
            self.numbers += 1;
            let raw = message(self.numbers);
            let _ = self.imap.append(mailbox, LATER.parse().unwrap(), raw.as_bytes()).await;
        }
    }

    /// Does one thing. What the server refuses, as of a mailbox that is gone, is no failure.
    async fn act(&mut self) {
        let mailbox = self.anywhere();
        let what = self.chance.below(100);
        if what < 25 {
            let count = 1 + self.chance.below(4);
            return self.append(&mailbox, count).await;
        }
        if what < 80 {
            let Ok(told) = self.imap.command(&format!("SELECT \"{mailbox}\"")).await else { return };
            let exists = told.iter().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok());
            let Some(exists @ 1..) = exists else { return };
            let (low, width) = (1 + self.chance.below(exists), self.chance.below(4));
            let set = format!("{low}:{}", (low + width).min(exists));
            let flag =
                ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted", "$Autre"][self.chance.below(6) as usize];
            let sign = if self.chance.below(3) == 0 { "-" } else { "+" };
            let to = self.anywhere();
            let commands = match what {
                0..50 => vec![format!("STORE {set} {sign}FLAGS ({flag})")],
                50..62 => vec![format!("MOVE {set} \"{to}\"")],
                62..68 => vec![format!("COPY {set} \"{to}\"")],
                _ => vec![format!("STORE {set} +FLAGS (\\Deleted)"), "EXPUNGE".to_owned()],
            };
            for command in commands {
                let _ = self.imap.command(&command).await;
            }
            return;
        }
        let _ = self.imap.command("UNSELECT").await;
        if what < 88 || self.made.is_empty() {
            let number = self.chance.below(1000);
            let inside = self.made.first().filter(|_| number.is_multiple_of(3));
            let name = inside.map_or(format!("&AMk-l&AOg-ves {number}"), |parent| format!("{parent}/{number}"));
            if self.imap.command(&format!("CREATE \"{name}\"")).await.is_ok() {
                self.append(&name, 3).await;
                self.made.push(name);
            }
            return;
        }
        let index = self.chance.below(self.made.len() as u64) as usize;
        let name = self.made[index].clone();
        if what < 94 {
            let number = self.chance.below(1000);
            let new = format!("Class&AOk-e {number}");
            if self.imap.command(&format!("RENAME \"{name}\" \"{new}\"")).await.is_ok() {
                for other in &mut self.made {
                    let inside = other.strip_prefix(&name).filter(|rest| rest.is_empty() || rest.starts_with('/'));
                    if let Some(rest) = inside {
                        *other = format!("{new}{rest}");
                    }
                }
            }
            return;
        }
        if self.imap.command(&format!("DELETE \"{name}\"")).await.is_err() {
            return;
        }
        if what < 97 && self.imap.command(&format!("CREATE \"{name}\"")).await.is_ok() {
            // Under another UIDVALIDITY, with the numbers of the old.
            return self.append(&name, 4).await;
        }
        self.made.remove(index);
    }
}

/// A wire to the mail server that takes away what it can do.
pub(super) async fn without(academy: &Academy, phone: &Phone, taken: &'static [&'static str]) -> (Wire, Faults) {
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());
    let leaf = academy.authority().issue(&["imap.academie.test"], Validity::Good).unwrap();
    let rewrite = move |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        if !text.contains("CAPABILITY IMAP4rev1") {
            return line.to_vec();
        }
        taken.iter().fold(text.into_owned(), |text, name| text.replace(&format!(" {name}"), "")).into_bytes()
    };
    let faults = Faults::none().intercept(Identity::of(&leaf).unwrap()).rewrite(rewrite);
    wire.set(faults.clone()).await.unwrap();
    (wire, faults)
}

/// What the teacher does meanwhile: something with about one message in fifteen, and now and then with a mailbox.
async fn teach(companion: &Companion, chance: &mut Chance) {
    let mailboxes = companion.mailboxes().await.unwrap();
    if mailboxes.is_empty() {
        return;
    }
    let any = |chance: &mut Chance| mailboxes[chance.below(mailboxes.len() as u64) as usize].id;
    for mailbox in &mailboxes {
        for row in companion.messages(mailbox.id, None, 20).await.unwrap() {
            let one = [row.id];
            let done = match chance.below(100) {
                0..4 => {
                    let flag = if chance.below(2) == 0 { Flags::SEEN } else { Flags::FLAGGED };
                    companion.set_flags(&one, flag, chance.below(3) > 0).await
                }
                4 => companion.move_to(&one, any(chance)).await,
                5 => companion.copy_to(&one, any(chance)).await,
                6 => companion.delete(&one).await,
                _ => continue,
            };
            match done {
                Ok(call) if chance.below(5) == 0 => match companion.undo(call).await {
                    Ok(()) | Err(CompanionError::Refused(_)) => {}
                    Err(other) => panic!("{other:?}"),
                },
                Ok(_) | Err(CompanionError::NotFound) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    let (one, number) = (any(chance), chance.below(1000));
    let done = match chance.below(6) {
        0 => companion.create_mailbox(None, &format!("Salle {number}")).await.map(drop),
        1 => companion.create_mailbox(Some(one), &format!("Étage {number}")).await.map(drop),
        2 => companion.rename_mailbox(one, None, &format!("Autre salle {number}")).await.map(drop),
        3 => companion.delete_mailbox(one).await.map(drop),
        _ => Ok(()),
    };
    match done {
        Ok(()) | Err(CompanionError::Refused(_) | CompanionError::NotFound) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Syncs again and again, over a bad way, in an app that is killed, for a teacher who does things; while the mail changes.
async fn weather(academy: &Academy, taken: &'static [&'static str], seed: u64) {
    let (phone, folder) = (Phone::new(academy), tempfile::tempdir().unwrap());
    let mut chance = Chance(seed);
    let imap = academy.mailbox("jdupont").await.unwrap();
    let mut other = Other { imap, chance: Chance(seed + 1), made: Vec::new(), numbers: seed * 10_000 };
    other.append("INBOX", 120).await;
    let mut companion = phone.signed_in(academy, jeanne(), folder.path()).await;
    let (wire, faults) = without(academy, &phone, taken).await;
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let changing = tokio::spawn(async move {
        while !told.load(Ordering::Relaxed) {
            other.act().await;
            tokio::time::sleep(Duration::from_millis(other.chance.below(8))).await;
        }
        for _ in 0..20 {
            other.act().await;
        }
        other
    });
    let (mut cut, mut done) = (0, 0);
    let syncs = std::env::var("SYNCS").map_or(SYNCS, |syncs| syncs.parse().unwrap());
    for _ in 0..syncs {
        let way = match chance.below(2) {
            0 => faults.clone().cut(Direction::ToClient, 300 + chance.below(8_000), Close::Reset),
            _ => faults.clone(),
        };
        wire.set(way).await.unwrap();
        let soon = Duration::from_millis(20 + chance.below(200));
        let synced = async { companion.sync(&|_, _| {}).await.map(drop) };
        match chance.below(4) {
            // A drop at any of its waits.
            0 => cut += u32::from(tokio::time::timeout(soon, synced).await.is_err()),
            _ => match synced.await {
                Ok(()) => done += 1,
                Err(CompanionError::CheckConnection(_)) => cut += 1,
                Err(other) => panic!("{other:?}"),
            },
        }
        teach(&companion, &mut chance).await;
        if chance.below(4) == 0 {
            drop(companion);
            companion = phone.open(folder.path()).await;
        }
    }
    assert!(cut > 0 && done > 0, "{cut} cut, {done} done");
    over.store(true, Ordering::Relaxed);
    changing.await.unwrap();
    wire.set(faults).await.unwrap();
    companion.suspend().await.unwrap();
    // The second looks at what the first did; what it refused is put right.
    for _ in 0..3 {
        companion.sync(&|_, _| {}).await.unwrap();
    }
    if taken.contains(&"CONDSTORE") {
        // Then flags other than the one for read are seen in a mailbox that the teacher looks into.
        for mailbox in companion.mailboxes().await.unwrap() {
            companion.messages(mailbox.id, None, 1).await.unwrap();
            companion.sync(&|_, _| {}).await.unwrap();
        }
    }
    let kept = shown(&companion).await;
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap(), Default::default());

    let (fresh, elsewhere) = (Phone::new(academy), tempfile::tempdir().unwrap());
    let fresh = fresh.signed_in(academy, jeanne(), elsewhere.path()).await;
    fresh.sync(&|_, _| {}).await.unwrap();
    let expected = shown(&fresh).await;
    for (name, rows) in &expected {
        assert_eq!(kept.get(name), Some(rows), "{name}, seed {seed}, without {taken:?}");
    }
    assert_eq!(kept.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "seed {seed}");
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    let inbox = expected.iter().find(|(name, _)| name.starts_with("INBOX ")).unwrap().1.len();
    assert_eq!(outside.count("INBOX").await.unwrap(), inbox);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_what_a_fresh_one_would_however_changes_are_told() {
    let academy = Academy::start().await.unwrap();
    let seed = std::env::var("SEED").map_or(SEED, |seed| seed.parse().unwrap());
    for (number, taken) in
        [&[][..], &["QRESYNC"], &["QRESYNC", "CONDSTORE", "LIST-STATUS", "LIST-EXTENDED", "ESEARCH", "UNSELECT"]]
            .into_iter()
            .enumerate()
    {
        weather(&academy, taken, seed + number as u64).await;
    }
    academy.stop().await.unwrap();
}

/// The way to the mail server is gone.
pub(super) fn offline(phone: &Phone) {
    phone.hosts.lead("imap.academie.test", IpAddr::from([127, 0, 0, 77]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_teacher_did_is_done_in_the_mailbox_that_was_renamed_or_made_anew_meanwhile() {
    let academy = Academy::start().await.unwrap();
    let mut other = academy.mailbox("jdupont").await.unwrap();
    let date = LATER.parse().unwrap();
    for (name, numbers) in [("Sixieme", 1..4), ("Cinquieme", 4..7)] {
        other.command(&format!("CREATE {name}")).await.unwrap();
        for number in numbers {
            other.append(name, date, message(number).as_bytes()).await.unwrap();
        }
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let mailbox = async |name: &str| {
        companion
            .mailboxes()
            .await
            .unwrap()
            .into_iter()
            .find(|one| one.name == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    let (sixth, fifth) = (mailbox("Sixieme").await.id, mailbox("Cinquieme").await.id);
    let opened = companion.messages(sixth, None, 10).await.unwrap()[0].clone();
    companion.open_message(opened.id).await.unwrap();
    companion.suspend().await.unwrap();

    let address = academy.hosts().into_iter().find(|(host, _)| host == "imap.academie.test").unwrap().1;
    offline(&phone);
    for id in [sixth, fifth] {
        let rows = companion.messages(id, None, 10).await.unwrap();
        companion.set_flags(&[rows[0].id], Flags::FLAGGED, true).await.unwrap();
        companion.delete(&[rows[1].id]).await.unwrap();
    }
    other.command("RENAME Sixieme \"6&AOg-me\"").await.unwrap();
    other.command("DELETE Cinquieme").await.unwrap();
    other.command("CREATE Cinquieme").await.unwrap();
    // Other numbers for the same messages.
    for number in [9, 6, 5, 4] {
        other.append("Cinquieme", date, message(number).as_bytes()).await.unwrap();
    }
    phone.hosts.lead("imap.academie.test", address);
    let report = companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!((report.acted, report.refused), (4, 0));

    // Renamed, it is the same: its rows and what was fetched are still there.
    let renamed = mailbox("6ème").await;
    assert_eq!((renamed.id, renamed.known), (sixth, 2));
    offline(&phone);
    companion.suspend().await.unwrap();
    companion.open_message(opened.id).await.unwrap();
    for (name, count, subject) in [("6&AOg-me", 2, "Message 3"), ("Cinquieme", 3, "Message 6")] {
        other.command(&format!("SELECT \"{name}\"")).await.unwrap();
        let flagged = other.command("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await.unwrap();
        let flagged: Vec<_> = flagged.iter().filter(|line| line.contains("\\Flagged")).collect();
        assert!(flagged.len() == 1 && flagged[0].contains(subject), "{name}: {flagged:?}");
        assert_eq!(other.count(name).await.unwrap(), count);
    }
    assert_eq!(other.count("Trash").await.unwrap(), 2);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_vanishes_from_a_list_is_kept_until_the_server_denies_it() {
    let academy = Academy::start().await.unwrap();
    let mut other = academy.mailbox("jdupont").await.unwrap();
    other.append("Archive", LATER.parse().unwrap(), message(1).as_bytes()).await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();
    let known = async || {
        let mailboxes = companion.mailboxes().await.unwrap();
        mailboxes.into_iter().find(|one| one.name == "Archive").map(|one| one.known)
    };

    let leaf = academy.authority().issue(&["imap.academie.test"], Validity::Good).unwrap();
    let hide = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        let hidden = text.contains(" Archive") && (text.starts_with("* LIST") || text.starts_with("* STATUS"));
        if hidden { Vec::new() } else { line.to_vec() }
    };
    wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).rewrite(hide)).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();
    assert_eq!(known().await, Some(1));

    wire.set(Faults::none()).await.unwrap();
    other.command("CREATE Autre").await.unwrap();
    other.command("RENAME Archive Autre/Archive").await.unwrap();
    other.command("DELETE Autre/Archive").await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    // Dovecot makes it anew by itself, and empty.
    assert_eq!(known().await.unwrap_or_default(), 0);
    academy.stop().await.unwrap();
}

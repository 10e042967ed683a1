//! The app in a process of its own, to be killed: syncs and sends on one side, does what a teacher does on the other.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cartable_core::academy::Academy as Profile;
use cartable_core::companion::{Companion, CompanionError, Setup};
use cartable_core::mail::imap::Role;
use cartable_core::mail::{Flags, Mailbox, Row};
use cartable_core::words::Finding;
use tokio::time::sleep;

use super::chance::Chance;
use super::{is_the_phones, number_of};
use crate::{Ahead, FileStore, Hosts, network};

/// Opens the app whose home is `home`: a folder with `profile.toml`, `ca.pem`, `hosts.json`, the folders `data` and `secrets`,
/// and where the phone's clock is ahead, by how many milliseconds in `ahead`.
pub async fn open(home: &Path) -> Companion {
    try_open(home).await.unwrap()
}

pub(super) async fn try_open(home: &Path) -> Result<Companion, CompanionError> {
    let read = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    let hosts: BTreeMap<String, IpAddr> = serde_json::from_str(&read("hosts.json")).unwrap();
    let clock = Ahead::default();
    clock.pass(fs::read_to_string(home.join("ahead")).map_or(0, |ms| ms.parse().unwrap()));
    let setup = Setup::new(home.join("data"))
        .clock(Arc::new(clock))
        .academy(Profile::from_toml(&read("profile.toml")).unwrap())
        .network(network(&read("ca.pem"), &Hosts::from(hosts)))
        .secrets(Arc::new(FileStore::new(&home.join("secrets"))));
    Companion::open(setup).await
}

/// Does errands without end, in an order that `seed` gives. Says on its standard output `will DEED NUMBER` before it does what
/// must not be forgotten, and `did DEED NUMBER` once it was promised; NUMBER is the message's.
pub async fn errands(home: &Path, seed: u64) {
    let companion = open(home).await;
    let (mut one, mut other) = (Chance::new(seed), Chance::new(seed ^ 0x5eed));
    tokio::join!(background(&companion, &mut one), teacher(&companion, &mut other));
}

async fn background(companion: &Companion, chance: &mut Chance) {
    loop {
        match chance.below(8) {
            0..4 => drop(tolerated(companion.sync(&|_, _| {})).await),
            // Also cut off by its deadline at any of its waits.
            4 => drop(tolerated(companion.sync_once(Duration::from_millis(5 + chance.below(100)))).await),
            5..7 => drop(tolerated(companion.send_waiting()).await),
            _ => drop(tolerated(companion.suspend()).await),
        }
        sleep(Duration::from_millis(chance.below(10))).await;
    }
}

/// What a teacher does. A further kind of action is one more deed here, and one more line in `proof::Promises::hear`.
#[derive(Clone, Copy)]
enum Deed {
    Open,
    Read,
    Flag,
    Bin,
    Archive,
    BinAndBack,
    Answer,
}

const DEEDS: [Deed; 14] = [
    Deed::Open,
    Deed::Open,
    Deed::Read,
    Deed::Read,
    Deed::Read,
    Deed::Read,
    Deed::Flag,
    Deed::Flag,
    Deed::Bin,
    Deed::Archive,
    Deed::BinAndBack,
    Deed::BinAndBack,
    Deed::Answer,
    Deed::Answer,
];

async fn teacher(companion: &Companion, chance: &mut Chance) {
    loop {
        sleep(Duration::from_millis(chance.below(30))).await;
        let Some(mailboxes) = tolerated(companion.mailboxes()).await else { continue };
        let mailboxes: Vec<_> = mailboxes.into_iter().filter(is_for_deeds).collect();
        let Some(mailbox) = chance.one_of(&mailboxes) else { continue };
        let Some(rows) = tolerated(companion.messages(mailbox.id, None, 500)).await else { continue };
        let (Some(deed), Some(row)) = (chance.one_of(&DEEDS), chance.one_of(&rows)) else { continue };
        do_one(companion, *deed, row, chance.below(3) > 0).await;
    }
}

/// The other deeds on a message of the teacher's own numbers are promised; `Flag` and `Open` are done to any.
async fn do_one(companion: &Companion, deed: Deed, row: &Row, on: bool) {
    let Some(number) = number_of(&row.subject) else { return };
    match deed {
        Deed::Open => drop(tolerated(companion.open_message(row.id)).await),
        Deed::Flag => drop(tolerated(companion.set_flags(&[row.id], Flags::FLAGGED, on)).await),
        _ if !is_the_phones(number) => {}
        Deed::Read => {
            let word = if on { "read" } else { "unread" };
            promise(word, number, companion.set_flags(&[row.id], Flags::SEEN, on)).await;
        }
        Deed::Bin => {
            promise("bin", number, companion.delete(&[row.id])).await;
        }
        // From the archive this is no move, and says nothing.
        Deed::Archive => {
            promise("archive", number, companion.archive(&[row.id])).await;
        }
        Deed::BinAndBack => {
            if let Some(call) = promise("bin", number, companion.delete(&[row.id])).await {
                promise("unbin", number, companion.undo(call)).await;
            }
        }
        Deed::Answer if row.flags.has(Flags::ANSWERED) => {}
        Deed::Answer => {
            promise("answer", number, companion.reply(row.id, "Entendu.", false)).await;
        }
    }
}

async fn promise<T>(deed: &str, number: u64, work: impl Future<Output = Result<T, CompanionError>>) -> Option<T> {
    say(&format!("will {deed} {number}"));
    let done = tolerated(work).await;
    if done.is_some() {
        say(&format!("did {deed} {number}"));
    }
    done
}

/// What may come of any errand while another program changes the mail and the machine is slow; anything else ends the app,
/// which is a failure of the run.
async fn tolerated<T>(work: impl Future<Output = Result<T, CompanionError>>) -> Option<T> {
    match work.await {
        Ok(done) => Some(done),
        Err(CompanionError::NotFound | CompanionError::Cancelled | CompanionError::CheckConnection(_)) => None,
        // Of a mailbox that has another name since.
        Err(CompanionError::Refused(Finding::MailRefused { .. })) => None,
        Err(other) => panic!("{other:?}"),
    }
}

fn is_for_deeds(mailbox: &Mailbox) -> bool {
    matches!(mailbox.role, None | Some(Role::Inbox | Role::Archive))
}

/// A line on standard output, at once.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

//! The app in a process of its own, to be killed: reads, flags, deletes and answers without end.
//!
//! Its argument is a folder with `profile.toml`, `ca.pem`, `hosts.json` and the folders `data` and `secrets`. It says on its
//! standard output what it has been promised: `queued SUBJECT` once an answer is in the outbox.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cartable_core::academy::Academy;
use cartable_core::companion::{Companion, Setup};
use cartable_core::mail::Flags;
use journeys::{FileStore, Hosts, inbox, network};

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let hosts: BTreeMap<String, IpAddr> = serde_json::from_str(&read("hosts.json")).unwrap();
    let setup = Setup::new(folder.join("data"))
        .academy(Academy::from_toml(&read("profile.toml")).unwrap())
        .network(network(&read("ca.pem"), &Hosts::from(hosts)))
        .secrets(Arc::new(FileStore::new(&folder.join("secrets"))));
    let companion = Companion::open(setup).await.unwrap();
    loop {
        companion.send_waiting().await.unwrap();
        companion.sync(&|_, _| {}).await.unwrap();
        let rows = companion.messages(inbox(&companion).await, None, 500).await.unwrap();
        let answered = rows.iter().filter(|row| row.flags.has(Flags::ANSWERED)).count();
        if let Some(row) = rows.iter().find(|row| !row.flags.has(Flags::ANSWERED)) {
            companion.reply(row.id, "Entendu.", false).await.unwrap();
            say(&format!("queued {}", row.subject));
            companion.set_flag(row.id, Flags::SEEN, true).await.unwrap();
        }
        if let Some(row) = rows.last().filter(|row| answered % 3 == 2 && row.flags.has(Flags::ANSWERED)) {
            companion.delete(row.id).await.unwrap();
            say(&format!("deleted {}", row.subject));
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

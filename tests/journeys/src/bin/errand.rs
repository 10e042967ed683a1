//! The app in a process of its own, to be killed: reads, flags, deletes and answers without end; or signs in.
//!
//! Its first argument is a folder with `profile.toml`, `ca.pem`, `hosts.json`, the folders `data` and `secrets`, and where the
//! phone's clock is ahead, by how many milliseconds in `ahead`. It says on its standard output what it has been promised:
//! `queued SUBJECT` once an answer is in the outbox. With a second argument `sign-in` it says there where the sign-in stands, and
//! does what each line of its standard input says.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cartable_core::academy::Academy;
use cartable_core::companion::{Companion, Setup};
use cartable_core::mail::Flags;
use cartable_core::portal::{Question, SignInState};
use journeys::{ACADEMY, Ahead, FileStore, Hosts, inbox, network};

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let hosts: BTreeMap<String, IpAddr> = serde_json::from_str(&read("hosts.json")).unwrap();
    let clock = Ahead::default();
    clock.pass(fs::read_to_string(folder.join("ahead")).map_or(0, |ms| ms.parse().unwrap()));
    let setup = Setup::new(folder.join("data"))
        .clock(Arc::new(clock))
        .academy(Academy::from_toml(&read("profile.toml")).unwrap())
        .network(network(&read("ca.pem"), &Hosts::from(hosts)))
        .secrets(Arc::new(FileStore::new(&folder.join("secrets"))));
    let companion = Companion::open(setup).await.unwrap();
    if std::env::args().nth(2).as_deref() == Some("sign-in") {
        return sign_in(&companion).await;
    }
    loop {
        companion.send_waiting().await.unwrap();
        companion.sync(&|_, _| {}).await.unwrap();
        let rows = companion.messages(inbox(&companion).await, None, 500).await.unwrap();
        let answered = rows.iter().filter(|row| row.flags.has(Flags::ANSWERED)).count();
        if let Some(row) = rows.iter().find(|row| !row.flags.has(Flags::ANSWERED)) {
            companion.reply(row.id, "Entendu.", false).await.unwrap();
            say(&format!("queued {}", row.subject));
            companion.set_flags(&[row.id], Flags::SEEN, true).await.unwrap();
        }
        if let Some(row) = rows.last().filter(|row| answered % 3 == 2 && row.flags.has(Flags::ANSWERED)) {
            companion.delete(&[row.id]).await.unwrap();
            say(&format!("deleted {}", row.subject));
        }
    }
}

async fn sign_in(companion: &Companion) {
    tell(&companion.sign_in_state());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let state = match line.split_once(' ').unwrap_or((&line, "")) {
            ("begin", _) => companion.begin_sign_in(ACADEMY).await,
            ("password", typed) => {
                let (identifier, password) = typed.split_once(' ').unwrap();
                companion.enter_password(identifier, &password.into()).await
            }
            ("code", code) => companion.enter_code(&code.into()).await,
            ("introduce", address) => companion.introduce("", address).await,
            ("returned", url) => companion.browser_returned(url).await,
            other => panic!("{other:?}"),
        };
        tell(&state.unwrap());
    }
}

fn tell(state: &SignInState) {
    match state {
        SignInState::SignedOut => say("out"),
        SignInState::SignedIn(_) => say("in"),
        SignInState::Asks(Question::Password { .. }) => say("password"),
        SignInState::Asks(Question::Code { .. }) => say("code"),
        SignInState::Asks(Question::Introduction { .. }) => say("introduction"),
        SignInState::Asks(Question::Wait { .. }) => say("wait"),
        SignInState::Asks(Question::Browser { url, .. }) => say(&format!("browser {url}")),
        other => say(&format!("{other:?}")),
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

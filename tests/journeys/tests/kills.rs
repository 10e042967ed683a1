//! The app is killed at any moment, again and again: nothing is lost, nothing is doubled.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use academy::{Academy, Teacher};
use cartable_core::mail::{Letter, LetterState};
use journeys::{FileStore, Phone, subjects};

/// How often the app is killed. `KILLS=500 cargo test -p journeys --test kills` for a longer night.
const KILLS: u32 = 25;
const MESSAGES: usize = 60;

fn message(number: usize) -> String {
    format!(
        "From: Lea <lreset@academie.test>\r\nTo: jdupont@academie.test\r\nSubject: Question {number:03}\r\n\
         Message-ID: <q{number}@academie.test>\r\n\r\nOui ?\r\n"
    )
}

/// How often each subject is in a mailbox of the server.
async fn on_server(academy: &Academy, teacher: &str, mailbox: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for raw in academy.mailbox(teacher).await.unwrap().messages(mailbox).await.unwrap() {
        let raw = String::from_utf8(raw).unwrap();
        let subject = raw.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        *counts.entry(subject.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_killed_at_any_moment_loses_nothing_and_doubles_nothing() {
    let academy = Academy::start().await.unwrap();
    for number in 0..MESSAGES {
        academy.deliver("jdupont@academie.test", message(number).as_bytes()).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let (data, secrets) = (folder.path().join("data"), folder.path().join("secrets"));
    fs::create_dir(&secrets).unwrap();
    fs::write(folder.path().join("profile.toml"), academy.profile_toml()).unwrap();
    fs::write(folder.path().join("ca.pem"), academy.ca_pem()).unwrap();
    let hosts: BTreeMap<_, _> = academy.hosts().into_iter().collect();
    fs::write(folder.path().join("hosts.json"), serde_json::to_string(&hosts).unwrap()).unwrap();
    let phone = Phone::with_secrets(&academy, Arc::new(FileStore::new(&secrets)));
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), &data).await;
    companion.shutdown().await.unwrap();
    drop(companion);

    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (mut queued, mut deleted) = (Vec::new(), Vec::new());
    let mut chance = 7u64;
    for kill in 0..kills {
        let mut app = Command::new(env!("CARGO_BIN_EXE_errand"))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // From the start of the process to some way into its third round of errands.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(30 + (chance >> 33) % 900)).await;
        let ended = app.try_wait().unwrap();
        app.kill().unwrap();
        let done = app.wait_with_output().unwrap();
        assert!(ended.is_none(), "round {kill}: it ended by itself: {}", String::from_utf8_lossy(&done.stderr));
        for line in BufReader::new(done.stdout.as_slice()).lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("queued", subject)) => queued.push(subject.to_owned()),
                Some(("deleted", subject)) => deleted.push(subject.to_owned()),
                _ => {}
            }
        }
    }
    assert!(queued.len() > 3, "the app came to nothing: {queued:?}");

    let companion = phone.open(&data).await;
    companion.send_waiting().await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    let letters: Vec<Letter> = companion.outbox().await.unwrap();
    let inbox = on_server(&academy, "jdupont", "INBOX").await;
    let bin = on_server(&academy, "jdupont", "Trash").await;
    let sent = on_server(&academy, "jdupont", "Sent").await;
    // What Postfix still carries arrives within seconds.
    let certain = letters.iter().filter(|letter| letter.state == LetterState::Filed).count();
    let mut arrived = on_server(&academy, "lreset", "INBOX").await;
    for _ in 0..100 {
        if arrived.values().sum::<usize>() >= certain {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        arrived = on_server(&academy, "lreset", "INBOX").await;
    }

    for number in 0..MESSAGES {
        let subject = format!("Question {number:03}");
        let copies = inbox.get(&subject).unwrap_or(&0) + bin.get(&subject).unwrap_or(&0);
        assert_eq!(copies, 1, "{subject} is there {copies} times");
    }
    for subject in &deleted {
        assert!(bin.contains_key(subject), "{subject} was to go into the bin");
    }
    for subject in &queued {
        let answer = format!("Re: {subject}");
        assert!(letters.iter().any(|letter| letter.subject == answer), "{answer} was promised and is lost");
    }
    for letter in &letters {
        let (reached, filed) = (arrived.get(&letter.subject).unwrap_or(&0), sent.get(&letter.subject).unwrap_or(&0));
        let of_this_subject = letters.iter().filter(|other| other.subject == letter.subject).count();
        assert!(*reached <= of_this_subject && *filed <= of_this_subject, "{}: {reached} and {filed}", letter.subject);
        match letter.state {
            LetterState::Filed => assert!(*reached >= 1 && *filed >= 1, "{}: {reached}, {filed}", letter.subject),
            LetterState::Uncertain => {}
            other => panic!("{} is still {other:?}", letter.subject),
        }
    }
    let mut shown = Vec::new();
    while let Ok(rows) = {
        let after = shown.last().map(|row: &cartable_core::mail::Row| cartable_core::mail::After {
            received_ms: row.received_ms,
            id: row.id,
        });
        companion.messages(journeys::inbox(&companion).await, after, 500).await
    } {
        if rows.is_empty() {
            break;
        }
        shown.extend(rows);
    }
    let mut shown: Vec<_> = shown.into_iter().map(|row| row.subject).collect();
    shown.sort();
    assert_eq!(shown, inbox.into_keys().collect::<Vec<_>>());
    assert!(!subjects(&companion).await.is_empty());
    academy.stop().await.unwrap();
}

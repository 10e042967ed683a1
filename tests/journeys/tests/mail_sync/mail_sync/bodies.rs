//! Bodies and attachments: by their parts as a whole, over a way that is cut off anywhere, within a limit, and ahead of time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use academy::filler::Filler;
use academy::wire::{Close, Direction, Faults, Wire};
use academy::{Academy, Mailbox, Teacher};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::mime::{Notice, Reading, Trouble, read_message};
use cartable_core::mail::{Link, Prefetch};
use jiff::Timestamp;
use journeys::{Phone, inbox};

/// When the first message came, in seconds since 1970; each further one comes a second later.
const FIRST: i64 = 1_795_507_200;
const IMAP: &str = "imap.academie.test";

fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

/// Bytes that no compression and no chance makes equal.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn base64(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\r\n").collect()
}

/// A letter with these files in it.
fn letter(subject: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut raw = format!(
        "From: lreset@academie.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_d\"\r\n\r\n--=_d\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Bonjour, voici {subject}.\r\n"
    );
    for (name, bytes) in files {
        raw += &format!(
            "--=_d\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}",
            base64(bytes)
        );
    }
    (raw + "--=_d--\r\n").into_bytes()
}

async fn append(mailbox: &mut Mailbox, number: usize, raw: &[u8]) {
    let date = Timestamp::from_second(FIRST + number as i64).unwrap();
    mailbox.append("INBOX", date, raw).await.unwrap();
}

/// A phone that has synced over a wire of its own.
struct Scene {
    academy: Academy,
    phone: Phone,
    folder: tempfile::TempDir,
    companion: Companion,
    wire: Wire,
}

impl Scene {
    async fn with(letters: &[Vec<u8>]) -> Self {
        let academy = Academy::start().await.unwrap();
        let mut mailbox = academy.mailbox("jdupont").await.unwrap();
        for (number, raw) in letters.iter().enumerate() {
            append(&mut mailbox, number, raw).await;
        }
        let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
        let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
        let wire = academy.wire(academy.imap()).await.unwrap();
        phone.hosts.lead(IMAP, wire.address());
        companion.sync(&|_, _| {}).await.unwrap();
        Self { academy, phone, folder, companion, wire }
    }

    /// The messages in the order in which they were put there.
    async fn messages(&self) -> Vec<i64> {
        let rows = self.companion.messages(inbox(&self.companion).await, None, 500).await.unwrap();
        rows.iter().rev().map(|row| row.id).collect()
    }

    fn came(&self) -> u64 {
        self.wire.bytes(Direction::ToClient)
    }

    /// The app is killed, and started anew.
    async fn killed(self) -> Self {
        let Self { academy, phone, folder, companion, wire } = self;
        drop(companion);
        let companion = phone.open(folder.path()).await;
        Self { academy, phone, folder, companion, wire }
    }

    /// Nothing more comes from the server.
    async fn offline(&self) {
        self.companion.suspend().await.unwrap();
        self.phone.hosts.lead(IMAP, [127, 0, 0, 77].into());
    }

    async fn end(self) {
        drop(self.companion);
        self.academy.stop().await.unwrap();
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "data", "mail"].iter().collect();
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    samples.sort();
    samples
}

/// The same mail in the first part of one that is too large to be fetched whole.
fn inflated(raw: &[u8], bulk: &str) -> Vec<u8> {
    let lines = raw.split_inclusive(|byte| *byte == b'\n');
    let wire: Vec<u8> = lines
        .flat_map(|line| {
            [
                line.strip_suffix(b"\n")
                    .unwrap_or(line)
                    .strip_suffix(b"\r")
                    .unwrap_or(line.strip_suffix(b"\n").unwrap_or(line)),
                b"\r\n",
            ]
            .concat()
        })
        .collect();
    let end = wire.windows(4).position(|four| four == b"\r\n\r\n").map_or(wire.len(), |at| at + 2);
    let (head, body) = wire.split_at(end);
    let (mut outside, mut inside, mut moved) = (Vec::new(), Vec::new(), false);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            moved = line.to_ascii_lowercase().starts_with(b"content-");
        }
        if line.to_ascii_lowercase().starts_with(b"mime-version") {
            continue;
        }
        if moved { &mut inside } else { &mut outside }.extend_from_slice(line);
    }
    let begin = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_dehors\"\r\n\r\n--=_dehors\r\n";
    let end = format!(
        "\r\n--=_dehors\r\nContent-Type: application/octet-stream; name=\"masse.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{bulk}--=_dehors--\r\n"
    );
    [&outside, &begin[..], &inside, body, end.as_bytes()].concat()
}

/// Both read the same, but for what only the bytes of an attachment tell.
fn same(name: &str, by_parts: &Reading, whole: &Reading) {
    let without_sizes = |reading: &Reading| {
        let mut reading = reading.clone();
        reading.attachments.iter_mut().for_each(|one| one.size = 0);
        reading.trouble = reading.trouble.filter(|trouble| *trouble != Trouble::Damaged);
        // Of a message in the message only the structure comes.
        if let Some(report) = &mut reading.report {
            (report.subject, report.message_id) = Default::default();
        }
        for notice in &mut reading.notices {
            if let Notice::Forwarded { subject, from, .. } = notice {
                (*subject, *from) = Default::default();
            }
        }
        reading
    };
    assert_eq!(without_sizes(by_parts), without_sizes(whole), "{name}");
    for (one, other) in by_parts.attachments.iter().zip(&whole.attachments) {
        let (told, real) = (one.size as f64, other.size as f64);
        assert!(told >= real * 0.95 - 60.0 && told <= real * 3.0 + 100.0, "{name}: {one:?} is {real}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_reads_by_its_parts_as_it_reads_as_a_whole() {
    let bulk = base64(&noise(80_000, 1));
    let mut mails: Vec<_> = samples().into_iter().filter(|(name, _)| name != "unreadable").collect();
    let filler = Filler::new(5);
    mails.extend((0..160).map(|index| (format!("filler {index}"), filler.message(index).raw)));
    let mails: Vec<_> = mails.into_iter().map(|(name, raw)| (name, inflated(&raw, &bulk))).collect();
    let scene = Scene::with(&mails.iter().map(|(_, raw)| raw.clone()).collect::<Vec<_>>()).await;
    let before = scene.came();
    let messages = scene.messages().await;
    assert_eq!(messages.len(), mails.len());
    for (number, (message, (name, raw))) in messages.into_iter().zip(&mails).enumerate() {
        let opened = scene.companion.open_message(message).await.unwrap();
        let whole = read_message(raw);
        assert!(!opened.incomplete);
        if name == "broken-boundary" {
            // Nothing ends its last part: the server takes the attachment for one all the same.
            assert_eq!(opened.reading.text, whole.text);
            continue;
        }
        same(name, &opened.reading, &whole);
        let index = opened.reading.attachments.len() as u32 - 1;
        assert_eq!(opened.reading.attachments.last().unwrap().name, "masse.bin", "{name}");
        if number.is_multiple_of(20) {
            let (told, bytes) = scene.companion.attachment(message, index).await.unwrap();
            assert_eq!((told.size, bytes), (80_000, noise(80_000, 1)), "{name}");
        }
    }
    // None of them had to be fetched whole.
    let (all, came) = (mails.iter().map(|(_, raw)| raw.len() as u64).sum::<u64>(), scene.came() - before);
    assert!(came * 4 < all, "{came} of {all}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_large_letter_comes_in_two_round_trips_and_its_files_do_not() {
    let file = noise(3_000_000, 2);
    let letters = [
        letter("avant", &[]),
        letter("un petit mot", &[]),
        letter("les photos", &[("photos.zip", &file), ("plan.pdf", &file)]),
    ];
    let scene = Scene::with(&letters).await;
    let messages = scene.messages().await;
    let measured = async |message: i64| {
        let (trips, bytes) = (scene.wire.round_trips(), scene.came());
        let opened = scene.companion.open_message(message).await.unwrap();
        (opened, scene.wire.round_trips() - trips, scene.came() - bytes)
    };
    // There is a connection.
    measured(messages[0]).await;
    // The mailbox, and the message; a connection that answered a moment ago is not asked whether it is there.
    let (small, trips, _) = measured(messages[1]).await;
    assert_eq!((small.reading.text.trim(), trips), ("Bonjour, voici un petit mot.", 2));
    let (large, trips, bytes) = measured(messages[2]).await;
    assert_eq!((large.reading.text.trim(), trips), ("Bonjour, voici les photos.", 3));
    assert!(bytes < 8_000, "{bytes}");
    let told: Vec<_> = large.reading.attachments.iter().map(|one| (one.name.as_str(), one.size)).collect();
    assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["photos.zip", "plan.pdf"]);
    assert!(told.iter().all(|(_, size)| size.abs_diff(3_000_000) < 100), "{told:?}");
    // The second time it costs nothing.
    let (again, trips, _) = measured(messages[2]).await;
    assert_eq!((again.reading, trips), (large.reading, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_off_at_any_byte_and_killed_comes_whole_and_no_byte_of_it_twice() {
    let file = noise(2_500_000, 3);
    let raw = letter("le film", &[("film.mp4", &file)]);
    let mut scene = Scene::with(std::slice::from_ref(&raw)).await;
    let (message, target) = (scene.messages().await[0], tempfile::tempdir().unwrap());
    scene.companion.open_message(message).await.unwrap();
    scene.companion.suspend().await.unwrap();
    let (before, mut interrupted, mut chance) = (scene.came(), 0u64, noise(400, 4).into_iter());
    let saved = loop {
        let mut below = |end: u64| (u64::from(chance.next().unwrap()) << 8 | u64::from(chance.next().unwrap())) % end;
        let told = std::sync::Mutex::new((0, 0));
        let progress = |done, total| *told.lock().unwrap() = (done, total);
        let after = 9_000 + below(50_000) * 8;
        let soon = match below(3) {
            0 => Duration::from_millis(20 + below(80)),
            _ => Duration::from_secs(20),
        };
        scene.wire.set(Faults::none().cut(Direction::ToClient, after, Close::Reset)).await.unwrap();
        let saving = scene.companion.save_attachment(message, 0, target.path(), &progress);
        match tokio::time::timeout(soon, saving).await {
            Ok(Ok(saved)) => break saved,
            Ok(Err(CompanionError::CheckConnection(_))) | Err(_) => interrupted += 1,
            Ok(Err(other)) => panic!("{other:?}"),
        }
        let (done, total) = *told.lock().unwrap();
        assert!(done <= total);
        assert_eq!(files(target.path()), [""; 0], "half a file");
        if interrupted.is_multiple_of(4) {
            scene = scene.killed().await;
        }
    };
    assert!(interrupted >= 5, "{interrupted}");
    assert_eq!((saved.bytes, saved.damaged), (file.len() as u64, false));
    assert_eq!(files(target.path()), ["film.mp4"]);
    assert!(std::fs::read(&saved.path).unwrap() == file);
    // A greeting, a login and what was on its way when it was cut: the piece that was not whole yet, and what was dropped.
    let (came, encoded) = (scene.came() - before, base64(&file).len() as u64);
    eprintln!("{interrupted} interruptions, {came} bytes for {encoded}");
    assert!(
        came < encoded + encoded / 50 + interrupted * 100_000,
        "{came} bytes for {encoded}, {interrupted} interruptions"
    );
    // Now it is here: a second copy under another name, without the server.
    scene.offline().await;
    let again = scene.companion.save_attachment(message, 0, target.path(), &|_, _| {}).await.unwrap();
    assert_eq!(again.path.file_name().unwrap(), "film (2).mp4");
    assert!(std::fs::read(&again.path).unwrap() == file);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_stays_within_its_limit_and_goes_with_the_person() {
    let letters: Vec<_> =
        (0..24).map(|number| letter(&format!("n° {number}"), &[("f", &noise(40_000, number))])).collect();
    let scene = Scene::with(&letters).await;
    let messages = scene.messages().await;
    for message in &messages {
        scene.companion.open_message(*message).await.unwrap();
    }
    let size: u64 = letters.iter().map(|raw| raw.len() as u64).sum();
    assert_eq!(scene.companion.cache_size().await.unwrap(), size);
    let database = scene.folder.path().join("cartable.db");
    scene.companion.suspend().await.unwrap();
    let large = std::fs::metadata(&database).unwrap().len();
    // Opened again, the first is the last to go.
    scene.companion.open_message(messages[0]).await.unwrap();
    let most = 300_000;
    scene.companion.set_cache_limit(most).await.unwrap();
    let kept = scene.companion.cache_size().await.unwrap();
    assert!(kept <= most && kept > most - 60_000, "{kept}");
    assert!(std::fs::metadata(&database).unwrap().len() + 800_000 < large);
    // What is fetched now drives out what is older.
    scene.companion.open_message(messages[1]).await.unwrap();
    assert!(scene.companion.cache_size().await.unwrap() <= most);
    scene.offline().await;
    scene.companion.open_message(messages[0]).await.unwrap();
    scene.companion.open_message(messages[1]).await.unwrap();
    assert!(matches!(scene.companion.open_message(messages[2]).await, Err(CompanionError::CheckConnection(_))));
    scene.companion.empty_cache().await.unwrap();
    assert_eq!(scene.companion.cache_size().await.unwrap(), 0);
    assert_eq!(scene.companion.messages(inbox(&scene.companion).await, None, 50).await.unwrap().len(), letters.len());

    scene.phone.hosts.lead(IMAP, scene.wire.address());
    scene.companion.open_message(messages[3]).await.unwrap();
    scene.companion.sign_out(false).await.unwrap();
    scene.companion.shutdown().await.unwrap();
    let rows = rusqlite::Connection::open(&database).unwrap();
    for table in ["body", "piece", "kept"] {
        let left: i64 = rows.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    drop(rows);
    let written = std::fs::read(&database).unwrap();
    let trace = base64(&noise(40_000, 3));
    assert!(!written.windows(60).any(|some| some == &trace.as_bytes()[..60]));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_likely_to_be_read_is_here_before_it_is_asked_for() {
    let filler = Filler::new(9);
    let mut letters: Vec<_> = (0..150).map(|index| filler.message(index).raw).collect();
    letters.push(letter("les photos", &[("photos.zip", &noise(400_000, 5))]));
    let scene = Scene::with(&letters).await;
    let companion = &scene.companion;
    for (link, policy) in [
        (Link::Offline, Prefetch::Everything),
        (Link::LowData, Prefetch::Everything),
        (Link::Unmetered, Prefetch::Nothing),
    ] {
        companion.set_link(link);
        companion.set_prefetch_policy(policy).await.unwrap();
        assert_eq!(companion.prefetch(&|_, _| {}).await.unwrap(), Default::default(), "{link:?} {policy:?}");
    }
    companion.set_prefetch_policy(Prefetch::Everything).await.unwrap();
    // Dropped at any moment it goes on from there, and fetches nothing twice.
    let before = scene.came();
    for soon in [15, 30, 45, 60] {
        let _ = tokio::time::timeout(Duration::from_millis(soon), companion.prefetch(&|_, _| {})).await;
    }
    companion.prefetch(&|_, _| {}).await.unwrap();
    assert_eq!(companion.prefetch(&|_, _| {}).await.unwrap(), Default::default());
    let size: u64 = letters.iter().map(|raw| raw.len() as u64).sum();
    eprintln!("{} bytes for {size}", scene.came() - before);
    assert_eq!(companion.cache_size().await.unwrap(), size);
    scene.offline().await;
    for (message, raw) in scene.messages().await.into_iter().zip(&letters) {
        assert_eq!(companion.open_message(message).await.unwrap().reading, read_message(raw));
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_teacher_waits_for_goes_before_what_is_fetched_ahead() {
    let letters: Vec<_> =
        (0..60).map(|number| letter(&format!("n° {number}"), &[("f", &noise(48_000, number))])).collect();
    let scene = Scene::with(&letters).await;
    let (companion, messages) = (&scene.companion, scene.messages().await);
    companion.set_prefetch_policy(Prefetch::Everything).await.unwrap();
    scene.wire.set(Faults::none().throttle(Direction::ToClient, 1_000_000)).await.unwrap();
    let begun = tokio::sync::Notify::new();
    let progress = |_, _| begun.notify_one();
    let waited_for = async {
        begun.notified().await;
        companion.open_message(messages[0]).await.unwrap();
        companion.sync(&|_, _| {}).await.unwrap();
    };
    let mut ahead = Box::pin(companion.prefetch(&progress));
    tokio::select! {
        () = waited_for => {}
        fetched = &mut ahead => panic!("all of it came first: {fetched:?}"),
    }
    scene.wire.set(Faults::none()).await.unwrap();
    let fetched = ahead.await.unwrap();
    assert_eq!(fetched.messages, letters.len() as u64 - 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_full_takes_what_is_newer_and_asks_for_nothing_twice() {
    let letters: Vec<_> =
        (0..40).map(|number| letter(&format!("n° {number}"), &[("f", &noise(20_000, number))])).collect();
    let scene = Scene::with(&letters[..30]).await;
    let companion = &scene.companion;
    companion.set_prefetch_policy(Prefetch::Everything).await.unwrap();
    companion.set_cache_limit(600_000).await.unwrap();
    let first = companion.prefetch(&|_, _| {}).await.unwrap();
    assert!((18..24).contains(&first.messages), "{first:?}");
    assert_eq!(companion.prefetch(&|_, _| {}).await.unwrap().messages, 0);
    let mut mailbox = scene.academy.mailbox("jdupont").await.unwrap();
    for (number, raw) in letters.iter().enumerate().skip(30) {
        append(&mut mailbox, number, raw).await;
    }
    companion.sync(&|_, _| {}).await.unwrap();
    assert!(companion.prefetch(&|_, _| {}).await.unwrap().messages >= 9);
    assert!(companion.cache_size().await.unwrap() <= 600_000);
    // What went to make room was a little more than had to.
    assert!(companion.prefetch(&|_, _| {}).await.unwrap().messages <= 2);
    assert_eq!(companion.prefetch(&|_, _| {}).await.unwrap().messages, 0);
    scene.offline().await;
    for message in scene.messages().await.into_iter().rev().take(14) {
        companion.open_message(message).await.unwrap();
    }
    scene.end().await;
}

/// The peak of the resident memory of this process since it was last asked.
fn peak_since() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute of work for the memory of a hundred megabytes; Linux only"]
async fn a_file_of_a_hundred_megabytes_needs_no_more_memory_than_a_small_one() {
    let scene = Scene::with(&[letter("le film", &[("film.mp4", &noise(100_000_000, 3))])]).await;
    let (message, target) = (scene.messages().await[0], tempfile::tempdir().unwrap());
    scene.companion.set_cache_limit(1 << 30).await.unwrap();
    scene.companion.open_message(message).await.unwrap();
    peak_since();
    let before = peak_since();
    let saved = scene.companion.save_attachment(message, 0, target.path(), &|_, _| {}).await.unwrap();
    let peak = peak_since();
    eprintln!("{before} bytes before, {peak} at the peak");
    assert!(peak - before < 24 << 20, "{before} {peak}");
    assert!(std::fs::read(&saved.path).unwrap() == noise(100_000_000, 3));
    scene.end().await;
}

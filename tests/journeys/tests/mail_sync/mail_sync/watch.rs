//! The phone stays in touch: what happens on the server is here a moment later, unasked; a bad way is got over; and the phone
//! can go to sleep at any moment.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use academy::wire::{Direction, Faults, Identity, Refusal, Wire};
use academy::{Academy, Teacher, Validity};
use cartable_core::companion::{Companion, CompanionError, InTouch};
use cartable_core::mail::{Flags, LetterState, Link, Prefetch};
use cartable_core::words::Finding;
use journeys::{Phone, inbox, subjects};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const IMAP: &str = "imap.academie.test";

fn message(subject: &str) -> String {
    format!("From: lreset@academie.test\r\nSubject: {subject}\r\nMessage-ID: <{subject}@a.test>\r\n\r\nBonjour\r\n")
}

async fn deliver(academy: &Academy, subject: &str) {
    academy.deliver("jdupont@academie.test", message(subject).as_bytes()).await.unwrap();
}

/// An app that stays in touch over a wire, and what it has said of how it stands.
struct Scene {
    academy: Academy,
    companion: Arc<Companion>,
    wire: Wire,
    states: Arc<Mutex<Vec<InTouch>>>,
    running: JoinHandle<Result<(), CompanionError>>,
    phone: Phone,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// In touch, with a server that can all but `without`.
    async fn without(without: &'static str) -> Self {
        let academy = Academy::start().await.unwrap();
        deliver(&academy, "Un").await;
        let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
        let wire = academy.wire(academy.imap()).await.unwrap();
        wire.set(reading(&academy, without)).await.unwrap();
        phone.hosts.lead(IMAP, wire.address());
        let companion = signed_in(&phone, &academy, folder.path()).await;
        // What is fetched ahead is another's story, and would be on the same wire.
        companion.set_prefetch_policy(Prefetch::Nothing).await.unwrap();
        let mut scene = Self {
            running: tokio::spawn(async { Ok(()) }),
            states: Arc::default(),
            academy,
            companion: Arc::new(companion),
            wire,
            phone,
            _folder: folder,
        };
        scene.stay_in_touch();
        scene.is_up_to_date().await;
        scene
    }

    fn stay_in_touch(&mut self) {
        let (companion, states) = (Arc::clone(&self.companion), Arc::clone(&self.states));
        states.lock().unwrap().clear();
        self.running =
            tokio::spawn(
                async move { companion.stay_in_touch(&move |state| states.lock().unwrap().push(state)).await },
            );
    }

    fn state(&self) -> Option<InTouch> {
        self.states.lock().unwrap().last().cloned()
    }

    async fn is_up_to_date(&self) {
        until("up to date", async || matches!(self.state(), Some(InTouch::UpToDate { .. }))).await;
        // A moment for the worker to begin to listen.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    async fn shows(&self, expected: &[&str]) {
        until(&format!("{expected:?}"), async || subjects(&self.companion).await == expected).await;
    }

    /// The commands that the phone has sent since `start` bytes, without their tags.
    fn commands(&self, start: usize) -> Vec<String> {
        let sent = self.wire.recorded(Direction::ToServer);
        let sent = String::from_utf8_lossy(&sent[start..]).into_owned();
        sent.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned()).collect()
    }

    fn sent(&self) -> usize {
        self.wire.recorded(Direction::ToServer).len()
    }

    async fn end(self) {
        self.companion.shutdown().await.unwrap();
        assert_eq!(self.running.await.unwrap(), Err(CompanionError::Cancelled));
        self.academy.stop().await.unwrap();
    }
}

async fn signed_in(phone: &Phone, academy: &Academy, folder: &Path) -> Companion {
    phone.signed_in(academy, Teacher::by_uid("jdupont").unwrap(), folder).await
}

/// A wire that reads along, and takes away what the server says that it can.
fn reading(academy: &Academy, without: &'static str) -> Faults {
    let leaf = academy.authority().issue(&[IMAP], Validity::Good).unwrap();
    let faults = Faults::none().intercept(Identity::of(&leaf).unwrap()).record();
    faults.rewrite(move |line| {
        let mut line = String::from_utf8_lossy(line).into_owned();
        if line.contains("CAPABILITY") {
            for word in without.split_whitespace() {
                line = line.replace(&format!(" {word}"), "");
            }
        }
        line.into_bytes()
    })
}

/// Waits for it, at most half a minute.
async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let wait = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_every_mailbox_are_here_unasked_and_only_that_mailbox_is_asked_for() {
    let scene = Scene::without("").await;
    let mut other = scene.academy.mailbox("jdupont").await.unwrap();
    let start = scene.sent();

    deliver(&scene.academy, "Deux").await;
    scene.shows(&["Deux", "Un"]).await;
    // Another program reads it, files a message elsewhere, and throws one away.
    other.command("SELECT INBOX").await.unwrap();
    other.command("STORE 2 +FLAGS (\\Seen)").await.unwrap();
    let read = async || {
        let rows = scene.companion.messages(inbox(&scene.companion).await, None, 9).await.unwrap();
        rows.iter().any(|row| row.subject == "Deux" && row.flags.has(Flags::SEEN))
    };
    until("read", read).await;
    other.append("Archive", "2026-11-24T08:00:00Z".parse().unwrap(), message("Trois").as_bytes()).await.unwrap();
    let archive = async || {
        let all = scene.companion.mailboxes().await.unwrap();
        all.iter().any(|one| one.name == "Archive" && one.known == 1)
    };
    until("archived", archive).await;
    other.command("STORE 1 +FLAGS (\\Deleted)").await.unwrap();
    other.command("EXPUNGE").await.unwrap();
    scene.shows(&["Deux"]).await;

    // And nothing else was asked: no look at all mailboxes, no idle question.
    let commands = scene.commands(start);
    let words = ["UNSELECT", "STATUS", "SELECT", "UID FETCH"];
    let polled: Vec<_> = commands.iter().filter(|line| !words.iter().any(|word| line.starts_with(word))).collect();
    assert_eq!(polled, Vec::<&String>::new(), "{commands:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let quiet = scene.sent();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.commands(quiet), Vec::<String>::new());

    // A mailbox that is new is seen too.
    other.command("CREATE Neuf").await.unwrap();
    let neuf = async || scene.companion.mailboxes().await.unwrap().iter().any(|one| one.name == "Neuf");
    until("a new mailbox", neuf).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_tells_of_one_mailbox_tells_of_the_inbox_by_idle_ended_by_done() {
    let mut scene = Scene::without("NOTIFY").await;
    let start = scene.sent();
    for (subject, shown) in [("Deux", vec!["Deux", "Un"]), ("Trois", vec!["Trois", "Deux", "Un"])] {
        deliver(&scene.academy, subject).await;
        scene.shows(&shown).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = scene.wire.recorded(Direction::ToServer);
    let sent = String::from_utf8_lossy(&sent[start..]).into_owned();
    let count = |word: &str| sent.lines().filter(|line| *line == word || line.ends_with(&format!(" {word}"))).count();
    assert!(!sent.contains(" LIST ") && !sent.contains(" NOOP"), "{sent}");
    // For each: DONE, the mailbox and its news, and IDLE again; the second may come before that.
    assert!((1..4).contains(&count("DONE")) && sent.lines().count() < 16, "{sent}");

    // The teacher's own sync need not wait for the server's news.
    timeout(Duration::from_secs(10), scene.companion.sync(&|_, _| {})).await.unwrap().unwrap();
    // Asleep: DONE and goodbye.
    let before = scene.sent();
    until("idling again", async || scene.commands(before).iter().any(|line| line == "IDLE")).await;
    let before = scene.sent();
    scene.companion.suspend().await.unwrap();
    assert_eq!(scene.running.await.unwrap(), Err(CompanionError::Cancelled));
    let last = scene.wire.recorded(Direction::ToServer);
    let last = String::from_utf8_lossy(&last[before..]).into_owned();
    assert!(last.starts_with("DONE\r\n") && last.contains(" LOGOUT"), "{last}");
    // And awake again.
    deliver(&scene.academy, "Quatre").await;
    scene.running = tokio::spawn(async { Ok(()) });
    scene.stay_in_touch();
    scene.shows(&["Quatre", "Trois", "Deux", "Un"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_teacher_does_is_done_on_the_server_and_what_is_taken_back_never_was() {
    let scene = Scene::without("").await;
    let mut other = scene.academy.mailbox("jdupont").await.unwrap();
    let row = scene.companion.messages(inbox(&scene.companion).await, None, 9).await.unwrap()[0].clone();
    let start = scene.sent();
    let deleted = scene.companion.delete(&[row.id]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.companion.undo(deleted).await.unwrap();
    scene.companion.set_flags(&[row.id], Flags::FLAGGED, true).await.unwrap();
    other.command("SELECT INBOX").await.unwrap();
    let mut flagged = false;
    for _ in 0..100 {
        let told = other.command("FETCH 1 FLAGS").await.unwrap();
        flagged = told.iter().any(|line| line.contains("\\Flagged"));
        if flagged {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(flagged);
    assert!(!scene.commands(start).iter().any(|line| line.contains("MOVE")));

    // One that is meant is done, after a moment, by nobody's asking.
    scene.companion.delete(&[row.id]).await.unwrap();
    let moved = async || scene.commands(start).iter().any(|line| line.contains("MOVE"));
    until("moved", moved).await;
    let trash = async || {
        let all = scene.companion.mailboxes().await.unwrap();
        all.iter().any(|one| one.name == "Trash" && one.known == 1)
    };
    until("in the bin here too", trash).await;

    // A letter goes once, however often the worker is at it.
    deliver(&scene.academy, "Question").await;
    scene.shows(&["Question"]).await;
    let row = scene.companion.messages(inbox(&scene.companion).await, None, 9).await.unwrap()[0].clone();
    scene.companion.reply(row.id, "Oui.", false).await.unwrap();
    let (one, two) = (scene.companion.sync_once(Duration::from_secs(20)), scene.companion.send_waiting());
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    let filed = async || scene.companion.outbox().await.unwrap().iter().all(|one| one.state == LetterState::Filed);
    until("sent and filed", filed).await;
    let mut her = scene.academy.mailbox("lreset").await.unwrap();
    let arrived = async {
        while her.count("INBOX").await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), arrived).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((her.count("INBOX").await.unwrap(), other.count("Sent").await.unwrap()), (1, 1));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hangs_is_replaced_when_the_network_changes_and_one_that_ends_by_itself() {
    let scene = Scene::without("").await;
    scene.wire.set(reading(&scene.academy, "").black_hole()).await.unwrap();
    deliver(&scene.academy, "Deux").await;
    // A message that is opened meanwhile hangs, and does not wait for the usual half minute.
    let row = scene.companion.messages(inbox(&scene.companion).await, None, 9).await.unwrap()[0].clone();
    let companion = Arc::clone(&scene.companion);
    let opening = tokio::spawn(async move { companion.open_message(row.id).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The phone is in another Wi-Fi, where the server can be reached.
    scene.phone.hosts.lead(IMAP, [127, 0, 0, 1].into());
    scene.companion.network_changed();
    timeout(Duration::from_secs(20), opening).await.unwrap().unwrap().ok();
    scene.shows(&["Deux", "Un"]).await;

    // The server hangs up on everybody.
    let second = academy::wire::Wire::to(SocketAddr::from(([127, 0, 0, 1], scene.academy.imap().port))).await.unwrap();
    scene.phone.hosts.lead(IMAP, second.address());
    scene.companion.suspend().await.unwrap();
    let mut scene = scene;
    scene.stay_in_touch();
    scene.is_up_to_date().await;
    second.set(Faults::none().refuse(Refusal::Reset)).await.unwrap();
    second.cut_now();
    deliver(&scene.academy, "Trois").await;
    let waits = async || matches!(scene.state(), Some(InTouch::Waiting { .. }));
    until("waiting to try again", waits).await;
    second.set(Faults::none()).await.unwrap();
    scene.shows(&["Trois", "Deux", "Un"]).await;
    scene.is_up_to_date().await;

    // Without a network nothing is tried; with one it goes on.
    scene.companion.set_link(Link::Offline);
    until("offline", async || scene.state() == Some(InTouch::Offline)).await;
    let before = second.connections();
    deliver(&scene.academy, "Quatre").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((second.connections(), second.running()), (before, 0));
    scene.companion.set_link(Link::Metered);
    scene.shows(&["Quatre", "Trois", "Deux", "Un"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_holds_up_neither_sleep_nor_a_job_wherever_it_opens() {
    let academy = Academy::start().await.unwrap();
    for number in 0..40 {
        deliver(&academy, &format!("Message {number}")).await;
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = Arc::new(signed_in(&phone, &academy, folder.path()).await);
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead(IMAP, wire.address());
    // Before TLS, in the middle of it, in the greeting, the login, the list and the headers.
    let mut partly = 0;
    for after in [0, 1_000, 3_000, 3_800, 4_600, 6_000, 9_000, 14_000] {
        wire.set(Faults::none().hole(Direction::ToClient, after)).await.unwrap();
        let job = timeout(Duration::from_secs(20), companion.sync_once(Duration::from_secs(2))).await;
        let job = job.unwrap_or_else(|_| panic!("after {after} bytes"));
        partly += u32::from(job.as_ref().is_ok_and(|done| done.report.is_none()));
        assert!(matches!(job, Ok(_) | Err(CompanionError::CheckConnection(Finding::Silent))), "{job:?}");
        let asleep = timeout(Duration::from_secs(15), companion.suspend()).await;
        asleep.unwrap_or_else(|_| panic!("asleep after {after} bytes")).unwrap();
    }
    assert!(partly > 3, "{partly}");
    wire.set(Faults::none()).await.unwrap();
    companion.sync_once(Duration::from_secs(20)).await.unwrap();
    assert_eq!(subjects(&companion).await.len(), 40);

    // While it listens.
    let (running, states) = (Arc::clone(&companion), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&states);
    let running =
        tokio::spawn(async move { running.stay_in_touch(&move |state| told.lock().unwrap().push(state)).await });
    until("up to date", async || matches!(states.lock().unwrap().last(), Some(InTouch::UpToDate { .. }))).await;
    wire.set(Faults::none().black_hole()).await.unwrap();
    timeout(Duration::from_secs(15), companion.suspend()).await.unwrap().unwrap();
    assert_eq!(running.await.unwrap(), Err(CompanionError::Cancelled));
    companion.shutdown().await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_asks_for_the_teacher_and_goes_on_once_she_has_signed_in() {
    let scene = Scene::without("").await;
    scene.companion.sign_out(true).await.unwrap();
    let ended = scene.running.await.unwrap();
    assert!(matches!(ended, Err(CompanionError::SignInAgain(_))), "{ended:?}");
    let browser = academy::Browser::new(&scene.academy).unwrap();
    journeys::sign_in(&scene.companion, &browser, Teacher::by_uid("jdupont").unwrap()).await;
    let mut scene = Scene { running: tokio::spawn(async { Ok(()) }), ..scene };
    scene.stay_in_touch();
    scene.is_up_to_date().await;
    scene.shows(&["Un"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_once_however_long_the_app_stays_in_touch_and_a_right_one_goes_on() {
    let academy = Academy::start().await.unwrap();
    deliver(&academy, "Un").await;
    let toml = academy.profile_toml().replace(r#"["oauthbearer", "xoauth2", "password"]"#, r#"["password"]"#);
    let (phone, folder) = (Phone::new(&academy).profile(&toml), tempfile::tempdir().unwrap());
    let companion = Arc::new(signed_in(&phone, &academy, folder.path()).await);
    let wire = phone.watched(&academy, academy.imap()).await;
    let tries = || {
        let sent = wire.recorded(Direction::ToServer);
        String::from_utf8_lossy(&sent).matches("AUTHENTICATE ").count()
    };
    let (running, states) = (Arc::clone(&companion), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&states);
    let running =
        tokio::spawn(async move { running.stay_in_touch(&move |state| told.lock().unwrap().push(state)).await });
    let needs = async || {
        let needs = |state: Option<&InTouch>| matches!(state, Some(InTouch::NeedsTeacher { .. }));
        until("needs the teacher", async || needs(states.lock().unwrap().last())).await;
    };
    needs().await;
    let needed = CompanionError::SignInAgain(Finding::PasswordNeeded);
    assert_eq!(states.lock().unwrap().last(), Some(&InTouch::NeedsTeacher { error: needed }));
    // Typed wrongly: the try of the setting and that of the worker are one.
    let wrong = companion.set_mail_password(&"Faux-9999".into()).await;
    assert_eq!(wrong, Err(CompanionError::SignInAgain(Finding::PasswordWrong)));
    needs().await;
    for _ in 0..5 {
        companion.network_changed();
        companion.set_link(Link::Metered);
        companion.set_link(Link::Unmetered);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(tries(), 1);
    companion.set_mail_password(&"Secret-1234".into()).await.unwrap();
    until("up to date", async || matches!(states.lock().unwrap().last(), Some(InTouch::UpToDate { .. }))).await;
    assert_eq!(subjects(&companion).await, ["Un"]);
    companion.shutdown().await.unwrap();
    assert_eq!(running.await.unwrap(), Err(CompanionError::Cancelled));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_opened_one_after_the_other_cost_no_question_and_a_connection_gone_in_between_is_replaced() {
    let academy = Academy::start().await.unwrap();
    for subject in ["Un", "Deux", "Trois", "Quatre"] {
        deliver(&academy, subject).await;
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = signed_in(&phone, &academy, folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let rows = companion.messages(inbox(&companion).await, None, 9).await.unwrap();
    let wire = phone.watched(&academy, academy.imap()).await;
    let open = async |number: usize| companion.open_message(rows[number].id).await.unwrap().reading.headers.subject;
    assert_eq!((open(0).await, open(1).await), ("Quatre".to_owned(), "Trois".to_owned()));
    let sent = wire.recorded(Direction::ToServer);
    assert!(!String::from_utf8_lossy(&sent).contains("NOOP") && wire.connections() == 1);
    wire.cut_now();
    assert_eq!(open(2).await, "Deux");
    assert_eq!(wire.connections(), 2);
    companion.shutdown().await.unwrap();
    academy.stop().await.unwrap();
}

//! The app is killed at any moment of a sign-in at the real portal: it goes on where it can, nothing is tried more often than it
//! was given, and in the end the teacher is in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use academy::wire::{Direction, Faults, Identity, Wire};
use academy::{Academy, Browser, Teacher, Validity, Way};
use cartable_core::attempts::{Ledger, Room};
use cartable_core::ports::Clock;
use cartable_core::store::Store;
use journeys::{ACADEMY, Ahead, FileStore, authorize};

/// How often the app is killed. `KILLS=500 cargo test -p journeys --test killed_sign_in` for a longer night.
const KILLS: u32 = 16;

const PASSWORD: &str = "Secret-1234";
/// As long as the ledger holds back.
const WINDOW_MS: i64 = 20 * 60_000;

/// A phone whose app runs in a process of its own.
struct Phone<'a> {
    academy: &'a Academy,
    folder: tempfile::TempDir,
    hosts: BTreeMap<String, IpAddr>,
    clock: Arc<Ahead>,
    ahead_ms: i64,
    chance: u64,
}

/// The app while it runs, and the wire that reads along.
struct Run {
    app: Arc<Mutex<Child>>,
    says: std::io::Lines<BufReader<std::process::ChildStdout>>,
    hears: ChildStdin,
    wire: Wire,
}

impl<'a> Phone<'a> {
    fn new(academy: &'a Academy, way: Way) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        fs::write(folder.path().join("profile.toml"), academy.profile_toml_for(way)).unwrap();
        fs::write(folder.path().join("ca.pem"), academy.ca_pem()).unwrap();
        let hosts = academy.hosts().into_iter().collect();
        Self { academy, folder, hosts, clock: Arc::default(), ahead_ms: 0, chance: 7 }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn pass(&mut self, ms: i64) {
        self.ahead_ms += ms;
        self.clock.pass(ms);
        fs::write(self.path().join("ahead"), self.ahead_ms.to_string()).unwrap();
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % bound
    }

    /// Starts the app, to be killed after so long, or not at all.
    async fn start(&mut self, killed_after: Option<Duration>) -> Run {
        let portal = self.academy.portal();
        let host = portal.host;
        let wire = self.academy.wire(portal).await.unwrap();
        let leaf = self.academy.authority().issue(&[host], Validity::Good).unwrap();
        wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).record()).await.unwrap();
        self.hosts.insert(host.to_owned(), wire.address());
        fs::write(self.path().join("hosts.json"), serde_json::to_string(&self.hosts).unwrap()).unwrap();
        let mut app = Command::new(env!("CARGO_BIN_EXE_errand"))
            .args([self.path().as_os_str(), "sign-in".as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (hears, says) = (app.stdin.take().unwrap(), BufReader::new(app.stdout.take().unwrap()).lines());
        let app = Arc::new(Mutex::new(app));
        if let Some(after) = killed_after {
            let killed = Arc::clone(&app);
            std::thread::spawn(move || {
                std::thread::sleep(after);
                killed.lock().unwrap().kill().unwrap();
            });
        }
        Run { app, says, hears, wire }
    }

    /// How many wrong tries the ledger leaves.
    async fn tries(&self, uid: &str) -> u32 {
        let store = Store::open(&self.path().join("data")).unwrap();
        let secrets = Arc::new(FileStore::new(&self.path().join("secrets")));
        let ledger = Ledger::new(store, secrets, Arc::clone(&self.clock) as Arc<dyn Clock>);
        match ledger.room(ACADEMY, uid).await.unwrap() {
            Room::Tries(left) => left,
            _ => 0,
        }
    }
}

impl Run {
    /// What the app says next; `None` once it is killed.
    fn heard(&mut self) -> Option<String> {
        self.says.next()?.ok()
    }

    fn tell(&mut self, line: &str) {
        // Killed in between: nobody listens.
        let _ = writeln!(self.hears, "{line}");
    }

    fn sent(&self, what: &str) -> usize {
        String::from_utf8_lossy(&self.wire.recorded(Direction::ToServer)).matches(what).count()
    }

    /// Once it has been killed, and not ended by itself.
    async fn is_over(&self) {
        // Not held while we wait: whoever kills it needs it too.
        let ended = || self.app.lock().unwrap().try_wait().unwrap();
        let mut status = ended();
        while status.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            status = ended();
        }
        let status = status.unwrap();
        assert_eq!(status.code(), None, "the app has fallen");
        // What it had sent last is still being read.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fn end(&self) {
        let mut app = self.app.lock().unwrap();
        app.kill().unwrap();
        app.wait().unwrap();
    }
}

fn kills() -> u32 {
    std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

async fn mails(academy: &Academy) -> usize {
    academy.mailbox("pmartin").await.unwrap().count("INBOX").await.unwrap()
}

/// What Paul typed in a run of the app.
#[derive(Default)]
struct Typed {
    passwords: usize,
    codes: usize,
    wrong: usize,
}

/// Paul signs in with what the app asks for, until it is killed or he is in. Whether he is.
async fn by_form(phone: &mut Phone<'_>, run: &mut Run, typed: &mut Typed, mistypes: bool) -> bool {
    let (paul, browser) = (Teacher::by_uid("pmartin").unwrap(), Browser::new(phone.academy).unwrap());
    let (mut before, mut waited) = (None, false);
    while let Some(state) = run.heard() {
        match state.as_str() {
            "out" => run.tell("begin"),
            "password" if mistypes && typed.wrong == 0 => {
                typed.wrong += 1;
                run.tell(&format!("password pmartin faux-{}", phone.below(u64::MAX >> 33)));
            }
            "password" => {
                before = Some(mails(phone.academy).await);
                typed.passwords += 1;
                run.tell(&format!("password pmartin {PASSWORD}"));
            }
            "code" => {
                // After a restart it has come long ago.
                let known = before.take();
                if known.is_none() {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                let code = browser.mailed_code(paul, known.unwrap_or(0)).await.unwrap();
                typed.codes += 1;
                run.tell(&format!("code {code}"));
            }
            "introduction" => run.tell("introduce pmartin@academie.test"),
            // The app began to wait before it was killed; by now the time may have come.
            "wait" if !waited => {
                waited = true;
                run.tell("begin");
            }
            "wait" => {
                phone.pass(WINDOW_MS);
                return false;
            }
            "in" => return true,
            other => panic!("{other}"),
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_by_form_and_mailed_code_killed_at_any_moment_is_tried_no_more_often_than_typed() {
    let academy = Academy::start().await.unwrap();
    let mut phone = Phone::new(&academy, Way::Form);
    let (mut entered, mut sent_codes, mut sent_passwords) = (0, 0, 0);
    for kill in 0..kills() {
        let before = if kill == 0 { 2 } else { phone.tries("pmartin").await };
        let after = Duration::from_millis(30 + phone.below(1_200));
        let mut run = phone.start(Some(after)).await;
        let mut typed = Typed::default();
        // One mistake: the portal's own clock stands as good as still, and it locks at the third.
        let ahead = phone.ahead_ms;
        while by_form(&mut phone, &mut run, &mut typed, kill == 3).await {
            entered += 1;
            run.tell("begin");
        }
        run.is_over().await;
        let (passwords, wrong, codes) =
            (run.sent(&format!("&password={PASSWORD}")), run.sent("&password=faux-"), run.sent("&code="));
        assert!(passwords <= typed.passwords + typed.codes, "round {kill}: {passwords} passwords");
        assert!(wrong <= typed.wrong && codes <= typed.codes, "round {kill}: {wrong} and {codes}");
        if ahead == phone.ahead_ms && wrong > 0 {
            assert!(phone.tries("pmartin").await < before, "round {kill}: a wrong password that nobody counts");
        }
        (sent_codes, sent_passwords) = (sent_codes + codes, sent_passwords + passwords);
    }
    assert!(sent_passwords > 3 && sent_codes > 1, "the app came to nothing: {sent_passwords} and {sent_codes}");

    // In the end he is in, here, and on any other device: the portal has locked nothing.
    let mut left = 8;
    loop {
        let mut run = phone.start(None).await;
        let is_in = by_form(&mut phone, &mut run, &mut Typed::default(), false).await;
        run.end();
        if is_in {
            break;
        }
        left -= 1;
        assert!(left > 0, "he is never in, after {entered} times");
    }
    let paul = Teacher::by_uid("pmartin").unwrap();
    Browser::new(&academy).unwrap().sign_in(&authorize(&academy), paul).await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_in_the_browser_killed_at_any_moment_spends_each_answer_once() {
    let academy = Academy::start().await.unwrap();
    let mut phone = Phone::new(&academy, Way::Oidc);
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    let browser = Browser::new(&academy).unwrap();
    let (mut answers, mut spent) = (0, 0);
    for kill in 0..=kills() {
        let last = kill == kills();
        let after = Duration::from_millis(30 + phone.below(900));
        let mut run = phone.start((!last).then_some(after)).await;
        while let Some(state) = run.heard() {
            match state.split_once(' ').unwrap_or((&state, "")) {
                ("in", _) if last => break,
                // What a failure leaves is a beginning.
                ("out" | "in", _) => run.tell("begin"),
                ("browser", url) => {
                    answers += 1;
                    let back = browser.sign_in(url, jeanne).await.unwrap();
                    run.tell(&format!("returned {back}"));
                }
                other => panic!("{other:?}"),
            }
        }
        if last {
            run.end();
        } else {
            run.is_over().await;
        }
        spent += run.sent("POST /oauth2/token");
        assert!(spent <= answers, "round {kill}: {spent} of {answers}");
    }
    assert!(spent > 2, "the app came to nothing: {spent} of {answers}");
    academy.stop().await.unwrap();
}

//! An app that is killed at any moment, again and again, while another program changes the mail on the server: nothing is lost,
//! nothing is doubled, what was promised is done.
//!
//! [`run`] is the parent: it starts the app in processes of its own, kills them, and every so often compares the phone, the
//! server and what the app promised. [`errands`] is what such a process does. Several teachers' phones are killed at once.

mod app;
mod chance;
mod other;
mod proof;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use academy::{Academy, Browser, Teacher};
use cartable_core::companion::Companion;
use cartable_core::portal::{Question, SignInState};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use app::{errands, open, say};
use chance::Chance;
use other::Other;
use proof::{Promises, compare, settle};

use crate::ACADEMY;

/// Whatever went wrong, in its own words.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Teachers who sign in without a second factor, and who writes to each.
const PHONES: [(&str, &str); 3] = [("jdupont", "pmartin"), ("block", "tbernard"), ("perfbox", "lreset")];
const SIGN_INS: usize = 5;
/// A fresh phone takes over after so many checks: no outbox grows for ever, and each new database is young once.
const CHECKS_A_PHONE: u64 = 5;
/// Most kills come this soon after the start of the process, which itself is a part of it.
const SOON_MS: u64 = 250;
/// One of eight comes as late as this: some errands need the time.
const LATE_MS: u64 = 1_000;

/// How often to kill, and whom.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Gives the order of everything but the machine's own pace.
    pub seed: u64,
    /// All kills together.
    pub kills: u64,
    /// How many phones at once, at most three.
    pub phones: usize,
    /// Kills of one phone between two checks.
    pub between_checks: u64,
    /// Whether the other program also gives a mailbox another name while the phone syncs.
    pub renames: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Processes killed.
    pub kills: u64,
    /// How often phone, server and promises were compared.
    pub checks: u64,
    /// How often a fresh download was compared with them.
    pub fresh: u64,
    /// What the apps were promised, by kind.
    pub deeds: BTreeMap<String, u64>,
    /// Letters sent and filed.
    pub letters: u64,
    /// Letters that the kill left in doubt; none of them arrived twice.
    pub uncertain: u64,
}

/// Kills as planned; `app` is the program and its first words, to which the phone's home and a seed are added. `progress` is told
/// after each check. Gives up at the first thing that is not as it must be, and says how to see it again.
pub async fn run(
    academy: &Arc<Academy>,
    app: &[OsString],
    plan: Plan,
    progress: impl Fn(&Tally) + Send + Sync + 'static,
) -> Result<Tally, Failure> {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let progress = Arc::new(progress);
    let mut running = JoinSet::new();
    let phones = plan.phones.clamp(1, PHONES.len());
    for (index, (uid, correspondent)) in PHONES.into_iter().take(phones).enumerate() {
        let share = plan.kills / phones as u64 + u64::from((index as u64) < plan.kills % phones as u64);
        let victim = Victim {
            academy: Arc::clone(academy),
            app: app.to_vec(),
            uid,
            correspondent,
            kills: share,
            between_checks: plan.between_checks,
            renames: plan.renames,
            seed: plan.seed.wrapping_mul(PHONES.len() as u64).wrapping_add(index as u64),
            killed: 0,
            tally: Arc::clone(&tally),
            progress: progress.clone(),
        };
        running.spawn(async move {
            let mut victim = victim;
            let done = victim.suffer().await;
            done.map_err(|error| format!("seed {}, {uid}, kill {}: {error}", plan.seed, victim.killed))
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    let tally = tally.lock().unwrap().clone();
    Ok(tally)
}

/// A phone whose app is killed.
struct Victim<P> {
    academy: Arc<Academy>,
    app: Vec<OsString>,
    uid: &'static str,
    correspondent: &'static str,
    kills: u64,
    between_checks: u64,
    renames: bool,
    seed: u64,
    killed: u64,
    tally: Arc<Mutex<Tally>>,
    progress: Arc<P>,
}

impl<P: Fn(&Tally)> Victim<P> {
    async fn suffer(&mut self) -> Result<(), Failure> {
        let folder = tempfile::tempdir()?;
        let mut home = folder.path().join("0");
        move_in(&self.academy, self.uid, &home).await?;
        let mut other = Other::new(&self.academy, self.uid, self.correspondent, self.seed).await?;
        other.renames = self.renames;
        let (mut promises, mut chance, mut checks) = (Promises::default(), Chance::new(self.seed), 0);
        while self.killed < self.kills {
            let until = (self.killed + self.between_checks).min(self.kills);
            let stop = Arc::new(AtomicBool::new(false));
            let changing = tokio::spawn(other.act_until(Arc::clone(&stop)));
            let mut heard = Ok(());
            while self.killed < until && heard.is_ok() {
                heard = self.live_and_die(&home, &mut chance, &mut promises).await;
            }
            stop.store(true, Ordering::Relaxed);
            other = changing.await??;
            heard?;

            let mut tally = self.tally.lock().unwrap().clone();
            let before = tally.clone();
            let companion =
                app::try_open(&home).await.map_err(|error| format!("the store does not open: {error:?}"))?;
            let everything =
                promises.check(&companion, &mut other, &self.academy, self.correspondent, &mut tally).await?;
            companion.shutdown().await?;
            checks += 1;
            if checks % CHECKS_A_PHONE == 0 || self.killed == self.kills {
                home = folder.path().join(checks.to_string());
                move_in(&self.academy, self.uid, &home).await?;
                let fresh = app::try_open(&home).await?;
                settle(&fresh).await?;
                compare(&fresh, &everything).await.map_err(|error| format!("a fresh download: {error}"))?;
                fresh.shutdown().await?;
                promises.fresh_phone();
                tally.fresh += 1;
            }
            other.tidy_up().await?;
            self.add(&before, &tally);
        }
        Ok(())
    }

    /// One life of the app.
    async fn live_and_die(&mut self, home: &Path, chance: &mut Chance, promises: &mut Promises) -> Result<(), Failure> {
        let [program, words @ ..] = self.app.as_slice() else { return Err("no app".into()) };
        let started = Instant::now();
        let mut app = Command::new(program)
            .args(words)
            .arg(home)
            .arg(chance.below(u64::from(u32::MAX)).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let latest = if chance.below(8) == 0 { LATE_MS } else { SOON_MS };
        // To the microsecond: what it does takes less than a millisecond.
        sleep(Duration::from_micros(chance.below(latest * 1_000)).saturating_sub(started.elapsed())).await;
        let ended = app.try_wait()?;
        app.start_kill()?;
        let said = app.wait_with_output().await?;
        if ended.is_some() {
            return Err(format!("the app ended by itself: {}", String::from_utf8_lossy(&said.stderr)).into());
        }
        self.killed += 1;
        let mut tally = self.tally.lock().unwrap();
        tally.kills += 1;
        let text = String::from_utf8_lossy(&said.stdout);
        // A line without its end was cut by the kill.
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).for_each(|line| {
            promises.hear(line, self.killed, &mut tally);
        });
        Ok(())
    }

    /// Adds what a check has counted, beside what the other phones counted meanwhile.
    fn add(&self, before: &Tally, after: &Tally) {
        let mut tally = self.tally.lock().unwrap();
        tally.checks += after.checks - before.checks;
        tally.fresh += after.fresh - before.fresh;
        tally.letters += after.letters - before.letters;
        tally.uncertain += after.uncertain - before.uncertain;
        (self.progress)(&tally);
    }
}

/// Makes a new phone's home, as [`open`] has it, and signs the teacher `uid` in.
pub async fn move_in(academy: &Academy, uid: &str, home: &Path) -> Result<(), Failure> {
    // The portal of the academy stumbles where several come at once to a busy machine: its directory, or the address.
    static DOOR: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _door = DOOR.lock().await;
    let teacher = Teacher::by_uid(uid).ok_or("no such teacher")?;
    for left in (0..SIGN_INS).rev() {
        fs::create_dir_all(home.join("secrets"))?;
        fs::write(home.join("profile.toml"), academy.profile_toml())?;
        fs::write(home.join("ca.pem"), academy.ca_pem())?;
        let hosts: BTreeMap<_, _> = academy.hosts().into_iter().collect();
        fs::write(home.join("hosts.json"), serde_json::to_string(&hosts)?)?;
        let companion = app::try_open(home).await?;
        let signed_in = signed_in(&companion, academy, teacher).await;
        companion.shutdown().await?;
        match signed_in {
            Err(error) if left == 0 => return Err(error),
            Err(_) => fs::remove_dir_all(home)?,
            Ok(()) => break,
        }
    }
    Ok(())
}

async fn signed_in(companion: &Companion, academy: &Academy, teacher: &Teacher) -> Result<(), Failure> {
    let SignInState::Asks(Question::Browser { url, .. }) = companion.begin_sign_in(ACADEMY).await? else {
        return Err("the sign-in does not begin in the browser".into());
    };
    let url = Browser::new(academy)?.sign_in(&url, teacher).await?;
    match companion.browser_returned(&url).await? {
        // Without an address nothing can be sent.
        SignInState::SignedIn(_) if companion.account().is_some_and(|who| who.address.is_some()) => Ok(()),
        other => Err(format!("not signed in, or without an address: {other:?}").into()),
    }
}

/// The number in the subject of a message, or of an answer to it.
fn number_of(subject: &str) -> Option<u64> {
    subject.rsplit_once("Question ")?.1.parse().ok()
}

/// The messages that the phone alone moves, and marks as read: of these it can be said how they must be.
fn is_the_phones(number: u64) -> bool {
    number.is_multiple_of(2)
}

//! Sign-in codes by mail, at the real portal and mail servers: offered when they were asked for, an alarm when they were not.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use academy::{Academy, Browser, Teacher};
use cartable_core::academy::Academy as Profile;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::OfferedCode;
use cartable_core::portal::{Question, SignInState};
use cartable_core::ports::{Clock, SystemClock};
use cartable_core::store::Change;
use cartable_core::words::Finding;
use common::Log;
use jiff::{SignedDuration, Timestamp};
use journeys::{ACADEMY, Phone, inbox, sign_in, subjects};
use rusqlite::types::ValueRef;
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// The phone's clock, which a journey may put back.
#[derive(Default)]
struct Shifted(AtomicI64);

impl Shifted {
    fn minutes(&self, minutes: i64) {
        self.0.store(minutes * 60_000, Ordering::Relaxed);
    }
}

impl Clock for Shifted {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }

    fn uptime_ms(&self) -> i64 {
        SystemClock.uptime_ms()
    }
}

fn paul() -> &'static Teacher {
    Teacher::by_uid("pmartin").unwrap()
}

/// The app on a phone whose mail servers take the password only: mail goes on while the session at the portal has ended.
async fn open(academy: &Academy, phone: &Phone, folder: &Path, clock: &Arc<Shifted>) -> Companion {
    let by_password = academy.profile_toml().replace(r#"["oauthbearer", "xoauth2", "password"]"#, r#"["password"]"#);
    let setup = phone.setup(folder).academy(Profile::from_toml(&by_password).unwrap());
    Companion::open(setup.clock(Arc::<Shifted>::clone(clock))).await.unwrap()
}

/// The same with Paul signed in and his mailbox synced once.
async fn synced(academy: &Academy, phone: &Phone, folder: &Path, clock: &Arc<Shifted>) -> Companion {
    let companion = open(academy, phone, folder, clock).await;
    let state = sign_in(&companion, &Browser::new(academy).unwrap(), paul()).await;
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    companion.set_mail_password(&paul().password.into()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    companion
}

/// Syncs until the inbox has a message more than `before`.
async fn arrival(companion: &Companion, before: usize) {
    let arriving = async {
        while subjects(companion).await.len() <= before {
            companion.sync(&|_, _| {}).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), arriving).await.expect("no mail came");
}

/// Syncs until a code is offered.
async fn offer(companion: &Companion) -> OfferedCode {
    let offering = async {
        loop {
            companion.sync(&|_, _| {}).await.unwrap();
            match companion.offered_code().await.unwrap() {
                Some(code) => return code,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(Duration::from_secs(20), offering).await.expect("no code was offered")
}

/// A mail as the academy's own server hands it over: what it found out stands on top.
fn vouched(code: &str) -> String {
    format!("Authentication-Results: smtp.academie.test; auth=pass smtp.auth=portail\r\n{}", bare(code))
}

fn bare(code: &str) -> String {
    format!("From: portail@academie.test\r\nSubject: Votre code de connexion\r\n\r\nVotre code est {code}.\r\n")
}

/// Puts a mail into Paul's inbox that was received so long ago.
async fn received(academy: &Academy, ago: SignedDuration, raw: &str) {
    let mut mailbox = academy.mailbox("pmartin").await.unwrap();
    mailbox.append("INBOX", Timestamp::now() - ago, raw.as_bytes()).await.unwrap();
}

async fn empty_inbox(academy: &Academy) {
    let mut mailbox = academy.mailbox("pmartin").await.unwrap();
    for command in ["SELECT INBOX", "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"] {
        mailbox.command(command).await.unwrap();
    }
}

/// The sign-ins that are written down in the database of an app that is closed are ten minutes older now.
fn ten_minutes_pass(folder: &Path) {
    let connection = rusqlite::Connection::open(folder.join("cartable.db")).unwrap();
    let older = "UPDATE sign_in_time SET begun_ms = begun_ms - 600000, ended_ms = ended_ms - 600000";
    assert!(connection.execute(older, []).unwrap() > 0);
}

/// Where this text stands in the database outside of the messages' own bodies.
fn places_of(database: &Path, text: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'body'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut found = Vec::new();
    for table in tables {
        let mut all = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let value = match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    ValueRef::Integer(number) => number.to_string(),
                    _ => continue,
                };
                if value == text || (value.contains(text) && value.parse::<i64>().is_err()) {
                    found.push(format!("{table}.{}", row.as_ref().column_name(column).unwrap()));
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_the_portal_mails_is_offered_once_and_is_the_right_one_and_stays_out_of_every_log() {
    let log = Log::catch();
    let academy = Academy::start().await.unwrap();
    let (phone, folder, clock) = (Phone::new(&academy), tempfile::tempdir().unwrap(), Arc::default());
    let companion = synced(&academy, &phone, folder.path(), &clock).await;
    assert!(companion.offered_code().await.unwrap().is_none(), "offered without a sign-in");

    companion.portal_opened().await.unwrap();
    let SignInState::Asks(Question::Browser { url, .. }) = companion.begin_sign_in(ACADEMY).await.unwrap() else {
        panic!()
    };
    let (give, given) = oneshot::channel();
    let browser = Browser::new(&academy).unwrap().with_mail_code(given);
    let walking = tokio::spawn(async move { browser.sign_in(&url, paul()).await });
    let offered = offer(&companion).await;
    assert_eq!(offered.others, 0);
    let code = offered.code.expose_secret().to_owned();
    let said = format!("{offered:?} {companion:?} {:?}", companion.alarms().await);
    // Offered as long as nobody has taken it, also after a restart.
    assert_eq!(companion.offered_code().await.unwrap().unwrap().message, offered.message);
    companion.code_taken(offered.message).await.unwrap();
    assert!(companion.offered_code().await.unwrap().is_none(), "offered a second time");

    // The portal takes it, which it does of the right one only.
    give.send(code.clone()).unwrap();
    let back = walking.await.unwrap().unwrap();
    let state = companion.browser_returned(&back).await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    companion.portal_left().await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(companion.alarms().await.unwrap(), []);
    assert_eq!(companion.code_taken(1_000_000).await, Err(CompanionError::NotFound));
    companion.shutdown().await.unwrap();

    let logged = log.text();
    assert!(logged.contains("hyper"), "the libraries' logs were not caught");
    assert!(!logged.contains(&code) && !said.contains(&code), "the code is in a log");
    assert_eq!(places_of(&folder.path().join("cartable.db"), &code), Vec::<String>::new());
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_or_came_before_is_not_offered_and_of_two_codes_the_newest_is() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder, clock) = (Phone::new(&academy), tempfile::tempdir().unwrap(), Arc::<Shifted>::default());
    let companion = synced(&academy, &phone, folder.path(), &clock).await;
    empty_inbox(&academy).await;
    companion.sync(&|_, _| {}).await.unwrap();
    // Begun a quarter of an hour ago.
    clock.minutes(-15);
    companion.portal_opened().await.unwrap();
    clock.minutes(0);

    let address = paul().address;
    let claim = "Authentication-Results: smtp.academie.test; auth=pass smtp.auth=portail\r\n";
    // From outside, with the field of the academy's server forged; by a colleague; by a server that is not the academy's.
    academy.forge("portail@academie.test", address, format!("{claim}{}", bare("100001")).as_bytes()).await.unwrap();
    let colleague = Teacher::by_uid("lreset").unwrap();
    academy.submit(colleague, address, format!("{claim}{}", bare("100002")).as_bytes()).await.unwrap();
    let elsewhere = "Authentication-Results: mx.ailleurs.test; auth=pass smtp.auth=portail\r\n";
    academy.deliver(address, format!("{elsewhere}{}", bare("100003")).as_bytes()).await.unwrap();
    let failed = "Authentication-Results: smtp.academie.test; auth=fail smtp.auth=portail\r\n";
    academy.deliver(address, format!("{failed}{claim}{}", bare("100004")).as_bytes()).await.unwrap();
    arrival(&companion, 3).await;
    assert!(companion.offered_code().await.unwrap().is_none(), "a forged code was offered");

    // Of this sign-in, but too old; before it; without a code; with two.
    for (minutes, raw) in
        [(11, vouched("200001")), (16, vouched("200002")), (1, vouched("rien")), (1, vouched("200003 200004"))]
    {
        received(&academy, SignedDuration::from_mins(minutes), &raw).await;
    }
    arrival(&companion, 7).await;
    assert!(companion.offered_code().await.unwrap().is_none(), "an old code was offered");

    received(&academy, SignedDuration::from_mins(9), &vouched("300001")).await;
    let offered = offer(&companion).await;
    assert_eq!((offered.code.expose_secret(), offered.others), ("300001", 0));
    received(&academy, SignedDuration::from_secs(30), &vouched("300002")).await;
    arrival(&companion, 9).await;
    let newest = companion.offered_code().await.unwrap().unwrap();
    assert_eq!((newest.code.expose_secret(), newest.others), ("300002", 1));
    companion.code_taken(newest.message).await.unwrap();
    assert!(companion.offered_code().await.unwrap().is_none(), "an older code than the one taken was offered");
    // The portal sends the same code again when it is asked to.
    received(&academy, SignedDuration::from_secs(20), &vouched("300002")).await;
    arrival(&companion, 10).await;
    assert!(companion.offered_code().await.unwrap().is_none(), "a used code was offered");

    // Offered for a sign-in that has ended: not for the next one.
    received(&academy, SignedDuration::from_secs(1), &vouched("300003")).await;
    assert_eq!(offer(&companion).await.code.expose_secret(), "300003");
    companion.portal_left().await.unwrap();
    assert!(companion.offered_code().await.unwrap().is_none(), "offered after the sign-in");
    clock.minutes(-1);
    companion.portal_opened().await.unwrap();
    clock.minutes(0);
    assert!(companion.offered_code().await.unwrap().is_none(), "offered for another sign-in");
    assert_eq!(companion.alarms().await.unwrap(), []);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_another_device_is_an_alarm_until_it_is_dismissed() {
    let academy = Academy::start().await.unwrap();
    // There before the phone knows the mailbox: no news.
    received(&academy, SignedDuration::from_mins(1), &vouched("100001")).await;
    let (phone, folder, clock) = (Phone::new(&academy), tempfile::tempdir().unwrap(), Arc::<Shifted>::default());
    let companion = synced(&academy, &phone, folder.path(), &clock).await;
    assert_eq!(companion.alarms().await.unwrap(), []);

    // One's own sign-in, a forgery, an old code that comes late, and another mail of the portal's raise none.
    companion.portal_opened().await.unwrap();
    let before = subjects(&companion).await.len();
    academy.deliver(paul().address, vouched("100002").as_bytes()).await.unwrap();
    arrival(&companion, before).await;
    companion.portal_left().await.unwrap();
    companion.shutdown().await.unwrap();
    drop(companion);
    ten_minutes_pass(folder.path());
    let companion = open(&academy, &phone, folder.path(), &clock).await;
    academy.deliver(paul().address, bare("100003").as_bytes()).await.unwrap();
    received(&academy, SignedDuration::from_hours(25), &vouched("100004")).await;
    academy.deliver(paul().address, vouched("rien").as_bytes()).await.unwrap();
    arrival(&companion, before + 3).await;
    assert_eq!(companion.alarms().await.unwrap(), []);

    // Somebody with Paul's password, elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut changes = companion.changes();
    phone.signed_in(&academy, paul(), elsewhere.path()).await;
    arrival(&companion, before + 4).await;
    let alarms = companion.alarms().await.unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].finding(), Finding::UnaskedCode);
    assert!(companion.alarm_words(&alarms[0]).next.contains("changez-le"));
    let rows = companion.messages(inbox(&companion).await, None, 1).await.unwrap();
    assert_eq!((alarms[0].message, alarms[0].at_ms), (Some(rows[0].id), rows[0].received_ms));
    let mut told = Vec::new();
    while !told.contains(&Change::Alarms) {
        told = timeout(Duration::from_secs(5), changes.batch()).await.expect("the alarm was not told").unwrap();
    }
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(companion.alarms().await.unwrap(), alarms, "raised twice");

    // Killed after the rows were written and before the mail was read: the alarm is not lost.
    companion.shutdown().await.unwrap();
    drop(companion);
    let database = rusqlite::Connection::open(folder.path().join("cartable.db")).unwrap();
    assert_eq!(database.execute("UPDATE alarm SET certain = 0", []).unwrap(), 1);
    database.execute("DELETE FROM body", []).unwrap();
    drop(database);
    let companion = open(&academy, &phone, folder.path(), &clock).await;
    assert_eq!(companion.alarms().await.unwrap(), []);
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(companion.alarms().await.unwrap(), alarms, "lost by a kill");

    // Who broke in deletes the mail: the alarm stays.
    empty_inbox(&academy).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let left = companion.alarms().await.unwrap();
    assert_eq!((left.len(), left[0].id, left[0].message), (1, alarms[0].id, None));

    companion.dismiss_alarm(alarms[0].id).await.unwrap();
    assert_eq!(companion.alarms().await.unwrap(), []);
    assert_eq!(companion.dismiss_alarm(1_000_000).await, Err(CompanionError::NotFound));
    companion.shutdown().await.unwrap();
    drop(companion);
    let companion = open(&academy, &phone, folder.path(), &clock).await;
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(companion.alarms().await.unwrap(), []);
    academy.stop().await.unwrap();
}

//! A wrong password costs one try at the real servers, whoever would like to send it again; what a portal's lock is, and its end.

use std::sync::Arc;
use std::time::Duration;

use academy::wire::{Direction, Faults, Wire};
use academy::{Academy, Browser, BrowserError, Teacher, Way};
use cartable_core::academy::Academy as Profile;
use cartable_core::attempts::Hold;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::portal::{Notice, Question, SignInState};
use cartable_core::ports::{Clock, SystemClock};
use cartable_core::words::Finding;
use journeys::{ACADEMY, Ahead, Phone, inbox, requests, reset_password, sign_in};

/// The profile of `academy` with mail servers that take a password only.
fn by_password(academy: &Academy) -> String {
    academy.profile_toml().replace(r#"["oauthbearer", "xoauth2", "password"]"#, r#"["password"]"#)
}

/// How often a password has gone over these wires.
fn tries(wires: &[&Wire]) -> usize {
    let sent = wires.iter().map(|wire| String::from_utf8_lossy(&wire.recorded(Direction::ToServer)).to_uppercase());
    sent.map(|text| text.matches("AUTHENTICATE ").count() + text.matches("AUTH PLAIN").count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_sent_once_whatever_protocol_wants_it_and_the_right_one_ends_the_wait() {
    let academy = Academy::start().await.unwrap();
    academy.deliver("jdupont@academie.test", b"From: lreset@academie.test\r\nSubject: A\r\n\r\nB\r\n").await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let profile = Profile::from_toml(&by_password(&academy)).unwrap();
    let open = async || Companion::open(phone.setup(folder.path()).academy(profile.clone())).await.unwrap();
    let companion = open().await;
    let browser = academy::Browser::new(&academy).unwrap();
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    sign_in(&companion, &browser, jeanne).await;
    let imap = phone.watched(&academy, academy.imap()).await;
    let smtp = phone.watched(&academy, academy.smtp()).await;
    let wires = [&imap, &smtp];

    // Right at first; then it is changed elsewhere, and the phone does not know.
    companion.set_mail_password(&"Secret-1234".into()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    let message = companion.messages(inbox(&companion).await, None, 1).await.unwrap()[0].id;
    companion.reply(message, "Entendu.", false).await.unwrap();
    companion.suspend().await.unwrap();
    let before = tries(&wires);
    reset_password(&academy, jeanne, "Nouveau-5678!").await;

    let wrong = Err(CompanionError::SignInAgain(Finding::PasswordWrong));
    assert_eq!(companion.sync(&|_, _| {}).await.map(|_| ()), wrong);
    assert_eq!(tries(&wires), before + 1);
    for _ in 0..3 {
        assert_eq!(companion.sync(&|_, _| {}).await.map(|_| ()), wrong);
        assert_eq!(companion.send_waiting().await.map(|_| ()), wrong);
    }
    companion.shutdown().await.unwrap();
    drop(companion);
    let companion = open().await;
    assert_eq!(companion.sync(&|_, _| {}).await.map(|_| ()), wrong);
    assert_eq!(tries(&wires), before + 1, "the old password went out again");

    // A teacher who mistypes the new one has one more, and no third.
    assert_eq!(companion.set_mail_password(&"Nouveau-5679!".into()).await, wrong);
    let wait = companion.set_mail_password(&"Nouveau-5677!".into()).await;
    assert!(matches!(wait, Err(CompanionError::WaitUntil { .. })), "{wait:?}");
    assert_eq!(tries(&wires), before + 2);
    academy.stop().await.unwrap();
}

/// What another device of the teacher's, or somebody who guesses, does at the portal.
async fn guess(academy: &Academy, times: usize) {
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    for _ in 0..times {
        let browser = Browser::new(academy).unwrap().with_password("deviné");
        let refused = browser.sign_in(&format!("{}/", academy.issuer()), jeanne).await;
        assert!(matches!(refused, Err(BrowserError::Refused(5))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_then_a_lock_with_its_end_then_success_at_the_real_portal() {
    let academy = Academy::start().await.unwrap();
    let phone = Phone::new(&academy).profile(&academy.profile_toml_for(Way::Form));
    let folder = tempfile::tempdir().unwrap();
    let companion = phone.open(folder.path()).await;
    let wire = phone.watched(&academy, academy.portal()).await;
    let posts = || requests(&wire).iter().filter(|request| request.starts_with("POST")).count();
    guess(&academy, 2).await;

    companion.begin_sign_in(ACADEMY).await.unwrap();
    let state = companion.enter_password("jdupont", &"Secret-1235".into()).await.unwrap();
    let SignInState::Asks(Question::Password { identifier, notice, .. }) = &state else { panic!("{state:?}") };
    assert_eq!((identifier.as_deref(), *notice), (Some("jdupont"), Some(Notice::WrongPassword { tries_left: 1 })));
    // The same again is not even sent.
    let state = companion.enter_password("jdupont", &"Secret-1235".into()).await.unwrap();
    let known = matches!(state, SignInState::Asks(Question::Password { notice: Some(Notice::KnownWrong), .. }));
    assert!(known && posts() == 1, "{state:?}");

    // The third failure in all has locked the account: the right password is not judged, and the end of the lock is told.
    let now = SystemClock.now_ms();
    let state = companion.enter_password("jdupont", &"Secret-1234".into()).await.unwrap();
    let SignInState::Asks(Question::Wait { until_ms, hold: Hold::Locked, .. }) = state else { panic!("{state:?}") };
    assert!((1..=30_000).contains(&(until_ms - now)), "{} ms", until_ms - now);
    assert_eq!(posts(), 2);

    // Before that nothing goes out, after a restart of the app neither, and the teacher is told why.
    companion.begin_sign_in(ACADEMY).await.unwrap();
    let state = companion.enter_password("jdupont", &"Secret-1234".into()).await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Wait { hold: Hold::Locked, .. })), "{state:?}");
    drop(companion);
    let companion = phone.open(folder.path()).await;
    assert_eq!((companion.sign_in_state(), posts()), (state, 2));
    let told = companion.words(&CompanionError::WaitUntil { until_ms, hold: Hold::Locked });
    assert!(told.what.starts_with("Votre compte est verrouillé"), "{told:?}");

    // Its end.
    let left = until_ms.saturating_sub(SystemClock.now_ms()).max(0);
    tokio::time::sleep(Duration::from_millis(left.unsigned_abs() + 500)).await;
    let state = companion.begin_sign_in(ACADEMY).await.unwrap();
    let SignInState::Asks(Question::Password { identifier, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(identifier.as_deref(), Some("jdupont"), "the name need not be typed again");
    let state = companion.enter_password("jdupont", &"Secret-1234".into()).await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Introduction { .. })), "{state:?}");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_mistakes_at_the_portal_hold_back_mail_too_and_the_portal_never_locks() {
    let academy = Academy::start().await.unwrap();
    let clock = Arc::new(Ahead::default());
    let phone = Phone::new(&academy).profile(&academy.profile_toml_for(Way::Form)).clock(clock.clone());
    let folder = tempfile::tempdir().unwrap();
    let companion = phone.open(folder.path()).await;
    companion.begin_sign_in(ACADEMY).await.unwrap();
    companion.enter_password("jdupont", &"Secret-1234".into()).await.unwrap();
    companion.introduce("", "jdupont@academie.test").await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();

    companion.begin_sign_in(ACADEMY).await.unwrap();
    companion.enter_password("jdupont", &"faux-1".into()).await.unwrap();
    let state = companion.enter_password("jdupont", &"faux-2".into()).await.unwrap();
    let SignInState::Asks(Question::Wait { hold: Hold::Caution, notice, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(*notice, Some(Notice::WrongPassword { tries_left: 0 }));
    let imap = phone.watched(&academy, academy.imap()).await;
    let held = companion.sync(&|_, _| {}).await.map(|_| ());
    assert!(matches!(held, Err(CompanionError::WaitUntil { hold: Hold::Caution, .. })), "{held:?}");
    assert_eq!(tries(&[&imap]), 0);

    // The portal has not locked: another device is let in. In twenty minutes so is this one, by itself.
    let other = form_sign_in(&academy).await;
    assert!(matches!(other, SignInState::Asks(Question::Introduction { .. })), "{other:?}");
    clock.pass(20 * 60_000);
    companion.sync(&|_, _| {}).await.unwrap();
    academy.stop().await.unwrap();
}

/// Jeanne signs in on another phone.
async fn form_sign_in(academy: &Academy) -> SignInState {
    let phone = Phone::new(academy).profile(&academy.profile_toml_for(Way::Form));
    let folder = tempfile::tempdir().unwrap();
    let companion = phone.open(folder.path()).await;
    companion.begin_sign_in(ACADEMY).await.unwrap();
    companion.enter_password("jdupont", &"Secret-1234".into()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_who_pulls_to_refresh_has_a_try_more_than_the_work_in_the_background() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let profile = Profile::from_toml(&by_password(&academy)).unwrap();
    let companion = Companion::open(phone.setup(folder.path()).academy(profile)).await.unwrap();
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    sign_in(&companion, &academy::Browser::new(&academy).unwrap(), jeanne).await;
    companion.set_mail_password(&"Secret-1234".into()).await.unwrap();
    companion.suspend().await.unwrap();
    reset_password(&academy, jeanne, "Nouveau-5678!").await;
    let limit = Duration::from_secs(20);
    let wrong = CompanionError::SignInAgain(Finding::PasswordWrong);
    assert_eq!(companion.sync_once(limit).await, Err(wrong));

    // The new one is typed where the server cannot be reached: kept, and tried by nobody.
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());
    wire.set(Faults::none().black_hole()).await.unwrap();
    let kept = companion.set_mail_password(&"Nouveau-5678!".into()).await;
    assert!(matches!(kept, Err(CompanionError::CheckConnection(_))), "{kept:?}");
    wire.set(Faults::none()).await.unwrap();
    let waits = companion.sync_once(limit).await;
    assert!(matches!(waits, Err(CompanionError::WaitUntil { .. })), "{waits:?}");
    companion.sync(&|_, _| {}).await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_password_that_is_refused_says_nothing_about_the_portals() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let toml = by_password(&academy);
    let app = toml.replace("auth = [\"password\"]", "auth = [\"password\"]\nsecret = \"app-password\"");
    let open = async |toml: &str| {
        Companion::open(phone.setup(folder.path()).academy(Profile::from_toml(toml).unwrap())).await.unwrap()
    };
    let companion = open(&app).await;
    sign_in(&companion, &academy::Browser::new(&academy).unwrap(), Teacher::by_uid("jdupont").unwrap()).await;
    let imap = phone.watched(&academy, academy.imap()).await;
    let needed = CompanionError::SignInAgain(Finding::AppPasswordNeeded);
    assert_eq!(companion.sync(&|_, _| {}).await, Err(needed));
    let wrong = Err(CompanionError::SignInAgain(Finding::AppPasswordWrong));
    for _ in 0..2 {
        assert_eq!(companion.set_mail_password(&"faux-123456".into()).await, wrong);
        assert_eq!(tries(&[&imap]), 1);
    }
    companion.shutdown().await.unwrap();
    drop(companion);

    // The same letters as the portal's password: not known to be wrong there, and its tries are all left.
    let companion = open(&toml).await;
    for (password, sent) in [("faux-123456", 2), ("faux-234567", 3)] {
        let wrong = Err(CompanionError::SignInAgain(Finding::PasswordWrong));
        assert_eq!((companion.set_mail_password(&password.into()).await, tries(&[&imap])), (wrong, sent));
    }
    academy.stop().await.unwrap();
}

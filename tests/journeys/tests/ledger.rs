//! A wrong password costs one try at the real servers, whoever would like to send it again.

use std::time::Duration;

use academy::wire::{Direction, Faults, Identity, Wire};
use academy::{Academy, Endpoint, Teacher, Validity};
use cartable_core::academy::Academy as Profile;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::words::Finding;
use journeys::{Phone, inbox, reset_password, sign_in};

/// A wire on which one can read.
async fn readable(academy: &Academy, server: Endpoint, phone: &Phone) -> Wire {
    let wire = academy.wire(server.clone()).await.unwrap();
    phone.hosts.lead(server.host, wire.address());
    let leaf = academy.authority().issue(&[server.host], Validity::Good).unwrap();
    wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).record()).await.unwrap();
    wire
}

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
    let imap = readable(&academy, academy.imap(), &phone).await;
    let smtp = readable(&academy, academy.smtp(), &phone).await;
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
    let imap = readable(&academy, academy.imap(), &phone).await;
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

//! A wrong password costs one try at the real servers, whoever would like to send it again.

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
    let by_password = academy.profile_toml().replace(r#"["oauthbearer", "xoauth2", "password"]"#, r#"["password"]"#);
    let profile = Profile::from_toml(&by_password).unwrap();
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

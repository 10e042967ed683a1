//! The way to the mail server is bad: nothing is lost, nothing hangs, and each fault has its own name.

use std::net::SocketAddr;

use academy::wire::{Close, Direction, Faults, Identity, Wire};
use academy::{Academy, Authority, Teacher, Validity};
use cartable_core::companion::CompanionError;
use cartable_core::words::Finding;
use journeys::{Phone, subjects};

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_cut_anywhere_goes_on_where_it_was() {
    let academy = Academy::start().await.unwrap();
    for number in 0..12 {
        let raw = format!("From: lreset@academie.test\r\nSubject: Message {number}\r\n\r\nBonjour\r\n");
        academy.deliver("jdupont@academie.test", raw.as_bytes()).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    let imap = SocketAddr::from(([127, 0, 0, 1], academy.imap().port));
    let wire = Wire::to(imap).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());

    let mut cuts = 0;
    for after in (500..20_000).step_by(650) {
        wire.set(Faults::none().cut(Direction::ToClient, after, Close::Reset)).await.unwrap();
        match companion.sync(&|_, _| {}).await {
            Ok(_) => break,
            Err(CompanionError::CheckConnection(Finding::Cut | Finding::Unsafe)) => cuts += 1,
            Err(other) => panic!("cut after {after}: {other:?}"),
        }
    }
    assert!(cuts > 3, "{cuts}");
    wire.set(Faults::none()).await.unwrap();
    companion.suspend().await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    let inbox = companion.mailboxes().await.unwrap()[0].clone();
    assert_eq!((inbox.known, inbox.complete), (12, true));
    assert_eq!(subjects(&companion).await[0], "Message 11");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_way_has_its_own_name() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    let imap = SocketAddr::from(([127, 0, 0, 1], academy.imap().port));
    let wire = Wire::to(imap).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());

    let own = academy.authority();
    let foreign = Authority::new("Somebody else").unwrap();
    let identity = |authority: &Authority, name: &str, validity| {
        Identity::of(&authority.issue(&[name], validity).unwrap()).unwrap()
    };
    let host = "imap.academie.test";
    for (faults, expected) in [
        (Faults::none().black_hole(), Finding::Silent),
        (Faults::none().intercept(identity(&foreign, host, Validity::Good)), Finding::Intercepted),
        (Faults::none().intercept(identity(own, "imap.example", Validity::Good)), Finding::Intercepted),
        (Faults::none().intercept(identity(own, host, Validity::Expired)), Finding::CertificateDate),
        (Faults::none().tls_1_1_only(), Finding::Unsafe),
    ] {
        wire.set(faults).await.unwrap();
        assert_eq!(companion.sync(&|_, _| {}).await, Err(CompanionError::CheckConnection(expected)));
    }
    wire.set(Faults::none()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    academy.stop().await.unwrap();
}

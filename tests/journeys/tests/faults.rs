//! The way to the mail server is bad: nothing is lost, nothing hangs, and each fault has its own name.

use std::net::SocketAddr;

use academy::wire::{Close, Direction, Faults, Identity, Wire};
use academy::{Academy, Authority, Teacher, Validity};
use cartable_core::mail::MailError;
use cartable_core::ports::ConnectError;
use journeys::Phone;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_cut_anywhere_goes_on_where_it_was() {
    let academy = Academy::start().await.unwrap();
    for number in 0..12 {
        let raw = format!("From: lreset@academie.test\r\nSubject: Message {number}\r\n\r\nBonjour\r\n");
        academy.deliver("jdupont@academie.test", raw.as_bytes()).await.unwrap();
    }
    let phone = Phone::new(&academy);
    let (sign_in, who) = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap()).await;
    let imap = SocketAddr::from(([127, 0, 0, 1], academy.imap().port));
    let wire = Wire::to(imap).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());

    let folder = tempfile::tempdir().unwrap();
    let mail = phone.mail(&sign_in, who, folder.path());
    let mut cuts = 0;
    for after in (500..20_000).step_by(650) {
        wire.set(Faults::none().cut(Direction::ToClient, after, Close::Reset)).await.unwrap();
        match mail.sync().await {
            Ok(_) => break,
            Err(MailError::Connect(ConnectError::Cut | ConnectError::NoSafeTls) | MailError::Imap(_)) => cuts += 1,
            Err(other) => panic!("cut after {after}: {other:?}"),
        }
    }
    assert!(cuts > 3, "{cuts}");
    wire.set(Faults::none()).await.unwrap();
    mail.disconnect().await;
    mail.sync().await.unwrap();
    let inbox = mail.mailboxes().await.unwrap()[0].clone();
    assert_eq!((inbox.known, inbox.complete), (12, true));
    let rows = mail.page(inbox.id, None, 50).await.unwrap();
    assert_eq!(rows[0].subject, "Message 11");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_way_has_its_own_name() {
    let academy = Academy::start().await.unwrap();
    let phone = Phone::new(&academy);
    let (sign_in, who) = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap()).await;
    let imap = SocketAddr::from(([127, 0, 0, 1], academy.imap().port));
    let wire = Wire::to(imap).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());
    let folder = tempfile::tempdir().unwrap();
    let mail = phone.mail(&sign_in, who, folder.path());

    let own = academy.authority();
    let foreign = Authority::new("Somebody else").unwrap();
    let identity = |authority: &Authority, name: &str, validity| {
        Identity::of(&authority.issue(&[name], validity).unwrap()).unwrap()
    };
    let host = "imap.academie.test";
    for (faults, expected) in [
        (Faults::none().black_hole(), ConnectError::TimedOut),
        (Faults::none().intercept(identity(&foreign, host, Validity::Good)), ConnectError::UnknownAuthority),
        (Faults::none().intercept(identity(own, "imap.example", Validity::Good)), ConnectError::WrongHost),
        (Faults::none().intercept(identity(own, host, Validity::Expired)), ConnectError::CertificateDate),
        (Faults::none().tls_1_1_only(), ConnectError::NoSafeTls),
    ] {
        wire.set(faults).await.unwrap();
        assert_eq!(mail.sync().await, Err(MailError::Connect(expected)));
    }
    wire.set(Faults::none()).await.unwrap();
    mail.sync().await.unwrap();
    academy.stop().await.unwrap();
}

//! The way to the mail server is bad: nothing is lost, nothing hangs, and each fault has its own name.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_line_cannot_be_read_is_there_all_the_same_and_asked_for_once() {
    let academy = Academy::start().await.unwrap();
    for number in 1..=5 {
        let raw = format!("From: lreset@academie.test\r\nSubject: Message {number}\r\n\r\nBonjour {number}\r\n");
        academy.deliver("jdupont@academie.test", raw.as_bytes()).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());

    // A server that spoils the header line of message 3, each time it is asked for it.
    let leaf = academy.authority().issue(&["imap.academie.test"], Validity::Good).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let spoil = move |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        if text.contains("FETCH (UID 3 ") && text.contains("RFC822.SIZE") {
            count.fetch_add(1, Ordering::Relaxed);
            return text.replace("UID 3 ", "UID trois ").into_bytes();
        }
        line.to_vec()
    };
    wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).rewrite(spoil)).await.unwrap();

    companion.sync(&|_, _| {}).await.unwrap();
    let inbox = companion.mailboxes().await.unwrap()[0].clone();
    assert_eq!((inbox.known, inbox.complete), (5, true));
    let rows = companion.messages(inbox.id, None, 50).await.unwrap();
    let unreadable: Vec<_> = rows.iter().filter(|row| row.unreadable).collect();
    assert_eq!((rows.len(), unreadable.len()), (5, 1));
    let opened = companion.open_message(unreadable[0].id).await.unwrap();
    assert_eq!((opened.reading.headers.subject.as_str(), opened.reading.text.trim()), ("Message 3", "Bonjour 3"));

    let before = asked.load(Ordering::Relaxed);
    assert!(before > 0);
    academy
        .deliver("jdupont@academie.test", b"From: lreset@academie.test\r\nSubject: Message 6\r\n\r\nA\r\n")
        .await
        .unwrap();
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap().arrived, 1);
    assert_eq!(asked.load(Ordering::Relaxed), before, "asked for again");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_any_size_come_in_pieces_that_a_phone_can_hold() {
    let academy = Academy::start().await.unwrap();
    let header = "X".repeat(900) + "@academie.test,\r\n ";
    for number in 0..30 {
        let to = header.repeat(220);
        let raw = format!("From: lreset@academie.test\r\nSubject: Message {number}\r\nTo: {to}a@b.test\r\n\r\nA\r\n");
        academy.deliver("jdupont@academie.test", raw.as_bytes()).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    let batches = Arc::new(Mutex::new(vec![0]));
    let told = Arc::clone(&batches);
    companion.sync(&move |arrived, _| told.lock().unwrap().push(arrived)).await.unwrap();
    let batches = batches.lock().unwrap().clone();
    assert_eq!(batches.last(), Some(&30));
    // Each of 200 KB: two mebibytes, and what half a mebibyte and a row more may bring.
    assert!(batches.windows(2).all(|pair| pair[1] - pair[0] <= 14), "{batches:?}");
    academy.stop().await.unwrap();
}

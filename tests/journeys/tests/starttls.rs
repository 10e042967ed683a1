//! Mail servers whose TLS begins by STARTTLS: mail goes as ever, and whoever stands in between gets nothing in the clear.

use std::path::Path;

use academy::wire::{Direction, Faults, Identity, Wire};
use academy::{Academy, Authority, Teacher, Validity};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::LetterState;
use cartable_core::words::Finding;
use journeys::{ACADEMY, Phone, inbox, sign_in, subjects};

const HELLO: &str = "EHLO localhost\r\n";
const START_IMAP: &str = "T0 STARTTLS\r\n";

/// The academy's profile, with the ports where TLS begins by STARTTLS.
fn profile(academy: &Academy) -> cartable_core::academy::Academy {
    let [imaps, imap, smtps, smtp] =
        [academy.imap(), academy.imap_starttls(), academy.smtp(), academy.submission()].map(|server| server.port);
    let mut toml = academy.profile_toml();
    for (from, to) in [(imaps, imap), (smtps, smtp)] {
        let known = format!("port = {from}, tls = \"implicit\"");
        assert!(toml.contains(&known));
        toml = toml.replace(&known, &format!("port = {to}, tls = \"starttls\""));
    }
    cartable_core::academy::Academy::from_toml(&toml).unwrap()
}

async fn signed_in(academy: &Academy, phone: &Phone, folder: &Path) -> Companion {
    let companion = Companion::open(phone.setup(folder).academy(profile(academy))).await.unwrap();
    let browser = academy::Browser::new(academy).unwrap();
    sign_in(&companion, &browser, Teacher::by_uid("jdupont").unwrap()).await;
    assert_eq!(companion.academy().unwrap().id, ACADEMY);
    companion
}

/// What was said in the clear to the server behind `wire`.
fn said(wire: &Wire) -> String {
    String::from_utf8(wire.recorded(Direction::ToServer)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_read_and_sent_and_only_the_wish_for_tls_is_in_the_clear() {
    let academy = Academy::start().await.unwrap();
    let raw = b"From: lreset@academie.test\r\nMessage-ID: <m@academie.test>\r\nSubject: Conseil\r\n\r\nA\r\n";
    academy.deliver("jdupont@academie.test", raw).await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let imap = academy.wire(academy.imap_starttls()).await.unwrap();
    let smtp = academy.wire(academy.submission()).await.unwrap();
    for (host, wire) in [("imap.academie.test", &imap), ("smtp.academie.test", &smtp)] {
        wire.set(Faults::none().record()).await.unwrap();
        phone.hosts.lead(host, wire.address());
    }
    let companion = signed_in(&academy, &phone, folder.path()).await;

    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await, ["Conseil"]);
    let rows = companion.messages(inbox(&companion).await, None, 50).await.unwrap();
    companion.reply(rows[0].id, "J’y serai.", false).await.unwrap();
    assert_eq!(companion.send_waiting().await.unwrap(), 1);
    assert_eq!(companion.outbox().await.unwrap()[0].state, LetterState::Filed);
    assert!(imap.connections() > 0 && smtp.connections() == 1);
    assert_eq!(said(&imap).replace(START_IMAP, ""), "");
    assert_eq!(said(&smtp), format!("{HELLO}STARTTLS\r\n"));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_starttls_away_or_adds_to_it_gets_nothing() {
    let academy = Academy::start().await.unwrap();
    let raw = b"From: lreset@academie.test\r\nMessage-ID: <m@academie.test>\r\nSubject: Conseil\r\n\r\nA\r\n";
    academy.deliver("jdupont@academie.test", raw).await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = signed_in(&academy, &phone, folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let rows = companion.messages(inbox(&companion).await, None, 50).await.unwrap();
    companion.reply(rows[0].id, "J’y serai.", false).await.unwrap();
    let imap = academy.wire(academy.imap_starttls()).await.unwrap();
    let smtp = academy.wire(academy.submission()).await.unwrap();
    phone.hosts.lead("imap.academie.test", imap.address());
    phone.hosts.lead("smtp.academie.test", smtp.address());
    let replace = |from: &'static str, to: &'static str| {
        move |line: &[u8]| if line.starts_with(from.as_bytes()) { to.as_bytes().to_vec() } else { line.to_vec() }
    };
    let foreign = Authority::new("Somebody else").unwrap();
    let identity = |host| Identity::of(&foreign.issue(&[host], Validity::Good).unwrap()).unwrap();

    let unsafe_ = || CompanionError::CheckConnection(Finding::Unsafe);
    let intercepted = || CompanionError::CheckConnection(Finding::Intercepted);
    for (faults, expected) in [
        (Faults::none().rewrite(replace("T0 OK", "T0 BAD no such command\r\n")), unsafe_()),
        (Faults::none().rewrite(replace("T0 OK", "T0 OK go\r\n* 12 EXISTS\r\n")), unsafe_()),
        (Faults::none().rewrite(replace("* OK", "* PREAUTH welcome\r\n")), unsafe_()),
        (Faults::none().intercept_starttls(identity("imap.academie.test")), intercepted()),
    ] {
        companion.suspend().await.unwrap();
        imap.set(faults.record()).await.unwrap();
        assert_eq!(companion.sync(&|_, _| {}).await, Err(expected));
    }
    // Who only takes away the offer is passed by: the wish is said all the same, and the session is safe.
    imap.set(Faults::none().strip_starttls().record()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    assert!(imap.connections() >= 5);
    assert_eq!(said(&imap).replace(START_IMAP, ""), "");

    for (faults, expected) in [
        (Faults::none().strip_starttls(), unsafe_()),
        (Faults::none().rewrite(replace("220 2.0.0", "454 not now\r\n")), unsafe_()),
        (Faults::none().rewrite(replace("220 2.0.0", "220 go\r\n250 AUTH PLAIN\r\n")), unsafe_()),
        (Faults::none().intercept_starttls(identity("smtp.academie.test")), intercepted()),
    ] {
        smtp.set(faults.record()).await.unwrap();
        assert_eq!(companion.send_waiting().await, Err(expected));
        assert_eq!(companion.outbox().await.unwrap()[0].state, LetterState::Waiting);
    }
    assert_eq!(said(&smtp).replace(HELLO, "").replace("STARTTLS\r\n", ""), "");
    smtp.set(Faults::none()).await.unwrap();
    assert_eq!(companion.send_waiting().await.unwrap(), 1);
    academy.stop().await.unwrap();
}

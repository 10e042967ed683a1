//! Several accounts on one phone: each has its own mail, none holds up another, and one person is there once.

use std::time::Duration;

use academy::wire::Faults;
use academy::{Academy, Browser, Teacher};
use cartable_core::companion::{Accounts, Companion, CompanionError};
use cartable_core::portal::SignInState;
use cartable_core::words::Finding;
use journeys::{Phone, sign_in, subjects};

async fn enter(companion: &Companion, academy: &Academy, uid: &str) -> SignInState {
    sign_in(companion, &Browser::new(academy).unwrap(), Teacher::by_uid(uid).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_teachers_share_a_phone_and_not_their_mail() {
    let academy = Academy::start().await.unwrap();
    for to in ["jdupont", "lreset"] {
        let message = format!("From: a@academie.test\r\nSubject: Pour {to}\r\n\r\nBonjour\r\n");
        academy.deliver(&format!("{to}@academie.test"), message.as_bytes()).await.unwrap();
    }
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let accounts = Accounts::open(phone.setup(folder.path())).await.unwrap();
    let (jeanne, companion) = accounts.add().await.unwrap();
    assert!(matches!(enter(&companion, &academy, "jdupont").await, SignInState::SignedIn(_)));
    let (lea, companion) = accounts.add().await.unwrap();
    assert!(matches!(enter(&companion, &academy, "lreset").await, SignInState::SignedIn(_)));
    // The same person again, in a third account.
    let (again, companion) = accounts.add().await.unwrap();
    let url = match companion.begin_sign_in(journeys::ACADEMY).await.unwrap() {
        SignInState::Asks(cartable_core::portal::Question::Browser { url, .. }) => url,
        other => panic!("{other:?}"),
    };
    let browser = Browser::new(&academy).unwrap();
    let url = browser.sign_in(&url, Teacher::by_uid("jdupont").unwrap()).await.unwrap();
    let refused = companion.browser_returned(&url).await;
    assert_eq!(refused.err(), Some(CompanionError::Refused(Finding::AlreadyHere)));
    assert_eq!((companion.account(), companion.sign_in_state()), (None, SignInState::SignedOut));
    accounts.remove(again, false).await.unwrap();

    let synced = accounts.sync_once(Duration::from_secs(60)).await;
    assert_eq!(synced.iter().map(|(id, done)| (*id, done.is_ok())).collect::<Vec<_>>(), [(jeanne, true), (lea, true)]);
    accounts.shutdown().await.unwrap();
    let accounts = Accounts::open(phone.setup(folder.path())).await.unwrap();
    for (id, subject) in [(jeanne, "Pour jdupont"), (lea, "Pour lreset")] {
        assert_eq!(subjects(&accounts.companion(id).await.unwrap()).await, [subject]);
    }
    // One leaves; the other's mail, session and password stay.
    accounts.remove(jeanne, false).await.unwrap();
    academy
        .deliver("lreset@academie.test", b"From: a@academie.test\r\nSubject: Encore\r\n\r\nBonjour\r\n")
        .await
        .unwrap();
    let synced = accounts.sync_once(Duration::from_secs(60)).await;
    assert_eq!(synced[0].1.as_ref().unwrap().report.unwrap().arrived, 1);
    assert_eq!(subjects(&accounts.companion(lea).await.unwrap()).await, ["Encore", "Pour lreset"]);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_server_is_silent_does_not_delay_another() {
    let academy = Academy::start().await.unwrap();
    academy
        .deliver("lreset@academie.test", b"From: a@academie.test\r\nSubject: Vite\r\n\r\nBonjour\r\n")
        .await
        .unwrap();
    // Two phones' worth of names: the wire holds up whoever connects first.
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let accounts = Accounts::open(phone.setup(folder.path())).await.unwrap();
    let mut ids = Vec::new();
    for uid in ["jdupont", "lreset"] {
        let (id, companion) = accounts.add().await.unwrap();
        assert!(matches!(enter(&companion, &academy, uid).await, SignInState::SignedIn(_)));
        ids.push(id);
    }
    // The first has a connection, and from now on it leads into a hole; the second has none and finds the way.
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead(academy.imap().host, wire.address());
    let first = accounts.companion(ids[0]).await.unwrap();
    first.sync(&|_, _| {}).await.unwrap();
    wire.set(Faults::none().black_hole()).await.unwrap();
    phone.hosts.lead(
        academy.imap().host,
        academy.hosts().into_iter().find(|(host, _)| host == academy.imap().host).unwrap().1,
    );
    let synced = accounts.sync_once(Duration::from_secs(12)).await;
    let report =
        |at: usize| synced[at].1.as_ref().ok().and_then(|done: &cartable_core::companion::SyncOnce| done.report);
    assert_eq!(report(1).map(|report| report.arrived), Some(1), "{synced:?}");
    accounts.shutdown().await.unwrap();
    academy.stop().await.unwrap();
}

//! A colleague shares a mailbox, with some rights, and takes it away again.

use academy::wire::Direction;
use academy::{Academy, Teacher};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::imap::{Owner, Rights};
use cartable_core::mail::{Flags, Mailbox};
use cartable_core::words::Finding;
use journeys::{Phone, inbox};

use super::mailboxes::{LATER, jeanne, message};

const SHARED: &str = "Partages/pmartin/Conseil";

async fn shared(companion: &Companion) -> Option<Mailbox> {
    companion.mailboxes().await.unwrap().into_iter().find(|one| one.name == SHARED)
}

/// Syncs over a new connection: Dovecot remembers for half a minute who may do what.
async fn sync(companion: &Companion) -> cartable_core::mail::SyncReport {
    companion.suspend().await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_mailbox_is_used_as_far_as_its_owner_allows_and_goes_when_it_is_taken_away() {
    let academy = Academy::start().await.unwrap();
    let mut paul = academy.mailbox(Teacher::by_uid("pmartin").unwrap().uid).await.unwrap();
    paul.command("CREATE Conseil").await.unwrap();
    for number in 1..4 {
        paul.append("Conseil", LATER.parse().unwrap(), message(number).as_bytes()).await.unwrap();
    }
    let mut hers = academy.mailbox("jdupont").await.unwrap();
    hers.append("INBOX", LATER.parse().unwrap(), message(9).as_bytes()).await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    let wire = phone.watched(&academy, academy.imap()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(shared(&companion).await, None);
    let room = companion.quota().await.unwrap();
    let storage = room[0].storage.unwrap();
    assert_eq!((room.len(), storage.limit), (1, 1 << 30));
    assert!(storage.used > 0 && storage.used < 1 << 20, "{storage:?}");

    paul.command("SETACL Conseil jdupont lrsi").await.unwrap();
    sync(&companion).await;
    let found = shared(&companion).await.unwrap();
    let rights = Rights::LOOKUP.with(Rights::READ).with(Rights::SEEN).with(Rights::INSERT);
    assert_eq!((found.owner.clone(), found.rights), (Owner::Person("pmartin".to_owned()), Some(rights)));
    assert_eq!((found.role, found.known, found.synced), (None, 0, false));

    assert!(companion.messages(found.id, None, 10).await.unwrap().is_empty());
    sync(&companion).await;
    let rows = companion.messages(found.id, None, 10).await.unwrap();
    assert_eq!((rows.len(), shared(&companion).await.unwrap().complete), (3, true));
    let opened = companion.open_message(rows[0].id).await.unwrap();
    assert!(opened.reading.text.contains("Bonjour"), "{opened:?}");

    // What is not allowed is refused before the server hears of it.
    let forbidden = CompanionError::Refused(Finding::MailboxNotAllowed);
    let one = [rows[0].id];
    assert_eq!(companion.delete(&one).await.unwrap_err(), forbidden);
    assert_eq!(companion.set_flags(&one, Flags::FLAGGED, true).await.unwrap_err(), forbidden);
    assert_eq!(companion.rename_mailbox(found.id, None, "A moi").await.unwrap_err(), forbidden);
    assert_eq!(companion.delete_mailbox(found.id).await.unwrap_err(), forbidden);
    // What is, is done.
    companion.set_flags(&one, Flags::SEEN, true).await.unwrap();
    let own = companion.messages(inbox(&companion).await, None, 10).await.unwrap()[0].id;
    companion.copy_to(&[own], found.id).await.unwrap();
    let report = sync(&companion).await;
    assert_eq!((report.acted, report.refused), (2, 0));
    assert!(companion.refusals().await.unwrap().is_empty());
    assert_eq!(paul.count("Conseil").await.unwrap(), 4);
    assert_eq!(shared(&companion).await.unwrap().known, 4);
    // Once everything is known a sync costs one command, and another when the rights are a day old.
    let before = wire.recorded(Direction::ToServer).len();
    sync(&companion).await;
    let sent = String::from_utf8(wire.recorded(Direction::ToServer).split_off(before)).unwrap();
    assert!(sent.contains("LIST"), "{sent}");
    for word in ["SELECT", "NAMESPACE", "MYRIGHTS", "GETQUOTAROOT"] {
        assert!(!sent.contains(word), "{sent}");
    }

    paul.command("DELETEACL Conseil jdupont").await.unwrap();
    sync(&companion).await;
    assert_eq!(shared(&companion).await, None);
    paul.command("SETACL Conseil jdupont lr").await.unwrap();
    sync(&companion).await;
    let again = shared(&companion).await.unwrap();
    assert_eq!(again.rights, Some(Rights::LOOKUP.with(Rights::READ)));
    companion.messages(again.id, None, 10).await.unwrap();
    sync(&companion).await;
    assert_eq!(companion.messages(again.id, None, 10).await.unwrap().len(), 4);
    academy.stop().await.unwrap();
}

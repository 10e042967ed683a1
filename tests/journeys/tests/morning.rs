//! A teacher's morning against the real servers: sign in, read, answer, tidy up; and what goes wrong on the way.

use std::time::Duration;

use academy::{Academy, Browser, Teacher};
use cartable_core::companion::CompanionError;
use cartable_core::mail::{Flags, LetterState};
use cartable_core::portal::{Notice, Question, SignInState};
use cartable_core::store::Change;
use cartable_core::words::Finding;
use journeys::{ACADEMY, Phone, inbox, sign_in, subjects};

fn message(number: usize) -> String {
    format!(
        "From: =?utf-8?q?L=C3=A9a?= <lreset@academie.test>\r\nTo: jdupont@academie.test\r\n\
         Subject: =?utf-8?q?R=C3=A9union?= {number}\r\nMessage-ID: <m{number}@academie.test>\r\n\
         Date: Mon, 23 Nov 2026 08:00:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nÀ {number} h.\r\n"
    )
}

async fn academy_with_mail(count: usize) -> Academy {
    let academy = Academy::start().await.unwrap();
    for number in 1..=count {
        academy.deliver("jdupont@academie.test", message(number).as_bytes()).await.unwrap();
    }
    academy
}

fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_signs_in_reads_answers_and_tidies_up() {
    let academy = academy_with_mail(3).await;
    let phone = Phone::new(&academy);
    let folder = tempfile::tempdir().unwrap();
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    let who = companion.account().unwrap();
    assert_eq!((who.identifier.as_str(), who.name.as_deref()), ("jdupont", Some("Jeanne Dupont")));
    assert_eq!(who.address.as_deref(), Some("jdupont@academie.test"));
    assert_eq!(companion.is_portal_session_alive().await, Ok(Some(true)));
    let page = companion.sign_out_page().await.unwrap().unwrap();
    assert!(page.starts_with(academy.issuer()), "{page}");

    let mut changes = companion.changes();
    let told = std::sync::Mutex::new(Vec::new());
    let report = companion.sync(&|done, expected| told.lock().unwrap().push((done, expected))).await.unwrap();
    assert_eq!((report.arrived, told.into_inner().unwrap()), (3, vec![(3, 3)]));
    let mailbox = inbox(&companion).await;
    assert!(changes.batch().await.unwrap().contains(&Change::Messages { mailbox }));
    assert_eq!(companion.sync(&|_, _| {}).await.unwrap(), Default::default());
    let rows = companion.messages(mailbox, None, 50).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.subject.as_str()).collect::<Vec<_>>(),
        ["Réunion 3", "Réunion 2", "Réunion 1"]
    );
    assert_eq!(rows[0].from_name.as_deref(), Some("Léa"));

    let opened = companion.open_message(rows[0].id).await.unwrap();
    assert_eq!(opened.reading.text.trim(), "À 3 h.");
    companion.set_flags(&[rows[0].id], Flags::SEEN, true).await.unwrap();
    let binned = companion.delete(&[rows[1].id]).await.unwrap();
    companion.undo(binned).await.unwrap();
    companion.delete(&[rows[2].id]).await.unwrap();
    assert_eq!(subjects(&companion).await, ["Réunion 3", "Réunion 2"]);

    companion.reply(rows[0].id, "J’y serai.\n.\nJeanne", false).await.unwrap();
    let refused = companion.sign_out(false).await;
    assert_eq!(refused, Err(CompanionError::Refused(Finding::Unsent { letters: 1 })));
    assert_eq!(companion.send_waiting().await.unwrap(), 1);
    assert_eq!(companion.outbox().await.unwrap()[0].state, LetterState::Filed);
    let report = companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!((report.acted, report.refused), (3, 0));
    assert_eq!(companion.undo(binned).await, Err(CompanionError::NotFound));

    let mut outside = academy.mailbox("jdupont").await.unwrap();
    assert_eq!(outside.count("INBOX").await.unwrap(), 2);
    assert_eq!(outside.count("Trash").await.unwrap(), 1);
    assert_eq!(outside.count("Sent").await.unwrap(), 1);
    let mut arrived = Vec::new();
    for _ in 0..50 {
        arrived = academy.mailbox("lreset").await.unwrap().messages("INBOX").await.unwrap();
        if !arrived.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let arrived = String::from_utf8(arrived.remove(0)).unwrap();
    assert!(arrived.contains("In-Reply-To: <m3@academie.test>"), "{arrived}");

    // As if the app had been killed: another start on the same folder and keystore goes on.
    drop(companion);
    academy.deliver("jdupont@academie.test", message(4).as_bytes()).await.unwrap();
    let companion = phone.open(folder.path()).await;
    assert_eq!(companion.sign_in_state(), SignInState::SignedIn(who));
    assert_eq!(subjects(&companion).await, ["Réunion 3", "Réunion 2"]);
    let once = companion.sync_once(Duration::from_secs(20)).await.unwrap();
    assert_eq!((once.sent, once.report.unwrap().arrived), (0, 1));
    assert_eq!(subjects(&companion).await, ["Réunion 4", "Réunion 3", "Réunion 2"]);
    companion.suspend().await.unwrap();
    assert_eq!(companion.open_message(rows[1].id).await.unwrap().reading.text.trim(), "À 2 h.");
    companion.shutdown().await.unwrap();
    assert_eq!(companion.mailboxes().await, Err(CompanionError::Cancelled));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_mail_is_a_step_of_the_sign_in_and_a_restart_is_none() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.open(folder.path()).await;
    let state = companion.begin_sign_in(ACADEMY).await.unwrap();
    let SignInState::Asks(Question::Browser { url, host, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(host, "auth.academie.test");
    drop(companion);
    let companion = phone.open(folder.path()).await;
    assert_eq!(companion.sign_in_state(), state);
    let teacher = Teacher::by_uid("pmartin").unwrap();
    let back = Browser::new(&academy).unwrap().sign_in(url, teacher).await.unwrap();
    // Somebody else's answer changes nothing: the teacher's own still counts.
    let forged = companion.browser_returned(&back.replace("state=", "state=x")).await.unwrap();
    let ignored = matches!(forged, SignInState::Asks(Question::Browser { notice: Some(Notice::NotOurs), .. }));
    assert!(ignored, "{forged:?}");
    assert_eq!(companion.mailboxes().await, Err(CompanionError::SignInAgain(Finding::SessionEnded)));
    let signed_in = companion.browser_returned(&back).await.unwrap();
    assert!(matches!(signed_in, SignInState::SignedIn(_)), "{signed_in:?}");
    assert_eq!(companion.account().unwrap().identifier, "pmartin");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_without_a_network_is_done_when_it_is_back() {
    let academy = academy_with_mail(2).await;
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    companion.suspend().await.unwrap();
    let rows = companion.messages(inbox(&companion).await, None, 50).await.unwrap();

    phone.hosts.lead("imap.academie.test", "127.0.0.77".parse().unwrap());
    companion.set_flags(&[rows[0].id], Flags::FLAGGED, true).await.unwrap();
    companion.delete(&[rows[1].id]).await.unwrap();
    let unreachable = companion.sync(&|_, _| {}).await;
    assert_eq!(unreachable, Err(CompanionError::CheckConnection(Finding::Unreachable)));
    assert_eq!(subjects(&companion).await, ["Réunion 2"]);

    phone.hosts.lead("imap.academie.test", "127.0.0.1".parse().unwrap());
    let report = companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!((report.acted, report.refused, report.gone), (2, 0, 0));
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    assert_eq!((outside.count("INBOX").await.unwrap(), outside.count("Trash").await.unwrap()), (1, 1));
    assert!(companion.messages(inbox(&companion).await, None, 50).await.unwrap()[0].flags.has(Flags::FLAGGED));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_on_the_same_phone_finds_none_of_the_first_ones_mail() {
    let academy = academy_with_mail(2).await;
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await.len(), 2);

    // Without a sign-out between them, as when a session has ended and a colleague signs in.
    let lea = Teacher::by_uid("lreset").unwrap();
    sign_in(&companion, &Browser::new(&academy).unwrap(), lea).await;
    assert_eq!(companion.account().unwrap().identifier, "lreset");
    assert_eq!(companion.mailboxes().await.unwrap(), []);
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await, [""; 0]);

    companion.sign_out(false).await.unwrap();
    assert_eq!((companion.account(), companion.sign_in_state()), (None, SignInState::SignedOut));
    sign_in(&companion, &Browser::new(&academy).unwrap(), jeanne()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await.len(), 2);
    academy.stop().await.unwrap();
}

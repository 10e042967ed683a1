//! A teacher's morning against the real servers: sign in, read, answer, tidy up; and what goes wrong on the way.

use academy::{Academy, Teacher};
use cartable_core::mail::{Flags, LetterState, MailAccount, MailError};
use cartable_core::portal::{SignInEvent, SignInFailure, SignInState};
use cartable_core::ports::ConnectError;
use journeys::Phone;

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

async fn inbox(mail: &MailAccount) -> i64 {
    mail.mailboxes().await.unwrap()[0].id
}

async fn subjects(mail: &MailAccount) -> Vec<String> {
    let rows = mail.page(inbox(mail).await, None, 50).await.unwrap();
    rows.into_iter().map(|row| row.subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teacher_signs_in_reads_answers_and_tidies_up() {
    let academy = academy_with_mail(3).await;
    let phone = Phone::new(&academy);
    let teacher = Teacher::by_uid("jdupont").unwrap();
    let (sign_in, who) = phone.signed_in(&academy, teacher).await;
    assert_eq!((who.identifier.as_str(), who.name.as_deref()), ("jdupont", Some("Jeanne Dupont")));
    assert_eq!(who.address.as_deref(), Some("jdupont@academie.test"));

    let folder = tempfile::tempdir().unwrap();
    let mail = phone.mail(&sign_in, who.clone(), folder.path());
    assert_eq!(mail.sync().await.unwrap().arrived, 3);
    assert_eq!(mail.sync().await.unwrap(), Default::default());
    let rows = mail.page(inbox(&mail).await, None, 50).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.subject.as_str()).collect::<Vec<_>>(),
        ["Réunion 3", "Réunion 2", "Réunion 1"]
    );
    assert_eq!(rows[0].from_name.as_deref(), Some("Léa"));

    let opened = mail.open_message(rows[0].id).await.unwrap();
    assert_eq!(opened.reading.text.trim(), "À 3 h.");
    mail.set_flag(rows[0].id, Flags::SEEN, true).await.unwrap();
    mail.delete(rows[2].id).await.unwrap();
    assert_eq!(subjects(&mail).await, ["Réunion 3", "Réunion 2"]);

    mail.reply(rows[0].id, "J’y serai.\n.\nJeanne", false, true, phone.clock.now_ms()).await.unwrap();
    assert_eq!(mail.send_waiting().await.unwrap(), 1);
    assert_eq!(mail.outbox().await.unwrap()[0].state, LetterState::Filed);
    let report = mail.sync().await.unwrap();
    assert_eq!((report.acted, report.refused), (3, 0));

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
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let arrived = String::from_utf8(arrived.remove(0)).unwrap();
    assert!(arrived.contains("In-Reply-To: <m3@academie.test>"), "{arrived}");

    // As if the app had been killed: a new phone program on the same folder and keystore goes on.
    drop(mail);
    academy.deliver("jdupont@academie.test", message(4).as_bytes()).await.unwrap();
    let again = phone.sign_in(Some(who.clone()));
    let mail = phone.mail(&again, who, folder.path());
    assert_eq!(subjects(&mail).await, ["Réunion 3", "Réunion 2"]);
    assert_eq!(mail.sync().await.unwrap().arrived, 1);
    assert_eq!(subjects(&mail).await, ["Réunion 4", "Réunion 3", "Réunion 2"]);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_mail_is_a_step_of_the_sign_in_and_a_restart_is_none() {
    let academy = Academy::start().await.unwrap();
    let phone = Phone::new(&academy);
    let sign_in = phone.sign_in(None);
    let SignInState::Browser { url, host } = sign_in.happen(SignInEvent::Begin).await else {
        panic!("{:?}", sign_in.state());
    };
    assert_eq!(host, "auth.academie.test");
    drop(sign_in);
    let sign_in = phone.sign_in(None);
    assert_eq!(sign_in.state(), SignInState::Browser { url: url.clone(), host });
    let teacher = Teacher::by_uid("pmartin").unwrap();
    let back = academy::Browser::new(&academy).unwrap().sign_in(&url, teacher).await.unwrap();
    let forged = back.replace("state=", "state=x");
    assert!(matches!(
        phone.sign_in(None).happen(SignInEvent::Returned { url: forged }).await,
        SignInState::Failed(SignInFailure::NotOurs(_))
    ));
    let (_, who) = phone.signed_in(&academy, teacher).await;
    assert_eq!(who.identifier, "pmartin");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_without_a_network_is_done_when_it_is_back() {
    let academy = academy_with_mail(2).await;
    let phone = Phone::new(&academy);
    let (sign_in, who) = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let mail = phone.mail(&sign_in, who, folder.path());
    mail.sync().await.unwrap();
    mail.disconnect().await;
    let rows = mail.page(inbox(&mail).await, None, 50).await.unwrap();

    phone.hosts.lead("imap.academie.test", "127.0.0.77".parse().unwrap());
    mail.set_flag(rows[0].id, Flags::FLAGGED, true).await.unwrap();
    mail.delete(rows[1].id).await.unwrap();
    assert_eq!(mail.sync().await, Err(MailError::Connect(ConnectError::Unreachable)));
    assert_eq!(subjects(&mail).await, ["Réunion 2"]);

    phone.hosts.lead("imap.academie.test", "127.0.0.1".parse().unwrap());
    let report = mail.sync().await.unwrap();
    assert_eq!((report.acted, report.refused, report.gone), (2, 0, 0));
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    assert_eq!((outside.count("INBOX").await.unwrap(), outside.count("Trash").await.unwrap()), (1, 1));
    assert!(mail.page(inbox(&mail).await, None, 50).await.unwrap()[0].flags.has(Flags::FLAGGED));
    academy.stop().await.unwrap();
}

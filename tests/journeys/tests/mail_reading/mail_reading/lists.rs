//! Conversations and lists, on mail that other programs write, move and read meanwhile.

use academy::{Academy, Teacher};
use cartable_core::companion::Companion;
use cartable_core::mail::{Conversation, Flags, List};
use journeys::Phone;

const DATE: &str = "2026-11-24T08:00:00Z";
const ME: &str = "jdupont@academie.test";
const OTHER: &str = "lreset@academie.test";

fn letter(id: &str, answers: &[&str], from: &str, to: &str, subject: &str) -> Vec<u8> {
    let mut text = format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}@a.test>\r\n");
    if !answers.is_empty() {
        let all: Vec<_> = answers.iter().map(|id| format!("<{id}@a.test>")).collect();
        text += &format!("References: {}\r\n", all.join(" "));
    }
    (text + "\r\nBonjour\r\n").into_bytes()
}

async fn mailbox(companion: &Companion, name: &str) -> i64 {
    let all = companion.mailboxes().await.unwrap();
    all.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{name}: {all:?}")).id
}

async fn conversations(companion: &Companion) -> Vec<Conversation> {
    companion.conversations(mailbox(companion, "INBOX").await, None, false, 50).await.unwrap()
}

async fn subjects(companion: &Companion, list: List) -> Vec<String> {
    let mut rows: Vec<_> = companion.list(list, None, 50).await.unwrap().into_iter().map(|row| row.subject).collect();
    rows.sort_unstable();
    rows
}

/// What the store keeps against what a look at each row gives.
async fn counts_are_right(companion: &Companion) {
    for one in companion.mailboxes().await.unwrap() {
        let rows = companion.messages(one.id, None, 500).await.unwrap();
        let unread = rows.iter().filter(|row| !row.flags.has(Flags::SEEN)).count();
        assert_eq!((one.known, one.unread), (rows.len() as u64, unread as u64), "{}", one.name);
    }
    let counts = companion.list_counts().await.unwrap();
    for (list, count) in [(List::Unread, counts.unread), (List::Flagged, counts.flagged)] {
        assert_eq!(companion.list(list.clone(), None, 500).await.unwrap().len() as u64, count, "{list:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_over_three_mailboxes_its_counts_and_its_muting_outlast_what_others_do() {
    let academy = Academy::start().await.unwrap();
    let mut outside = academy.mailbox("jdupont").await.unwrap();
    let date = || DATE.parse().unwrap();
    // The names that the server keeps for its own are there already.
    for name in ["Sent", "Classe", "Trash"] {
        let _ = outside.command(&format!("CREATE {name}")).await;
    }
    outside.append("INBOX", date(), &letter("1", &[], OTHER, ME, "Sortie au musée")).await.unwrap();
    outside.append("Sent", date(), &letter("2", &["1"], ME, OTHER, "Re: Sortie au musée")).await.unwrap();
    outside.append("Classe", date(), &letter("3", &["1", "2"], OTHER, ME, "RE : Sortie au musée")).await.unwrap();
    outside.append("INBOX", date(), &letter("3", &["1", "2"], OTHER, ME, "RE : Sortie au musée")).await.unwrap();
    outside.append("INBOX", date(), &letter("9", &[], OTHER, &format!("{ME}, {OTHER}"), "Cantine")).await.unwrap();

    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, Teacher::by_uid("jdupont").unwrap(), folder.path()).await;
    companion.sync(&|_, _| {}).await.unwrap();
    let all = conversations(&companion).await;
    let outing = all.iter().find(|one| one.subject == "Sortie au musée").unwrap().clone();
    assert_eq!((all.len(), outing.count, outing.participants.len()), (2, 3, 2));
    assert!(outing.participants.iter().any(|one| one.me && one.person.address == ME));
    let opened = companion.conversation(outing.newest).await.unwrap();
    let copies: usize = opened.iter().map(|one| one.copies.len()).sum();
    assert_eq!((opened.len(), copies), (3, 4));
    let sent = companion.messages(mailbox(&companion, "Sent").await, None, 10).await.unwrap();
    assert_eq!(sent[0].to[0].address, OTHER);
    assert_eq!(
        subjects(&companion, List::ToMeOnly).await,
        ["RE : Sortie au musée", "RE : Sortie au musée", "Sortie au musée"]
    );
    assert_eq!(subjects(&companion, List::From(OTHER.to_uppercase())).await.len(), 4);
    counts_are_right(&companion).await;

    companion.mute(outing.newest, true).await.unwrap();
    companion.set_flags(&[outing.newest], Flags::FLAGGED, true).await.unwrap();
    // Meanwhile another program reads, flags, throws away, and an answer comes.
    outside.command("SELECT INBOX").await.unwrap();
    outside.command("STORE 1 +FLAGS (\\Seen)").await.unwrap();
    outside.command("STORE 3 +FLAGS (\\Flagged)").await.unwrap();
    outside.command("SELECT Classe").await.unwrap();
    outside.command("MOVE 1 Trash").await.unwrap();
    outside.append("INBOX", date(), &letter("4", &["3"], OTHER, ME, "RE : Sortie au musée")).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    counts_are_right(&companion).await;
    let all = conversations(&companion).await;
    let outing = all.iter().find(|one| one.subject == "Sortie au musée").unwrap().clone();
    assert_eq!((outing.count, outing.flagged, outing.muted), (4, true, true));
    let inbox = mailbox(&companion, "INBOX").await;
    let unmuted = companion.conversations(inbox, None, true, 50).await.unwrap();
    assert_eq!(unmuted.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["Cantine"]);
    assert_eq!(subjects(&companion, List::Flagged).await.len(), 2);

    // Taken back, it is as it was; and after a restart.
    let deed = companion.delete(&[outing.newest]).await.unwrap();
    counts_are_right(&companion).await;
    companion.undo(deed).await.unwrap();
    counts_are_right(&companion).await;
    drop(companion);
    let companion = phone.open(folder.path()).await;
    let again = conversations(&companion).await;
    assert_eq!(again, all);
    companion.mute(outing.newest, false).await.unwrap();
    assert!(conversations(&companion).await.iter().all(|one| !one.muted));
}

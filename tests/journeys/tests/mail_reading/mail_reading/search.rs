//! Finding mail against the real servers: what is on the phone at once, what is not by the server's own search.

use std::sync::Mutex;

use academy::{Academy, Mailbox, Teacher};
use cartable_core::companion::Companion;
use cartable_core::mail::Prefetch;
use cartable_core::mail::search::Hit;
use jiff::Timestamp;
use journeys::{Phone, inbox};

/// When the first letter came, in seconds since 1970.
const FIRST: i64 = 1_795_507_200;

fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

async fn put(mailbox: &mut Mailbox, name: &str, number: i64, subject: &str, text: &str) {
    let raw = format!(
        "From: =?utf-8?Q?L=C3=A9a?= <lreset@academie.test>\r\nTo: jdupont@academie.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    );
    mailbox.append(name, Timestamp::from_second(FIRST + number).unwrap(), raw.as_bytes()).await.unwrap();
}

fn subjects(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.row.subject.as_str()).collect()
}

async fn found(companion: &Companion, text: &str) -> Vec<String> {
    let found = companion.search(&companion.question(text), None, 50).await.unwrap();
    assert_eq!(found.waiting, 0, "{text}");
    found.hits.into_iter().map(|hit| hit.row.subject).collect()
}

#[tokio::test]
async fn a_teacher_finds_what_is_on_the_phone_and_the_server_finds_the_rest() {
    let academy = Academy::start().await.unwrap();
    let mut mailbox = academy.mailbox("jdupont").await.unwrap();
    mailbox.command("CREATE Archives").await.unwrap();
    put(&mut mailbox, "INBOX", 1, "Sortie", "L'élève a oublié son œuvre au musée.").await;
    put(&mut mailbox, "INBOX", 2, "Conseil", "Rendez-vous salle 12 à huit heures.").await;
    put(&mut mailbox, "Archives", 3, "Cantine", "Le menu : bœuf et hélianthes.").await;
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = phone.signed_in(&academy, jeanne(), folder.path()).await;
    companion.set_prefetch_policy(Prefetch::Nothing).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();

    // Of what was never opened the phone has the header: its words are found at once, others by the server.
    assert_eq!(found(&companion, "de:lea cons").await, ["Conseil"]);
    assert!(found(&companion, "hélianthes").await.is_empty());
    let told = Mutex::new(Vec::new());
    let question = companion.question("hélianthes");
    let there =
        companion.search_server(&question, None, &|done, of| told.lock().unwrap().push((done, of))).await.unwrap();
    assert_eq!((subjects(&there.hits), there.not_here, there.unsearched.len()), (vec!["Cantine"], 0, 0));
    let told = told.into_inner().unwrap();
    assert!(told.len() >= 2 && told.last().is_some_and(|(done, of)| done == of), "{told:?}");
    let here = Some(inbox(&companion).await);
    let elsewhere = companion.search_server(&question, here, &|_, _| {}).await.unwrap();
    assert!(elsewhere.hits.is_empty());

    // What was opened is found by every word of it, also once its text is not kept any more.
    let rows = companion.messages(inbox(&companion).await, None, 10).await.unwrap();
    companion.open_message(rows[1].id).await.unwrap();
    let question = companion.question("l'eleve oeuv");
    assert_eq!(found(&companion, "l'eleve oeuv").await, ["Sortie"]);
    let snippet = companion.snippets(&question, &[rows[1].id]).await.unwrap().remove(0);
    let marked: Vec<_> = snippet.marks.iter().map(|mark| &snippet.text[mark.clone()]).collect();
    assert_eq!((marked, snippet.subject), (vec!["élève", "œuvre"], false));
    companion.empty_cache().await.unwrap();
    assert_eq!(found(&companion, "musée avant:2027 dans:inbox").await, ["Sortie"]);
    // And told once: the phone knew.
    let again = companion.search_server(&companion.question("musée"), None, &|_, _| {}).await.unwrap();
    assert!(again.hits.is_empty(), "{:?}", subjects(&again.hits));

    // A letter that comes while the app looks elsewhere.
    put(&mut mailbox, "INBOX", 9, "Hippocampes", "x").await;
    let late = companion.search_server(&companion.question("hippocampes"), None, &|_, _| {}).await.unwrap();
    assert_eq!((late.hits.len(), late.not_here), (0, 1));
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(found(&companion, "hippoc").await, ["Hippocampes"]);

    // Killed and started anew, nothing is read a second time, and all is found.
    drop(companion);
    let companion = phone.open(folder.path()).await;
    assert_eq!(companion.index_waiting().await.unwrap(), 0);
    assert_eq!(found(&companion, "musée").await, ["Sortie"]);

    // Moved, it is found where it is.
    let message = rows[1].id;
    let archives = companion.mailboxes().await.unwrap().into_iter().find(|one| one.name == "Archives").unwrap().id;
    companion.move_to(&[message], archives).await.unwrap();
    assert_eq!(found(&companion, "musée dans:archives").await, ["Sortie"]);
    assert!(found(&companion, "musée dans:inbox").await.is_empty());
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(found(&companion, "musée dans:archives").await, ["Sortie"]);
    companion.delete_for_ever(&[message]).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    assert!(found(&companion, "musée").await.is_empty());
    companion.shutdown().await.unwrap();
    academy.stop().await.unwrap();
}

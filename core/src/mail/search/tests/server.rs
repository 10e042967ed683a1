//! A server that finds what the phone has not, refuses, lies and falls silent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Query, Scene, TODAY};
use crate::mail::Credentials;
use crate::mail::imap::{ImapError, ImapSession, Limits};
use crate::mail::search::WhyUnsearched;

type Heard = Arc<Mutex<String>>;

/// Answers each line: to a search what `found` gives.
async fn serve(mut stream: DuplexStream, capabilities: &'static str, heard: Heard, found: &'static str) {
    stream.write_all(format!("* OK [CAPABILITY {capabilities}] x\r\n").as_bytes()).await.unwrap();
    let (mut buffer, mut tag) = (Vec::new(), String::new());
    loop {
        let Some(end) = memchr::memmem::find(&buffer, b"\r\n") else {
            let mut some = [0; 4096];
            match stream.read(&mut some).await {
                Ok(0) | Err(_) => return,
                Ok(count) => buffer.extend_from_slice(&some[..count]),
            }
            continue;
        };
        let line = String::from_utf8(buffer.drain(..end + 2).collect()).unwrap();
        heard.lock().unwrap().push_str(&line);
        let line = line.trim_end();
        if line.ends_with('}') {
            if !line.ends_with("+}") {
                tag = if tag.is_empty() { line.split(' ').next().unwrap().to_owned() } else { tag };
                stream.write_all(b"+ go on\r\n").await.unwrap();
            } else if tag.is_empty() {
                tag = line.split(' ').next().unwrap().to_owned();
            }
            continue;
        }
        let whole = std::mem::take(&mut tag);
        let (tag, command) =
            if whole.is_empty() { line.split_once(' ').unwrap() } else { (whole.as_str(), "UID SEARCH") };
        let answer = if command.starts_with("SELECT") {
            format!("* 9 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK x\r\n")
        } else if command.starts_with("UID SEARCH") {
            if found == "silence" {
                continue;
            }
            found.replace("TAG", tag)
        } else if command.starts_with("CAPABILITY") {
            format!("* CAPABILITY {capabilities}\r\n{tag} OK x\r\n")
        } else {
            format!("{tag} OK x\r\n")
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn connect(scene: &Scene, capabilities: &'static str, found: &'static str) -> Heard {
    let (ours, theirs) = duplex(1 << 16);
    let heard = Heard::default();
    tokio::spawn(serve(theirs, capabilities, Arc::clone(&heard), found));
    let credentials = Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() };
    let limits = Limits { silence: Duration::from_secs(30) };
    let session = ImapSession::open(Box::new(ours), &credentials, limits).await.unwrap();
    scene.mail.connected_for_the_teacher(session).await;
    heard
}

/// A phone that knows the UIDs 1 and 2 of an inbox, of which the first says `élève`.
async fn scene() -> (Scene, [i64; 2]) {
    let scene = Scene::new().await;
    let one = scene.arrives(scene.inbox, 1, 9, "Subject: =?utf-8?Q?=C3=A9l=C3=A8ve?=\n").await;
    let two = scene.arrives(scene.inbox, 2, 8, "Subject: Autre chose\n").await;
    let inbox = scene.inbox;
    let known = scene.store.write(move |t, _| {
        t.execute("DELETE FROM mailbox WHERE id <> ?", [inbox])?;
        Ok(t.execute("UPDATE mailbox SET uid_validity = 7", [])?)
    });
    known.await.unwrap();
    scene.mail.index_waiting().await.unwrap();
    (scene, [one, two])
}

const PLAIN: &str = "IMAP4rev1 SASL-IR AUTH=PLAIN";

#[tokio::test]
async fn what_the_server_finds_and_the_phone_did_not_is_told_once() {
    let (scene, [_, two]) = scene().await;
    for (capabilities, found, asked) in [
        (PLAIN, "* SEARCH 1 2 5\r\nTAG OK x\r\n", "UID SEARCH CHARSET UTF-8 TEXT {7}\r\nélève\r\n"),
        (
            "IMAP4rev1 ESEARCH LITERAL+ SASL-IR AUTH=PLAIN",
            "* ESEARCH (TAG \"TAG\") UID ALL 1:2,5\r\nTAG OK x\r\n",
            "UID SEARCH RETURN (ALL) CHARSET UTF-8 TEXT {7+}\r\nélève\r\n",
        ),
    ] {
        let heard = connect(&scene, capabilities, found).await;
        let progress = Mutex::new(Vec::new());
        let tell = |done, all| progress.lock().unwrap().push((done, all));
        let query = Query::read("élève", TODAY);
        let found = scene.mail.search_server(&query, None, &tell).await.unwrap();
        assert_eq!(found.hits.iter().map(|hit| hit.row.id).collect::<Vec<_>>(), [two], "{capabilities}");
        assert_eq!((found.not_here, found.more, found.unsearched.len()), (1, false, 0));
        assert!(heard.lock().unwrap().contains(asked), "{}", heard.lock().unwrap());
        assert_eq!(*progress.lock().unwrap(), [(1, 1)]);
    }
}

#[tokio::test]
async fn every_key_is_said_in_the_servers_words() {
    let (scene, _) = scene().await;
    let heard = connect(&scene, PLAIN, "* SEARCH\r\nTAG OK x\r\n").await;
    let query = Query::read("de:paul à:lea objet:\"a \\b\" -cantine avant:12/03/2026 après:2025 a:pièce", TODAY);
    scene.mail.search_server(&query, None, &|_, _| {}).await.unwrap();
    let wanted = "UID SEARCH FROM \"paul\" OR TO \"lea\" CC \"lea\" SUBJECT \"a b\" NOT TEXT \"cantine\" BEFORE 12-Mar-2026 SINCE 01-Jan-2025\r\n";
    assert!(heard.lock().unwrap().contains(wanted), "{}", heard.lock().unwrap());
    // Of days alone the phone knows as much.
    let before = heard.lock().unwrap().len();
    scene.mail.search_server(&Query::read("avant:2026", TODAY), None, &|_, _| {}).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_could_not_be_searched_is_named_with_the_reason() {
    for (found, why) in [
        ("TAG NO [BADCHARSET (US-ASCII)] no\r\n", WhyUnsearched::Refused("no".to_owned())),
        ("TAG BAD what\r\n", WhyUnsearched::Refused("what".to_owned())),
        ("* SEARCH 1 x\r\nTAG OK x\r\n", WhyUnsearched::Failed),
        ("silence", WhyUnsearched::Slow),
    ] {
        let (scene, _) = scene().await;
        connect(&scene, PLAIN, found).await;
        let told = scene.mail.search_server(&Query::read("élève", TODAY), None, &|_, _| {}).await.unwrap();
        let told: Vec<_> = told.unsearched.into_iter().map(|one| (one.name, one.why)).collect();
        assert_eq!(told, [("INBOX".to_owned(), why)], "{found}");
    }
}

#[tokio::test]
async fn another_mailbox_of_the_same_name_is_not_searched() {
    let (scene, _) = scene().await;
    scene.store.write(|t, _| Ok(t.execute("UPDATE mailbox SET uid_validity = 8", [])?)).await.unwrap();
    connect(&scene, PLAIN, "* SEARCH 1 2\r\nTAG OK x\r\n").await;
    let told = scene.mail.search_server(&Query::read("élève", TODAY), None, &|_, _| {}).await.unwrap();
    assert_eq!((told.hits.len(), told.unsearched[0].why.clone()), (0, WhyUnsearched::Changed));
}

#[tokio::test]
async fn nothing_that_no_command_can_carry_is_sent() {
    let (scene, _) = scene().await;
    let heard = connect(&scene, PLAIN, "TAG OK x\r\n").await;
    let mut errand = scene.mail.foreground().await.unwrap();
    use crate::mail::imap::{SearchKey, Wanted};
    for text in ["a\r\nb", "a\0b", "é\0"] {
        let key = SearchKey::new(Wanted::Text(text.to_owned()), false);
        assert_eq!(errand.imap.search(&[key]).await, Err(ImapError::InvalidArgument));
    }
    assert!(!heard.lock().unwrap().contains("SEARCH"));
}

use std::sync::Arc;
use std::time::Duration;

use rusqlite::params;

use super::Left;
use crate::academy::Catalogue;
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::portal::tests::scripted::{HOST, Reply, Scripted};
use crate::ports::ConnectError;
use crate::store::Store;

/// An account with one message of a list in its store, whose server is `list`.
async fn account(folder: &tempfile::TempDir, list: &Scripted) -> MailAccount {
    let academy = Arc::new(Catalogue::bundled().unwrap().by_id("lyon").unwrap().clone());
    let store = Store::open(folder.path()).unwrap();
    let raw = format!(
        "Authentication-Results: ac-lyon.fr; dkim=pass header.d={HOST}\r\nReceived: x\r\n\
         DKIM-Signature: d={HOST}; h=from:list-unsubscribe:list-unsubscribe-post; b=x\r\nFrom: a@{HOST}\r\nList-Id: <l.{HOST}>\r\n\
         List-Unsubscribe: <https://{HOST}:{}/quitter?id=7>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nNouvelles\r\n",
        list.port
    );
    let written = store.write(move |t, _| {
        t.execute("INSERT INTO mailbox (id, academy, name, role) VALUES (1, 'lyon', 'INBOX', 'inbox')", [])?;
        t.execute(
            "INSERT INTO message (id, mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header, shown_in)
             VALUES (1, 1, 1, 1, ?1, '', 0, 0, 0, ?2, 1)",
            params![raw.len() as i64, raw.as_bytes()],
        )?;
        t.execute("INSERT INTO body (message, raw) VALUES (1, ?)", [raw.into_bytes()])?;
        Ok(())
    });
    written.await.unwrap();
    MailAccount::for_tests(academy, store, list.network.clone())
}

fn status(line: &str) -> Reply {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
}

#[tokio::test]
async fn one_request_leaves_a_list_and_tells_nothing_of_the_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let list = Scripted::start(|_, _| status("200 OK")).await;
    let mail = account(&folder, &list).await;
    let opened = mail.open_message(1).await.unwrap();
    assert!(opened.list.and_then(|list| list.leave).is_some_and(|leave| leave.is_at(HOST)));
    assert_eq!(opened.sender.is_first, None);
    assert!(matches!(mail.leave_list(1, "autre.example").await, Err(MailError::NotFound)));
    assert_eq!(list.seen(""), Vec::<String>::new());
    assert_eq!(mail.leave_list(1, HOST).await.unwrap(), Left::Accepted);
    let seen = list.seen("");
    let asked = seen[0].to_lowercase();
    assert!(
        seen[0].starts_with("POST /quitter?id=7 HTTP/1.1") && seen[0].ends_with("List-Unsubscribe=One-Click"),
        "{seen:?}"
    );
    for word in ["cookie", "jdupont", "referer", "authorization"] {
        assert!(!asked.contains(word), "{asked}");
    }
    assert!(matches!(mail.leave_list(2, HOST).await, Err(MailError::NotFound)));
}

#[tokio::test]
async fn a_list_that_redirects_refuses_talks_on_or_is_silent_is_followed_nowhere() {
    for (answer, expected) in [
        (status("302 Found\r\nLocation: https://autre.example/"), Ok(302)),
        (status("500 Oh"), Ok(500)),
        (Reply { text: "HTTP/1.1 404 No\r\n\r\n".to_owned(), filler: b"xxxxxxxx", ..Reply::default() }, Ok(404)),
        (Reply { delay: Duration::from_secs(60), ..Reply::default() }, Err(ConnectError::TimedOut)),
        (Reply::default(), Err(ConnectError::Cut)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let list = Scripted::start(move |_, _| answer.clone()).await;
        let mail = account(&folder, &list).await;
        match (mail.leave_list(1, HOST).await, expected) {
            (Ok(left), Ok(status)) => assert_eq!(left, Left::Refused { status }),
            (Err(MailError::Connect(why)), Err(expected)) => assert_eq!(why, expected),
            (found, expected) => panic!("{found:?} for {expected:?}"),
        }
        assert_eq!(list.seen("").len(), 1);
    }
}

#[tokio::test]
async fn the_source_is_shown_and_a_message_opened_says_who_sent_it() {
    let folder = tempfile::tempdir().unwrap();
    let list = Scripted::start(|_, _| status("200 OK")).await;
    let mail = account(&folder, &list).await;
    let source = mail.raw_source(1).await.unwrap();
    assert!(source.whole && !source.cut && source.text.ends_with("\n\nNouvelles\n"), "{source:?}");
    let saved = mail.save_source(1, folder.path(), &|_, _| {}).await.unwrap();
    let written = std::fs::read(saved.path).unwrap();
    assert!(written.ends_with(b"\r\n\r\nNouvelles\r\n"));
    let opened = mail.open_message(1).await.unwrap();
    assert_eq!(opened.sender.authenticity.aligned, crate::mail::Verdict::Pass);
    assert!(matches!(mail.open_inner(1, vec![0]).await, Err(MailError::NotFound)));
}

//! The worker and servers that do what Dovecot does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

use super::super::Touch;
use crate::academy::Catalogue;
use crate::mail::account::SILENCE;
use crate::mail::imap::{ImapSession, Limits};
use crate::mail::{Credentials, Link, MailAccount, MailError};
use crate::ports::Network;
use crate::store::Store;

/// Serves an inbox that is empty. What is asked goes into `asked`; IDLE and NOTIFY are answered with `refusal`.
async fn serve(
    stream: DuplexStream,
    capabilities: &'static str,
    refusal: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut answer = format!("* OK [CAPABILITY {capabilities}] hi\r\n");
    let mut line = String::new();
    loop {
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let word = command.split(' ').next().unwrap_or_default();
        asked.lock().unwrap().push(word.to_owned());
        answer = match word {
            "CAPABILITY" => format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n"),
            "LIST" => {
                format!("* LIST () \"/\" INBOX\r\n* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n{tag} OK\r\n")
            }
            "SELECT" => format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 1] x\r\n{tag} OK\r\n"),
            "IDLE" | "NOTIFY" => format!("{tag} {refusal}\r\n"),
            _ => format!("{tag} OK\r\n"),
        };
    }
}

/// An account with a connection to such a server, and what it is asked.
async fn account(
    capabilities: &'static str,
    refusal: &'static str,
) -> (Arc<MailAccount>, Arc<Mutex<Vec<String>>>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let academy = Arc::new(Catalogue::bundled().unwrap().academies().next().unwrap().clone());
    let store = Store::open(folder.path()).unwrap();
    let mail = Arc::new(MailAccount::for_tests(academy, store, Network::builder().build().unwrap()));
    let (ours, theirs) = duplex(1 << 20);
    let asked = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(serve(theirs, capabilities, refusal, Arc::clone(&asked)));
    let credentials = Credentials::Password { user: "jdupont".to_owned(), password: SecretString::from("pl4nted") };
    let imap = ImapSession::open(Box::new(ours), &credentials, Limits { silence: SILENCE }).await.unwrap();
    mail.connected(imap).await;
    (mail, asked, folder)
}

#[tokio::test]
async fn a_server_that_refuses_to_tell_is_polled_and_not_asked_again() {
    for refusal in ["NO not here", "BAD what?"] {
        let all = "IMAP4rev1 IDLE NOTIFY UNSELECT LIST-EXTENDED LIST-STATUS SASL-IR AUTH=PLAIN";
        let (mail, asked, _folder) = account(all, refusal).await;
        let worker = tokio::spawn({
            let mail = Arc::clone(&mail);
            async move { mail.stay_in_touch().await }
        });
        let mut touch = mail.touch();
        let up_to_date = touch.wait_for(|touch| matches!(touch, Touch::UpToDate { .. }));
        timeout(Duration::from_secs(20), up_to_date).await.unwrap().unwrap();
        let count = |word: &str| asked.lock().unwrap().iter().filter(|one| *one == word).count();
        let idled = async {
            while count("IDLE") == 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), idled).await.unwrap();
        // Whatever makes it think anew.
        for link in [Link::Metered, Link::Unmetered, Link::LowData] {
            sleep(Duration::from_millis(100)).await;
            mail.set_link(link);
        }
        assert_eq!((count("NOTIFY"), count("IDLE")), (1, 1), "{refusal}");
        mail.disconnect().await;
        assert_eq!(worker.await.unwrap(), MailError::Stopped);
        assert_eq!(*mail.touch().borrow(), Touch::Resting);
    }
}

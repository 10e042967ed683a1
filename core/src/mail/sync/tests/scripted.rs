//! Servers that do what Dovecot does not: they lie, they count nothing, they change their mind in the middle.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

use super::noise::Noise;
use crate::academy::Catalogue;
use crate::mail::account::SILENCE;
use crate::mail::imap::{ImapError, ImapSession, Limits};
use crate::mail::{Credentials, Flags, MailAccount, MailError};
use crate::ports::Network;
use crate::store::Store;

pub(super) const ALL: &str =
    "IMAP4rev1 ENABLE CONDSTORE QRESYNC ESEARCH LIST-EXTENDED LIST-STATUS UNSELECT SASL-IR AUTH=PLAIN";
pub(super) const CONDSTORE: &str = "IMAP4rev1 CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS UNSELECT SASL-IR AUTH=PLAIN";

/// A server of one mailbox, and the lies it tells of it.
#[derive(Clone)]
pub(super) struct Liar {
    capabilities: &'static str,
    validity: u32,
    /// The UIDs that are there, and whether each has been read.
    pub(super) messages: Vec<(u32, bool)>,
    pub(super) uid_next: u32,
    pub(super) mod_seq: u64,
    /// What is told of the count of changes at SELECT, in the place of `mod_seq`.
    mod_seq_told: Option<&'static str>,
    /// What is told at SELECT with QRESYNC, and for CHANGEDSINCE.
    pub(super) changes: String,
    /// What is answered to a search.
    search: Option<&'static str>,
    /// The UIDVALIDITY at the next SELECT, another than STATUS said.
    sudden_validity: Option<u32>,
    /// Counted, and in no list.
    hidden: Option<u32>,
    /// What becomes of its answers on the way.
    pub(super) noise: Option<Noise>,
    /// What the client has asked.
    asked: Vec<String>,
}

impl Liar {
    pub(super) fn new(capabilities: &'static str) -> Self {
        let messages = (1..=3).map(|uid| (uid, false)).collect();
        Self {
            capabilities,
            validity: 7,
            messages,
            uid_next: 4,
            mod_seq: 10,
            mod_seq_told: None,
            changes: String::new(),
            search: None,
            sudden_validity: None,
            hidden: None,
            noise: None,
            asked: Vec::new(),
        }
    }

    pub(super) fn rows(&self, wanted: impl Fn(u32, u32) -> bool, header: bool) -> String {
        let mut told = String::new();
        for (index, (uid, seen)) in self.messages.iter().enumerate() {
            let (number, flags) = (index as u32 + 1, if *seen { "\\Seen" } else { "" });
            if wanted(number, *uid) && self.hidden != Some(*uid) {
                let header = if header {
                    format!(
                        " INTERNALDATE \"01-Feb-2026 10:00:00 +0100\" RFC822.SIZE 9 BODY[HEADER.FIELDS (FROM)]<0> {{{}}}\r\n\
                         Subject: {uid}\r\n",
                        11 + uid.to_string().len()
                    )
                } else {
                    String::new()
                };
                told += &format!("* {number} FETCH (UID {uid} FLAGS ({flags}){header})\r\n");
            }
        }
        told
    }

    fn answer(&mut self, tag: &str, command: &str) -> String {
        self.asked.push(command.to_owned());
        let count = self.messages.len();
        let set = |text: &str| {
            let (low, high) = text.split_once(':').unwrap_or((text, text));
            (low.parse().unwrap_or(1), high.parse().unwrap_or(u32::MAX))
        };
        let status = format!(
            "* STATUS INBOX (MESSAGES {count} UIDNEXT {} UIDVALIDITY {} HIGHESTMODSEQ {})\r\n",
            self.uid_next, self.validity, self.mod_seq
        );
        let told = if let Some(rest) = command.strip_prefix("LIST ") {
            let list = "* LIST () \"/\" INBOX\r\n".to_owned();
            if rest.contains("STATUS") { list + &status } else { list }
        } else if command.starts_with("STATUS ") {
            status
        } else if command.starts_with("SELECT ") {
            let validity = self.sudden_validity.take().unwrap_or(self.validity);
            self.validity = validity;
            let high = self.mod_seq_told.map_or(format!("HIGHESTMODSEQ {}", self.mod_seq), str::to_owned);
            let changes = if command.contains("QRESYNC") { self.changes.as_str() } else { "" };
            format!(
                "* {count} EXISTS\r\n* OK [UIDVALIDITY {validity}] x\r\n* OK [UIDNEXT {}] x\r\n* OK [{high}] x\r\n{changes}",
                self.uid_next
            )
        } else if command.contains("CHANGEDSINCE") {
            self.changes.clone()
        } else if let Some(rest) = command.strip_prefix("UID FETCH ") {
            let (low, high) = set(rest.split(' ').next().unwrap());
            self.rows(|_, uid| (low..=high).contains(&uid), rest.contains("HEADER"))
        } else if let Some(rest) = command.strip_prefix("FETCH ") {
            let (low, high) = set(rest.split(' ').next().unwrap());
            self.rows(|number, _| (low..=high).contains(&number), true)
        } else if command.starts_with("UID SEARCH") {
            match self.search {
                Some("BAD") if command.contains("RETURN") => {
                    return format!("{tag} BAD Unknown SEARCH return option\r\n");
                }
                Some(told) if told != "BAD" => told.to_owned(),
                _ => {
                    let uids: Vec<_> = self.messages.iter().map(|(uid, _)| uid.to_string()).collect();
                    format!("* SEARCH {}\r\n", uids.join(" "))
                }
            }
        } else if command == "ENABLE QRESYNC" {
            "* ENABLED QRESYNC\r\n".to_owned()
        } else {
            String::new()
        };
        format!("{told}{tag} OK done\r\n")
    }
}

/// A phone, and the server it has a connection to.
pub(super) struct Scene {
    mail: MailAccount,
    server: Arc<Mutex<Liar>>,
    _folder: tempfile::TempDir,
}

async fn serve(stream: DuplexStream, server: Arc<Mutex<Liar>>) {
    let mut stream = BufReader::new(stream);
    let capabilities = server.lock().unwrap().capabilities;
    let mut answer = format!("* OK [CAPABILITY {capabilities}] hi\r\n");
    let mut line = String::new();
    loop {
        let spoilt = server.lock().unwrap().noise.as_mut().map(|noise| noise.spoil(&answer));
        let (bytes, going_on) = spoilt.unwrap_or_else(|| (answer.clone().into_bytes(), true));
        if stream.write_all(&bytes).await.is_err() || !going_on {
            return;
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();

        answer = match command.split(' ').next() {
            Some("CAPABILITY") => format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n"),
            _ => server.lock().unwrap().answer(tag, command),
        };
    }
}

/// A teacher's mail, kept in `folder`.
pub(super) fn account(folder: &std::path::Path) -> MailAccount {
    let academy = Arc::new(Catalogue::bundled().unwrap().academies().next().unwrap().clone());
    let store = Store::open(folder).unwrap();
    MailAccount::for_tests(academy, store, Network::builder().build().unwrap())
}

/// A session with a server at the other end of `stream`.
pub(super) async fn signed_in(stream: DuplexStream, silence: Duration) -> Result<ImapSession, ImapError> {
    let password = SecretString::from("pl4nted");
    let credentials = Credentials::Password { user: "jdupont".to_owned(), password };
    ImapSession::open(Box::new(stream), &credentials, Limits { silence }).await
}

impl Scene {
    /// A phone that has synced once.
    pub(super) async fn of(liar: Liar) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = account(folder.path());
        let scene = Self { mail, server: Arc::new(Mutex::new(liar)), _folder: folder };
        scene.sync().await.unwrap();
        scene
    }

    /// Syncs over a new connection.
    pub(super) async fn sync(&self) -> Result<super::super::SyncReport, MailError> {
        let (ours, theirs) = duplex(1 << 20);
        tokio::spawn(serve(theirs, Arc::clone(&self.server)));
        // A server whose answers get lost may be waited for in vain.
        let noisy = self.server.lock().unwrap().noise.is_some();
        let silence = if noisy { Duration::from_millis(50) } else { SILENCE };
        let imap = signed_in(ours, silence).await?;
        self.mail.connected(imap).await;
        self.mail.sync().await
    }

    /// The subjects, which are the UIDs, of what is shown, and which of them are read.
    pub(super) async fn shown(&self) -> Vec<(String, bool)> {
        let mailbox = self.mail.mailboxes().await.unwrap()[0].id;
        let rows = self.mail.page(mailbox, None, 50).await.unwrap();
        let mut rows: Vec<_> = rows.into_iter().map(|row| (row.subject, row.flags.has(Flags::SEEN))).collect();
        rows.sort();
        rows
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Liar)) {
        let mut server = self.server.lock().unwrap();
        server.asked.clear();
        change(&mut server);
    }

    fn asked(&self, what: &str) -> bool {
        self.server.lock().unwrap().asked.iter().any(|command| command.contains(what))
    }

    /// What the server has, as [`Scene::shown`] shows it.
    pub(super) fn there(&self) -> Vec<(String, bool)> {
        self.server.lock().unwrap().messages.iter().map(|(uid, seen)| (uid.to_string(), *seen)).collect()
    }
}

#[tokio::test]
async fn a_mailbox_that_has_not_changed_costs_one_command() {
    let scene = Scene::of(Liar::new(ALL)).await;
    assert_eq!(scene.shown().await, scene.there());
    scene.change(|_| {});
    assert_eq!(scene.sync().await.unwrap(), Default::default());
    assert!(!scene.asked("SELECT") && scene.asked("LIST"));
}

#[tokio::test]
async fn what_is_told_to_have_vanished_while_it_is_still_there_is_not_lost() {
    for vanished in ["1:4294967295", "1:3", "2"] {
        let scene = Scene::of(Liar::new(ALL)).await;
        scene.change(|liar| {
            liar.mod_seq = 12;
            liar.changes = format!("* VANISHED (EARLIER) {vanished}\r\n");
        });
        let mailbox = scene.mail.mailboxes().await.unwrap()[0].id;
        let before = scene.mail.page(mailbox, None, 50).await.unwrap();
        assert_eq!(scene.sync().await.unwrap().gone, 0, "{vanished}");
        // The same rows: with what was fetched and what waits for them.
        assert_eq!(scene.mail.page(mailbox, None, 50).await.unwrap(), before);
        assert!(scene.asked("UID FETCH 1:* (UID FLAGS)"));
    }
}

#[tokio::test]
async fn vanished_messages_that_the_phone_never_knew_are_no_matter() {
    let scene = Scene::of(Liar::new(ALL)).await;
    scene.change(|liar| {
        liar.messages.retain(|(uid, _)| *uid != 2);
        liar.messages.push((900, false));
        (liar.mod_seq, liar.uid_next) = (12, 901);
        liar.changes = "* VANISHED (EARLIER) 2,4:899\r\n* 3 FETCH (UID 900 FLAGS ())\r\n".to_owned();
    });
    let report = scene.sync().await.unwrap();
    assert_eq!((report.gone, report.arrived), (1, 1));
    assert_eq!(scene.shown().await, scene.there());
    assert!(!scene.asked("UID FETCH 1:*"));
}

#[tokio::test]
async fn a_server_that_was_put_back_to_an_earlier_state_is_compared_with() {
    for capabilities in [ALL, CONDSTORE] {
        let scene = Scene::of(Liar::new(capabilities)).await;
        scene.change(|liar| {
            liar.mod_seq = 4;
            // Without a word of it.
            liar.messages = vec![(1, true), (3, false)];
        });
        scene.sync().await.unwrap();
        assert_eq!(scene.shown().await, scene.there(), "{capabilities}");
    }
}

#[tokio::test]
async fn a_mailbox_that_counts_no_changes_is_compared_each_time() {
    for told in ["NOMODSEQ", "HIGHESTMODSEQ 0"] {
        let scene = Scene::of(Liar { mod_seq: 0, mod_seq_told: Some(told), ..Liar::new(ALL) }).await;
        for messages in [vec![(1, true), (3, false)], vec![(1, false), (3, true)]] {
            scene.change(|liar| liar.messages = messages);
            scene.sync().await.unwrap();
            assert_eq!(scene.shown().await, scene.there(), "{told}");
            assert!(!scene.asked("QRESYNC (") && !scene.asked("CHANGEDSINCE"));
        }
    }
}

#[tokio::test]
async fn uids_that_a_server_declares_void_in_the_middle_are_forgotten_and_what_was_done_is_not() {
    let scene = Scene::of(Liar::new(ALL)).await;
    let mailbox = scene.mail.mailboxes().await.unwrap()[0].id;
    let row = scene.mail.page(mailbox, None, 50).await.unwrap().into_iter().find(|row| row.subject == "2").unwrap();
    scene.change(|liar| {
        liar.mod_seq = 11;
        liar.sudden_validity = Some(8);
        liar.changes = "* VANISHED (EARLIER) 1:3\r\n".to_owned();
    });
    scene.mail.set_flags(&[row.id], Flags::FLAGGED, true).await.unwrap();
    // The action finds other numbers, and waits; then the numbers are forgotten, the message comes, and it is done.
    let report = scene.sync().await.unwrap();
    assert_eq!((report.acted, report.refused, report.arrived), (1, 0, 3));
    assert!(scene.asked("UID STORE 2 +FLAGS.SILENT (\\Flagged)"));
    assert_eq!(scene.shown().await, scene.there());
}

#[tokio::test]
async fn without_qresync_a_message_goes_by_a_whole_list_and_by_no_other() {
    for (search, whole) in [
        ("BAD", true),
        ("* ESEARCH (TAG \"x\") UID COUNT 2 ALL 1,3\r\n", true),
        ("* ESEARCH (TAG \"x\") UID COUNT 1 ALL 3\r\n", false),
        ("", false),
    ] {
        let scene = Scene::of(Liar::new(CONDSTORE)).await;
        scene.change(|liar| {
            liar.messages.retain(|(uid, _)| *uid != 2);
            liar.search = Some(search);
        });
        assert_eq!(scene.sync().await.unwrap().gone, 1, "{search}");
        assert_eq!(scene.shown().await, scene.there(), "{search}");
        // One that is not whole is not believed; the flags of all are asked for instead.
        let compared = scene.server.lock().unwrap().asked.iter().any(|command| command == "UID FETCH 1:* (UID FLAGS)");
        assert_eq!(compared, !whole, "{search}");
    }
}

#[tokio::test]
async fn where_no_list_is_whole_nothing_goes() {
    let scene = Scene::of(Liar::new(CONDSTORE)).await;
    let before = scene.shown().await;
    scene.change(|liar| {
        // It counts three messages, and lists two.
        liar.hidden = Some(2);
        liar.mod_seq = 11;
        liar.changes = "* 1 FETCH (UID 1 FLAGS (\\Seen) BODY junk)\r\n".to_owned();
    });
    assert_eq!(scene.sync().await.unwrap().gone, 0);
    assert_eq!(scene.shown().await, before);
}

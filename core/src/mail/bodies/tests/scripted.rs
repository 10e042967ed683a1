//! Servers that lie about their messages, or lose them: what is theirs to say is believed as far as it fits together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rusqlite::params;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

use crate::academy::Catalogue;
use crate::companion::CompanionError;
use crate::mail::account::SILENCE;
use crate::mail::bodies::Prefetch;
use crate::mail::imap::{Code, ImapError, ImapSession, Limit, Limits};
use crate::mail::mime::Trouble;
use crate::mail::{Credentials, Link, MailAccount, MailError};
use crate::portal::{Session, Who};
use crate::ports::{Clock, MemoryStore, Network, SecretStore, SystemClock};
use crate::store::{Store, StoreError};
use crate::words::Finding;

const UID: u32 = 7;
const HEADER: &str = "Subject: Bulletins\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n";
const MIMES: [&str; 2] = [
    "Content-Type: text/plain\r\n\r\n",
    "Content-Type: application/pdf; name=b.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n",
];
const STRUCTURE: &str = "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)\
    (\"application\" \"pdf\" (\"name\" \"b.pdf\") NIL NIL \"base64\" 400000 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)";

/// What is given in the place of a section, with its offset and how much was asked for; `None`: the truth.
type Lie = fn(&str, usize, usize) -> Option<String>;

/// A server with one message, and what it does wrong.
struct Liar {
    sections: BTreeMap<String, Vec<u8>>,
    structure: String,
    validity: u32,
    gone: bool,
    lie: Lie,
    /// What is answered to every fetch in the place of anything.
    status: Option<&'static str>,
    /// Does not answer fetches.
    silent: bool,
    /// Hangs up behind so many bytes of answers to fetches.
    cut: Option<usize>,
    asked: Vec<String>,
}

impl Liar {
    /// Its attachment is 400,000 characters of base64.
    fn honest() -> Self {
        let file = "QUJD".repeat(100_000);
        let raw = format!("{HEADER}--x\r\n{}Bonjour\r\n--x\r\n{}{file}\r\n--x--\r\n", MIMES[0], MIMES[1]);
        let sections = [
            ("", raw.as_str()),
            ("HEADER", HEADER),
            ("1.MIME", MIMES[0]),
            ("1", "Bonjour"),
            ("2.MIME", MIMES[1]),
            ("2", &file),
        ];
        Self {
            sections: sections.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec())).into(),
            structure: STRUCTURE.to_owned(),
            validity: 3,
            gone: false,
            lie: |_, _, _| None,
            status: None,
            silent: false,
            cut: None,
            asked: Vec::new(),
        }
    }

    fn answer(&mut self, tag: &str, command: &str) -> Vec<u8> {
        self.asked.push(command.to_owned());
        if command.starts_with("SELECT") {
            let validity = self.validity;
            return format!("* 1 EXISTS\r\n* OK [UIDVALIDITY {validity}] x\r\n{tag} OK\r\n").into_bytes();
        }
        if !command.starts_with("UID FETCH") || self.gone {
            return format!("{tag} OK\r\n").into_bytes();
        }
        if self.silent {
            return Vec::new();
        }
        if let Some(status) = self.status {
            return format!("{tag} {status}\r\n").into_bytes();
        }
        let mut answer = format!("* 1 FETCH (UID {UID}").into_bytes();
        if command.contains("BODYSTRUCTURE") {
            answer.extend_from_slice(format!(" BODYSTRUCTURE {}", self.structure).as_bytes());
        }
        for item in command.split("BODY.PEEK[").skip(1) {
            let (section, rest) = item.split_once(']').unwrap();
            let (offset, most) = rest.trim_start_matches('<').split_once('>').unwrap().0.split_once('.').unwrap();
            let (offset, most): (usize, usize) = (offset.parse().unwrap(), most.parse().unwrap());
            if let Some(lie) = (self.lie)(section, offset, most) {
                answer.extend_from_slice(lie.as_bytes());
                continue;
            }
            let bytes = self.sections.get(section).map(Vec::as_slice).unwrap_or_default();
            let some = &bytes[offset.min(bytes.len())..(offset + most).min(bytes.len())];
            answer.extend_from_slice(format!(" BODY[{section}]<{offset}> {{{}}}\r\n", some.len()).as_bytes());
            answer.extend_from_slice(some);
        }
        answer.extend_from_slice(format!(")\r\n{tag} OK\r\n").as_bytes());
        answer
    }
}

/// A phone that knows one message, of which it says that it has a megabyte.
struct Scene {
    mail: MailAccount,
    store: Store,
    server: Arc<Mutex<Liar>>,
    folder: tempfile::TempDir,
}

async fn serve(stream: DuplexStream, server: Arc<Mutex<Liar>>) {
    let mut stream = BufReader::new(stream);
    let mut answer = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n".to_vec();
    let mut line = String::new();
    loop {
        if stream.write_all(&answer).await.is_err() {
            return;
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
            return;
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        let hangs_up = {
            let mut server = server.lock().unwrap();
            answer = match command.split(' ').next() {
                Some("CAPABILITY") => format!("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n{tag} OK\r\n").into_bytes(),
                _ => server.answer(tag, command),
            };
            let left = server.cut.filter(|_| command.starts_with("UID FETCH"));
            server.cut = left.map(|left| left.saturating_sub(answer.len())).or(server.cut);
            left.is_some_and(|left| left < answer.len()).then_some(left.unwrap_or_default())
        };
        if let Some(left) = hangs_up {
            server.lock().unwrap().cut = None;
            let _ = stream.write_all(&answer[..left]).await;
            return;
        }
    }
}

impl Scene {
    async fn of(liar: Liar) -> Self {
        Self::with_size(liar, 1_000_000).await
    }

    async fn with_size(liar: Liar, size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let academy = Arc::new(Catalogue::bundled().unwrap().academies().next().unwrap().clone());
        let store = Store::open(folder.path()).unwrap();
        let network = Network::builder().build().unwrap();
        let secrets: Arc<dyn SecretStore> = Arc::new(MemoryStore::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let id = academy.id.clone();
        let write = store.write(move |t, _| {
            t.execute(
                "INSERT INTO mailbox (id, academy, name, role, uid_validity) VALUES (1, ?, 'INBOX', 'inbox', 3)",
                [id],
            )?;
            t.execute(
                "INSERT INTO message (id, mailbox, uid, received_ms, size, subject, attachments, server_flags, flags, header, shown_in)
                 VALUES (1, 1, ?, ?, ?, 'Bulletins', 1, 0, 0, x'', 1)",
                params![UID, SystemClock.now_ms() - 1000, size as i64],
            )?;
            Ok(())
        });
        write.await.unwrap();
        let (shared, keystore) = (store.clone(), Arc::clone(&secrets));
        let session = Session::new(Arc::clone(&academy), shared, network.clone(), keystore, Arc::clone(&clock));
        let who = Who { identifier: "jdupont".to_owned(), name: None, address: None, password_ends_ms: None };
        let mail = MailAccount::new(academy, who, store.clone(), network, Arc::new(session), secrets, clock);
        let scene = Self { mail, store, server: Arc::new(Mutex::new(liar)), folder };
        scene.connect().await;
        scene
    }

    /// Two new connections.
    async fn connect(&self) {
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let (ours, theirs) = duplex(1 << 20);
            tokio::spawn(serve(theirs, Arc::clone(&self.server)));
            let credentials = Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() };
            let limits = Limits { silence: SILENCE };
            sessions.push(ImapSession::open(Box::new(ours), &credentials, limits).await.unwrap());
        }
        self.mail.connected(sessions.pop().unwrap()).await;
        self.mail.connected_for_the_teacher(sessions.pop().unwrap()).await;
    }

    fn change(&self, change: impl FnOnce(&mut Liar)) {
        let mut server = self.server.lock().unwrap();
        server.asked.clear();
        change(&mut server);
    }

    fn asked(&self, what: &str) -> usize {
        self.server.lock().unwrap().asked.iter().filter(|command| command.contains(what)).count()
    }

    async fn text(&self) -> Result<String, MailError> {
        self.mail.open_message(1).await.map(|opened| opened.reading.text.trim().to_owned())
    }

    async fn save(&self) -> Result<crate::mail::Saved, MailError> {
        self.mail.save_attachment(1, 0, self.folder.path(), &|_, _| {}).await
    }

    /// What lies in the folder beside the database.
    fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with("cartable.")).collect()
    }

    async fn pieces(&self) -> i64 {
        let count = "SELECT count(*) FROM piece WHERE section = '2'";
        self.store.read(move |c| Ok(c.query_row(count, [], |row| row.get(0))?)).await.unwrap()
    }
}

#[tokio::test]
async fn an_honest_large_message_costs_its_texts_and_its_file_comes_when_it_is_wanted() {
    let scene = Scene::of(Liar::honest()).await;
    assert_eq!(scene.text().await.unwrap(), "Bonjour");
    assert_eq!((scene.asked("BODY.PEEK[]"), scene.asked("BODY.PEEK[2]")), (0, 0));
    let saved = scene.save().await.unwrap();
    assert_eq!((saved.bytes, saved.damaged), (300_000, false));
    assert_eq!(saved.path, scene.folder.path().join("b.pdf"));
    assert_eq!(std::fs::read(&saved.path).unwrap(), "ABC".repeat(100_000).as_bytes());
    scene.change(|_| {});
    let (told, bytes) = scene.mail.attachment(1, 0).await.unwrap();
    assert_eq!((told.size, bytes.len(), scene.asked("")), (300_000, 300_000, 0));
}

#[tokio::test]
async fn where_the_parts_do_not_fit_together_the_whole_message_is_read() {
    let lies: [(&str, &str, Lie); 8] = [
        ("a structure that is none", "(oh \"my\")", |_, _, _| None),
        ("no structure", "NIL", |_, _, _| None),
        ("one part where the header has two", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1)", |section, _, _| {
            (section == "1").then(|| " BODY[1]<0> \"x\"".to_owned())
        }),
        ("a part without anything", STRUCTURE, |section, _, _| (section == "1").then(|| " BODY[1]<0> NIL".to_owned())),
        ("headers without anything", STRUCTURE, |section, _, _| {
            (section == "1.MIME").then(|| " BODY[1.MIME]<0> NIL".to_owned())
        }),
        ("another offset", STRUCTURE, |section, _, _| (section == "1").then(|| " BODY[1]<4> \"our\"".to_owned())),
        ("another part", STRUCTURE, |section, _, _| (section == "1").then(|| " BODY[4]<0> \"Bonsoir\"".to_owned())),
        ("a part that is left out", STRUCTURE, |section, _, _| (section == "1").then(String::new)),
    ];
    for (name, structure, lie) in lies {
        let scene = Scene::of(Liar { structure: structure.to_owned(), lie, ..Liar::honest() }).await;
        assert_eq!(scene.text().await.as_deref(), Ok("Bonjour"), "{name}");
        assert!(scene.asked("BODY.PEEK[]") > 0, "{name}");
        // And it is remembered, and all of it is here.
        scene.change(|_| {});
        assert_eq!(scene.save().await.unwrap().bytes, 300_000, "{name}");
        assert_eq!(scene.asked(""), 0, "{name}");
    }
}

#[tokio::test]
async fn a_structure_without_a_floor_costs_one_connection() {
    let deep = format!("{}\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1{}", "(".repeat(80), ")".repeat(80));
    let scene = Scene::of(Liar { structure: deep, ..Liar::honest() }).await;
    // The second try has no way to a server here.
    assert!(matches!(
        scene.text().await,
        Err(MailError::NoServer | MailError::Connect(_) | MailError::Session(_) | MailError::PasswordNeeded)
    ));
    scene.connect().await;
    scene.change(|_| {});
    assert_eq!(scene.text().await.as_deref(), Ok("Bonjour"));
    assert_eq!(scene.asked("BODYSTRUCTURE"), 0);
}

#[tokio::test]
async fn what_became_of_a_message_has_its_name() {
    let no = |code, text: &str| ImapError::Refused { command: "FETCH", code, text: text.to_owned() };
    let gone = Scene::of(Liar { gone: true, ..Liar::honest() }).await;
    assert_eq!(gone.text().await, Err(MailError::Imap(ImapError::NotFound)));
    let renumbered = Scene::of(Liar { validity: 4, ..Liar::honest() }).await;
    assert_eq!(renumbered.text().await, Err(MailError::Renumbered));
    for (status, error) in [
        ("NO [SERVERBUG] not today", no(Some(Code::ServerBug), "[SERVERBUG] not today")),
        ("BAD what?", ImapError::Bad { command: "FETCH", text: "what?".to_owned() }),
    ] {
        let refused = Scene::of(Liar { status: Some(status), ..Liar::honest() }).await;
        match (refused.text().await, &error) {
            (Err(MailError::Imap(ImapError::Refused { code, .. })), ImapError::Refused { code: expected, .. }) => {
                assert_eq!(&code, expected);
            }
            (told, _) => assert_eq!(told, Err(MailError::Imap(error))),
        }
        // The connection is as good as before.
        refused.change(|liar| liar.status = None);
        assert_eq!(refused.text().await.as_deref(), Ok("Bonjour"));
    }
}

#[tokio::test]
async fn a_file_that_is_not_as_told_is_refused_or_marked_and_never_half_there() {
    let lie: Lie = |section, offset, _| (section == "2").then(|| format!(" BODY[2]<{offset}> NIL"));
    let scene = Scene::of(Liar { lie, ..Liar::honest() }).await;
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::NoSuchPart)));

    scene.change(|liar| {
        liar.lie = |section, offset, _| (section == "2").then(|| format!(" BODY[2]<{}> \"QUJD\"", offset + 1));
    });
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::WrongPart)));

    // Without end.
    scene.change(|liar| {
        liar.lie = |section, offset, most| {
            (section == "2").then(|| format!(" BODY[2]<{offset}> {{{most}}}\r\n{}", "Q".repeat(most)))
        };
    });
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::WrongPart)));
    // A few bytes for each question.
    scene.change(|liar| {
        liar.lie = |section, offset, _| (section == "2").then(|| format!(" BODY[2]<{offset}> \"QUJD\""));
    });
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::WrongPart)));
    assert_eq!((scene.pieces().await, scene.files()), (0, vec![]));

    // Another client has deleted it.
    scene.change(|liar| liar.gone = true);
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::NotFound)));
    scene.change(|liar| (liar.gone, liar.validity) = (false, 4));
    assert_eq!(scene.save().await, Err(MailError::Renumbered));
    assert_eq!(scene.mail.attachment(1, 0).await.err(), Some(MailError::Renumbered));
    assert_eq!(scene.mail.attachment(1, 1).await.err(), Some(MailError::NotFound));

    // What is no base64, and less of it than was told.
    scene.change(|liar| {
        liar.validity = 3;
        liar.lie = |_, _, _| None;
        liar.sections.insert("2".to_owned(), "QU!JD".repeat(1000).into_bytes());
    });
    let saved = scene.save().await.unwrap();
    assert_eq!((saved.bytes, saved.damaged), (3000, true));
    assert_eq!(scene.files(), ["b.pdf"]);
}

#[tokio::test]
async fn a_literal_that_is_larger_than_what_was_asked_for_ends_the_connection() {
    let lie: Lie = |section, _, most| {
        (section == "2").then(|| format!(" BODY[2]<0> {{{}}}\r\n{}", most + 1, "Q".repeat(most + 1)))
    };
    let scene = Scene::of(Liar { lie, ..Liar::honest() }).await;
    assert_eq!(scene.save().await, Err(MailError::Imap(ImapError::Limit(Limit::Literal))));
    assert!(scene.files().is_empty());
}

#[tokio::test]
async fn what_came_before_a_cut_is_not_fetched_again() {
    let scene = Scene::of(Liar::honest()).await;
    scene.text().await.unwrap();
    scene.change(|liar| liar.cut = Some(250_000));
    // On a connection that was there a moment ago a new one is tried at once, and here there is none.
    assert_eq!(scene.save().await, Err(MailError::NoServer));
    assert_eq!((scene.pieces().await, scene.files()), (3, vec![]));
    scene.connect().await;
    scene.change(|_| {});
    assert_eq!(scene.save().await.unwrap().bytes, 300_000);
    assert_eq!((scene.asked("BODY.PEEK[2]"), scene.asked("<196608.65536>")), (4, 1));
}

#[tokio::test]
async fn a_message_larger_than_told_is_fetched_to_its_end() {
    for size in [0, 900, 65_535] {
        let scene = Scene::with_size(Liar::honest(), size).await;
        assert_eq!(scene.text().await.as_deref(), Ok("Bonjour"), "{size}");
        scene.change(|_| {});
        assert_eq!(scene.save().await.unwrap().bytes, 300_000);
    }
}

#[tokio::test]
async fn a_text_of_many_megabytes_is_cut_and_says_so() {
    let mut liar = Liar::honest();
    liar.sections.insert("1".to_owned(), b"Bonjour, encore.\r\n".repeat(500_000));
    liar.structure = STRUCTURE.replace("\"7bit\" 7 1", "\"7bit\" 9000000 500000");
    let scene = Scene::of(liar).await;
    let opened = scene.mail.open_message(1).await.unwrap();
    assert!(opened.incomplete && opened.reading.trouble == Some(Trouble::TooLong));
    assert!(opened.reading.text.len() >= 1 << 20 && opened.reading.attachments.len() == 1);
    assert!(scene.mail.cache_size().await.unwrap() < 2 << 20);
    // Fetched ahead it is not: that is for texts that are read.
    scene.mail.empty_cache().await.unwrap();
    assert_eq!(scene.mail.prefetch(&|_, _| {}).await.unwrap(), Default::default());
}

#[tokio::test]
async fn a_full_disk_has_its_name_and_leaves_no_half_file() {
    let scene = Scene::of(Liar::honest()).await;
    scene.text().await.unwrap();
    let limit = async |pages: &'static str| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        scene.store.write(move |t, _| Ok(t.query_row(&sql, [], |_| Ok(()))?)).await.unwrap();
    };
    limit("80").await;
    assert_eq!(scene.save().await, Err(MailError::Store(StoreError::Full)));
    assert!(scene.files().is_empty());
    limit("1000000").await;
    scene.connect().await;
    assert_eq!(scene.save().await.unwrap().bytes, 300_000);
    let nowhere = scene.folder.path().join("nulle part");
    let file = scene.folder.path().join("un fichier");
    std::fs::write(&file, b"").unwrap();
    for folder in [nowhere, file] {
        let saved = scene.mail.save_attachment(1, 0, &folder, &|_, _| {}).await;
        assert_eq!(saved, Err(MailError::BadFolder), "{}", folder.display());
        assert_eq!(CompanionError::from(MailError::BadFolder), CompanionError::Refused(Finding::BadFolder));
    }
}

#[tokio::test]
async fn a_file_takes_the_place_of_none_and_goes_through_no_link() {
    let scene = Scene::of(Liar::honest()).await;
    let (at, elsewhere) = (scene.folder.path(), tempfile::tempdir().unwrap());
    std::fs::write(at.join("b.pdf"), "le mien").unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("cible"), at.join("b (2).pdf")).unwrap();
    // Left over from a save that was killed, and a link in the place of one.
    std::fs::write(at.join(".cartable-0.part"), "reste").unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("cible"), at.join(".cartable-1.part")).unwrap();
    let saved = scene.save().await.unwrap();
    assert_eq!(saved.path, at.join("b (3).pdf"));
    assert_eq!(std::fs::read(at.join("b.pdf")).unwrap(), b"le mien");
    assert!(!at.join(".cartable-0.part").exists() && std::fs::read_dir(elsewhere.path()).unwrap().next().is_none());
}

#[tokio::test]
async fn a_prefetch_ends_as_soon_as_the_way_becomes_worse() {
    let scene = Scene::of(Liar { silent: true, ..Liar::honest() }).await;
    scene.mail.set_prefetch_policy(Prefetch::Everything).await.unwrap();
    let (fetched, ()) = tokio::join!(scene.mail.prefetch(&|_, _| {}), async {
        while scene.asked("UID FETCH") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        scene.mail.set_link(Link::Offline);
    });
    assert_eq!(fetched.unwrap(), Default::default());
    scene.mail.set_link(Link::Unmetered);
    scene.change(|liar| liar.silent = false);
    scene.connect().await;
    assert_eq!(scene.mail.prefetch(&|_, _| {}).await.unwrap().messages, 1);
    scene.change(|_| {});
    assert_eq!((scene.text().await.as_deref(), scene.asked("")), (Ok("Bonjour"), 0));
}

//! A portal that leads through LemonLDAP::NG's form, each step of which a test may spoil, and the phone before it.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio::net::TcpListener;

use super::scripted::{HOST, Reply, Scripted, json};
use crate::academy::{Academy, SecondFactor};
use crate::attempts::{Ledger, Room};
use crate::portal::state::{Question, SignInEvent, SignInState, Typed};
use crate::portal::{Notice, SignIn};
use crate::ports::{Clock, MemoryStore, SecretKey, SecretStore, SecretStoreError, SystemClock};
use crate::store::Store;

pub(super) const PASSWORD: &str = "Secret-1234";
pub(super) const CODE: &str = "471114";

/// What the portal is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Open,
    Password,
    Choice,
    Resend,
    Code,
    Whoami,
    Logout,
}

pub(super) const STEPS: [Step; 7] =
    [Step::Open, Step::Password, Step::Choice, Step::Resend, Step::Code, Step::Whoami, Step::Logout];

fn step(request: &str) -> Option<Step> {
    let line = request.lines().next()?.strip_suffix(" HTTP/1.1")?;
    Some(match line {
        "GET /" => Step::Open,
        "POST /" => Step::Password,
        "POST /2fchoice" => Step::Choice,
        "POST /mail2fresend?skin=b" => Step::Resend,
        "POST /mail2fcheck?skin=b" => Step::Code,
        "GET /mysession/?whoami" => Step::Whoami,
        "GET /?logout=1" => Step::Logout,
        _ => return None,
    })
}

/// A page with this in its middle.
pub(super) fn page(html: &str) -> String {
    let html = format!("<!DOCTYPE html><html><body><main>{html}</main></body></html>");
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{html}", html.len())
}

/// A page with this message above the login form.
pub(super) fn says(number: &str) -> String {
    page(&format!("<span trmsg=\"{number}\"></span>{}", login("#")))
}

pub(super) fn login(action: &str) -> String {
    format!(
        "<form action=\"{action}\" method=post><input type=hidden name=token value=T0>\
         <input name=user required><input type=password name=password required></form>"
    )
}

pub(super) fn code(action: &str, resend: &str) -> String {
    format!(
        "<form action=\"{action}\" method=post><input type=hidden name=token value=T2><input name=code>\
         <button type=submit>OK</button><button type=submit formaction=\"{resend}\">R</button></form>"
    )
}

pub(super) fn choice(action: &str) -> String {
    format!(
        "<form action=\"{action}\" method=post><input type=hidden name=token value=T1>\
         <button type=submit name=sf value=totp></button><button type=submit name=sf value=mail></button></form>"
    )
}

fn honest(request: &str) -> String {
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let has = |field: &str| body.split('&').any(|one| one == field);
    let mailed = || page(&code("/mail2fcheck?skin=b", "/mail2fresend?skin=b"));
    match step(request) {
        Some(Step::Open) => says("9"),
        Some(Step::Password) if !has("token=T0") => says("81"),
        Some(Step::Password) if has(&format!("password={PASSWORD}")) => page(&choice("/2fchoice")),
        Some(Step::Password) => says("5"),
        Some(Step::Choice) if has("token=T1") && has("sf=mail") => mailed(),
        Some(Step::Resend) if has("token=T2") => mailed(),
        Some(Step::Code) if has("token=T2") && has(&format!("code={CODE}")) => {
            "HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: lemonldap=5e55104; secure\r\nContent-Length: 0\r\n\r\n"
                .to_owned()
        }
        Some(Step::Code) => says("96"),
        Some(Step::Whoami) if request.contains("lemonldap=5e55104") => json(r#"{"result":"jdupont"}"#),
        Some(Step::Logout) => json(r#"{"result":1,"error":"47"}"#),
        _ => json(r#"{"result":0,"error":"9"}"#).replace("200 OK", "401 No"),
    }
}

/// A keystore that is locked from a call of the test's choosing on, for as many calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Keystore {
    pub(super) memory: MemoryStore,
    calls: Arc<AtomicUsize>,
    locked: Arc<Mutex<std::ops::Range<usize>>>,
}

impl Keystore {
    pub(super) fn lock(&self, calls: std::ops::Range<usize>) {
        self.calls.store(0, Ordering::SeqCst);
        *self.locked.lock().unwrap() = calls;
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn open(&self) -> Result<&MemoryStore, SecretStoreError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.locked.lock().unwrap().contains(&call) { Err(SecretStoreError::Locked) } else { Ok(&self.memory) }
    }
}

impl SecretStore for Keystore {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        self.open()?.put(key, secret)
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        self.open()?.load(key)
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        self.open()?.delete(key)
    }
}

/// The machine's clock, and how far this one is ahead of it.
#[derive(Default)]
pub(super) struct Ahead(AtomicI64);

impl Ahead {
    pub(super) fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }

    fn uptime_ms(&self) -> i64 {
        SystemClock.uptime_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// A portal whose next answers at one step are a test's own. What is not the portal's may be called, and is noticed.
pub(super) struct Spoilt {
    pub(super) scripted: Scripted,
    refused: Arc<AtomicUsize>,
    spoilt: Arc<Mutex<Option<(Step, Reply)>>>,
    /// Where nobody should ever connect to.
    pub(super) elsewhere: u16,
    visits: Arc<AtomicUsize>,
}

impl Spoilt {
    pub(super) async fn start() -> Self {
        let spoilt = Arc::<Mutex<Option<(Step, Reply)>>>::default();
        let answers = Arc::clone(&spoilt);
        let refused = Arc::<AtomicUsize>::default();
        let refusing = Arc::clone(&refused);
        let scripted = Scripted::start(move |_, request| match answers.lock().unwrap().as_ref() {
            Some((at, reply)) if step(request) == Some(*at) => reply.clone(),
            _ => {
                let answer = honest(request);
                let refuses = ["trmsg=\"5\"", "trmsg=\"96\""].iter().any(|number| answer.contains(number));
                refusing.fetch_add(usize::from(refuses), Ordering::SeqCst);
                answer.into()
            }
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (elsewhere, visits) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&visits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { scripted, refused, spoilt, elsewhere, visits }
    }

    /// How often it was asked for this.
    pub(super) fn asked(&self, at: Step) -> usize {
        self.scripted.seen("").iter().filter(|request| step(request) == Some(at)).count()
    }

    pub(super) fn spoil(&self, spoilt: Option<(Step, Reply)>) {
        *self.spoilt.lock().unwrap() = spoilt;
    }

    /// How often it has called a password or a code wrong, of its own accord.
    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// How often a password has gone out so far, right or wrong. Nothing has gone anywhere else, nor stands in an address.
    pub(super) fn passwords(&self) -> usize {
        assert_eq!(self.visits.load(Ordering::SeqCst), 0, "somebody else was connected to");
        let mut sent = 0;
        for request in self.scripted.seen("") {
            let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
            assert!(!head.contains("Secret-") && !head.contains(CODE), "{head}");
            assert!(head.lines().any(|line| line == format!("host: {HOST}:{}", self.scripted.port)), "{head}");
            let fields: Vec<_> = body.split('&').filter(|field| field.starts_with("password=")).collect();
            assert!(fields.is_empty() || (fields.len() == 1 && step(&request) == Some(Step::Password)), "{request}");
            sent += fields.len();
        }
        sent
    }

    /// A profile of an academy whose portal this is, and whose mail takes the portal's password.
    pub(super) fn academy(&self) -> Academy {
        let (port, elsewhere) = (self.scripted.port, self.elsewhere);
        Academy::from_toml(&format!(
            "format = 1\nid = \"essai\"\nname = \"Essai\"\ncity = \"Essai\"\nrevised = \"2026-11-24\"\n\
             mail_domains = [\"academie.test\"]\nsecond_factors = [\"mail-code\", \"totp\"]\n\
             official_origins = [\"https://{HOST}:{port}\", \"https://autre.academie.test:{elsewhere}\"]\n\
             [[portals]]\nprotocol = \"lemonldap-ng\"\naddress = \"https://{HOST}:{port}/\"\n\
             [move_to_national]\nstatus = \"apart\"\n\
             [[generations]]\nname = \"legacy\"\nlogin = \"identifier\"\nauth = [\"password\"]\n\
             secret = \"portal-password\"\n\
             imap = {{ host = \"imap.academie.test\", port = 993, tls = \"implicit\" }}\n\
             smtp = {{ host = \"smtp.academie.test\", port = 465, tls = \"implicit\" }}\n\
             [[evidence]]\nfields = [\"*\"]\nsource = \"invented\"\nchecked = \"2026-11-24\"\nconfidence = \"high\"\n"
        ))
        .unwrap()
    }
}

/// The teacher's phone. The app on it may be started again and again.
pub(super) struct Phone {
    pub(super) academy: Arc<Academy>,
    pub(super) store: Store,
    pub(super) keystore: Keystore,
    pub(super) clock: Arc<Ahead>,
    network: crate::ports::Network,
    _folder: tempfile::TempDir,
}

impl Phone {
    pub(super) fn new(portal: &Spoilt) -> Self {
        // The disk's patience is not what is tried here.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        Self {
            academy: Arc::new(portal.academy()),
            store: Store::open(folder.path()).unwrap(),
            keystore: Keystore::default(),
            clock: Arc::default(),
            network: portal.scripted.network.clone(),
            _folder: folder,
        }
    }

    /// Starts the app.
    pub(super) async fn app(&self) -> SignIn {
        let (academy, secrets) = (Arc::clone(&self.academy), Arc::new(self.keystore.clone()));
        SignIn::resume(academy, self.store.clone(), self.network.clone(), secrets, self.clock.clone()).await.unwrap()
    }

    /// How many wrong tries are left.
    pub(super) async fn tries(&self) -> u32 {
        let ledger = Ledger::new(self.store.clone(), Arc::new(self.keystore.memory.clone()), self.clock.clone());
        match ledger.room("essai", "jdupont").await.unwrap() {
            Room::Tries(left) => left,
            Room::Wait { .. } => 0,
        }
    }

    pub(super) fn has(&self, key: &SecretKey) -> bool {
        self.keystore.memory.load(key).unwrap().is_some()
    }

    /// Whether the keystore holds anything that lets in, but for what an unfinished sign-in needs.
    pub(super) fn lets_in(&self) -> bool {
        let keys = [
            SecretKey::portal_cookies("essai"),
            SecretKey::session("essai"),
            SecretKey::mail_password("essai", "jdupont"),
        ];
        keys.iter().any(|key| self.has(key))
    }
}

/// What a patient teacher does next, who wants to come to the portal's `step`.
pub(super) fn next(state: &SignInState, step: Step) -> Option<SignInEvent> {
    Some(match state {
        SignInState::SignedOut | SignInState::Failed(_) => SignInEvent::Begin,
        SignInState::Asks(Question::Password { .. }) => {
            SignInEvent::Password { identifier: "jdupont".to_owned(), password: Typed(PASSWORD.into()) }
        }
        SignInState::Asks(Question::Choice { .. }) => SignInEvent::Chosen(SecondFactor::MailCode),
        SignInState::Asks(Question::Code { notice, .. }) if step == Step::Resend && *notice != Some(Notice::Resent) => {
            SignInEvent::Resend
        }
        SignInState::Asks(Question::Code { .. }) => SignInEvent::Code(Typed(CODE.into())),
        SignInState::Asks(Question::Introduction { .. }) => {
            SignInEvent::Introduced { identifier: String::new(), address: "jdupont@academie.test".to_owned() }
        }
        SignInState::SignedIn(_) if step == Step::Logout => SignInEvent::SignOut,
        _ => return None,
    })
}

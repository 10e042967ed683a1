//! The academy's control: a small HTTP interface on the loopback, for tests that are not written in Rust.

mod mail;
mod portal;
mod push;
mod wire;

use self::push::Answer;
use crate::{
    Academy, Browser, MailError, PushPhone, Teacher,
    http::{self, Asked, Handler, Limits},
    wire::Wire,
};
use hyper::{
    Method, StatusCode, Uri,
    header::{CONNECTION, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
};

const LIMITS: Limits = Limits {
    connections: 64,
    body: 1 << 20,
    wait: Duration::from_secs(10),
    // A large mailbox takes minutes to fill.
    longest: Duration::from_secs(900),
};

/// The control of one academy:
///
/// | request | body | answer |
/// |---|---|---|
/// | `POST /browser/sign-in` | `{"url", "teacher"}` | `{"redirect"}` |
/// | `POST /browser/visit` | `{"url", "teacher"}`, `"typing"` | `{"address", "status", "text"}` |
/// | `POST /mail/deliver` | `{"to", "subject", "text"}` | `{}` |
/// | `GET /mailbox?teacher=&mailbox=` | | `{"subjects": []}` |
/// | `POST /mailbox` | `{"teacher", "commands"}` | `{"lines": []}`: what the mail server says to these IMAP commands of another client's |
/// | `POST /mail/attachment` | `{"to", "subject", "name", "size"}` | `{}`: a mail with a file of so many bytes, all of them `x` |
/// | `POST /mail/fill` | `{"teacher", "count"}`, `"seed"` | `{"messages", "bytes"}` |
/// | `GET /mail/code?teacher=&before=` | | `{"code"}`: the portal's newest, after the first `before` mails of the inbox |
/// | `POST /mail/code` | `{"teacher", "code"}`, `"minutes_ago"` | `{}`: a mail with a code, as the portal's are |
/// | `POST /portal/guess` | `{"teacher", "times"}` | `{"refused": []}`: the portal's number for each wrong password |
/// | `POST /totp/enrol` | `{"teacher"}` | `{"secret"}`: the teacher's browser enrols an authenticator and keeps it |
/// | `GET /totp/code?teacher=` | | `{"code"}`: that authenticator's now |
/// | `POST /push/enrol` | `{"teacher"}` | `{"uri"}`: what an app enrols from, once |
/// | `POST /push/phone` | `{"teacher"}` | `{"serial"}`: the control enrols a phone of its own |
/// | `POST /push/approve`, `/push/decline` | `{"teacher"}` | `{"title", "question"}`: the control's phone has answered |
/// | `POST /wire` | `{"host", "fault"}`, `"delay_ms"` | `{"host", "address", "port"}`: what to map the name to |
/// | `POST /stop` | | `{}` |
///
/// A visit types the password where the portal asks for it; with `"typing": false` that is a failure.
///
/// A wire's `host` is `portal`, `imap`, `smtp` or `push`, its `fault` `none`, `black_hole`, `refuse`, `unknown_authority`,
/// `expired` or `wrong_host`; each host has one wire, which keeps its address when the fault changes.
///
/// A sign-in waits for what the phone answers, so `/push/approve`, which waits for a prompt at most half a minute, is sent
/// beside it. What fails answers 4xx or 502 with `{"error"}`. Each teacher has a browser of their own, which keeps its
/// session.
#[derive(Debug)]
pub struct Control {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    academy: Arc<Academy>,
    browsers: Mutex<BTreeMap<&'static str, Arc<Browser>>>,
    phones: Mutex<BTreeMap<&'static str, Arc<PushPhone>>>,
    wires: Mutex<BTreeMap<wire::Host, Wire>>,
    stop: Notify,
}

/// Whom a request is about.
#[derive(Deserialize)]
struct Whose {
    teacher: String,
}

/// What stands behind the question mark.
struct Asking(BTreeMap<String, String>);

impl Asking {
    fn of(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

type Failure = Box<dyn Error + Send + Sync>;

impl Control {
    /// Listens on a free loopback port; [`Control::run`] answers.
    pub async fn bind(academy: Arc<Academy>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Shared {
            academy,
            browsers: Mutex::default(),
            phones: Mutex::default(),
            wires: Mutex::default(),
            stop: Notify::new(),
        };
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until one says stop, and then those under way, for two seconds at most.
    pub async fn run(self) -> std::io::Result<()> {
        let Self { listener, shared } = self;
        http::run(listener, None, LIMITS, Arc::clone(&shared), shared.stop.notified()).await;
        Ok(())
    }
}

impl Handler for Shared {
    async fn answer(&self, asked: Asked) -> http::Answer {
        let body = asked.body.as_deref().unwrap_or_default();
        let (status, body) = match self.act(&asked.method, &asked.uri, body).await {
            Ok(Some(body)) => (StatusCode::OK, body),
            Ok(None) => (StatusCode::NOT_FOUND, json!({"error": "no such request"})),
            Err(error) if error.is::<serde_json::Error>() => {
                (StatusCode::BAD_REQUEST, json!({"error": error.to_string()}))
            }
            Err(error) => (StatusCode::BAD_GATEWAY, json!({"error": error.to_string()})),
        };
        let mut answer = http::json(status, &body);
        // No connection is left open that the end would have to wait for.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        answer
    }
}

impl Shared {
    async fn act(&self, method: &Method, uri: &Uri, body: &[u8]) -> Result<Option<Value>, Failure> {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
        let asked = Asking(query.collect());
        match (method.as_str(), uri.path()) {
            ("POST", "/browser/sign-in") => self.sign_in(serde_json::from_slice(body)?).await,
            ("POST", "/browser/visit") => self.visit(serde_json::from_slice(body)?).await,
            ("POST", "/mail/deliver") => self.deliver(serde_json::from_slice(body)?).await,
            ("POST", "/mail/attachment") => self.deliver_attachment(serde_json::from_slice(body)?).await,
            ("POST", "/mail/fill") => self.fill(serde_json::from_slice(body)?).await,
            ("POST", "/mail/code") => self.deliver_code(serde_json::from_slice(body)?).await,
            ("GET", "/mail/code") => self.mailed_code(&asked).await,
            ("GET", "/mailbox") => self.subjects(&asked).await,
            ("POST", "/mailbox") => self.command(serde_json::from_slice(body)?).await,
            ("POST", "/portal/guess") => self.guess(serde_json::from_slice(body)?).await,
            ("POST", "/totp/enrol") => self.enrol_totp(serde_json::from_slice(body)?).await,
            ("GET", "/totp/code") => self.totp_code(&asked).await,
            ("POST", "/push/enrol") => self.enrol(serde_json::from_slice(body)?).await,
            ("POST", "/push/phone") => self.phone(serde_json::from_slice(body)?).await,
            ("POST", "/push/approve") => self.answer_prompt(serde_json::from_slice(body)?, Answer::Approve).await,
            ("POST", "/push/decline") => self.answer_prompt(serde_json::from_slice(body)?, Answer::Decline).await,
            ("POST", "/wire") => self.set_wire(serde_json::from_slice(body)?).await,
            ("POST", "/stop") => {
                self.stop.notify_one();
                Ok(json!({}))
            }
            _ => return Ok(None),
        }
        .map(Some)
    }
}

fn teacher(uid: &str) -> Result<&'static Teacher, MailError> {
    Teacher::by_uid(uid).ok_or_else(|| MailError::NoTeacher(uid.to_owned()))
}

//! The academy's control: a small HTTP interface on the loopback, for tests that are not written in Rust.

use crate::{
    Academy, Browser, MailError, Teacher,
    http::{self, Asked, Handler, Limits},
};
use base64::{Engine, prelude::BASE64_STANDARD};
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
    // A sign-in may take a minute.
    longest: Duration::from_secs(120),
};

/// The control of one academy:
///
/// | request | body | answer |
/// |---|---|---|
/// | `POST /browser/sign-in` | `{"url", "teacher"}` | `{"redirect"}` |
/// | `POST /mail/deliver` | `{"to", "subject", "text"}` | `{}` |
/// | `GET /mailbox?teacher=&mailbox=` | | `{"subjects": []}` |
/// | `POST /stop` | | `{}` |
///
/// What fails answers 4xx or 502 with `{"error"}`. Each teacher has a browser of their own, which keeps its session.
#[derive(Debug)]
pub struct Control {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    academy: Arc<Academy>,
    browsers: Mutex<BTreeMap<&'static str, Arc<Browser>>>,
    stop: Notify,
}

#[derive(Deserialize)]
struct SignIn {
    url: String,
    teacher: String,
}

#[derive(Deserialize)]
struct Deliver {
    to: String,
    subject: String,
    text: String,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Control {
    /// Listens on a free loopback port; [`Control::run`] answers.
    pub async fn bind(academy: Arc<Academy>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { listener, shared: Arc::new(Shared { academy, browsers: Mutex::default(), stop: Notify::new() }) })
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
        match (method.as_str(), uri.path()) {
            ("POST", "/browser/sign-in") => self.sign_in(serde_json::from_slice(body)?).await.map(Some),
            ("POST", "/mail/deliver") => {
                let mail: Deliver = serde_json::from_slice(body)?;
                self.academy.deliver(&mail.to, message(&mail).as_bytes()).await?;
                Ok(Some(json!({})))
            }
            ("GET", "/mailbox") => self.subjects(uri.query().unwrap_or_default()).await.map(Some),
            ("POST", "/stop") => {
                self.stop.notify_one();
                Ok(Some(json!({})))
            }
            _ => Ok(None),
        }
    }

    async fn sign_in(&self, request: SignIn) -> Result<Value, Failure> {
        let teacher = Teacher::by_uid(&request.teacher).ok_or(MailError::NoTeacher(request.teacher))?;
        let known = self.browsers.lock().await.get(teacher.uid).cloned();
        let browser = match known {
            Some(browser) => browser,
            None => Arc::new(Browser::new(&self.academy)?),
        };
        self.browsers.lock().await.insert(teacher.uid, Arc::clone(&browser));
        Ok(json!({"redirect": browser.sign_in(&request.url, teacher).await?}))
    }

    async fn subjects(&self, query: &str) -> Result<Value, Failure> {
        let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let asked = |name: &str, otherwise: &str| query.get(name).cloned().unwrap_or_else(|| otherwise.to_owned());
        let mut mailbox = self.academy.mailbox(&asked("teacher", "")).await?;
        let messages = mailbox.messages(&asked("mailbox", "INBOX")).await?;
        let parser = mail_parser::MessageParser::new();
        let subject =
            |raw: &Vec<u8>| parser.parse(raw).and_then(|m| m.subject().map(ToOwned::to_owned)).unwrap_or_default();
        Ok(json!({"subjects": messages.iter().map(subject).collect::<Vec<_>>()}))
    }
}

/// A plain text mail. Subject and text are encoded, so that no letter or line end of theirs becomes a header.
fn message(mail: &Deliver) -> String {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let id = jiff::Timestamp::now().as_nanosecond();
    let letters: Vec<char> = mail.subject.chars().collect();
    // RFC 2047 allows 75 letters for an encoded word; ten characters are at most 40 bytes and 68 letters.
    let words: Vec<_> = letters
        .chunks(10)
        .map(|part| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(part.iter().collect::<String>())))
        .collect();
    let encoded = BASE64_STANDARD.encode(&mail.text).into_bytes();
    let lines: Vec<_> = encoded.chunks(76).map(String::from_utf8_lossy).collect();
    format!(
        "From: Rectorat <rectorat@academie.test>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {date}\r\n\
         Message-ID: <{id}@academie.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        mail.to.replace(['\r', '\n'], ""),
        words.join("\r\n "),
        lines.join("\r\n")
    )
}

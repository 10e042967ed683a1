//! The academy's control: a small HTTP interface on the loopback, for tests that are not written in Rust.

use crate::{Academy, Browser, MailError, Teacher};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, Notify, Semaphore},
};

const REQUEST_LIMIT: usize = 1 << 20;
const READ_LIMIT: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 16;

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

struct Request {
    method: String,
    target: String,
    body: Vec<u8>,
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

    /// Answers requests, sixteen at a time, until one says stop.
    pub async fn run(self) -> std::io::Result<()> {
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let stream = tokio::select! {
                () = self.shared.stop.notified() => return Ok(()),
                accepted = self.listener.accept() => accepted?.0,
            };
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return Ok(()) };
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                // A client that went away needs no answer.
                let _ = shared.serve(stream).await;
                drop(permit);
            });
        }
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let read = tokio::time::timeout(READ_LIMIT, read(&mut stream)).await;
        let Some(request) = read.map_err(std::io::Error::from)?? else {
            return answer(&mut stream, "400 Bad Request", &json!({"error": "not a request"})).await;
        };
        let stops = (request.method.as_str(), request.target.as_str()) == ("POST", "/stop");
        let (status, body) = match self.act(&request).await {
            Ok(Some(body)) => ("200 OK", body),
            Ok(None) => ("404 Not Found", json!({"error": "no such request"})),
            Err(error) if error.is::<serde_json::Error>() => ("400 Bad Request", json!({"error": error.to_string()})),
            Err(error) => ("502 Bad Gateway", json!({"error": error.to_string()})),
        };
        let answered = answer(&mut stream, status, &body).await;
        if stops {
            self.stop.notify_one();
        }
        answered
    }

    async fn act(&self, request: &Request) -> Result<Option<Value>, Failure> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        match (request.method.as_str(), path) {
            ("POST", "/browser/sign-in") => self.sign_in(serde_json::from_slice(&request.body)?).await.map(Some),
            ("POST", "/mail/deliver") => {
                let mail: Deliver = serde_json::from_slice(&request.body)?;
                self.academy.deliver(&mail.to, message(&mail).as_bytes()).await?;
                Ok(Some(json!({})))
            }
            ("GET", "/mailbox") => self.subjects(query).await.map(Some),
            ("POST", "/stop") => Ok(Some(json!({}))),
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

/// Reads one request; `None` when it is none or too large.
async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut first = head.lines().next().unwrap_or_default().split(' ');
            let (Some(method), Some(target)) = (first.next(), first.next()) else { return Ok(None) };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = end + 4 + length.unwrap_or(0).min(REQUEST_LIMIT);
            if bytes.len() >= whole {
                let body = bytes[end + 4..whole].to_vec();
                return Ok(Some(Request { method: method.to_owned(), target: target.to_owned(), body }));
            }
        }
        if bytes.len() > REQUEST_LIMIT || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

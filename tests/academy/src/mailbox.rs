//! Looking into a teacher's mail, and putting mail there, without the product's own code.

use crate::{Academy, Teacher, tls};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls_pki_types::ServerName;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const LIMIT: Duration = Duration::from_secs(60);
const LINE_LIMIT: u64 = 1 << 20;
const LITERAL_LIMIT: usize = 64 << 20;

/// An IMAP connection to the mail of one teacher (RFC 9051), signed in by password. Every command has a minute.
#[derive(Debug)]
pub struct Mailbox {
    stream: BufStream<TlsStream<TcpStream>>,
    commands: u32,
}

/// Why the mail servers did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// NO, BAD or a refusing SMTP code, in the server's words.
    #[error("the mail server refuses: {0}")]
    Refused(String),
    /// No teacher has this identifier.
    #[error("no teacher {0}")]
    NoTeacher(String),
    /// An answer without end, or that is none.
    #[error("the mail server's answer cannot be read")]
    Unreadable,
    /// An address or a mailbox name that would break out of its command.
    #[error("a name with a line end or a bracket")]
    Name,
    /// The connection, its TLS, or a minute without an answer.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// One untagged response: its text and the literals in it, in order.
struct Response {
    text: String,
    literals: Vec<Vec<u8>>,
}

/// Where and with which trust to read mail.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) port: u16,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

impl Door {
    pub(crate) async fn open(&self, teacher: &Teacher) -> Result<Mailbox, MailError> {
        timeout(LIMIT, self.connect(teacher)).await.map_err(std::io::Error::from)?
    }

    async fn connect(&self, teacher: &Teacher) -> Result<Mailbox, MailError> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let name = ServerName::try_from("imap.academie.test").map_err(|_| MailError::Name)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
        let mut mailbox = Mailbox { stream: BufStream::new(tls), commands: 0 };
        mailbox.line().await?;
        mailbox.command(&format!("LOGIN {} {}", teacher.uid, teacher.password)).await?;
        Ok(mailbox)
    }
}

impl Academy {
    /// Opens the mail of the teacher `uid`, with the password of the start.
    pub async fn mailbox(&self, uid: &str) -> Result<Mailbox, MailError> {
        let teacher = Teacher::by_uid(uid).ok_or_else(|| MailError::NoTeacher(uid.to_owned()))?;
        let tls = tls::trusting(self.ca_pem()).map_err(std::io::Error::other)?;
        Door { port: self.imap().port, tls: Arc::new(tls) }.open(teacher).await
    }

    /// Puts the message `raw` into the inbox of the address `to` by LMTP (RFC 2033): it is there when this returns. Lines
    /// end in CRLF.
    pub async fn deliver(&self, to: &str, raw: &[u8]) -> Result<(), MailError> {
        check(&[to])?;
        timeout(LIMIT, lmtp(self.ports.of("LMTP"), to, raw)).await.map_err(std::io::Error::from)?
    }

    /// Sends the message `raw` from `sender` to `to` as anybody in the world can: to the port for mail from elsewhere, without
    /// signing in. Postfix has it when this returns, the mailbox a moment later. Lines end in CRLF.
    pub async fn forge(&self, sender: &str, to: &str, raw: &[u8]) -> Result<(), MailError> {
        check(&[sender, to])?;
        let sending = async {
            let mut stream = BufStream::new(TcpStream::connect(("127.0.0.1", self.ports.of("MX"))).await?);
            reply(&mut stream).await?;
            send(&mut stream, &["HELO ailleurs.test"], sender, to, raw).await
        };
        timeout(LIMIT, sending).await.map_err(std::io::Error::from)?
    }

    /// Sends the message `raw` to `to` as `teacher`, signed in at the submission port; whatever its header says. Postfix has it
    /// when this returns. Lines end in CRLF.
    pub async fn submit(&self, teacher: &Teacher, to: &str, raw: &[u8]) -> Result<(), MailError> {
        check(&[to])?;
        let tls = tls::trusting(self.ca_pem()).map_err(std::io::Error::other)?;
        let login = BASE64_STANDARD.encode(format!("\0{}\0{}", teacher.uid, teacher.password));
        let sending = async {
            let tcp = TcpStream::connect(("127.0.0.1", self.smtp().port)).await?;
            let name = ServerName::try_from("smtp.academie.test").map_err(|_| MailError::Name)?;
            let mut stream = BufStream::new(TlsConnector::from(Arc::new(tls)).connect(name, tcp).await?);
            reply(&mut stream).await?;
            let greeting = ["EHLO test.academie.test", &format!("AUTH PLAIN {login}")];
            send(&mut stream, &greeting, teacher.address, to, raw).await
        };
        timeout(LIMIT, sending).await.map_err(std::io::Error::from)?
    }
}

impl Mailbox {
    /// Sends one command, without its tag and line end, and returns the untagged responses, literals in their places.
    /// NO and BAD are errors.
    pub async fn command(&mut self, command: &str) -> Result<Vec<String>, MailError> {
        Ok(self.run(command.as_bytes()).await?.into_iter().map(|response| response.text).collect())
    }

    /// Adds `message` to `mailbox`, received at `date`. Lines end in CRLF.
    pub async fn append(&mut self, mailbox: &str, date: jiff::Timestamp, message: &[u8]) -> Result<(), MailError> {
        let date = date.strftime("%d-%b-%Y %H:%M:%S +0000");
        let mut command = format!("APPEND {} \"{date}\" {{{}+}}\r\n", quoted(mailbox)?, message.len()).into_bytes();
        command.extend_from_slice(message);
        self.run(&command).await.map(drop)
    }

    /// How many messages `mailbox` holds.
    pub async fn count(&mut self, mailbox: &str) -> Result<usize, MailError> {
        let answer = self.command(&format!("STATUS {} (MESSAGES)", quoted(mailbox)?)).await?;
        answer
            .iter()
            .find_map(|line| line.rsplit_once("(MESSAGES ")?.1.trim_end().strip_suffix(')')?.parse().ok())
            .ok_or(MailError::Unreadable)
    }

    /// Every message of `mailbox` as it is stored, oldest first. Marks nothing as read.
    pub async fn messages(&mut self, mailbox: &str) -> Result<Vec<Vec<u8>>, MailError> {
        self.command(&format!("EXAMINE {}", quoted(mailbox)?)).await?;
        // A UID range also fits an empty mailbox.
        let answer = self.run(b"UID FETCH 1:* (BODY.PEEK[])").await?;
        Ok(answer.into_iter().filter_map(|response| response.literals.into_iter().next()).collect())
    }

    async fn run(&mut self, command: &[u8]) -> Result<Vec<Response>, MailError> {
        timeout(LIMIT, self.exchange(command)).await.map_err(std::io::Error::from)?
    }

    async fn exchange(&mut self, command: &[u8]) -> Result<Vec<Response>, MailError> {
        self.commands += 1;
        let tag = format!("a{} ", self.commands);
        self.stream.write_all(tag.as_bytes()).await?;
        self.stream.write_all(command).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await?;
        let mut untagged = Vec::new();
        loop {
            let response = self.response().await?;
            let Some(status) = response.text.strip_prefix(&tag) else {
                untagged.push(response);
                continue;
            };
            return if status.starts_with("OK") { Ok(untagged) } else { Err(MailError::Refused(status.to_owned())) };
        }
    }

    async fn response(&mut self) -> Result<Response, MailError> {
        let mut response = Response { text: String::new(), literals: Vec::new() };
        loop {
            let line = self.line().await?;
            response.text += &line;
            let literal = line.strip_suffix('}').and_then(|line| line.rsplit_once('{')?.1.parse::<usize>().ok());
            let Some(length) = literal else { return Ok(response) };
            if length > LITERAL_LIMIT {
                return Err(MailError::Unreadable);
            }
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).await?;
            response.text += "\r\n";
            response.text += &String::from_utf8_lossy(&bytes);
            response.literals.push(bytes);
        }
    }

    async fn line(&mut self) -> Result<String, MailError> {
        line(&mut self.stream).await
    }
}

/// One line without its end.
async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Result<String, MailError> {
    let mut bytes = Vec::new();
    stream.take(LINE_LIMIT).read_until(b'\n', &mut bytes).await?;
    let line = bytes.strip_suffix(b"\n").ok_or(MailError::Unreadable)?;
    Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
}

fn quoted(mailbox: &str) -> Result<String, MailError> {
    if mailbox.contains(['"', '\\', '\r', '\n']) {
        return Err(MailError::Name);
    }
    Ok(format!("\"{mailbox}\""))
}

fn check(addresses: &[&str]) -> Result<(), MailError> {
    let breaks_out = |address: &&str| address.contains(['\r', '\n', '<', '>', ' ']);
    if addresses.iter().any(breaks_out) { Err(MailError::Name) } else { Ok(()) }
}

async fn lmtp(port: u16, to: &str, raw: &[u8]) -> Result<(), MailError> {
    let mut stream = BufStream::new(TcpStream::connect(("127.0.0.1", port)).await?);
    reply(&mut stream).await?;
    send(&mut stream, &["LHLO test.academie.test"], "", to, raw).await
}

/// Hands over one message to a server that has said hello, by SMTP or LMTP.
async fn send(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
    greeting: &[&str],
    sender: &str,
    to: &str,
    raw: &[u8],
) -> Result<(), MailError> {
    let envelope = [&*format!("MAIL FROM:<{sender}>"), &*format!("RCPT TO:<{to}>"), "DATA"];
    for command in greeting.iter().copied().chain(envelope) {
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        stream.flush().await?;
        reply(stream).await?;
    }
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            stream.write_all(b".").await?;
        }
        stream.write_all(line).await?;
    }
    stream.write_all(if raw.ends_with(b"\n") { b".\r\n" } else { b"\r\n.\r\n" }).await?;
    stream.flush().await?;
    reply(stream).await?;
    stream.write_all(b"QUIT\r\n").await?;
    stream.flush().await?;
    Ok(())
}

/// Reads one reply of any number of lines; 4xx and 5xx are errors.
async fn reply(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Result<(), MailError> {
    loop {
        let line = line(stream).await?;
        if line.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        return if line.starts_with(['2', '3']) { Ok(()) } else { Err(MailError::Refused(line)) };
    }
}

//! Into a mailbox: MULTIAPPEND (RFC 3502) with non-synchronising literals (RFC 7888), 500 messages a command.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Filler, Mail};

const BATCH: u64 = 500;
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
const LONGEST_LINE: u64 = 64 * 1024;

/// Where to put the mail: an IMAP server with TLS from the start, and an account.
pub struct Destination<'a> {
    /// Address and port of IMAPS.
    pub address: SocketAddr,
    /// Name in the server's certificate.
    pub server_name: &'a str,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Login name.
    pub user: &'a str,
    /// Password of that login.
    pub password: &'a str,
    /// Name of the IMAP mailbox, ASCII; made if missing.
    pub name: &'a str,
}

/// What was put there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Filled {
    /// Number of messages.
    pub messages: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

/// Why a mailbox could not be filled. What was appended before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// The connection failed or the server closed it.
    #[error("the connection to the IMAP server failed")]
    Connection(#[from] io::Error),
    /// The server did not answer within two minutes (15 s for the connection).
    #[error("the IMAP server did not answer in time")]
    Timeout,
    /// The server lacks an extension that this needs.
    #[error("the IMAP server does not offer {0}")]
    Unsupported(&'static str),
    /// The server refused a command with this answer.
    #[error("the IMAP server refused {command}: {answer}")]
    Refused {
        /// The command's name, without its arguments.
        command: &'static str,
        /// The tagged line.
        answer: String,
    },
    /// A name or password with a line break, or a mailbox name that is not ASCII.
    #[error("an argument cannot be sent over IMAP")]
    Argument,
}

impl Filler {
    /// Appends messages 0 to `count` − 1 to a mailbox and tells `progress` after each 500 how many are there.
    ///
    /// Holds one message and a write buffer of 256 KiB in memory, whatever `count` is. A failed batch is left out as a
    /// whole by a server that follows RFC 3502.
    ///
    /// # Errors
    /// See [`FillError`].
    pub async fn fill(
        &self,
        destination: &Destination<'_>,
        count: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<Filled, FillError> {
        let mut session = Session::open(destination).await?;
        let name = quoted(destination.name)?;
        if !destination.name.eq_ignore_ascii_case("INBOX") {
            session.create(&name).await?;
        }
        let mut filled = Filled::default();
        while filled.messages < count {
            let batch = filled.messages..count.min(filled.messages + BATCH);
            let bytes = session.append(&name, batch.clone().map(|index| self.message(index))).await?;
            filled = Filled { messages: batch.end, bytes: filled.bytes + bytes };
            progress(filled.messages);
        }
        session.command("LOGOUT", "LOGOUT").await?;
        Ok(filled)
    }
}

struct Session {
    stream: BufStream<TlsStream<TcpStream>>,
}

impl Session {
    async fn open(destination: &Destination<'_>) -> Result<Self, FillError> {
        let name = ServerName::try_from(destination.server_name.to_owned()).map_err(|_| FillError::Argument)?;
        let login = format!("LOGIN {} {}", quoted(destination.user)?, quoted(destination.password)?);
        let connecting = async {
            let socket = TcpStream::connect(destination.address).await?;
            socket.set_nodelay(true)?;
            TlsConnector::from(Arc::clone(&destination.tls)).connect(name, socket).await
        };
        let stream = timeout(CONNECT_LIMIT, connecting).await.map_err(|_| FillError::Timeout)??;
        let mut session = Self { stream: BufStream::with_capacity(8 * 1024, 256 * 1024, stream) };
        let greeting = timeout(CONNECT_LIMIT, session.line()).await.map_err(|_| FillError::Timeout)??;
        if !greeting.starts_with("* OK") {
            return Err(FillError::Refused { command: "greeting", answer: greeting });
        }
        session.command("LOGIN", &login).await?;
        let offered = session.command("CAPABILITY", "CAPABILITY").await?.to_ascii_uppercase();
        for needed in ["MULTIAPPEND", "LITERAL+"] {
            if !offered.split_ascii_whitespace().any(|word| word == needed) {
                return Err(FillError::Unsupported(needed));
            }
        }
        Ok(session)
    }

    async fn create(&mut self, name: &str) -> Result<(), FillError> {
        match self.command("CREATE", &format!("CREATE {name}")).await {
            Err(FillError::Refused { answer, .. }) if answer.contains("[ALREADYEXISTS]") => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// One APPEND of all `mails`; returns their size.
    async fn append(&mut self, name: &str, mails: impl Iterator<Item = Mail>) -> Result<u64, FillError> {
        let sending = async {
            let mut bytes = 0;
            self.stream.write_all(format!("a APPEND {name}").as_bytes()).await?;
            for mail in mails {
                let date = Timestamp::from_second(mail.internal_date).unwrap_or(Timestamp::MAX);
                let mut header = String::new();
                let date = date.strftime("%d-%b-%Y %H:%M:%S +0000");
                let _ = write!(header, " ({}) \"{date}\" {{{}+}}\r\n", mail.flags.join(" "), mail.raw.len());
                self.stream.write_all(header.as_bytes()).await?;
                self.stream.write_all(&mail.raw).await?;
                bytes += mail.raw.len() as u64;
            }
            self.stream.write_all(b"\r\n").await?;
            self.stream.flush().await?;
            io::Result::Ok(bytes)
        };
        let bytes = timeout(COMMAND_LIMIT, sending).await.map_err(|_| FillError::Timeout)??;
        self.answer("APPEND").await?;
        Ok(bytes)
    }

    /// Sends one line and returns the untagged lines of an OK answer.
    async fn command(&mut self, name: &'static str, line: &str) -> Result<String, FillError> {
        let sending = async {
            self.stream.write_all(format!("a {line}\r\n").as_bytes()).await?;
            self.stream.flush().await
        };
        timeout(COMMAND_LIMIT, sending).await.map_err(|_| FillError::Timeout)??;
        self.answer(name).await
    }

    async fn answer(&mut self, command: &'static str) -> Result<String, FillError> {
        let reading = async {
            let mut untagged = String::new();
            loop {
                let line = self.line().await?;
                if let Some(answer) = line.strip_prefix("a ") {
                    let ok = answer.get(..3).is_some_and(|status| status.eq_ignore_ascii_case("OK "));
                    return if ok {
                        Ok(untagged)
                    } else {
                        Err(FillError::Refused { command, answer: answer.to_owned() })
                    };
                }
                // Room for a CAPABILITY; a chatty server's further lines are of no use here.
                if untagged.len() < LONGEST_LINE as usize {
                    untagged.push_str(&line);
                    untagged.push('\n');
                }
            }
        };
        timeout(COMMAND_LIMIT, reading).await.map_err(|_| FillError::Timeout)?
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// An IMAP quoted string (RFC 9051 4.3).
fn quoted(text: &str) -> Result<String, FillError> {
    if !text.is_ascii() || text.contains(['\r', '\n', '\0']) {
        return Err(FillError::Argument);
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

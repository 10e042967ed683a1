//! TLS that begins by STARTTLS: IMAP (RFC 9051, 6.2.1) and submission (RFC 3207).
//!
//! Nothing said before TLS is kept: capabilities are asked for anew. A server that does not offer it, or somebody in between
//! who takes the offer away, gets nothing: there is no going on in the clear. Bytes that came behind the server's consent were
//! put there for the session after it (CVE-2021-33515 and its kind) and end the connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::imap::MailStream;
use crate::academy::{MailServer, TlsStart};
use crate::ports::{ConnectError, Network, Preamble};

/// What may be said before TLS begins, in bytes: a greeting and an EHLO are some hundred.
const MOST: usize = 16 * 1024;

/// Whether a server still has to greet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Greeting {
    /// It greets first, as it does where TLS begins with the first byte.
    Due,
    /// It greeted in the clear, which nobody believes, and says nothing before it is asked.
    Had,
}

/// A connection on which TLS stands.
pub(super) struct Secured {
    pub(super) stream: Box<dyn MailStream>,
    pub(super) greeting: Greeting,
}

/// Which protocol it is that TLS begins in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Imap,
    Submission,
}

/// Connects to a mail server with TLS, whenever that begins there. Takes at most the network's patience.
pub(super) async fn connect(
    network: &Network,
    server: &MailServer,
    protocol: Protocol,
) -> Result<Secured, ConnectError> {
    let (host, port) = (&server.host, server.port);
    let (tls, greeting) = match server.tls {
        TlsStart::Implicit => (network.connect(host, port).await?, Greeting::Due),
        TlsStart::Starttls => (network.connect_after(host, port, &protocol).await?, Greeting::Had),
    };
    Ok(Secured { stream: Box::new(tls), greeting })
}

impl Preamble for Protocol {
    async fn say(&self, stream: &mut TcpStream) -> Result<(), ConnectError> {
        let mut clear = Clear { stream, buffer: Vec::new(), read: 0 };
        match self {
            Self::Imap => clear.imap().await?,
            Self::Submission => clear.submission().await?,
        }
        clear.nothing_unasked()
    }
}

/// The conversation before TLS.
struct Clear<'a> {
    stream: &'a mut TcpStream,
    /// What came and is not looked at yet.
    buffer: Vec<u8>,
    /// Bytes that came in all.
    read: usize,
}

impl Clear<'_> {
    async fn imap(&mut self) -> Result<(), ConnectError> {
        let greeting = self.line().await?.to_ascii_uppercase();
        if greeting.starts_with("* BYE") {
            return Err(ConnectError::Unreachable);
        }
        // Not PREAUTH: then STARTTLS is not allowed any more, and whose session it is nobody knows.
        if !greeting.starts_with("* OK") {
            return Err(ConnectError::NoSafeTls);
        }
        self.ask("T0 STARTTLS").await?;
        loop {
            let line = self.line().await?.to_ascii_uppercase();
            if line.starts_with("T0 OK") {
                return Ok(());
            }
            if !line.starts_with("* ") || line.starts_with("* BYE") {
                return Err(ConnectError::NoSafeTls);
            }
        }
    }

    async fn submission(&mut self) -> Result<(), ConnectError> {
        match self.reply().await?.code {
            220 => {}
            421 | 554 => return Err(ConnectError::Unreachable),
            _ => return Err(ConnectError::NoSafeTls),
        }
        // The name of nobody: the phone's own is nobody's business, and this one is asked again over TLS.
        self.ask("EHLO localhost").await?;
        let offered = self.reply().await?;
        if offered.code != 250 || !offered.lines.iter().any(|line| line.trim().eq_ignore_ascii_case("STARTTLS")) {
            return Err(ConnectError::NoSafeTls);
        }
        self.ask("STARTTLS").await?;
        if self.reply().await?.code == 220 { Ok(()) } else { Err(ConnectError::NoSafeTls) }
    }

    async fn ask(&mut self, command: &str) -> Result<(), ConnectError> {
        self.nothing_unasked()?;
        let said = self.stream.write_all(format!("{command}\r\n").as_bytes()).await;
        said.map_err(|error| ConnectError::from_cause(&error))
    }

    /// What the server said before it was asked answers nothing.
    fn nothing_unasked(&self) -> Result<(), ConnectError> {
        if self.buffer.is_empty() { Ok(()) } else { Err(ConnectError::NoSafeTls) }
    }

    async fn reply(&mut self) -> Result<Reply, ConnectError> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).ok_or(ConnectError::NoSafeTls)?;
            if reply.code != 0 && reply.code != code {
                return Err(ConnectError::NoSafeTls);
            }
            reply.code = code;
            reply.lines.push(line.get(4..).unwrap_or_default().to_owned());
            match line.get(3..4) {
                Some("-") => {}
                Some(" ") | None => return Ok(reply),
                Some(_) => return Err(ConnectError::NoSafeTls),
            }
        }
    }

    async fn line(&mut self) -> Result<String, ConnectError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.read > MOST {
                return Err(ConnectError::NoSafeTls);
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            match read.map_err(|error| ConnectError::from_cause(&error))? {
                0 => return Err(ConnectError::Cut),
                read => self.read += read,
            }
        }
    }
}

/// A reply of a submission server.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

#[cfg(test)]
mod tests;

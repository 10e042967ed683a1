//! Lines out, bounded replies in.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::mail::imap::MailStream;
use crate::mail::mime::shown;

/// RFC 5321, 4.5.3.1.5 gives a reply line 512 bytes; an EHLO has some twenty lines.
const LINE: u64 = 4096;
const LINES: usize = 128;
/// Takes eight seconds on the slowest mobile network.
const PIECE: usize = 16 * 1024;

/// A reply of the server.
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// What it says, fit to be shown.
    pub(super) fn text(&self) -> String {
        shown(&self.lines.join(" ")).chars().take(200).collect()
    }
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Broken {
    /// Cut, or silent for too long.
    Gone,
    /// Not a reply.
    Nonsense,
}

pub(super) struct Dialogue {
    stream: BufReader<Box<dyn MailStream>>,
    silence: Duration,
    end_begun: bool,
}

impl Dialogue {
    pub(super) fn new(stream: Box<dyn MailStream>, silence: Duration) -> Self {
        Self { stream: BufReader::new(stream), silence, end_begun: false }
    }

    pub(super) async fn ask(&mut self, line: &str) -> Result<Reply, Broken> {
        self.nothing_unasked()?;
        self.write(line.as_bytes()).await?;
        self.write(b"\r\n").await?;
        self.flush().await?;
        self.reply().await
    }

    /// Sends the message with its dots doubled, ends it, and waits for the verdict.
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<Reply, Broken> {
        self.nothing_unasked()?;
        let mut out = Vec::with_capacity(message.len() + message.len() / 64 + 8);
        for line in message.split_inclusive(|b| *b == b'\n') {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        // In pieces, so that the limit is one on progress.
        for piece in out.chunks(PIECE) {
            self.write(piece).await?;
        }
        self.flush().await?;
        // Noted before the network is asked: whatever it answers, the last line may have gone.
        self.end_begun = true;
        self.write(b".\r\n").await?;
        self.flush().await?;
        // Some servers look for viruses first: RFC 5321, 4.5.3.2.6 gives them ten minutes, the teacher has less.
        self.silence = self.silence.saturating_mul(4);
        self.reply().await
    }

    /// Whether the message's last line was begun. Until then no server can have taken the message.
    pub(super) fn end_begun(&self) -> bool {
        self.end_begun
    }

    pub(super) async fn reply(&mut self) -> Result<Reply, Broken> {
        timeout(self.silence, self.lines()).await.map_err(|_| Broken::Gone)?
    }

    /// What the server said before it was asked answers nothing (RFC 3207, 6, knows why).
    fn nothing_unasked(&self) -> Result<(), Broken> {
        if self.stream.buffer().is_empty() { Ok(()) } else { Err(Broken::Nonsense) }
    }

    async fn lines(&mut self) -> Result<Reply, Broken> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        while reply.lines.len() < LINES {
            let mut line = Vec::new();
            let read = (&mut self.stream).take(LINE).read_until(b'\n', &mut line).await;
            if read.map_err(|_| Broken::Gone)? == 0 {
                return Err(Broken::Gone);
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                return Err(if line.len() as u64 == LINE { Broken::Nonsense } else { Broken::Gone });
            };
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).ok_or(Broken::Nonsense)?;
            let more = match line.get(3..4) {
                Some("-") => true,
                Some(" ") | None => false,
                Some(_) => return Err(Broken::Nonsense),
            };
            if !(200..600).contains(&code) || (reply.code != 0 && reply.code != code) {
                return Err(Broken::Nonsense);
            }
            reply.code = code;
            reply.lines.push(line.get(4..).unwrap_or_default().to_owned());
            if !more {
                return Ok(reply);
            }
        }
        Err(Broken::Nonsense)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let written = timeout(self.silence, self.stream.write_all(bytes)).await.map_err(|_| Broken::Gone)?;
        written.map_err(|_| Broken::Gone)
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        let flushed = timeout(self.silence, self.stream.flush()).await.map_err(|_| Broken::Gone)?;
        flushed.map_err(|_| Broken::Gone)
    }
}

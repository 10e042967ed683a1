mod changes;
mod commands;
mod compress;
mod guard;
mod idle;
mod list;
mod login;
mod namespace;
mod parts;
mod pieces;
mod pipeline;
mod recorded;
mod secrets;
mod utf8;

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

use super::{ImapError, ImapSession, Limits};
use crate::mail::Credentials;

pub(super) const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LITERAL+ MOVE UIDPLUS CONDSTORE LIST-EXTENDED SPECIAL-USE \
                                       COMPRESS=DEFLATE NAMESPACE QUOTA ACL OBJECTID AUTH=PLAIN AUTH=OAUTHBEARER";
pub(super) const LIMITS: Limits = Limits { silence: Duration::from_secs(30) };

pub(super) fn password() -> Credentials {
    Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() }
}

/// A server that plays a script: it reads a command, and answers it with what the script says for it.
pub(super) struct Peer {
    stream: BufReader<DuplexStream>,
}

impl Peer {
    pub(super) fn pair() -> (Box<DuplexStream>, Self) {
        let (ours, theirs) = duplex(1 << 20);
        (Box::new(ours), Self::over(theirs))
    }

    /// The server's side of this stream.
    pub(super) fn over(stream: DuplexStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The stream itself, once all that came was read.
    pub(super) fn stream(self) -> DuplexStream {
        assert!(self.stream.buffer().is_empty());
        self.stream.into_inner()
    }

    /// The next command line, as tag and rest.
    pub(super) async fn command(&mut self) -> Option<(String, String)> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.ok()?;
        let (tag, rest) = line.trim_end().split_once(' ')?;
        Some((tag.to_owned(), rest.to_owned()))
    }

    /// Whether a line came; with a literal that is sent at once, both of its lines.
    pub(super) async fn said(&mut self) -> bool {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.unwrap_or(0);
        if let Some((_, size)) = line.trim_end().strip_suffix("+}").and_then(|line| line.rsplit_once('{')) {
            self.literal(size.parse().unwrap()).await;
        }
        read > 0
    }

    /// Whether anything came.
    pub(super) async fn anything(&mut self) -> bool {
        self.stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0
    }

    /// The next line that is no command: an answer to a challenge.
    pub(super) async fn stream_line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(super) async fn literal(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size + 2];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    pub(super) async fn say(&mut self, text: impl AsRef<[u8]>) {
        // The client may have hung up: what matters then is what it thinks.
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Greets and lets anybody in.
    pub(super) async fn welcome(&mut self) {
        self.welcome_with(CAPABILITIES).await;
    }

    /// The same as a server that can do this.
    pub(super) async fn welcome_with(&mut self, capabilities: &str) {
        self.say(format!("* OK [CAPABILITY {capabilities}] ready\r\n")).await;
        let (tag, _) = self.command().await.unwrap();
        self.say(format!("{tag} OK in\r\n")).await;
        let (tag, _) = self.command().await.unwrap();
        self.say(format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n")).await;
    }
}

/// A session with a peer that answers the commands after the login by `answer(tag, command)`.
pub(super) async fn session(answer: impl Fn(&str, &str) -> String + Send + 'static) -> ImapSession {
    session_with(CAPABILITIES, answer).await
}

/// The same with a server that can do this.
pub(super) async fn session_with(
    capabilities: &'static str,
    answer: impl Fn(&str, &str) -> String + Send + 'static,
) -> ImapSession {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome_with(capabilities).await;
        while let Some((tag, command)) = peer.command().await {
            peer.say(answer(&tag, &command)).await;
        }
    });
    ImapSession::open(stream, &password(), LIMITS).await.unwrap()
}

pub(super) async fn opened(script: impl AsRef<[u8]> + Send + 'static) -> Result<ImapSession, ImapError> {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move { peer.say(script).await });
    ImapSession::open(stream, &password(), LIMITS).await
}

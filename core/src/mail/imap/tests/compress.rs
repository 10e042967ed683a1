//! COMPRESS=DEFLATE (RFC 4978): what goes over the wire, and servers that say OK and do something else.

use std::io::Write;

use flate2::write::{DeflateDecoder, DeflateEncoder};
use flate2::{Compress, Compression, FlushCompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::{ImapError, ImapSession, Limit};
use super::{LIMITS, Peer, password};

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN COMPRESS=DEFLATE";

/// A server's compressor: what it is told, flushed.
pub(super) struct Deflater(Compress);

impl Deflater {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::default(), false))
    }

    pub(super) fn say(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 1024);
        self.0.compress_vec(text, &mut out, FlushCompress::Sync).unwrap();
        out
    }
}

/// A session that has sent COMPRESS, was answered by OK and `behind`, and the raw stream of its server.
async fn compressed(behind: &[u8]) -> (Result<ImapSession, ImapError>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 22);
    let mut peer = Peer::over(theirs);
    let behind = behind.to_vec();
    let serving = tokio::spawn(async move {
        peer.welcome_with(CAPABILITIES).await;
        let (tag, command) = peer.command().await.unwrap();
        assert_eq!(command, "COMPRESS DEFLATE");
        peer.say([format!("{tag} OK go\r\n").as_bytes(), &behind].concat()).await;
        peer.stream()
    });
    let mut session = ImapSession::open(Box::new(ours), &password(), LIMITS).await.unwrap();
    let outcome = session.compress().await;
    (outcome.map(|()| session), serving.await.unwrap())
}

/// Reads what the client sends until it holds a line end, inflated.
async fn command(stream: &mut DuplexStream, inflater: &mut DeflateDecoder<Vec<u8>>) -> String {
    loop {
        let mut chunk = vec![0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "the client has hung up");
        inflater.write_all(&chunk[..read]).unwrap();
        inflater.flush().unwrap();
        if inflater.get_ref().ends_with(b"\r\n") {
            return String::from_utf8(std::mem::take(inflater.get_mut())).unwrap();
        }
    }
}

#[tokio::test]
async fn each_command_goes_out_at_once_and_each_answer_is_read() {
    let (session, mut stream) = compressed(b"").await;
    let server = tokio::spawn(async move {
        let (mut inflater, mut deflater) = (DeflateDecoder::new(Vec::new()), Deflater::new());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let line = command(&mut stream, &mut inflater).await;
            let (tag, rest) = line.split_once(' ').unwrap();
            stream.write_all(&deflater.say(format!("* 3 EXISTS\r\n{tag} OK\r\n").as_bytes())).await.unwrap();
            seen.push(rest.to_owned());
        }
        seen
    });
    let mut session = session.unwrap();
    session.noop().await.unwrap();
    assert_eq!(session.exists(), Some(3));
    session.append("Sent", &[], &b"a: b\r\n".repeat(100_000)).await.unwrap();
    session.noop().await.unwrap();
    let seen = server.await.unwrap();
    assert_eq!((seen[0].as_str(), seen[2].as_str()), ("NOOP\r\n", "NOOP\r\n"));
    assert!(seen[1].starts_with("APPEND \"Sent\" () {600000+}\r\na: b\r\na: b\r\n") && seen[1].len() > 600_000);
}

#[tokio::test]
async fn a_server_that_will_not_is_spoken_to_as_before() {
    for answer in ["NO [COMPRESSIONACTIVE] twice", "BAD what?"] {
        let mut session = super::session_with(CAPABILITIES, move |tag, command| match command {
            "COMPRESS DEFLATE" => format!("{tag} {answer}\r\n"),
            _ => format!("{tag} OK\r\n"),
        })
        .await;
        assert!(matches!(session.compress().await, Err(ImapError::Refused { .. } | ImapError::Bad { .. })));
        assert_eq!(session.noop().await, Ok(()));
    }
    let mut without =
        super::session_with("IMAP4rev1 SASL-IR AUTH=PLAIN", |tag, command| panic!("{tag} {command}")).await;
    assert_eq!(without.compress().await, Err(ImapError::Unsupported("COMPRESS=DEFLATE")));
    assert!(without.is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_ok_and_does_not_compress_gives_an_error_and_no_answer() {
    for text in ["* 9 EXISTS\r\nA0004 OK\r\n", "A0004 OK\r\n", "\r\n", "\x06", "zzzz", "\x03\0", "\u{7f}\u{7f}"] {
        let (session, mut stream) = compressed(b"").await;
        let server = tokio::spawn(async move {
            let _ = stream.read(&mut [0; 100]).await;
            let _ = stream.write_all(text.as_bytes()).await;
            tokio::time::sleep(LIMITS.silence * 4).await;
        });
        let mut session = session.unwrap();
        let error = session.noop().await.unwrap_err();
        assert!(matches!(error, ImapError::Malformed | ImapError::TimedOut | ImapError::Closed), "{text:?}: {error}");
        assert!(!session.is_usable() && session.exists().is_none(), "{text:?}");
        server.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_clear_behind_the_ok_is_no_answer() {
    for behind in ["A0004 OK injected\r\n", "* 9 EXISTS\r\nA0004 OK\r\n", "\r\nA0004 OK\r\n", "+ go\r\n"] {
        let (session, mut stream) = compressed(behind.as_bytes()).await;
        let server = tokio::spawn(async move {
            let _ = stream.read(&mut [0; 100]).await;
            let _ = stream.write_all(&Deflater::new().say(b"A0004 OK\r\n")).await;
            tokio::time::sleep(LIMITS.silence * 4).await;
        });
        let mut session = session.unwrap();
        let error = session.noop().await.unwrap_err();
        assert!(matches!(error, ImapError::Malformed | ImapError::TimedOut), "{behind:?}: {error}");
        assert!(!session.is_usable() && session.exists().is_none());
        server.abort();
    }
    // What is compressed may come in the same breath as the OK.
    let (session, mut stream) = compressed(&Deflater::new().say(b"* 9 EXISTS\r\nA0004 OK\r\n")).await;
    let mut session = session.unwrap();
    session.noop().await.unwrap();
    assert_eq!(session.exists(), Some(9));
    assert!(stream.read(&mut [0; 100]).await.unwrap() > 0);
}

#[tokio::test]
async fn of_a_bomb_no_more_is_inflated_than_the_guard_allows() {
    let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b'x'; 1 << 28]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let (session, mut stream) = compressed(&bomb).await;
    let mut session = session.unwrap();
    assert_eq!(session.noop().await, Err(ImapError::Limit(Limit::Line)));
    assert!(session.watch.received.load(std::sync::atomic::Ordering::Relaxed) < 4 << 20);
    assert!(!session.is_usable());
    let _ = stream.read(&mut [0; 10]).await;
}

//! Lets only whole, bounded and readable answers of a server through to the parser.
//!
//! imap-proto recurses without a limit (a BODYSTRUCTURE of some hundred levels ends the process) and async-imap gives up
//! the connection at one line it cannot read. So each answer is framed here, measured, tried, and passed on or diverted.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_imap::imap_proto::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::Zeroizing;

use super::error::{ImapError, Limit};

/// A SEARCH of 200,000 messages is a line of 1.4 MB.
const LINE: usize = 2 * 1024 * 1024;
/// Beside the largest literal, the lines around it and a few headers more.
const RESPONSE: usize = 4 * 1024 * 1024;
const DEPTH: usize = 50;
const CHUNK: usize = 32 * 1024;
/// What is kept of answers that cannot be read: so many, so much of one, so much of all, and of any, for the number in it.
const DIVERTED: usize = 1024;
const DIVERTED_LINE: usize = 64 * 1024;
const DIVERTED_BYTES: usize = 1024 * 1024;
const DIVERTED_HEAD: usize = 256;

/// What the guard and the session above it share.
pub(super) struct Watch {
    /// Every byte that came: the measure of progress.
    pub(super) received: AtomicU64,
    /// The largest literal that the command under way may bring.
    pub(super) literal: AtomicUsize,
    /// Tells that the phone has another network.
    networks: Mutex<tokio::sync::watch::Receiver<u64>>,
    fault: Mutex<Option<ImapError>>,
    diverted: Mutex<Diverted>,
}

/// Answers that cannot be read.
#[derive(Default)]
struct Diverted {
    lines: Vec<Vec<u8>>,
    bytes: usize,
    lost: bool,
}

impl Watch {
    fn new() -> Self {
        Self {
            received: AtomicU64::new(0),
            literal: AtomicUsize::new(1024 * 1024),
            networks: Mutex::new(tokio::sync::watch::channel(0).1),
            fault: Mutex::default(),
            diverted: Mutex::default(),
        }
    }

    pub(super) fn heed(&self, networks: tokio::sync::watch::Receiver<u64>) {
        *self.networks.lock().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    /// What changes from now on.
    pub(super) fn networks(&self) -> tokio::sync::watch::Receiver<u64> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        networks.mark_unchanged();
        networks
    }

    /// Why the guard closed the connection, if it did.
    pub(super) fn fault(&self) -> Option<ImapError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The answers that could not be read since the last time, and whether there were more than are kept.
    pub(super) fn take_diverted(&self) -> (Vec<Vec<u8>>, bool) {
        let taken = std::mem::take(&mut *self.diverted.lock().unwrap_or_else(PoisonError::into_inner));
        (taken.lines, taken.lost)
    }

    fn fail(&self, error: ImapError) -> io::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other("refused by the guard")
    }

    /// Keeps an answer that could not be read, if the session can go on without it.
    pub(super) fn unreadable(&self, raw: &[u8]) -> Result<(), ImapError> {
        if !raw.starts_with(b"* ") {
            // A tagged or continuing line that makes no sense: nobody knows what the server did.
            return Err(ImapError::Malformed);
        }
        self.divert(raw);
        Ok(())
    }

    fn divert(&self, raw: &[u8]) {
        let mut diverted = self.diverted.lock().unwrap_or_else(PoisonError::into_inner);
        if diverted.lines.len() == DIVERTED {
            diverted.lost = true;
            return;
        }
        let room = DIVERTED_BYTES.saturating_sub(diverted.bytes).clamp(DIVERTED_HEAD, DIVERTED_LINE);
        let kept = raw.get(..room).unwrap_or(raw);
        diverted.bytes += kept.len();
        diverted.lines.push(kept.to_vec());
    }
}

/// The stream between a server and async-imap.
pub(super) struct Guard<S> {
    inner: S,
    watch: Arc<Watch>,
    chunk: Box<[u8]>,
    input: Vec<u8>,
    /// `input` up to here was handed on, and up to `passed` may be.
    given: usize,
    passed: usize,
    /// Where to look on for the end of the answer that begins at `passed`.
    scanned: usize,
    /// Where its current line began.
    line: usize,
    /// What to write instead of what, once.
    secret: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// What must be written before anything else, and how much of it was.
    pending: Zeroizing<Vec<u8>>,
    sent: usize,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S) -> (Self, Arc<Watch>) {
        let watch = Arc::new(Watch::new());
        let guard = Self {
            inner,
            watch: Arc::clone(&watch),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            input: Vec::new(),
            given: 0,
            passed: 0,
            scanned: 0,
            line: 0,
            secret: None,
            pending: Zeroizing::default(),
            sent: 0,
        };
        (guard, watch)
    }

    /// Writes `secret` in the place of the next `placeholder`. async-imap logs what it writes; so it never sees a secret.
    pub(super) fn substitute(&mut self, placeholder: &'static str, secret: Zeroizing<Vec<u8>>) {
        self.secret = Some((placeholder, secret));
    }

    /// The next whole answer, put in the place of what was in `answer`; false at the end of the stream. It is bounded and
    /// framed as all others, but nobody has tried to read it. For the session, which reads it once and without async-imap.
    pub(super) async fn answer(&mut self, answer: &mut Vec<u8>) -> io::Result<bool>
    where
        S: AsyncRead + Unpin,
    {
        poll_fn(|cx| self.poll_answer(cx, answer)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>, answer: &mut Vec<u8>) -> Poll<io::Result<bool>>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            if let Some(error) = self.watch.fault() {
                return Poll::Ready(Err(self.watch.fail(error)));
            }
            // Half of an answer went to async-imap: then this would be the other half.
            let whole = if self.given == self.passed { self.whole() } else { Err(ImapError::Malformed) };
            match whole {
                Ok(Some(end)) => {
                    answer.clear();
                    answer.extend_from_slice(self.input.get(self.passed..end).unwrap_or_default());
                    (self.given, self.passed, self.scanned, self.line) = (end, end, end, end);
                    self.compact();
                    return Poll::Ready(Ok(true));
                }
                Ok(None) => self.compact(),
                Err(error) => return Poll::Ready(Err(self.watch.fail(error))),
            }
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Reads on; false at the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>>
    where
        S: AsyncRead + Unpin,
    {
        let mut chunk = ReadBuf::new(&mut self.chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut chunk))?;
        self.watch.received.fetch_add(chunk.filled().len() as u64, Ordering::Relaxed);
        self.input.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(!chunk.filled().is_empty()))
    }

    /// Looks for a whole answer behind `passed`; true when there is something to hand on.
    fn advance(&mut self) -> Result<bool, ImapError> {
        while let Some(end) = self.whole()? {
            let raw = self.input.get(self.passed..end).unwrap_or_default();
            let readable = matches!(Response::parse(raw), Ok(([], _)));
            if !readable {
                self.watch.unreadable(raw)?;
                self.given = end;
            }
            self.passed = end;
            (self.scanned, self.line) = (end, end);
            if readable {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The end of the answer that begins at `passed`, once all of it is here.
    fn whole(&mut self) -> Result<Option<usize>, ImapError> {
        loop {
            // Behind a literal that is still coming.
            let Some(unseen) = self.input.get(self.scanned..) else { return Ok(None) };
            let Some(at) = memchr::memchr(b'\n', unseen) else {
                self.scanned = self.input.len();
                let long = self.input.len().saturating_sub(self.line) > LINE;
                return if long { Err(ImapError::Limit(Limit::Line)) } else { Ok(None) };
            };
            let end = self.scanned + at + 1;
            if end - self.line > LINE {
                return Err(ImapError::Limit(Limit::Line));
            }
            let line = self.input.get(self.line..end).unwrap_or_default();
            let Some(literal) = literal(line) else {
                let raw = self.input.get(self.passed..end).unwrap_or_default();
                if deep(raw) {
                    return Err(ImapError::Limit(Limit::Depth));
                }
                return Ok(Some(end));
            };
            if literal > self.watch.literal.load(Ordering::Relaxed) as u64 {
                return Err(ImapError::Limit(Limit::Literal));
            }
            let behind = end + usize::try_from(literal).unwrap_or(usize::MAX / 2);
            if behind - self.passed > RESPONSE {
                return Err(ImapError::Limit(Limit::Response));
            }
            (self.scanned, self.line) = (behind, behind);
        }
    }

    fn compact(&mut self) {
        let given = self.given;
        if given == self.input.len() {
            self.input.clear();
            // One large answer should not cost its memory for as long as the session lives.
            self.input.shrink_to(4 * CHUNK);
        } else if given > 8 * CHUNK {
            self.input.drain(..given);
        } else {
            return;
        }
        self.given = 0;
        self.passed -= given;
        self.scanned -= given;
        self.line -= given;
    }
}

/// The size that a line announces at its end (RFC 9051, literal; RFC 7888; RFC 3516).
fn literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let open = memchr::memrchr(b'{', line)?;
    let digits = line.get(open + 1..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than a number of 64 bits has is larger than any limit.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

/// Whether parentheses nest deeper than any honest answer, outside quoted strings and literals.
fn deep(raw: &[u8]) -> bool {
    let (mut depth, mut quoted, mut at) = (0usize, false, 0);
    while let Some(found) =
        raw.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'(' | b')' | b'"' | b'\\' | b'{' | b'\n')))
    {
        at += found + 1;
        match (raw.get(at - 1), quoted) {
            (Some(b'"'), _) => quoted = !quoted,
            (Some(b'\\'), true) => at += 1,
            // A quoted string ends with its line at the latest.
            (Some(b'\n'), _) => quoted = false,
            (Some(b'{'), false) => {
                let rest = raw.get(at - 1..).unwrap_or_default();
                let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                if let Some(size) = rest.get(..end).and_then(literal) {
                    at = at - 1 + end + usize::try_from(size).unwrap_or(usize::MAX / 2);
                }
            }
            (Some(b'('), false) => depth += 1,
            (Some(b')'), false) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return true;
        }
    }
    false
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.given < this.passed {
                let ready = this.input.get(this.given..this.passed).unwrap_or_default();
                let some = ready.get(..buf.remaining()).unwrap_or(ready);
                buf.put_slice(some);
                this.given += some.len();
                this.compact();
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = this.watch.fault() {
                return Poll::Ready(Err(this.watch.fail(error)));
            }
            match this.advance() {
                Ok(true) => continue,
                Ok(false) => this.compact(),
                Err(error) => return Poll::Ready(Err(this.watch.fail(error))),
            }
            if !ready!(this.poll_more(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        (self.pending, self.sent) = (Zeroizing::default(), 0);
        Poll::Ready(Ok(()))
    }

    /// `buf` with the secret in its place, where its place is in `buf`.
    fn substituted(&mut self, buf: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (placeholder, secret) = self.secret.as_ref()?;
        let at = memchr::memmem::find(buf, placeholder.as_bytes())?;
        let (before, after) = (buf.get(..at)?, buf.get(at + placeholder.len()..)?);
        // Of the right size from the start: a vector that grows leaves copies of what was in it.
        let mut line = Zeroizing::new(Vec::with_capacity(before.len() + secret.len() + after.len()));
        for part in [before, secret, after] {
            line.extend_from_slice(part);
        }
        self.secret = None;
        Some(line)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        let Some(line) = this.substituted(buf) else { return Pin::new(&mut this.inner).poll_write(cx, buf) };
        this.pending = line;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for Guard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

//! A session with an IMAP server: one command after the other, each read to its tagged answer.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_imap::Session;
use async_imap::imap_proto::{RequestId, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::capability::{is_enabled, names};
use super::changes::Found;
use super::error::ImapError;
use super::events::ServerEvent;
use super::guard::Guard;
use super::idle::Told;
use super::login;
use super::response::{judge, parse, with_plain_names};
use super::silence::patiently;
use super::watch::Watch;
use crate::mail::{Credentials, Greeting};

/// What a session runs over: TLS in the product, memory in tests.
pub trait MailStream: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> MailStream for T {}

pub(super) type Guarded = Guard<Box<dyn MailStream>>;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the server may send nothing while an answer is due. Each byte starts the time anew, so that a slow network
    /// is no failure.
    pub silence: Duration,
}

/// Commands on the wire at once. The server works on the next while the answers of the first travel: on a way of 40 ms there
/// and back, eight take half the time of two.
pub(super) const PIPELINE: usize = 8;
/// Room kept for answers.
const ANSWER: usize = 64 * 1024;
/// A session with an IMAP server, authenticated.
///
/// One command at a time. After a failure other than the server's NO or BAD, or when the future of a command was dropped
/// before its end, [`ImapSession::is_usable`] is false and every further command gives [`ImapError::Closed`].
pub struct ImapSession {
    inner: Session<Guarded>,
    pub(super) watch: Arc<Watch>,
    pub(super) limits: Limits,
    pub(super) capabilities: BTreeSet<String>,
    /// True from the first byte of a command to its tagged answer.
    under_way: bool,
    /// Messages in the selected mailbox, as the server last said; `None` where it did not.
    pub(super) exists: Option<u32>,
    /// Whether an EXPUNGE came since it was last asked.
    pub(super) expunged: bool,
    /// The mailbox that is selected, or may be.
    pub(super) selected: Option<String>,
    /// What was told of mailboxes that are not.
    pub(super) told: Told,
    /// Whether the server has let QRESYNC be enabled.
    pub(super) qresync: bool,
    /// The same of UTF8=ACCEPT.
    pub(super) utf8: bool,
    /// The selected mailbox's own name for itself (RFC 8474), where the server tells it.
    pub(super) mailbox_id: Option<String>,
    /// What goes before the next command, in the same breath, and the tags of what went.
    pub(super) due: Vec<&'static str>,
    ahead: Vec<RequestId>,
    /// What a search of this kind has found; imap-proto does not read it.
    pub(super) found: Option<Found>,
    /// Whether headers are fetched with what the server found out about the sender.
    pub(super) results: bool,
    pub(super) events: VecDeque<ServerEvent>,
    /// Room for the answer that is read.
    answer: Vec<u8>,
}

/// How an exchange goes on.
enum Step {
    GoAhead,
    /// Enough was read; there is more.
    Pause,
    /// Which of the commands on the wire was answered, and how.
    Done(usize, Result<(), ImapError>),
}

impl fmt::Debug for ImapSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImapSession")
    }
}

impl ImapSession {
    /// Takes the greeting, authenticates and asks what the server can do.
    pub async fn open(
        stream: Box<dyn MailStream>,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, ImapError> {
        Self::open_after(Greeting::Due, stream, credentials, limits).await
    }

    /// The same on a stream whose server may have greeted before TLS began.
    pub async fn open_after(
        greeting: Greeting,
        stream: Box<dyn MailStream>,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, ImapError> {
        let (guard, watch) = Guard::new(stream);
        let inner = login::open(greeting, guard, &watch, credentials, limits).await?;
        let mut session = Self {
            inner,
            watch,
            limits,
            capabilities: BTreeSet::new(),
            under_way: false,
            exists: None,
            results: false,
            expunged: false,
            selected: None,
            told: Told::default(),
            qresync: false,
            utf8: false,
            mailbox_id: None,
            due: Vec::new(),
            ahead: Vec::new(),
            found: None,
            events: VecDeque::new(),
            answer: Vec::new(),
        };
        let mut found = BTreeSet::new();
        session.run("CAPABILITY", "CAPABILITY", |response| names(response, &mut found)).await?;
        session.capabilities = found;
        session.due = session.wishes();
        Ok(session)
    }

    /// Speaks DEFLATE with the server from here on (RFC 4978), which must have `COMPRESS=DEFLATE`. Costs processor time on both
    /// sides, and some 350 KB of memory here. After NO or BAD the session goes on as before.
    pub async fn compress(&mut self) -> Result<(), ImapError> {
        if !self.has("COMPRESS=DEFLATE") {
            return Err(ImapError::Unsupported("COMPRESS=DEFLATE"));
        }
        self.run("COMPRESS", "COMPRESS DEFLATE", |_| {}).await?;
        self.inner.get_mut().deflate();
        Ok(())
    }

    /// From now on a change told here shortens the wait for an answer that is under way: the phone has another network, and what
    /// was asked over the one before may never be answered.
    pub fn heed(&self, networks: tokio::sync::watch::Receiver<u64>) {
        self.watch.heed(networks);
    }

    /// From now on `on_alert` is told what the server says that its users must be shown (RFC 9051, 7.1, ALERT), also what was said
    /// last before, with its greeting. It must not wait for anything.
    pub fn on_alert(&self, on_alert: Box<dyn Fn(&str) + Send>) {
        self.watch.on_alert(on_alert);
    }

    /// Whether further commands may be given.
    pub fn is_usable(&self) -> bool {
        !self.under_way && self.watch.fault().is_none()
    }

    /// Sends `line` and gives its answers to `each`, the tagged one last. `command` names it in errors.
    pub(super) async fn run(
        &mut self,
        command: &'static str,
        line: &str,
        mut each: impl FnMut(&Response<'_>) + Send,
    ) -> Result<(), ImapError> {
        let id = self.begin(line).await?;
        self.finish(command, &id, &mut each).await
    }

    /// Sends all `lines`, some at a time on the wire at once, and gives their answers to `each`. How each of them ended.
    pub(super) async fn run_all(
        &mut self,
        command: &'static str,
        lines: &[String],
        each: &mut (dyn FnMut(&Response<'_>) + Send),
    ) -> Result<Vec<Result<(), ImapError>>, ImapError> {
        let mut outcomes = vec![Err(ImapError::Closed); lines.len()];
        let (mut left, mut ids, mut whose) = (lines.iter().enumerate(), Vec::new(), Vec::new());
        loop {
            while ids.len() < PIPELINE
                && let Some((index, line)) = left.next()
            {
                ids.push(if index == 0 { self.begin(line).await? } else { self.send(line).await? });
                whose.push(index);
            }
            if ids.is_empty() {
                break;
            }
            let (which, outcome) = self.answers(command, &ids, each).await?;
            ids.remove(which);
            if let Some(place) = outcomes.get_mut(whose.remove(which)) {
                *place = outcome;
            }
        }
        if !lines.is_empty() {
            self.in_order();
        }
        Ok(outcomes)
    }

    /// Puts a command on the wire.
    pub(super) async fn begin(&mut self, line: &str) -> Result<RequestId, ImapError> {
        if self.under_way || self.watch.fault().is_some() {
            return Err(ImapError::Closed);
        }
        // What could not be read before this command says nothing of its outcome.
        let _ = self.watch.take_diverted();
        for line in std::mem::take(&mut self.due) {
            let id = self.send(line).await?;
            self.ahead.push(id);
        }
        self.send(line).await
    }

    /// Puts a command on the wire, perhaps behind others whose answers are still to come.
    pub(super) async fn send(&mut self, line: &str) -> Result<RequestId, ImapError> {
        self.under_way = true;
        let sent = timeout(self.limits.silence, self.inner.run_command(line)).await;
        sent.map_err(|_| ImapError::TimedOut)?.map_err(|_| ImapError::Closed)
    }

    /// Sends the bytes of a literal, and what closes the command behind it.
    pub(super) async fn send_literal(&mut self, bytes: &[u8], close: &str) -> Result<(), ImapError> {
        self.write(bytes).await?;
        self.send_line(format!("{close}\r\n").as_bytes()).await
    }

    /// Sends a line that is no command.
    pub(super) async fn send_line(&mut self, line: &[u8]) -> Result<(), ImapError> {
        self.write(line).await?;
        let flushed = timeout(self.limits.silence, self.inner.get_mut().flush()).await;
        flushed.map_err(|_| ImapError::TimedOut)?.map_err(|error| ImapError::from_io(&error))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ImapError> {
        let silence = self.limits.silence;
        let stream = self.inner.get_mut();
        // Piece by piece, so that the limit is one on progress.
        for piece in bytes.chunks(64 * 1024) {
            let written = timeout(silence, stream.write_all(piece)).await.map_err(|_| ImapError::TimedOut)?;
            written.map_err(|error| ImapError::from_io(&error))?;
        }
        Ok(())
    }

    /// The next answer, whole, in the place of what is in `raw`; false at the end of the stream. Has no limit of its own.
    pub(super) async fn next_answer(&mut self, raw: &mut Vec<u8>) -> std::io::Result<bool> {
        self.inner.get_mut().answer(raw).await
    }

    /// Reads to the tagged answer of `id`, the only command on the wire.
    pub(super) async fn finish(
        &mut self,
        command: &'static str,
        id: &RequestId,
        each: &mut (dyn FnMut(&Response<'_>) + Send),
    ) -> Result<(), ImapError> {
        let (_, outcome) = self.answers(command, std::slice::from_ref(id), each).await?;
        self.under_way = false;
        outcome
    }

    /// Reads to the tagged answer of one of `ids`, all that are on the wire: which of them it was, and what it says. Until
    /// then `each` gets the untagged answers to any of them, for a server may work on several commands at once and end
    /// them in any order (RFC 9051, 5.5); Dovecot does. The outer error ends the session.
    pub(super) async fn answers(
        &mut self,
        command: &'static str,
        ids: &[RequestId],
        each: &mut (dyn FnMut(&Response<'_>) + Send),
    ) -> Result<(usize, Result<(), ImapError>), ImapError> {
        // Of so many bytes nobody ever has enough.
        self.some_answers(command, ids, each, u64::MAX).await?.ok_or(ImapError::Malformed)
    }

    /// The same, but `None` as soon as `most` bytes were read: then there is more.
    pub(super) async fn some_answers(
        &mut self,
        command: &'static str,
        ids: &[RequestId],
        each: &mut (dyn FnMut(&Response<'_>) + Send),
        most: u64,
    ) -> Result<Option<(usize, Result<(), ImapError>)>, ImapError> {
        match self.step(command, ids, each, most).await? {
            Step::Done(which, outcome) => Ok(Some((which, outcome))),
            Step::Pause => Ok(None),
            // The server asks for a literal that we do not send: it would wait for ever.
            Step::GoAhead => Err(ImapError::Malformed),
        }
    }

    /// Waits for leave to send a literal; `Some` when the command ended without it.
    pub(super) async fn go_ahead(
        &mut self,
        command: &'static str,
        id: &RequestId,
    ) -> Result<Option<Result<(), ImapError>>, ImapError> {
        match self.step(command, std::slice::from_ref(id), &mut |_| {}, u64::MAX).await? {
            Step::Done(_, outcome) => Ok(Some(outcome)),
            Step::GoAhead | Step::Pause => Ok(None),
        }
    }

    async fn step(
        &mut self,
        command: &'static str,
        ids: &[RequestId],
        each: &mut (dyn FnMut(&Response<'_>) + Send),
        most: u64,
    ) -> Result<Step, ImapError> {
        let mut raw = std::mem::take(&mut self.answer);
        let mut seen = 0;
        loop {
            let read = self.inner.get_mut().answer(&mut raw);
            let read = patiently(&self.watch, self.limits.silence, read).await?;
            if !read.map_err(|error| self.watch.fault().unwrap_or_else(|| ImapError::from_io(&error)))? {
                return Err(ImapError::Closed);
            }
            let plain = with_plain_names(&raw);
            let Some(response) = parse(&plain) else {
                let read = self.found.as_mut().is_some_and(|found| found.read(&raw));
                if !read {
                    self.watch.unreadable(&raw)?;
                }
                continue;
            };
            if is_enabled(&raw) {
                self.enabled(&response);
                continue;
            }
            self.notice(&response);
            let step = match &response {
                Response::Done { tag, .. } if self.ahead.contains(tag) => {
                    // Refused, it is not enabled; that is no failure of the command behind it.
                    self.ahead.retain(|id| id != tag);
                    continue;
                }
                Response::Done { tag, status, outcome } => {
                    // The answer of a command that is not ours: nothing can be trusted any more.
                    let which = ids.iter().position(|id| id == tag).ok_or(ImapError::Malformed)?;
                    each(&response);
                    Step::Done(which, judge(command, status, outcome))
                }
                Response::Continue(_) => Step::GoAhead,
                other => {
                    each(other);
                    seen += raw.len() as u64;
                    if seen < most {
                        continue;
                    }
                    Step::Pause
                }
            };
            // One large answer should not cost its memory for as long as the session lives.
            raw.shrink_to(ANSWER);
            self.answer = raw;
            return Ok(step);
        }
    }

    /// The session is in order again: every command that was on the wire has had its answer.
    pub(super) fn in_order(&mut self) {
        self.under_way = false;
    }
}

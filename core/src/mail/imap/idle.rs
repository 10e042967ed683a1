//! Waiting for the server's news: IDLE (RFC 2177), and NOTIFY (RFC 5465), which tells of all mailboxes and needs no command.
//!
//! Not async-imap's IDLE, which waits without a limit for leave to idle and takes the end of the connection for a wish of ours.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_imap::imap_proto::{MailboxDatum, RequestId, Response, Status as Word};
use tokio::time::{sleep, timeout};

use super::error::{ImapError, Limit};
use super::events::ServerEvent;
use super::list::{self, Status};
use super::mailbox_name::Form;
use super::session::ImapSession;

/// Of lines that cannot be read a server may send so many while nobody asks it anything.
const NOISE: u32 = 200;
/// More mailboxes than anybody has.
const MOST: usize = 5000;
/// Everything of every mailbox. What is selected is told of by the usual rules: a message that goes in the middle of a fetch
/// would move the numbers that are asked for.
const EVERYTHING: &str = "NOTIFY SET STATUS (selected-delayed (MessageNew MessageExpunge FlagChange)) \
                          (personal (MessageNew MessageExpunge FlagChange MailboxName))";

/// How long to wait for news.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long nothing needs to be heard: then the connection is asked whether it still is one. Below 29 minutes (RFC 2177).
    pub quiet: Duration,
    /// How long the server has to answer what ends a wait.
    pub answer: Duration,
}

/// How a wait for news ended.
#[derive(Debug, Eq, PartialEq)]
pub enum Waited<T> {
    /// The server told of something new.
    News,
    /// Nothing came for as long as need be, and the server answered that it is still there.
    Quiet,
    /// Nothing came, and to the question whether it is still there the server said nothing or was gone: the path has forgotten
    /// the connection, which cannot be used any more.
    Forgotten,
    /// What was waited for beside.
    Until(T),
}

/// What NOTIFY has told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether the server tells of all mailboxes.
    on: bool,
    /// What it told of each mailbox since somebody last asked.
    mailboxes: BTreeMap<String, Status>,
    /// Whether there are other mailboxes than before, or more was told than is kept.
    listed: bool,
    /// Whether the server could not keep up, and tells nothing any more.
    overflowed: bool,
}

impl Told {
    /// Notes what an answer tells of mailboxes that are not selected, whatever command it came in.
    pub(super) fn note(&mut self, response: &Response<'_>, form: Form) {
        if !self.on {
            return;
        }
        let told = list::status(response).and_then(|(name, status)| Some((form.decode(&name)?, status)));
        if let Some((name, status)) = told {
            let known = self.mailboxes.len() < MOST || self.mailboxes.contains_key(&name);
            if known {
                self.mailboxes.entry(name).or_default().update(status);
            } else {
                self.listed = true;
            }
        }
        self.listed |= matches!(response, Response::MailboxData(MailboxDatum::List(_)));
    }

    pub(super) fn overflow(&mut self) {
        (self.on, self.overflowed) = (false, true);
    }

    /// A look at all mailboxes has told more than this.
    pub(super) fn forget(&mut self) {
        self.mailboxes.clear();
        self.listed = false;
    }

    fn is_news(&self) -> bool {
        self.listed || self.overflowed || !self.mailboxes.is_empty()
    }
}

impl ImapSession {
    /// Whether this server can tell of all mailboxes on one connection.
    pub fn can_notify(&self) -> bool {
        // Without UNSELECT no mailbox can be left, and of one that is selected nobody is told by name.
        self.has("NOTIFY") && self.has("UNSELECT") && !self.told.overflowed
    }

    /// Whether it does, since [`ImapSession::notify`].
    pub fn notifies(&self) -> bool {
        self.told.on
    }

    /// The mailbox that is selected.
    pub fn selected(&self) -> Option<&str> {
        self.selected.as_deref()
    }

    /// Asks to be told of all mailboxes from now on, and what is in them now. Once a session: Dovecot 2.3 tells nothing any
    /// more after a second time.
    pub async fn notify(&mut self) -> Result<(), ImapError> {
        if self.told.on {
            return Ok(());
        }
        // What is in them is told before the answer.
        self.told.on = true;
        let set = self.run("NOTIFY", EVERYTHING, |_| {}).await;
        self.told.on &= set.is_ok();
        set
    }

    /// What was told of mailboxes since this was last asked, by name: what is in them now, where that was told. `None` where
    /// only a look at all of them helps: there are others than before, or the server told more than it could.
    pub fn take_told(&mut self) -> Option<BTreeMap<String, Status>> {
        let mailboxes = std::mem::take(&mut self.told.mailboxes);
        let listed = std::mem::take(&mut self.told.listed);
        let whole = !listed && (self.told.on || !self.told.overflowed);
        whole.then_some(mailboxes)
    }

    /// Leaves the selected mailbox and has the server tell, in the same breath, what is in it now: while it was selected nobody
    /// told of it by name.
    pub async fn leave(&mut self) -> Result<(), ImapError> {
        let Some(name) = self.selected.clone().filter(|_| self.has("UNSELECT")) else { return Ok(()) };
        let items = if self.has("CONDSTORE") || self.has("QRESYNC") { " HIGHESTMODSEQ" } else { "" };
        let status = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN{items})", self.mailbox(&name).await?);
        let lines = ["UNSELECT".to_owned(), status];
        let outcomes = self.run_all("UNSELECT", &lines, &mut |_| {}).await?;
        let mut outcomes = outcomes.into_iter();
        outcomes.next().unwrap_or(Err(ImapError::Malformed))?;
        self.selected = None;
        match outcomes.next() {
            // It has gone meanwhile: a look at all will tell.
            Some(Err(ImapError::Refused { .. } | ImapError::Bad { .. })) => self.told.listed = true,
            other => other.unwrap_or(Ok(()))?,
        }
        Ok(())
    }

    /// Waits for news of all mailboxes until something comes or `until` is ready. No command is under way meanwhile: dropped, the
    /// future leaves the session as it is. Needs [`ImapSession::notify`].
    pub async fn listen<T>(
        &mut self,
        patience: Patience,
        until: impl Future<Output = T>,
    ) -> Result<Waited<T>, ImapError> {
        if !self.is_usable() {
            return Err(ImapError::Closed);
        }
        match self.hear_until(patience.quiet, None, until).await? {
            Waited::Quiet => match timeout(patience.answer, self.noop()).await {
                Ok(Ok(())) if self.told.is_news() => Ok(Waited::News),
                Ok(Ok(())) => Ok(Waited::Quiet),
                Err(_) | Ok(Err(ImapError::Closed | ImapError::TimedOut)) => Ok(Waited::Forgotten),
                Ok(Err(other)) => Err(other),
            },
            other => Ok(other),
        }
    }

    /// Waits for news of the selected mailbox until something comes or `until` is ready, and ends the command by DONE. Where the
    /// server does not answer that, `until` is given all the same, and the session is not usable any more.
    ///
    /// [`ImapError::Refused`] and [`ImapError::Bad`] when the server does not let us idle: it may be asked as before.
    pub async fn idle<T>(
        &mut self,
        patience: Patience,
        until: impl Future<Output = T>,
    ) -> Result<Waited<T>, ImapError> {
        let before = self.exists;
        self.expunged = false;
        let id = self.begin("IDLE").await?;
        let leave = timeout(patience.answer, self.go_ahead("IDLE", &id)).await.map_err(|_| ImapError::TimedOut)??;
        if let Some(outcome) = leave {
            self.in_order();
            // An OK without having idled is none.
            return outcome.and(Err(ImapError::Malformed));
        }
        // What changed meanwhile may be told before the leave to idle.
        let waited = if self.exists != before || self.expunged {
            Waited::News
        } else {
            self.hear_until(patience.quiet, Some(&id), until).await?
        };
        match (timeout(patience.answer, self.done(&id)).await, waited) {
            (_, Waited::Until(value)) => Ok(Waited::Until(value)),
            (Ok(Ok(())), Waited::Quiet) if self.exists != before || self.expunged => Ok(Waited::News),
            (Ok(Ok(())), waited) => Ok(waited),
            (Err(_) | Ok(Err(ImapError::Closed | ImapError::TimedOut)), Waited::Quiet) => Ok(Waited::Forgotten),
            (Err(_), _) => Err(ImapError::TimedOut),
            (Ok(Err(other)), _) => Err(other),
        }
    }

    async fn done(&mut self, id: &RequestId) -> Result<(), ImapError> {
        self.send_line(b"DONE\r\n").await?;
        self.finish("IDLE", id, &mut |_| {}).await
    }

    /// Reads what comes until it is news. `idling` is the command under way, if one is.
    async fn hear_until<T>(
        &mut self,
        quiet: Duration,
        idling: Option<&RequestId>,
        until: impl Future<Output = T>,
    ) -> Result<Waited<T>, ImapError> {
        let (mut until, mut end, mut noise) = (pin!(until), pin!(sleep(quiet)), 0);
        loop {
            tokio::select! {
                biased;
                value = &mut until => return Ok(Waited::Until(value)),
                heard = self.hear(idling, &mut noise) => if heard? {
                    return Ok(Waited::News);
                },
                () = &mut end => return Ok(Waited::Quiet),
            }
        }
    }

    /// Reads one answer; whether it is news. Dropped, it has lost nothing: half an answer stays in the guard.
    async fn hear(&mut self, idling: Option<&RequestId>, noise: &mut u32) -> Result<bool, ImapError> {
        let mut raw = Vec::new();
        let read = self.next_answer(&mut raw).await;
        if !read.map_err(|error| self.watch.fault().unwrap_or_else(|| ImapError::from_io(&error)))? {
            return Err(ImapError::Closed);
        }
        let Ok(([], response)) = Response::parse(&raw) else {
            self.watch.unreadable(&raw)?;
            *noise += 1;
            return if *noise > NOISE { Err(ImapError::Limit(Limit::Unreadable)) } else { Ok(false) };
        };
        let before = self.exists;
        self.notice(&response);
        match &response {
            // The server ends what only we may end: it wants to be asked no more.
            Response::Done { tag, .. } if idling == Some(tag) => Err(ImapError::Closed),
            Response::Done { .. } | Response::Continue(_) => Err(ImapError::Malformed),
            Response::Data { status: Word::Bye, .. } => Err(ImapError::Closed),
            Response::MailboxData(MailboxDatum::Exists(count)) => Ok(before != Some(*count)),
            Response::Fetch(sequence, _) => {
                // Unasked; elsewhere it is an answer, and its command's to read.
                self.tell(ServerEvent::Flags(*sequence));
                Ok(true)
            }
            Response::Expunge(_) | Response::Vanished { earlier: false, .. } => Ok(true),
            _ => Ok(self.told.is_news()),
        }
    }
}

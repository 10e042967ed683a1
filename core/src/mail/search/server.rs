//! The server's own search, for what the phone does not have.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::query::{Criterion, Field, Query, Saying};
use super::results::{Asked, Hit};
use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::imap::{ImapError, Role, SearchKey, UidSet, Wanted};
use crate::mail::rows::{self, Source};

/// How long one mailbox may take, and all of them. A server without an index reads every message.
const EACH: Duration = Duration::from_secs(20);
const ALL: Duration = Duration::from_secs(60);
/// Of what one mailbox has, the newest so many are looked at.
const MOST: usize = 500;

/// What the server has found that the phone had not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerFound {
    /// Messages that the phone knows of, and whose words it does not have: newest first.
    pub hits: Vec<Hit>,
    /// Messages of which not even the header has come to the phone yet.
    pub not_here: u64,
    /// Whether there were so many in a mailbox that the oldest were left out.
    pub more: bool,
    /// The mailboxes that were not searched.
    pub unsearched: Vec<Unsearched>,
}

/// A mailbox that was not searched.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unsearched {
    /// Its number in the store.
    pub mailbox: i64,
    /// Its name on the server.
    pub name: String,
    /// Why.
    pub why: WhyUnsearched,
}

/// Why a mailbox was not searched.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WhyUnsearched {
    /// The server refused, or did not understand: it may not know UTF-8, or the mailbox may not be opened. Its own words, at most
    /// 200 characters.
    Refused(String),
    /// It took longer than one waits.
    Slow,
    /// The connection broke, or what came could not be read.
    Failed,
    /// It is not the mailbox any more that the phone knows: after the next sync it can be searched.
    Changed,
}

impl MailAccount {
    /// Has the server search for `query`, in one mailbox or in all of which the phone knows; the inbox first. `progress` is told after
    /// each mailbox how many of how many are done, and must not wait for anything. Takes a minute at the most; a mailbox that takes
    /// 20 seconds is left out and named. Between two mailboxes what the teacher opens goes first.
    ///
    /// The server looks for letters within words, and most count accents. Where it cannot be reached at all, that is the error.
    pub async fn search_server(
        &self,
        query: &Query,
        mailbox: Option<i64>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<ServerFound, MailError> {
        let keys = keys(query);
        let mut found = ServerFound::default();
        // Days alone the phone knows as well: it has every header.
        if !keys.iter().any(|key| !matches!(key.wanted, Wanted::Before(_) | Wanted::Since(_))) {
            return Ok(found);
        }
        let (asked, academy) = (query.clone(), self.academy.id.clone());
        let targets = self.store.read_aside(move |c| {
            let asked = Asked::new(c, &asked, &academy)?;
            let mut targets = rows::sources(c, &academy)?;
            targets.retain(|one| mailbox.is_none_or(|wanted| wanted == one.id) && asked.looks_into(one.id));
            targets.sort_by_key(|one| one.role != Some(Role::Inbox));
            Ok(targets)
        });
        let targets = targets.await?;
        let (end, count) = (Instant::now() + ALL, targets.len() as u64);
        let mut reached = false;
        for (done, target) in (1..).zip(targets) {
            let left = end.saturating_duration_since(Instant::now()).min(EACH);
            let why = match timeout(left, self.unless_stopped(self.ask(&keys, &target))).await {
                Ok(Ok(Some(uids))) => {
                    reached = true;
                    self.merge(query, &target, &uids, &mut found).await?;
                    None
                }
                Ok(Ok(None)) => Some(WhyUnsearched::Changed),
                Ok(Err(MailError::Imap(ImapError::Refused { text, .. } | ImapError::Bad { text, .. }))) => {
                    reached = true;
                    Some(WhyUnsearched::Refused(text))
                }
                Ok(Err(MailError::Imap(_))) => Some(WhyUnsearched::Failed),
                // Not even a connection.
                Ok(Err(error)) if !reached => return Err(error),
                Ok(Err(error @ (MailError::Stopped | MailError::Store(_)))) => return Err(error),
                Ok(Err(_)) => Some(WhyUnsearched::Failed),
                Err(_) => Some(WhyUnsearched::Slow),
            };
            found.unsearched.extend(why.map(|why| Unsearched { mailbox: target.id, name: target.name, why }));
            progress(done, count);
        }
        found.hits.sort_by_key(|hit| std::cmp::Reverse((hit.row.received_ms, hit.row.id)));
        Ok(found)
    }

    /// `None` where the mailbox is another than the phone knows.
    async fn ask(&self, keys: &[SearchKey], target: &Source) -> Result<Option<UidSet>, MailError> {
        loop {
            let mut errand = self.foreground().await?;
            let asked = async {
                let selected = errand.imap.select(&target.name).await?;
                if selected.uid_validity != target.uid_validity {
                    return Ok(None);
                }
                Ok::<_, MailError>(Some(errand.imap.search(keys).await?))
            };
            match asked.await {
                Err(error) if errand.was_stale(&error) => {}
                asked => {
                    errand.end();
                    return asked;
                }
            }
        }
    }

    async fn merge(
        &self,
        query: &Query,
        target: &Source,
        uids: &UidSet,
        found: &mut ServerFound,
    ) -> Result<(), MailError> {
        let (query, academy, mailbox) = (query.clone(), self.academy.id.clone(), target.id);
        let mut newest: Vec<u32> = uids.newest(MOST + 1);
        found.more |= newest.len() > MOST;
        newest.truncate(MOST);
        let read = self.store.read_aside(move |c| {
            let asked = Asked::new(c, &query, &academy)?;
            let (mut hits, mut not_here) = (Vec::new(), 0);
            for uid in newest {
                match rows::message_of(c, mailbox, uid)? {
                    None => not_here += 1,
                    Some(message) if asked.fits(c, message)? => {}
                    Some(message) => {
                        hits.extend(asked.hit(c, message)?.filter(|hit| asked.allows(&hit.row, hit.mailbox)))
                    }
                }
            }
            Ok((hits, not_here))
        });
        let (hits, not_here) = read.await?;
        found.hits.extend(hits);
        found.not_here += not_here;
        Ok(())
    }
}

fn keys(query: &Query) -> Vec<SearchKey> {
    let mut keys = Vec::new();
    for term in &query.terms {
        let mut add = |wanted| keys.push(SearchKey::new(wanted, term.excluded));
        match &term.criterion {
            Criterion::Says(field, saying) => {
                let text = match saying {
                    Saying::Word(word) | Saying::Beginning(word) => word.clone(),
                    Saying::Phrase(words) => words.join(" "),
                };
                add(match field {
                    Field::Anywhere => Wanted::Text(text),
                    Field::From => Wanted::From(text),
                    Field::To => Wanted::To(text),
                    Field::Subject => Wanted::Subject(text),
                });
            }
            Criterion::Before(day) => add(Wanted::Before(*day)),
            Criterion::Since(day) => add(Wanted::Since(*day)),
            Criterion::HasAttachment | Criterion::In(_) => {}
        }
    }
    keys
}

//! Finding mail.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Companion, CompanionError};
use crate::mail::After;
use crate::mail::search::{Found, Query, ServerFound, Snippet};

/// All but [`Companion::question`] give [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// Reads what a teacher types: words, `"phrases"`, `de:`, `à:`, `objet:`, `avant:`, `après:`, `a:pièce`, `dans:`, `-word` and their
    /// English twins. Never fails; days are those of France.
    pub fn question(&self, text: &str) -> Query {
        let now = Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default();
        let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
        Query::read(text, now.to_zoned(zone).date())
    }

    /// The messages on the phone that fulfil `query`, newest first, at most `limit` (500 at the most) behind `after`. Does not wait
    /// for the network. To be dropped and called anew at each key: it stops at once.
    pub async fn search(&self, query: &Query, after: Option<After>, limit: u32) -> Result<Found, CompanionError> {
        Ok(self.mail()?.search(query, after, limit).await?)
    }

    /// Where the words of `query` stand in the messages that are on the screen (100 at the most). Reads the store only.
    pub async fn snippets(&self, query: &Query, messages: &[i64]) -> Result<Vec<Snippet>, CompanionError> {
        Ok(self.mail()?.snippets(query, messages).await?)
    }

    /// Has the server search, in one mailbox or in all: what it finds that [`Companion::search`] did not. `progress` is told how many
    /// mailboxes of how many are done, and must not wait for anything. Takes a minute at the most.
    pub async fn search_server(
        &self,
        query: &Query,
        mailbox: Option<i64>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<ServerFound, CompanionError> {
        Ok(self.mail()?.search_server(query, mailbox, progress).await?)
    }

    /// Reads the words of what has come, so that it is found; gives of how many messages. A piece at a time, each durable: it may be
    /// dropped. [`Companion::sync`] and [`Companion::stay_in_touch`] do so by themselves.
    pub async fn index_waiting(&self) -> Result<u64, CompanionError> {
        Ok(self.mail()?.index_waiting().await?)
    }
}

//! Conversations, and lists of messages of one kind. All of these read the store and wait for no server.

use std::sync::atomic::Ordering;

use super::account::MailAccount;
use super::conversations::Me;
use super::error::MailError;
use super::rows::{self, After, Conversation, List, ListCounts, Row, Sighting};

/// Messages that are looked into at once: a transaction of some ten milliseconds.
const AT_ONCE: u32 = 1000;

impl MailAccount {
    /// At most `limit` conversations (500 at the most) of a mailbox behind `after`, that with the newest message there first; with
    /// `unmuted` only those that are not muted. The next syncs look at this mailbox before the others.
    pub async fn conversations(
        &self,
        mailbox: i64,
        after: Option<After>,
        unmuted: bool,
        limit: u32,
    ) -> Result<Vec<Conversation>, MailError> {
        self.on_screen.store(mailbox, Ordering::Relaxed);
        let me = self.me();
        Ok(self.store.read(move |c| rows::conversations(c, &me, mailbox, after, unmuted, limit)).await?)
    }

    /// The messages of the conversation that `message` is part of, in all mailboxes but the bin and the unwanted mail, oldest
    /// first; of more than 500 the newest.
    pub async fn conversation(&self, message: i64) -> Result<Vec<Sighting>, MailError> {
        let me = self.me();
        Ok(self.store.read(move |c| rows::conversation(c, &me, message)).await?)
    }

    /// Mutes the conversation that `message` is part of, or no longer. Of this phone: no server hears of it.
    pub async fn mute(&self, message: i64, on: bool) -> Result<(), MailError> {
        let me = self.me();
        Ok(self.store.write(move |t, changes| rows::mute(t, changes, &me, message, on)).await?)
    }

    /// At most `limit` rows (500 at the most) of a list, newest first, behind `after`.
    pub async fn list(&self, list: List, after: Option<After>, limit: u32) -> Result<Vec<Row>, MailError> {
        if let List::Mailbox(mailbox) = list {
            return self.page(mailbox, after, limit).await;
        }
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::list(c, &academy, &list, after, limit)).await?)
    }

    /// How many messages are in the lists that show a number.
    pub async fn list_counts(&self) -> Result<ListCounts, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| rows::list_counts(c, &academy)).await?)
    }

    /// Finds the conversations of the messages that came before there were any. Until then each is one of its own.
    pub async fn thread_rest(&self) -> Result<(), MailError> {
        if self.store.read(rows::has_unthreaded).await? {
            while self.store.write(|t, changes| rows::thread_some(t, changes, AT_ONCE)).await? {}
        }
        Ok(())
    }

    fn me(&self) -> Me {
        Me { academy: self.academy.id.clone(), address: self.who.address.clone() }
    }
}

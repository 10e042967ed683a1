//! Conversations, and lists of messages of one kind.

use super::{AccountId, Accounts, Companion, CompanionError};
use crate::mail::{After, Conversation, List, ListCounts, Row, Sighting};

/// All of these read the store and wait for no server; [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// At most `limit` conversations (500 at the most) of a mailbox, that with the newest message there first, behind `after`
    /// ([`Conversation::after`] of the last of the page before); with `unmuted` without those that are muted. A message that came
    /// before an update of the app is one of its own until the next sync has begun.
    pub async fn conversations(
        &self,
        mailbox: i64,
        after: Option<After>,
        unmuted: bool,
        limit: u32,
    ) -> Result<Vec<Conversation>, CompanionError> {
        Ok(self.mail()?.conversations(mailbox, after, unmuted, limit).await?)
    }

    /// The messages of the conversation that `message` is part of, oldest first, in all mailboxes; those in the bin and among the
    /// unwanted mail only where `message` is there. Of more than 500 the newest.
    pub async fn conversation(&self, message: i64) -> Result<Vec<Sighting>, CompanionError> {
        Ok(self.mail()?.conversation(message).await?)
    }

    /// Mutes the conversation that `message` is part of, or no longer: kept on this phone, also for what comes later and for
    /// conversations that join it. Changes nothing else; [`Row::muted`] tells, for notices.
    pub async fn mute(&self, message: i64, on: bool) -> Result<(), CompanionError> {
        Ok(self.mail()?.mute(message, on).await?)
    }

    /// At most `limit` rows (500 at the most) of a list, newest first, behind `after`. Lists of all mailboxes leave out the bin,
    /// unwanted mail and the mailboxes of others.
    pub async fn list(&self, list: List, after: Option<After>, limit: u32) -> Result<Vec<Row>, CompanionError> {
        Ok(self.mail()?.list(list, after, limit).await?)
    }

    /// How many messages are in the lists that show a number; each mailbox has its own in [`Companion::mailboxes`]. Kept, not
    /// counted: as quick in a large mailbox.
    pub async fn list_counts(&self) -> Result<ListCounts, CompanionError> {
        Ok(self.mail()?.list_counts().await?)
    }
}

/// The place in a list of several accounts after which a page begins: the last row of the page before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AfterAll {
    /// The row's account.
    pub account: AccountId,
    /// Its place there.
    pub after: After,
}

impl Accounts {
    /// The same list of all accounts at which somebody is signed in, newest first, each row with its account. An account that
    /// cannot be read keeps the others from nothing: it is left out. Not for [`List::Mailbox`], which is of one account.
    pub async fn list(&self, list: &List, after: Option<AfterAll>, limit: u32) -> Vec<(AccountId, Row)> {
        let mut all = Vec::new();
        for (id, companion) in self.open_ones() {
            let after = after.map(|last| After {
                received_ms: last.after.received_ms,
                // Of the same moment, the rows of the accounts before have been shown and those of the others have not.
                id: match id.cmp(&last.account) {
                    std::cmp::Ordering::Less => i64::MIN,
                    std::cmp::Ordering::Equal => last.after.id,
                    std::cmp::Ordering::Greater => i64::MAX,
                },
            });
            let rows = companion.list(list.clone(), after, limit).await.unwrap_or_default();
            all.extend(rows.into_iter().map(|row| (id, row)));
        }
        all.sort_by_key(|(id, row)| (std::cmp::Reverse(row.received_ms), *id, std::cmp::Reverse(row.id)));
        all.truncate(usize::try_from(limit.min(500)).unwrap_or(usize::MAX));
        all
    }

    /// The counts of all accounts together.
    pub async fn list_counts(&self) -> ListCounts {
        let mut all = ListCounts::default();
        for (_, companion) in self.open_ones() {
            let one = companion.list_counts().await.unwrap_or_default();
            all.inbox += one.inbox;
            all.unread += one.unread;
            all.flagged += one.flagged;
        }
        all
    }
}

//! What the mail server says that its users must be shown (RFC 9051, 7.1, ALERT): the last of it, kept until it was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::account::MailAccount;
use super::error::MailError;
use super::imap::ImapSession;
use super::mime::shown;
use super::rows;

/// Of one connection no more than so many are taken: each is a write.
const ALERTS: u32 = 20;

/// Words of the mail server that are to be shown as they are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerAlert {
    /// The words: at most 200 characters, all of them visible. Anybody who runs the server may have written them.
    pub words: String,
    /// When they were first said, in milliseconds since 1970.
    pub at_ms: i64,
}

impl MailAccount {
    /// The last that the server said its users must be shown, until [`MailAccount::dismiss_server_alert`]. Reads the store only.
    pub async fn server_alert(&self) -> Result<Option<ServerAlert>, MailError> {
        let academy = self.academy.id.clone();
        let alert = self.store.read(move |c| rows::alert(c, &academy)).await?;
        Ok(alert.map(|(words, at_ms)| ServerAlert { words, at_ms }))
    }

    /// The teacher has read it. It comes back only in other words: servers say the same at each connection.
    pub async fn dismiss_server_alert(&self) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.write(move |t, changes| rows::dismiss_alert(t, changes, &academy)).await?)
    }

    /// Has what is said over this connection written down, whatever becomes of the errand in which it is.
    pub(super) fn hear_alerts(&self, imap: &ImapSession) {
        let (store, academy, clock) = (self.store.clone(), self.academy.id.clone(), Arc::clone(&self.clock));
        let heard = AtomicU32::new(0);
        imap.on_alert(Box::new(move |words| {
            let words = shown(words);
            if words.is_empty() || heard.fetch_add(1, Ordering::Relaxed) >= ALERTS {
                return;
            }
            let (academy, now) = (academy.clone(), clock.now_ms());
            store.post(move |t, changes| rows::keep_alert(t, changes, &academy, &words, now));
        }));
    }
}

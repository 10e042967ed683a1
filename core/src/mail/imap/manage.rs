//! The commands that make, rename, delete and subscribe to mailboxes (RFC 9051, 6.3.4 to 6.3.8).

use super::error::ImapError;
use super::session::ImapSession;

impl ImapSession {
    /// Makes a mailbox; those it lies in, too, where they are not there. Refused with [`super::Code::AlreadyExists`] (RFC 5530)
    /// by servers that tell so when it is there.
    pub async fn create(&mut self, name: &str) -> Result<(), ImapError> {
        let line = format!("CREATE {}", self.mailbox(name).await?);
        self.run("CREATE", &line, |_| {}).await
    }

    /// Gives a mailbox, and those in it, another name. Of the inbox it would move the messages.
    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), ImapError> {
        let line = format!("RENAME {} {}", self.mailbox(from).await?, self.mailbox(to).await?);
        self.run("RENAME", &line, |_| {}).await
    }

    /// Deletes a mailbox with all its messages; not those in it. Leaves it first where it is selected, for some servers hang
    /// up on whoever deletes under their own feet.
    pub async fn delete(&mut self, name: &str) -> Result<(), ImapError> {
        self.unselect().await?;
        let line = format!("DELETE {}", self.mailbox(name).await?);
        self.run("DELETE", &line, |_| {}).await
    }

    /// Subscribes to a mailbox (`on`), or no longer. Done again, it changes nothing.
    pub async fn subscribe(&mut self, name: &str, on: bool) -> Result<(), ImapError> {
        let command = if on { "SUBSCRIBE" } else { "UNSUBSCRIBE" };
        let line = format!("{command} {}", self.mailbox(name).await?);
        self.run(command, &line, |_| {}).await
    }

    /// Selects nothing, where the server can (RFC 3691).
    async fn unselect(&mut self) -> Result<(), ImapError> {
        if self.selected.is_some() && self.has("UNSELECT") {
            self.run("UNSELECT", "UNSELECT", |_| {}).await?;
            (self.selected, self.exists) = (None, None);
        }
        Ok(())
    }
}

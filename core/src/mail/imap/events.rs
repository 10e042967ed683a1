//! What a server says that nobody asked for.

use async_imap::imap_proto::{MailboxDatum, Outcome, Response, Status};

use super::code::Code;
use super::error::shown;
use super::session::ImapSession;
use super::set::UidSet;

/// What is kept of the server's news until somebody takes it.
const EVENTS: usize = 100;

/// What the server said of its own accord.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// So many messages are in the selected mailbox now.
    Exists(u32),
    /// The message of this sequence number is gone, and those behind it moved up by one.
    Expunged(u32),
    /// Messages are gone (RFC 7162): so many UIDs were named.
    Vanished(u64),
    /// The flags of the message of this sequence number were told.
    Flags(u32),
    /// Words that the user must be shown (RFC 9051, 7.1, ALERT), at most 200 characters.
    Alert(String),
    /// The server is about to hang up, and why, in at most 200 characters.
    Bye(String),
}

impl ImapSession {
    /// What the server said of its own accord since this was last asked, in order. At most the last hundred.
    pub fn take_events(&mut self) -> Vec<ServerEvent> {
        self.events.drain(..).collect()
    }

    /// Notes what an answer says of the mailbox and of the server, whatever command it came in.
    pub(super) fn notice(&mut self, response: &Response<'_>) {
        match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => {
                self.exists = Some(*count);
                self.tell(ServerEvent::Exists(*count));
            }
            Response::Expunge(sequence) => {
                self.exists = self.exists.map(|count| count.saturating_sub(1));
                self.expunged = true;
                self.tell(ServerEvent::Expunged(*sequence));
            }
            Response::Vanished { earlier: false, uids } => {
                self.expunged = true;
                self.tell(ServerEvent::Vanished(UidSet::of_ranges(uids.iter().cloned()).count()));
            }
            Response::Data { status: Status::Bye, outcome } => {
                let words = words(outcome);
                if Code::of(outcome) == Some(Code::Alert) {
                    self.watch.alert(&words);
                }
                self.tell(ServerEvent::Bye(words));
            }
            Response::Data { outcome, .. } | Response::Done { outcome, .. } => match Code::of(outcome) {
                Some(Code::NotificationOverflow) => self.told.overflow(),
                Some(Code::Alert) => {
                    let words = words(outcome);
                    self.watch.alert(&words);
                    self.tell(ServerEvent::Alert(words));
                }
                // What was told until now was told of the mailbox before.
                Some(Code::Closed) => (self.exists, self.expunged, self.mailbox_id) = (None, false, None),
                // Of a tagged answer it is that of a mailbox just made.
                Some(Code::MailboxId(id)) if matches!(response, Response::Data { .. }) => self.mailbox_id = Some(id),
                _ => {}
            },
            other => self.told.note(other, self.form()),
        }
    }

    pub(super) fn tell(&mut self, event: ServerEvent) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

fn words(outcome: &Outcome<'_>) -> String {
    shown(outcome.information.as_deref().unwrap_or_default())
}

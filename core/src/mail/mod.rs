//! Mail: the account and its errands on top, then the protocols and formats they stand on.

mod account;
mod actions;
mod alarms;
mod alerts;
mod authentication_results;
mod bodies;
mod codes;
pub mod compose;
mod conversations;
mod credentials;
mod error;
mod flags;
pub mod imap;
mod leaving;
mod link;
mod lists;
pub mod mime;
mod outbox;
mod pictures;
mod reading;
mod rows;
mod sasl;
pub mod search;
pub mod send;
mod sender;
mod starttls;
mod sync;
mod watch;

pub use account::MailAccount;
pub use alarms::{Alarm, AlarmKind};
pub use alerts::ServerAlert;
pub use bodies::{Prefetch, Prefetched, Saved};
pub use codes::OfferedCode;
pub use credentials::Credentials;
pub use error::MailError;
pub use flags::Flags;
pub use leaving::Left;
pub use link::Link;
pub use outbox::{Letter, LetterState, ReplyError};
pub use reading::{Opened, RawSource};
pub use rows::{
    ActionKind, After, Conversation, Copied, List, ListCounts, Mailbox, Participant, Refusal, RefusalReason, Row,
    Sighting,
};
pub use sasl::Distrust;
pub use sender::{Authenticity, Doubt, Sender, Verdict};
pub use starttls::Greeting;
pub use sync::SyncReport;
pub use watch::Touch;

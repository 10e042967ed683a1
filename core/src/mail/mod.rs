//! Mail: the account and its errands on top, then the protocols and formats they stand on.

mod account;
mod alarms;
mod authentication_results;
mod codes;
pub mod compose;
mod credentials;
mod error;
mod flags;
pub mod imap;
mod link;
pub mod mime;
mod outbox;
mod reading;
mod rows;
pub mod send;
mod starttls;
mod sync;
mod watch;

pub use account::MailAccount;
pub use alarms::{Alarm, AlarmKind};
pub use codes::OfferedCode;
pub use credentials::Credentials;
pub use error::MailError;
pub use flags::Flags;
pub use link::Link;
pub use outbox::{Letter, LetterState, ReplyError};
pub use reading::Opened;
pub use rows::{After, Mailbox, Row};
pub use starttls::Greeting;
pub use sync::SyncReport;
pub use watch::Touch;

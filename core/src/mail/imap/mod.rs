//! IMAP (RFC 9051, and RFC 3501 where servers are older): a session whose every command checks its tagged answer.
//!
//! async-imap opens and authenticates; below it a guard lets only whole, bounded and readable answers through; above it
//! our own commands. See `README.md` beside this file.

mod changes;
mod code;
mod commands;
mod error;
mod events;
mod fetch;
mod guard;
mod idle;
mod list;
mod login;
mod mailbox_name;
mod response;
mod session;
mod set;

pub use changes::{Changes, Knowledge};
pub use code::Code;
pub use commands::Selected;
pub use error::{ImapError, Limit};
pub use events::ServerEvent;
pub use fetch::{HeaderEvent, HeaderFetch, HeaderRow, Messages};
pub use idle::{Patience, Waited};
pub use list::{Listed, Overview, Role, Status};
pub use session::{ImapSession, Limits, MailStream};
pub use set::UidSet;

#[cfg(test)]
mod tests;

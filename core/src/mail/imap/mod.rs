//! IMAP (RFC 9051, and RFC 3501 where servers are older): a session whose every command checks its tagged answer.
//!
//! async-imap opens and authenticates; below it a guard lets only whole, bounded and readable answers through; above it
//! our own commands. See `README.md` beside this file.

mod capability;
mod changes;
mod code;
mod commands;
mod deflate;
mod error;
mod events;
mod fetch;
mod guard;
mod idle;
mod list;
mod login;
mod mailbox_name;
mod manage;
mod namespace;
mod parts;
mod quota;
mod response;
mod rights;
mod role;
mod search;
mod session;
mod set;
mod silence;
mod structure;
mod value;
mod watch;

pub use changes::{Changes, Knowledge};
pub use code::Code;
pub use commands::{Copied, Selected};
pub use error::{ImapError, Limit};
pub use events::ServerEvent;
pub use fetch::{HeaderEvent, HeaderFetch, HeaderRow, Messages};
pub use idle::{Patience, Waited};
pub use list::{Listed, Overview, Questions, Status};
pub use namespace::{Namespace, Namespaces, Owner};
pub use parts::{Ask, Piece, PieceFetch};
pub use quota::{Quota, Usage};
pub use rights::Rights;
pub use role::Role;
pub use search::{SearchKey, Wanted};
pub use session::{ImapSession, Limits, MailStream};
pub use set::UidSet;
pub(super) use structure::HEADER;
pub use structure::{Encoding, Outline, Part};

#[cfg(test)]
mod tests;

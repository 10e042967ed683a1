//! Mail.
mod credentials;
mod flags;
pub mod imap;
pub use credentials::Credentials;
pub use flags::Flags;

//! Why an IMAP command did not work.

use std::io;

use super::code::Code;
use crate::mail::sasl::Distrust;

/// Why an IMAP command did not work. `text` is the server's own, at most 200 characters, without control characters.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImapError {
    /// The server answered NO.
    #[error("{command} was refused: {text}")]
    Refused {
        /// The command.
        command: &'static str,
        /// The response code (RFC 5530), where there is one.
        code: Option<Code>,
        /// What the server said.
        text: String,
    },
    /// The server answered BAD: it did not understand us.
    #[error("{command} was not understood: {text}")]
    Bad {
        /// The command.
        command: &'static str,
        /// What the server said.
        text: String,
    },
    /// The server does not accept the password or token.
    #[error("authentication failed: {text}")]
    AuthenticationFailed {
        /// What the server said.
        text: String,
    },
    /// The server cannot authenticate anybody now (RFC 5530 UNAVAILABLE): the secret is not in question.
    #[error("the server is not available now")]
    Unavailable,
    /// The server offers no way to authenticate that fits what we have.
    #[error("no common way to authenticate")]
    NoMechanism,
    /// The server did not play its part in the sign-in: it may not be who it claims to be.
    #[error("the server is not to be trusted: {0}")]
    Distrusted(Distrust),
    /// The connection is gone, or the session was left in the middle of a command.
    #[error("the connection is closed")]
    Closed,
    /// No byte came for as long as one may wait.
    #[error("the server fell silent")]
    TimedOut,
    /// The server sent more than any honest server does.
    #[error("the server's answer is too large: {0}")]
    Limit(Limit),
    /// A tagged answer, or the greeting, makes no sense.
    #[error("the server's answer cannot be read")]
    Malformed,
    /// An argument of ours that no IMAP command can carry.
    #[error("an argument cannot be sent")]
    InvalidArgument,
    /// The server lacks an extension that the command needs.
    #[error("the server lacks {0}")]
    Unsupported(&'static str),
    /// There is no such message.
    #[error("no such message")]
    NotFound,
    /// The message has no such part, or the server has nothing for it (NIL).
    #[error("no such part")]
    NoSuchPart,
    /// The server sent other bytes of a message than were asked for.
    #[error("other bytes came than were asked for")]
    WrongPart,
}

/// Which bound an answer broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// A line without end.
    #[error("line")]
    Line,
    /// A literal larger than what was asked for.
    #[error("literal")]
    Literal,
    /// Parentheses in parentheses.
    #[error("depth")]
    Depth,
    /// One answer of many parts.
    #[error("response")]
    Response,
    /// More messages or mailboxes than anybody has.
    #[error("count")]
    Count,
    /// More lines that cannot be read than are kept of them.
    #[error("unreadable lines")]
    Unreadable,
}

impl ImapError {
    pub(super) fn from_io(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::TimedOut } else { Self::Closed }
    }
}

/// The server's words, fit to be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

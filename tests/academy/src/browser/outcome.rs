//! What comes of an errand of the browser.

use crate::MailError;

/// Where a visit has come to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Visited {
    /// The address of the last page, after all redirects.
    pub address: String,
    /// Its HTTP status.
    pub status: u16,
    /// Its HTML, at most 2 MB.
    pub text: String,
    /// Requests that it took, redirects included.
    pub requests: usize,
}

/// Why a sign-in did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// The portal says no, with its number: 5 wrong password, 21 locked, 22 expired, 25 to be changed, 86 wait, 96 wrong
    /// code, 107 unknown app, 108 unregistered redirect.
    #[error("the portal refuses with {0}")]
    Refused(i32),
    /// A page asks for something to be typed, on a visit that should need nothing: its address without the query.
    #[error("{address} asks for something to be typed")]
    Asked {
        /// The address, without its query.
        address: String,
    },
    /// A page that the script cannot go on from: status and address without its query.
    #[error("no way on from {address} (status {status})")]
    DeadEnd {
        /// HTTP status.
        status: u16,
        /// The address, without its query.
        address: String,
    },
    /// The portal wants a code that the script was given no means to know.
    #[error("the portal wants a code of an authenticator; give the browser its secret")]
    NoSecret,
    /// The secret given is not base32.
    #[error("the authenticator's secret is not base32")]
    Secret,
    /// The portal does not enrol the authenticator: its own word for why, for instance `totpExistingKey`.
    #[error("the portal does not enrol the authenticator: {0}")]
    Enrolment(String),
    /// The mail with the code did not come within ten seconds.
    #[error("no mail with a code came")]
    NoMail,
    /// The portal wants an approval and the teacher has enrolled no phone.
    #[error("the portal wants an approval on a phone, and none is enrolled")]
    NoPhone,
    /// Nobody answered on the phone within forty seconds.
    #[error("nobody has answered on the phone")]
    NoAnswer,
    /// The prompt did not reach the phone.
    #[error("no prompt on the phone: {0}")]
    Push(String),
    /// The mailbox could not be read.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// More pages than any sign-in has.
    #[error("the portal sends the browser round in circles")]
    TooManySteps,
    /// The whole sign-in took longer than a minute.
    #[error("the sign-in took too long")]
    TooLong,
    /// An address that is none.
    #[error(transparent)]
    Address(#[from] url::ParseError),
    /// The portal could not be reached, or its certificate is not trusted.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

//! Where a sign-in stands, and what may happen to it.

use serde::{Deserialize, Serialize};

use crate::ports::{ConnectError, SecretStoreError};
use crate::store::StoreError;

/// Where a sign-in stands. Holds all that a screen needs and no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignInState {
    /// Nobody is signed in, nothing is under way.
    SignedOut,
    /// The portal is asked how to sign in.
    Preparing,
    /// The teacher signs in, in the system browser.
    Browser {
        /// What to open in the browser.
        url: String,
        /// The host that will ask for the password, to be shown before the browser opens.
        host: String,
    },
    /// The browser came back; its answer is being exchanged for a session.
    Exchanging,
    /// Signed in.
    SignedIn(Who),
    /// It did not work; nothing is kept of it. [`SignInEvent::Begin`] starts again.
    Failed(SignInFailure),
}

/// Who is signed in, as the portal says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Who {
    /// The identifiant académique.
    pub identifier: String,
    /// The name to show, where the portal tells it.
    pub name: Option<String>,
    /// The mail address, where the portal tells it.
    pub address: Option<String>,
}

/// What happens to a sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignInEvent {
    /// The teacher wants to sign in.
    Begin,
    /// The portal told how.
    Prepared {
        /// What to open in the browser.
        url: String,
        /// The host of that page.
        host: String,
    },
    /// The browser came back with this address.
    Returned {
        /// The whole address, answer included.
        url: String,
    },
    /// The teacher closed the browser.
    Closed,
    /// The answer was exchanged for a session, which is kept.
    Exchanged(Who),
    /// A step did not work.
    Broke(SignInFailure),
    /// The teacher signs out.
    SignOut,
}

/// Why a sign-in did not work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInFailure {
    /// The portal was not reached.
    #[error("the portal was not reached: {0}")]
    Connect(#[from] ConnectError),
    /// The portal is out of order: HTTP 5xx, or a page where data should be.
    #[error("the portal is out of order (HTTP {status})")]
    PortalBroken {
        /// The HTTP status.
        status: u16,
    },
    /// The portal's answer is larger than any honest one.
    #[error("the portal's answer is too large")]
    TooLarge,
    /// The portal's answer lacks something or cannot be read.
    #[error("the portal's answer cannot be read: {0}")]
    Malformed(&'static str),
    /// The portal names a host that is not the academy's. Nothing was sent there.
    #[error("{host} is not an official host of the academy")]
    Unofficial {
        /// The host it named.
        host: String,
    },
    /// The answer is not one to our question: `state`, `iss` or `nonce` differ, or there was no question.
    #[error("the answer does not belong to this sign-in: {0}")]
    NotOurs(&'static str),
    /// The identity token fails a check.
    #[error("the identity token is not acceptable: {0}")]
    BadToken(&'static str),
    /// The phone's clock and the portal's are so far apart that no token can be judged.
    #[error("the phone's clock is {minutes} minutes ahead of the portal's")]
    PhoneClock {
        /// By how many minutes the phone is ahead of the portal; negative when it is behind.
        minutes: i64,
    },
    /// The portal refused, or the teacher did there. `code` is OAuth's own word (RFC 6749, 4.1.2.1).
    #[error("the portal refused: {code}")]
    Refused {
        /// OAuth's error code.
        code: String,
    },
    /// This academy has no way in that the app knows.
    #[error("no way to sign in is known for this academy")]
    NoWayIn,
    /// The keystore did not serve.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    /// Who signed in could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! Where a sign-in stands, and what may happen to it.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::academy::SecondFactor;
use crate::attempts::{Hold, LedgerError};
use crate::ports::{ConnectError, SecretStoreError};
use crate::store::StoreError;

/// Where a sign-in stands. Holds all that a screen needs and no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignInState {
    /// Nobody is signed in, nothing is under way.
    SignedOut,
    /// The portal is asked how to go on.
    Preparing,
    /// The teacher is asked for something. Survives the end of the app.
    Asks(Question),
    /// What the teacher gave is being checked by the portal.
    Checking,
    /// Signed in.
    SignedIn(Who),
    /// It did not work; nothing is kept of it. [`SignInEvent::Begin`] starts again.
    Failed(SignInFailure),
}

/// What the teacher is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Question {
    /// To sign in, in the system browser.
    Browser {
        /// What to open in the browser.
        url: String,
        /// The host that will ask for the password, to be shown before the browser opens.
        host: String,
        /// Whether the portal hands back to the app by itself. Where it does not, the teacher comes back, and closing the browser
        /// goes on.
        hands_back: bool,
        /// What happened just before.
        notice: Option<Notice>,
    },
    /// For name and password, in the app.
    Password {
        /// The host that they go to.
        host: String,
        /// The identifiant académique, where it is known from before.
        identifier: Option<String>,
        /// What happened just before.
        notice: Option<Notice>,
    },
    /// To choose between second factors.
    Choice {
        /// The host that asks.
        host: String,
        /// Those that the portal offers and the app knows.
        factors: Vec<SecondFactor>,
    },
    /// For a code.
    Code {
        /// The host that it goes to.
        host: String,
        /// What kind of code it is, where the portal tells.
        factor: Option<SecondFactor>,
        /// From when on another mail may be asked for, in milliseconds since 1970; `None` where it may not.
        resend_from_ms: Option<i64>,
        /// What happened just before.
        notice: Option<Notice>,
    },
    /// To approve the sign-in on the phone that the academy knows, and to say so. Where that is a code after all, it may be
    /// given instead.
    Prompt {
        /// The host that waits for it.
        host: String,
        /// What happened just before.
        notice: Option<Notice>,
    },
    /// Who they are: the portal did not tell.
    Introduction {
        /// The identifiant académique, where the portal told that much.
        identifier: Option<String>,
        /// The address, where it is known from before.
        address: Option<String>,
        /// The domains of the academy's addresses, to be offered.
        domains: Vec<String>,
        /// What happened just before.
        notice: Option<Notice>,
    },
    /// To wait; nothing is tried before.
    Wait {
        /// Until when, in milliseconds since 1970.
        until_ms: i64,
        /// Why.
        hold: Hold,
        /// Whose account it is.
        identifier: String,
        /// What happened just before.
        notice: Option<Notice>,
    },
}

/// What happened just before a question.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Notice {
    /// The portal says that name or password is wrong.
    WrongPassword {
        /// How many tries are left before one has to wait.
        tries_left: u32,
    },
    /// A server has refused this very password before. It was not sent again.
    KnownWrong,
    /// An address was typed where the identifiant belongs. Nothing was sent.
    AddressTyped,
    /// Something was left empty. Nothing was sent.
    Incomplete,
    /// The portal says that the code is wrong; where codes are mailed, another is on its way.
    WrongCode {
        /// How many tries are left before one has to wait.
        tries_left: u32,
    },
    /// The portal says that the sign-in was not approved on the phone; another prompt is on its way.
    NotApproved {
        /// How many tries are left before one has to wait.
        tries_left: u32,
    },
    /// What was given cannot be an identifiant or an address.
    NotAnAddress,
    /// What was given came too late; where codes are mailed, another is on its way.
    TooLate,
    /// Another mail was asked for too soon.
    TooSoon,
    /// Another mail is on its way.
    Resent,
    /// An answer came that does not belong to this sign-in. The sign-in goes on.
    NotOurs,
    /// The portal asks for something that only a browser can show.
    BrowserNeeded,
}

/// Who is signed in, as the portal says or, where it says nothing, as they say themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Who {
    /// The identifiant académique.
    pub identifier: String,
    /// The name to show, where the portal tells it.
    pub name: Option<String>,
    /// The mail address, where it is known.
    pub address: Option<String>,
    /// When the password ends, in milliseconds since 1970, where the portal has told.
    pub password_ends_ms: Option<i64>,
}

/// Something typed that is secret. Never printed.
#[derive(Clone)]
pub struct Typed(pub SecretString);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed")
    }
}

impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Typed {}

/// What happens to a sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignInEvent {
    /// The teacher wants to sign in.
    Begin,
    /// The browser came back with this address.
    Returned {
        /// The whole address, answer included.
        url: String,
    },
    /// The teacher closed the browser.
    Closed,
    /// The teacher gave name and password.
    Password {
        /// The identifiant académique.
        identifier: String,
        /// The password.
        password: Typed,
    },
    /// The teacher chose a second factor.
    Chosen(SecondFactor),
    /// The teacher gave a code.
    Code(Typed),
    /// The teacher wants another mail with the code.
    Resend,
    /// The teacher has approved on the other phone.
    Approved,
    /// The teacher said who they are.
    Introduced {
        /// The identifiant académique.
        identifier: String,
        /// The address.
        address: String,
    },
    /// The teacher would rather use the browser.
    UseBrowser,
    /// The teacher goes back by a step.
    Back,
    /// The teacher signs out.
    SignOut,
    /// The portal asks for this.
    Asked(Question),
    /// Somebody is signed in, and the session is kept.
    Entered(Who),
    /// Who was signed in before this sign-in.
    Recalled(Who),
    /// A step did not work.
    Broke(SignInFailure),
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
    /// The portal refused, or the teacher did there. `code` is OAuth's own word (RFC 6749, 4.1.2.1) or the portal's number.
    #[error("the portal refused: {code}")]
    Refused {
        /// OAuth's error code, or the number of LemonLDAP::NG's message.
        code: String,
    },
    /// The account is locked for good: by the directory or by an administrator.
    #[error("the account is blocked")]
    Blocked,
    /// The password has ended.
    #[error("the password has ended")]
    PasswordEnded,
    /// The password must be changed before anything else.
    #[error("the password must be changed first")]
    PasswordToChange,
    /// This academy has no way in that the app knows.
    #[error("no way to sign in is known for this academy")]
    NoWayIn,
    /// The keystore did not serve.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    /// What happened could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for SignInFailure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(reason) => Self::Store(reason),
            LedgerError::Secrets(reason) => Self::Secrets(reason),
            // Those that ask the ledger for leave answer these themselves.
            LedgerError::KnownWrong | LedgerError::Wait { .. } => Self::Malformed("ledger"),
        }
    }
}

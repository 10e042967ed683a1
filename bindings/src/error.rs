//! The one error of the border, and what is said about it.

use cartable_core::attempts::Hold;
use cartable_core::companion::CompanionError as CoreError;
use cartable_core::words::{Finding, Language};

/// What the teacher is told.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Told {
    /// The name of the finding, the same in every language; for tests and reports.
    pub key: String,
    /// What happened, in the companion's language.
    pub what: String,
    /// What to do now.
    pub next: String,
}

/// Why the companion did not do what was asked, named by what the shell does next. Nothing was lost by it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
pub enum CompanionError {
    /// Credentials are needed: lead to the sign-in, or to the mail password when `told` is about that.
    #[error("sign in again: {}", told.key)]
    SignInAgain {
        /// What the teacher is told.
        told: Told,
    },
    /// Nothing may be tried before a moment: show the time that is left.
    #[error("wait until {until_ms}")]
    WaitUntil {
        /// That moment, in milliseconds since 1970.
        until_ms: i64,
        /// Whether a server has locked the account; otherwise the app holds back so that none does.
        locked: bool,
        /// What the teacher is told.
        told: Told,
    },
    /// A server was not reached or is out of order: offer to try again.
    #[error("check the connection: {}", told.key)]
    CheckConnection {
        /// What the teacher is told.
        told: Told,
    },
    /// It will not work as it is, and trying again does not help.
    #[error("refused: {}", told.key)]
    Refused {
        /// What the teacher is told.
        told: Told,
    },
    /// It is not there any more: read the list anew.
    #[error("not found")]
    NotFound {
        /// What the teacher is told.
        told: Told,
    },
    /// The keystore does not serve: ask to unlock the phone.
    #[error("secrets locked: {}", told.key)]
    SecretsLocked {
        /// What the teacher is told.
        told: Told,
    },
    /// The database is damaged: offer `rebuild_storage`, or `Accounts.rebuild`.
    #[error("storage damaged")]
    StorageDamaged {
        /// What the teacher is told.
        told: Told,
    },
    /// Stopped, by the teacher, by a suspension or by the end of the app.
    #[error("cancelled")]
    Cancelled {
        /// What the teacher is told.
        told: Told,
    },
    /// A fault of ours, or of the shell's: `detail` is for a report, and holds no secret and no mail.
    #[error("bug: {detail}")]
    Bug {
        /// What went wrong.
        detail: String,
        /// What the teacher is told.
        told: Told,
    },
}

impl CompanionError {
    pub(crate) fn new(error: CoreError, now_ms: i64, language: Language) -> Self {
        let told = Told::new(&error.finding(now_ms), language);
        match error {
            CoreError::SignInAgain(_) => Self::SignInAgain { told },
            CoreError::WaitUntil { until_ms, hold } => Self::WaitUntil { until_ms, locked: hold == Hold::Locked, told },
            CoreError::CheckConnection(_) => Self::CheckConnection { told },
            CoreError::Refused(_) => Self::Refused { told },
            CoreError::NotFound => Self::NotFound { told },
            CoreError::SecretsLocked(_) => Self::SecretsLocked { told },
            CoreError::StorageDamaged => Self::StorageDamaged { told },
            CoreError::Cancelled => Self::Cancelled { told },
            CoreError::Bug { detail } => Self::Bug { detail, told },
            other => Self::Bug { detail: other.to_string(), told },
        }
    }
}

impl Told {
    pub(crate) fn new(finding: &Finding, language: Language) -> Self {
        let sentence = finding.sentence(language);
        Self { key: finding.key().to_owned(), what: sentence.what, next: sentence.next }
    }
}

/// What a listener of the shell's may throw. It is not told to anybody: the listener goes on being called.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// The listener failed.
    #[error("the listener failed: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

//! The one table from what went wrong inside to what a shell does about it and what the teacher is told.

use crate::academy::{ProfileError, SettingsError};
use crate::attempts::{Hold, LedgerError};
use crate::mail::compose::ComposeError;
use crate::mail::imap::{Code, ImapError};
use crate::mail::send::SendError;
use crate::mail::{Letter, LetterState, MailError, ReplyError};
use crate::portal::{Notice, SessionError, SignInFailure};
use crate::ports::{ConnectError, SecretStoreError};
use crate::store::StoreError;
use crate::words::Finding;

/// Why the companion did not do what was asked, named by what the shell does next. Nothing was lost by it.
///
/// [`CompanionError::finding`] is what the teacher is told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompanionError {
    /// Credentials are needed: lead to the sign-in, or to the mail password when the finding is about that.
    #[error("sign in again: {}", .0.key())]
    SignInAgain(Finding),
    /// Nothing may be tried before a moment: show the time that is left.
    #[error("wait until {until_ms}")]
    WaitUntil {
        /// That moment, in milliseconds since 1970.
        until_ms: i64,
        /// Why not before.
        hold: Hold,
    },
    /// A server was not reached or is out of order: offer to try again.
    #[error("check the connection: {}", .0.key())]
    CheckConnection(Finding),
    /// It will not work as it is, and trying again does not help.
    #[error("refused: {}", .0.key())]
    Refused(Finding),
    /// It is not there any more: read the list anew.
    #[error("not found")]
    NotFound,
    /// The keystore does not serve: ask to unlock the phone.
    #[error("secrets locked: {}", .0.key())]
    SecretsLocked(Finding),
    /// The database is damaged: offer [`super::Companion::rebuild_storage`].
    #[error("storage damaged")]
    StorageDamaged,
    /// Stopped, by the teacher, by a suspension or by the end of the app.
    #[error("cancelled")]
    Cancelled,
    /// A fault of ours.
    #[error("bug: {detail}")]
    Bug {
        /// For a report. Holds no secret and no mail.
        detail: String,
    },
}

impl CompanionError {
    /// What the teacher is told at `now_ms`, in milliseconds since 1970.
    pub fn finding(&self, now_ms: i64) -> Finding {
        match self {
            Self::SignInAgain(finding)
            | Self::CheckConnection(finding)
            | Self::Refused(finding)
            | Self::SecretsLocked(finding) => finding.clone(),
            Self::WaitUntil { until_ms, hold } => wait(*hold, until_ms.saturating_sub(now_ms)),
            Self::NotFound => Finding::Gone,
            Self::StorageDamaged => Finding::StorageDamaged,
            Self::Cancelled => Finding::Cancelled,
            Self::Bug { .. } => Finding::Bug,
        }
    }

    fn bug(detail: impl ToString) -> Self {
        Self::Bug { detail: detail.to_string() }
    }
}

/// What is told while nothing may be tried for `left_ms`.
pub(super) fn wait(hold: Hold, left_ms: i64) -> Finding {
    let seconds = (left_ms.max(0).saturating_add(999) / 1000).max(1);
    let minutes = seconds.saturating_add(59) / 60;
    match hold {
        Hold::Caution => Finding::WaitToTry { minutes },
        Hold::Locked if seconds < 60 => Finding::AccountLocked { minutes: 0, seconds },
        Hold::Locked => Finding::AccountLocked { minutes, seconds },
    }
}

impl From<ConnectError> for CompanionError {
    fn from(error: ConnectError) -> Self {
        Self::CheckConnection(match error {
            ConnectError::NoSuchHost => Finding::NoNetwork,
            ConnectError::Unreachable => Finding::Unreachable,
            ConnectError::TimedOut => Finding::Silent,
            ConnectError::Cut => Finding::Cut,
            ConnectError::UnknownAuthority | ConnectError::WrongHost | ConnectError::BadCertificate => {
                Finding::Intercepted
            }
            ConnectError::CertificateDate => Finding::CertificateDate,
            ConnectError::NoSafeTls => Finding::Unsafe,
            ConnectError::BadRoots => return Self::bug(error),
        })
    }
}

impl From<StoreError> for CompanionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged => Self::StorageDamaged,
            StoreError::Full => Self::Refused(Finding::DiskFull),
            StoreError::Unwritable => Self::Refused(Finding::NotWritable),
            StoreError::Newer => Self::Refused(Finding::NewerVersion),
            StoreError::Closed => Self::Cancelled,
            StoreError::NotFound => Self::NotFound,
            StoreError::Failed { .. } => Self::bug(error),
        }
    }
}

impl From<SecretStoreError> for CompanionError {
    fn from(error: SecretStoreError) -> Self {
        Self::SecretsLocked(match error {
            SecretStoreError::Locked => Finding::SecretsLocked,
            SecretStoreError::Unavailable { .. } => Finding::NoKeystore,
        })
    }
}

impl From<ProfileError> for CompanionError {
    fn from(error: ProfileError) -> Self {
        // The app's own profiles are tested; one that a shell or a test hands in is its maker's fault.
        Self::bug(error)
    }
}

impl From<SettingsError> for CompanionError {
    fn from(error: SettingsError) -> Self {
        Self::Refused(match error {
            SettingsError::NotAnAddress => Finding::NotAnAddress,
            SettingsError::LookAlike { host, official } => Finding::LookAlike { host, official },
            SettingsError::Missing(_) => Finding::SettingMissing,
            SettingsError::BadHost(_) => Finding::BadHost,
            SettingsError::BadPort(_) => Finding::BadPort,
            SettingsError::NoPassword => Finding::NoPasswordTaken,
        })
    }
}

impl From<SignInFailure> for CompanionError {
    fn from(failure: SignInFailure) -> Self {
        match failure {
            SignInFailure::Connect(reason) => reason.into(),
            SignInFailure::PortalBroken { .. } | SignInFailure::TooLarge | SignInFailure::Malformed(_) => {
                Self::CheckConnection(Finding::PortalBroken)
            }
            SignInFailure::Unofficial { host } => Self::Refused(Finding::Unofficial { host }),
            SignInFailure::NotOurs(_) | SignInFailure::BadToken(_) => Self::Refused(Finding::NotOurs),
            SignInFailure::PhoneClock { .. } => Self::Refused(Finding::PhoneClock),
            SignInFailure::Refused { .. } => Self::Refused(Finding::SignInRefused),
            SignInFailure::NoWayIn => Self::Refused(Finding::NoWayIn),
            SignInFailure::Blocked => Self::Refused(Finding::AccountBlocked),
            SignInFailure::PasswordEnded => Self::Refused(Finding::PasswordEnded),
            SignInFailure::PasswordToChange => Self::Refused(Finding::PasswordToChange),
            SignInFailure::Secrets(reason) => reason.into(),
            SignInFailure::Store(reason) => reason.into(),
        }
    }
}

impl Notice {
    /// What the teacher is told about it.
    pub fn finding(self) -> Finding {
        match self {
            Self::WrongPassword { tries_left } => Finding::SignInWrong { tries_left },
            Self::KnownWrong => Finding::KnownWrong,
            Self::AddressTyped => Finding::AddressTyped,
            Self::Incomplete => Finding::Incomplete,
            Self::WrongCode { tries_left } => Finding::CodeWrong { tries_left },
            Self::NotApproved { tries_left } => Finding::NotApproved { tries_left },
            Self::NotAnAddress => Finding::NotAnAddress,
            Self::TooLate => Finding::TooLate,
            Self::TooSoon => Finding::TooSoon,
            Self::Resent => Finding::CodeResent,
            Self::NotOurs => Finding::StrayAnswer,
            Self::BrowserNeeded => Finding::BrowserNeeded,
        }
    }
}

impl From<SessionError> for CompanionError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::SignInAgain(Finding::SessionEnded),
            SessionError::Connect(reason) => reason.into(),
            SessionError::PortalBroken => Self::CheckConnection(Finding::PortalBroken),
            SessionError::Secrets(reason) => reason.into(),
            SessionError::Store(reason) => reason.into(),
        }
    }
}

impl From<LedgerError> for CompanionError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::KnownWrong => Self::SignInAgain(Finding::PasswordWrong),
            LedgerError::Wait { until_ms, hold } => Self::WaitUntil { until_ms, hold },
            LedgerError::Store(reason) => reason.into(),
            LedgerError::Secrets(reason) => reason.into(),
        }
    }
}

impl From<MailError> for CompanionError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Connect(reason) => reason.into(),
            MailError::Imap(reason) => reason.into(),
            MailError::Send(reason) => reason.into(),
            MailError::Session(reason) => reason.into(),
            MailError::Ledger(reason) => reason.into(),
            MailError::Store(reason) => reason.into(),
            MailError::Secrets(reason) => reason.into(),
            MailError::PasswordNeeded => Self::SignInAgain(Finding::PasswordNeeded),
            MailError::PasswordRefused => Self::SignInAgain(Finding::PasswordWrong),
            MailError::AppPasswordNeeded => Self::SignInAgain(Finding::AppPasswordNeeded),
            MailError::AppPasswordRefused => Self::SignInAgain(Finding::AppPasswordWrong),
            MailError::NoServer => Self::Refused(Finding::NoMailServer),
            MailError::MailboxProtected => Self::Refused(Finding::MailboxProtected),
            MailError::NotAllowed { .. } => Self::Refused(Finding::MailboxNotAllowed),
            MailError::MailboxExists => Self::Refused(Finding::MailboxExists),
            MailError::BadMailboxName => Self::Refused(Finding::BadMailboxName),
            MailError::CannotUndo => Self::Refused(Finding::CannotUndo),
            MailError::BadFolder => Self::Refused(Finding::BadFolder),
            MailError::NotFound | MailError::Renumbered => Self::NotFound,
            MailError::TooLarge { size } => Self::Refused(Finding::TooLarge { megabytes: size.div_ceil(1_000_000) }),
            MailError::Stopped => Self::Cancelled,
        }
    }
}

impl From<ImapError> for CompanionError {
    fn from(error: ImapError) -> Self {
        match error {
            ImapError::Refused { code: Some(Code::OverQuota), .. } => Self::Refused(Finding::MailboxFull),
            ImapError::Refused { text, .. } => Self::Refused(Finding::MailRefused { said: text }),
            // A password's refusal has its own error; here it is the portal's token that the mail server does not take.
            ImapError::AuthenticationFailed { .. } => Self::SignInAgain(Finding::SessionEnded),
            ImapError::Unavailable => Self::CheckConnection(Finding::MailDown),
            ImapError::Closed => Self::CheckConnection(Finding::Cut),
            ImapError::TimedOut => Self::CheckConnection(Finding::Silent),
            ImapError::Bad { .. }
            | ImapError::Distrusted(_)
            | ImapError::NoMechanism
            | ImapError::Limit(_)
            | ImapError::Malformed
            | ImapError::WrongPart
            | ImapError::Unsupported(_) => Self::CheckConnection(Finding::MailBroken),
            ImapError::NotFound | ImapError::NoSuchPart => Self::NotFound,
            ImapError::InvalidArgument => Self::bug(error),
        }
    }
}

impl From<SendError> for CompanionError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::AuthenticationFailed => Self::SignInAgain(Finding::SessionEnded),
            SendError::Refused { text, .. } => Self::Refused(Finding::MailRefused { said: text }),
            SendError::TooLarge { .. } | SendError::Unsendable => Self::Refused(Finding::BadLetter),
            SendError::Distrusted(_) | SendError::NoMechanism | SendError::Malformed => {
                Self::CheckConnection(Finding::MailBroken)
            }
            SendError::TryLater { .. } | SendError::NotSent => Self::CheckConnection(Finding::NotSent),
            SendError::Uncertain => Self::CheckConnection(Finding::PerhapsSent),
        }
    }
}

impl From<ReplyError> for CompanionError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Mail(reason) => reason.into(),
            ReplyError::Compose(ComposeError::Build(detail)) => Self::bug(detail),
            ReplyError::Compose(_) => Self::Refused(Finding::BadLetter),
        }
    }
}

impl Letter {
    /// What the teacher is told about this letter, if there is anything to tell.
    pub fn finding(&self) -> Option<Finding> {
        match (self.state, &self.trouble) {
            (LetterState::Uncertain, _) => Some(Finding::PerhapsSent),
            (LetterState::Refused, Some(said)) => Some(Finding::MailRefused { said: said.clone() }),
            (LetterState::Refused, None) => Some(Finding::BadLetter),
            (LetterState::Waiting, Some(_)) => Some(Finding::NotSent),
            _ => None,
        }
    }
}

//! What a failure means for what comes next.

use std::time::Duration;

use crate::attempts::LedgerError;
use crate::mail::error::MailError;
use crate::mail::imap::ImapError;
use crate::mail::send::SendError;
use crate::portal::SessionError;
use crate::ports::ConnectError;
use crate::store::StoreError;

/// What a failure means for what comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    /// No network, a server that is down or out of order: it may pass.
    Passing,
    /// Nothing may be tried for so long.
    Locked(Duration),
    /// It does not pass before the teacher has done something.
    Teacher,
}

impl Trouble {
    /// What `error` means at `now_ms`; `None` where the work itself ends by it.
    pub(super) fn of(error: &MailError, now_ms: i64) -> Option<Self> {
        Some(match error {
            MailError::Stopped | MailError::Store(StoreError::Closed) => return None,
            MailError::Ledger(LedgerError::Wait { until_ms, .. }) => {
                let wait = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or_default();
                // Not a moment too early, which would ask for nothing.
                Self::Locked(Duration::from_millis(wait.saturating_add(1)))
            }
            MailError::PasswordNeeded
            | MailError::PasswordRefused
            | MailError::AppPasswordNeeded
            | MailError::AppPasswordRefused
            | MailError::NoServer
            | MailError::Ledger(LedgerError::KnownWrong)
            | MailError::Session(SessionError::Ended)
            | MailError::Imap(ImapError::AuthenticationFailed { .. } | ImapError::NoMechanism)
            | MailError::Send(SendError::AuthenticationFailed | SendError::NoMechanism)
            | MailError::Connect(ConnectError::BadRoots)
            | MailError::Store(StoreError::Damaged | StoreError::Full | StoreError::Unwritable | StoreError::Newer) => {
                Self::Teacher
            }
            _ => Self::Passing,
        })
    }
}

//! Sign-in codes by mail, and alarms.

use std::fmt;

use secrecy::ExposeSecret;

use cartable_core::mail;
use cartable_core::words::Language;

use crate::cartable::Cartable;
use crate::error::{CompanionError, Told};

/// A sign-in code that came by mail, to be shown with one tap.
#[derive(Clone, Eq, PartialEq, uniffi::Record)]
pub struct OfferedCode {
    /// The message it stands in, for `code_taken`.
    pub message: i64,
    /// The code. A secret: only in the field for it, and never in a log, so print no record of this kind.
    pub code: String,
    /// When the server received it, in milliseconds since 1970.
    pub received_ms: i64,
    /// How many other codes have come for this sign-in. The portal takes the newest, which is this one.
    pub others: u32,
}

impl fmt::Debug for OfferedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfferedCode({})", self.message)
    }
}

/// Something the teacher must look at.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Alarm {
    /// Its number, for `dismiss_alarm`.
    pub id: i64,
    /// The message it is about; nothing once that is gone.
    pub message: Option<i64>,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
    /// What the teacher is told.
    pub told: Told,
}

impl From<mail::OfferedCode> for OfferedCode {
    fn from(offered: mail::OfferedCode) -> Self {
        Self {
            message: offered.message,
            code: offered.code.expose_secret().to_owned(),
            received_ms: offered.received_ms,
            others: offered.others,
        }
    }
}

impl Alarm {
    fn new(alarm: &mail::Alarm, language: Language) -> Self {
        let told = Told::new(&alarm.finding(), language);
        Self { id: alarm.id, message: alarm.message, at_ms: alarm.at_ms, told }
    }
}

#[uniffi::export]
impl Cartable {
    /// The shell opens a page in the browser where the teacher signs in at the academy's portal: a code that comes by mail from
    /// now on is expected. Durable when it returns.
    pub async fn portal_opened(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.portal_opened().await }).await
    }

    /// The teacher is back from such a page, signed in or not. Without this call the time ends by itself after half an hour.
    pub async fn portal_left(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.portal_left().await }).await
    }

    /// The newest code that has come by mail for the sign-in under way; nothing without a sign-in. Ask after a sync.
    pub async fn offered_code(&self) -> Result<Option<OfferedCode>, CompanionError> {
        self.run(|core| async move { core.offered_code().await.map(|offered| offered.map(Into::into)) }).await
    }

    /// The teacher took the code of this message: it is not offered again.
    pub async fn code_taken(&self, message: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.code_taken(message).await }).await
    }

    /// What the teacher must look at, newest first. Reads the store only.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, CompanionError> {
        let language = self.language();
        let alarms = self.run(|core| async move { core.alarms().await }).await?;
        Ok(alarms.iter().map(|alarm| Alarm::new(alarm, language)).collect())
    }

    /// The teacher has seen the alarm: it does not come back.
    pub async fn dismiss_alarm(&self, alarm: i64) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.dismiss_alarm(alarm).await }).await
    }
}

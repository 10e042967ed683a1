//! Sign-in codes that come by mail, and the alarm when one comes unasked.

use super::Companion;
use super::error::CompanionError;
use crate::mail::{Alarm, AlarmKind, OfferedCode};
use crate::portal::time;
use crate::words::{Finding, Sentence};

/// Codes by mail. All but the first two give [`CompanionError::SignInAgain`] when nobody's mail is on the phone.
impl Companion {
    /// The shell opens a page in the browser where the teacher signs in at the chosen academy's portal, a service's for
    /// instance: a code that comes by mail from now on is expected. Durable when it returns.
    pub async fn portal_opened(&self) -> Result<(), CompanionError> {
        if let Some(academy) = self.academy() {
            time::begun(&self.store, &academy.id, self.clock.now_ms()).await?;
        }
        Ok(())
    }

    /// The teacher is back from such a page, signed in or not. Without this call the time ends by itself after half an hour.
    pub async fn portal_left(&self) -> Result<(), CompanionError> {
        if let Some(academy) = self.academy() {
            time::ended(&self.store, &academy.id, self.clock.now_ms()).await?;
        }
        Ok(())
    }

    /// The newest code that has come by mail for the sign-in under way, to be shown with one tap; `None` without a sign-in. Ask
    /// after a sync: it reads the store, and fetches a mail with a code the first time.
    ///
    /// Offered is only what the academy's mail server vouches for, as the profile demands, and what came after the sign-in
    /// began, by this phone's clock.
    pub async fn offered_code(&self) -> Result<Option<OfferedCode>, CompanionError> {
        let mail = self.mail()?;
        let Some(academy) = self.academy() else { return Ok(None) };
        let now = self.clock.now_ms();
        match time::window(&self.store, &academy.id, now).await? {
            Some(sign_in) => Ok(mail.offered_code(sign_in, now).await?),
            None => Ok(None),
        }
    }

    /// The teacher took the code of this message: it is not offered again. [`CompanionError::NotFound`] when none was offered.
    pub async fn code_taken(&self, message: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.code_taken(message).await?)
    }

    /// What the teacher must look at, newest first. Reads the store only; [`crate::store::Change::Alarms`] tells when it changes.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, CompanionError> {
        Ok(self.mail()?.alarms().await?)
    }

    /// The teacher has seen the alarm: it does not come back.
    pub async fn dismiss_alarm(&self, alarm: i64) -> Result<(), CompanionError> {
        Ok(self.mail()?.dismiss_alarm(alarm).await?)
    }

    /// What to tell the teacher about `alarm`.
    pub fn alarm_words(&self, alarm: &Alarm) -> Sentence {
        alarm.finding().sentence(self.language)
    }
}

impl Alarm {
    /// What the teacher is told about this alarm.
    pub fn finding(&self) -> Finding {
        match self.kind {
            AlarmKind::UnaskedCode => Finding::UnaskedCode,
        }
    }
}

//! Alarms: a sign-in code came by mail, and nobody signs in on this phone. Somebody else may know the password.
//!
//! An alarm is written with the row of its message, in one transaction, so that no kill loses it. It is shown once the message
//! has been read and does hold a code: the portal sends other mail from the same address.

use rusqlite::{OptionalExtension, Transaction, params};

use super::account::{Errand, MailAccount};
use super::codes::{code_of, is_vouched_for};
use super::error::MailError;
use super::rows::Arrived;
use crate::academy::Academy;
use crate::portal::time;
use crate::store::{Change, StoreError};

/// A code that is older when it comes to the phone raises no alarm: it serves nobody any more.
const RECENT_MS: i64 = 24 * 60 * 60 * 1000;

/// Something the teacher must look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Alarm {
    /// Its number, for [`MailAccount::dismiss_alarm`].
    pub id: i64,
    /// What happened.
    pub kind: AlarmKind,
    /// The message it is about; `None` once that is gone.
    pub message: Option<i64>,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// The portal sent a sign-in code that no sign-in of this phone asked for.
    UnaskedCode,
}

impl MailAccount {
    /// The alarms that nobody has dismissed, newest first. Reads the store only.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, MailError> {
        let academy = self.academy.id.clone();
        let read = self.store.read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT id, message, at_ms FROM alarm WHERE academy = ? AND certain = 1 AND seen = 0
                 ORDER BY at_ms DESC, id DESC LIMIT 100",
            )?;
            let rows = query.query_map([academy], |row| {
                Ok(Alarm { id: row.get(0)?, kind: AlarmKind::UnaskedCode, message: row.get(1)?, at_ms: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        Ok(read.await?)
    }

    /// The teacher has seen the alarm: it does not come back. [`MailError::NotFound`] when there is no such alarm.
    pub async fn dismiss_alarm(&self, alarm: i64) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let dismissed = self.store.write(move |t, changes| {
            changes.push(Change::Alarms);
            match t.execute("UPDATE alarm SET seen = 1 WHERE id = ? AND academy = ?", params![alarm, academy])? {
                0 => Err(StoreError::NotFound),
                _ => Ok(()),
            }
        });
        Ok(dismissed.await?)
    }

    /// Reads the messages of the alarms that are not certain: those with a code are shown from now on, the others go.
    pub(super) async fn settle_alarms(&self, errand: &mut Errand<'_>) -> Result<(), MailError> {
        let Some(rule) = &self.academy.mail_code else { return Ok(()) };
        let academy = self.academy.id.clone();
        let uncertain = self.store.read(move |c| {
            let mut query = c.prepare_cached("SELECT id, message FROM alarm WHERE academy = ? AND certain = 0")?;
            let rows = query.query_map([academy], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        for (alarm, message) in uncertain.await? {
            let raw = match message {
                Some(message) => self.raw_on(errand, message).await,
                None => Err(MailError::NotFound),
            };
            let code = match raw {
                // Gone before anybody could read it, or no mail of a portal.
                Err(MailError::NotFound | MailError::Renumbered | MailError::TooLarge { .. }) => None,
                raw => code_of(raw?, rule.digits).await,
            };
            let settle = match code {
                Some(_) => "UPDATE alarm SET certain = 1 WHERE id = ?",
                None => "DELETE FROM alarm WHERE id = ?",
            };
            self.store
                .write(move |t, changes| {
                    t.execute(settle, [alarm])?;
                    changes.push(Change::Alarms);
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}

/// Writes down an alarm for each of the messages, whose rows are written, that seems to bring a code nobody asked for.
pub(super) fn suspect(
    t: &Transaction<'_>,
    academy: &Academy,
    mailbox: i64,
    arrived: &[Arrived],
    now_ms: i64,
) -> Result<(), StoreError> {
    let Some(rule) = &academy.mail_code else { return Ok(()) };
    let since = now_ms.saturating_sub(RECENT_MS);
    for one in arrived.iter().filter(|one| !one.unreadable && one.received_ms > since) {
        let mut query =
            t.prepare_cached("SELECT id, from_address, subject FROM message WHERE mailbox = ? AND uid = ?")?;
        let row = query.query_row(params![mailbox, one.uid], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, String>(2)?))
        });
        let Some((message, from, subject)) = row.optional()? else { continue };
        if is_vouched_for(rule, from.as_deref(), &subject, &one.header)
            && !time::explains(t, &academy.id, one.received_ms)?
        {
            t.execute(
                "INSERT INTO alarm (academy, kind, message, at_ms) VALUES (?, 'unasked-code', ?, ?)
                 ON CONFLICT (message) DO NOTHING",
                params![academy.id, message, one.received_ms],
            )?;
        }
    }
    Ok(())
}

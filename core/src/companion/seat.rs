//! The place at one academy: taking it, and who sits there.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::OptionalExtension;

use super::Companion;
use super::error::CompanionError;
use crate::academy::Academy;
use crate::mail::MailAccount;
use crate::portal::{SignIn, Who};

/// The chosen academy: how one signs in there, and whose mail is here.
pub(super) struct Seat {
    pub(super) academy: Arc<Academy>,
    pub(super) sign_in: SignIn,
    mail: Mutex<Option<Arc<MailAccount>>>,
}

impl Seat {
    pub(super) fn mail(&self) -> Option<Arc<MailAccount>> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_mail(&self, mail: Option<Arc<MailAccount>>) {
        *self.mail.lock().unwrap_or_else(PoisonError::into_inner) = mail;
    }
}

impl Companion {
    pub(super) async fn chosen(&self) -> Result<Option<String>, CompanionError> {
        let chosen = self
            .store
            .read(|c| Ok(c.query_row("SELECT academy FROM chosen", [], |row| row.get::<_, String>(0)).optional()?));
        Ok(chosen.await?)
    }

    pub(super) async fn choose(&self, academy: &str) -> Result<Arc<Seat>, CompanionError> {
        let seat = self.sit_down(academy).await?.ok_or(CompanionError::NotFound)?;
        let academy = academy.to_owned();
        self.store
            .write(move |t, _| {
                t.execute("INSERT OR REPLACE INTO chosen (one, academy) VALUES (1, ?)", [academy])?;
                Ok(())
            })
            .await?;
        Ok(seat)
    }

    /// Takes the seat at an academy. `None` for one whose profile the app no longer has.
    pub(super) async fn sit_down(&self, academy: &str) -> Result<Option<Arc<Seat>>, CompanionError> {
        let Some(academy) = self.academy_of(academy).await? else { return Ok(None) };
        let mut sign_in = SignIn::resume(
            Arc::clone(&academy),
            self.store.clone(),
            self.network.clone(),
            Arc::clone(&self.secrets),
            Arc::clone(&self.clock),
        )
        .await?;
        if let Some(among) = &self.among {
            sign_in = sign_in.counting_in(among.ledger.clone());
        }
        let who = sign_in.account().await?;
        let seat = Arc::new(Seat { academy, sign_in, mail: Mutex::default() });
        seat.set_mail(who.map(|who| self.mail_of(&seat, who)));
        let before = self.seat.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&seat));
        if let Some(mail) = before.and_then(|seat| seat.mail()) {
            // Its worker goes on with the mail of this seat.
            mail.disconnect().await;
        }
        Ok(Some(seat))
    }

    pub(super) fn mail_of(&self, seat: &Seat, who: Who) -> Arc<MailAccount> {
        let mail = MailAccount::new(
            Arc::clone(&seat.academy),
            who,
            self.store.clone(),
            self.network.clone(),
            seat.sign_in.session(),
            Arc::clone(&self.secrets),
            Arc::clone(&self.clock),
        );
        mail.set_link(self.running.link());
        Arc::new(match &self.among {
            Some(among) => mail.counting_in(among.ledger.clone()),
            None => mail,
        })
    }
}

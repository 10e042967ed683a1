//! Opening a connection: the way to the server, and the secret that is tried there.

use secrecy::SecretString;

use super::{MailAccount, SILENCE};
use crate::academy::{Kind, MailLogin, MailMechanism, MailSecret, MailSettings};
use crate::attempts::{LedgerError, Outcome, Presence, Reservation};
use crate::mail::credentials::Credentials;
use crate::mail::error::MailError;
use crate::mail::imap::{ImapError, ImapSession, Limits};
use crate::mail::starttls::{self, Protocol, Secured};
use crate::ports::SecretKey;

impl MailAccount {
    pub(super) async fn open(&self, presence: Presence) -> Result<ImapSession, MailError> {
        let settings = self.settings()?;
        let connect = async || starttls::connect(&self.network, &settings.imap, Protocol::Imap).await;
        let open = |Secured { stream, greeting }, credentials: Credentials| async move {
            ImapSession::open_after(greeting, stream, &credentials, Limits { silence: SILENCE }).await
        };
        if self.takes_tokens(settings) {
            let token = self.session.access_token(&self.who.identifier).await?;
            match open(connect().await?, self.bearer(token.clone(), settings)).await {
                Err(ImapError::AuthenticationFailed { .. }) => {
                    let token = self.session.token_after_refusal(&self.who.identifier, &token).await?;
                    return Ok(open(connect().await?, self.bearer(token, settings)).await?);
                }
                Err(ImapError::NoMechanism) if settings.auth.contains(&MailMechanism::Password) => {}
                other => return Ok(other?),
            }
        }
        let password = self.password(settings)?;
        let login = self.login(settings);
        // Reserved as late as can be: an errand dropped from here to the server's answer costs a try.
        let tls = connect().await?;
        // One try at a time: of two lanes that open at once, the second hears what became of the first.
        let _alone = self.trying.lock().await;
        let reserved = self.reserve(settings, &password, presence).await?;
        let opened = open(tls, Credentials::Password { user: login, password }).await;
        let outcome = match &opened {
            Ok(_) => Outcome::Accepted,
            Err(ImapError::AuthenticationFailed { .. }) => Outcome::Refused,
            Err(ImapError::NoMechanism) => Outcome::Untold,
            Err(ImapError::Distrusted(distrust)) if !distrust.after_proof() => Outcome::Untold,
            // The password may have been seen: left open, it counts.
            Err(_) => return Ok(opened?),
        };
        self.ledger.settle(reserved, outcome).await?;
        opened.map_err(|error| match error {
            ImapError::AuthenticationFailed { .. } => settings.refused(),
            other => other.into(),
        })
    }

    /// A TLS connection to the submission server, and what proves who we are there. A password is tried under the
    /// reservation, which the caller settles.
    pub(in crate::mail) async fn submission(&self) -> Result<(Secured, Credentials, Option<Reservation>), MailError> {
        let settings = self.settings()?;
        let tls = starttls::connect(&self.network, &settings.smtp, Protocol::Submission).await?;
        if self.takes_tokens(settings) {
            return Ok((tls, self.bearer(self.session.access_token(&self.who.identifier).await?, settings), None));
        }
        let (user, password) = (self.login(settings), self.password(settings)?);
        let reserved = self.reserve(settings, &password, Presence::Unattended).await?;
        Ok((tls, Credentials::Password { user, password }, Some(reserved)))
    }

    pub(in crate::mail) async fn settle(
        &self,
        reserved: Option<Reservation>,
        outcome: Outcome,
    ) -> Result<(), MailError> {
        if let Some(reserved) = reserved {
            self.ledger.settle(reserved, outcome).await?;
        }
        Ok(())
    }

    pub(in crate::mail) fn settings(&self) -> Result<&MailSettings, MailError> {
        self.academy.mail.as_ref().ok_or(MailError::NoServer)
    }

    fn takes_tokens(&self, settings: &MailSettings) -> bool {
        let tokens = [MailMechanism::OAuthBearer, MailMechanism::XOAuth2];
        settings.auth.iter().any(|mechanism| tokens.contains(mechanism))
    }

    fn bearer(&self, token: SecretString, settings: &MailSettings) -> Credentials {
        Credentials::Bearer { user: self.login(settings), token }
    }

    /// Asks the ledger. What a server says of an app password says nothing of the portal's, and the other way round.
    async fn reserve(
        &self,
        settings: &MailSettings,
        password: &SecretString,
        presence: Presence,
    ) -> Result<Reservation, MailError> {
        let realm = match settings.secret {
            Some(MailSecret::AppPassword) => format!("{}/app", self.academy.id),
            _ if self.academy.kind == Kind::Own => format!("{}/{}", self.academy.id, settings.domain),
            _ => self.academy.id.clone(),
        };
        // Whatever name the mail servers take: the portal counts by its own.
        match self.ledger.reserve(&realm, &self.who.identifier, password, presence).await {
            Err(LedgerError::KnownWrong) => Err(settings.refused()),
            reserved => Ok(reserved?),
        }
    }

    fn password(&self, settings: &MailSettings) -> Result<SecretString, MailError> {
        self.secrets.load(&SecretKey::mail_password(&self.academy.id, &self.who.identifier))?.ok_or({
            match settings.secret {
                Some(MailSecret::AppPassword) => MailError::AppPasswordNeeded,
                _ => MailError::PasswordNeeded,
            }
        })
    }

    fn login(&self, settings: &MailSettings) -> String {
        match settings.login {
            MailLogin::Identifier => self.who.identifier.clone(),
            MailLogin::Address => self.author().address,
        }
    }
}

impl MailSettings {
    /// The server refused the password.
    pub(in crate::mail) fn refused(&self) -> MailError {
        match self.secret {
            Some(MailSecret::AppPassword) => MailError::AppPasswordRefused,
            _ => MailError::PasswordRefused,
        }
    }
}

//! One academy's mail: two connections, opened when needed, and the errands they run.
//!
//! Work that nobody waits for (sync, sending what waits) has one connection, what the teacher waits for has the other:
//! opening a message never stands behind a sync. A connection whose errand was dropped half-way is never used again.

use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio_util::sync::CancellationToken;

use super::bodies::InUse;
use super::credentials::Credentials;
use super::error::MailError;
use super::imap::{ImapError, ImapSession, Limits};
use super::link::Link;
use super::starttls::{self, Protocol, Secured};
use crate::academy::{Academy, Kind, MailLogin, MailMechanism, MailSecret, MailSettings};
use crate::attempts::{Ledger, LedgerError, Outcome, Presence, Reservation};
use crate::portal::{Session, Who};
use crate::ports::{Clock, Network, SecretKey, SecretStore};
use crate::store::Store;

/// How long a mail server may be silent in the middle of an answer.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// One academy's mail.
pub struct MailAccount {
    pub(super) academy: Arc<Academy>,
    pub(super) who: Who,
    pub(super) store: Store,
    network: Network,
    session: Arc<Session>,
    secrets: Arc<dyn SecretStore>,
    ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    background: Lane,
    foreground: Lane,
    /// The mailbox whose rows were last read, by its number: synced before those that nobody looks at.
    pub(super) on_screen: AtomicI64,
    link: watch::Sender<Link>,
    /// The messages that are being read.
    pub(super) in_use: InUse,
    /// Cancelled and replaced by [`MailAccount::disconnect`].
    stop: std::sync::Mutex<CancellationToken>,
}

/// A place for one connection.
type Lane = Mutex<Option<ImapSession>>;

/// A connection taken for one errand. Goes back only if the errand ended well.
pub(super) struct Errand<'a> {
    lane: MutexGuard<'a, Option<ImapSession>>,
    pub(super) imap: ImapSession,
}

impl Errand<'_> {
    /// Puts the connection back for the next errand.
    pub(super) fn end(mut self) {
        if self.imap.is_usable() {
            *self.lane = Some(self.imap);
        }
    }
}

impl fmt::Debug for MailAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailAccount({})", self.academy.id)
    }
}

impl MailAccount {
    /// The mail of `who` at `academy`. Connects to nothing yet.
    pub fn new(
        academy: Arc<Academy>,
        who: Who,
        store: Store,
        network: Network,
        session: Arc<Session>,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ledger = Ledger::new(store.clone(), Arc::clone(&secrets), Arc::clone(&clock)).under(academy.lock_rule());
        Self {
            academy,
            who,
            store,
            network,
            session,
            secrets,
            ledger,
            clock,
            background: Lane::default(),
            foreground: Lane::default(),
            on_screen: AtomicI64::default(),
            link: watch::Sender::default(),
            in_use: InUse::default(),
            stop: std::sync::Mutex::default(),
        }
    }

    /// Writes tries of passwords down in `store`, where it is not this account's own: another account of the phone may be about
    /// to try the same password.
    #[must_use]
    pub(crate) fn counting_in(mut self, store: Store) -> Self {
        self.ledger = self.ledger.within(store);
        self
    }

    /// Whose mail it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// What the phone's system says of the way to the servers; until then it is [`Link::Unmetered`].
    pub fn set_link(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// The way to the servers.
    pub fn link(&self) -> Link {
        *self.link.borrow()
    }

    /// Tells when the way to the servers changes.
    pub(super) fn link_changes(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// Whether the teacher waits for something on the other connection.
    pub(super) fn is_waited_for(&self) -> bool {
        self.foreground.try_lock().is_err()
    }

    /// Waits until nobody waits for the other connection.
    pub(super) async fn until_nobody_waits(&self) {
        drop(self.foreground.lock().await);
    }

    /// Stops the errands that run, which give [`MailError::Stopped`], and closes both connections. Only a letter that is being
    /// sent is waited for: stopped half-way, nobody would know whether it went. Later errands connect anew.
    pub async fn disconnect(&self) {
        std::mem::take(&mut *self.stop.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
        for lane in [&self.background, &self.foreground] {
            if let Some(imap) = lane.lock().await.take() {
                let _ = imap.logout().await;
            }
        }
    }

    /// The next errand in the background has this connection.
    #[cfg(test)]
    pub(super) async fn connected(&self, imap: ImapSession) {
        *self.background.lock().await = Some(imap);
    }

    /// The next errand of the teacher has this one.
    #[cfg(test)]
    pub(super) async fn connected_for_the_teacher(&self, imap: ImapSession) {
        *self.foreground.lock().await = Some(imap);
    }

    /// Signs in at the mail server anew, for a teacher who waits for it.
    pub async fn check_login(&self) -> Result<(), MailError> {
        self.disconnect().await;
        self.unless_stopped(async {
            self.foreground().await?.end();
            Ok(())
        })
        .await
    }

    /// Tells when what is begun now must stop.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `work`, which may be dropped at any of its waits, until it is done or must stop.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, MailError>>,
    ) -> Result<T, MailError> {
        let stop = self.stop();
        stop.run_until_cancelled(work).await.unwrap_or(Err(MailError::Stopped))
    }

    pub(super) async fn background(&self, presence: Presence) -> Result<Errand<'_>, MailError> {
        self.errand(&self.background, presence).await
    }

    pub(super) async fn foreground(&self) -> Result<Errand<'_>, MailError> {
        self.errand(&self.foreground, Presence::Attended).await
    }

    async fn errand<'a>(&'a self, lane: &'a Lane, presence: Presence) -> Result<Errand<'a>, MailError> {
        let mut lane = lane.lock().await;
        if let Some(mut imap) = lane.take() {
            // The server may have hung up, or a firewall forgotten us, while nobody looked.
            if imap.is_usable() && imap.noop().await.is_ok() {
                return Ok(Errand { lane, imap });
            }
        }
        let mut imap = self.open(presence).await?;
        // Where bytes are dear. On Wi-Fi its processor time costs more battery than the bytes that it spares.
        if matches!(self.link(), Link::Metered | Link::LowData) {
            match imap.compress().await {
                Ok(()) | Err(ImapError::Unsupported(_) | ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Errand { lane, imap })
    }

    async fn open(&self, presence: Presence) -> Result<ImapSession, MailError> {
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
    pub(super) async fn submission(&self) -> Result<(Secured, Credentials, Option<Reservation>), MailError> {
        let settings = self.settings()?;
        let tls = starttls::connect(&self.network, &settings.smtp, Protocol::Submission).await?;
        if self.takes_tokens(settings) {
            return Ok((tls, self.bearer(self.session.access_token(&self.who.identifier).await?, settings), None));
        }
        let (user, password) = (self.login(settings), self.password(settings)?);
        let reserved = self.reserve(settings, &password, Presence::Unattended).await?;
        Ok((tls, Credentials::Password { user, password }, Some(reserved)))
    }

    pub(super) async fn settle(&self, reserved: Option<Reservation>, outcome: Outcome) -> Result<(), MailError> {
        if let Some(reserved) = reserved {
            self.ledger.settle(reserved, outcome).await?;
        }
        Ok(())
    }

    pub(super) fn settings(&self) -> Result<&MailSettings, MailError> {
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
            MailLogin::Address => self.who.address.clone().unwrap_or_else(|| self.who.identifier.clone()),
        }
    }
}

impl MailSettings {
    /// The server refused the password.
    pub(super) fn refused(&self) -> MailError {
        match self.secret {
            Some(MailSecret::AppPassword) => MailError::AppPasswordRefused,
            _ => MailError::PasswordRefused,
        }
    }
}

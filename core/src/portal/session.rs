//! The session at the portal: tokens in the keystore, refreshed by one at a time; or cookies, see `session/own.rs`.

mod own;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::timeout;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::oidc::Oidc;
use super::state::SignInFailure;
use crate::academy::Academy;
use crate::ports::{Clock, ConnectError, Network, SecretKey, SecretStore, SecretStoreError};
use crate::store::{Store, StoreError};

/// A token is renewed this long before its end, so that it outlives the connection it opens.
const AHEAD_MS: i64 = 60_000;

/// Who refreshes. A refresh ends before its lease does, and one waits for a holder that has died.
const LEASE: &str = "refresh";
const REFRESH_LIMIT: Duration = Duration::from_secs(60);
const LEASE_FOR: Duration = Duration::from_secs(75);
const LEASE_PATIENCE: Duration = Duration::from_secs(80);

/// The tokens of a session. Never printed.
pub(super) struct Tokens {
    /// Whose session it is.
    pub(super) identifier: String,
    pub(super) access: SecretString,
    pub(super) refresh: Option<SecretString>,
    pub(super) expires_ms: i64,
}

/// How tokens lie in the keystore.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct Stored {
    identifier: String,
    access: String,
    refresh: Option<String>,
    expires_ms: i64,
}

/// Why there is no token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Nobody is signed in, or the portal ended the session: only a new sign-in helps.
    #[error("the session has ended")]
    Ended,
    /// The portal was not reached; the session may still be good.
    #[error("the portal was not reached: {0}")]
    Connect(ConnectError),
    /// The portal is out of order; the session may still be good.
    #[error("the portal is out of order")]
    PortalBroken,
    /// The keystore did not serve.
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    /// The store did not serve, by which processes agree on who refreshes.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The session at one academy's portal.
#[derive(Clone)]
pub struct Session {
    academy: Arc<Academy>,
    store: Store,
    network: Network,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    /// Held while a refresh is under way: with rotating refresh tokens, using one twice ends the session.
    refreshing: Arc<Mutex<()>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.academy.id)
    }
}

impl Session {
    /// The session of `academy`, whose tokens are in `secrets` if somebody is signed in. Processes that share `secrets` share
    /// `store` too.
    pub fn new(
        academy: Arc<Academy>,
        store: Store,
        network: Network,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { academy, store, network, secrets, clock, refreshing: Arc::default() }
    }

    /// An access token of `identifier`, good for at least a minute. Asks the portal for a new one only when the old one is
    /// about to end. [`SessionError::Ended`] when the session is somebody else's.
    pub async fn access_token(&self, identifier: &str) -> Result<SecretString, SessionError> {
        let tokens = self.load(identifier)?;
        if self.is_fresh(&tokens) { Ok(tokens.access) } else { self.renew(identifier, &tokens.access).await }
    }

    /// A token other than `refused`, which a server did not take although it should still be good: the portal ended it
    /// early, as at a sign-out in the browser.
    pub async fn token_after_refusal(
        &self,
        identifier: &str,
        refused: &SecretString,
    ) -> Result<SecretString, SessionError> {
        self.renew(identifier, refused).await
    }

    pub(super) fn keep(&self, tokens: &Tokens) -> Result<(), SecretStoreError> {
        let stored = Stored {
            identifier: tokens.identifier.clone(),
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.as_ref().map(|token| token.expose_secret().to_owned()),
            expires_ms: tokens.expires_ms,
        };
        let text = serde_json::to_string(&stored)
            .map_err(|_| SecretStoreError::Unavailable { reason: "tokens that cannot be written".to_owned() })?;
        self.secrets.put(&self.key(), &text.into())
    }

    /// Goes on to its end when its future is dropped: the portal may have put a new refresh token in place of the old one.
    async fn renew(&self, identifier: &str, stale: &SecretString) -> Result<SecretString, SessionError> {
        let (session, identifier, stale) = (self.clone(), identifier.to_owned(), stale.clone());
        let renewing = tokio::spawn(async move { session.renew_alone(&identifier, &stale).await });
        // It is only cut short together with the app.
        renewing.await.unwrap_or(Err(SessionError::Connect(ConnectError::Cut)))
    }

    async fn renew_alone(&self, identifier: &str, stale: &SecretString) -> Result<SecretString, SessionError> {
        let _alone = self.refreshing.lock().await;
        // The notification extension is another process, with the same keystore and the same database.
        let lease = self.store.lease(LEASE, &*self.clock, LEASE_FOR, LEASE_PATIENCE).await?;
        let _leased = lease.ok_or(SessionError::Connect(ConnectError::TimedOut))?;
        // Somebody else may have renewed it while we waited.
        let tokens = self.load(identifier)?;
        if tokens.access.expose_secret() != stale.expose_secret() && self.is_fresh(&tokens) {
            return Ok(tokens.access);
        }
        let refresh = tokens.refresh.as_ref().ok_or(SessionError::Ended)?;
        let oidc = self.oidc();
        let renewing = timeout(REFRESH_LIMIT, oidc.refresh(identifier, refresh, self.clock.now_ms())).await;
        let renewed = renewing.map_err(|_| SessionError::Connect(ConnectError::TimedOut))?.map_err(why)?;
        // Kept before it is used: with rotation the old one is already dead.
        self.keep(&renewed)?;
        Ok(renewed.access)
    }

    fn oidc(&self) -> Oidc<'_> {
        Oidc { academy: &self.academy, network: &self.network }
    }

    fn is_fresh(&self, tokens: &Tokens) -> bool {
        tokens.expires_ms.saturating_sub(AHEAD_MS) > self.clock.now_ms()
    }

    fn load(&self, identifier: &str) -> Result<Tokens, SessionError> {
        let text = self.secrets.load(&self.key())?.ok_or(SessionError::Ended)?;
        // Written by another version, or damaged: as good as none.
        let stored: Stored = serde_json::from_str(text.expose_secret()).map_err(|_| SessionError::Ended)?;
        // The app may have ended between keeping these tokens and writing down whose they are.
        if stored.identifier != identifier {
            return Err(SessionError::Ended);
        }
        Ok(Tokens {
            identifier: stored.identifier.clone(),
            access: stored.access.as_str().into(),
            refresh: stored.refresh.as_deref().map(Into::into),
            expires_ms: stored.expires_ms,
        })
    }

    fn key(&self) -> SecretKey {
        SecretKey::session(&self.academy.id)
    }
}

fn why(failure: SignInFailure) -> SessionError {
    match failure {
        SignInFailure::Refused { code } if is_passing(&code) => SessionError::PortalBroken,
        // LemonLDAP::NG answers invalid_request where RFC 6749 says invalid_grant.
        SignInFailure::Refused { .. } | SignInFailure::NoWayIn => SessionError::Ended,
        SignInFailure::Connect(reason) => SessionError::Connect(reason),
        SignInFailure::Secrets(reason) => SessionError::Secrets(reason),
        _ => SessionError::PortalBroken,
    }
}

/// Words for a portal that is busy, not for a session that has ended.
fn is_passing(code: &str) -> bool {
    matches!(code, "temporarily_unavailable" | "server_error" | "slow_down")
}

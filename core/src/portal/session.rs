//! The session at the portal: tokens in the keystore, refreshed by one at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::lemon::{Jar, Lemon};
use super::oidc::Oidc;
use super::state::SignInFailure;
use crate::academy::{Academy, WayIn};
use crate::ports::{Clock, ConnectError, Network, SecretKey, SecretStore, SecretStoreError};

/// A token is renewed this long before its end, so that it outlives the connection it opens.
const AHEAD_MS: i64 = 60_000;

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

/// How the portal's cookies lie in the keystore.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct StoredCookies {
    identifier: String,
    jar: Jar,
}

/// How long the portal may take to end a session before the phone forgets it all the same.
const END_LIMIT: Duration = Duration::from_secs(10);

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
}

impl From<SignInFailure> for SessionError {
    fn from(failure: SignInFailure) -> Self {
        match failure {
            // LemonLDAP::NG answers invalid_request where RFC 6749 says invalid_grant.
            SignInFailure::Refused { .. } | SignInFailure::NoWayIn => Self::Ended,
            SignInFailure::Connect(reason) => Self::Connect(reason),
            SignInFailure::Secrets(reason) => Self::Secrets(reason),
            _ => Self::PortalBroken,
        }
    }
}

/// The session at one academy's portal.
pub struct Session {
    academy: Arc<Academy>,
    network: Network,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    /// Held while a refresh is under way: with rotating refresh tokens, using one twice ends the session.
    refreshing: Mutex<()>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.academy.id)
    }
}

impl Session {
    /// The session of `academy`, whose tokens are in `secrets` if somebody is signed in.
    pub fn new(academy: Arc<Academy>, network: Network, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        Self { academy, network, secrets, clock, refreshing: Mutex::new(()) }
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

    pub(super) fn keep_cookies(&self, identifier: &str, jar: &Jar) -> Result<(), SecretStoreError> {
        let stored = StoredCookies { identifier: identifier.to_owned(), jar: jar.clone() };
        let text = serde_json::to_string(&stored)
            .map_err(|_| SecretStoreError::Unavailable { reason: "cookies that cannot be written".to_owned() })?;
        self.secrets.put(&self.cookies_key(), &text.into())
    }

    /// The portal's own session of `identifier` as a field `Cookie`, where the app holds it. `None` where the session lives in the
    /// browser, or is somebody else's.
    pub fn cookies(&self, identifier: &str) -> Result<Option<SecretString>, SecretStoreError> {
        let stored = self.load_cookies()?.filter(|stored| stored.identifier.eq_ignore_ascii_case(identifier));
        Ok(stored.map(|stored| stored.jar.header()))
    }

    /// Asks the portal whether its session still is that of `identifier`. `None` where the app holds none to ask about.
    pub async fn is_alive(&self, identifier: &str) -> Result<Option<bool>, SessionError> {
        let (Some(cookies), Some(lemon)) = (self.cookies(identifier)?, self.lemon()) else { return Ok(None) };
        let who = lemon.who(&cookies).await.map_err(SessionError::from)?;
        Ok(Some(who.is_some_and(|who| who.eq_ignore_ascii_case(identifier))))
    }

    /// Ends the session at the portal, where the app holds it, and forgets it. A portal that cannot be reached ends it by itself
    /// in its time; the phone forgets it at once.
    pub(super) async fn end(&self) -> Result<(), SecretStoreError> {
        if let (Ok(Some(stored)), Some(lemon)) = (self.load_cookies(), self.lemon()) {
            let _ = tokio::time::timeout(END_LIMIT, lemon.sign_out(&stored.jar.header())).await;
        }
        self.secrets.delete(&self.cookies_key())?;
        self.secrets.delete(&self.key())
    }

    fn load_cookies(&self) -> Result<Option<StoredCookies>, SecretStoreError> {
        let text = self.secrets.load(&self.cookies_key())?;
        Ok(text.and_then(|text| serde_json::from_str(text.expose_secret()).ok()))
    }

    fn lemon(&self) -> Option<Lemon<'_>> {
        let WayIn::Form(portal) = self.academy.way_in() else { return None };
        let now_ms = self.clock.now_ms();
        Some(Lemon { academy: &self.academy, network: &self.network, portal: &portal.address, now_ms })
    }

    fn cookies_key(&self) -> SecretKey {
        SecretKey::portal_cookies(&self.academy.id)
    }

    async fn renew(&self, identifier: &str, stale: &SecretString) -> Result<SecretString, SessionError> {
        let _alone = self.refreshing.lock().await;
        // Somebody else may have renewed it while we waited.
        let tokens = self.load(identifier)?;
        if tokens.access.expose_secret() != stale.expose_secret() && self.is_fresh(&tokens) {
            return Ok(tokens.access);
        }
        let refresh = tokens.refresh.as_ref().ok_or(SessionError::Ended)?;
        let oidc = Oidc { academy: &self.academy, network: &self.network };
        let renewed = oidc.refresh(identifier, refresh, self.clock.now_ms()).await?;
        // Kept before it is used: with rotation the old one is already dead.
        self.keep(&renewed)?;
        Ok(renewed.access)
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

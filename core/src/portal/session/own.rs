//! The portal's own session: whose it is, and what it opens. Where the app filled in the portal's form it holds its cookies,
//! elsewhere the browser does.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Session, SessionError, why};
use crate::academy::WayIn;
use crate::portal::cas::{self, CasError};
use crate::portal::lemon::{Jar, Lemon};
use crate::portal::state::{SignInFailure, Who};
use crate::ports::{SecretKey, SecretStoreError};

/// How long the portal may take to end a session before the phone forgets it all the same.
const END_LIMIT: Duration = Duration::from_secs(10);

/// How the portal's cookies lie in the keystore.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct Stored {
    identifier: String,
    jar: Jar,
}

impl Session {
    /// The portal's own session of `identifier` as a field `Cookie`, where the app holds it. `None` where it lives in the browser,
    /// or is somebody else's.
    pub fn cookies(&self, identifier: &str) -> Result<Option<SecretString>, SessionError> {
        let stored = self.load_cookies()?.filter(|stored| stored.identifier.eq_ignore_ascii_case(identifier));
        Ok(stored.map(|stored| stored.jar.header()))
    }

    /// Whether `identifier` signed in in the browser, which then has the session at the portal. Whether the portal has ended that
    /// one, only the browser finds out.
    pub fn is_in_browser(&self, identifier: &str) -> Result<bool, SessionError> {
        match self.academy.way_in() {
            WayIn::Oidc(_) => match self.load(identifier) {
                Ok(_) => Ok(true),
                Err(SessionError::Ended) => Ok(false),
                Err(error) => Err(error),
            },
            // A form that only the browser could fill in leaves nothing here.
            WayIn::Form(_) => Ok(self.cookies(identifier)?.is_none()),
            WayIn::Browser(_) => Ok(true),
            WayIn::Unknown => Ok(false),
        }
    }

    /// Asks the portal whether its session still is that of `identifier`. `None` where only the browser could tell.
    pub async fn is_alive(&self, identifier: &str) -> Result<Option<bool>, SessionError> {
        if let (Some(cookies), Some(lemon)) = (self.cookies(identifier)?, self.lemon()) {
            let who = lemon.who(&cookies).await.map_err(why)?;
            return Ok(Some(who.is_some_and(|who| who.eq_ignore_ascii_case(identifier))));
        }
        let WayIn::Oidc(_) = self.academy.way_in() else { return Ok(None) };
        match self.who(identifier).await {
            Ok(_) => Ok(Some(true)),
            Err(SessionError::Ended) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// Who the portal says the session of `identifier`'s tokens belongs to. [`SessionError::Ended`] when it is nobody's any more,
    /// or somebody else's.
    pub async fn who(&self, identifier: &str) -> Result<Who, SessionError> {
        let access = self.access_token(identifier).await?;
        let who = match self.oidc().who(&access).await {
            Err(SignInFailure::Refused { .. }) => {
                let access = self.token_after_refusal(identifier, &access).await?;
                self.oidc().who(&access).await
            }
            told => told,
        };
        who.map_err(why).and_then(|who| if who.identifier == identifier { Ok(who) } else { Err(SessionError::Ended) })
    }

    /// The address that opens `service` with `identifier` signed in, by a CAS ticket: for one opening, soon, and a secret until
    /// then. One request to the portal. [`CasError::Ended`] without a session of the app's own.
    pub async fn service_ticket(&self, identifier: &str, service: &Url) -> Result<Url, CasError> {
        let cookies = self.cookies(identifier)?.ok_or(CasError::Ended)?;
        cas::service_ticket(&self.network, &self.academy, &cookies, service).await
    }

    /// The page of the portal by which a browser that is signed in there enters `service` by CAS. Connects to nothing.
    pub fn service_page(&self, service: &Url) -> Result<Url, CasError> {
        cas::login_page(&self.academy, service)
    }

    /// The page of the portal that signs out the browser too, for the browser to open after a sign-out here; `None` where the
    /// browser has no session of the portal's, or nobody knows its page for that. Asks the portal.
    pub async fn sign_out_page(&self) -> Result<Option<Url>, SessionError> {
        let WayIn::Oidc(_) = self.academy.way_in() else { return Ok(None) };
        self.oidc().end_session_page(None).await.map_err(why)
    }

    pub(in crate::portal) fn keep_cookies(&self, identifier: &str, jar: &Jar) -> Result<(), SecretStoreError> {
        let stored = Stored { identifier: identifier.to_owned(), jar: jar.clone() };
        let text = serde_json::to_string(&stored)
            .map_err(|_| SecretStoreError::Unavailable { reason: "cookies that cannot be written".to_owned() })?;
        self.secrets.put(&self.cookies_key(), &text.into())
    }

    /// Ends the session at the portal, where the app holds it, and forgets it. A portal that cannot be reached ends it by itself
    /// in its time; the phone forgets it at once.
    pub(in crate::portal) async fn end(&self) -> Result<(), SecretStoreError> {
        if let Ok(Some(stored)) = self.load_cookies() {
            self.end_at_portal(&stored).await;
        }
        self.forget_cookies()?;
        self.secrets.delete(&self.key())
    }

    /// Ends and forgets what is not the session of `account`: a sign-in got that far, and then came to nothing. Gives whose
    /// cookies they were. What the keystore does not forget now, it does the next time.
    pub(in crate::portal) async fn end_others(&self, account: Option<&str>) -> Option<String> {
        if let Err(SessionError::Ended) = self.load(account.unwrap_or_default()) {
            let _ = self.secrets.delete(&self.key());
        }
        let stored = self.load_cookies().ok().flatten()?;
        if account.is_some_and(|account| account.eq_ignore_ascii_case(&stored.identifier)) {
            return None;
        }
        self.end_at_portal(&stored).await;
        let _ = self.forget_cookies();
        Some(stored.identifier.clone())
    }

    async fn end_at_portal(&self, stored: &Stored) {
        if let Some(lemon) = self.lemon() {
            let _ = timeout(END_LIMIT, lemon.sign_out(&stored.jar.header())).await;
        }
    }

    pub(in crate::portal) fn forget_cookies(&self) -> Result<(), SecretStoreError> {
        self.secrets.delete(&self.cookies_key())
    }

    /// What another version has written, or nobody can read, is none.
    fn load_cookies(&self) -> Result<Option<Stored>, SecretStoreError> {
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
}

//! Runs a sign-in: takes events, makes the transitions, carries out their effects.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret;
use url::Url;

use super::account;
use super::oidc::{Oidc, Pending};
use super::session::Session;
use super::state::{SignInEvent, SignInFailure, SignInState, Who};
use super::transitions::{Effect, transition};
use crate::academy::Academy;
use crate::ports::{Clock, Network, SecretKey, SecretStore};
use crate::store::Store;

/// A sign-in at one academy's portal.
///
/// What must outlast the app lies in the keystore, and who is signed in in the store: a sign-in whose browser is open goes on
/// after a restart.
pub struct SignIn {
    academy: Arc<Academy>,
    store: Store,
    network: Network,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    session: Arc<Session>,
    state: Mutex<SignInState>,
    /// One event at a time: a second tap waits for the first.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignIn({})", self.academy.id)
    }
}

impl SignIn {
    /// The sign-in at `academy`, where it stood when the app ended. Reads store and keystore, connects to nothing.
    pub async fn resume(
        academy: Arc<Academy>,
        store: Store,
        network: Network,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SignInFailure> {
        let session = Session::new(
            Arc::clone(&academy),
            store.clone(),
            network.clone(),
            Arc::clone(&secrets),
            Arc::clone(&clock),
        );
        let who = account::load(&store, &academy.id).await?;
        let sign_in = Self {
            academy,
            store,
            network,
            secrets,
            clock,
            session: Arc::new(session),
            state: Mutex::new(who.map_or(SignInState::SignedOut, SignInState::SignedIn)),
            turn: tokio::sync::Mutex::new(()),
        };
        // Somebody signed in may have begun anew because the session had ended: that sign-in goes on. A keystore that is
        // still locked must not keep anybody from the mail on the phone.
        if let Ok(Some(pending)) = sign_in.pending() {
            sign_in.set(browser(&pending));
        }
        Ok(sign_in)
    }

    /// Who signed in last and has not signed out: the person whose mail is on the phone, also while a new sign-in is under
    /// way. Reads the store.
    pub async fn account(&self) -> Result<Option<Who>, SignInFailure> {
        Ok(account::load(&self.store, &self.academy.id).await?)
    }

    /// Where it stands. Never waits.
    pub fn state(&self) -> SignInState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The session that a successful sign-in opens.
    pub fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    /// Lets `event` happen and carries out what follows from it; gives the state where it comes to rest.
    ///
    /// Waits for the portal where the event needs it, at most about a minute.
    pub async fn happen(&self, event: SignInEvent) -> SignInState {
        let _turn = self.turn.lock().await;
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let (state, effects) = transition(self.state(), next);
            self.set(state);
            for effect in effects {
                // Each list of effects has at most one that answers, and it comes last.
                event = self.carry_out(effect).await;
            }
        }
        self.state()
    }

    async fn carry_out(&self, effect: Effect) -> Option<SignInEvent> {
        let answer = match effect {
            Effect::Prepare => self.prepare().await,
            Effect::Exchange { url } => self.exchange(&url).await,
            // What could not be forgotten is overwritten by the next sign-in, and useless without the browser's answer.
            Effect::ForgetPending => {
                let _ = self.secrets.delete(&self.pending_key());
                return None;
            }
            Effect::ForgetSession => return self.forget().await.err().map(SignInEvent::Broke),
        };
        Some(answer.unwrap_or_else(SignInEvent::Broke))
    }

    async fn prepare(&self) -> Result<SignInEvent, SignInFailure> {
        let pending = self.oidc().prepare().await?;
        let text = serde_json::to_string(&pending).map_err(|_| SignInFailure::Malformed("sign-in"))?;
        self.secrets.put(&self.pending_key(), &text.into())?;
        match browser(&pending) {
            SignInState::Browser { url, host } => Ok(SignInEvent::Prepared { url, host }),
            _ => Err(SignInFailure::Malformed("address")),
        }
    }

    async fn exchange(&self, url: &str) -> Result<SignInEvent, SignInFailure> {
        let pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        // The code serves once: whatever happens now, this sign-in does not go on after a restart.
        self.secrets.delete(&self.pending_key())?;
        let (tokens, who) = self.oidc().exchange(&pending, url, self.clock.now_ms()).await?;
        self.session.keep(&tokens)?;
        account::keep(&self.store, &self.academy.id, &who).await?;
        Ok(SignInEvent::Exchanged(who))
    }

    async fn forget(&self) -> Result<(), SignInFailure> {
        self.session.forget()?;
        Ok(account::forget(&self.store, &self.academy.id).await?)
    }

    fn pending(&self) -> Result<Option<Pending>, SignInFailure> {
        let Some(text) = self.secrets.load(&self.pending_key())? else { return Ok(None) };
        Ok(serde_json::from_str(text.expose_secret()).ok())
    }

    fn pending_key(&self) -> SecretKey {
        SecretKey::sign_in(&self.academy.id)
    }

    fn oidc(&self) -> Oidc<'_> {
        Oidc { academy: &self.academy, network: &self.network }
    }

    fn set(&self, state: SignInState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn browser(pending: &Pending) -> SignInState {
    let host = Url::parse(&pending.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    match host {
        Some(host) => SignInState::Browser { url: pending.url.clone(), host },
        None => SignInState::SignedOut,
    }
}

//! Runs a sign-in: takes events, makes the transitions, carries out their effects.

mod form;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::account::{self, is_name};
use super::oidc::Oidc;
use super::pending::Pending;
use super::session::Session;
use super::state::{Notice, Question, SignInEvent, SignInFailure, SignInState, Who};
use super::time;
use super::transitions::{Effect, transition};
use crate::academy::{Academy, WayIn};
use crate::attempts::Ledger;
use crate::ports::{Clock, Network, SecretKey, SecretStore};
use crate::store::Store;

/// A sign-in at one academy's portal.
///
/// What must outlast the app lies in the keystore, and who is signed in in the store: what the teacher was asked for when the app
/// ended, they are asked for when it starts.
pub struct SignIn {
    academy: Arc<Academy>,
    store: Store,
    network: Network,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    session: Arc<Session>,
    state: Mutex<SignInState>,
    /// What was typed into the form, while the portal asks for more: a wrong code costs the portal's whole sign-in, and nobody
    /// should type a password twice for that. Never outlives the sign-in.
    typed: Mutex<Option<Credentials>>,
    /// One event at a time: a second tap waits for the first.
    turn: tokio::sync::Mutex<()>,
    /// Cancelled and replaced by [`SignIn::interrupt`].
    stop: Mutex<CancellationToken>,
}

/// Name and password, as typed.
#[derive(Clone)]
struct Credentials {
    identifier: String,
    password: SecretString,
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
            ledger: Ledger::new(store.clone(), Arc::clone(&secrets), Arc::clone(&clock)).under(academy.lock_rule()),
            academy,
            store,
            network,
            secrets,
            clock,
            session: Arc::new(session),
            state: Mutex::new(who.map_or(SignInState::SignedOut, SignInState::SignedIn)),
            typed: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            stop: Mutex::default(),
        };
        sign_in.ask_again();
        Ok(sign_in)
    }

    /// Writes tries of passwords and codes down in `store`, where it is not this account's own.
    #[must_use]
    pub(crate) fn counting_in(mut self, store: Store) -> Self {
        self.ledger = self.ledger.within(store);
        self
    }

    /// Asks what was asked last, where the sign-in is unfinished. Somebody signed in may have begun anew because the session had
    /// ended: that sign-in goes on. A keystore that is still locked must not keep anybody from the mail on the phone.
    fn ask_again(&self) {
        if let Ok(Some(pending)) = self.pending() {
            self.set(SignInState::Asks(pending.question.clone()));
        }
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

    /// Stops waiting for the portal, where that goes on: the sign-in is then where [`SignInEvent::Back`] leads. A password or code
    /// that is on its way counts as a try. Never waits.
    pub fn interrupt(&self) {
        std::mem::take(&mut *self.stop.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }

    /// Lets `event` happen and carries out what follows from it; gives the state where it comes to rest.
    ///
    /// Waits for the portal where the event needs it, at most a few minutes, and as a rule two seconds.
    pub async fn happen(&self, event: SignInEvent) -> SignInState {
        let _turn = self.turn.lock().await;
        if matches!(self.state(), SignInState::Preparing | SignInState::Checking) {
            // The event before was cut short: whoever waited for it has gone.
            let who = self.account().await.ok().flatten();
            self.set(who.map_or(SignInState::SignedOut, SignInState::SignedIn));
            self.ask_again();
        }
        // Taken before the state can be seen: whoever sees it and loses patience is heard.
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let before = self.state();
            let (state, effects) = transition(before.clone(), next);
            if !is_under_way(&state) {
                self.remember(None);
                if is_under_way(&before) {
                    // Not written down, it ends by itself in its time.
                    let _ = time::ended(&self.store, &self.academy.id, self.clock.now_ms()).await;
                }
            }
            self.set(state);
            for effect in effects {
                // Each list of effects has at most one that answers, and it comes last.
                event = if effect.waits_for_portal() {
                    stop.run_until_cancelled(self.carry_out(effect)).await.unwrap_or(Some(SignInEvent::Back))
                } else {
                    self.carry_out(effect).await
                };
            }
        }
        self.state()
    }

    async fn carry_out(&self, effect: Effect) -> Option<SignInEvent> {
        let answer = match effect {
            Effect::Prepare => self.prepare().await,
            Effect::HandOver => self.hand_over(None),
            Effect::Exchange { url } => self.exchange(&url).await,
            Effect::TryPassword { identifier, password } => {
                self.try_password(Credentials { identifier, password: password.0 }, None).await
            }
            Effect::Choose(factor) => self.choose(factor).await,
            Effect::TryCode(code) => self.try_code(code.map(|code| code.0)).await,
            Effect::Resend => self.resend().await,
            Effect::AskWho => self.ask_who(None, None).await,
            Effect::Introduce { identifier, address } => self.introduce(&identifier, &address).await,
            Effect::Recall => return self.account().await.ok().flatten().map(SignInEvent::Recalled),
            Effect::ForgetPending => {
                self.forget_pending().await;
                return None;
            }
            Effect::EndSession => return self.end_session().await.err().map(SignInEvent::Broke),
        };
        Some(answer.unwrap_or_else(SignInEvent::Broke))
    }

    /// A code that comes by mail from now on was asked for.
    async fn begun(&self) -> Result<(), SignInFailure> {
        Ok(time::begun(&self.store, &self.academy.id, self.clock.now_ms()).await?)
    }

    async fn prepare(&self) -> Result<SignInEvent, SignInFailure> {
        self.begun().await?;
        match self.academy.way_in() {
            WayIn::Oidc(_) => {
                let tab = self.oidc().prepare().await?;
                let question = browser(&tab.url, true, None)?;
                // A locked keystore is told when the tab is to be kept in it.
                let before = self.pending().ok().flatten();
                self.ask(Pending::new(question).with_tab(tab, before))
            }
            WayIn::Form(_) => self.ask_for_password().await,
            WayIn::Browser(_) => self.hand_over(None),
            // Without a portal the mail servers are all there is: they will prove who it is.
            WayIn::Unknown if self.academy.mail.is_some() => self.ask_who(None, None).await,
            WayIn::Unknown => Err(SignInFailure::NoWayIn),
        }
    }

    /// Leads to the portal's page in the browser, which keeps the session for itself.
    fn hand_over(&self, notice: Option<Notice>) -> Result<SignInEvent, SignInFailure> {
        let portal = self.academy.portals.first().ok_or(SignInFailure::NoWayIn)?;
        self.ask(Pending::new(browser(portal.address.as_str(), false, notice)?))
    }

    async fn exchange(&self, url: &str) -> Result<SignInEvent, SignInFailure> {
        let mut pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        let oidc = self.oidc();
        let mut ours = None;
        for tab in &pending.tabs {
            if oidc.is_answer_to(tab, url)? {
                ours = Some(tab);
                break;
            }
        }
        let Some(tab) = ours else {
            // Somebody else's, or that of a tab which is long forgotten. The one under way is not harmed by it.
            if let Question::Browser { notice, .. } = &mut pending.question {
                *notice = Some(Notice::NotOurs);
            }
            return self.ask(pending);
        };
        // The code serves once: whatever happens now, this sign-in does not go on after a restart.
        self.secrets.delete(&self.pending_key())?;
        let (tokens, who) = oidc.exchange(tab, url, self.clock.now_ms()).await?;
        self.session.keep(&tokens)?;
        self.session.forget_cookies()?;
        account::keep(&self.store, &self.academy.id, &who).await?;
        Ok(SignInEvent::Entered(who))
    }

    /// Asks who they are, with what is known: `identifier` where the portal told it.
    async fn ask_who(
        &self,
        identifier: Option<String>,
        password_ends_ms: Option<i64>,
    ) -> Result<SignInEvent, SignInFailure> {
        let known = self.account().await?;
        let same = known.filter(|who| identifier.as_ref().is_none_or(|one| one.eq_ignore_ascii_case(&who.identifier)));
        let question = Question::Introduction {
            identifier: identifier.clone(),
            address: same.and_then(|who| who.address),
            domains: self.academy.mail_domains.clone(),
            notice: None,
        };
        let mut pending = Pending::new(question);
        (pending.identifier, pending.password_ends_ms) = (identifier, password_ends_ms);
        self.ask(pending)
    }

    async fn introduce(&self, identifier: &str, address: &str) -> Result<SignInEvent, SignInFailure> {
        let mut pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        let address = address.trim();
        // What the portal told is not for the teacher to change.
        let identifier = pending.identifier.clone().unwrap_or_else(|| identifier.trim().to_owned());
        if !is_name(&identifier) || !is_address(address) {
            let missing = identifier.is_empty() || address.is_empty();
            if let Question::Introduction { notice, .. } = &mut pending.question {
                *notice = Some(if missing { Notice::Incomplete } else { Notice::NotAnAddress });
            }
            return self.ask(pending);
        }
        if pending.identifier.is_none() {
            // Signed in in the browser: what the app held before is not of this session.
            self.session.forget_cookies()?;
        }
        let who = Who {
            identifier,
            name: None,
            address: Some(address.to_owned()),
            password_ends_ms: pending.password_ends_ms,
        };
        account::keep(&self.store, &self.academy.id, &who).await?;
        Ok(SignInEvent::Entered(who))
    }

    /// What could not be forgotten is overwritten by the next sign-in, and useless without the browser's answer.
    async fn forget_pending(&self) {
        let _ = self.secrets.delete(&self.pending_key());
        let Ok(known) = self.account().await else { return };
        if let Some(other) = self.session.end_others(known.as_ref().map(|who| who.identifier.as_str())).await {
            let _ = self.secrets.delete(&SecretKey::mail_password(&self.academy.id, &other));
        }
    }

    async fn end_session(&self) -> Result<(), SignInFailure> {
        self.session.end().await?;
        Ok(account::forget(&self.store, &self.academy.id).await?)
    }

    /// Keeps what the sign-in has come to, and asks.
    fn ask(&self, pending: Pending) -> Result<SignInEvent, SignInFailure> {
        pending.keep(&*self.secrets, &self.pending_key())?;
        Ok(SignInEvent::Asked(pending.question.clone()))
    }

    fn pending(&self) -> Result<Option<Pending>, SignInFailure> {
        Ok(Pending::load(&*self.secrets, &self.pending_key(), |question| self.is_asked_here(question))?)
    }

    /// Whether what was asked before the app ended still leads to the host that it names: the profile may be a newer one.
    fn is_asked_here(&self, question: &Question) -> bool {
        match question {
            Question::Browser { url, host, .. } => {
                let url = Url::parse(url).ok().filter(|url| self.academy.is_official(url));
                url.is_some_and(|url| url.host_str() == Some(host))
            }
            Question::Password { host, .. }
            | Question::Choice { host, .. }
            | Question::Code { host, .. }
            | Question::Prompt { host, .. } => self.host().is_ok_and(|ours| ours == *host),
            Question::Introduction { .. } | Question::Wait { .. } => true,
        }
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

    fn remember(&self, typed: Option<Credentials>) {
        *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = typed;
    }

    /// Whether it still knows what was typed.
    #[cfg(test)]
    pub(super) fn remembers(&self) -> bool {
        self.typed().is_some()
    }

    fn typed(&self) -> Option<Credentials> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_under_way(state: &SignInState) -> bool {
    matches!(state, SignInState::Asks(_) | SignInState::Preparing | SignInState::Checking)
}

fn browser(url: &str, hands_back: bool, notice: Option<Notice>) -> Result<Question, SignInFailure> {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = host.ok_or(SignInFailure::Malformed("address"))?;
    Ok(Question::Browser { url: url.to_owned(), host, hands_back, notice })
}

fn is_address(address: &str) -> bool {
    let parts = address.rsplit_once('@');
    parts.is_some_and(|(user, domain)| is_name(user) && is_name(domain) && domain.contains('.')) && address.len() <= 254
}

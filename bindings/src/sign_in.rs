//! Signing in and out.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use cartable_core::attempts::Hold;
use cartable_core::companion::{Companion as Core, CompanionError as CoreError};
use cartable_core::portal::{self, Notice, Question};
use cartable_core::words::Language;

use crate::academies::SecondFactor;
use crate::cartable::{Cartable, now_ms};
use crate::error::{CompanionError, Told};

/// Somebody signed in.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Who {
    /// The identifiant académique.
    pub identifier: String,
    /// The name to show, where the portal tells it.
    pub name: Option<String>,
    /// The mail address, where it is known.
    pub address: Option<String>,
    /// When the password ends, in milliseconds since 1970, where the portal has told.
    pub password_ends_ms: Option<i64>,
}

/// Where a sign-in stands, with all that a screen needs.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SignInState {
    /// Nobody is signed in, nothing is under way.
    SignedOut,
    /// The portal is asked how to go on.
    Preparing,
    /// The teacher signs in, in the system browser.
    Browser {
        /// What to open in the browser.
        url: String,
        /// The host that will ask for the password, to be shown before the browser opens.
        host: String,
        /// Whether the portal hands back to the app. Where it does not, closing the browser (`browser_closed`) goes on.
        hands_back: bool,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher gives name and password in the app: `enter_password`.
    Password {
        /// The host that they go to, to be shown.
        host: String,
        /// The identifiant académique, where it is known from before.
        identifier: Option<String>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher chooses a second factor: `choose_factor`.
    Choice {
        /// The host that asks.
        host: String,
        /// Those to choose from.
        factors: Vec<SecondFactor>,
    },
    /// The teacher gives a code: `enter_code`.
    Code {
        /// The host that it goes to.
        host: String,
        /// What kind of code it is, where the portal tells.
        factor: Option<SecondFactor>,
        /// From when on `resend_code` asks for another mail, in milliseconds since 1970; nothing where it does not.
        resend_from_ms: Option<i64>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher approves on the phone that the academy knows, and says so: `prompt_approved`. A code may be given instead.
    Prompt {
        /// The host that waits for it.
        host: String,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// The teacher says who they are: `introduce`.
    Introduction {
        /// The identifiant académique, where the portal told it: then it is not asked for.
        identifier: Option<String>,
        /// The address, where it is known from before.
        address: Option<String>,
        /// The domains of the academy's addresses, to be offered.
        domains: Vec<String>,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// Nothing is tried before a moment: show the time that is left, then `begin_sign_in`.
    Wait {
        /// That moment, in milliseconds since 1970.
        until_ms: i64,
        /// Whether the portal has locked the account; otherwise the app holds back so that it does not.
        locked: bool,
        /// Whose account it is.
        identifier: String,
        /// Why.
        told: Told,
        /// What happened just before.
        notice: Option<Told>,
    },
    /// What was given is being checked.
    Checking,
    /// Signed in.
    SignedIn {
        /// Who.
        who: Who,
    },
    /// It did not work; nothing is kept of it. `begin_sign_in` starts again.
    Failed {
        /// What the teacher is told.
        told: Told,
        /// Whether the same may work later or elsewhere, with a better network for instance: offer to try again. Otherwise
        /// only what `told.next` says helps.
        try_again: bool,
    },
}

impl From<portal::Who> for Who {
    fn from(who: portal::Who) -> Self {
        let portal::Who { identifier, name, address, password_ends_ms, .. } = who;
        Self { identifier, name, address, password_ends_ms }
    }
}

impl SignInState {
    pub(crate) fn new(state: portal::SignInState, now_ms: i64, language: Language) -> Self {
        match state {
            portal::SignInState::SignedOut => Self::SignedOut,
            portal::SignInState::Preparing => Self::Preparing,
            portal::SignInState::Asks(question) => Self::asks(question, now_ms, language),
            portal::SignInState::Checking => Self::Checking,
            portal::SignInState::SignedIn(who) => Self::SignedIn { who: who.into() },
            portal::SignInState::Failed(failure) => {
                let error = CoreError::from(failure);
                let try_again = matches!(error, CoreError::CheckConnection(_) | CoreError::SecretsLocked(_));
                Self::Failed { told: Told::new(&error.finding(now_ms), language), try_again }
            }
            // A state that this version cannot draw is one in which nobody is signed in.
            _ => Self::SignedOut,
        }
    }

    fn asks(question: Question, now_ms: i64, language: Language) -> Self {
        let say = |notice: Option<Notice>| notice.map(|notice| Told::new(&notice.finding(), language));
        match question {
            Question::Browser { url, host, hands_back, notice } => {
                Self::Browser { url, host, hands_back, notice: say(notice) }
            }
            Question::Password { host, identifier, notice } => Self::Password { host, identifier, notice: say(notice) },
            Question::Choice { host, factors } => {
                Self::Choice { host, factors: factors.into_iter().filter_map(SecondFactor::of).collect() }
            }
            Question::Code { host, factor, resend_from_ms, notice } => {
                let factor = factor.and_then(SecondFactor::of);
                Self::Code { host, factor, resend_from_ms, notice: say(notice) }
            }
            Question::Prompt { host, notice } => Self::Prompt { host, notice: say(notice) },
            Question::Introduction { identifier, address, domains, notice } => {
                Self::Introduction { identifier, address, domains, notice: say(notice) }
            }
            Question::Wait { until_ms, hold, identifier, notice } => {
                let why = CoreError::WaitUntil { until_ms, hold }.finding(now_ms);
                let (locked, told) = (hold == Hold::Locked, Told::new(&why, language));
                Self::Wait { until_ms, locked, identifier, told, notice: say(notice) }
            }
            _ => Self::SignedOut,
        }
    }
}

#[uniffi::export]
impl Cartable {
    /// Whose mail is on the phone. Stays while that person signs in anew, and until they sign out.
    pub fn account(&self) -> Option<Who> {
        self.core.account().map(Into::into)
    }

    /// Where the sign-in stands.
    pub fn sign_in_state(&self) -> SignInState {
        SignInState::new(self.core.sign_in_state(), now_ms(), self.language())
    }

    /// Begins to sign in at an academy, or begins again. Comes to rest at a question, as a rule at `Browser`, whose page the shell
    /// opens in the system browser, or at `Failed`. Waits for the portal, at most about a minute.
    pub async fn begin_sign_in(&self, academy: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.begin_sign_in(&academy).await }).await
    }

    /// The browser came back to the app with `url`. Waits for the portal, at most about a minute.
    pub async fn browser_returned(&self, url: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.browser_returned(&url).await }).await
    }

    /// The teacher closed the browser. Where the portal does not hand back by itself, that is how they come back.
    pub async fn browser_closed(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.browser_closed().await }).await
    }

    /// Answers `Password`. The password goes to the portal's official host and nowhere else; where the academy's mail takes the
    /// same one it is kept for that. Waits for the portal, at most a few minutes.
    pub async fn enter_password(&self, identifier: String, password: String) -> Result<SignInState, CompanionError> {
        let password: SecretString = password.into();
        self.sign_in(|core| async move { core.enter_password(&identifier, &password).await }).await
    }

    /// Answers `Choice`.
    pub async fn choose_factor(&self, factor: SecondFactor) -> Result<SignInState, CompanionError> {
        self.sign_in(move |core| async move { core.choose_factor(factor.into()).await }).await
    }

    /// Answers `Code`.
    pub async fn enter_code(&self, code: String) -> Result<SignInState, CompanionError> {
        let code: SecretString = code.into();
        self.sign_in(|core| async move { core.enter_code(&code).await }).await
    }

    /// Asks the portal for another mail with the code.
    pub async fn resend_code(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.resend_code().await }).await
    }

    /// Answers `Prompt`: the teacher has approved. Waits until the portal has seen it too, at most about a minute.
    pub async fn prompt_approved(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.prompt_approved().await }).await
    }

    /// Answers `Introduction`. What cannot be an identifier or an address is asked for again.
    pub async fn introduce(&self, identifier: String, address: String) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.introduce(&identifier, &address).await }).await
    }

    /// Leads to the portal's page in the browser instead of asking in the app.
    pub async fn use_browser(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.use_browser().await }).await
    }

    /// Goes back by a step: from a code to the password, from anywhere else out of the sign-in. Whoever was signed in before is so
    /// again.
    pub async fn sign_in_back(&self) -> Result<SignInState, CompanionError> {
        self.sign_in(|core| async move { core.sign_in_back().await }).await
    }

    /// Asks the portal whether its session still is this person's. Nothing where the session lives in the browser, and nobody can
    /// tell without it.
    pub async fn is_portal_session_alive(&self) -> Result<Option<bool>, CompanionError> {
        self.run(|core| async move { core.is_portal_session_alive().await }).await
    }

    /// Signs out: forgets session and passwords, and all mail on this phone; the server keeps its own. Refused while letters
    /// are unsent, unless `discard_unsent`.
    pub async fn sign_out(&self, discard_unsent: bool) -> Result<(), CompanionError> {
        self.run(move |core| async move { core.sign_out(discard_unsent).await }).await
    }

    /// Keeps the password of the mail servers, for academies whose servers take no token of the portal's, and tries it at once.
    /// A password that the server refuses is not kept; one that could not be tried is.
    pub async fn set_mail_password(&self, password: String) -> Result<(), CompanionError> {
        let password: SecretString = password.into();
        self.run(move |core| async move { core.set_mail_password(&password).await }).await
    }
}

impl Cartable {
    async fn sign_in<F, W>(&self, work: F) -> Result<SignInState, CompanionError>
    where
        F: FnOnce(Arc<Core>) -> W,
        W: Future<Output = Result<portal::SignInState, CoreError>> + Send + 'static,
    {
        let language = self.language();
        self.run(work).await.map(|state| SignInState::new(state, now_ms(), language))
    }
}

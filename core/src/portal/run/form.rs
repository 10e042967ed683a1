//! The effects of the portal's own form: each secret asks the ledger before it goes out, and tells it what became of it.

use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, SignIn};
use crate::academy::{MailSecret, Portal, SecondFactor, WayIn};
use crate::attempts::{LedgerError, Outcome, Presence, Room};
use crate::portal::account::{self, is_name};
use crate::portal::lemon::{Entered, Lemon, Next, Step, Word};
use crate::portal::pending::Pending;
use crate::portal::state::{Notice, Question, SignInEvent, SignInFailure, Who};
use crate::ports::SecretKey;

/// How long to wait before another mail may be asked for: the first one needs its time too.
const RESEND_MS: i64 = 30_000;

/// For how long to hold back where a portal has locked and does not say until when.
const UNTOLD_LOCK_MS: i64 = 5 * 60_000;

impl SignIn {
    /// Looks whether the portal's form is one that the app can fill in, and asks for name and password.
    pub(super) async fn ask_for_password(&self) -> Result<SignInEvent, SignInFailure> {
        if self.lemon()?.open().await?.is_none() {
            return self.hand_over(Some(Notice::BrowserNeeded));
        }
        let waited = self.pending()?.and_then(|pending| match &pending.question {
            Question::Wait { identifier, .. } => Some(identifier.clone()),
            _ => None,
        });
        let typed = waited.or(self.typed().map(|typed| typed.identifier));
        let identifier = match typed {
            Some(typed) => Some(typed),
            None => self.account().await?.map(|who| who.identifier),
        };
        self.ask_password(identifier, None)
    }

    /// Tries name and password. `after` is what happened to the code before, where the teacher need not type them again.
    pub(super) async fn try_password(
        &self,
        typed: Credentials,
        after: Option<(Notice, Option<SecondFactor>)>,
    ) -> Result<SignInEvent, SignInFailure> {
        let typed = Credentials { identifier: typed.identifier.trim().to_owned(), password: typed.password };
        let ask = |notice| self.ask_password(Some(typed.identifier.clone()), Some(notice));
        if !is_name(&typed.identifier) || typed.password.expose_secret().is_empty() {
            return ask(Notice::Incomplete);
        }
        // Where the academy says how its identifiers are made, an address is none and would only cost a try.
        if self.academy.identifier.is_some() && typed.identifier.contains('@') {
            return ask(Notice::AddressTyped);
        }
        // Typing may have taken long, and what the portal mailed before is not of this try.
        self.begun().await?;
        let lemon = self.lemon()?;
        let Some(form) = lemon.open().await? else { return self.hand_over(Some(Notice::BrowserNeeded)) };
        // Reserved as late as can be: from here to the answer, whatever ends the app costs a try.
        let (realm, identifier) = (&self.academy.id, &typed.identifier);
        let reserved = match self.ledger.reserve(realm, identifier, &typed.password, Presence::Attended).await {
            Ok(reserved) => reserved,
            Err(LedgerError::KnownWrong) => return ask(Notice::KnownWrong),
            Err(LedgerError::Wait { until_ms, hold }) => {
                let notice = after.map(|(notice, _)| notice);
                return self.ask_wait(Room::Wait { until_ms, hold }, &typed.identifier, notice);
            }
            Err(other) => return Err(other.into()),
        };
        // A failure from here on leaves the try open, and it counts: the portal may have seen the password.
        let step = lemon.sign_in(form, &typed.identifier, &typed.password).await?;
        let outcome = match &step {
            Step::In(_) => Some(Outcome::Accepted),
            Step::Code { .. } | Step::Choice { .. } => Some(Outcome::Right),
            Step::Refused(Word::WrongPassword) => Some(Outcome::Refused),
            Step::Refused(Word::Locked { .. } | Word::TooLate) => Some(Outcome::Untold),
            // The directory may count what it refuses for its own reasons.
            Step::Refused(_) | Step::Browser => None,
        };
        if let Some(outcome) = outcome {
            self.ledger.settle(reserved, outcome).await?;
        }
        self.remember(Some(typed.clone()));
        // The factor that was chosen before is chosen again: nobody should have to, for one wrong digit.
        let step = match (step, after) {
            (Step::Choice { factors, next }, Some((_, Some(factor)))) if factors.contains(&factor) => {
                lemon.choose(&next, factor).await?
            }
            (step, _) => step,
        };
        self.follow(step, &typed.identifier, after.map(|(notice, _)| notice)).await
    }

    pub(super) async fn choose(&self, factor: SecondFactor) -> Result<SignInEvent, SignInFailure> {
        let pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        let (Some(next), Some(identifier)) = (&pending.next, &pending.identifier) else {
            return self.ask_for_password().await;
        };
        let offered = matches!(&pending.question, Question::Choice { factors, .. } if factors.contains(&factor));
        if !offered {
            return Ok(SignInEvent::Asked(pending.question.clone()));
        }
        let step = self.lemon()?.choose(next, factor).await?;
        self.follow(step, identifier, None).await
    }

    /// Tries a code; none where a prompt was approved, for which any word will do.
    pub(super) async fn try_code(&self, code: Option<SecretString>) -> Result<SignInEvent, SignInFailure> {
        let pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        let (Some(next), Some(identifier)) = (&pending.next, pending.identifier.clone()) else {
            return self.ask_for_password().await;
        };
        let factor = match &pending.question {
            Question::Code { factor, .. } => *factor,
            _ => Some(SecondFactor::Push),
        };
        let approved = code.is_none();
        let code = match code {
            Some(code) => without_spaces(&code),
            None => "approved".into(),
        };
        if code.expose_secret().is_empty() {
            return Ok(SignInEvent::Asked(with_notice(pending.question.clone(), Notice::Incomplete)));
        }
        let reserved = match self.ledger.reserve_code(&self.academy.id, &identifier).await {
            Ok(reserved) => reserved,
            Err(LedgerError::Wait { until_ms, hold }) => {
                return self.ask_wait(Room::Wait { until_ms, hold }, &identifier, None);
            }
            Err(other) => return Err(other.into()),
        };
        // The portal's step serves once: an app that ends now begins with the password.
        let mut anew = Pending::new(self.password_question(Some(identifier.clone()), None)?);
        anew.identifier = Some(identifier.clone());
        anew.keep(&*self.secrets, &self.pending_key())?;
        let step = self.lemon()?.code(next, &code).await?;
        let outcome = match &step {
            Step::In(_) => Some(Outcome::Accepted),
            Step::Refused(Word::WrongCode) => Some(Outcome::Refused),
            Step::Refused(Word::TooLate | Word::Locked { .. }) => Some(Outcome::Untold),
            Step::Code { .. } | Step::Choice { .. } => Some(Outcome::Right),
            Step::Refused(_) | Step::Browser => None,
        };
        if let Some(outcome) = outcome {
            self.ledger.settle(reserved, outcome).await?;
        }
        let wrong = |tries_left| match approved {
            true => Notice::NotApproved { tries_left },
            false => Notice::WrongCode { tries_left },
        };
        let notice = match step {
            Step::Refused(Word::WrongCode) => match self.room(&identifier).await? {
                Room::Tries(tries_left) => wrong(tries_left),
                wait => return self.ask_wait(wait, &identifier, Some(wrong(0))),
            },
            Step::Refused(Word::TooLate) => Notice::TooLate,
            step => return self.follow(step, &identifier, None).await,
        };
        // The portal now wants the password again. It is still at hand unless the app has ended in between.
        match self.typed() {
            Some(typed) => Box::pin(self.try_password(typed, Some((notice, factor)))).await,
            None => self.ask_password(Some(identifier), Some(notice)),
        }
    }

    pub(super) async fn resend(&self) -> Result<SignInEvent, SignInFailure> {
        let mut pending = self.pending()?.ok_or(SignInFailure::NotOurs("nothing was asked"))?;
        let (Some(next), Some(identifier)) = (&pending.next, pending.identifier.clone()) else {
            return self.ask_for_password().await;
        };
        if let Question::Code { resend_from_ms, notice, .. } = &mut pending.question
            && resend_from_ms.is_none_or(|from_ms| from_ms > self.clock.now_ms())
        {
            *notice = Some(Notice::TooSoon);
            return self.ask(pending);
        }
        let step = self.lemon()?.resend(next).await?;
        self.follow(step, &identifier, Some(Notice::Resent)).await
    }

    /// Goes where the portal's step leads.
    async fn follow(&self, step: Step, identifier: &str, notice: Option<Notice>) -> Result<SignInEvent, SignInFailure> {
        match step {
            Step::In(entered) => self.enter(entered).await,
            Step::Code { factor: Some(SecondFactor::Push), next, .. } => {
                self.ask_next(Question::Prompt { host: self.host()?, notice }, identifier, next)
            }
            Step::Code { factor, too_soon, next } => {
                let resend_from_ms = next.can_resend().then(|| self.clock.now_ms().saturating_add(RESEND_MS));
                let notice = if too_soon { Some(Notice::TooSoon) } else { notice };
                self.ask_next(Question::Code { host: self.host()?, factor, resend_from_ms, notice }, identifier, next)
            }
            Step::Choice { factors, next } => {
                self.ask_next(Question::Choice { host: self.host()?, factors }, identifier, next)
            }
            Step::Browser => self.hand_over(Some(Notice::BrowserNeeded)),
            Step::Refused(word) => self.refused(word, identifier).await,
        }
    }

    async fn refused(&self, word: Word, identifier: &str) -> Result<SignInEvent, SignInFailure> {
        match word {
            Word::WrongPassword => match self.room(identifier).await? {
                Room::Tries(tries_left) => {
                    self.ask_password(Some(identifier.to_owned()), Some(Notice::WrongPassword { tries_left }))
                }
                wait => self.ask_wait(wait, identifier, Some(Notice::WrongPassword { tries_left: 0 })),
            },
            Word::Locked { wait_s } => {
                let told = wait_s.map(|seconds| i64::from(seconds).saturating_mul(1000));
                let published = self.academy.lock.and_then(|rule| rule.minutes).map(|m| i64::from(m) * 60_000);
                let wait_ms = told.or(published).unwrap_or(UNTOLD_LOCK_MS);
                self.ledger.lock(&self.academy.id, identifier, wait_ms).await?;
                let room = self.room(identifier).await?;
                self.ask_wait(room, identifier, None)
            }
            // The form itself was too old, or the portal was started anew.
            Word::TooLate | Word::WrongCode => self.ask_password(Some(identifier.to_owned()), Some(Notice::TooLate)),
            Word::Blocked => Err(SignInFailure::Blocked),
            Word::Expired => Err(SignInFailure::PasswordEnded),
            Word::MustChange => Err(SignInFailure::PasswordToChange),
            Word::Other(number) => Err(SignInFailure::Refused { code: number.to_string() }),
        }
    }

    /// Keeps the session, and asks for what the portal did not tell.
    async fn enter(&self, entered: Entered) -> Result<SignInEvent, SignInFailure> {
        let Entered { identifier, jar, password_ends_s } = entered;
        let now = self.clock.now_ms();
        let password_ends_ms = password_ends_s.map(|left| now.saturating_add(left.saturating_mul(1000)));
        self.session.keep_cookies(&identifier, &jar)?;
        // Where mail takes the same password, it has just been typed, and found right.
        let mail = self.academy.mail.as_ref();
        if mail.is_some_and(|mail| mail.secret == Some(MailSecret::PortalPassword))
            && let Some(typed) = self.typed()
        {
            self.secrets.put(&SecretKey::mail_password(&self.academy.id, &identifier), &typed.password)?;
        }
        let known = self.account().await?.filter(|who| who.identifier.eq_ignore_ascii_case(&identifier));
        match known.filter(|who| who.address.is_some()) {
            Some(known) => {
                let who = Who { password_ends_ms, ..known };
                account::keep(&self.store, &self.academy.id, &who).await?;
                Ok(SignInEvent::Entered(who))
            }
            None => self.ask_who(Some(identifier), password_ends_ms).await,
        }
    }

    fn ask_password(&self, identifier: Option<String>, notice: Option<Notice>) -> Result<SignInEvent, SignInFailure> {
        self.ask(Pending::new(self.password_question(identifier, notice)?))
    }

    fn password_question(&self, identifier: Option<String>, notice: Option<Notice>) -> Result<Question, SignInFailure> {
        Ok(Question::Password { host: self.host()?, identifier, notice })
    }

    fn ask_next(&self, question: Question, identifier: &str, next: Next) -> Result<SignInEvent, SignInFailure> {
        let mut pending = Pending::new(question);
        pending.identifier = Some(identifier.to_owned());
        pending.next = Some(next);
        self.ask(pending)
    }

    /// Asks to wait; where there is room after all, for the password.
    fn ask_wait(&self, room: Room, identifier: &str, notice: Option<Notice>) -> Result<SignInEvent, SignInFailure> {
        match room {
            Room::Wait { until_ms, hold } => {
                let identifier = identifier.to_owned();
                self.ask(Pending::new(Question::Wait { until_ms, hold, identifier, notice }))
            }
            Room::Tries(_) => self.ask_password(Some(identifier.to_owned()), notice),
        }
    }

    async fn room(&self, identifier: &str) -> Result<Room, SignInFailure> {
        Ok(self.ledger.room(&self.academy.id, identifier).await?)
    }

    fn lemon(&self) -> Result<Lemon<'_>, SignInFailure> {
        let portal = &self.form()?.address;
        Ok(Lemon { academy: &self.academy, network: &self.network, portal, now_ms: self.clock.now_ms() })
    }

    pub(super) fn host(&self) -> Result<String, SignInFailure> {
        Ok(self.form()?.address.host_str().unwrap_or_default().to_owned())
    }

    fn form(&self) -> Result<&Portal, SignInFailure> {
        match self.academy.way_in() {
            WayIn::Form(portal) => Ok(portal),
            _ => Err(SignInFailure::NoWayIn),
        }
    }
}

/// Codes are shown in groups, and copied with what stands around them.
fn without_spaces(code: &SecretString) -> SecretString {
    code.expose_secret().chars().filter(|c| !c.is_whitespace()).take(128).collect::<String>().into()
}

fn with_notice(mut question: Question, told: Notice) -> Question {
    if let Question::Code { notice, .. } = &mut question {
        *notice = Some(told);
    }
    question
}

//! Signing in and out, as the shells do it.

use secrecy::SecretString;

use super::Companion;
use super::error::CompanionError;
use super::seat::Seat;
use crate::academy::SecondFactor;
#[cfg(doc)]
use crate::portal::Question;
use crate::portal::{SignInEvent, SignInFailure, SignInState, Typed, Who};
use crate::ports::SecretKey;
use crate::words::Finding;

/// Signing in.
impl Companion {
    /// Where the sign-in stands.
    pub fn sign_in_state(&self) -> SignInState {
        self.seat().map_or(SignInState::SignedOut, |seat| seat.sign_in.state())
    }

    /// Begins to sign in at an academy, or begins again. Comes to rest at a [`Question`], as a rule at one whose page the shell opens
    /// in the system browser, or at [`SignInState::Failed`]. Waits for the portal, at most about a minute.
    ///
    /// Refused while somebody is signed in at another academy: they sign out first.
    pub async fn begin_sign_in(&self, academy: &str) -> Result<SignInState, CompanionError> {
        let _door = self.door.lock().await;
        let seat = match self.seat() {
            Some(seat) if seat.academy.id == academy => seat,
            Some(seat) if seat.mail().is_some() => return Err(CompanionError::Refused(Finding::SignOutFirst)),
            Some(seat) => {
                seat.sign_in.happen(SignInEvent::Back).await;
                self.choose(academy).await?
            }
            None => self.choose(academy).await?,
        };
        Ok(seat.sign_in.happen(SignInEvent::Begin).await)
    }

    /// The browser came back to the app with `url`. Waits for the portal, at most about a minute.
    ///
    /// When somebody else signed in than before, the mail of the person before is gone.
    pub async fn browser_returned(&self, url: &str) -> Result<SignInState, CompanionError> {
        if self.seat().is_none() {
            return Ok(SignInState::Failed(SignInFailure::NotOurs("nothing was asked")));
        }
        self.sign_in_event(SignInEvent::Returned { url: url.to_owned() }).await
    }

    /// The teacher closed the browser. Where the portal does not hand back by itself, that is how they come back.
    pub async fn browser_closed(&self) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::Closed).await
    }

    /// Answers [`Question::Password`]. The password goes to the portal's official host and nowhere else; where the academy's mail
    /// takes the same one it is kept for that. Waits for the portal, at most a few minutes.
    pub async fn enter_password(
        &self,
        identifier: &str,
        password: &SecretString,
    ) -> Result<SignInState, CompanionError> {
        let (identifier, password) = (identifier.to_owned(), Typed(password.clone()));
        self.sign_in_event(SignInEvent::Password { identifier, password }).await
    }

    /// Answers [`Question::Choice`].
    pub async fn choose_factor(&self, factor: SecondFactor) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::Chosen(factor)).await
    }

    /// Answers [`Question::Code`].
    pub async fn enter_code(&self, code: &SecretString) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::Code(Typed(code.clone()))).await
    }

    /// Asks the portal for another mail with the code.
    pub async fn resend_code(&self) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::Resend).await
    }

    /// Answers [`Question::Prompt`]: the teacher has approved. Waits until the portal has seen it too, at most about a minute.
    pub async fn prompt_approved(&self) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::Approved).await
    }

    /// Answers [`Question::Introduction`]. What cannot be an identifier or an address is asked for again.
    pub async fn introduce(&self, identifier: &str, address: &str) -> Result<SignInState, CompanionError> {
        let (identifier, address) = (identifier.to_owned(), address.to_owned());
        self.sign_in_event(SignInEvent::Introduced { identifier, address }).await
    }

    /// Leads to the portal's page in the browser instead of asking here.
    pub async fn use_browser(&self) -> Result<SignInState, CompanionError> {
        self.sign_in_event(SignInEvent::UseBrowser).await
    }

    /// Goes back by a step: from a code to the password, from anywhere else out of the sign-in. Whoever was signed in before is so
    /// again. Does not wait for a portal that is being asked: that is given up, and a password or code on its way counts as a try.
    pub async fn sign_in_back(&self) -> Result<SignInState, CompanionError> {
        if let Some(seat) = self.seat() {
            seat.sign_in.interrupt();
        }
        self.sign_in_event(SignInEvent::Back).await
    }

    /// The page of the portal that signs out the browser too, to be opened in it after a sign-out here; `None` where the browser
    /// has no session of the portal's, or the portal no such page. Waits for the portal, at most about a minute.
    pub async fn sign_out_page(&self) -> Result<Option<String>, CompanionError> {
        let Some(seat) = self.seat() else { return Ok(None) };
        Ok(seat.sign_in.session().sign_out_page().await?.map(Into::into))
    }

    /// Asks the portal whether its session still is this person's. `None` where the session lives in the browser, and nobody can
    /// tell without it.
    pub async fn is_portal_session_alive(&self) -> Result<Option<bool>, CompanionError> {
        let mail = self.mail()?;
        let seat = self.seat().ok_or(CompanionError::SignInAgain(Finding::SessionEnded))?;
        Ok(seat.sign_in.session().is_alive(&mail.who().identifier).await?)
    }

    async fn sign_in_event(&self, event: SignInEvent) -> Result<SignInState, CompanionError> {
        let _door = self.door.lock().await;
        let Some(seat) = self.seat() else { return Ok(SignInState::SignedOut) };
        let state = seat.sign_in.happen(event).await;
        if let SignInState::SignedIn(who) = &state {
            self.let_in(&seat, who).await?;
        }
        Ok(state)
    }

    /// Gives `who` their mail, and takes that of the person before away. Refused where another account of this phone is theirs:
    /// two would count their wrong passwords apart, and fetch their mail twice.
    async fn let_in(&self, seat: &Seat, who: &Who) -> Result<(), CompanionError> {
        let before = seat.mail();
        if self.among.as_ref().is_some_and(|among| among.is_elsewhere(&seat.academy.id, &who.identifier)) {
            seat.sign_in.happen(SignInEvent::SignOut).await;
            seat.set_mail(None);
            return Err(CompanionError::Refused(Finding::AlreadyHere));
        }
        if let Some(mail) = before.as_ref().filter(|mail| mail.who() == who) {
            mail.signed_in_anew();
            return Ok(());
        }
        seat.set_mail(Some(self.mail_of(seat, who.clone())));
        if let Some(mail) = before {
            mail.disconnect().await;
            if mail.who().identifier != who.identifier {
                self.store.forget_damaged().await?;
                self.secrets.delete(&SecretKey::mail_password(&seat.academy.id, &mail.who().identifier))?;
            }
        }
        Ok(())
    }

    /// Signs out: forgets session and passwords, and all mail on this phone; the server keeps its own. Refused while letters
    /// are unsent, unless `discard_unsent`.
    pub async fn sign_out(&self, discard_unsent: bool) -> Result<(), CompanionError> {
        if let Some(seat) = self.seat() {
            seat.sign_in.interrupt();
        }
        let _door = self.door.lock().await;
        let Some(seat) = self.seat() else { return Ok(()) };
        if let Some(mail) = seat.mail() {
            let letters = mail.unsent().await?;
            if letters > 0 && !discard_unsent {
                return Err(CompanionError::Refused(Finding::Unsent { letters }));
            }
            seat.set_mail(None);
            mail.disconnect().await;
            self.secrets.delete(&SecretKey::mail_password(&seat.academy.id, &mail.who().identifier))?;
        }
        self.store.forget_damaged().await?;
        match seat.sign_in.happen(SignInEvent::SignOut).await {
            SignInState::Failed(failure) => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// Keeps the password of the mail servers, for academies whose servers take no token of the portal's, and tries it at once:
    /// the teacher is there. [`Finding::PasswordWrong`], or that of an app password, when the server refuses it; then it is not
    /// kept. When the server cannot be asked it is kept, and the error says why it was not tried.
    pub async fn set_mail_password(&self, password: &SecretString) -> Result<(), CompanionError> {
        let mail = self.mail()?;
        let seat = self.seat().ok_or(CompanionError::SignInAgain(Finding::SessionEnded))?;
        let key = SecretKey::mail_password(&seat.academy.id, &mail.who().identifier);
        self.secrets.put(&key, password)?;
        let checked = mail.check_login().await.map_err(CompanionError::from);
        let wrong = [Finding::PasswordWrong, Finding::AppPasswordWrong].map(CompanionError::SignInAgain);
        if checked.as_ref().is_err_and(|error| wrong.contains(error)) {
            self.secrets.delete(&key)?;
        }
        checked
    }
}

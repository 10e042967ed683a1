//! LemonLDAP::NG's own form, filled in by the app, for portals that offer no OpenID Connect.
//!
//! The portal is asked for pages and not for JSON: only its pages tell how long a lock lasts, and second factors have no other
//! form. Where it answers in JSON all the same, that is read too. A page that only a browser can deal with (a captcha, a choice
//! between ways to sign in, an enrolment, a notification) is told as [`Step::Browser`].

mod jar;

use bytes::Bytes;
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Url, form_urlencoded};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(super) use jar::Jar;

use super::account::is_name;
use super::fetch::{Answer, fetch};
use super::page::{Form, Page};
use super::state::SignInFailure;
use crate::academy::{Academy, SecondFactor};
use crate::ports::Network;

/// What the portal wants next.
pub(super) enum Step {
    /// A code, typed by the teacher.
    Code {
        /// What kind of code, where the page tells.
        factor: Option<SecondFactor>,
        /// Whether the portal was asked for another mail too soon.
        too_soon: bool,
        next: Next,
    },
    /// The choice between second factors.
    Choice { factors: Vec<SecondFactor>, next: Next },
    /// Nothing: the teacher is signed in.
    In(Entered),
    /// It says no.
    Refused(Word),
    /// Something that only a browser can do.
    Browser,
}

/// Somebody signed in.
pub(super) struct Entered {
    pub(super) identifier: String,
    pub(super) jar: Jar,
    /// In how many seconds the password ends, where the portal tells.
    pub(super) password_ends_s: Option<i64>,
}

/// Why the portal says no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// Name or password is wrong: it does not tell which.
    WrongPassword,
    /// The code is wrong.
    WrongCode,
    /// The form or the code came too late.
    TooLate,
    /// Too many wrong tries, by whomever.
    Locked { wait_s: Option<u32> },
    /// Locked by an administrator or by the directory.
    Blocked,
    /// The password has ended.
    Expired,
    /// The password must be changed first.
    MustChange,
    /// Something else, by its number.
    Other(i32),
}

/// The portal's form for name and password, good for two minutes and one try.
pub(super) struct LoginForm {
    to: Url,
    hidden: Vec<(String, Zeroizing<String>)>,
    jar: Jar,
}

/// What the next step needs. Lets in, so it lives in the keystore.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Next {
    to: String,
    /// Where another mail is asked for, where the page offers it.
    resend: Option<String>,
    hidden: Vec<(String, String)>,
    #[zeroize(skip)]
    choices: Vec<(SecondFactor, String)>,
    jar: Jar,
}

impl Next {
    /// Whether the portal offers another mail with the code.
    pub(super) fn can_resend(&self) -> bool {
        self.resend.is_some()
    }
}

/// What the portal answers in JSON.
#[derive(Deserialize)]
struct Said {
    result: Value,
    #[serde(default)]
    error: Value,
}

impl Said {
    fn is_done(&self) -> bool {
        number(&self.result) == Some(1)
    }
}

/// A number that the portal writes as a number or as a text.
fn number(value: &Value) -> Option<i32> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.and_then(|number| i32::try_from(number).ok())
}

/// The form of one portal.
pub(super) struct Lemon<'a> {
    pub(super) academy: &'a Academy,
    pub(super) network: &'a Network,
    /// The portal's page.
    pub(super) portal: &'a Url,
    pub(super) now_ms: i64,
}

impl Lemon<'_> {
    /// Asks for the form. `None` where only a browser can fill it in. Sends no secret.
    pub(super) async fn open(&self) -> Result<Option<LoginForm>, SignInFailure> {
        let answer = fetch(self.network.http().get(self.portal.clone()).header(ACCEPT, "text/html")).await?;
        if let Some(to) = answer.redirect() {
            self.official(to)?;
            return Ok(None);
        }
        answer.in_order()?;
        if !answer.is_page() {
            return Err(answer.broken());
        }
        let mut jar = Jar::default();
        jar.take(answer.cookies.iter().map(|field| field.as_str()), self.now_ms);
        let page = Page::read(&answer.body);
        if page.forms.is_empty() && answer.status >= 400 {
            return Err(answer.broken());
        }
        let mut forms = page.forms.into_iter().filter(|form| form.asks_for("password"));
        let (Some(form), None) = (forms.next(), forms.next()) else { return Ok(None) };
        let ours = ["user", "password"];
        let plain = form.asks_for("user") && !form.asks_for("captcha");
        if !plain || form.fields.iter().any(|field| field.required && !ours.contains(&field.name.as_str())) {
            return Ok(None);
        }
        Ok(Some(LoginForm { to: self.target(&form.action)?, hidden: form.hidden, jar }))
    }

    /// Sends name and password.
    pub(super) async fn sign_in(
        &self,
        form: LoginForm,
        identifier: &str,
        password: &SecretString,
    ) -> Result<Step, SignInFailure> {
        let LoginForm { to, hidden, mut jar } = form;
        let typed = [("user", identifier), ("password", password.expose_secret())];
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = fetch(self.post(to, &jar, hidden.chain(typed))).await?;
        self.read(&answer, &mut jar).await
    }

    /// Sends a code. The portal takes one try: afterwards only a new sign-in goes on.
    pub(super) async fn code(&self, next: &Next, code: &SecretString) -> Result<Step, SignInFailure> {
        self.go_on(next, &next.to, &[("code", code.expose_secret())]).await
    }

    /// Chooses between second factors. One that the page did not offer is refused.
    pub(super) async fn choose(&self, next: &Next, factor: SecondFactor) -> Result<Step, SignInFailure> {
        let chosen = next.choices.iter().find(|(offered, _)| *offered == factor);
        let (_, value) = chosen.ok_or(SignInFailure::Malformed("choice"))?;
        self.go_on(next, &next.to, &[("sf", value)]).await
    }

    /// Asks for another mail with the code.
    pub(super) async fn resend(&self, next: &Next) -> Result<Step, SignInFailure> {
        let to = next.resend.as_deref().ok_or(SignInFailure::Malformed("resend"))?;
        self.go_on(next, to, &[]).await
    }

    /// Whose session these cookies hold, as the portal says; `None` when it has ended.
    pub(super) async fn who(&self, cookies: &SecretString) -> Result<Option<String>, SignInFailure> {
        let answer = fetch(self.get("/mysession/?whoami", cookies)?).await?;
        answer.in_order()?;
        match answer.any_json::<Said>() {
            Some(said) => {
                Ok(said.result.as_str().filter(|who| answer.status == 200 && is_name(who)).map(str::to_owned))
            }
            None if answer.status == 401 => Ok(None),
            None => Err(answer.broken()),
        }
    }

    /// Ends the session at the portal.
    pub(super) async fn sign_out(&self, cookies: &SecretString) -> Result<(), SignInFailure> {
        let answer = fetch(self.get("/?logout=1", cookies)?).await?;
        // Any result of 1: the number beside it depends on which applications are told.
        match answer.any_json::<Said>() {
            Some(said) if said.is_done() => Ok(()),
            _ => Err(answer.broken()),
        }
    }

    async fn go_on(&self, next: &Next, to: &str, typed: &[(&str, &str)]) -> Result<Step, SignInFailure> {
        let to = self.target(to)?;
        let mut jar = next.jar.clone();
        let hidden = next.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = fetch(self.post(to, &jar, hidden.chain(typed.iter().copied()))).await?;
        self.read(&answer, &mut jar).await
    }

    async fn read(&self, answer: &Answer, jar: &mut Jar) -> Result<Step, SignInFailure> {
        answer.in_order()?;
        jar.take(answer.cookies.iter().map(|field| field.as_str()), self.now_ms);
        if let Some(to) = answer.redirect() {
            // An enrolment must come first.
            if self.official(to)?.path().contains("/2fregisters") {
                return Ok(Step::Browser);
            }
            return self.entered(jar, None).await;
        }
        if answer.is_json() {
            let said = answer.any_json::<Said>().ok_or(SignInFailure::Malformed("answer"))?;
            if said.is_done() {
                return self.entered(jar, None).await;
            }
            return Ok(match number(&said.error).ok_or(SignInFailure::Malformed("answer"))? {
                FIRST_ACCESS => Step::Browser,
                number => Step::Refused(word(number, None)),
            });
        }
        if !answer.is_page() {
            return Err(answer.broken());
        }
        let page = Page::read(&answer.body);
        if let Some(number) = page.messages.iter().find(|number| **number > 0 && **number != FIRST_ACCESS) {
            return Ok(Step::Refused(word(*number, page.lock_s)));
        }
        if page.form_with("newpassword").is_some() {
            return Ok(Step::Refused(Word::MustChange));
        }
        if let Some(form) = page.form_with("code") {
            let factor = self.factor_of(form.action.trim_start_matches('/'));
            let too_soon = page.text("resendTooSoon").is_some();
            return match factor {
                Known::Browser => Ok(Step::Browser),
                Known::Code(factor) => Ok(Step::Code { factor, too_soon, next: self.next(form, jar)? }),
            };
        }
        if let Some(form) = page.forms.iter().find(|form| form.buttons.iter().any(|button| button.name == "sf")) {
            let next = self.next(form, jar)?;
            let factors: Vec<_> = next.choices.iter().map(|(factor, _)| *factor).collect();
            return Ok(if factors.is_empty() { Step::Browser } else { Step::Choice { factors, next } });
        }
        if let Some(warning) = page.text("pwdWillExpire") {
            return self.entered(jar, seconds_of(warning)).await;
        }
        // What the browser would be shown too.
        if page.forms.is_empty() && answer.status != 200 { Err(answer.broken()) } else { Ok(Step::Browser) }
    }

    /// Makes sure that the portal sees it so too.
    async fn entered(&self, jar: &Jar, password_ends_s: Option<i64>) -> Result<Step, SignInFailure> {
        match self.who(&jar.header()).await {
            Ok(Some(identifier)) => Ok(Step::In(Entered { identifier, jar: jar.clone(), password_ends_s })),
            // No session after all, or a portal that does not tell whose it is.
            Ok(None) | Err(SignInFailure::PortalBroken { status: ..429 }) => Ok(Step::Browser),
            Err(other) => Err(other),
        }
    }

    fn next(&self, form: &Form, jar: &Jar) -> Result<Next, SignInFailure> {
        let mut choices: Vec<(SecondFactor, String)> = Vec::new();
        for button in form.buttons.iter().filter(|button| button.name == "sf") {
            if let Known::Code(Some(factor)) = self.factor_of(&button.value)
                && choices.iter().all(|(known, _)| *known != factor)
            {
                choices.push((factor, button.value.clone()));
            }
        }
        let resend = form.buttons.iter().find_map(|button| button.action.as_deref());
        Ok(Next {
            to: self.target(&form.action)?.into(),
            resend: resend.map(|to| self.target(to)).transpose()?.map(Into::into),
            hidden: form.hidden.iter().map(|(name, value)| (name.clone(), value.as_str().to_owned())).collect(),
            choices,
            jar: jar.clone(),
        })
    }

    /// What kind of code the portal's module takes, by its name at the beginning of `module`.
    fn factor_of(&self, module: &str) -> Known {
        // What the academy plugs in itself: the profile tells what it is.
        let plugged_in = || {
            let typed = |factor: &&SecondFactor| {
                !matches!(factor, SecondFactor::MailCode | SecondFactor::Totp | SecondFactor::BirthDate)
            };
            self.academy.second_factors.iter().find(typed).copied()
        };
        let begins = |name: &str| module.starts_with(name);
        match () {
            () if begins("mail") => Known::Code(Some(SecondFactor::MailCode)),
            () if begins("totp") => Known::Code(Some(SecondFactor::Totp)),
            () if begins("utotp") || begins("u2f") || begins("webauthn") || begins("password") => Known::Browser,
            () => Known::Code(plugged_in().or(Some(SecondFactor::OtpKey))),
        }
    }

    /// Where a form posts. Anywhere but to the portal itself, nothing is sent.
    fn target(&self, action: &str) -> Result<Url, SignInFailure> {
        let mut to = self.official(action)?;
        if to.origin() != self.portal.origin() {
            return Err(unofficial(&to));
        }
        to.set_fragment(None);
        Ok(to)
    }

    fn official(&self, address: &str) -> Result<Url, SignInFailure> {
        let url = self.portal.join(address).map_err(|_| SignInFailure::Malformed("address"))?;
        if self.academy.is_official(&url) { Ok(url) } else { Err(unofficial(&url)) }
    }

    fn get(&self, path: &str, cookies: &SecretString) -> Result<RequestBuilder, SignInFailure> {
        let url = self.target(path)?;
        Ok(self.network.http().get(url).header(ACCEPT, "application/json").header(COOKIE, secret_value(cookies)))
    }

    fn post<'f>(&self, to: Url, jar: &Jar, fields: impl Iterator<Item = (&'f str, &'f str)>) -> RequestBuilder {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        // Wiped when it has been sent.
        let body = Bytes::from_owner(Zeroizing::new(body.finish().into_bytes()));
        self.network
            .http()
            .post(to)
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, secret_value(&jar.header()))
            .body(body)
    }
}

/// Please sign in: no refusal.
const FIRST_ACCESS: i32 = 9;

enum Known {
    Code(Option<SecondFactor>),
    Browser,
}

/// The portal's numbers (`Lemonldap::NG::Portal::Main::Constants`).
fn word(number: i32, wait_s: Option<u32>) -> Word {
    match number {
        5 => Word::WrongPassword,
        96 => Word::WrongCode,
        1 | 81 | 82 => Word::TooLate,
        86 => Word::Locked { wait_s },
        21 => Word::Blocked,
        22 => Word::Expired,
        25 => Word::MustChange,
        other => Word::Other(other),
    }
}

/// `pwdWillExpire,4,23,59,44`: days, hours, minutes, seconds.
fn seconds_of(warning: &str) -> Option<i64> {
    let mut left = 0_i64;
    for (part, unit) in warning.split(',').skip(1).zip([86_400_i64, 3_600, 60, 1]) {
        left = left.checked_add(part.parse::<i64>().ok()?.checked_mul(unit)?)?;
    }
    Some(left)
}

fn unofficial(url: &Url) -> SignInFailure {
    SignInFailure::Unofficial { host: url.host_str().unwrap_or_default().chars().take(253).collect() }
}

/// A header that libraries do not log.
fn secret_value(text: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(text.expose_secret()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests;

//! Four colleagues sign in, each in their own way; one opens a service without typing, one finds the account locked.

use std::time::Duration;

use academy::{Academy, Browser, PushPhone, Teacher, Way};
use cartable_core::academy::SecondFactor;
use cartable_core::attempts::Hold;
use cartable_core::companion::{Companion, CompanionError, SignedInBy};
use cartable_core::portal::{Question, SignInState};
use cartable_core::words::Language;
use journeys::{ACADEMY, Phone, requests};

use crate::morning::{broken, teacher, unexpected};
use crate::options::Options;
use crate::show::{Show, Stopped, Told, Trouble};

/// Whose account somebody else has locked.
const GUESSED: &str = "lreset";

/// The four ways and the lock.
pub(crate) async fn run(show: &mut Show, options: &Options, academy: &Academy) -> Result<(), Stopped> {
    let ways = Ways { academy, french: options.language == Language::French };
    let titles = [
        ("plain", "Jeanne : un mot de passe, dans l’application", "Jeanne: a password, in the app"),
        ("mail-code", "Paul : et un code reçu par courriel", "Paul: and a code that came by mail"),
        ("totp", "Théo : et le code de son application", "Théo: and the code of his authenticator"),
        ("push", "Bruno : et un geste sur son téléphone", "Bruno: and a tap on his phone"),
    ];
    for ((name, french, english), uid) in titles.into_iter().zip(["jdupont", "pmartin", "tbernard", "block"]) {
        let title = show.say(french, english).to_owned();
        show.step(name, &title, ways.sign_in(uid)).await?;
    }
    let title = show.say("Jeanne : l’ENT s’ouvre, sans rien taper", "Jeanne: the ENT opens, nothing typed").to_owned();
    show.step("service", &title, ways.service()).await?;
    let title =
        show.say("Léa : quelqu’un a deviné, son compte est verrouillé", "Léa: somebody guessed, her account is locked");
    let title = title.to_owned();
    show.step("lock", &title, ways.lock()).await
}

struct Ways<'a> {
    academy: &'a Academy,
    french: bool,
}

/// An app of one's own, and the way on which its requests are counted.
struct App {
    companion: Companion,
    wire: academy::wire::Wire,
    _folder: tempfile::TempDir,
}

impl Ways<'_> {
    async fn sign_in(&self, uid: &str) -> Result<((), Told), Trouble> {
        let teacher = teacher(uid)?;
        // What is there before the sign-in: an authenticator, a phone that the academy knows.
        let mut browser = Browser::new(self.academy).map_err(|error| broken(&error))?;
        let mut push = None;
        match teacher.second_factor {
            academy::SecondFactor::Totp => {
                browser.sign_in(&self.authorize(), teacher).await.map_err(|error| broken(&error))?;
                browser.enrol_totp().await.map_err(|error| broken(&error))?;
            }
            academy::SecondFactor::Push => {
                let uri = self.academy.enrol_push(teacher).await.map_err(|error| broken(&error))?;
                push = Some(PushPhone::enrol(self.academy, &uri).await.map_err(|error| broken(&error))?);
            }
            _ => {}
        }
        let mut inbox = self.academy.mailbox(uid).await.map_err(|error| broken(&error))?;
        let mails = inbox.count("INBOX").await.map_err(|error| broken(&error))?;

        let app = self.app().await?;
        let said = |error: CompanionError| Trouble::from(app.companion.words(&error));
        let mut told = Told::default();
        let mut state = app.give(teacher).await?;
        loop {
            state = match state {
                SignInState::Asks(Question::Code { factor: Some(SecondFactor::MailCode), host, .. }) => {
                    told = told
                        .and(format!("{} {host}", self.say("code du courriel demandé par", "mailed code asked by")));
                    let code = browser.mailed_code(teacher, mails).await.map_err(|error| broken(&error))?;
                    app.companion.enter_code(&code.into()).await.map_err(said)?
                }
                SignInState::Asks(Question::Code { host, .. }) => {
                    told = told.and(format!("{} {host}", self.say("code demandé par", "code asked by")));
                    let code = browser.totp_code().map_err(|error| broken(&error))?;
                    app.companion.enter_code(&code.into()).await.map_err(said)?
                }
                SignInState::Asks(Question::Prompt { .. }) => {
                    let push = push.as_ref().ok_or(Trouble::new("a prompt without a phone", "this is a bug"))?;
                    let prompt = push.next_prompt(Duration::from_secs(20)).await.map_err(|error| broken(&error))?;
                    told = told.and(format!("« {} »", prompt.question));
                    push.approve(&prompt).await.map_err(|error| broken(&error))?;
                    app.companion.prompt_approved().await.map_err(said)?
                }
                SignInState::Asks(Question::Introduction { .. }) => {
                    app.companion.introduce("", teacher.address).await.map_err(said)?
                }
                SignInState::SignedIn(who) => {
                    let count = requests(&app.wire).len();
                    let unit = self.say("requêtes", "requests");
                    return Ok(((), told.and(format!("{} ✓ · {count} {unit}", who.identifier))));
                }
                other => return Err(unexpected(&other)),
            };
        }
    }

    /// A browser that has never seen the portal is let in by a ticket of the app's.
    async fn service(&self) -> Result<((), Told), Trouble> {
        let jeanne = teacher("jdupont")?;
        let app = self.app().await?;
        let said = |error: CompanionError| Trouble::from(app.companion.words(&error));
        app.give(jeanne).await?;
        app.companion.introduce("", jeanne.address).await.map_err(said)?;
        let services = app.companion.services();
        let service = services.first().ok_or(Trouble::new("the profile names no service", "this is a bug"))?;
        let before = requests(&app.wire).len();
        let opening = app.companion.open_service(service.address.as_str()).await.map_err(said)?;
        let asked = requests(&app.wire).len() - before;
        let browser = Browser::new(self.academy).map_err(|error| broken(&error))?;
        let page = browser.visit_without_typing(&opening.url).await.map_err(|error| broken(&error))?;
        if opening.signed_in != SignedInBy::Ticket || !page.text.contains(jeanne.uid) {
            return Err(Trouble::new(format!("{opening:?}, status {}", page.status), "see the ENT's log"));
        }
        let unit = self.say("requêtes", "requests");
        let told = format!("{} → {} · {} {unit}", service.name, opening.host, asked + page.requests);
        Ok(((), Told::line(told).and(self.say("« Connecté : jdupont »", "“Connecté : jdupont”"))))
    }

    async fn lock(&self) -> Result<((), Told), Trouble> {
        let lea = teacher(GUESSED)?;
        for guess in ["azerty", "Azerty1", "Azerty2"] {
            let browser = Browser::new(self.academy).map_err(|error| broken(&error))?.with_password(guess);
            // Refused, of course.
            let _ = browser.sign_in(&self.authorize(), lea).await;
        }
        let app = self.app().await?;
        let state = app.give(lea).await?;
        let SignInState::Asks(Question::Wait { until_ms, hold: Hold::Locked, .. }) = state else {
            return Err(unexpected(&state));
        };
        let words = app.companion.words(&CompanionError::WaitUntil { until_ms, hold: Hold::Locked });
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let left = Duration::from_millis(u64::try_from(until_ms - now_ms).unwrap_or_default());
        let end = jiff::Timestamp::from_millisecond(until_ms).map_err(|error| broken(&error))?;
        let end = end.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string();
        tokio::time::sleep(left + Duration::from_millis(500)).await;
        let state = app.give(lea).await?;
        if !matches!(state, SignInState::Asks(Question::Introduction { .. })) {
            return Err(unexpected(&state));
        }
        let until = format!("{} {end} ({:.0} s)", self.say("verrouillé jusqu’à", "locked until"), left.as_secs_f64());
        Ok(((), Told::line(words.what).and(until).and(self.say("puis connectée ✓", "then signed in ✓"))))
    }

    async fn app(&self) -> Result<App, Trouble> {
        let phone = Phone::new(self.academy).profile(&self.academy.profile_toml_for(Way::Form));
        let wire = phone.watched(self.academy, self.academy.portal()).await;
        let folder = tempfile::tempdir().map_err(|error| broken(&error))?;
        let language = if self.french { Language::French } else { Language::English };
        let setup = phone.setup(folder.path()).language(language);
        let companion = Companion::open(setup).await.map_err(|error| broken(&error))?;
        Ok(App { companion, wire, _folder: folder })
    }

    /// The portal's page for the browser of another device.
    fn authorize(&self) -> String {
        journeys::authorize(self.academy)
    }

    fn say(&self, french: &'static str, english: &'static str) -> &'static str {
        if self.french { french } else { english }
    }
}

impl App {
    async fn give(&self, teacher: &Teacher) -> Result<SignInState, Trouble> {
        let said = |error: CompanionError| Trouble::from(self.companion.words(&error));
        let state = self.companion.begin_sign_in(ACADEMY).await.map_err(said)?;
        if !matches!(state, SignInState::Asks(Question::Password { .. })) {
            return Err(unexpected(&state));
        }
        self.companion.enter_password(teacher.uid, &teacher.password.into()).await.map_err(said)
    }
}

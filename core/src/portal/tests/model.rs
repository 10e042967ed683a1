//! A teacher who taps anything at any moment, at a portal that answers anything, on a phone that is started anew in between.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::lemon::{CODE, PASSWORD, Phone, STEPS, Spoilt, Step, says};
use super::scripted::{Reply, json};
use crate::academy::SecondFactor;
use crate::portal::SignIn;
use crate::portal::state::{Question, SignInEvent as E, SignInState, Typed};
use crate::ports::SecretKey;

/// What the teacher, or the phone, does.
#[derive(Clone, Copy, Debug)]
enum Tap {
    Begin,
    Returned,
    Closed,
    Password {
        right: bool,
    },
    Chosen,
    Code {
        right: bool,
    },
    Resend,
    Approved,
    Introduced,
    UseBrowser,
    Back,
    SignOut,
    /// The right thing to do.
    GoOn,
    Restart,
}

/// What the portal does at one of its steps; as a rule what it should.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Says(&'static str),
    Redirects(&'static str),
    Busy,
    Cut,
    Empty,
    SaysOk,
}

impl Mood {
    fn reply(self) -> Reply {
        match self {
            Self::Says(number) => says(number).into(),
            Self::Redirects(to) => format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into(),
            Self::Busy => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned().into(),
            Self::Cut => Reply::default(),
            Self::Empty => json("{}").into(),
            Self::SaysOk => json(r#"{"result":1,"error":"0"}"#).into(),
        }
    }
}

fn taps() -> impl Strategy<Value = Tap> {
    prop_oneof![
        12 => Just(Tap::GoOn),
        2 => Just(Tap::Restart),
        2 => Just(Tap::Begin),
        2 => any::<bool>().prop_map(|right| Tap::Password { right }),
        2 => any::<bool>().prop_map(|right| Tap::Code { right }),
        1 => Just(Tap::Back),
        6 => prop::sample::select(vec![
            Tap::Returned, Tap::Closed, Tap::Chosen, Tap::Resend, Tap::Approved, Tap::Introduced, Tap::UseBrowser, Tap::SignOut,
        ]),
    ]
}

fn moods() -> impl Strategy<Value = Option<(Step, Mood)>> {
    let moods = vec![
        Mood::Says("5"),
        Mood::Says("9"),
        Mood::Says("82"),
        Mood::Says("86"),
        Mood::Says("96"),
        Mood::Says("25"),
        Mood::Redirects("/"),
        Mood::Redirects("https://evil.example/"),
        Mood::Busy,
        Mood::Cut,
        Mood::Empty,
        Mood::SaysOk,
    ];
    prop::option::weighted(0.3, (prop::sample::select(STEPS.to_vec()), prop::sample::select(moods)))
}

fn event(tap: Tap, state: &SignInState, number: usize) -> E {
    let password = |right: bool| {
        // A wrong one is another each time: the same would not go out twice.
        let password = if right { PASSWORD.to_owned() } else { format!("Secret-{number}") };
        E::Password { identifier: "jdupont".to_owned(), password: Typed(password.into()) }
    };
    match tap {
        Tap::Begin | Tap::Restart => E::Begin,
        Tap::Returned => E::Returned { url: "fr.essai:/retour?code=c&state=s".to_owned() },
        Tap::Closed => E::Closed,
        Tap::Password { right } => password(right),
        Tap::Chosen => E::Chosen(SecondFactor::MailCode),
        Tap::Code { right } => E::Code(Typed(if right { CODE } else { "000000" }.into())),
        Tap::Resend => E::Resend,
        Tap::Approved => E::Approved,
        Tap::Introduced => {
            E::Introduced { identifier: "jdupont".to_owned(), address: "jdupont@academie.test".to_owned() }
        }
        Tap::UseBrowser => E::UseBrowser,
        Tap::Back => E::Back,
        Tap::SignOut => E::SignOut,
        Tap::GoOn => match state {
            SignInState::Asks(Question::Browser { .. }) => E::Closed,
            SignInState::Asks(Question::Wait { .. }) => E::Begin,
            SignInState::SignedIn(_) => E::Begin,
            other => super::lemon::next(other, Step::Whoami).unwrap_or(E::Begin),
        },
    }
}

async fn happen(app: &SignIn, event: E) -> Result<SignInState, TestCaseError> {
    let happened = tokio::time::timeout(Duration::from_secs(20), app.happen(event)).await;
    happened.map_err(|_| TestCaseError::fail("it hangs"))
}

/// What holds whenever a sign-in has come to rest.
async fn holds(phone: &Phone, app: &SignIn) -> Result<(), TestCaseError> {
    let state = app.state();
    prop_assert!(!matches!(state, SignInState::Preparing | SignInState::Checking));
    if let SignInState::Asks(_) = state {
        return Ok(());
    }
    prop_assert!(!phone.has(&SecretKey::sign_in("essai")), "something is pending: {:?}", state);
    prop_assert!(!app.remembers(), "the password is remembered: {:?}", state);
    if let SignInState::SignedIn(who) = state {
        prop_assert_eq!(app.account().await.unwrap(), Some(who));
    }
    Ok(())
}

async fn run(story: Vec<(Tap, Option<(Step, Mood)>)>) -> Result<(), TestCaseError> {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    let mut app = phone.app().await;
    for (number, (tap, mood)) in story.into_iter().enumerate() {
        portal.spoil(mood.map(|(step, mood)| (step, mood.reply())));
        let before = (app.state(), portal.passwords(), portal.asked(Step::Whoami));
        if matches!(tap, Tap::Restart) {
            drop(app);
            app = phone.app().await;
            // Where it stood, but for a failure, of which nothing is kept.
            let who = app.account().await.unwrap().map_or(SignInState::SignedOut, SignInState::SignedIn);
            let expected = if matches!(before.0, SignInState::Failed(_)) { who } else { before.0 };
            prop_assert_eq!(app.state(), expected);
            continue;
        }
        phone.clock.pass(1_000);
        let event = event(tap, &before.0, number);
        let gives = matches!(event, E::Password { .. } | E::Code(_) | E::Approved);
        let (introduces, goes_back) = (matches!(event, E::Introduced { .. }), matches!(event, E::Back | E::Closed));
        let shown = format!("{:?} after {event:?}", before.0);
        let state = happen(&app, event).await?;
        holds(&phone, &app).await?;
        let sent = portal.passwords() - before.1;
        prop_assert!(sent <= usize::from(gives), "{} passwords in {}", sent, shown);
        // At a portal that counts for as long as this story lasts, and locks at the third.
        prop_assert!(portal.refused() < 3, "the phone has locked the account");
        if matches!(state, SignInState::SignedIn(_)) && state != before.0 {
            let let_in = gives && portal.asked(Step::Whoami) > before.2;
            prop_assert!(introduces || goes_back || let_in, "in by {}", shown);
        }
    }
    portal.spoil(None);
    for _ in 0..3 {
        happen(&app, E::Back).await?;
        holds(&phone, &app).await?;
    }
    prop_assert!(matches!(app.state(), SignInState::SignedOut | SignInState::SignedIn(_)), "{:?}", app.state());
    Ok(())
}

/// `STORIES=5000 cargo test -p cartable-core model` for a longer look.
#[test]
fn no_story_of_taps_and_moods_leads_astray() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stories = std::env::var("STORIES").map_or(60, |stories| stories.parse().unwrap());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: stories, max_shrink_iters: 200, ..ProptestConfig::default() });
    let ran = runner.run(&prop::collection::vec((taps(), moods()), 1..25), |story| runtime.block_on(run(story)));
    ran.unwrap();
}

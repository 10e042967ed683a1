//! The app in a process of its own, to be killed.
//!
//! Its first argument is the phone's home, as [`journeys::kills::open`] has it. With a number as the second it does errands without
//! end, in the order that the number gives; with `sign-in` it says on its standard output where the sign-in stands, and does what
//! each line of its standard input says.

use std::io::BufRead;
use std::path::PathBuf;

use cartable_core::companion::Companion;
use cartable_core::portal::{Question, SignInState};
use journeys::ACADEMY;
use journeys::kills::{errands, open, say};

#[tokio::main]
async fn main() {
    let home = PathBuf::from(std::env::args().nth(1).unwrap());
    match std::env::args().nth(2).unwrap().as_str() {
        "sign-in" => sign_in(&open(&home).await).await,
        seed => errands(&home, seed.parse().unwrap()).await,
    }
}

async fn sign_in(companion: &Companion) {
    tell(&companion.sign_in_state());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let state = match line.split_once(' ').unwrap_or((&line, "")) {
            ("begin", _) => companion.begin_sign_in(ACADEMY).await,
            ("password", typed) => {
                let (identifier, password) = typed.split_once(' ').unwrap();
                companion.enter_password(identifier, &password.into()).await
            }
            ("code", code) => companion.enter_code(&code.into()).await,
            ("introduce", address) => companion.introduce("", address).await,
            ("returned", url) => companion.browser_returned(url).await,
            other => panic!("{other:?}"),
        };
        tell(&state.unwrap());
    }
}

fn tell(state: &SignInState) {
    match state {
        SignInState::SignedOut => say("out"),
        SignInState::SignedIn(_) => say("in"),
        SignInState::Asks(Question::Password { .. }) => say("password"),
        SignInState::Asks(Question::Code { .. }) => say("code"),
        SignInState::Asks(Question::Introduction { .. }) => say("introduction"),
        SignInState::Asks(Question::Wait { .. }) => say("wait"),
        SignInState::Asks(Question::Browser { url, .. }) => say(&format!("browser {url}")),
        other => say(&format!("{other:?}")),
    }
}

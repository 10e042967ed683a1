use crate::portal::state::{SignInEvent as E, SignInFailure, SignInState as S, Who};
use crate::portal::transitions::{Effect, transition};

fn who() -> Who {
    Who { identifier: "jdupont".to_owned(), name: None, address: None }
}

fn browser() -> S {
    S::Browser { url: "https://id.example/authorize".to_owned(), host: "id.example".to_owned() }
}

fn returned() -> E {
    E::Returned { url: "fr.app:/back?code=c".to_owned() }
}

#[test]
fn a_sign_in_goes_from_the_first_tap_to_the_session() {
    let (state, effects) = transition(S::SignedOut, E::Begin);
    assert_eq!((&state, effects), (&S::Preparing, vec![Effect::ForgetPending, Effect::Prepare]));
    let (state, effects) =
        transition(state, E::Prepared { url: "https://id.example/authorize".into(), host: "id.example".into() });
    assert_eq!((&state, effects), (&browser(), vec![]));
    let (state, effects) = transition(state, returned());
    assert_eq!((&state, effects), (&S::Exchanging, vec![Effect::Exchange { url: "fr.app:/back?code=c".into() }]));
    let (state, _) = transition(state, E::Exchanged(who()));
    assert_eq!(state, S::SignedIn(who()));
    let (state, effects) = transition(state, E::SignOut);
    assert_eq!((state, effects), (S::SignedOut, vec![Effect::ForgetPending, Effect::ForgetSession]));
}

#[test]
fn an_answer_that_nobody_asked_for_is_refused() {
    for state in [S::SignedOut, S::Failed(SignInFailure::NoWayIn)] {
        let (state, effects) = transition(state, returned());
        assert!(matches!(state, S::Failed(SignInFailure::NotOurs(_))));
        assert_eq!(effects, vec![]);
    }
}

#[test]
fn an_answer_cannot_replace_a_session_that_stands() {
    assert_eq!(transition(S::SignedIn(who()), returned()), (S::SignedIn(who()), vec![]));
}

#[test]
fn a_closed_browser_leaves_nothing_behind() {
    assert_eq!(transition(browser(), E::Closed), (S::SignedOut, vec![Effect::ForgetPending]));
}

#[test]
fn a_failure_leads_to_a_state_from_which_one_may_begin_again() {
    for state in [S::Preparing, S::Exchanging] {
        let (state, effects) = transition(state, E::Broke(SignInFailure::TooLarge));
        assert_eq!((&state, effects), (&S::Failed(SignInFailure::TooLarge), vec![Effect::ForgetPending]));
        assert_eq!(transition(state, E::Begin).0, S::Preparing);
    }
}

#[test]
fn an_answer_that_comes_twice_is_exchanged_once() {
    assert_eq!(transition(S::Exchanging, returned()), (S::Exchanging, vec![]));
}

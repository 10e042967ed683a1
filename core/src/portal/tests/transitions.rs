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

fn failed() -> S {
    S::Failed(SignInFailure::TooLarge)
}

/// One of each, with its name. A new one belongs here too: the compiler says so.
fn states() -> Vec<(&'static str, S)> {
    let all = [S::SignedOut, S::Preparing, browser(), S::Exchanging, S::SignedIn(who()), failed()];
    let name = |state: &S| match state {
        S::SignedOut => "SignedOut",
        S::Preparing => "Preparing",
        S::Browser { .. } => "Browser",
        S::Exchanging => "Exchanging",
        S::SignedIn(_) => "SignedIn",
        S::Failed(_) => "Failed",
    };
    all.into_iter().map(|state| (name(&state), state)).collect()
}

fn events() -> [fn() -> E; 7] {
    [
        || E::Begin,
        || E::Prepared { url: "https://id.example/authorize".into(), host: "id.example".into() },
        returned,
        || E::Closed,
        || E::Exchanged(who()),
        || E::Broke(SignInFailure::TooLarge),
        || E::SignOut,
    ]
}

fn name(event: &E) -> &'static str {
    match event {
        E::Begin => "Begin",
        E::Prepared { .. } => "Prepared",
        E::Returned { .. } => "Returned",
        E::Closed => "Closed",
        E::Exchanged(_) => "Exchanged",
        E::Broke(_) => "Broke",
        E::SignOut => "SignOut",
    }
}

/// `UPDATE=1 cargo test -p cartable-core transitions` draws it anew.
#[test]
fn the_diagram_in_the_readme_is_what_the_transitions_do() {
    let mut drawn = "```mermaid\nstateDiagram-v2\n    [*] --> SignedOut\n".to_owned();
    for (from, state) in states() {
        for make in events() {
            let event = name(&make());
            let (after, effects) = transition(state.clone(), make());
            let unchanged = after == state && effects.is_empty();
            let to =
                states().into_iter().find(|(_, one)| std::mem::discriminant(one) == std::mem::discriminant(&after));
            let (to, _) = to.unwrap();
            if !unchanged {
                drawn += &format!("    {from} --> {to}: {event}\n");
            }
        }
    }
    drawn += "```\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/portal/README.md");
    let readme = std::fs::read_to_string(file).unwrap();
    let (before, rest) = readme.split_once("```mermaid\n").unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    let current = format!("{before}{drawn}{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &current).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), current, "run UPDATE=1 cargo test -p cartable-core transitions");
}

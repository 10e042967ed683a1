use crate::academy::SecondFactor;
use crate::attempts::Hold;
use crate::portal::state::{Question as Q, SignInEvent as E, SignInFailure, SignInState as S, Typed, Who};
use crate::portal::transitions::{Effect, transition};

fn who() -> Who {
    Who { identifier: "jdupont".to_owned(), name: None, address: None, password_ends_ms: None }
}

fn browser(hands_back: bool) -> Q {
    let (url, host) = ("https://id.example/authorize".to_owned(), "id.example".to_owned());
    Q::Browser { url, host, hands_back, notice: None }
}

fn password() -> Q {
    Q::Password { host: "id.example".to_owned(), identifier: None, notice: None }
}

fn choice() -> Q {
    Q::Choice { host: "id.example".to_owned(), factors: vec![SecondFactor::Totp, SecondFactor::MailCode] }
}

fn code() -> Q {
    Q::Code {
        host: "id.example".to_owned(),
        factor: Some(SecondFactor::MailCode),
        resend_from_ms: Some(1),
        notice: None,
    }
}

fn returned() -> E {
    E::Returned { url: "fr.app:/back?code=c".to_owned() }
}

#[test]
fn a_sign_in_goes_from_the_first_tap_to_the_session() {
    let (state, effects) = transition(S::SignedOut, E::Begin);
    assert_eq!((&state, effects), (&S::Preparing, vec![Effect::ForgetPending, Effect::Prepare]));
    let (state, effects) = transition(state, E::Asked(browser(true)));
    assert_eq!((&state, effects), (&S::Asks(browser(true)), vec![]));
    let (state, effects) = transition(state, returned());
    assert_eq!((&state, effects), (&S::Checking, vec![Effect::Exchange { url: "fr.app:/back?code=c".into() }]));
    let (state, _) = transition(state, E::Entered(who()));
    assert_eq!(state, S::SignedIn(who()));
    let (state, effects) = transition(state, E::SignOut);
    assert_eq!((state, effects), (S::SignedOut, vec![Effect::ForgetPending, Effect::EndSession]));
}

#[test]
fn the_form_leads_through_choice_and_code_to_the_session_and_back_to_the_password() {
    let given = E::Password { identifier: "jdupont".into(), password: Typed("x".into()) };
    let (state, effects) = transition(S::Asks(password()), given);
    let tried = Effect::TryPassword { identifier: "jdupont".into(), password: Typed("x".into()) };
    assert_eq!((&state, effects), (&S::Checking, vec![tried]));
    let (state, _) = transition(state, E::Asked(choice()));
    let (state, effects) = transition(state, E::Chosen(SecondFactor::MailCode));
    assert_eq!((&state, effects), (&S::Checking, vec![Effect::Choose(SecondFactor::MailCode)]));
    let (state, _) = transition(state, E::Asked(code()));
    let (back, effects) = transition(state.clone(), E::Back);
    assert_eq!((back, effects), (S::Preparing, vec![Effect::ForgetPending, Effect::Prepare]));
    let (state, effects) = transition(state, E::Code(Typed("123456".into())));
    assert_eq!((&state, effects), (&S::Checking, vec![Effect::TryCode(Some(Typed("123456".into())))]));
    assert_eq!(transition(state, E::Entered(who())).0, S::SignedIn(who()));
}

#[test]
fn from_every_question_one_gets_out_and_is_who_one_was_before() {
    for (name, question) in questions() {
        let mut state = S::Asks(question);
        // From a code first to the password.
        for _ in 0..2 {
            state = match transition(state, E::Back) {
                (S::Preparing, _) => S::Asks(password()),
                (out, effects) => {
                    assert_eq!(effects, vec![Effect::ForgetPending, Effect::Recall], "{name}");
                    out
                }
            };
            if state == S::SignedOut {
                break;
            }
        }
        assert_eq!(state, S::SignedOut, "{name}");
        assert_eq!(transition(state, E::Recalled(who())).0, S::SignedIn(who()));
    }
}

#[test]
fn a_browser_that_hands_nothing_back_leads_to_the_question_who_they_are() {
    for event in [E::Closed, returned()] {
        let (state, effects) = transition(S::Asks(browser(false)), event);
        assert_eq!((state, effects), (S::Preparing, vec![Effect::AskWho]));
    }
}

#[test]
fn a_second_tab_does_not_take_the_first_one_s_answer_away() {
    let (state, effects) = transition(S::Asks(browser(true)), E::Begin);
    assert_eq!((state, effects), (S::Preparing, vec![Effect::Prepare]));
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
    let closed = transition(S::Asks(browser(true)), E::Closed);
    assert_eq!(closed, (S::SignedOut, vec![Effect::ForgetPending, Effect::Recall]));
}

#[test]
fn a_failure_leads_to_a_state_from_which_one_may_begin_again() {
    for state in [S::Preparing, S::Checking] {
        let (state, effects) = transition(state, E::Broke(SignInFailure::TooLarge));
        assert_eq!((&state, effects), (&S::Failed(SignInFailure::TooLarge), vec![Effect::ForgetPending]));
        assert_eq!(transition(state, E::Begin).0, S::Preparing);
    }
}

#[test]
fn what_is_given_twice_is_checked_once() {
    for event in [returned(), E::Code(Typed("1".into())), E::Approved, E::Resend] {
        assert_eq!(transition(S::Checking, event), (S::Checking, vec![]));
    }
}

fn failed() -> S {
    S::Failed(SignInFailure::TooLarge)
}

fn questions() -> Vec<(&'static str, Q)> {
    let host = || "id.example".to_owned();
    let all = [
        browser(true),
        browser(false),
        password(),
        choice(),
        code(),
        Q::Prompt { host: host(), notice: None },
        Q::Introduction { identifier: None, address: None, domains: vec![], notice: None },
        Q::Wait { until_ms: 1, hold: Hold::Locked, identifier: "jdupont".to_owned(), notice: None },
    ];
    // One of each, with its name. A new one belongs here too: the compiler says so.
    let name = |question: &Q| match question {
        Q::Browser { hands_back: true, .. } => "Browser",
        Q::Browser { hands_back: false, .. } => "BrowserAlone",
        Q::Password { .. } => "Password",
        Q::Choice { .. } => "Choice",
        Q::Code { .. } => "Code",
        Q::Prompt { .. } => "Prompt",
        Q::Introduction { .. } => "Introduction",
        Q::Wait { .. } => "Wait",
    };
    all.into_iter().map(|question| (name(&question), question)).collect()
}

/// One of each, with its name. A new one belongs here too: the compiler says so.
fn states() -> Vec<(&'static str, S)> {
    let all = [S::SignedOut, S::Preparing, S::Checking, S::SignedIn(who()), failed()];
    let name = |state: &S| match state {
        S::SignedOut => "SignedOut",
        S::Preparing => "Preparing",
        S::Asks(_) => "Asks",
        S::Checking => "Checking",
        S::SignedIn(_) => "SignedIn",
        S::Failed(_) => "Failed",
    };
    let plain = all.into_iter().map(|state| (name(&state), state));
    plain.chain(questions().into_iter().map(|(name, question)| (name, S::Asks(question)))).collect()
}

fn events() -> Vec<fn() -> E> {
    vec![
        || E::Begin,
        returned,
        || E::Closed,
        || E::Password { identifier: "jdupont".into(), password: Typed("x".into()) },
        || E::Chosen(SecondFactor::MailCode),
        || E::Code(Typed("123456".into())),
        || E::Resend,
        || E::Approved,
        || E::Introduced { identifier: "jdupont".into(), address: "a@b.fr".into() },
        || E::UseBrowser,
        || E::Back,
        || E::Entered(who()),
        || E::Recalled(who()),
        || E::Broke(SignInFailure::TooLarge),
        || E::SignOut,
    ]
}

#[test]
fn nobody_is_in_unless_an_effect_says_so_and_an_end_forgets_what_was_pending() {
    let asked = || questions().into_iter().map(|(_, question)| E::Asked(question));
    for (name, state) in states() {
        for event in events().into_iter().map(|make| make()).chain(asked()) {
            let what = format!("{name}, {event:?}");
            let told = matches!(event, E::Entered(_) | E::Recalled(_));
            let given = matches!(event, E::Password { .. });
            let was_open = matches!(state, S::Asks(_) | S::Preparing | S::Checking);
            let (after, effects) = transition(state.clone(), event);
            assert!(told || !matches!(after, S::SignedIn(_)) || after == state, "{what}");
            let ended = was_open && matches!(after, S::SignedIn(_) | S::SignedOut | S::Failed(_));
            assert!(!ended || effects.first() == Some(&Effect::ForgetPending), "{what}");
            assert!(given || !effects.iter().any(|effect| matches!(effect, Effect::TryPassword { .. })), "{what}");
        }
    }
}

fn name(event: &E) -> &'static str {
    match event {
        E::Begin => "Begin",
        E::Returned { .. } => "Returned",
        E::Closed => "Closed",
        E::Password { .. } => "Password",
        E::Chosen(_) => "Chosen",
        E::Code(_) => "Code",
        E::Resend => "Resend",
        E::Approved => "Approved",
        E::Introduced { .. } => "Introduced",
        E::UseBrowser => "UseBrowser",
        E::Back => "Back",
        E::Asked(_) => "Asked",
        E::Entered(_) => "Entered",
        E::Recalled(_) => "Recalled",
        E::Broke(_) => "Broke",
        E::SignOut => "SignOut",
    }
}

/// `UPDATE=1 cargo test -p cartable-core transitions` draws it anew.
#[test]
fn the_diagram_in_the_readme_is_what_the_transitions_do() {
    let mut drawn = "```mermaid\nstateDiagram-v2\n    [*] --> SignedOut\n".to_owned();
    let place = |state: &S| states().iter().find(|(_, one)| one == state).map(|(name, _)| *name);
    for (from, state) in states() {
        let asked = questions().into_iter().map(|(_, question)| E::Asked(question));
        for event in events().into_iter().map(|make| make()).chain(asked) {
            let name = name(&event);
            // From everywhere: one line for all of them would hide the others.
            if name == "SignOut" {
                continue;
            }
            let (after, effects) = transition(state.clone(), event);
            if after != state || !effects.is_empty() {
                let to = place(&after).unwrap_or("Failed");
                drawn += &format!("    {from} --> {to}: {name}\n");
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

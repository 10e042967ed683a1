//! What an unfinished sign-in has left in the keystore, as another version, a fault or somebody else may have written it; and a
//! keystore that is locked at any moment.

use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::lemon::{CODE, Phone, Spoilt, Step, next};
use crate::portal::SignIn;
use crate::portal::state::{Question, SignInEvent, SignInState, Typed};
use crate::ports::{SecretKey, SecretStore};

/// As far as `step`, whatever comes in between. Gives how often a password was typed.
async fn lead(phone: &Phone, app: &SignIn, step: Step) -> (SignInState, usize) {
    let (mut state, mut typed) = (app.happen(SignInEvent::Begin).await, 0);
    for _ in 0..8 {
        if step == Step::Code && matches!(state, SignInState::Asks(Question::Code { .. })) {
            break;
        }
        let Some(event) = next(&state, step) else { break };
        typed += usize::from(matches!(event, SignInEvent::Password { .. }));
        phone.clock.pass(31_000);
        state = app.happen(event).await;
    }
    (state, typed)
}

/// What is kept while a code is asked for.
async fn kept() -> (Spoilt, Phone, String) {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    let (state, _) = lead(&phone, &phone.app().await, Step::Code).await;
    assert!(matches!(state, SignInState::Asks(Question::Code { .. })), "{state:?}");
    let kept = phone.keystore.load(&SecretKey::sign_in("essai")).unwrap().unwrap().expose_secret().to_owned();
    (portal, phone, kept)
}

/// Something in place of the part of `value` that this number stands for.
fn changed(value: &mut Value, mut at: usize, by: &Value) -> Option<usize> {
    if at == 0 {
        *value = by.clone();
        return None;
    }
    at -= 1;
    let parts: Vec<&mut Value> = match value {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(all) => all.iter_mut().collect(),
        _ => return Some(at),
    };
    for part in parts {
        at = changed(part, at, by)?;
    }
    Some(at)
}

#[test]
fn whatever_lies_in_the_keystore_one_can_go_back_and_begin_again_and_nothing_goes_elsewhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (portal, phone, kept) = runtime.block_on(kept());
    let elsewhere = format!("https://evil.example:{}/", portal.elsewhere);
    let odd = prop_oneof![
        Just(Value::Null),
        Just(Value::from(elsewhere.as_str())),
        Just(Value::from("evil.example")),
        Just(Value::from(i64::MAX)),
        Just(Value::from("x".repeat(70_000))),
        Just(serde_json::json!([["a", "b\r\nHost: evil.example"]])),
        Just(
            serde_json::json!({"Browser": {"url": elsewhere, "host": "evil.example", "hands_back": true, "notice": null}})
        ),
    ];
    let text = prop_oneof![
        2 => (0..kept.len()).prop_map(|end| kept.get(..end).unwrap().to_owned()),
        6 => (0_usize..40, odd).prop_map(|(at, by)| {
            let mut value: Value = serde_json::from_str(&kept).unwrap();
            changed(&mut value, at, &by);
            value.to_string()
        }),
        1 => "\\PC{0,200}",
        1 => Just("[".repeat(100_000)),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(96));
    let ran = runner.run(&text, |text| {
        runtime.block_on(async {
            phone.clock.pass(30 * 60_000);
            phone.keystore.put(&SecretKey::sign_in("essai"), &text.as_str().into()).unwrap();
            let app = phone.app().await;
            let shown = format!("{:?}", app.state());
            prop_assert!(!shown.contains("evil.example"), "{}", shown);
            let before = portal.passwords();
            app.happen(SignInEvent::Resend).await;
            app.happen(SignInEvent::Code(Typed(CODE.into()))).await;
            app.happen(SignInEvent::Back).await;
            app.happen(SignInEvent::Back).await;
            prop_assert_eq!(app.state(), SignInState::SignedOut);
            prop_assert!(!phone.has(&SecretKey::sign_in("essai")) && !phone.lets_in());
            let begun = app.happen(SignInEvent::Begin).await;
            prop_assert!(matches!(begun, SignInState::Asks(Question::Password { .. })), "{:?}", begun);
            prop_assert_eq!(portal.passwords(), before);
            Ok(())
        })
    });
    ran.unwrap();
}

#[tokio::test]
async fn a_keystore_locked_at_any_moment_costs_no_try_too_many_and_leaves_no_way_in() {
    let portal = Spoilt::start().await;
    let whole = {
        let phone = Phone::new(&portal);
        let (state, _) = lead(&phone, &phone.app().await, Step::Whoami).await;
        assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
        phone.keystore.calls()
    };
    assert!(whole > 15, "{whole}");
    for from in 0..whole {
        // For a moment, and for good.
        for calls in [from..from + 1, from..usize::MAX] {
            let what = format!("locked {calls:?}");
            let (phone, before) = (Phone::new(&portal), portal.passwords());
            phone.keystore.lock(calls);
            let app = phone.app().await;
            let (state, mut typed) = lead(&phone, &app, Step::Whoami).await;
            phone.keystore.lock(0..0);
            // The app is started again, or not.
            let app = if from % 2 == 0 { phone.app().await } else { app };
            if !matches!(state, SignInState::SignedIn(_)) {
                app.happen(SignInEvent::Back).await;
                app.happen(SignInEvent::Back).await;
                assert!(!phone.lets_in(), "{what}: {state:?}");
                phone.clock.pass(30 * 60_000);
                let (again, more) = lead(&phone, &app, Step::Whoami).await;
                assert!(matches!(again, SignInState::SignedIn(_)), "{what}: {again:?}");
                typed += more;
            }
            assert!(portal.passwords() - before <= typed, "{what}");
            assert!(!app.remembers(), "{what}");
            if phone.has(&SecretKey::sign_in("essai")) {
                // It could not be forgotten: after a restart it is asked again, and left.
                let app = phone.app().await;
                app.happen(SignInEvent::Back).await;
                app.happen(SignInEvent::Back).await;
                assert!(matches!(app.state(), SignInState::SignedIn(_)), "{what}");
                assert!(!phone.has(&SecretKey::sign_in("essai")), "{what}");
            }
        }
    }
}

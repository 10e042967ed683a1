//! Every way in, against the real portal: the form with each second factor, a browser that hands nothing back, what goes wrong
//! on the way, and what each costs.

use std::path::Path;
use std::sync::Arc;

use academy::wire::{Direction, Faults};
use academy::{Academy, Browser, PushPhone, Teacher, Way};
use cartable_core::academy::SecondFactor;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::portal::{Notice, Question, SignInFailure, SignInState};
use cartable_core::words::Finding;
use journeys::{ACADEMY, Ahead, Phone, authorize, requests, subjects};
use serde_json::{Map, Value, json};

const PASSWORD: &str = "Secret-1234";

fn teacher(uid: &str) -> &'static Teacher {
    Teacher::by_uid(uid).unwrap()
}

fn patch(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Begins, and gives name and password.
async fn give(companion: &Companion, uid: &str, password: &str) -> SignInState {
    let state = companion.begin_sign_in(ACADEMY).await.unwrap();
    let SignInState::Asks(Question::Password { host, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(host, "auth.academie.test");
    companion.enter_password(uid, &password.into()).await.unwrap()
}

/// Says the address where the portal did not; the identifier it did tell.
async fn introduce(companion: &Companion, state: SignInState, uid: &str) {
    let SignInState::Asks(Question::Introduction { identifier: Some(told), domains, .. }) = &state else {
        panic!("{state:?}")
    };
    assert_eq!((told.as_str(), domains.as_slice()), (uid, ["academie.test".to_owned()].as_slice()));
    let state = companion.introduce("", &format!("{uid}@academie.test")).await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    assert_eq!(companion.account().unwrap().identifier, uid);
}

fn form_phone(academy: &Academy) -> Phone {
    Phone::new(academy).profile(&academy.profile_toml_for(Way::Form))
}

async fn open(phone: &Phone, folder: &Path) -> Companion {
    phone.open(folder).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_form_opens_the_portal_and_the_mail_and_is_typed_once() {
    let academy = Academy::start().await.unwrap();
    academy.deliver("jdupont@academie.test", b"From: lreset@academie.test\r\nSubject: A\r\n\r\nB\r\n").await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let wire = phone.watched(&academy, academy.portal()).await;
    let state = give(&companion, " JDupont ", PASSWORD).await;
    introduce(&companion, state, "jdupont").await;
    assert_eq!(requests(&wire), ["GET /", "GET /", "POST /", "GET /mysession/"]);
    assert_eq!(companion.is_portal_session_alive().await, Ok(Some(true)));
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await, ["A"]);

    // A second sign-in knows the address.
    let state = give(&companion, "jdupont", PASSWORD).await;
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    companion.shutdown().await.unwrap();
    let companion = open(&phone, folder.path()).await;
    assert_eq!(companion.is_portal_session_alive().await, Ok(Some(true)));

    // Signed out here is signed out there.
    let before = requests(&wire).len();
    companion.sign_out(false).await.unwrap();
    assert_eq!(requests(&wire)[before..], ["GET /"]);
    assert_eq!(companion.is_portal_session_alive().await, Err(CompanionError::SignInAgain(Finding::SessionEnded)));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_mail_is_asked_for_resent_mistyped_and_taken() {
    let academy = Academy::start().await.unwrap();
    let clock = Arc::new(Ahead::default());
    let phone = form_phone(&academy).clock(clock.clone());
    let folder = tempfile::tempdir().unwrap();
    let companion = open(&phone, folder.path()).await;
    let wire = phone.watched(&academy, academy.portal()).await;
    let (paul, browser) = (teacher("pmartin"), Browser::new(&academy).unwrap());

    let state = give(&companion, "pmartin", PASSWORD).await;
    let SignInState::Asks(Question::Code { factor, resend_from_ms, notice: None, .. }) = &state else {
        panic!("{state:?}")
    };
    assert_eq!((*factor, resend_from_ms.is_some()), (Some(SecondFactor::MailCode), true));
    let code = browser.mailed_code(paul, 0).await.unwrap();

    // Too soon costs nothing, not even a request; later the portal sends another mail.
    let before = requests(&wire).len();
    let state = companion.resend_code().await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Code { notice: Some(Notice::TooSoon), .. })), "{state:?}");
    assert_eq!(requests(&wire).len(), before);
    clock.pass(31_000);
    // The portal's own five seconds, which it counts in whole ones.
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    let state = companion.resend_code().await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Code { notice: Some(Notice::Resent), .. })), "{state:?}");
    assert_eq!(browser.mailed_code(paul, 1).await.unwrap(), code);

    // A wrong one costs the portal's whole sign-in, but the teacher only another code.
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let state = companion.enter_code(&wrong.into()).await.unwrap();
    let SignInState::Asks(Question::Code { notice: Some(Notice::WrongCode { tries_left: 1 }), .. }) = state else {
        panic!("{state:?}")
    };
    let newer = browser.mailed_code(paul, 2).await.unwrap();
    let grouped = format!("{} {}", &newer[..3], &newer[3..]);
    let state = companion.enter_code(&grouped.as_str().into()).await.unwrap();
    introduce(&companion, state, "pmartin").await;
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_with_a_mailed_code_costs_five_requests() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let wire = phone.watched(&academy, academy.portal()).await;
    give(&companion, "pmartin", PASSWORD).await;
    let code = Browser::new(&academy).unwrap().mailed_code(teacher("pmartin"), 0).await.unwrap();
    let state = companion.enter_code(&code.as_str().into()).await.unwrap();
    introduce(&companion, state, "pmartin").await;
    assert_eq!(requests(&wire), ["GET /", "GET /", "POST /", "POST /mail2fcheck", "GET /mysession/"]);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_and_a_choice_between_two_factors() {
    let academy = Academy::start().await.unwrap();
    let theo = teacher("tbernard");
    let mut browser = Browser::new(&academy).unwrap();
    browser.sign_in(&authorize(&academy), theo).await.unwrap();
    browser.enrol_totp().await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let state = give(&companion, "tbernard", PASSWORD).await;
    let SignInState::Asks(Question::Code { factor, resend_from_ms: None, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(*factor, Some(SecondFactor::Totp));
    let code = browser.totp_code().unwrap();
    let state = companion.enter_code(&code.as_str().into()).await.unwrap();
    introduce(&companion, state, "tbernard").await;
    companion.sign_out(false).await.unwrap();

    academy.reconfigure_portal(patch(json!({"mail2fActivation": "$uid eq \"tbernard\""}))).await.unwrap();
    let state = give(&companion, "tbernard", PASSWORD).await;
    let SignInState::Asks(Question::Choice { factors, .. }) = &state else { panic!("{state:?}") };
    assert!(factors.contains(&SecondFactor::Totp) && factors.contains(&SecondFactor::MailCode), "{factors:?}");
    let state = companion.choose_factor(SecondFactor::MailCode).await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Code { .. })), "{state:?}");
    let _ = browser.mailed_code(theo, 0).await.unwrap();
    // Chosen once: a wrong code leads to another code, and not to the choice again.
    let state = companion.enter_code(&"x".into()).await.unwrap();
    let SignInState::Asks(Question::Code { factor, notice, .. }) = &state else { panic!("{state:?}") };
    assert_eq!((*factor, *notice), (Some(SecondFactor::MailCode), Some(Notice::WrongCode { tries_left: 1 })));
    let code = browser.mailed_code(theo, 1).await.unwrap();
    let state = companion.enter_code(&code.as_str().into()).await.unwrap();
    introduce(&companion, state, "tbernard").await;
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_on_the_phone_lets_in_once_it_is_approved() {
    let academy = Academy::builder().push().start().await.unwrap();
    let bruno = teacher("block");
    let uri = academy.enrol_push(bruno).await.unwrap();
    let push = PushPhone::enrol(&academy, &uri).await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let state = give(&companion, "block", PASSWORD).await;
    assert!(matches!(state, SignInState::Asks(Question::Prompt { .. })), "{state:?}");
    let prompt = push.next_prompt(std::time::Duration::from_secs(20)).await.unwrap();
    push.approve(&prompt).await.unwrap();
    let state = companion.prompt_approved().await.unwrap();
    introduce(&companion, state, "block").await;
    companion.sign_out(false).await.unwrap();

    // Refused on the phone: another prompt comes, and one try is left.
    give(&companion, "block", PASSWORD).await;
    let prompt = push.next_prompt(std::time::Duration::from_secs(20)).await.unwrap();
    push.decline(&prompt).await.unwrap();
    let state = companion.prompt_approved().await.unwrap();
    let SignInState::Asks(Question::Prompt { notice, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(*notice, Some(Notice::NotApproved { tries_left: 1 }));
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_and_the_code_of_a_key_are_typed_as_one() {
    let academy = Academy::builder()
        .portal(patch(json!({
            "ext2fActivation": "$uid eq \"lreset\"",
            "ext2fCodeActivation": "",
            "ext2FSendCommand": "/bin/true",
            "ext2FValidateCommand": "/usr/bin/test $code = 4711755224",
        })))
        .start()
        .await
        .unwrap();
    let toml = academy.profile_toml_for(Way::Form).replace(r#""push""#, r#""pin-otp""#);
    let (phone, folder) = (Phone::new(&academy).profile(&toml), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let state = give(&companion, "lreset", PASSWORD).await;
    let SignInState::Asks(Question::Code { factor, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(*factor, Some(SecondFactor::PinOtp));
    let state = companion.enter_code(&"4711 755224".into()).await.unwrap();
    introduce(&companion, state, "lreset").await;
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_account_is_told_by_its_cause() {
    let academy = Academy::start().await.unwrap();
    let phone = form_phone(&academy);
    for (uid, failure) in [
        ("locked", SignInFailure::Blocked),
        ("expired", SignInFailure::PasswordEnded),
        ("mustchg", SignInFailure::PasswordToChange),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let companion = open(&phone, folder.path()).await;
        assert_eq!(give(&companion, uid, PASSWORD).await, SignInState::Failed(failure), "{uid}");
    }
    let folder = tempfile::tempdir().unwrap();
    let companion = open(&phone, folder.path()).await;
    let state = give(&companion, "warned", PASSWORD).await;
    introduce(&companion, state, "warned").await;
    assert!(companion.account().unwrap().password_ends_ms.is_some());

    // What was typed in vain costs nothing.
    companion.sign_out(false).await.unwrap();
    let state = give(&companion, "jdupont", "").await;
    assert!(
        matches!(state, SignInState::Asks(Question::Password { notice: Some(Notice::Incomplete), .. })),
        "{state:?}"
    );
    let toml = academy.profile_toml_for(Way::Form) + "\n[identifier]\nform = \"initial-name\"\n";
    let companion = open(&Phone::new(&academy).profile(&toml), tempfile::tempdir().unwrap().path()).await;
    let state = give(&companion, "jdupont@academie.test", PASSWORD).await;
    let told = matches!(&state, SignInState::Asks(Question::Password { notice: Some(Notice::AddressTyped), .. }));
    assert!(told, "{state:?}");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_only_a_browser_can_show_is_handed_to_it() {
    let academy = Academy::builder().portal(patch(json!({"captcha_login_enabled": 1}))).start().await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let handed = |state: &SignInState| {
        let question = Question::Browser {
            url: format!("{}/", academy.issuer()),
            host: "auth.academie.test".to_owned(),
            hands_back: false,
            notice: Some(Notice::BrowserNeeded),
        };
        assert_eq!(*state, SignInState::Asks(question));
    };
    handed(&companion.begin_sign_in(ACADEMY).await.unwrap());

    // An enrolment that must come first.
    let must_enrol = patch(json!({"captcha_login_enabled": 0, "sfRequired": 1, "totp2fActivation": 1}));
    academy.reconfigure_portal(must_enrol).await.unwrap();
    handed(&give(&companion, "jdupont", PASSWORD).await);

    // Chosen by hand; back from the browser, the app asks who it was, and mail asks for its password.
    let state = companion.browser_closed().await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Introduction { identifier: None, .. })), "{state:?}");
    for (given, told) in [("pas une adresse", Notice::NotAnAddress), ("", Notice::Incomplete)] {
        let again = companion.introduce("jdupont", given).await.unwrap();
        let SignInState::Asks(Question::Introduction { notice, .. }) = again else { panic!("{again:?}") };
        assert_eq!(notice, Some(told));
    }
    let state = companion.introduce("jdupont", "jdupont@academie.test").await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    let synced = companion.sync(&|_, _| {}).await.map(|_| ());
    assert_eq!(synced, Err(CompanionError::SignInAgain(Finding::PasswordNeeded)));
    companion.set_mail_password(&PASSWORD.into()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_of_which_nothing_is_known_is_the_browser_s_affair() {
    let academy = Academy::start().await.unwrap();
    let phone = Phone::new(&academy).profile(&academy.profile_toml_for(Way::Browser));
    let folder = tempfile::tempdir().unwrap();
    let companion = open(&phone, folder.path()).await;
    let wire = phone.watched(&academy, academy.portal()).await;
    let state = companion.begin_sign_in(ACADEMY).await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Browser { hands_back: false, .. })), "{state:?}");
    // A link that some app hands in proves nothing, and only goes on as closing the browser does.
    let state = companion.browser_returned("fr.cartable.app:/retour").await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Introduction { .. })), "{state:?}");
    assert_eq!(companion.sign_in_back().await, Ok(SignInState::SignedOut));
    assert_eq!(requests(&wire), [""; 0]);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_goes_on_where_it_was_after_the_app_was_killed() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let browser = Browser::new(&academy).unwrap();
    let restarted = async |companion: Companion| {
        let state = companion.sign_in_state();
        drop(companion);
        let companion = open(&phone, folder.path()).await;
        assert_eq!(companion.sign_in_state(), state);
        companion
    };
    let companion = open(&phone, folder.path()).await;
    companion.begin_sign_in(ACADEMY).await.unwrap();
    let companion = restarted(companion).await;
    companion.enter_password("pmartin", &PASSWORD.into()).await.unwrap();
    let companion = restarted(companion).await;
    let code = browser.mailed_code(teacher("pmartin"), 0).await.unwrap();
    companion.enter_code(&code.as_str().into()).await.unwrap();
    let companion = restarted(companion).await;
    companion.introduce("", "pmartin@academie.test").await.unwrap();
    let companion = restarted(companion).await;

    // The password is gone with the app: a wrong code now costs typing it again.
    companion.begin_sign_in(ACADEMY).await.unwrap();
    companion.enter_password("pmartin", &PASSWORD.into()).await.unwrap();
    let companion = restarted(companion).await;
    let state = companion.enter_code(&"x".into()).await.unwrap();
    let SignInState::Asks(Question::Password { identifier, notice, .. }) = &state else { panic!("{state:?}") };
    assert_eq!((identifier.as_deref(), *notice), (Some("pmartin"), Some(Notice::WrongCode { tries_left: 1 })));
    let companion = restarted(companion).await;

    // Back out: whoever was signed in is so still.
    let state = companion.sign_in_back().await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_too_late_is_replaced_and_counts_as_no_mistake() {
    let academy =
        Academy::builder().portal(patch(json!({"formTimeout": 3, "mail2fTimeout": 3}))).start().await.unwrap();
    let (phone, folder) = (form_phone(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let browser = Browser::new(&academy).unwrap();
    give(&companion, "pmartin", PASSWORD).await;
    let code = browser.mailed_code(teacher("pmartin"), 0).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let state = companion.enter_code(&code.as_str().into()).await.unwrap();
    assert!(matches!(state, SignInState::Asks(Question::Code { notice: Some(Notice::TooLate), .. })), "{state:?}");
    let code = browser.mailed_code(teacher("pmartin"), 1).await.unwrap();
    let state = companion.enter_code(&code.as_str().into()).await.unwrap();
    introduce(&companion, state, "pmartin").await;
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tab_that_finishes_first_signs_in_whichever_it_was() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let companion = open(&phone, folder.path()).await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let state = companion.begin_sign_in(ACADEMY).await.unwrap();
        let SignInState::Asks(Question::Browser { url, .. }) = state else { panic!("{state:?}") };
        tabs.push(url);
    }
    let browser = Browser::new(&academy).unwrap();
    let first = browser.sign_in(&tabs[0], teacher("jdupont")).await.unwrap();
    let second = browser.sign_in(&tabs[1], teacher("jdupont")).await.unwrap();
    let state = companion.browser_returned(&first).await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    // The other one comes too late to change anything.
    assert_eq!(companion.browser_returned(&second).await.unwrap(), state);
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goes_back_at_once_from_a_portal_that_keeps_silent() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (form_phone(&academy).patient(&academy), tempfile::tempdir().unwrap());
    let companion = Arc::new(open(&phone, folder.path()).await);
    let wire = academy.wire(academy.portal()).await.unwrap();
    phone.hosts.lead("auth.academie.test", wire.address());
    let silent = Faults::none().black_hole();
    // While the portal is asked for its form.
    wire.set(silent.clone()).await.unwrap();
    let asking = tokio::spawn({
        let companion = Arc::clone(&companion);
        async move { companion.begin_sign_in(ACADEMY).await }
    });
    while companion.sign_in_state() != SignInState::Preparing {
        tokio::task::yield_now().await;
    }
    assert_eq!(companion.sign_in_back().await, Ok(SignInState::SignedOut));
    assert_eq!(asking.await.unwrap(), Ok(SignInState::SignedOut));

    // While it has the password: whether it was seen, nobody knows.
    wire.set(Faults::none()).await.unwrap();
    companion.begin_sign_in(ACADEMY).await.unwrap();
    wire.set(silent.hole(Direction::ToServer, 2_000)).await.unwrap();
    let checking = tokio::spawn({
        let companion = Arc::clone(&companion);
        async move { companion.enter_password("jdupont", &PASSWORD.into()).await }
    });
    while companion.sign_in_state() != SignInState::Checking {
        tokio::task::yield_now().await;
    }
    assert_eq!(companion.sign_in_back().await, Ok(SignInState::SignedOut));
    assert_eq!(checking.await.unwrap(), Ok(SignInState::SignedOut));
    wire.set(Faults::none()).await.unwrap();
    let state = give(&companion, "jdupont", PASSWORD).await;
    introduce(&companion, state, "jdupont").await;
    academy.stop().await.unwrap();
}

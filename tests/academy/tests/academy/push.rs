//! A teacher whose second factor is an approval on the phone.

use super::{REDIRECT, authorize, folder_of, gone, processes_of, running, teacher};
use academy::{Academy, Browser, BrowserError, PhoneError, PushError, PushPhone, SecondFactor};
use std::time::Duration;
use tokio::time::timeout;

/// A phone looks for a prompt so long; the browser shows the form meanwhile.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_approval_on_the_phone_signs_in_and_anything_else_does_not() {
    let academy = Academy::builder().push().start().await.unwrap();
    let url = authorize(academy.issuer(), "mobile");
    let bruno = teacher("block");
    assert_eq!(bruno.second_factor, SecondFactor::Push);
    let sign_in = async || Browser::new(&academy).unwrap().sign_in(&url, bruno).await;

    let nobody = sign_in().await;
    assert!(matches!(nobody, Err(BrowserError::NoPhone)), "{nobody:?}");

    let phone = PushPhone::enrol(&academy, &academy.enrol_push(bruno).await.unwrap()).await.unwrap();
    assert!(phone.prompts().await.unwrap().is_empty());
    let (signed_in, prompt) = tokio::join!(sign_in(), async {
        let prompt = phone.next_prompt(LIMIT).await.unwrap();
        phone.approve(&prompt).await.unwrap();
        prompt
    });
    assert!(signed_in.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{signed_in:?}");
    assert_eq!(prompt.title, "Portail académique");
    assert_eq!(prompt.question, "Connexion de block depuis 127.0.0.1 ?");
    let again = phone.approve(&prompt).await;
    assert!(matches!(again, Err(PhoneError::NotTaken)), "{again:?}");

    let (refused, ()) = tokio::join!(sign_in(), async {
        phone.decline(&phone.next_prompt(LIMIT).await.unwrap()).await.unwrap();
    });
    assert!(matches!(refused, Err(BrowserError::Refused(96))), "{refused:?}");

    // Others are not asked.
    let plain = Browser::new(&academy).unwrap().sign_in(&url, teacher("jdupont")).await;
    assert!(plain.is_ok_and(|back| back.starts_with(REDIRECT)));
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn an_approval_lets_in_the_sign_in_that_it_was_asked_for_and_no_other() {
    let academy = Academy::builder().push().start().await.unwrap();
    let url = authorize(academy.issuer(), "mobile");
    let bruno = teacher("block");
    let phone = PushPhone::enrol(&academy, &academy.enrol_push(bruno).await.unwrap()).await.unwrap();
    let sign_in = async || Browser::new(&academy).unwrap().sign_in(&url, bruno).await;
    let (stranger, ()) = tokio::join!(sign_in(), async {
        let strange = phone.next_prompt(LIMIT).await.unwrap();
        let (own, ()) = tokio::join!(sign_in(), async {
            let second = async {
                loop {
                    let prompts = phone.prompts().await.unwrap();
                    if let Some(prompt) = prompts.into_iter().find(|prompt| *prompt != strange) {
                        break prompt;
                    }
                }
            };
            phone.approve(&timeout(LIMIT, second).await.unwrap()).await.unwrap();
        });
        assert!(own.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{own:?}");
        phone.decline(&strange).await.unwrap();
    });
    assert!(matches!(stranger, Err(BrowserError::Refused(96))), "{stranger:?}");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_enrols_one_phone_and_a_disabled_one_is_none() {
    let academy = Academy::builder().push().start().await.unwrap();
    let bruno = teacher("block");
    let uri = academy.enrol_push(bruno).await.unwrap();
    assert!(uri.starts_with("otpauth://pipush/block?"), "{uri}");
    let port = academy.push().unwrap().port;
    assert!(uri.contains(&format!("url=https%3A//push.academie.test%3A{port}/ttype/push")), "{uri}");
    let phone = PushPhone::enrol(&academy, &uri).await.unwrap();
    let twice = PushPhone::enrol(&academy, &uri).await;
    let Err(PhoneError::Server(PushError::Refused { status: 404, code: 601, .. })) = twice else { panic!("{twice:?}") };
    for uri in ["otpauth://totp/block?secret=AAAA", "otpauth://pipush/block?v=2", "pipush"] {
        let none = PushPhone::enrol(&academy, uri).await;
        assert!(matches!(none, Err(PhoneError::Uri(_))), "{uri}: {none:?}");
    }
    let none = phone.next_prompt(Duration::ZERO).await;
    assert!(matches!(none, Err(PhoneError::NoPrompt)), "{none:?}");

    academy.push_admin("token/disable", &[("serial", phone.serial())]).await.unwrap();
    assert!(phone.prompts().await.unwrap().is_empty());
    let url = authorize(academy.issuer(), "mobile");
    let nobody = Browser::new(&academy).unwrap().sign_in(&url, bruno).await;
    assert!(matches!(nobody, Err(BrowserError::NoPhone)), "{nobody:?}");
    let unknown = [("scope", "authentication"), ("action", "no_such_action=1")];
    let unknown = academy.push_admin("policy/none", &unknown).await;
    assert!(matches!(unknown, Err(PushError::Refused { status: 400, .. })), "{unknown:?}");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn an_academy_without_push_asks_for_no_phone() {
    let academy = Academy::start().await.unwrap();
    let url = authorize(academy.issuer(), "mobile");
    let back = Browser::new(&academy).unwrap().sign_in(&url, teacher("block")).await;
    assert!(back.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{back:?}");
    assert!(academy.push().is_none());
    let none = academy.enrol_push(teacher("block")).await;
    assert!(matches!(none, Err(PushError::NotStarted)), "{none:?}");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn two_academies_with_push_run_side_by_side_and_stop_leaving_nothing() {
    let (one, other) = tokio::join!(Academy::builder().push().start(), Academy::builder().push().start());
    let (one, other) = (one.unwrap(), other.unwrap());
    let folders = [one.folder().to_owned(), other.folder().to_owned()];
    let uri = one.enrol_push(teacher("block")).await.unwrap();
    let elsewhere = other.enrol_push(teacher("block")).await.unwrap();
    assert_ne!(uri, elsewhere);
    // The other academy's authority is another one.
    assert!(matches!(PushPhone::enrol(&other, &uri).await, Err(PhoneError::Server(PushError::Http(_)))));
    PushPhone::enrol(&other, &elsewhere).await.unwrap();
    one.stop().await.unwrap();
    assert!(processes_of(&folders[0]).is_empty() && !folders[0].exists());
    assert_eq!(processes_of(&folders[1]).iter().filter(|line| line.contains("gunicorn")).count(), 2);
    drop(other);
    assert!(processes_of(&folders[1]).is_empty() && !folders[1].exists());
}

#[tokio::test]
async fn a_killed_binary_with_push_leaves_nothing() {
    let (mut child, _) = running(&["--push"]).await;
    let folder = folder_of(child.id().unwrap());
    assert!(processes_of(&folder).iter().any(|line| line.contains("gunicorn")));
    child.start_kill().unwrap();
    assert!(gone(&folder).await, "{:?}", processes_of(&folder));
}

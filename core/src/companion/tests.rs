use std::sync::Arc;

use super::{Companion, CompanionError as E, Setup};
use crate::academy::UpdateError;
use crate::attempts::{Hold, LedgerError};
use crate::mail::imap::{Code, ImapError, Limit};
use crate::mail::send::SendError;
use crate::mail::{Letter, LetterState, MailError};
use crate::portal::{Question, SessionError, SignInFailure, SignInState};
use crate::ports::{ConnectError, MemoryStore, SecretStoreError};
use crate::store::StoreError;
use crate::words::Finding;

#[test]
fn what_the_shell_does_next_follows_from_what_went_wrong() {
    let refused = |code| ImapError::Refused { command: "APPEND", code, text: "no room".to_owned() };
    let table: Vec<(E, E)> = vec![
        (ConnectError::TimedOut.into(), E::CheckConnection(Finding::Silent)),
        (ConnectError::WrongHost.into(), E::CheckConnection(Finding::Intercepted)),
        (SignInFailure::TooLarge.into(), E::CheckConnection(Finding::PortalBroken)),
        (SignInFailure::BadToken("alg").into(), E::Refused(Finding::NotOurs)),
        (SignInFailure::PhoneClock { minutes: 180 }.into(), E::Refused(Finding::PhoneClock)),
        (SignInFailure::Store(StoreError::Full).into(), E::Refused(Finding::DiskFull)),
        (SessionError::Ended.into(), E::SignInAgain(Finding::SessionEnded)),
        (LedgerError::KnownWrong.into(), E::SignInAgain(Finding::PasswordWrong)),
        (
            LedgerError::Wait { until_ms: 5, hold: Hold::Locked }.into(),
            E::WaitUntil { until_ms: 5, hold: Hold::Locked },
        ),
        (MailError::PasswordRefused.into(), E::SignInAgain(Finding::PasswordWrong)),
        (MailError::AppPasswordNeeded.into(), E::SignInAgain(Finding::AppPasswordNeeded)),
        (MailError::AppPasswordRefused.into(), E::SignInAgain(Finding::AppPasswordWrong)),
        (MailError::Stopped.into(), E::Cancelled),
        (MailError::TooLarge { size: 40_000_001 }.into(), E::Refused(Finding::TooLarge { megabytes: 41 })),
        (refused(Some(Code::OverQuota)).into(), E::Refused(Finding::MailboxFull)),
        (refused(None).into(), E::Refused(Finding::MailRefused { said: "no room".to_owned() })),
        (ImapError::Limit(Limit::Line).into(), E::CheckConnection(Finding::MailBroken)),
        (ImapError::Unavailable.into(), E::CheckConnection(Finding::MailDown)),
        (SendError::Uncertain.into(), E::CheckConnection(Finding::PerhapsSent)),
        (SecretStoreError::Locked.into(), E::SecretsLocked(Finding::SecretsLocked)),
        (StoreError::Damaged.into(), E::StorageDamaged),
        (StoreError::Closed.into(), E::Cancelled),
    ];
    for (made, expected) in table {
        assert_eq!(made, expected);
    }
}

#[test]
fn a_wait_is_told_in_minutes_begun() {
    let minutes = |until_ms: i64| match (E::WaitUntil { until_ms, hold: Hold::Caution }).finding(1_000) {
        Finding::WaitToTry { minutes } => minutes,
        other => panic!("{other:?}"),
    };
    assert_eq!([1_000, 1_001, 61_000, 61_001].map(minutes), [1, 1, 1, 2]);
    assert_eq!(minutes(i64::MIN), 1);
}

#[test]
fn a_letter_tells_what_became_of_it() {
    let letter = |state, trouble: Option<&str>| Letter {
        id: 1,
        state,
        subject: String::new(),
        recipients: Vec::new(),
        trouble: trouble.map(str::to_owned),
    };
    let said = Finding::MailRefused { said: "no such user".to_owned() };
    for (letter, finding) in [
        (letter(LetterState::Waiting, None), None),
        (letter(LetterState::Waiting, Some("greylisted")), Some(Finding::NotSent)),
        (letter(LetterState::Uncertain, None), Some(Finding::PerhapsSent)),
        (letter(LetterState::Refused, Some("no such user")), Some(said)),
        (letter(LetterState::Refused, None), Some(Finding::BadLetter)),
        (letter(LetterState::Filed, None), None),
    ] {
        assert_eq!(letter.finding(), finding);
    }
}

async fn companion(folder: &tempfile::TempDir) -> Companion {
    Companion::open(Setup::new(folder.path()).secrets(Arc::new(MemoryStore::default()))).await.unwrap()
}

#[tokio::test]
async fn the_chosen_academy_is_remembered_and_may_be_changed_before_anybody_is_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    let first = companion(&folder).await;
    assert!(first.academy().is_none());
    assert_eq!(first.begin_sign_in("atlantide").await, Err(E::NotFound));
    assert!(first.academy().is_none());
    assert_eq!(first.begin_sign_in("creteil").await, Ok(SignInState::Failed(SignInFailure::NoWayIn)));
    let state = first.begin_sign_in("nancy-metz").await;
    let browser = |state| matches!(state, Ok(SignInState::Asks(Question::Browser { hands_back: false, .. })));
    assert!(browser(state.clone()), "{state:?}");
    first.shutdown().await.unwrap();
    let again = companion(&folder).await;
    assert_eq!(again.academy().unwrap().id, "nancy-metz");
    assert_eq!((again.account(), again.sign_in_state()), (None, SignInState::SignedOut));
    again.sign_out(false).await.unwrap();
    again.suspend().await.unwrap();
}

#[tokio::test]
async fn a_profile_that_is_not_taken_is_told_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("profiles")).unwrap();
    std::fs::write(folder.path().join("profiles/lyon.toml"), "format = 1\n").unwrap();
    let companion = companion(&folder).await;
    let refused = companion.refused_profiles();
    assert_eq!(refused.iter().map(|file| &file.reason).collect::<Vec<_>>(), [&UpdateError::Unsigned]);
    assert_eq!(companion.academies("lyon").len(), 1);
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let companion = companion(&folder).await;
    let state = companion.browser_returned("fr.cartable.app:/retour?code=c&state=s").await.unwrap();
    assert!(matches!(state, SignInState::Failed(SignInFailure::NotOurs(_))));
    assert_eq!(companion.browser_closed().await, Ok(SignInState::SignedOut));
    let missing = companion.set_mail_password(&"pl4nted".into()).await;
    assert_eq!(missing, Err(E::SignInAgain(Finding::SessionEnded)));
}

#[tokio::test]
async fn a_link_that_looks_like_the_academy_s_is_refused_with_the_official_name() {
    let folder = tempfile::tempdir().unwrap();
    let companion = companion(&folder).await;
    companion.begin_sign_in("nancy-metz").await.unwrap();
    for host in ["portail.ac-nancy-rnetz.fr", "ac-nancymetz.fr", "portail.ac-nancy-metz.fr.connexion.example"] {
        let refused = companion.open_service(&format!("https://{host}/sso/SSO")).await;
        let official = "ac-nancy-metz.fr".to_owned();
        assert_eq!(refused, Err(E::Refused(Finding::LookAlike { host: host.to_owned(), official })));
    }
    let refused = companion.open_service("https://example.org/").await;
    assert_eq!(refused, Err(E::Refused(Finding::Unofficial { host: "example.org".to_owned() })));
}

//! Signing in by OpenID Connect at the real portal, where it is hard: keys that change, processes that refresh at once, the end
//! of a session.

use std::sync::Arc;

use academy::wire::{Direction, Faults, Identity};
use academy::{Academy, Browser, BrowserError, Teacher, Validity};
use cartable_core::academy::Academy as Profile;
use cartable_core::companion::CompanionError;
use cartable_core::portal::{Question, Session, SignIn, SignInEvent, SignInFailure, SignInState};
use cartable_core::ports::{Clock, MemoryStore, Network, SecretStore, SystemClock};
use cartable_core::store::Store;
use cartable_core::words::Finding;
use journeys::{Hosts, Phone, network, sign_in};
use secrecy::ExposeSecret;

fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

/// A phone without its facade: the sign-in, and what processes beside it share.
struct Bare {
    profile: Arc<Profile>,
    network: Network,
    hosts: Hosts,
    secrets: Arc<dyn SecretStore>,
    folder: tempfile::TempDir,
}

impl Bare {
    fn new(academy: &Academy) -> Self {
        let hosts = Hosts::of(academy);
        let scopes = "scopes = [";
        let more = format!("post_logout_redirect_uri = \"fr.academie.mobile:/logout\"\n{scopes}");
        let profile = academy.profile_toml().replace(scopes, &more);
        Self {
            profile: Arc::new(Profile::from_toml(&profile).unwrap()),
            network: network(academy.ca_pem(), &hosts),
            hosts,
            secrets: Arc::new(MemoryStore::default()),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn signing_in(&self, clock: Arc<dyn Clock>) -> SignIn {
        let store = Store::open(self.folder.path()).unwrap();
        let (profile, secrets) = (Arc::clone(&self.profile), Arc::clone(&self.secrets));
        SignIn::resume(profile, store, self.network.clone(), secrets, clock).await.unwrap()
    }

    /// What another process of the app has.
    fn process(&self) -> Session {
        let store = Store::open(self.folder.path()).unwrap();
        let (profile, secrets) = (Arc::clone(&self.profile), Arc::clone(&self.secrets));
        Session::new(profile, store, self.network.clone(), secrets, Arc::new(SystemClock))
    }
}

async fn through(signing: &SignIn, browser: &Browser) -> SignInState {
    let SignInState::Asks(Question::Browser { url, .. }) = signing.happen(SignInEvent::Begin).await else {
        panic!("{:?}", signing.state());
    };
    let url = browser.sign_in(&url, jeanne()).await.unwrap();
    signing.happen(SignInEvent::Returned { url }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_may_change_its_key_between_two_sign_ins_and_while_the_browser_is_open() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let (companion, browser) = (phone.open(folder.path()).await, Browser::new(&academy).unwrap());
    let is_in = |state: &SignInState| matches!(state, SignInState::SignedIn(who) if who.identifier == "jdupont");
    let state = sign_in(&companion, &browser, jeanne()).await;
    assert!(is_in(&state), "{state:?}");
    academy.change_signing_key("academie-2").await.unwrap();
    let state = sign_in(&companion, &browser, jeanne()).await;
    assert!(is_in(&state), "{state:?}");
    // The same name for another key, while the teacher is in the browser.
    let SignInState::Asks(Question::Browser { url, .. }) = companion.begin_sign_in(journeys::ACADEMY).await.unwrap()
    else {
        panic!("{:?}", companion.sign_in_state());
    };
    let back = browser.sign_in(&url, jeanne()).await.unwrap();
    academy.change_signing_key("academie-2").await.unwrap();
    let state = companion.browser_returned(&back).await.unwrap();
    assert!(is_in(&state), "{state:?}");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_session_refresh_it_once_and_it_outlasts_the_browsers() {
    let academy = Academy::start().await.unwrap();
    let phone = Bare::new(&academy);
    let wire = academy.wire(academy.portal()).await.unwrap();
    phone.hosts.lead("auth.academie.test", wire.address());
    let leaf = academy.authority().issue(&["auth.academie.test"], Validity::Good).unwrap();
    wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).record()).await.unwrap();
    let refreshes = || {
        let sent = String::from_utf8_lossy(&wire.recorded(Direction::ToServer)).into_owned();
        sent.matches("grant_type=refresh_token").count()
    };
    let (signing, browser) = (phone.signing_in(Arc::new(SystemClock)).await, Browser::new(&academy).unwrap());
    assert!(matches!(through(&signing, &browser).await, SignInState::SignedIn(_)));
    // A server has refused the token to the app and to its extension, each of which wants another.
    let (app, extension) = (signing.session(), phone.process());
    let refused = app.access_token("jdupont").await.unwrap();
    let (one, other) =
        tokio::join!(app.token_after_refusal("jdupont", &refused), extension.token_after_refusal("jdupont", &refused));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.expose_secret(), other.expose_secret());
    assert_ne!(one.expose_secret(), refused.expose_secret());
    assert_eq!(refreshes(), 1);
    assert_eq!(app.who("jdupont").await.unwrap().name.as_deref(), Some("Jeanne Dupont"));

    // Signing out in the browser needs no password, comes back to the app, and is real.
    let page = app.sign_out_page().await.unwrap().unwrap();
    assert_eq!(page.host_str(), Some("auth.academie.test"));
    let back = browser.sign_in(page.as_str(), jeanne()).await.unwrap();
    assert!(back.starts_with("fr.academie.mobile:/logout"), "{back}");
    let asked = browser.visit_without_typing(academy.issuer()).await;
    assert!(matches!(asked, Err(BrowserError::Asked { .. })), "{asked:?}");
    // The app's own tokens last longer: it is the app that forgets them.
    assert_eq!(app.who("jdupont").await.unwrap().identifier, "jdupont");
    academy.stop().await.unwrap();
}

/// A phone whose clock is three hours ahead.
struct Ahead;

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + 3 * 3_600_000
    }

    fn uptime_ms(&self) -> i64 {
        SystemClock.uptime_ms()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_three_hours_ahead_is_told_to_check_its_clock() {
    let academy = Academy::start().await.unwrap();
    let phone = Bare::new(&academy);
    let signing = phone.signing_in(Arc::new(Ahead)).await;
    let state = through(&signing, &Browser::new(&academy).unwrap()).await;
    let SignInState::Failed(failure) = state else { panic!("{state:?}") };
    assert!(matches!(failure, SignInFailure::PhoneClock { minutes: 178..=181 }), "{failure:?}");
    assert_eq!(CompanionError::from(failure), CompanionError::Refused(Finding::PhoneClock));
    academy.stop().await.unwrap();
}

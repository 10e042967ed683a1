use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use super::scripted::{Reply, Scripted, academy, json};
use crate::portal::SignIn;
use crate::portal::oidc::Answer;
use crate::portal::state::{SignInEvent, SignInFailure, SignInState};
use crate::ports::{ConnectError, MemoryStore, Network, SecretKey, SecretStore, SecretStoreError, SystemClock};
use crate::store::Store;

/// A portal that answers every request with `answer(port)`, then `filler` over and over while somebody reads.
async fn portal(answer: impl Fn(u16) -> String + Send + Sync + 'static, filler: &'static [u8]) -> (u16, Network) {
    let portal = Scripted::start(move |port, _| Reply { text: answer(port), filler, ..Reply::default() }).await;
    (portal.port, portal.network)
}

async fn begin(port: u16, network: Network, secrets: Arc<dyn SecretStore>) -> SignInState {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let sign_in = SignIn::resume(Arc::new(academy(port)), store, network, secrets, Arc::new(SystemClock)).await;
    let sign_in = sign_in.unwrap();
    sign_in.happen(SignInEvent::Begin).await
}

async fn failure(answer: impl Fn(u16) -> String + Send + Sync + 'static, filler: &'static [u8]) -> SignInFailure {
    let (port, network) = portal(answer, filler).await;
    match begin(port, network, Arc::new(MemoryStore::default())).await {
        SignInState::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn discovery(port: u16, host: &str) -> String {
    let (issuer, other) = (format!("https://id.academie.test:{port}"), format!("https://{host}:{port}"));
    json(&format!(
        "{{\"issuer\":\"{issuer}\",\"authorization_endpoint\":\"{other}/a\",\"token_endpoint\":\"{issuer}/t\",\
         \"jwks_uri\":\"{issuer}/k\"}}"
    ))
}

#[tokio::test]
async fn a_portal_out_of_order_is_told_as_such() {
    let broken = |_| "HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(failure(broken, b"").await, SignInFailure::PortalBroken { status: 500 });
    let html = |_| "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>".to_owned();
    assert_eq!(failure(html, b"").await, SignInFailure::PortalBroken { status: 200 });
    let elsewhere = |_| "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(failure(elsewhere, b"").await, SignInFailure::PortalBroken { status: 302 });
    assert_eq!(failure(|_| json("{]"), b"").await, SignInFailure::Malformed("discovery"));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_short() {
    let announced = |_| "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 104857600\r\n\r\n".to_owned();
    assert_eq!(failure(announced, &[b'x'; 65536]).await, SignInFailure::TooLarge);
    let endless = |_| "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n".to_owned();
    assert_eq!(failure(endless, &[b'x'; 65536]).await, SignInFailure::TooLarge);
}

#[tokio::test]
async fn a_portal_that_falls_silent_is_given_up() {
    let half = |_| "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{".to_owned();
    assert!(matches!(failure(half, b"").await, SignInFailure::Connect(_)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, network) = portal(|_| String::new(), b"").await;
    let state = begin(port, network, Arc::new(MemoryStore::default())).await;
    assert_eq!(state, SignInState::Failed(SignInFailure::Connect(ConnectError::TimedOut)));
}

#[tokio::test]
async fn a_page_on_a_foreign_host_is_never_opened() {
    let failed = failure(|port| discovery(port, "id.academie.example"), b"").await;
    assert_eq!(failed, SignInFailure::Unofficial { host: "id.academie.example".to_owned() });
    let failed = failure(|_| discovery(1, "id.academie.test"), b"").await;
    assert_eq!(failed, SignInFailure::Malformed("issuer"));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_told() {
    let (port, _) = portal(|port| discovery(port, "id.academie.test"), b"").await;
    let (_, other) = portal(|_| String::new(), b"").await;
    let state = begin(port, other, Arc::new(MemoryStore::default())).await;
    assert_eq!(state, SignInState::Failed(SignInFailure::Connect(ConnectError::UnknownAuthority)));
}

/// A keystore that says no.
struct Locked;

impl SecretStore for Locked {
    fn put(&self, _: &SecretKey, _: &secrecy::SecretString) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Locked)
    }

    fn load(&self, _: &SecretKey) -> Result<Option<secrecy::SecretString>, SecretStoreError> {
        Err(SecretStoreError::Locked)
    }

    fn delete(&self, _: &SecretKey) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Locked)
    }
}

#[tokio::test]
async fn a_keystore_that_refuses_is_told() {
    let (port, network) = portal(|port| discovery(port, "id.academie.test"), b"").await;
    let state = begin(port, network, Arc::new(Locked)).await;
    assert_eq!(state, SignInState::Failed(SignInFailure::Secrets(SecretStoreError::Locked)));
}

#[test]
fn only_the_answer_to_our_question_is_taken() {
    let academy = academy(443);
    let settings = academy.oidc.as_ref().unwrap();
    let read = |url: &str| Answer::read(url, settings, "s").and_then(|answer| answer.outcome);
    assert_eq!(read("fr.essai:/retour?code=c&state=s").unwrap().expose_secret(), "c");
    for (url, failure) in [
        ("fr.essai:/retour?code=c&state=t", SignInFailure::NotOurs("state")),
        ("fr.essai:/retour?code=c", SignInFailure::NotOurs("state")),
        ("fr.essai:/autre?code=c&state=s", SignInFailure::NotOurs("address")),
        ("https://evil.example/retour?code=c&state=s", SignInFailure::NotOurs("address")),
        ("fr.essai:/retour?code=c&code=d&state=s", SignInFailure::Malformed("answer")),
        ("fr.essai:/retour?state=s", SignInFailure::Malformed("answer")),
        ("fr.essai:/retour?error=access_denied&state=s", SignInFailure::Refused { code: "access_denied".to_owned() }),
        ("fr.essai:/retour?error=%3Cscript%3E&state=s", SignInFailure::Refused { code: "unknown_error".to_owned() }),
        ("pas une adresse", SignInFailure::Malformed("answer")),
    ] {
        assert_eq!(read(url).err(), Some(failure), "{url}");
    }
}

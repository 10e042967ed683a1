//! The session afterwards, at a portal that puts a new refresh token in place of every one that is used.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::forge::Forge;
use super::scripted::{HOST, Reply, Scripted, json as ok};
use crate::academy::Academy;
use crate::portal::session::Tokens;
use crate::portal::{Session, SessionError};
use crate::ports::{ConnectError, MemoryStore, SecretKey, SecretStore, SystemClock};
use crate::store::Store;

/// What the portal does.
#[derive(Default)]
struct Script {
    /// How often it has been refreshed: the next must bring `refresh-N`.
    refreshed: usize,
    /// Said in place of new tokens.
    refusal: Option<String>,
    delay: Duration,
    /// Gives no new refresh token.
    steady: bool,
    id_token: Option<String>,
    discovery: Value,
    /// Of userinfo, while its token is not `access-0`.
    user: Option<String>,
}

impl Script {
    fn answer(&mut self, port: u16, request: &str) -> Reply {
        let issuer = format!("https://{HOST}:{port}");
        let path = request.split(' ').nth(1).unwrap_or_default();
        let text = match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": issuer, "authorization_endpoint": format!("{issuer}/a"), "token_endpoint": format!("{issuer}/t"),
                    "jwks_uri": format!("{issuer}/k"), "userinfo_endpoint": format!("{issuer}/u"),
                });
                for (name, value) in self.discovery.as_object().into_iter().flatten() {
                    document[name] = value.as_str().unwrap().replace("ISSUER", &issuer).into();
                }
                return ok(&document.to_string()).into();
            }
            "/u" if request.contains("Bearer access-0\r\n") => {
                "HTTP/1.1 401 No\r\nWWW-Authenticate: error=invalid_request\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            "/u" => ok(&self.user.clone().unwrap_or_default()),
            "/t" => match &self.refusal {
                Some(refusal) => refusal.clone(),
                // Used before, or made up: a portal that rotates ends the session.
                None if !request.contains(&format!("refresh_token=refresh-{}&", self.refreshed)) => {
                    refused("invalid_grant")
                }
                None => {
                    self.refreshed += usize::from(!self.steady);
                    let number = self.refreshed.max(1);
                    let mut body =
                        json!({"access_token": format!("access-{number}"), "token_type": "bearer", "expires_in": 3600});
                    if !self.steady {
                        body["refresh_token"] = json!(format!("refresh-{number}"));
                    }
                    if let Some(id_token) = &self.id_token {
                        body["id_token"] = json!(id_token);
                    }
                    ok(&body.to_string())
                }
            },
            _ => "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
        };
        Reply { text, delay: self.delay, ..Reply::default() }
    }
}

fn refused(code: &str) -> String {
    let body = format!(r#"{{"error":"{code}"}}"#);
    format!("HTTP/1.1 400 No\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A phone with one keystore and one folder, on which several processes of the app run.
struct Phone {
    portal: Scripted,
    script: Arc<Mutex<Script>>,
    secrets: MemoryStore,
    folder: tempfile::TempDir,
}

impl Phone {
    /// With tokens that have to be refreshed.
    async fn new(script: Script) -> Self {
        let script = Arc::new(Mutex::new(script));
        let played = Arc::clone(&script);
        let portal = Scripted::start(move |port, request| played.lock().unwrap().answer(port, request)).await;
        let phone = Self { portal, script, secrets: MemoryStore::default(), folder: tempfile::tempdir().unwrap() };
        let tokens = Tokens {
            identifier: "jdupont".to_owned(),
            access: "access-0".into(),
            refresh: Some("refresh-0".into()),
            expires_ms: 0,
        };
        phone.process().keep(&tokens).unwrap();
        phone
    }

    /// What one process of the app has: a session and a database of its own, the keystore of all.
    fn process(&self) -> Session {
        self.process_at(self.portal.academy())
    }

    fn process_at(&self, academy: Academy) -> Session {
        let store = Store::open(self.folder.path()).unwrap();
        let secrets = Arc::new(self.secrets.clone());
        Session::new(Arc::new(academy), store, self.portal.network.clone(), secrets, Arc::new(SystemClock))
    }

    fn kept(&self, member: &str) -> String {
        let kept = self.secrets.load(&SecretKey::session("essai")).unwrap().unwrap();
        serde_json::from_str::<Value>(kept.expose_secret()).unwrap()[member].as_str().unwrap().to_owned()
    }
}

fn text(token: Result<SecretString, SessionError>) -> Result<String, SessionError> {
    token.map(|token| token.expose_secret().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_refresh_at_once_send_one_refresh_and_both_have_the_new_token() {
    // Slow enough for the second to come while the first is under way.
    let phone = Phone::new(Script { delay: Duration::from_millis(300), ..Script::default() }).await;
    let processes = [phone.process(), phone.process(), phone.process()];
    let asked = processes.iter().map(|process| process.access_token("jdupont"));
    for token in futures_util::future::join_all(asked).await {
        assert_eq!(text(token), Ok("access-1".to_owned()));
    }
    assert_eq!(phone.portal.seen("POST /t").len(), 1);
    // A server refuses that token early to two of them at once.
    let refused = SecretString::from("access-1");
    let asked = processes.iter().map(|process| process.token_after_refusal("jdupont", &refused));
    for token in futures_util::future::join_all(asked).await {
        assert_eq!(text(token), Ok("access-2".to_owned()));
    }
    assert_eq!(phone.portal.seen("POST /t").len(), 2);
    assert_eq!(phone.kept("refresh"), "refresh-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_whose_caller_has_gone_is_kept_all_the_same() {
    let phone = Phone::new(Script { delay: Duration::from_millis(300), ..Script::default() }).await;
    let process = phone.process();
    let cut = tokio::time::timeout(Duration::from_millis(100), process.access_token("jdupont")).await;
    assert!(cut.is_err(), "it was to be cut short");
    // The portal has put a new refresh token in place of the old one: had it been lost, this would end the session.
    assert_eq!(text(phone.process().access_token("jdupont").await), Ok("access-1".to_owned()));
    assert_eq!(phone.portal.seen("POST /t").len(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_stays_is_used_again_and_one_that_was_used_ends_the_session() {
    let phone = Phone::new(Script { steady: true, ..Script::default() }).await;
    for _ in 0..2 {
        let token = phone.process().token_after_refusal("jdupont", &phone.kept("access").into()).await;
        assert_eq!(text(token), Ok("access-1".to_owned()));
        assert_eq!(phone.kept("refresh"), "refresh-0");
    }
    let replayed = Phone::new(Script { refreshed: 1, ..Script::default() }).await;
    assert_eq!(text(replayed.process().access_token("jdupont").await), Err(SessionError::Ended));
    assert_eq!(text(replayed.process().access_token("pmartin").await), Err(SessionError::Ended));
    assert_eq!(replayed.portal.seen("POST /t").len(), 1, "nobody's token but one's own is refreshed");
}

#[tokio::test]
async fn only_a_portal_that_says_so_ends_a_session() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<form>".to_owned();
    let busy = "HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_owned();
    for (refusal, error) in [
        (refused("invalid_grant"), SessionError::Ended),
        // LemonLDAP::NG's word for the same.
        (refused("invalid_request"), SessionError::Ended),
        (refused("unauthorized_client"), SessionError::Ended),
        (refused("temporarily_unavailable"), SessionError::PortalBroken),
        (refused("slow_down"), SessionError::PortalBroken),
        (page, SessionError::PortalBroken),
        (busy, SessionError::PortalBroken),
        (ok("{}"), SessionError::PortalBroken),
        (ok(r#"{"access_token":"","token_type":"bearer"}"#), SessionError::PortalBroken),
        (ok(r#"{"access_token":"a","token_type":"mac"}"#), SessionError::PortalBroken),
        (String::new(), SessionError::Connect(ConnectError::Cut)),
    ] {
        let phone = Phone::new(Script { refusal: Some(refusal.clone()), ..Script::default() }).await;
        assert_eq!(text(phone.process().access_token("jdupont").await), Err(error), "{refusal}");
        assert_eq!(phone.portal.seen("POST /t").len(), 1, "{refusal}");
        assert_eq!((phone.kept("access"), phone.kept("refresh")), ("access-0".to_owned(), "refresh-0".to_owned()));
    }
    let silent = Phone::new(Script { delay: Duration::from_secs(10), ..Script::default() }).await;
    let timed_out = Err(SessionError::Connect(ConnectError::TimedOut));
    assert_eq!(text(silent.process().access_token("jdupont").await), timed_out);
}

#[tokio::test]
async fn a_refresh_that_brings_somebody_elses_identity_is_not_kept() {
    let phone = Phone::new(Script::default()).await;
    let issuer = format!("https://{HOST}:{}", phone.portal.port);
    for (sub, outcome) in [("pmartin", Err(SessionError::PortalBroken)), ("jdupont", Ok("access-1".to_owned()))] {
        let claims = json!({"iss": issuer, "sub": sub, "aud": ["mobile"], "exp": 1, "iat": 1});
        phone.script.lock().unwrap().id_token = Some(Forge::new().token(&json!({"alg": "ES256"}), &claims));
        assert_eq!(text(phone.process().access_token("jdupont").await), outcome, "{sub}");
        // The portal here forgives that the old one comes again.
        phone.script.lock().unwrap().refreshed = 0;
    }
    assert_eq!(phone.kept("access"), "access-1");
}

#[tokio::test]
async fn the_portal_says_whose_session_it_is() {
    let named = r#"{"sub":"jdupont","name":"Jeanne\u0007 Dupont","email":"no address"}"#.to_owned();
    let phone = Phone::new(Script { user: Some(named), ..Script::default() }).await;
    let fresh = Tokens {
        identifier: "jdupont".to_owned(),
        access: "access-0".into(),
        refresh: Some("refresh-0".into()),
        expires_ms: i64::MAX,
    };
    // Fresh by the clock, and no longer taken: it is refreshed once.
    phone.process().keep(&fresh).unwrap();
    let who = phone.process().who("jdupont").await.unwrap();
    assert_eq!((who.identifier.as_str(), who.name.as_deref(), who.address), ("jdupont", Some("Jeanne Dupont"), None));
    assert_eq!((phone.portal.seen("GET /u").len(), phone.portal.seen("POST /t").len()), (2, 1));
    for (user, error) in [
        (r#"{"sub":"pmartin"}"#, SessionError::Ended),
        (r#"{"sub":""}"#, SessionError::PortalBroken),
        ("[]", SessionError::PortalBroken),
    ] {
        phone.script.lock().unwrap().user = Some(user.to_owned());
        assert_eq!(phone.process().who("jdupont").await, Err(error), "{user}");
    }
}

#[tokio::test]
async fn the_page_that_signs_out_the_browser_is_the_portals_own() {
    let page = async |end: &str, post: &str| {
        let phone = Phone::new(Script { discovery: json!({"end_session_endpoint": end}), ..Script::default() }).await;
        let mut academy = phone.portal.academy();
        let back = (!post.is_empty()).then(|| post.parse().unwrap());
        academy.oidc.as_mut().unwrap().post_logout_redirect_uri = back;
        let issuer = format!("https://{HOST}:{}", phone.portal.port);
        let page = phone.process_at(academy).sign_out_page().await;
        page.map(|page| page.unwrap().as_str().replace(&issuer, "ISSUER"))
    };
    assert_eq!(page("ISSUER/out", "").await.as_deref(), Ok("ISSUER/out?client_id=mobile"));
    let back = "ISSUER/out?x=y&client_id=mobile&post_logout_redirect_uri=fr.essai%3A%2Fadieu";
    assert_eq!(page("ISSUER/out?x=y", "fr.essai:/adieu").await.as_deref(), Ok(back));
    assert_eq!(page("https://evil.example/out", "").await, Err(SessionError::PortalBroken));
    let without = Phone::new(Script::default()).await;
    assert_eq!(without.process().sign_out_page().await, Ok(None));
}

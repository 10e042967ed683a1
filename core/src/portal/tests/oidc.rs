//! Sign-ins at a portal that pushes, changes its keys, is slow, or lies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::forge::Forge;
use super::scripted::{HOST, Reply, Scripted, json as ok};
use crate::academy::Academy;
use crate::portal::SignIn;
use crate::portal::state::{Notice, Question, SignInEvent, SignInFailure, SignInState};
use crate::ports::{Clock, ConnectError, MemoryStore, SecretKey, SecretStore, SystemClock};
use crate::store::Store;

/// What the portal does.
struct Script {
    /// Members of the discovery document beside the usual ones.
    discovery: Value,
    par: Reply,
    /// Before and behind the answer of the token endpoint.
    delay: Duration,
    after: &'static str,
    /// Its clock: seconds ahead of the real one, in the Date header and in the tokens.
    ahead: i64,
    dated: bool,
    signer: Forge,
    /// The key sets that it shows, one after the other; the last one stays.
    keys: Vec<Value>,
    nonce: String,
    claims: Value,
}

impl Default for Script {
    fn default() -> Self {
        let signer = Forge::new();
        let keys = vec![signer.set.clone()];
        Self {
            discovery: json!({}),
            par: Reply::default(),
            delay: Duration::ZERO,
            after: "",
            ahead: 0,
            dated: true,
            signer,
            keys,
            nonce: String::new(),
            claims: json!({}),
        }
    }
}

impl Script {
    fn answer(&mut self, port: u16, request: &str) -> Reply {
        let issuer = format!("https://{HOST}:{port}");
        let now = jiff::Timestamp::now().as_second() + self.ahead;
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": issuer, "authorization_endpoint": format!("{issuer}/a"),
                    "token_endpoint": format!("{issuer}/t"), "jwks_uri": format!("{issuer}/k"),
                });
                for (name, value) in self.discovery.as_object().unwrap() {
                    let value = value.as_str().map_or(value.clone(), |text| text.replace("ISSUER", &issuer).into());
                    document[name] = value;
                }
                ok(&document.to_string()).into()
            }
            "/par" => self.par.clone(),
            "/t" => {
                let mut claims = json!({"iss": issuer, "sub": "jdupont", "aud": "mobile", "exp": now + 3600, "iat": now,
                                        "nonce": self.nonce, "name": "Jeanne", "email": "j@essai.fr"});
                for (name, value) in self.claims.as_object().unwrap() {
                    claims[name] = value.clone();
                }
                let id_token = self.signer.token(&json!({"alg": "ES256", "kid": "k"}), &claims);
                let body = json!({"access_token": "access", "refresh_token": "refresh", "id_token": id_token,
                                  "token_type": "Bearer", "expires_in": 3600});
                let mut text = ok(&body.to_string());
                if self.dated {
                    let date = jiff::Timestamp::from_second(now).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT");
                    text = text.replacen("\r\n", &format!("\r\nDate: {date}\r\n"), 1);
                }
                Reply { text: text + self.after, delay: self.delay, ..Reply::default() }
            }
            "/k" => {
                let set = if self.keys.len() > 1 { self.keys.remove(0) } else { self.keys[0].clone() };
                ok(&set.to_string()).into()
            }
            _ => "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned().into(),
        }
    }
}

/// An app before that portal.
struct App {
    portal: Scripted,
    script: Arc<Mutex<Script>>,
    secrets: Arc<MemoryStore>,
    sign_in: SignIn,
    _folder: tempfile::TempDir,
}

impl App {
    async fn new(script: Script) -> Self {
        Self::with_clock(script, Arc::new(SystemClock)).await
    }

    async fn with_clock(script: Script, clock: Arc<dyn Clock>) -> Self {
        let script = Arc::new(Mutex::new(script));
        let played = Arc::clone(&script);
        let portal = Scripted::start(move |port, request| played.lock().unwrap().answer(port, request)).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, secrets) = (Store::open(folder.path()).unwrap(), Arc::new(MemoryStore::default()));
        let (academy, network): (Arc<Academy>, _) = (Arc::new(portal.academy()), portal.network.clone());
        let sign_in = SignIn::resume(academy, store, network, Arc::clone(&secrets) as _, clock).await.unwrap();
        Self { portal, script, secrets, sign_in, _folder: folder }
    }

    /// The page to open, or why there is none.
    async fn begin(&self) -> Result<Url, SignInFailure> {
        match self.sign_in.happen(SignInEvent::Begin).await {
            SignInState::Asks(Question::Browser { url, .. }) => Ok(Url::parse(&url).unwrap()),
            SignInState::Failed(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    /// The browser comes back with this.
    async fn return_with(&self, query: &str) -> Result<String, SignInFailure> {
        match self.sign_in.happen(SignInEvent::Returned { url: format!("fr.essai:/retour?{query}") }).await {
            SignInState::SignedIn(who) => Ok(who.identifier),
            SignInState::Failed(failure) => Err(failure),
            // It goes on as if nothing had come.
            SignInState::Asks(Question::Browser { notice: Some(Notice::NotOurs), .. }) => {
                Err(SignInFailure::NotOurs("state"))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The whole sign-in, at a browser that answers as it should.
    async fn sign_in(&self) -> Result<String, SignInFailure> {
        let state = self.asked().await?;
        self.return_with(&format!("code=c&state={state}")).await
    }

    /// Begins, tells the portal the nonce, and gives the state.
    async fn asked(&self) -> Result<String, SignInFailure> {
        let page = self.begin().await?;
        let pushed = self.portal.seen("POST /par").pop();
        let query = pushed.as_ref().and_then(|request| Some(request.split_once("\r\n\r\n")?.1));
        let asked = parameters(query.or(page.query()).unwrap());
        self.script.lock().unwrap().nonce = value(&asked, "nonce");
        Ok(value(&asked, "state"))
    }
}

fn parameters(query: &str) -> Vec<(String, String)> {
    Url::parse(&format!("x:?{query}")).unwrap().query_pairs().into_owned().collect()
}

fn value(parameters: &[(String, String)], name: &str) -> String {
    parameters.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1.clone()
}

fn pushing(par: impl Into<Reply>) -> Script {
    let discovery = json!({"pushed_authorization_request_endpoint": "ISSUER/par",
                           "require_pushed_authorization_requests": true});
    Script { discovery, par: par.into(), ..Script::default() }
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn pushed(body: &str) -> String {
    answer("201 Created", "application/json", body)
}

#[tokio::test]
async fn a_pushed_request_leaves_nothing_of_itself_in_the_browser() {
    let app =
        App::new(pushing(pushed(r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6es","expires_in":60}"#))).await;
    let page = app.begin().await.unwrap();
    let in_browser = parameters(page.query().unwrap());
    let expected = [("client_id", "mobile"), ("request_uri", "urn:ietf:params:oauth:request_uri:6es")];
    assert_eq!(in_browser, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let request = app.portal.seen("POST /par").pop().unwrap();
    let asked = parameters(request.split_once("\r\n\r\n").unwrap().1);
    let fixed = ["response_type", "client_id", "redirect_uri", "scope", "code_challenge_method"];
    let told: Vec<_> = fixed.iter().map(|name| value(&asked, name)).collect();
    assert_eq!(told, ["code", "mobile", "fr.essai:/retour", "openid", "S256"]);
    for chance in ["state", "nonce", "code_challenge"] {
        assert_eq!(value(&asked, chance).len(), 43, "{chance}");
    }
    assert_eq!(app.sign_in().await, Ok("jdupont".to_owned()));
    // The page could not be opened in time.
    let state = app.asked().await.unwrap();
    let late = app.return_with(&format!("error=invalid_request_uri&state={state}")).await;
    assert_eq!(late, Err(SignInFailure::Refused { code: "invalid_request_uri".to_owned() }));
}

#[tokio::test]
async fn a_push_that_fails_is_told_and_is_never_made_up_for_in_the_browser() {
    let refused = answer("400 Bad Request", "application/json", r#"{"error":"invalid_request"}"#);
    let uri = |uri: &str| format!(r#"{{"request_uri":"{uri}","expires_in":60}}"#);
    for (par, failure) in [
        (refused, SignInFailure::Refused { code: "invalid_request".to_owned() }),
        (pushed("{}"), SignInFailure::Malformed("pushed request")),
        (pushed(r#"{"request_uri":"urn:x"}"#), SignInFailure::Malformed("pushed request")),
        (pushed(r#"{"expires_in":60}"#), SignInFailure::Malformed("pushed request")),
        (pushed(r#"{"request_uri":"urn:x","expires_in":0}"#), SignInFailure::Malformed("pushed request")),
        (pushed(&uri("")), SignInFailure::Malformed("pushed request")),
        (pushed(&uri(&"u".repeat(2000))), SignInFailure::Malformed("pushed request")),
        (answer("201 Created", "text/html", "<html>"), SignInFailure::PortalBroken { status: 201 }),
        (answer("200 OK", "text/html", "<form>"), SignInFailure::PortalBroken { status: 200 }),
        (answer("503 Busy", "text/html", ""), SignInFailure::PortalBroken { status: 503 }),
        (answer("302 Found", "text/html", ""), SignInFailure::PortalBroken { status: 302 }),
    ] {
        let app = App::new(pushing(par.clone())).await;
        assert_eq!(app.begin().await, Err(failure), "{par}");
    }
    let slow = Reply { text: pushed(&uri("urn:x")), delay: Duration::from_secs(5), ..Reply::default() };
    assert_eq!(App::new(pushing(slow)).await.begin().await, Err(SignInFailure::Connect(ConnectError::TimedOut)));
    let endless = Reply { text: "HTTP/1.1 201 Created\r\n\r\n".to_owned(), filler: &[b'{'; 65536], ..Reply::default() };
    assert_eq!(App::new(pushing(endless)).await.begin().await, Err(SignInFailure::TooLarge));
    let mut foreign = pushing(pushed(&uri("urn:x")));
    foreign.discovery["pushed_authorization_request_endpoint"] = json!("https://id.evil.example/par");
    let unofficial = SignInFailure::Unofficial { host: "id.evil.example".to_owned() };
    assert_eq!(App::new(foreign).await.begin().await, Err(unofficial));
    let nowhere = Script { discovery: json!({"require_pushed_authorization_requests": true}), ..Script::default() };
    assert_eq!(App::new(nowhere).await.begin().await, Err(SignInFailure::Malformed("discovery")));
}

#[tokio::test]
async fn a_key_that_came_after_is_fetched_once_more_and_never_in_a_loop() {
    let (old, other) = (Forge::new(), Forge::new());
    let named = |forge: &Forge, name: &str| {
        let mut set = forge.set.clone();
        set["keys"][0]["kid"] = json!(name);
        set
    };
    let unknown = Err(SignInFailure::BadToken("unknown key"));
    let signature = Err(SignInFailure::BadToken("signature"));
    let none = json!({"keys": []});
    for (before, after, outcome, fetched) in [
        // The old set first: another name, the same name, no key at all.
        (named(&old, "old"), None, Ok("jdupont".to_owned()), 2),
        (old.set.clone(), None, Ok("jdupont".to_owned()), 2),
        (none.clone(), None, Ok("jdupont".to_owned()), 2),
        // And for good.
        (named(&old, "old"), Some(named(&old, "old")), unknown.clone(), 2),
        (old.set.clone(), Some(other.set.clone()), signature, 2),
        (none.clone(), Some(none.clone()), unknown, 2),
    ] {
        let mut script = Script::default();
        script.keys = vec![before, after.unwrap_or_else(|| script.signer.set.clone())];
        let app = App::new(script).await;
        assert_eq!(app.sign_in().await, outcome);
        let seen = app.portal.seen("GET /k");
        assert_eq!(seen.len(), fetched);
        assert!(seen[1].to_lowercase().contains("cache-control: no-cache\r\n"), "{seen:?}");
    }
    let app = App::new(Script::default()).await;
    assert_eq!(app.sign_in().await, Ok("jdupont".to_owned()));
    assert_eq!(app.portal.seen("GET /k").len(), 1);
    // What other keys would not mend asks for none.
    let app = App::new(Script { claims: json!({"aud": "another"}), ..Script::default() }).await;
    assert_eq!(app.sign_in().await, Err(SignInFailure::BadToken("audience")));
    assert_eq!(app.portal.seen("GET /k").len(), 1);
}

#[tokio::test]
async fn an_answer_of_another_portal_is_not_mixed_up_with_ours() {
    let promised =
        || Script { discovery: json!({"authorization_response_iss_parameter_supported": true}), ..Script::default() };
    let (plain, strict) = (App::new(Script::default()).await, App::new(promised()).await);
    let ours = |app: &App| format!("https://{HOST}:{}", app.portal.port);
    let mixed = Err(SignInFailure::NotOurs("issuer"));
    for (app, issuer, outcome) in [
        (&plain, None, Ok("jdupont".to_owned())),
        (&plain, Some(ours(&plain)), Ok("jdupont".to_owned())),
        (&plain, Some("https://evil.example".to_owned()), mixed.clone()),
        (&strict, None, mixed.clone()),
        (&strict, Some(format!("{}/", ours(&strict))), mixed.clone()),
        (&strict, Some(ours(&strict)), Ok("jdupont".to_owned())),
    ] {
        app.sign_in.happen(SignInEvent::SignOut).await;
        let state = app.asked().await.unwrap();
        let before = app.portal.seen("POST /t").len();
        let issuer = issuer.map(|issuer| format!("&iss={issuer}")).unwrap_or_default();
        assert_eq!(app.return_with(&format!("code=c&state={state}{issuer}")).await, outcome, "{issuer}");
        let exchanged = app.portal.seen("POST /t").len() - before;
        assert_eq!(exchanged, usize::from(outcome.is_ok()), "a code of another portal was sent to ours");
    }
    // An error of another portal is not ours either.
    strict.sign_in.happen(SignInEvent::SignOut).await;
    let state = strict.asked().await.unwrap();
    assert_eq!(strict.return_with(&format!("error=access_denied&state={state}&iss=https://evil.example")).await, mixed);
}

#[tokio::test]
async fn an_answer_serves_once_and_only_for_its_own_question() {
    let app = App::new(Script::default()).await;
    // Two tabs of the browser: either may finish first.
    let first = app.asked().await.unwrap();
    let nonce = app.script.lock().unwrap().nonce.clone();
    let second = app.asked().await.unwrap();
    assert_ne!(first, second);
    let stray = app.return_with("code=c&state=stray").await;
    assert_eq!(stray, Err(SignInFailure::NotOurs("state")), "somebody else's answer");
    app.script.lock().unwrap().nonce = nonce;
    assert_eq!(app.return_with(&format!("code=c&state={first}")).await, Ok("jdupont".to_owned()));
    assert_eq!(app.secrets.load(&SecretKey::sign_in("essai")).unwrap().map(|_| ()), None);
    for state in [first, second] {
        assert_eq!(app.return_with(&format!("code=c&state={state}")).await, Ok("jdupont".to_owned()), "as before");
    }
    assert_eq!(app.portal.seen("POST /t").len(), 1, "a code went out twice");
    app.sign_in.happen(SignInEvent::SignOut).await;
    // A token of the sign-in before does not sign in now: its nonce was another.
    app.sign_in().await.unwrap();
    let used = app.script.lock().unwrap().nonce.clone();
    app.sign_in.happen(SignInEvent::SignOut).await;
    let state = app.asked().await.unwrap();
    app.script.lock().unwrap().nonce = used;
    assert_eq!(app.return_with(&format!("code=c&state={state}")).await, Err(SignInFailure::NotOurs("nonce")));
    assert_eq!(app.secrets.load(&SecretKey::session("essai")).unwrap().map(|_| ()), None, "nothing is kept of it");
}

/// A phone whose clock is ahead by so many milliseconds.
struct Wrong(i64);

impl Clock for Wrong {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0
    }

    fn uptime_ms(&self) -> i64 {
        SystemClock.uptime_ms()
    }
}

#[tokio::test]
async fn a_phone_and_a_portal_that_are_hours_apart_are_told_so() {
    const HOUR: i64 = 3_600_000;
    let sign_in = async |phone: i64, ahead: i64, dated: bool| {
        App::with_clock(Script { ahead, dated, ..Script::default() }, Arc::new(Wrong(phone))).await.sign_in().await
    };
    for phone in [-280_000, 0, 280_000, HOUR] {
        assert_eq!(sign_in(phone, 0, true).await, Ok("jdupont".to_owned()), "{phone}");
    }
    for phone in [-26 * HOUR, -HOUR, 2 * HOUR, 26 * HOUR] {
        let told = sign_in(phone, 0, true).await;
        let about = |minutes: &i64| (minutes * 60_000 - phone).abs() < 120_000;
        assert!(matches!(&told, Err(SignInFailure::PhoneClock { minutes }) if about(minutes)), "{phone}: {told:?}");
    }
    assert_eq!(sign_in(-HOUR, 0, false).await, Err(SignInFailure::BadToken("from the future")));
    // Which of the two is wrong nobody can tell from here.
    assert!(matches!(sign_in(0, 7200, true).await, Err(SignInFailure::PhoneClock { minutes: -121..=-119 })));
}

#[tokio::test]
async fn a_token_endpoint_may_be_slow_or_say_too_much_but_not_silent() {
    let app = App::new(Script { delay: Duration::from_millis(1200), ..Script::default() }).await;
    assert_eq!(app.sign_in().await, Ok("jdupont".to_owned()));
    let twice =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"access_token\":\"evil\"}  ";
    let app = App::new(Script { after: twice, ..Script::default() }).await;
    assert_eq!(app.sign_in().await, Ok("jdupont".to_owned()));
    let token = app.sign_in.session().access_token("jdupont").await.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), "access");
    let app = App::new(Script { delay: Duration::from_secs(10), ..Script::default() }).await;
    assert_eq!(app.sign_in().await, Err(SignInFailure::Connect(ConnectError::TimedOut)));
    assert_eq!(app.portal.seen("POST /t").len(), 1, "a code is sent once");
}

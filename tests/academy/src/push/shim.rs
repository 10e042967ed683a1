//! Between the portal's REST second factor and privacyIDEA.
//!
//! The portal posts `{"user", "code"}` and lets in whoever gets a `result` that Perl takes for true. privacyIDEA's own
//! `result` is an object and so always true: its answers must never reach the portal.

use super::api::{Api, Status};
use crate::{
    AcademyError,
    http::{self, Asked, Handler, Limits},
};
use hyper::{Method, StatusCode};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

const LIMITS: Limits =
    Limits { connections: 64, body: 8 * 1024, wait: Duration::from_secs(10), longest: Duration::from_secs(90) };
/// How long the portal's page is kept waiting for an answer on the phone after the form was sent.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// What the portal forgets too (`sfLoginTimeout` is two minutes).
const KEPT_FOR: Duration = Duration::from_secs(300);
const KEPT: usize = 1_000;

/// The sign-ins that wait for a phone.
#[derive(Debug)]
pub(crate) struct Shim {
    api: Arc<Api>,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    /// Of the teacher and the portal's session: another sign-in of the same teacher is not let in by this one's answer.
    binding: [u8; 32],
    user: String,
    prompted: Prompted,
    since: Instant,
}

/// How the prompt of one sign-in began.
#[derive(Clone, Debug)]
enum Prompted {
    Sent(String),
    NoPhone,
    Failed(String),
}

/// What a teacher sees of the prompt while the portal shows its form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    Answered,
    NoAnswer,
    NoPhone,
    Failed(String),
}

#[derive(Deserialize)]
struct Call {
    user: String,
    session: String,
}

impl Shim {
    /// Opens a free loopback port; returns it with the shim and the work of serving.
    pub(crate) async fn open(
        api: Arc<Api>,
    ) -> Result<(Arc<Self>, SocketAddr, impl Future<Output = ()> + Send), AcademyError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shim = Arc::new(Self { api, waiting: Mutex::default() });
        let serving = http::run(listener, None, LIMITS, Arc::clone(&shim), std::future::pending());
        Ok((shim, address, serving))
    }

    /// Waits at most `limit` for an answer to the newest prompt of `user` since `since`.
    pub(crate) async fn watch(&self, user: &str, since: Instant, limit: Duration) -> Seen {
        let newest = {
            let waiting = self.waiting();
            waiting.iter().rev().find(|one| one.user == user && one.since >= since).map(|one| one.prompted.clone())
        };
        let transaction = match newest {
            Some(Prompted::Sent(transaction)) => transaction,
            Some(Prompted::NoPhone) => return Seen::NoPhone,
            Some(Prompted::Failed(words)) => return Seen::Failed(words),
            None => return Seen::Failed("the portal has not asked for a prompt".to_owned()),
        };
        let end = Instant::now() + limit;
        while Instant::now() < end {
            match self.api.status(&transaction).await {
                Ok(Status::Pending) => sleep(BETWEEN_LOOKS).await,
                Ok(Status::Approved | Status::Declined) => return Seen::Answered,
                Err(error) => return Seen::Failed(error.to_string()),
            }
        }
        Seen::NoAnswer
    }

    async fn begin(&self, call: Call) -> bool {
        let prompted = match self.api.prompt(&call.user).await {
            Ok(Some(transaction)) => Prompted::Sent(transaction),
            Ok(None) => Prompted::NoPhone,
            Err(error) => Prompted::Failed(error.to_string()),
        };
        let sent = matches!(prompted, Prompted::Sent(_));
        let Some(binding) = binding(&call) else { return false };
        let mut waiting = self.waiting();
        waiting.retain(|one| one.since.elapsed() < KEPT_FOR && one.binding != binding);
        if waiting.len() >= KEPT {
            waiting.remove(0);
        }
        waiting.push(Waiting { binding, user: call.user, prompted, since: Instant::now() });
        sent
    }

    /// Whether the phone has approved this very sign-in. A prompt serves once, whatever its answer.
    async fn is_approved(&self, call: Call) -> bool {
        let Some(transaction) = self.take(&call) else { return false };
        let end = Instant::now() + ANSWER_LIMIT;
        loop {
            match self.api.status(&transaction).await {
                Ok(Status::Approved) => return self.api.finish(&call.user, &transaction).await.unwrap_or(false),
                Ok(Status::Pending) if Instant::now() < end => sleep(BETWEEN_LOOKS).await,
                _ => return false,
            }
        }
    }

    fn take(&self, call: &Call) -> Option<String> {
        let binding = binding(call)?;
        let mut waiting = self.waiting();
        let at = waiting.iter().position(|one| one.binding == binding && one.since.elapsed() < KEPT_FOR)?;
        match waiting.remove(at).prompted {
            Prompted::Sent(transaction) => Some(transaction),
            Prompted::NoPhone | Prompted::Failed(_) => None,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Shim {
    async fn answer(&self, asked: Asked) -> http::Answer {
        let is_init = asked.uri.path() == "/init";
        if asked.method != Method::POST || !(is_init || asked.uri.path() == "/verify") {
            return http::json(StatusCode::NOT_FOUND, &json!({"result": false}));
        }
        let call = asked.body.ok().and_then(|body| serde_json::from_slice::<Call>(&body).ok());
        let Some(call) = call else { return http::json(StatusCode::BAD_REQUEST, &json!({"result": false})) };
        let result = if is_init { self.begin(call).await } else { self.is_approved(call).await };
        http::json(StatusCode::OK, &json!({"result": result}))
    }
}

/// The members of the portal's configuration that make it ask the shim at `address` for teachers with push. The session's
/// number is known to the portal alone and differs from sign-in to sign-in.
pub(crate) fn portal_members(address: SocketAddr) -> Map<String, Value> {
    [
        ("rest2fActivation", json!("$employeeType eq \"push\"")),
        ("rest2fInitUrl", json!(format!("http://{address}/init"))),
        ("rest2fVerifyUrl", json!(format!("http://{address}/verify"))),
        ("rest2fInitArgs", json!({"session": "_2fRealSession"})),
        ("rest2fVerifyArgs", json!({"session": "_2fRealSession"})),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// Not kept as it came: it lets in.
fn binding(call: &Call) -> Option<[u8; 32]> {
    if call.user.is_empty() || call.session.is_empty() {
        return None;
    }
    digest(&SHA256, format!("{}\n{}", call.user, call.session).as_bytes()).as_ref().try_into().ok()
}

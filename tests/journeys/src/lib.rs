//! What a journey needs: a phone, and the academy that it talks to.

pub mod chromium;
pub mod kills;

mod keystores;

pub use keystores::{FileStore, Witness};

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use academy::wire::{Direction, Faults, Identity, Wire};
use academy::{Academy, Browser, Endpoint, Teacher, Validity};
use cartable_core::academy::Academy as Profile;
use cartable_core::companion::{Companion, Setup};
use cartable_core::portal::{Question, SignInState};
use cartable_core::ports::{Clock, MemoryStore, Network, Resolver, SecretStore, SystemClock};
use serde_json::{Value, json};

/// The short name of the test academy's profile.
pub const ACADEMY: &str = "academie-test";

/// A resolver that knows the academy's hosts, and whose answers a journey may change to lead through a fault.
#[derive(Clone, Default)]
pub struct Hosts(Arc<Mutex<BTreeMap<String, IpAddr>>>);

impl Hosts {
    /// The hosts of `academy`.
    pub fn of(academy: &Academy) -> Self {
        Self(Arc::new(Mutex::new(academy.hosts().into_iter().collect())))
    }

    /// From now on `host` leads to `address`.
    pub fn lead(&self, host: &str, address: IpAddr) {
        self.0.lock().unwrap().insert(host.to_owned(), address);
    }
}

impl From<BTreeMap<String, IpAddr>> for Hosts {
    fn from(hosts: BTreeMap<String, IpAddr>) -> Self {
        Self(Arc::new(Mutex::new(hosts)))
    }
}

impl Resolver for Hosts {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.lock().unwrap().get(host).copied().into_iter().collect())
    }
}

/// A phone with a keystore of its own and a way to the academy. The app on it may be opened, killed and opened again.
pub struct Phone {
    /// Where its names lead.
    pub hosts: Hosts,
    /// Its keystore.
    pub secrets: Arc<dyn SecretStore>,
    network: Network,
    profile: Profile,
    clock: Option<Arc<dyn Clock>>,
}

impl Phone {
    /// A phone that trusts and finds `academy`, and keeps its secrets in memory.
    pub fn new(academy: &Academy) -> Self {
        Self::with_secrets(academy, Arc::new(MemoryStore::default()))
    }

    /// The same with a keystore of the journey's own.
    pub fn with_secrets(academy: &Academy, secrets: Arc<dyn SecretStore>) -> Self {
        let hosts = Hosts::of(academy);
        Self {
            network: network(academy.ca_pem(), &hosts),
            profile: Profile::from_toml(&academy.profile_toml()).unwrap(),
            hosts,
            secrets,
            clock: None,
        }
    }

    /// Knows the academy by this profile.
    #[must_use]
    pub fn profile(mut self, toml: &str) -> Self {
        self.profile = Profile::from_toml(toml).unwrap();
        self
    }

    /// Gives a server that keeps silent a minute.
    #[must_use]
    pub fn patient(mut self, academy: &Academy) -> Self {
        let network = Network::builder().only_roots(academy.ca_pem()).unwrap().resolver(Arc::new(self.hosts.clone()));
        self.network = network.patience(Duration::from_secs(60)).build().unwrap();
        self
    }

    /// Tells the time by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// From now on its way to `server` leads over a wire that reads along.
    pub async fn watched(&self, academy: &Academy, server: Endpoint) -> Wire {
        let wire = watched(academy, server.clone()).await;
        self.hosts.lead(server.host, wire.address());
        wire
    }

    /// What the app is opened with on this phone.
    pub fn setup(&self, folder: &Path) -> Setup {
        let setup = Setup::new(folder)
            .academy(self.profile.clone())
            .network(self.network.clone())
            .secrets(Arc::clone(&self.secrets));
        match &self.clock {
            Some(clock) => setup.clock(Arc::clone(clock)),
            None => setup,
        }
    }

    /// Starts the app, with its data in `folder`.
    pub async fn open(&self, folder: &Path) -> Companion {
        Companion::open(self.setup(folder)).await.unwrap()
    }

    /// Starts the app and signs in with the scripted browser.
    pub async fn signed_in(&self, academy: &Academy, teacher: &Teacher, folder: &Path) -> Companion {
        let companion = self.open(folder).await;
        match sign_in(&companion, &Browser::new(academy).unwrap(), teacher).await {
            SignInState::SignedIn(_) => companion,
            other => panic!("{other:?}"),
        }
    }
}

/// A clock that is ahead of the system's by as much as a journey says.
#[derive(Default)]
pub struct Ahead(AtomicI64);

impl Ahead {
    /// Lets `ms` pass.
    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }

    fn uptime_ms(&self) -> i64 {
        SystemClock.uptime_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// A wire to `server` that reads along.
pub async fn watched(academy: &Academy, server: Endpoint) -> Wire {
    let wire = academy.wire(server.clone()).await.unwrap();
    let leaf = academy.authority().issue(&[server.host], Validity::Good).unwrap();
    wire.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).record()).await.unwrap();
    wire
}

/// The requests that a wire has seen, as `GET /path` without query.
pub fn requests(wire: &Wire) -> Vec<String> {
    let sent = wire.recorded(Direction::ToServer);
    let sent = String::from_utf8_lossy(&sent);
    let lines = sent.lines().filter_map(|line| line.strip_suffix(" HTTP/1.1"));
    // A body has no line end of its own: the next request begins on its line.
    let starts = lines.filter_map(|line| ["GET /", "POST /"].iter().find_map(|verb| line.get(line.rfind(verb)?..)));
    starts.map(|line| line.split('?').next().unwrap_or(line).to_owned()).collect()
}

/// Signs in with `browser`.
pub async fn sign_in(companion: &Companion, browser: &Browser, teacher: &Teacher) -> SignInState {
    let SignInState::Asks(Question::Browser { url, .. }) = companion.begin_sign_in(ACADEMY).await.unwrap() else {
        panic!("{:?}", companion.sign_in_state());
    };
    let url = browser.sign_in(&url, teacher).await.unwrap();
    companion.browser_returned(&url).await.unwrap()
}

/// A page by which another device of the teacher's signs in.
pub fn authorize(academy: &Academy) -> String {
    format!(
        "{}/oauth2/authorize?response_type=code&client_id=mobile&redirect_uri=fr.academie.mobile:/oauth2redirect&scope=openid\
         &state=s&nonce=n&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&code_challenge_method=S256",
        academy.issuer()
    )
}

/// The inbox's number in the store.
pub async fn inbox(companion: &Companion) -> i64 {
    companion.mailboxes().await.unwrap()[0].id
}

/// The subjects of the inbox, newest first.
pub async fn subjects(companion: &Companion) -> Vec<String> {
    let rows = companion.messages(inbox(companion).await, None, 50).await.unwrap();
    rows.into_iter().map(|row| row.subject).collect()
}

/// A network that trusts only this authority, and gives up after five seconds.
pub fn network(ca_pem: &str, hosts: &Hosts) -> Network {
    let network = Network::builder().only_roots(ca_pem).unwrap().resolver(Arc::new(hosts.clone()));
    network.patience(Duration::from_secs(5)).build().unwrap()
}

/// Gives `teacher` another password at the academy's reset desk, as from another device.
pub async fn reset_password(academy: &Academy, teacher: &Teacher, password: &str) {
    let desk = academy.desk().await.unwrap();
    let network = network(academy.ca_pem(), &Hosts::of(academy));
    let ask = async |step: &str, fields: Value| -> Value {
        let url = format!("https://reset.academie.test:{}/reset/{step}", desk.address().port());
        let answer = network.http().post(url).header("accept", "application/json").json(&fields).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{step}: {:?}", desk.log());
        answer.json().await.unwrap()
    };
    let (identifier, numen, birth_date) = (teacher.uid, teacher.numen, teacher.birth_date);
    let proof = json!({"identifier": identifier, "numen": numen, "birth_date": birth_date});
    let token = ask("proof", proof).await["token"].as_str().unwrap().to_owned();
    ask("password", json!({"token": token, "new_password": password, "confirmation": password})).await;
}

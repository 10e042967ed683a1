//! What a journey needs: a phone, and the academy that it talks to.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use academy::{Academy, Browser, Teacher};
use cartable_core::attempts::Ledger;
use cartable_core::mail::MailAccount;
use cartable_core::portal::{SignIn, SignInEvent, SignInState, Who};
use cartable_core::ports::{Clock, MemoryStore, Network, Resolver, SecretStore, SystemClock};
use cartable_core::store::Store;

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

impl Resolver for Hosts {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.lock().unwrap().get(host).copied().into_iter().collect())
    }
}

/// A phone with an empty folder, a keystore of its own, and a way to the academy.
pub struct Phone {
    /// Where its names lead.
    pub hosts: Hosts,
    /// Its keystore.
    pub secrets: Arc<dyn SecretStore>,
    /// Its way out.
    pub network: Network,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    profile: Arc<cartable_core::academy::Academy>,
}

impl Phone {
    /// A phone that trusts and finds `academy`.
    pub fn new(academy: &Academy) -> Self {
        let hosts = Hosts::of(academy);
        let network = Network::builder()
            .only_roots(academy.ca_pem())
            .unwrap()
            .resolver(Arc::new(hosts.clone()))
            .patience(Duration::from_secs(5))
            .build()
            .unwrap();
        let profile = cartable_core::academy::Academy::from_toml(&academy.profile_toml()).unwrap();
        Self {
            hosts,
            secrets: Arc::new(MemoryStore::default()),
            network,
            clock: Arc::new(SystemClock),
            profile: Arc::new(profile),
        }
    }

    /// The sign-in, as after a start of the app.
    pub fn sign_in(&self, who: Option<Who>) -> SignIn {
        SignIn::new(
            Arc::clone(&self.profile),
            self.network.clone(),
            Arc::clone(&self.secrets),
            Arc::clone(&self.clock),
            who,
        )
    }

    /// Signs in with the scripted browser.
    pub async fn signed_in(&self, academy: &Academy, teacher: &Teacher) -> (SignIn, Who) {
        let sign_in = self.sign_in(None);
        let SignInState::Browser { url, .. } = sign_in.happen(SignInEvent::Begin).await else {
            panic!("{:?}", sign_in.state());
        };
        let url = Browser::new(academy).unwrap().sign_in(&url, teacher).await.unwrap();
        match sign_in.happen(SignInEvent::Returned { url }).await {
            SignInState::SignedIn(who) => (sign_in, who),
            other => panic!("{other:?}"),
        }
    }

    /// The mail of `who`, with the database in `folder`, as after a start of the app.
    pub fn mail(&self, sign_in: &SignIn, who: Who, folder: &Path) -> MailAccount {
        let store = Store::open(folder).unwrap();
        let ledger = Ledger::new(store.clone(), Arc::clone(&self.secrets), Arc::clone(&self.clock));
        MailAccount::new(
            Arc::clone(&self.profile),
            who,
            store,
            self.network.clone(),
            sign_in.session(),
            Arc::clone(&self.secrets),
            ledger,
        )
    }
}

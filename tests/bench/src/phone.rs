//! A phone for one measurement: an empty folder, a keystore in memory with the mail password, and a way to the academy.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use academy::wire::{Direction, Wire};
use academy::{Academy, Teacher};
use cartable_core::mail::MailAccount;
use cartable_core::portal::{Session, Who};
use cartable_core::ports::{Clock, MemoryStore, Network, Resolver, SecretKey, SecretStore, SystemClock};
use cartable_core::store::Store;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Failure;

/// What a phone must know of the academy and of its teacher. Holds the password: it travels to a child by its standard
/// input, and is not printed.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Setup {
    profile: String,
    pub(crate) ca_pem: String,
    /// Where every name leads.
    pub(crate) address: IpAddr,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
}

struct Everything(IpAddr);

impl Resolver for Everything {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![self.0])
    }
}

impl Setup {
    /// The mail of `teacher`, by password: a portal and its browser would measure something else.
    pub(crate) fn of(academy: &Academy, teacher: &Teacher, address: IpAddr) -> Result<Self, Failure> {
        let profile = academy.profile_toml();
        let by_password = profile.replace(r#"auth = ["oauthbearer", "xoauth2", "password"]"#, r#"auth = ["password"]"#);
        if by_password == profile {
            return Err("the academy's profile names its mechanisms in another way".into());
        }
        Ok(Self {
            profile: by_password,
            ca_pem: academy.ca_pem().to_owned(),
            address,
            host: academy.imap().host.to_owned(),
            port: academy.imap().port,
            user: teacher.uid.to_owned(),
            password: teacher.password.to_owned(),
        })
    }

    /// The same over another way.
    pub(crate) fn over(&self, address: IpAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The product's mail account on a new database in `folder`, and that database.
    pub(crate) fn mail(&self, folder: &Path) -> Result<(MailAccount, Store), Failure> {
        let network = Network::builder()
            .only_roots(&self.ca_pem)?
            .resolver(Arc::new(Everything(self.address)))
            .patience(Duration::from_secs(20))
            .build()?;
        let profile = Arc::new(cartable_core::academy::Academy::from_toml(&self.profile)?);
        let secrets: Arc<dyn SecretStore> = Arc::new(MemoryStore::default());
        secrets.put(&SecretKey::mail_password(&profile.id, &self.user), &SecretString::from(self.password.clone()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let who: Who = serde_json::from_value(json!({ "identifier": self.user }))?;
        let store = Store::open(folder)?;
        let (shared, keystore) = (store.clone(), Arc::clone(&secrets));
        let session = Session::new(Arc::clone(&profile), shared, network.clone(), keystore, Arc::clone(&clock));
        let mail = MailAccount::new(profile, who, store.clone(), network, Arc::new(session), secrets, clock);
        Ok((mail, store))
    }
}

/// What went over a wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    pub(crate) round_trips: u64,
}

impl Traffic {
    /// Until now, both ways.
    pub(crate) fn of(wire: &Wire) -> Self {
        let bytes = [Direction::ToServer, Direction::ToClient].map(|direction| wire.bytes(direction)).iter().sum();
        Self { bytes, round_trips: wire.round_trips() }
    }

    /// What is more here than in `other`.
    pub(crate) fn beyond(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            round_trips: self.round_trips.saturating_sub(other.round_trips),
        }
    }
}

/// What a sync on a new connection costs beyond the login.
pub(crate) async fn after_login(mail: &MailAccount, wire: &Wire) -> Result<Traffic, Failure> {
    let start = Traffic::of(wire);
    mail.check_login().await?;
    mail.disconnect().await;
    let login = Traffic::of(wire).beyond(start);
    let start = Traffic::of(wire);
    mail.sync().await?;
    mail.disconnect().await;
    Ok(Traffic::of(wire).beyond(start).beyond(login))
}

//! What a shell hands in.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use cartable_core::academy::Academy;
use cartable_core::companion::{CompanionError as CoreError, Setup as CoreSetup};
use cartable_core::ports::{
    Network, Resolver, SecretKey, SecretStore as CoreStore, SecretStoreError as CoreStoreError,
    ServiceRecord as CoreServiceRecord,
};
use cartable_core::words::Language;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::block_in_place;

use crate::error::ListenerError;
use crate::records::{Change, SyncReport};

/// What a companion is opened with.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Setup {
    /// A folder of the app's own for the database. Made when it is not there.
    pub folder: String,
    /// A language tag such as `fr-FR`; French for every tag that is not English.
    pub language: String,
    /// Further academies, in the TOML of a profile. Empty in a shipped app.
    #[uniffi(default = [])]
    pub profiles: Vec<String>,
    /// A network other than the phone's. Nothing in a shipped app.
    #[uniffi(default = None)]
    pub network: Option<NetworkSettings>,
}

/// A network other than the phone's, for tests and development. Certificates are verified all the same.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NetworkSettings {
    /// The only authorities to trust, in PEM.
    pub only_roots_pem: String,
    /// Addresses of hosts, asked before the system's resolver.
    pub hosts: HashMap<String, String>,
}

/// A keystore of the shell's own, where the platform's will not do. Called on any thread; may block for a short while.
#[uniffi::export(foreign)]
pub trait SecretStore: Send + Sync {
    /// Keeps `secret` under `key`, replacing what was there. Persisted when it returns.
    fn put(&self, key: String, secret: String) -> Result<(), SecretStoreError>;

    /// Gives the secret kept under `key`, nothing where there is none.
    fn load(&self, key: String) -> Result<Option<String>, SecretStoreError>;

    /// Forgets the secret under `key`. Forgetting what is not there succeeds.
    fn delete(&self, key: String) -> Result<(), SecretStoreError>;
}

/// Why a keystore did not do what was asked.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum SecretStoreError {
    /// The phone was not unlocked since it started, or the person said no.
    #[error("locked")]
    Locked,
    /// It failed. `reason` must not hold a secret.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What the platform said.
        reason: String,
    },
}

/// Looks up the servers of a service, by the platform's own call: `DnsResolver` on Android, `DNSServiceQueryRecord` on iOS.
/// Called on a thread of ours that may block; what has not come after eight seconds is not waited for.
#[uniffi::export(foreign)]
pub trait ServiceResolver: Send + Sync {
    /// The SRV records (RFC 2782) of `name`, for instance `_imaps._tcp.example.org`, in any order; empty where there are none.
    fn look_up(&self, name: String) -> Result<Vec<ServiceRecord>, ServiceResolverError>;
}

/// A server of a service, as the SRV record of a domain says.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct ServiceRecord {
    /// The lowest comes first.
    pub priority: u16,
    /// Among those of one priority, the greater is preferred.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, with or without a dot at its end; `.` alone says that the service is not offered.
    pub target: String,
}

/// Why nobody knows the servers of a service: no network, or no call for it.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ServiceResolverError {
    /// They could not be asked for.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What the platform said.
        reason: String,
    },
}

/// Is told what changed, at most ten times a second.
#[uniffi::export(foreign)]
pub trait ChangeListener: Send + Sync {
    /// These changed: read anew what of it is on the screen.
    fn on_changes(&self, changes: Vec<Change>) -> Result<(), ListenerError>;
}

/// Is told how a sync goes on.
#[uniffi::export(foreign)]
pub trait SyncListener: Send + Sync {
    /// So many headers of so many have come.
    fn on_progress(&self, done: u64, expected: u64) -> Result<(), ListenerError>;

    /// The sync is whole. Not called when it failed or was cancelled: [`crate::TaskHandle::finished`] tells.
    fn on_report(&self, report: SyncReport) -> Result<(), ListenerError>;
}

impl From<uniffi::UnexpectedUniFFICallbackError> for SecretStoreError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // An exception's text may quote the secret that the keystore was given.
        Self::Unavailable { reason: "an exception nobody expected".to_owned() }
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ServiceResolverError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { reason: error.reason }
    }
}

impl Setup {
    pub(crate) fn language(&self) -> Language {
        Language::of_tag(&self.language)
    }

    pub(crate) fn into_core(
        self,
        secrets: Option<Arc<dyn SecretStore>>,
        services: Option<Arc<dyn ServiceResolver>>,
    ) -> Result<CoreSetup, CoreError> {
        let mut setup = CoreSetup::new(&self.folder).language(self.language());
        for profile in &self.profiles {
            setup = setup.academy(Academy::from_toml(profile)?);
        }
        if self.network.is_some() || services.is_some() {
            let mut network = Network::builder();
            let mut hosts = HashMap::new();
            if let Some(other) = self.network {
                network = network.only_roots(&other.only_roots_pem)?;
                for (host, address) in other.hosts {
                    let detail = || CoreError::Bug { detail: format!("the address of {host} is none") };
                    let address = address.parse().map_err(|_| detail())?;
                    hosts.insert(host, address);
                }
            }
            setup = setup.network(network.resolver(Arc::new(Names { hosts, services })).build()?);
        }
        if let Some(secrets) = secrets {
            setup = setup.secrets(Arc::new(Foreign(secrets)));
        }
        Ok(setup)
    }
}

/// Where names lead: as the shell says, and for other hosts as the system does.
struct Names {
    hosts: HashMap<String, IpAddr>,
    services: Option<Arc<dyn ServiceResolver>>,
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self.hosts.get(host) {
            Some(address) => Ok(vec![*address]),
            None => cartable_core::ports::SystemResolver.resolve(host),
        }
    }

    /// Without the shell's help nobody is asked: a network other than the phone's is not the system's to know.
    fn services(&self, name: &str) -> io::Result<Vec<CoreServiceRecord>> {
        let services = self.services.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let found = services.look_up(name.to_owned()).map_err(io::Error::other)?;
        Ok(found.into_iter().map(Into::into).collect())
    }
}

impl From<ServiceRecord> for CoreServiceRecord {
    fn from(record: ServiceRecord) -> Self {
        let ServiceRecord { priority, weight, port, target } = record;
        Self { priority, weight, port, target }
    }
}

/// A shell's keystore as the core knows one. While it blocks, the runtime's other work goes on elsewhere.
struct Foreign(Arc<dyn SecretStore>);

impl CoreStore for Foreign {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), CoreStoreError> {
        block_in_place(|| self.0.put(key.to_string(), secret.expose_secret().to_owned())).map_err(said)
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, CoreStoreError> {
        Ok(block_in_place(|| self.0.load(key.to_string())).map_err(said)?.map(Into::into))
    }

    fn delete(&self, key: &SecretKey) -> Result<(), CoreStoreError> {
        block_in_place(|| self.0.delete(key.to_string())).map_err(said)
    }
}

fn said(error: SecretStoreError) -> CoreStoreError {
    match error {
        SecretStoreError::Locked => CoreStoreError::Locked,
        SecretStoreError::Unavailable { reason } => CoreStoreError::Unavailable { reason },
    }
}

//! The one home of secrets: the platform's keystore, behind a trait.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use keyring_core::Entry;
use secrecy::{ExposeSecret, SecretString};

/// Keeps secrets for the core. The only place where a secret outlives a call.
///
/// Implementations are called from any thread, may block for as long as the platform's keystore does, and are never
/// called with a lock of the core held.
pub trait SecretStore: Send + Sync {
    /// Keeps `secret` under `key`, replacing what was there. Persisted when it returns.
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError>;

    /// Gives the secret kept under `key`, `None` where there is none.
    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError>;

    /// Forgets the secret under `key`. Forgetting what is not there succeeds.
    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError>;
}

/// The name of a secret: what it is, and whose. Names are not secret and may be logged.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SecretKey {
    kind: &'static str,
    owner: String,
}

impl SecretKey {
    /// The tokens of the session at an academy's portal.
    pub fn session(academy: &str) -> Self {
        Self { kind: "session", owner: academy.to_owned() }
    }

    /// The portal's own session, where the app filled in its form: its cookies.
    pub fn portal_cookies(academy: &str) -> Self {
        Self { kind: "portal-cookies", owner: academy.to_owned() }
    }

    /// What an unfinished sign-in needs in order to go on: PKCE verifier, state, nonce; the portal's next step.
    pub fn sign_in(academy: &str) -> Self {
        Self { kind: "sign-in", owner: academy.to_owned() }
    }

    /// The password of one person at the mail servers, for academies whose servers take no token.
    pub fn mail_password(academy: &str, identifier: &str) -> Self {
        Self { kind: "mail-password", owner: format!("{academy}/{identifier}") }
    }

    /// The key that turns a tried secret into the fingerprint kept by the ledger of attempts.
    pub fn ledger() -> Self {
        Self { kind: "ledger", owner: "device".to_owned() }
    }
}

/// A part of a keystore for one of several accounts: the same keys, and others behind them. Only what is of the phone itself is
/// shared.
pub(crate) struct Drawer {
    store: Arc<dyn SecretStore>,
    name: String,
}

impl Drawer {
    /// The part `name`, the same each time.
    pub(crate) fn new(store: Arc<dyn SecretStore>, name: impl Into<String>) -> Self {
        Self { store, name: name.into() }
    }

    fn key(&self, key: &SecretKey) -> SecretKey {
        if *key == SecretKey::ledger() {
            return key.clone();
        }
        SecretKey { kind: key.kind, owner: format!("{}/{}", self.name, key.owner) }
    }
}

impl SecretStore for Drawer {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        self.store.put(&self.key(key), secret)
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        self.store.load(&self.key(key))
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        self.store.delete(&self.key(key))
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.owner)
    }
}

/// Why the keystore did not do what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretStoreError {
    /// The keystore exists but is locked: the phone was not unlocked since it started, or the person said no.
    #[error("the keystore is locked")]
    Locked,
    /// There is no keystore, or it failed. `reason` never holds a secret.
    #[error("the keystore does not answer: {reason}")]
    Unavailable {
        /// What the platform said, for a report.
        reason: String,
    },
}

/// The platform's own keystore, through the keyring family. What the core uses unless a shell hands in another.
#[derive(Debug)]
pub struct KeyringStore {
    service: String,
}

impl KeyringStore {
    /// Opens the platform's keystore for secrets of `service` (a reverse domain name, shown by some keystores).
    ///
    /// Blocks while the platform answers. Fails where there is none, as on a server without a desktop session.
    pub fn open(service: &str) -> Result<Self, SecretStoreError> {
        static DEFAULT: OnceLock<Result<(), SecretStoreError>> = OnceLock::new();
        DEFAULT.get_or_init(platform::register).clone()?;
        Ok(Self { service: service.to_owned() })
    }

    fn entry(&self, key: &SecretKey) -> Result<Entry, SecretStoreError> {
        platform::entry(&self.service, &key.to_string()).map_err(said)
    }
}

impl SecretStore for KeyringStore {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        self.entry(key)?.set_password(secret.expose_secret()).map_err(said)
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        match self.entry(key)?.get_password() {
            Ok(secret) => Ok(Some(secret.into())),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(said(error)),
        }
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        match self.entry(key)?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(said(error)),
        }
    }
}

/// Only the kind of failure is kept: `BadEncoding` and its kin carry the secret itself.
fn said(error: keyring_core::Error) -> SecretStoreError {
    match error {
        keyring_core::Error::NoStorageAccess(_) => SecretStoreError::Locked,
        keyring_core::Error::PlatformFailure(cause) => SecretStoreError::Unavailable { reason: cause.to_string() },
        keyring_core::Error::NoDefaultStore => SecretStoreError::Unavailable { reason: "no keystore".to_owned() },
        keyring_core::Error::NotSupportedByStore(what) => SecretStoreError::Unavailable { reason: what },
        _ => SecretStoreError::Unavailable { reason: "an entry that cannot be read".to_owned() },
    }
}

#[cfg(all(feature = "desktop-keyring", not(any(target_os = "android", target_os = "ios"))))]
mod platform {
    use super::{Entry, SecretStoreError};

    pub(super) fn register() -> Result<(), SecretStoreError> {
        match keyring::Entry::store_status() {
            Ok(()) => Ok(()),
            Err(error) => Err(SecretStoreError::Unavailable { reason: error.to_string() }),
        }
    }

    pub(super) fn entry(service: &str, name: &str) -> keyring_core::Result<Entry> {
        keyring::Entry::new(service, name).map(|entry| entry.inner)
    }
}

#[cfg(not(any(feature = "desktop-keyring", target_os = "android", target_os = "ios")))]
mod platform {
    use super::{Entry, SecretStoreError};

    pub(super) fn register() -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Unavailable { reason: "built without the desktop's keystores".to_owned() })
    }

    pub(super) fn entry(service: &str, name: &str) -> keyring_core::Result<Entry> {
        Entry::new(service, name)
    }
}

#[cfg(target_os = "android")]
mod platform {
    use super::{Entry, SecretStoreError};

    pub(super) fn register() -> Result<(), SecretStoreError> {
        let store = android_native_keyring_store::Store::new().map_err(super::said)?;
        keyring_core::set_default_store(store);
        Ok(())
    }

    pub(super) fn entry(service: &str, name: &str) -> keyring_core::Result<Entry> {
        Entry::new(service, name)
    }
}

#[cfg(target_os = "ios")]
mod platform {
    use std::collections::HashMap;

    use super::{Entry, SecretStoreError};

    pub(super) fn register() -> Result<(), SecretStoreError> {
        let store = apple_native_keyring_store::protected::Store::new().map_err(super::said)?;
        keyring_core::set_default_store(store);
        Ok(())
    }

    /// Background sync reads tokens while the phone is locked; a backup on another phone must not hold them.
    pub(super) fn entry(service: &str, name: &str) -> keyring_core::Result<Entry> {
        let modifiers = HashMap::from([("access-policy", "after-first-unlock-this-device-only")]);
        Entry::new_with_modifiers(service, name, &modifiers)
    }
}

/// Keeps secrets in memory only: for tests, and for a companion that should forget everything at its end.
#[derive(Clone, Default)]
pub struct MemoryStore {
    secrets: Arc<Mutex<BTreeMap<SecretKey, SecretString>>>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl SecretStore for MemoryStore {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(key.clone(), secret.clone());
        Ok(())
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(secrets.get(key).cloned())
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }
}

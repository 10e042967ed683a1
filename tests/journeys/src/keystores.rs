//! Keystores for journeys: one that outlives a process, one that remembers what it was given.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cartable_core::ports::{MemoryStore, SecretKey, SecretStore, SecretStoreError};
use secrecy::{ExposeSecret, SecretString};

/// Keeps secrets in files, in clear: for a test whose app is killed, and for nothing else.
#[derive(Debug)]
pub struct FileStore(PathBuf);

impl FileStore {
    /// Keeps them in `folder`, which must be there.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn file(&self, key: &SecretKey) -> PathBuf {
        self.0.join(key.to_string().replace('/', "+"))
    }
}

impl SecretStore for FileStore {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        // Renamed when whole, as a real keystore keeps all of a secret or nothing.
        let next = self.0.join(format!("next-{}", std::process::id()));
        fs::write(&next, secret.expose_secret()).unwrap();
        fs::rename(next, self.file(key)).unwrap();
        Ok(())
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        Ok(fs::read_to_string(self.file(key)).ok().map(Into::into))
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        let _ = fs::remove_file(self.file(key));
        Ok(())
    }
}

/// Keeps secrets in memory and remembers every one it was ever given, so that a test can look for them elsewhere.
#[derive(Clone, Default)]
pub struct Witness {
    store: MemoryStore,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Witness {
    /// Every secret so far with its key; those that are JSON as a whole, and member by member.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (key, secret) in self.seen.lock().unwrap().iter() {
            found.push((key.clone(), secret.clone()));
            if let Ok(serde_json::Value::Object(members)) = serde_json::from_str(secret) {
                let texts = members.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                found.extend(texts.map(|(name, text)| (format!("{key} {name}"), text.to_owned())));
            }
        }
        found
    }
}

impl SecretStore for Witness {
    fn put(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretStoreError> {
        self.seen.lock().unwrap().push((key.to_string(), secret.expose_secret().to_owned()));
        self.store.put(key, secret)
    }

    fn load(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretStoreError> {
        self.store.load(key)
    }

    fn delete(&self, key: &SecretKey) -> Result<(), SecretStoreError> {
        self.store.delete(key)
    }
}

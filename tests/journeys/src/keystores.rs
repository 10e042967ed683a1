//! Keystores for journeys: one that outlives a process, one that remembers what it was given.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cartable_core::ports::{MemoryStore, SecretKey, SecretStore, SecretStoreError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

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
    /// Every secret so far with its key; those that are JSON as a whole, and each text in them by the names that lead to it.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (key, secret) in self.seen.lock().unwrap().iter() {
            found.push((key.clone(), secret.clone()));
            if let Ok(whole @ Value::Object(_)) = serde_json::from_str(secret) {
                texts(key, &whole, &mut found);
            }
        }
        found
    }
}

fn texts(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| texts(&format!("{path} {name}"), value, found))
        }
        // A field of a form, or a cookie.
        Value::Array(pair) if let [Value::String(name), Value::String(value)] = pair.as_slice() => {
            found.push((format!("{path} {name}"), value.clone()));
        }
        Value::Array(all) => all.iter().for_each(|value| texts(path, value, found)),
        _ => {}
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

//! Keeps, reads, replaces and forgets a secret in the system's own keystore, as the app does: `tests/keyring` runs it with a
//! keystore of its own. Says nothing and exits with 0 when all of it works.

use cartable_core::ports::{KeyringStore, SecretKey, SecretStore, SecretStoreError};
use secrecy::ExposeSecret;

fn main() -> Result<(), SecretStoreError> {
    let key = SecretKey::mail_password("essai", "jdupont");
    let store = KeyringStore::open("fr.cartable.test")?;
    store.delete(&key)?;
    assert!(store.load(&key)?.is_none(), "something was there before");
    // As long as the tokens of a session are, with letters of every alphabet.
    let long = format!("{}é€😀", "x".repeat(3000));
    for secret in ["first", "", long.as_str()] {
        store.put(&key, &secret.into())?;
        // Another handle, as after a restart.
        let again = KeyringStore::open("fr.cartable.test")?.load(&key)?;
        assert!(again.is_some_and(|kept| kept.expose_secret() == secret), "a secret came back changed");
    }
    store.delete(&key)?;
    store.delete(&key)?;
    assert!(store.load(&key)?.is_none(), "a forgotten secret is still there");
    Ok(())
}

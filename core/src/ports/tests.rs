use super::{ConnectError, MemoryStore, Network, SecretKey, SecretStore};
use secrecy::ExposeSecret;

#[test]
fn a_secret_is_kept_replaced_and_forgotten() {
    let store = MemoryStore::default();
    let key = SecretKey::session("nancy-metz");
    assert!(store.load(&key).unwrap().is_none());
    store.put(&key, &"first".into()).unwrap();
    store.put(&key, &"second".into()).unwrap();
    assert_eq!(store.load(&key).unwrap().unwrap().expose_secret(), "second");
    assert!(store.load(&SecretKey::session("nice")).unwrap().is_none());
    store.delete(&key).unwrap();
    store.delete(&key).unwrap();
    assert!(store.load(&key).unwrap().is_none());
}

#[test]
fn a_store_of_secrets_prints_none() {
    let store = MemoryStore::default();
    store.put(&SecretKey::ledger(), &"pl4nted".into()).unwrap();
    assert!(!format!("{store:?}").contains("pl4nted"));
}

#[test]
fn roots_that_are_none_are_refused() {
    assert_eq!(Network::builder().only_roots("not a certificate").err(), Some(ConnectError::BadRoots));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let network = Network::system().unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(network.connect("127.0.0.1", free).await.err(), Some(ConnectError::Unreachable));
}

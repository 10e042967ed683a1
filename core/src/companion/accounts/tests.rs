use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::{AccountId, Accounts};
use crate::attempts::{Ledger, Outcome, Presence};
use crate::companion::{CompanionError as E, Setup};
use crate::ports::{Clock, Drawer, MemoryStore, SecretKey, SecretStore, SystemClock};
use crate::store::Store;

struct Phone {
    folder: tempfile::TempDir,
    secrets: Arc<MemoryStore>,
}

impl Phone {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), secrets: Arc::default() }
    }

    async fn open(&self) -> Result<Accounts, E> {
        let secrets: Arc<dyn SecretStore> = Arc::clone(&self.secrets) as Arc<dyn SecretStore>;
        Accounts::open(Setup::new(self.folder.path()).secrets(secrets)).await
    }

    /// An account at which `identifier` has signed in, as the database tells it.
    async fn account(&self, accounts: &Accounts, academy: &'static str, identifier: &'static str) -> AccountId {
        let (id, companion) = accounts.add().await.unwrap();
        companion
            .store
            .write(move |t, _| {
                t.execute("INSERT INTO account (academy, identifier) VALUES (?, ?)", [academy, identifier])?;
                t.execute("INSERT INTO chosen (one, academy) VALUES (1, ?)", [academy])?;
                Ok(())
            })
            .await
            .unwrap();
        id
    }
}

const NANCY: &str = "nancy-metz";
const PARIS: &str = "paris";

async fn who(accounts: &Accounts, id: AccountId) -> Option<String> {
    accounts.companion(id).await.unwrap().account().map(|who| who.identifier)
}

#[tokio::test]
async fn accounts_are_there_after_a_restart_each_with_its_own_person_and_those_of_nobody_are_not() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    assert!(accounts.ids().unwrap().is_empty());
    let first = phone.account(&accounts, NANCY, "jdupont").await;
    let (nobody, _) = accounts.add().await.unwrap();
    let third = phone.account(&accounts, PARIS, "jdupont").await;
    assert_eq!(accounts.ids().unwrap(), [first, nobody, third]);
    accounts.shutdown().await.unwrap();

    let accounts = phone.open().await.unwrap();
    assert_eq!(accounts.ids().unwrap(), [first, third]);
    assert_eq!(who(&accounts, third).await.as_deref(), Some("jdupont"));
    assert_eq!(accounts.companion(nobody).await.err(), Some(E::NotFound));
    let academy = accounts.companion(third).await.unwrap().academy().unwrap();
    assert_eq!(academy.id, PARIS);
}

#[tokio::test]
async fn one_person_is_known_in_another_account_and_not_in_their_own() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    phone.account(&accounts, NANCY, "jdupont").await;
    let second = phone.account(&accounts, NANCY, "pmartin").await;
    accounts.shutdown().await.unwrap();
    let accounts = phone.open().await.unwrap();
    let second = accounts.companion(second).await.unwrap();
    let among = second.among.as_ref().unwrap();
    assert!(among.is_elsewhere(NANCY, "jdupont"));
    assert!(!among.is_elsewhere(NANCY, "pmartin"), "that is this one");
    assert!(!among.is_elsewhere(PARIS, "jdupont"));
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_and_touches_no_other() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    let first = phone.account(&accounts, NANCY, "jdupont").await;
    let second = phone.account(&accounts, NANCY, "pmartin").await;
    accounts.shutdown().await.unwrap();
    let accounts = phone.open().await.unwrap();
    let secret = SecretString::from("s3cret");
    for (id, person) in [(first, "jdupont"), (second, "pmartin")] {
        let companion = accounts.companion(id).await.unwrap();
        companion.secrets.put(&SecretKey::mail_password(NANCY, person), &secret).unwrap();
    }
    accounts.remove(first, false).await.unwrap();
    assert_eq!(accounts.ids().unwrap(), [second]);
    assert_eq!(std::fs::read_dir(phone.folder.path().join("accounts")).unwrap().count(), 1);
    let kept = accounts.companion(second).await.unwrap();
    assert!(kept.secrets.load(&SecretKey::mail_password(NANCY, "pmartin")).unwrap().is_some());
    assert_eq!(kept.account().unwrap().identifier, "pmartin");
    let drawer = |name: &str| Drawer::new(Arc::clone(&phone.secrets) as Arc<dyn SecretStore>, name);
    assert!(drawer("1").load(&SecretKey::mail_password(NANCY, "jdupont")).unwrap().is_none());
    assert!(drawer("2").load(&SecretKey::mail_password(NANCY, "pmartin")).unwrap().is_some());
}

#[tokio::test]
async fn what_is_half_removed_is_removed_and_never_taken_for_an_account() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    let first = phone.account(&accounts, NANCY, "jdupont").await;
    accounts.shutdown().await.unwrap();
    let gone = phone.folder.path().join("accounts/1.gone");
    std::fs::rename(phone.folder.path().join("accounts/1"), &gone).unwrap();
    std::fs::write(phone.folder.path().join("accounts/notes.txt"), "somebody's").unwrap();
    let accounts = phone.open().await.unwrap();
    assert!(accounts.ids().unwrap().is_empty() && !gone.exists());
    assert_eq!(accounts.companion(first).await.err(), Some(E::NotFound));
}

#[tokio::test]
async fn a_damaged_account_keeps_no_other_from_opening_and_is_rebuilt_by_itself() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    let first = phone.account(&accounts, NANCY, "jdupont").await;
    let second = phone.account(&accounts, NANCY, "pmartin").await;
    accounts.shutdown().await.unwrap();
    let file = phone.folder.path().join("accounts/1/cartable.db");
    std::fs::write(&file, "junk ".repeat(2000)).unwrap();
    let accounts = phone.open().await.unwrap();
    assert_eq!(who(&accounts, second).await.as_deref(), Some("pmartin"));
    assert_eq!(accounts.companion(first).await.err(), Some(E::StorageDamaged));
    assert_eq!(accounts.remove(first, false).await, Err(E::StorageDamaged), "there may be letters in it");
    assert!(!accounts.rebuild(first).await.unwrap().whole);
    assert_eq!(who(&accounts, first).await, None);
    std::fs::write(&file, "junk ".repeat(2000)).unwrap();
    accounts.shutdown().await.unwrap();
    let accounts = phone.open().await.unwrap();
    accounts.remove(first, true).await.unwrap();
    assert_eq!(accounts.ids().unwrap(), [second]);
}

#[tokio::test]
async fn tries_of_a_password_are_counted_for_all_accounts_together() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    let ledger = |store: &Store| {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ledger::new(store.clone(), Arc::clone(&phone.secrets) as Arc<dyn SecretStore>, clock)
    };
    let (_, one) = accounts.add().await.unwrap();
    let (_, other) = accounts.add().await.unwrap();
    let (one, other) = (one.among.as_ref().unwrap(), other.among.as_ref().unwrap());
    let try_it = async |store: &Store, password: &str| {
        let (ledger, password) = (ledger(store), SecretString::from(password.to_owned()));
        let reserved = ledger.reserve(NANCY, "jdupont", &password, Presence::Attended).await?;
        ledger.settle(reserved, Outcome::Refused).await
    };
    try_it(&one.ledger, "un").await.unwrap();
    try_it(&other.ledger, "deux").await.unwrap();
    assert!(try_it(&one.ledger, "trois").await.is_err());
}

#[tokio::test]
async fn sleep_and_end_are_for_all_and_a_sync_is_for_those_who_are_signed_in() {
    let phone = Phone::new();
    let accounts = phone.open().await.unwrap();
    let (id, companion) = accounts.add().await.unwrap();
    assert!(accounts.sync_once(Duration::from_secs(1)).await.is_empty());
    accounts.suspend().await.unwrap();
    accounts.shutdown().await.unwrap();
    assert_eq!(companion.mailboxes().await.err().map(|error| matches!(error, E::SignInAgain(_))), Some(true));
    assert!(phone.open().await.unwrap().companion(id).await.is_err(), "nobody had chosen an academy there");
}

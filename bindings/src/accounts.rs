//! Several accounts on one phone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartable_core::companion::{AccountId, Accounts as Core, CompanionError as CoreError};
use cartable_core::words::Language;

use crate::cartable::{Cartable, now_ms};
use crate::error::{CompanionError, Told};
use crate::ports::{SecretStore, ServiceResolver, Setup};
use crate::records::{Rescued, SyncOnce};
use crate::runtime;
use crate::sign_in::Who;

/// An account as a list shows it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Account {
    /// Its number on this phone.
    pub id: u32,
    /// The name of the academy, once one was chosen.
    pub academy: Option<String>,
    /// Whose mail it is, once somebody has signed in.
    pub who: Option<Who>,
    /// What is wrong with it, where it cannot be opened: offer `rebuild` for `storage-damaged`.
    pub trouble: Option<Told>,
}

/// What a sync within a deadline came to at one account.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct AccountSync {
    /// The account.
    pub account: u32,
    /// What was done; nothing when it failed.
    pub done: Option<SyncOnce>,
    /// What the teacher is told, when it failed.
    pub trouble: Option<Told>,
}

/// The accounts of one phone. A shell holds one, for as long as the app runs.
#[derive(Debug, uniffi::Object)]
pub struct Accounts {
    core: Arc<Core>,
    language: Language,
    /// Those that the shell has asked for.
    held: Mutex<BTreeMap<AccountId, Arc<Cartable>>>,
}

#[uniffi::export]
impl Accounts {
    /// Opens the accounts in the folder of `setup` where they were when the app ended; those at which nobody chose an academy are
    /// gone. Connects to nothing. `secrets` and `services` as for `Cartable.open`.
    #[uniffi::constructor(default(secrets = None, services = None))]
    pub async fn open(
        setup: Setup,
        secrets: Option<Arc<dyn SecretStore>>,
        services: Option<Arc<dyn ServiceResolver>>,
    ) -> Result<Arc<Self>, CompanionError> {
        let language = setup.language();
        let opened = runtime::run(async move { Core::open(setup.into_core(secrets, services)?).await }).await;
        let core = opened.map_err(|error| CompanionError::new(error, now_ms(), language))?;
        Ok(Arc::new(Self { core: Arc::new(core), language, held: Mutex::default() }))
    }

    /// The accounts, in the order in which they were added.
    pub async fn list(&self) -> Result<Vec<Account>, CompanionError> {
        let language = self.language;
        self.run(move |core| async move {
            let mut list = Vec::new();
            for id in core.ids()? {
                let mut account = Account { id: id.number(), academy: None, who: None, trouble: None };
                match core.companion(id).await {
                    Ok(companion) => {
                        account.academy = companion.academy().map(|academy| academy.name.clone());
                        account.who = companion.account().map(Into::into);
                    }
                    Err(error) => account.trouble = Some(Told::new(&error.finding(now_ms()), language)),
                }
                list.push(account);
            }
            Ok(list)
        })
        .await
    }

    /// The companion of an account, the same each time. `StorageDamaged` where its database is: offer `rebuild`.
    pub async fn cartable(&self, account: u32) -> Result<Arc<Cartable>, CompanionError> {
        let id = AccountId::new(account);
        if let Some(cartable) = self.held().get(&id) {
            return Ok(Arc::clone(cartable));
        }
        let core = self.run(move |core| async move { core.companion(id).await }).await?;
        Ok(Arc::clone(self.held().entry(id).or_insert_with(|| Arc::new(Cartable::around(core)))))
    }

    /// Adds an account, at which nobody has signed in yet; gives its number.
    pub async fn add(&self) -> Result<u32, CompanionError> {
        self.run(|core| async move { Ok(core.add().await?.0.number()) }).await
    }

    /// Removes an account: signs out, and nothing of it stays on the phone. Refused while letters are unsent, unless
    /// `discard_unsent`.
    pub async fn remove(&self, account: u32, discard_unsent: bool) -> Result<(), CompanionError> {
        let id = AccountId::new(account);
        self.run(move |core| async move { core.remove(id, discard_unsent).await }).await?;
        self.let_go(id);
        Ok(())
    }

    /// Makes a new database for an account whose own is damaged, and carries over what no server has. Ask for its companion anew.
    pub async fn rebuild(&self, account: u32) -> Result<Rescued, CompanionError> {
        let id = AccountId::new(account);
        self.let_go(id);
        self.run(move |core| async move { core.rebuild(id).await.map(Into::into) }).await
    }

    /// What a background job calls: sends and syncs all accounts side by side, so that none delays another, and returns by the
    /// deadline, in milliseconds.
    pub async fn sync_once(&self, deadline_ms: u64) -> Result<Vec<AccountSync>, CompanionError> {
        let (language, deadline) = (self.language, Duration::from_millis(deadline_ms));
        let told = move |id: AccountId, done: Result<_, CoreError>| {
            let (done, error) = match done {
                Ok(done) => (Some(SyncOnce::from(done)), None),
                Err(error) => (None, Some(error)),
            };
            let trouble = error.map(|error| Told::new(&error.finding(now_ms()), language));
            AccountSync { account: id.number(), done, trouble }
        };
        self.run(move |core| async move {
            Ok(core.sync_once(deadline).await.into_iter().map(|(id, done)| told(id, done)).collect())
        })
        .await
    }

    /// Before the phone sleeps: `Cartable.suspend` of all.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        self.run(|core| async move { core.suspend().await }).await
    }

    /// Before the app ends: `Cartable.shutdown` of all.
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        for (_, cartable) in std::mem::take(&mut *self.held()) {
            cartable.end_tasks();
        }
        self.run(|core| async move { core.shutdown().await }).await
    }
}

impl Accounts {
    async fn run<T, F, W>(&self, work: F) -> Result<T, CompanionError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Core>) -> W,
        W: Future<Output = Result<T, CoreError>> + Send + 'static,
    {
        let done = runtime::run(work(Arc::clone(&self.core))).await;
        done.map_err(|error| CompanionError::new(error, now_ms(), self.language))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<AccountId, Arc<Cartable>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_go(&self, id: AccountId) {
        if let Some(cartable) = self.held().remove(&id) {
            cartable.end_tasks();
        }
    }
}

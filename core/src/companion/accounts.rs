//! Several accounts on one phone, each a companion of its own.
//!
//! Each has its own folder, database and part of the keystore: what is slow, damaged or signed out in one touches no other. Shared
//! is only the ledger of attempts, for a server locks a person, whichever account of the phone tried.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;

use super::setup::{Setup, keystore};
use super::{Companion, CompanionError, SyncOnce};
use crate::store::{Rescued, Store, StoreError};

/// The folder of the accounts, below the app's own.
const ACCOUNTS: &str = "accounts";
/// How the name of a folder ends whose account is being removed.
const GONE: &str = ".gone";

/// An account of this phone.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(u32);

impl AccountId {
    /// The account of this number, as [`AccountId::number`] gave it.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number, for a shell that keeps which account was shown last.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

type All = Mutex<BTreeMap<AccountId, Arc<Companion>>>;

/// The accounts of one phone.
pub struct Accounts {
    setup: Setup,
    ledger: Store,
    all: Arc<All>,
    /// Held while accounts come and go.
    door: tokio::sync::Mutex<()>,
}

/// What a companion knows of the others.
#[derive(Clone)]
pub(super) struct Among {
    pub(super) root: PathBuf,
    pub(super) id: AccountId,
    pub(super) ledger: Store,
    others: Weak<All>,
}

impl Among {
    /// Whether another account is this person's at this academy.
    pub(super) fn is_elsewhere(&self, academy: &str, identifier: &str) -> bool {
        let Some(others) = self.others.upgrade() else { return false };
        let others = others.lock().unwrap_or_else(PoisonError::into_inner);
        others.iter().filter(|(id, _)| **id != self.id).any(|(_, other)| {
            let theirs = other.academy().is_some_and(|other| other.id == academy);
            theirs && other.account().is_some_and(|who| who.identifier == identifier)
        })
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// Opens the accounts in the folder of `setup` where they were when the app ended; those at which nobody ever chose an academy
    /// are removed. An account whose database is damaged keeps no other from opening: [`Accounts::companion`] tells of it.
    /// Connects to nothing.
    ///
    /// [`CompanionError::StorageDamaged`] is about the ledger, which is in the folder itself: [`Companion::rebuild_storage`].
    pub async fn open(mut setup: Setup) -> Result<Self, CompanionError> {
        let opening = blocking(move || {
            let ledger = Store::open(&setup.folder)?;
            if setup.secrets.is_none() {
                setup.secrets = Some(keystore()?);
            }
            for leftover in folders(&setup.folder)?.into_iter().filter(|name| name.ends_with(GONE)) {
                remove(&setup.folder.join(ACCOUNTS).join(leftover))?;
            }
            Ok((setup, ledger))
        });
        let (setup, ledger) = opening.await?;
        let accounts = Self { setup, ledger, all: Arc::default(), door: tokio::sync::Mutex::default() };
        for id in accounts.ids()? {
            match accounts.companion(id).await {
                Ok(companion) if companion.academy().is_none() => accounts.remove(id, false).await?,
                // It is told when it is asked for.
                _ => {}
            }
        }
        Ok(accounts)
    }

    /// The accounts, in the order in which they were added. Blocks for as long as the disk does.
    pub fn ids(&self) -> Result<Vec<AccountId>, CompanionError> {
        let mut ids: Vec<_> = folders(&self.setup.folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids.into_iter().map(AccountId).collect())
    }

    /// The companion of an account. [`CompanionError::StorageDamaged`] where its database is: see [`Accounts::rebuild`].
    pub async fn companion(&self, id: AccountId) -> Result<Arc<Companion>, CompanionError> {
        let _door = self.door.lock().await;
        if !self.ids()?.contains(&id) {
            return Err(CompanionError::NotFound);
        }
        self.opened(id).await
    }

    /// Adds an account, at which nobody has signed in yet.
    pub async fn add(&self) -> Result<(AccountId, Arc<Companion>), CompanionError> {
        let _door = self.door.lock().await;
        let last = self.ids()?.last().map_or(0, |id| id.0);
        let id = AccountId(last.checked_add(1).ok_or(CompanionError::NotFound)?);
        Ok((id, self.opened(id).await?))
    }

    /// Removes an account: signs out, and nothing of it stays on the phone. Refused while letters are unsent, unless
    /// `discard_unsent`. A damaged one is removed without a look at its letters only with `discard_unsent`.
    pub async fn remove(&self, id: AccountId, discard_unsent: bool) -> Result<(), CompanionError> {
        let companion = self.companion(id).await;
        let _door = self.door.lock().await;
        match companion {
            Ok(companion) => {
                companion.sign_out(discard_unsent).await?;
                self.all().remove(&id);
                companion.shutdown().await?;
            }
            Err(CompanionError::StorageDamaged) if discard_unsent => {}
            Err(other) => return Err(other),
        }
        let folder = self.folder(id);
        blocking(move || {
            // Half a folder must not look like an account.
            let gone = folder.with_extension(GONE.trim_start_matches('.'));
            fs::rename(&folder, &gone).map_err(|error| StoreError::from_io(&error))?;
            remove(&gone)
        })
        .await
    }

    /// Makes a new database for an account whose own is damaged, and carries over what no server has.
    pub async fn rebuild(&self, id: AccountId) -> Result<Rescued, CompanionError> {
        let _door = self.door.lock().await;
        let running = self.all().remove(&id);
        if let Some(companion) = running {
            companion.shutdown().await?;
        }
        let (folder, clock) = (self.folder(id), self.setup.told_by());
        blocking(move || Companion::rebuild_storage(&folder, &*clock)).await
    }

    /// What a background job calls: all accounts side by side, so that none delays another, each by the deadline. What became of
    /// each that somebody is signed in at.
    pub async fn sync_once(&self, deadline: Duration) -> Vec<(AccountId, Result<SyncOnce, CompanionError>)> {
        let signed_in = self.open_ones().into_iter().filter(|(_, companion)| companion.account().is_some());
        join_all(signed_in.map(|(id, companion)| async move { (id, companion.sync_once(deadline).await) })).await
    }

    /// [`Companion::suspend`] of all, side by side. The first failure, when all are quiet.
    pub async fn suspend(&self) -> Result<(), CompanionError> {
        let all: Vec<_> = self.all().values().cloned().collect();
        let ended = join_all(all.iter().map(|companion| companion.suspend())).await;
        self.ledger.checkpoint().await?;
        ended.into_iter().collect()
    }

    /// [`Companion::shutdown`] of all, side by side. The first failure, when all are closed.
    pub async fn shutdown(&self) -> Result<(), CompanionError> {
        let _door = self.door.lock().await;
        let all = std::mem::take(&mut *self.all());
        let ended = join_all(all.values().map(|companion| companion.shutdown())).await;
        self.ledger.close().await?;
        ended.into_iter().collect()
    }

    /// Those that are open, in their order.
    pub(super) fn open_ones(&self) -> Vec<(AccountId, Arc<Companion>)> {
        self.all().iter().map(|(id, one)| (*id, Arc::clone(one))).collect()
    }

    async fn opened(&self, id: AccountId) -> Result<Arc<Companion>, CompanionError> {
        if let Some(companion) = self.all().get(&id) {
            return Ok(Arc::clone(companion));
        }
        let mut setup = self.setup.clone();
        let root = std::mem::replace(&mut setup.folder, self.folder(id));
        setup.among = Some(Among { root, id, ledger: self.ledger.clone(), others: Arc::downgrade(&self.all) });
        let companion = Arc::new(Companion::open(setup).await?);
        self.all().insert(id, Arc::clone(&companion));
        Ok(companion)
    }

    fn folder(&self, id: AccountId) -> PathBuf {
        self.setup.folder.join(ACCOUNTS).join(id.to_string())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<AccountId, Arc<Companion>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the folders of accounts.
fn folders(root: &Path) -> Result<Vec<String>, CompanionError> {
    let entries = match fs::read_dir(root.join(ACCOUNTS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| StoreError::from_io(&error))?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn remove(folder: &Path) -> Result<(), CompanionError> {
    Ok(fs::remove_dir_all(folder).map_err(|error| StoreError::from_io(&error))?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CompanionError> + Send + 'static,
) -> Result<T, CompanionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| CompanionError::Bug { detail: "work on the disk panicked".to_owned() })?
}

#[cfg(test)]
mod tests;

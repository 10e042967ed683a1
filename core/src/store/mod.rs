//! The one database: a single writer, two readers, one more for long questions, and notices of what changed.
//!
//! Nothing here knows of mail: the modules that own tables bring their own SQL. A write is durable when its future is
//! ready; a reader never waits for a writer, and nobody waits for the network here.

mod aside;
mod error;
mod exclusive;
mod lease;
mod notices;
mod rebuild;
mod workers;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

pub use error::StoreError;
pub use exclusive::Exclusive;
pub use lease::Lease;
pub use notices::{Change, Listening, Notices};
pub(crate) use rebuild::Keep;
pub use rebuild::Rescued;

use aside::Aside;
use workers::Workers;

const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("migrations/001_spine.sql")),
    M::up(include_str!("migrations/002_account.sql")),
    M::up(include_str!("migrations/003_attempt_uptime.sql")),
    M::up(include_str!("migrations/004_lockout.sql")),
    M::up(include_str!("migrations/005_sign_in_codes.sql")),
    M::up(include_str!("migrations/006_unread.sql")),
    M::up(include_str!("migrations/007_lease.sql")),
    M::up(include_str!("migrations/008_own_settings.sql")),
    M::up(include_str!("migrations/009_mailboxes.sql")),
    M::up(include_str!("migrations/010_queue.sql")),
    M::up(include_str!("migrations/011_bodies.sql")),
    M::up(include_str!("migrations/012_shared.sql")),
    M::up(include_str!("migrations/013_alert.sql")),
    M::up(include_str!("migrations/014_conversations.sql")),
    M::up(include_str!("migrations/015_pictures.sql")),
    M::up(include_str!("migrations/016_search.sql")),
    M::up(include_str!("migrations/017_senders.sql")),
];
const READERS: usize = 2;
const FILE: &str = "cartable.db";
/// Empty; locked while a process opens the database.
const OPENING: &str = "cartable.lock";

/// The open database of one companion. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    path: PathBuf,
    writer: Arc<Workers>,
    readers: Arc<Workers>,
    aside: Arc<Aside>,
    notices: Notices,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the database in `folder`, making it when there is none. Blocks for as long as the disk does.
    ///
    /// A file that is no database is left untouched and told by [`StoreError::Damaged`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let _alone = alone(folder)?;
        let path = folder.join(FILE);
        rebuild::take_place(folder)?;
        let mut first = connect(&path, OpenFlags::default())?;
        Migrations::from_slice(MIGRATIONS).to_latest(&mut first).map_err(StoreError::from_migration)?;
        shrinkable(&first);
        // Reads the whole schema, so that a file damaged there is found now and not in the middle of a sync.
        first.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let aside = Aside::start(connect(&path, read_only)?)?;
        let readers = (0..READERS).map(|_| connect(&path, read_only)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            path,
            writer: Arc::new(Workers::start("cartable-writer", vec![first])?),
            readers: Arc::new(Workers::start("cartable-reader", readers)?),
            aside: Arc::new(aside),
            notices: Notices::new(),
        })
    }

    /// Reads. `job` runs on a thread of its own.
    pub async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.run(move |connection| job(connection)).await
    }

    /// Reads what may take long, on a connection of its own: no other read waits for it. Dropped, it is stopped at once, in the middle
    /// of a statement as well.
    pub async fn read_aside<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.aside.run(job).await
    }

    /// Writes, in one transaction: all of `job` or nothing. The changes it names are told once they are durable.
    ///
    /// A write that has begun is finished even if its future is dropped.
    pub async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &mut Vec<Change>) -> Result<T, StoreError> + Send + 'static,
    {
        let notices = self.notices.clone();
        self.writer.run(move |connection| write(connection, &notices, job)).await
    }

    /// The same for what nobody waits for. Is not written where the database is closed first, or fails.
    pub(crate) fn post<F>(&self, job: F)
    where
        F: FnOnce(&Transaction<'_>, &mut Vec<Change>) -> Result<(), StoreError> + Send + 'static,
    {
        let notices = self.notices.clone();
        self.writer.post(move |connection| drop(write(connection, &notices, job)));
    }

    /// What changes from now on.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Finishes what is under way, folds the log into the file and closes it. Later calls give [`StoreError::Closed`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.stop().await;
        self.aside.stop().await;
        let folded = self.checkpoint().await;
        self.writer.stop().await;
        match folded {
            Err(StoreError::Closed) => Ok(()),
            other => other,
        }
    }

    /// Folds the log into the file, so that a phone may sleep or stop the app at any moment.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.writer.run(|connection| Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)).await
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn write<T>(
    connection: &mut Connection,
    notices: &Notices,
    job: impl FnOnce(&Transaction<'_>, &mut Vec<Change>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut changes = Vec::new();
    // Immediate: another process may write too, and one that has read first could then write no more.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let made = job(&transaction, &mut changes)?;
    transaction.commit()?;
    notices.tell(changes);
    Ok(made)
}

/// Makes the folder, and waits until no other process opens or rebuilds the database in it: two that start at once, as an app and
/// its extension after an update, would both migrate. The lock goes with its file, however the process ends.
fn alone(folder: &Path) -> Result<File, StoreError> {
    std::fs::create_dir_all(folder).map_err(|error| StoreError::from_io(&error))?;
    let opening = File::create(folder.join(OPENING)).map_err(|error| StoreError::from_io(&error))?;
    // Not the standard library's lock, which does not promise to be there on Android.
    let locked = retry_on_intr(|| flock(&opening, FlockOperation::LockExclusive));
    locked.map_err(|error| StoreError::from_io(&error.into()))?;
    Ok(opening)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let reads_only = flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY);
    if !reads_only {
        // Of a new file only: what is free can be given back to the file system.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Unwritable);
        }
    }
    // FULL: an action of the teacher's must outlast a phone that loses its battery. Batches make the cost bearable.
    // temp_store: Android has no folder for temporary files. secure_delete: deleted mail leaves no trace in the file.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = FAST; PRAGMA trusted_schema = OFF;",
    )?;
    // In KiB. What a reader passes over in counting a large mailbox is in the system's cache too, and an extension has little room;
    // the writer keeps together what a batch changes.
    connection.pragma_update(None, "cache_size", if reads_only { -1024 } else { -4096 })?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A file of before, which keeps its free pages, is written anew once. Where that is not possible now, as for lack of room or
/// beside another process, it stays as it is.
fn shrinkable(connection: &Connection) {
    let mode = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0));
    if mode == Ok(0) {
        let _ = connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;");
    }
}

#[cfg(test)]
mod tests;

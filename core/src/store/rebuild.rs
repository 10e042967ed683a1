//! A damaged database gives way to a new one, and what no server has is carried over first.
//!
//! Killed at any moment, nothing is lost: the new file is made under a name of its own and takes the old one's place only when it
//! is whole.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, params_from_iter};
use rusqlite_migration::Migrations;

use super::error::StoreError;
use super::{FILE, MIGRATIONS, Store, alone, shrinkable};

/// While it is made, and when it is whole.
const REBUILDING: &str = "cartable.db.rebuilding";
pub(super) const REBUILT: &str = "cartable.db.rebuilt";
/// How the name of a file ends that was set aside; its log's name ends in the same with `-wal` behind it.
const DAMAGED: &str = ".damaged";
/// More rows than any table worth saving has: a damaged tree may lead in circles.
const MOST: usize = 100_000;

/// Rows of a damaged database that no server has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    /// All of a table, in the columns that both databases have.
    Table(&'static str),
    /// For each row of the table `from` at most one of the table `into`: `query` gives its `columns` for the rowid that is its
    /// parameter.
    Made { from: &'static str, into: &'static str, columns: &'static [&'static str], query: &'static str },
}

/// What came of a rebuilding.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Rescued {
    /// Rows that were carried over.
    pub saved: u64,
    /// Whether that was all there was to save. Else the damaged file stays beside the new one until somebody signs out.
    pub whole: bool,
}

impl Store {
    /// Sets the damaged database in `folder` aside and makes a new one with what of `keep` can still be read, in its order.
    /// Blocks for as long as the disk does. Nothing is changed where that fails. No process may have the database open.
    pub(crate) fn rebuild(folder: &Path, now_ms: i64, keep: &[Keep]) -> Result<Rescued, StoreError> {
        let _alone = alone(folder)?;
        if take_place(folder)? {
            // Killed the last time, just before the end.
            return Ok(Rescued { saved: 0, whole: true });
        }
        let aside = folder.join(format!("{FILE}.{now_ms}{DAMAGED}"));
        for log in ["", "-wal"] {
            let from = folder.join(format!("{FILE}{log}"));
            if exists(&from)? {
                duplicate(&from, &with(&aside, log)).map_err(|error| StoreError::from_io(&error))?;
            }
        }
        let path = folder.join(REBUILDING);
        remove(&path)?;
        let rescued = carry_over(&aside, &path, keep)?;
        fs::rename(&path, folder.join(REBUILT)).map_err(|error| StoreError::from_io(&error))?;
        take_place(folder)?;
        if rescued.whole {
            forget_damaged(folder)?;
        }
        Ok(rescued)
    }

    /// Removes the damaged files that were set aside: there is mail in them.
    pub(crate) async fn forget_damaged(&self) -> Result<(), StoreError> {
        let folder = self.path.parent().map(Path::to_path_buf).unwrap_or_default();
        self.writer.run(move |_| forget_damaged(&folder)).await
    }
}

fn forget_damaged(folder: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(folder).map_err(|error| StoreError::from_io(&error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(FILE) && name.contains(DAMAGED) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Puts a new database that is whole into the place of the old one; whether there was one.
pub(super) fn take_place(folder: &Path) -> Result<bool, StoreError> {
    let rebuilt = folder.join(REBUILT);
    if !exists(&rebuilt)? {
        return Ok(false);
    }
    // First the old one's log: SQLite would take it for the new one's.
    for log in ["-wal", "-shm"] {
        remove(&folder.join(format!("{FILE}{log}")))?;
    }
    let durable = || fs::rename(&rebuilt, folder.join(FILE)).and_then(|()| fs::File::open(folder)?.sync_all());
    durable().map_err(|error| StoreError::from_io(&error))?;
    Ok(true)
}

fn carry_over(damaged: &Path, new: &Path, keep: &[Keep]) -> Result<Rescued, StoreError> {
    let mut made = Connection::open(new)?;
    shrinkable(&made);
    Migrations::from_slice(MIGRATIONS).to_latest(&mut made).map_err(StoreError::from_migration)?;
    let old = Connection::open_with_flags(damaged, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What is damaged is read, and nothing of it is mended.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let transaction = made.transaction()?;
    let mut rescued = Rescued { saved: 0, whole: true };
    for one in keep {
        let (saved, whole) = one.carry(&old, &transaction)?;
        rescued.saved += saved;
        rescued.whole &= whole;
    }
    transaction.commit()?;
    made.close().map_err(|(_, error)| error)?;
    Ok(rescued)
}

impl Keep {
    /// How many rows were carried over, and whether these were all. What fails is the old database's fault, unless the new one
    /// cannot be written.
    fn carry(&self, old: &Connection, new: &Transaction<'_>) -> Result<(u64, bool), StoreError> {
        let (from, into, columns, query) = match self {
            Self::Table(table) => {
                let Ok(before) = columns(old, table) else { return Ok((0, false)) };
                let both: Vec<String> = columns(new, table)?.into_iter().filter(|one| before.contains(one)).collect();
                let query = format!("SELECT {} FROM {table} NOT INDEXED WHERE rowid = ?", both.join(", "));
                (*table, *table, both, query)
            }
            Self::Made { from, into, columns, query } => {
                (*from, *into, columns.iter().map(ToString::to_string).collect(), (*query).to_owned())
            }
        };
        let (rows, mut whole) = rowids(old, from);
        let Ok(mut read) = old.prepare(&query) else { return Ok((0, rows.is_empty() && whole)) };
        let marks = vec!["?"; columns.len()].join(", ");
        let mut write = new.prepare(&format!("INSERT INTO {into} ({}) VALUES ({marks})", columns.join(", ")))?;
        let mut saved = 0;
        for row in rows {
            let values = read.query_row([row], |row| (0..columns.len()).map(|at| row.get(at)).collect());
            let written = values.and_then(|values: Vec<Value>| write.execute(params_from_iter(values)));
            match written.map_err(StoreError::from) {
                Ok(_) => saved += 1,
                // Not one of those to be saved.
                Err(StoreError::NotFound) => {}
                Err(error @ (StoreError::Full | StoreError::Unwritable)) => return Err(error),
                Err(_) => whole = false,
            }
        }
        Ok((saved, whole))
    }
}

fn columns(c: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut query = c.prepare("SELECT name FROM pragma_table_info(?)")?;
    let names = query.query_map([table], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() { Err(StoreError::NotFound) } else { Ok(names) }
}

/// The rows that can be reached from either end, and whether that is all of them.
fn rowids(c: &Connection, table: &str) -> (BTreeSet<i64>, bool) {
    let mut found = BTreeSet::new();
    for order in ["ASC", "DESC"] {
        let mut walk = || -> rusqlite::Result<()> {
            let sql = format!("SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid {order}");
            let mut query = c.prepare(&sql)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                found.insert(row.get(0)?);
                if found.len() >= MOST {
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
            }
            Ok(())
        };
        if walk().is_ok() {
            return (found, true);
        }
    }
    (found, false)
}

/// The same file under a second name, so that it takes no second room; a copy where the disk knows no second names.
fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|error| StoreError::from_io(&error))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::from_io(&error)),
        _ => Ok(()),
    }
}

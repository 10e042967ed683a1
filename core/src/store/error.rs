//! Why the store did not do what was asked.

use std::io;

use rusqlite::ErrorCode;

/// Why the store did not do what was asked. Nothing of a failed write is kept.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is no database, or damaged.
    #[error("the database is damaged")]
    Damaged,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The folder or the file cannot be written.
    #[error("the database cannot be written")]
    Unwritable,
    /// The database was made by a newer version of the app.
    #[error("the database is from a newer version")]
    Newer,
    /// The companion was shut down.
    #[error("the database is closed")]
    Closed,
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// Anything else. `detail` is SQLite's own word and holds no content.
    #[error("the database failed: {detail}")]
    Failed {
        /// What SQLite said.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => Self::Unwritable,
            kind => Self::Failed { detail: kind.to_string() },
        }
    }

    /// `None` where there is no such row.
    pub(crate) fn unless_missing<T>(read: Result<T, Self>) -> Result<Option<T>, Self> {
        match read {
            Err(Self::NotFound) => Ok(None),
            other => other.map(Some),
        }
    }

    pub(super) fn from_migration(error: rusqlite_migration::Error) -> Self {
        use rusqlite_migration::{Error, MigrationDefinitionError};
        match error {
            Error::RusqliteError { err, .. } => err.into(),
            Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => Self::Newer,
            other => Self::Failed { detail: other.to_string().chars().take(200).collect() },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            return Self::NotFound;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Unwritable,
            Some(code) => Self::Failed { detail: format!("{code:?}") },
            None => Self::Failed { detail: "a row of another form".to_owned() },
        }
    }
}

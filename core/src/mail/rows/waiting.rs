//! What the teacher did and wrote that the servers do not know of, as the worker sees it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::StoreError;

/// What waits: compared with what waited before, it shows what is new.
#[derive(Clone, Debug, Default)]
pub(in crate::mail) struct Waiting {
    /// The newest action. Its number is never given again.
    pub(in crate::mail) newest: Option<i64>,
    /// The oldest of the new ones that the teacher may want to take back.
    pub(in crate::mail) destructive: Option<i64>,
    /// The numbers of letters to be sent or filed, or whose fate is to be found out.
    pub(in crate::mail) letters: BTreeSet<i64>,
}

/// Looks at what came after the action `after`, and not at all that waits: the worker asks at each notice.
pub(in crate::mail) fn waiting(c: &Connection, academy: &str, after: i64) -> Result<Waiting, StoreError> {
    let mut newest = c.prepare_cached("SELECT id FROM action WHERE academy = ? ORDER BY id DESC LIMIT 1")?;
    let newest = newest.query_row([academy], |row| row.get(0)).optional()?;
    let mut destructive = c.prepare_cached(
        "SELECT id FROM action WHERE academy = ? AND id > ?
         AND kind IN ('move', 'destroy', 'copy', 'append', 'rename', 'delete') ORDER BY id LIMIT 1",
    )?;
    let destructive = destructive.query_row(params![academy, after], |row| row.get(0)).optional()?;
    Ok(Waiting { newest, destructive, letters: waiting_letters(c, academy)? })
}

/// The numbers of the letters to be sent or filed, or whose fate is to be found out.
pub(in crate::mail) fn waiting_letters(c: &Connection, academy: &str) -> Result<BTreeSet<i64>, StoreError> {
    let mut letters = c.prepare_cached(
        "SELECT id FROM outbox WHERE academy = ? AND state IN ('waiting', 'sending', 'sent', 'uncertain')",
    )?;
    let letters = letters.query_map([academy], |row| row.get(0))?;
    Ok(letters.collect::<Result<_, _>>()?)
}

//! What the teacher did and wrote that the servers do not know of, as the worker sees it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::store::StoreError;

/// What waits: compared with what waited before, it shows what is new.
#[derive(Clone, Debug, Default)]
pub(in crate::mail) struct Waiting {
    /// The numbers of actions, which are never given again, and whether the teacher may want to take them back.
    pub(in crate::mail) actions: BTreeMap<i64, bool>,
    /// The numbers of letters to be sent or filed, or whose fate is to be found out.
    pub(in crate::mail) letters: BTreeSet<i64>,
}

pub(in crate::mail) fn waiting(c: &Connection, academy: &str) -> Result<Waiting, StoreError> {
    let mut actions = c.prepare_cached(
        "SELECT id, kind IN ('move', 'destroy', 'copy', 'append', 'rename', 'delete') FROM action WHERE academy = ?",
    )?;
    let actions = actions.query_map([academy], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut letters = c.prepare_cached(
        "SELECT id FROM outbox WHERE academy = ? AND state IN ('waiting', 'sending', 'sent', 'uncertain')",
    )?;
    let letters = letters.query_map([academy], |row| row.get(0))?;
    Ok(Waiting { actions, letters: letters.collect::<Result<_, _>>()? })
}

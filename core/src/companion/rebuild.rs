//! A new database in the place of a damaged one.

use std::path::Path;

use super::{Companion, CompanionError};
use crate::ports::Clock;
use crate::store::{Keep, Rescued, Store};

/// What no server has, and the ledger, without which a fresh database would try passwords that lock the account.
const KEEP: [Keep; 10] = [
    Keep::Table("account"),
    Keep::Table("chosen"),
    Keep::Table("own_settings"),
    Keep::Table("attempt"),
    Keep::Table("lockout"),
    Keep::Table("sign_in_time"),
    Keep::Table("outbox"),
    Keep::Table("orphan"),
    // The messages come anew from the server, and each takes up its actions as it comes.
    Keep::Made {
        from: "action",
        into: "orphan",
        columns: &["academy", "received_ms", "size", "header", "kind", "flag"],
        query: "SELECT b.academy, m.received_ms, m.size, m.header, a.kind, a.flag FROM action a
                JOIN message m ON m.id = a.message JOIN mailbox b ON b.id = m.mailbox WHERE a.rowid = ?",
    },
    Keep::Made {
        from: "alarm",
        into: "alarm",
        columns: &["academy", "kind", "at_ms", "certain", "seen"],
        query: "SELECT academy, kind, at_ms, certain, seen FROM alarm WHERE rowid = ?",
    },
];

impl Companion {
    /// Makes a new database in the place of a damaged one: [`Companion::open`] then goes on signed in, and the next sync brings the
    /// mail back from the server. What no server has is carried over as far as it can be read: letters, waiting actions, the
    /// count of wrong passwords. Blocks for as long as the disk does. Shut the companion down before, where one is open.
    pub fn rebuild_storage(folder: &Path, clock: &dyn Clock) -> Result<Rescued, CompanionError> {
        Ok(Store::rebuild(folder, clock.now_ms(), &KEEP)?)
    }
}

#[cfg(test)]
mod tests;

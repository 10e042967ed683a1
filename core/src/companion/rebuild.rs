//! A new database in the place of a damaged one.

use std::path::Path;

use super::{Companion, CompanionError};
use crate::ports::Clock;
use crate::store::{Keep, Rescued, Store};

/// What no server has, and the ledger, without which a fresh database would try passwords that lock the account.
const KEEP: [Keep; 20] = [
    Keep::Table("account"),
    Keep::Table("chosen"),
    Keep::Table("own_settings"),
    Keep::Table("picture_sender"),
    Keep::Table("attempt"),
    Keep::Table("lockout"),
    Keep::Table("sign_in_time"),
    Keep::Table("outbox"),
    Keep::Table("refusal"),
    // A muted conversation is known by the message that it was muted by; the others come back to it.
    Keep::Table("mute"),
    Keep::Made {
        from: "mute",
        into: "conversation",
        columns: &["id", "academy", "muted"],
        query: "SELECT (SELECT count(*) FROM mute o WHERE o.key <= m.key), academy, 1 FROM mute m WHERE rowid = ?",
    },
    Keep::Made {
        from: "mute",
        into: "known_id",
        columns: &["key", "conversation"],
        query: "SELECT key, (SELECT count(*) FROM mute o WHERE o.key <= m.key) FROM mute m WHERE rowid = ?",
    },
    Keep::Table("reading_form"),
    // How far a mailbox is known is not: all of it comes anew.
    Keep::Made {
        from: "mailbox",
        into: "mailbox",
        columns: &[
            "id",
            "academy",
            "name",
            "role",
            "selectable",
            "delimiter",
            "subscribed",
            "shown_name",
            "shown_subscribed",
            "on_server",
            "opened",
        ],
        query:
            "SELECT id, academy, name, role, selectable, delimiter, subscribed, shown_name, shown_subscribed, on_server,
                opened FROM mailbox WHERE rowid = ?",
    },
    // What something waits for is lost, until it comes anew and is known again.
    Keep::Made {
        from: "message",
        into: "message",
        columns: &[
            "id",
            "mailbox",
            "uid",
            "received_ms",
            "size",
            "subject",
            "from_name",
            "from_address",
            "message_id",
            "attachments",
            "server_flags",
            "flags",
            "header",
            "unreadable",
            "shown_in",
            "remains",
        ],
        query: "SELECT id, mailbox, -id, received_ms, size, subject, from_name, from_address, message_id, attachments,
                       server_flags, flags, header, unreadable, shown_in, remains FROM message
                WHERE rowid = ? AND unreadable = 0
                  AND (id IN (SELECT message FROM action) OR id IN (SELECT source FROM action))",
    },
    // Of drafts that no server has.
    Keep::Made {
        from: "body",
        into: "body",
        columns: &["message", "raw"],
        query: "SELECT message, raw FROM body
                WHERE rowid = ? AND message IN (SELECT message FROM action WHERE kind = 'append')",
    },
    Keep::Made {
        from: "kept",
        into: "kept",
        columns: &["message", "bytes", "used_ms"],
        query: "SELECT message, bytes, used_ms FROM kept
                WHERE rowid = ? AND message IN (SELECT message FROM action WHERE kind = 'append')",
    },
    Keep::Table("action"),
    Keep::Table("cache"),
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

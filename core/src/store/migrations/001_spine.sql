-- The first form of the store. Numbers are unique and never change; a new need is a new file.

CREATE TABLE account (
    academy TEXT NOT NULL PRIMARY KEY,
    identifier TEXT NOT NULL,
    name TEXT,
    address TEXT
) STRICT;

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT,
    selectable INTEGER NOT NULL DEFAULT 1,
    uid_validity INTEGER,
    uid_next INTEGER,
    highest_mod_seq INTEGER,
    -- 1 once every message that was there at some moment has its header here.
    complete INTEGER NOT NULL DEFAULT 0,
    UNIQUE (academy, name)
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
    uid INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    subject TEXT NOT NULL,
    from_name TEXT,
    from_address TEXT,
    message_id TEXT,
    attachments INTEGER NOT NULL,
    -- What the server last said, and what the teacher sees: the same, with the waiting actions applied.
    server_flags INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0,
    -- The header block as it came. Of a line that could not be read: all of that line.
    header BLOB NOT NULL,
    unreadable INTEGER NOT NULL DEFAULT 0,
    UNIQUE (mailbox, uid)
) STRICT;

CREATE INDEX message_newest ON message (mailbox, received_ms DESC, id DESC) WHERE hidden = 0;

CREATE TABLE body (
    message INTEGER NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    raw BLOB NOT NULL
) STRICT;

-- What the teacher did and the server does not know yet, oldest first.
CREATE TABLE action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'remove', 'bin')),
    flag INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'filed', 'uncertain', 'refused')),
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    mime BLOB NOT NULL,
    trouble TEXT,
    written_ms INTEGER NOT NULL
) STRICT;

-- The ledger: one row a try of a secret. `fingerprint` is a keyed hash whose key is in the keystore.
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    realm TEXT NOT NULL,
    identifier TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('reserved', 'accepted', 'refused', 'untold')),
    at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX attempt_recent ON attempt (realm, identifier, at_ms);

-- Mailboxes of others, and what the server tells of itself.

-- NULL is the teacher's own, the empty word nobody's own, else the person whose it is.
ALTER TABLE mailbox ADD COLUMN owner TEXT;
-- What the teacher may do in it; NULL where that is not known. Asked when; NULL where it is to be asked.
ALTER TABLE mailbox ADD COLUMN rights INTEGER;
ALTER TABLE mailbox ADD COLUMN rights_ms INTEGER;
-- 1 once the teacher has looked into it: of those of others only such ones come to the phone, and those subscribed to.
ALTER TABLE mailbox ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;

-- What the server refuses may be what it no longer allows.
CREATE TRIGGER refused_rights AFTER INSERT ON refusal WHEN new.why = 'said' BEGIN
    UPDATE mailbox SET rights_ms = NULL WHERE academy = new.academy AND owner IS NOT NULL;
END;

-- Counts what the server calls unread without reading it.
CREATE INDEX message_unseen ON message (mailbox) WHERE uid > 0 AND server_flags & 1 = 0;

-- The server's own name for a message, the same in every mailbox (RFC 8474); NULL where it has none.
ALTER TABLE message ADD COLUMN email_id TEXT;
CREATE INDEX message_email_id ON message (email_id) WHERE email_id IS NOT NULL;

-- When the server was last asked for what follows.
CREATE TABLE asked (
    academy TEXT NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE namespace (
    id INTEGER PRIMARY KEY,
    academy TEXT NOT NULL,
    whose TEXT NOT NULL CHECK (whose IN ('personal', 'others', 'shared')),
    prefix TEXT NOT NULL,
    delimiter TEXT
) STRICT;

-- The limits that hold for the inbox: bytes, and messages.
CREATE TABLE quota (
    id INTEGER PRIMARY KEY,
    academy TEXT NOT NULL,
    root TEXT NOT NULL,
    bytes_used INTEGER,
    bytes_limit INTEGER,
    messages_used INTEGER,
    messages_limit INTEGER
) STRICT;

CREATE TRIGGER account_gone_server AFTER DELETE ON account BEGIN
    DELETE FROM asked WHERE academy = old.academy;
    DELETE FROM namespace WHERE academy = old.academy;
    DELETE FROM quota WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_server AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM asked WHERE academy = old.academy;
    DELETE FROM namespace WHERE academy = old.academy;
    DELETE FROM quota WHERE academy = old.academy;
END;

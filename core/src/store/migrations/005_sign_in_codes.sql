-- When one signed in, or tried to: a code that comes by mail outside of these times was not asked for by this phone.
CREATE TABLE sign_in_time (
    academy TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    -- The last message that the phone knew when it began: what it knew is not of this sign-in. A mail server's clock alone
    -- does not tell, it counts whole seconds.
    last_message INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_in_time_recent ON sign_in_time (academy, begun_ms);

-- The mails whose code was offered, for the sign-in that began then, and whether it was taken. Never the code itself.
CREATE TABLE offered_code (
    message INTEGER NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    begun_ms INTEGER NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What the teacher must look at. It stays when the message goes: who broke in would delete it.
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('unasked-code')),
    message INTEGER UNIQUE REFERENCES message (id) ON DELETE SET NULL,
    at_ms INTEGER NOT NULL,
    -- 0 until the message has been read and is what it seems to be; not shown before.
    certain INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER account_gone_alarms AFTER DELETE ON account BEGIN
    DELETE FROM alarm WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_alarms AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM alarm WHERE academy = old.academy;
END;

-- What of messages is on the phone: counted, and evicted, by message.
CREATE TABLE kept (
    message INTEGER NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    -- Of all that is here of it, in `body` and in `piece`.
    bytes INTEGER NOT NULL DEFAULT 0,
    -- When the teacher last opened it; before that, when the server received it. The smallest go first.
    used_ms INTEGER NOT NULL,
    -- How the server says it is made up, as JSON; `null` where that cannot be used, and the whole message is to be fetched.
    structure TEXT
) STRICT;

CREATE INDEX kept_oldest ON kept (used_ms, bytes);

INSERT INTO kept (message, bytes, used_ms)
SELECT b.message, length(b.raw), m.received_ms FROM body b JOIN message m ON m.id = b.message;

-- The parts that `raw` has in it as empty ones, as JSON; and whether some of what is read is missing.
ALTER TABLE body ADD COLUMN gaps TEXT;
ALTER TABLE body ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0;

-- Bytes of a section of a message, as they came. `last` once nothing is behind them.
CREATE TABLE piece (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    offset INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    UNIQUE (message, section, offset)
) STRICT;

-- How much is kept, in bytes, and what is fetched before the teacher asks for it. One row at most; without it the usual.
CREATE TABLE cache (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    most_bytes INTEGER NOT NULL,
    prefetch TEXT NOT NULL CHECK (prefetch IN ('usual', 'everything', 'nothing'))
) STRICT;

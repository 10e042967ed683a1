-- What only one process may do at a time: the app and its notification extension share this file.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    -- Chance, so that only who took it gives it back.
    holder BLOB NOT NULL,
    -- How long the phone had been running when it was taken, and when it ends whatever became of its holder: milliseconds,
    -- sleep included. The clock on the wall may jump, this one may not.
    taken_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

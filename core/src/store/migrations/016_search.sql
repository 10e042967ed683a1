-- What the words of messages are found by. The rules are in mail/search/README.md.

-- The words of each message once, folded; those of its headers again behind a mark of where they stand. Its rows are in the order in
-- which messages were received.
CREATE VIRTUAL TABLE search_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, prefix = '2 3 4 5', tokenize = "ascii tokenchars '!#$%'"
);
-- Held in memory until it is written in one piece: fewer pieces, fewer merges.
INSERT INTO search_words (search_words, rank) VALUES ('hashsize', 8388608);

CREATE TABLE search_entry (
    -- The row in `search_words`.
    place INTEGER PRIMARY KEY,
    message INTEGER NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
    -- Whether the words of its text are in it.
    body INTEGER NOT NULL
) STRICT;

-- By how much a place may be later than its message was received. One row at most; without it nought.
CREATE TABLE search_spread (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    places INTEGER NOT NULL
) STRICT;

-- The messages whose words are to be read, or read again. `turn` is another each time.
CREATE TABLE search_due (
    turn INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE
) STRICT;

INSERT INTO search_due (message) SELECT id FROM message ORDER BY received_ms, id;

CREATE TRIGGER search_gone AFTER DELETE ON search_entry BEGIN
    DELETE FROM search_words WHERE rowid = old.place;
END;

CREATE TRIGGER search_message AFTER INSERT ON message BEGIN
    INSERT INTO search_due (message) VALUES (new.id);
END;

CREATE TRIGGER search_message_changed AFTER UPDATE OF header, received_ms ON message BEGIN
    DELETE FROM search_due WHERE message = new.id;
    INSERT INTO search_due (message) VALUES (new.id);
END;

CREATE TRIGGER search_body AFTER INSERT ON body BEGIN
    DELETE FROM search_due WHERE message = new.message;
    INSERT INTO search_due (message) VALUES (new.message);
END;

CREATE TRIGGER search_body_changed AFTER UPDATE OF raw ON body BEGIN
    DELETE FROM search_due WHERE message = new.message;
    INSERT INTO search_due (message) VALUES (new.message);
END;

-- Of the mail that a sign-in code came in only the header's words are kept.
CREATE TRIGGER search_code AFTER INSERT ON offered_code BEGIN
    DELETE FROM search_due WHERE message = new.message;
    INSERT INTO search_due (message) VALUES (new.message);
END;

-- Whose mail it was goes with all of its words, and at once where nobody else's are there.
CREATE TRIGGER search_account_gone BEFORE DELETE ON account
WHEN NOT EXISTS (SELECT 1 FROM mailbox WHERE academy <> old.academy) BEGIN
    INSERT INTO search_words (search_words) VALUES ('delete-all');
END;

CREATE TRIGGER search_account_changed BEFORE UPDATE OF identifier ON account
WHEN old.identifier <> new.identifier AND NOT EXISTS (SELECT 1 FROM mailbox WHERE academy <> old.academy) BEGIN
    INSERT INTO search_words (search_words) VALUES ('delete-all');
END;

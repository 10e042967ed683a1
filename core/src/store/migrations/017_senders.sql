-- Who has written to the teacher, and to whom the teacher has: a sender of whom neither is known writes for the first time.
CREATE INDEX message_sender ON message (from_address COLLATE NOCASE, received_ms) WHERE from_address IS NOT NULL;

CREATE TABLE written_to (
    academy TEXT NOT NULL,
    address TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (academy, address)
) STRICT, WITHOUT ROWID;

-- The addresses of a letter stand one a line.
INSERT OR IGNORE INTO written_to (academy, address)
SELECT o.academy, one.value FROM outbox o,
    json_each('["' || replace(replace(replace(o.recipients, '\', '\\'), '"', '\"'), char(10), '","') || '"]') one
WHERE one.value <> '';

CREATE TRIGGER outbox_written AFTER INSERT ON outbox BEGIN
    INSERT OR IGNORE INTO written_to (academy, address)
    SELECT new.academy, one.value FROM
        json_each('["' || replace(replace(replace(new.recipients, '\', '\\'), '"', '\"'), char(10), '","') || '"]') one
    WHERE one.value <> '';
END;

CREATE TRIGGER account_gone_written AFTER DELETE ON account BEGIN
    DELETE FROM written_to WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_written AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM written_to WHERE academy = old.academy;
END;

-- What the teacher prefers to read. One row at most; without it the text.
CREATE TABLE reading_form (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    form TEXT NOT NULL CHECK (form IN ('text', 'html'))
) STRICT;

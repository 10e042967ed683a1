-- Where a mailbox stands among the others, and whether the teacher has subscribed to it.
ALTER TABLE mailbox ADD COLUMN delimiter TEXT;
ALTER TABLE mailbox ADD COLUMN subscribed INTEGER NOT NULL DEFAULT 0;

-- Actions whose message went with its mailbox, or with the mailbox's numbers: done on the same message where it comes again.
CREATE TABLE orphan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    header BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'remove', 'bin')),
    flag INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER account_gone_orphans AFTER DELETE ON account BEGIN
    DELETE FROM orphan WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_orphans AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM orphan WHERE academy = old.academy;
END;

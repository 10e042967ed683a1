-- What the teacher does while the server does not know of it. The rules are in mail/sync/README.md.

-- `mailbox` and `uid` say where a message is on the server; a UID below nought, the row's own number negated, that it is not there
-- yet, or nobody knows where. `shown_in` says in which mailbox the teacher sees it; NULL is in none.
DROP INDEX message_newest;
DROP INDEX message_unread;
ALTER TABLE message ADD COLUMN shown_in INTEGER;
UPDATE message SET shown_in = mailbox WHERE hidden = 0;
ALTER TABLE message DROP COLUMN hidden;
-- 1 where a server that cannot remove one message alone keeps what was to go: hidden for as long as it is marked as deleted.
ALTER TABLE message ADD COLUMN remains INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_newest ON message (shown_in, received_ms DESC, id DESC) WHERE shown_in IS NOT NULL;
CREATE INDEX message_unread ON message (shown_in, flags) WHERE shown_in IS NOT NULL AND flags & 1 = 0;
CREATE INDEX message_nowhere ON message (received_ms, size) WHERE uid < 0;

-- `name` and `subscribed` are the server's, the others what the teacher sees; without a name it is not shown.
ALTER TABLE mailbox ADD COLUMN shown_name TEXT;
ALTER TABLE mailbox ADD COLUMN shown_subscribed INTEGER NOT NULL DEFAULT 0;
-- 0 until the server knows of it.
ALTER TABLE mailbox ADD COLUMN on_server INTEGER NOT NULL DEFAULT 1;
-- The count of changes is forgotten once: the app knows more flags now, and must read them all.
UPDATE mailbox SET shown_name = name, shown_subscribed = subscribed, highest_mod_seq = NULL;

CREATE TABLE waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    -- Of which call it is part.
    deed INTEGER,
    -- What that call was, for whom it is told to when it is refused.
    what TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'remove', 'move', 'destroy', 'copy', 'append',
                                       'create', 'rename', 'delete', 'subscribe', 'unsubscribe')),
    message INTEGER REFERENCES message (id) ON DELETE CASCADE,
    -- Where to, or the mailbox that it is about.
    mailbox INTEGER REFERENCES mailbox (id) ON DELETE CASCADE,
    -- What a copy is made of; or the draft that must be on the server before this one goes.
    source INTEGER REFERENCES message (id) ON DELETE SET NULL,
    flag INTEGER NOT NULL DEFAULT 0,
    name TEXT,
    -- The newest message when it was done: what another program moved meanwhile came after it.
    newest INTEGER NOT NULL DEFAULT 0,
    -- 1 from just before the server hears of it. Found so after a kill, nobody knows what became of it. 2 where one has looked, and
    -- it may still be done late.
    begun INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO waiting (academy, what, kind, message, mailbox, flag)
    SELECT b.academy, CASE a.kind WHEN 'bin' THEN 'delete' ELSE 'flag' END,
           CASE WHEN a.kind <> 'bin' THEN a.kind WHEN b.role IS 'trash' THEN 'destroy' ELSE 'move' END,
           m.id, CASE WHEN a.kind = 'bin' AND b.role IS NOT 'trash' THEN bin.id END, a.flag
    FROM action a JOIN message m ON m.id = a.message JOIN mailbox b ON b.id = m.mailbox
    LEFT JOIN mailbox bin ON bin.academy = b.academy AND bin.role = 'trash'
    WHERE a.kind <> 'bin' OR bin.id IS NOT NULL ORDER BY a.id;
UPDATE message SET shown_in = mailbox
    WHERE shown_in IS NULL AND id NOT IN (SELECT message FROM waiting WHERE kind = 'destroy');
UPDATE message SET shown_in = (SELECT mailbox FROM waiting WHERE message = message.id AND kind = 'move')
    WHERE id IN (SELECT message FROM waiting WHERE kind = 'move');
DROP TABLE action;
DROP TRIGGER account_gone_orphans;
DROP TRIGGER account_changed_orphans;
DROP TABLE orphan;
ALTER TABLE waiting RENAME TO action;
CREATE INDEX action_message ON action (message, id);
CREATE INDEX action_source ON action (source) WHERE source IS NOT NULL;
CREATE INDEX action_mailbox ON action (mailbox) WHERE mailbox IS NOT NULL;

-- What the last calls did, so that they can be undone.
CREATE TABLE deed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    what TEXT NOT NULL,
    -- Which flags it changed, and where to it moved.
    flag INTEGER NOT NULL DEFAULT 0,
    mailbox INTEGER
) STRICT;

-- How a message was shown before. No reference to the message, which may be gone: the row goes with its deed.
CREATE TABLE deed_part (
    deed INTEGER NOT NULL REFERENCES deed (id) ON DELETE CASCADE,
    message INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    shown_in INTEGER,
    PRIMARY KEY (deed, message)
) STRICT, WITHOUT ROWID;

-- What the server did not do, for the teacher to read.
CREATE TABLE refusal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    academy TEXT NOT NULL,
    what TEXT NOT NULL,
    -- How many messages it was about; the subject of one of them; the mailbox it was about.
    messages INTEGER NOT NULL,
    subject TEXT,
    mailbox TEXT,
    why TEXT NOT NULL CHECK (why IN ('gone', 'mailbox-gone', 'full', 'exists', 'changed', 'said')),
    said TEXT,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER account_gone_queue AFTER DELETE ON account BEGIN
    DELETE FROM action WHERE academy = old.academy;
    DELETE FROM deed WHERE academy = old.academy;
    DELETE FROM refusal WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_queue AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM action WHERE academy = old.academy;
    DELETE FROM deed WHERE academy = old.academy;
    DELETE FROM refusal WHERE academy = old.academy;
END;

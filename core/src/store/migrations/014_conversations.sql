-- Conversations, and what lists need. The rules are in mail/conversations/README.md.

-- Its number changes when it joins another one; what stays is its messages.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    academy TEXT NOT NULL,
    -- 1 where the teacher wants to hear no more of it: kept also while no message of it is here.
    muted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX conversation_muted ON conversation (academy) WHERE muted = 1;

-- Every Message-ID that a message bears or names, as a hash, and the conversation that it is part of.
CREATE TABLE known_id (
    key INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX known_id_conversation ON known_id (conversation);

-- A subject in a time and with a person, as a hash. `sought` once an answer without references has it: then all that have it are of
-- one conversation, and it has one row.
CREATE TABLE subject_key (
    key INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    sought INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, conversation)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_key_conversation ON subject_key (conversation);

-- A message whose conversation the teacher has muted: what is left of it where the database is made anew.
CREATE TABLE mute (
    key INTEGER PRIMARY KEY,
    academy TEXT NOT NULL
) STRICT;

-- NULL until it has been looked into: see `thread_some`.
ALTER TABLE message ADD COLUMN conversation INTEGER;
-- Whether it went to the teacher's own address and to nobody else; NULL where that is to be found out, as for a new address.
ALTER TABLE message ADD COLUMN to_me INTEGER;
CREATE INDEX message_unthreaded ON message (id)
    WHERE shown_in IS NOT NULL AND (conversation IS NULL OR to_me IS NULL);
CREATE INDEX message_conversation ON message (conversation, received_ms DESC, id DESC, shown_in)
    WHERE conversation IS NOT NULL;

CREATE TRIGGER message_gone_conversation AFTER DELETE ON message WHEN old.conversation IS NOT NULL BEGIN
    DELETE FROM conversation WHERE id = old.conversation AND muted = 0
        AND NOT EXISTS (SELECT 1 FROM message WHERE conversation = old.conversation);
END;

CREATE TRIGGER account_gone_conversations AFTER DELETE ON account BEGIN
    DELETE FROM conversation WHERE academy = old.academy;
    DELETE FROM mute WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_conversations AFTER UPDATE OF identifier ON account
    WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM conversation WHERE academy = old.academy;
    DELETE FROM mute WHERE academy = old.academy;
END;

CREATE TRIGGER account_address AFTER UPDATE OF address ON account WHEN old.address IS NOT new.address BEGIN
    UPDATE message SET to_me = NULL WHERE mailbox IN (SELECT id FROM mailbox WHERE academy = new.academy);
END;

-- A list of several mailboxes is merged from one page of each, along these.
DROP INDEX message_unread;
CREATE INDEX message_unread ON message (shown_in, received_ms DESC, id DESC)
    WHERE shown_in IS NOT NULL AND flags & 1 = 0;
CREATE INDEX message_flagged ON message (shown_in, received_ms DESC, id DESC)
    WHERE shown_in IS NOT NULL AND flags & 2 = 2;
CREATE INDEX message_attachments ON message (shown_in, received_ms DESC, id DESC)
    WHERE shown_in IS NOT NULL AND attachments = 1;
CREATE INDEX message_to_me ON message (shown_in, received_ms DESC, id DESC)
    WHERE shown_in IS NOT NULL AND to_me = 1;
CREATE INDEX message_from ON message (shown_in, from_address COLLATE NOCASE, received_ms DESC, id DESC)
    WHERE shown_in IS NOT NULL;

-- How many messages are shown in a mailbox, how many of these are unread, and how many flagged: kept by the triggers below.
ALTER TABLE mailbox ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN flagged INTEGER NOT NULL DEFAULT 0;
UPDATE mailbox SET messages = (SELECT count(*) FROM message WHERE shown_in = mailbox.id),
    unread = (SELECT count(*) FROM message WHERE shown_in = mailbox.id AND flags & 1 = 0),
    flagged = (SELECT count(*) FROM message WHERE shown_in = mailbox.id AND flags & 2 = 2);

CREATE TRIGGER message_counted AFTER INSERT ON message WHEN new.shown_in IS NOT NULL BEGIN
    UPDATE mailbox SET messages = messages + 1, unread = unread + (new.flags & 1 = 0),
        flagged = flagged + (new.flags & 2 = 2) WHERE id = new.shown_in;
END;

CREATE TRIGGER message_recounted AFTER UPDATE OF flags, shown_in ON message
    WHEN old.shown_in IS NOT new.shown_in OR old.flags & 3 <> new.flags & 3 BEGIN
    UPDATE mailbox SET messages = messages - 1, unread = unread - (old.flags & 1 = 0),
        flagged = flagged - (old.flags & 2 = 2) WHERE id = old.shown_in;
    UPDATE mailbox SET messages = messages + 1, unread = unread + (new.flags & 1 = 0),
        flagged = flagged + (new.flags & 2 = 2) WHERE id = new.shown_in;
END;

CREATE TRIGGER message_uncounted AFTER DELETE ON message WHEN old.shown_in IS NOT NULL BEGIN
    UPDATE mailbox SET messages = messages - 1, unread = unread - (old.flags & 1 = 0),
        flagged = flagged - (old.flags & 2 = 2) WHERE id = old.shown_in;
END;

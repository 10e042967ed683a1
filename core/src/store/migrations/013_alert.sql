-- What the mail server last said that its users must be shown (RFC 9051, 7.1, ALERT), when, and whether the teacher has read it.
CREATE TABLE alert (
    academy TEXT NOT NULL PRIMARY KEY,
    words TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER account_gone_alert AFTER DELETE ON account BEGIN
    DELETE FROM alert WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_alert AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM alert WHERE academy = old.academy;
END;

-- The one before named only the mailbox, and each message was read to count those that the server calls unread.
DROP INDEX message_unseen;
CREATE INDEX message_unseen ON message (mailbox, uid, server_flags) WHERE uid > 0 AND server_flags & 1 = 0;

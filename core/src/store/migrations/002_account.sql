-- Whose mail it is: with the account, or when somebody else signs in, everything of the person before goes.

CREATE TRIGGER account_gone AFTER DELETE ON account BEGIN
    DELETE FROM mailbox WHERE academy = old.academy;
    DELETE FROM outbox WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM mailbox WHERE academy = old.academy;
    DELETE FROM outbox WHERE academy = old.academy;
END;

-- The academy that the teacher has chosen: one row at most. There from the first tap on, before anybody is signed in.
CREATE TABLE chosen (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    academy TEXT NOT NULL
) STRICT;

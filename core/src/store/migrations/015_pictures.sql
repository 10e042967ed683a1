-- Senders whose mail is shown with the pictures of other servers, as the teacher wishes. Addresses in lower case.
CREATE TABLE picture_sender (
    academy TEXT NOT NULL,
    address TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (academy, address)
) STRICT;

CREATE TRIGGER account_gone_pictures AFTER DELETE ON account BEGIN
    DELETE FROM picture_sender WHERE academy = old.academy;
END;

CREATE TRIGGER account_changed_pictures AFTER UPDATE OF identifier ON account WHEN old.identifier <> new.identifier BEGIN
    DELETE FROM picture_sender WHERE academy = old.academy;
END;

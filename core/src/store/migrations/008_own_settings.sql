-- Mail settings whose hosts the teacher confirmed: of an academy of one's own, or of one whose profile does not know its mail
-- servers for certain. By the academy's short name.

CREATE TABLE own_settings (
    academy TEXT NOT NULL PRIMARY KEY,
    domain TEXT NOT NULL,
    login TEXT NOT NULL CHECK (login IN ('identifier', 'address')),
    -- How to prove who one is, best first, words apart by spaces.
    auth TEXT NOT NULL,
    imap_host TEXT NOT NULL,
    imap_port INTEGER NOT NULL CHECK (imap_port BETWEEN 1 AND 65535),
    imap_tls TEXT NOT NULL CHECK (imap_tls IN ('implicit', 'starttls')),
    smtp_host TEXT NOT NULL,
    smtp_port INTEGER NOT NULL CHECK (smtp_port BETWEEN 1 AND 65535),
    smtp_tls TEXT NOT NULL CHECK (smtp_tls IN ('implicit', 'starttls')),
    confirmed_ms INTEGER NOT NULL
) STRICT;

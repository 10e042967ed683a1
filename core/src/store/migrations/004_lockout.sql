-- A lock that a server has told of. Until it ends nothing is tried, by no protocol.
CREATE TABLE lockout (
    realm TEXT NOT NULL,
    identifier TEXT NOT NULL,
    wait_ms INTEGER NOT NULL,
    -- How long the phone had been running when it was told.
    uptime_ms INTEGER NOT NULL,
    PRIMARY KEY (realm, identifier)
) STRICT;

-- When the password ends, where the portal has told.
ALTER TABLE account ADD COLUMN password_ends_ms INTEGER;

-- How long the phone had been running at a try, sleep included: the clock on the wall may jump, this one may not.
ALTER TABLE attempt ADD COLUMN uptime_ms INTEGER NOT NULL DEFAULT 0;

-- 1 once the try no longer counts: what has been proved to be long ago stays so after a restart of the phone.
ALTER TABLE attempt ADD COLUMN lapsed INTEGER NOT NULL DEFAULT 0;

DROP INDEX attempt_recent;
CREATE INDEX attempt_recent ON attempt (realm, identifier, outcome, id);
CREATE INDEX attempt_secret ON attempt (fingerprint, id);

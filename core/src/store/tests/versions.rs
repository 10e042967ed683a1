//! A phone updates from any version to the newest, and what was in its database is still there.

use std::ops::RangeInclusive;

use rusqlite::Connection;
use rusqlite_migration::Migrations;

use super::super::{MIGRATIONS, Store};
use super::folder;

const LATEST: usize = MIGRATIONS.len();

/// What a phone has written, each line in some versions.
const WRITTEN: [(RangeInclusive<usize>, &str); 13] = [
    (
        1..=9,
        "INSERT INTO account (academy, identifier, name) VALUES ('essai', 'jdupont', 'Jeanne');
         INSERT INTO mailbox (id, academy, name, role, uid_validity, uid_next, complete)
             VALUES (3, 'essai', 'INBOX', 'inbox', 1, 9, 1), (4, 'essai', 'Trash', 'trash', 2, 1, 1);
         INSERT INTO message (id, mailbox, uid, received_ms, size, subject, from_name, attachments, server_flags, flags,
                              hidden, header)
             VALUES (5, 3, 7, 1764000000000, 900, 'Conseil de classe', 'Léa', 0, 1, 1, 0, x'46726f6d3a'),
                    (6, 3, 8, 1764000001000, 901, 'Cantine', 'Léa', 0, 0, 0, 1, x'46726f6d3a20');
         INSERT INTO body (message, raw) VALUES (5, x'46726f6d3a0d0a0d0a');
         INSERT INTO action (id, message, kind, flag) VALUES (1, 5, 'add', 2), (2, 6, 'bin', 0);",
    ),
    (
        10..=LATEST,
        "INSERT INTO account (academy, identifier, name) VALUES ('essai', 'jdupont', 'Jeanne');
         INSERT INTO mailbox (id, academy, name, role, uid_validity, uid_next, complete, shown_name)
             VALUES (3, 'essai', 'INBOX', 'inbox', 1, 9, 1, 'INBOX'), (4, 'essai', 'Trash', 'trash', 2, 1, 1, 'Trash');
         INSERT INTO message (id, mailbox, uid, received_ms, size, subject, from_name, attachments, server_flags, flags,
                              shown_in, header)
             VALUES (5, 3, 7, 1764000000000, 900, 'Conseil de classe', 'Léa', 0, 1, 1, 3, x'46726f6d3a'),
                    (6, 3, 8, 1764000001000, 901, 'Cantine', 'Léa', 0, 0, 0, 4, x'46726f6d3a20');
         INSERT INTO action (academy, what, message, kind, flag, mailbox)
             VALUES ('essai', 'flag', 5, 'add', 2, NULL), ('essai', 'delete', 6, 'move', 0, 4);",
    ),
    (
        1..=LATEST,
        "INSERT INTO outbox (academy, state, message_id, sender, recipients, subject, mime, written_ms)
             VALUES ('essai', 'waiting', '<a@b>', 'moi', 'toi', 'Lettre', x'00', 5);",
    ),
    (
        1..=LATEST,
        "INSERT INTO attempt (realm, identifier, fingerprint, outcome, at_ms) VALUES ('essai', 'jdupont', x'01', 'refused', 5);",
    ),
    (2..=LATEST, "INSERT INTO chosen (one, academy) VALUES (1, 'essai');"),
    (4..=LATEST, "INSERT INTO lockout (realm, identifier, wait_ms, uptime_ms) VALUES ('essai', 'jdupont', 1, 1);"),
    (5..=LATEST, "INSERT INTO sign_in_time (academy, begun_ms, last_message) VALUES ('essai', 1, 0);"),
    (
        5..=LATEST,
        "INSERT INTO alarm (academy, kind, message, at_ms, certain) VALUES ('essai', 'unasked-code', 5, 1, 1);",
    ),
    (
        8..=LATEST,
        "INSERT INTO own_settings (academy, domain, login, auth, imap_host, imap_port, imap_tls, smtp_host, smtp_port,
                                   smtp_tls, confirmed_ms)
             VALUES ('essai', 'a.test', 'address', 'password', 'i', 993, 'implicit', 's', 465, 'implicit', 1);",
    ),
    (13..=LATEST, "INSERT INTO alert (academy, words, at_ms) VALUES ('essai', 'ce soir', 5);"),
    (14..=LATEST, "INSERT INTO mute (key, academy) VALUES (-7, 'essai');"),
    (15..=LATEST, "INSERT INTO picture_sender (academy, address, since_ms) VALUES ('essai', 'lettre@a.test', 5);"),
    (17..=LATEST, "INSERT INTO reading_form (one, form) VALUES (1, 'html');"),
];

/// What must be so afterwards, where it was written.
const KEPT: [(usize, &str); 17] = [
    (1, "SELECT count(*) FROM account WHERE name = 'Jeanne'"),
    (1, "SELECT count(*) FROM message WHERE id = 5 AND uid = 7 AND subject = 'Conseil de classe' AND shown_in = 3"),
    (1, "SELECT count(*) FROM message WHERE id = 6 AND mailbox = 3 AND shown_in = 4"),
    (1, "SELECT count(*) = 2 FROM action"),
    (1, "SELECT count(*) = 2 FROM search_due"),
    (1, "SELECT count(*) FROM outbox WHERE state = 'waiting' AND mime = x'00'"),
    (1, "SELECT count(*) FROM attempt WHERE outcome = 'refused'"),
    (2, "SELECT count(*) FROM chosen"),
    (4, "SELECT count(*) FROM lockout"),
    (5, "SELECT count(*) FROM alarm WHERE message = 5"),
    (1, "SELECT count(*) FROM mailbox WHERE id = 3 AND messages = 1 AND unread = 0"),
    (14, "SELECT count(*) FROM mute WHERE key = -7"),
    (8, "SELECT count(*) FROM own_settings WHERE imap_port = 993"),
    (13, "SELECT count(*) FROM alert WHERE words = 'ce soir'"),
    (15, "SELECT count(*) FROM picture_sender WHERE address = 'lettre@a.test'"),
    // Whom a letter went to is known of those written before as well.
    (1, "SELECT count(*) FROM written_to WHERE academy = 'essai' AND address = 'TOI'"),
    (17, "SELECT count(*) FROM reading_form WHERE form = 'html'"),
];

fn schema(c: &Connection) -> Vec<(String, String)> {
    let mut query = c.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn every_version_of_the_database_opens_with_all_that_was_in_it() {
    let newest = folder();
    Store::open(newest.path()).unwrap().close().await.unwrap();
    let newest = schema(&Connection::open(newest.path().join("cartable.db")).unwrap());
    for version in 1..=LATEST {
        let folder = folder();
        let path = folder.path().join("cartable.db");
        let mut before = Connection::open(&path).unwrap();
        Migrations::from_slice(MIGRATIONS).to_version(&mut before, version).unwrap();
        for (_, sql) in WRITTEN.iter().filter(|(versions, _)| versions.contains(&version)) {
            before.execute_batch(sql).unwrap_or_else(|error| panic!("version {version}: {error}: {sql}"));
        }
        drop(before);
        Store::open(folder.path()).unwrap().close().await.unwrap();
        let after = Connection::open(&path).unwrap();
        for (_, sql) in KEPT.iter().filter(|(since, _)| *since <= version) {
            let kept: i64 = after.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(kept, 1, "from version {version}: {sql}");
        }
        assert_eq!(schema(&after), newest, "from version {version}");
        let sound: String = after.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let dangling = after.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(sound == "ok" && !dangling, "from version {version}: {sound}");
    }
}

//! What a server has told of itself: where whose mailboxes are, how much room there is, and what its users must be shown.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::mail::imap::{Namespace, Namespaces, Quota, Usage};
use crate::store::{Change, StoreError};

/// When the server was last asked, in milliseconds since 1970.
pub(in crate::mail) fn asked_ms(c: &Connection, academy: &str) -> Result<Option<i64>, StoreError> {
    let mut query = c.prepare_cached("SELECT at_ms FROM asked WHERE academy = ?")?;
    Ok(query.query_row([academy], |row| row.get(0)).optional()?)
}

/// Writes down what the server was asked, and told; what it did not tell holds as before.
pub(in crate::mail) fn keep_answers(
    t: &Transaction<'_>,
    academy: &str,
    now_ms: i64,
    namespaces: Option<&Namespaces>,
    quotas: Option<&[Quota]>,
) -> Result<(), StoreError> {
    t.execute("INSERT OR REPLACE INTO asked (academy, at_ms) VALUES (?, ?)", params![academy, now_ms])?;
    if let Some(told) = namespaces {
        t.execute("DELETE FROM namespace WHERE academy = ?", [academy])?;
        for (whose, some) in [("personal", &told.personal), ("others", &told.others), ("shared", &told.shared)] {
            for one in some {
                t.prepare_cached("INSERT INTO namespace (academy, whose, prefix, delimiter) VALUES (?, ?, ?, ?)")?
                    .execute(params![academy, whose, one.prefix, one.delimiter])?;
            }
        }
    }
    if let Some(told) = quotas {
        t.execute("DELETE FROM quota WHERE academy = ?", [academy])?;
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        for one in told {
            let used = |usage: Option<Usage>| usage.map(|usage| number(usage.used));
            let limit = |usage: Option<Usage>| usage.map(|usage| number(usage.limit));
            t.prepare_cached(
                "INSERT INTO quota (academy, root, bytes_used, bytes_limit, messages_used, messages_limit)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                academy,
                one.root,
                used(one.storage),
                limit(one.storage),
                used(one.messages),
                limit(one.messages)
            ])?;
        }
    }
    Ok(())
}

/// Where whose mailboxes are, as the server last told.
pub(in crate::mail) fn namespaces(c: &Connection, academy: &str) -> Result<Namespaces, StoreError> {
    let mut query = c.prepare_cached("SELECT whose, prefix, delimiter FROM namespace WHERE academy = ? ORDER BY id")?;
    let rows = query.query_map([academy], |row| {
        Ok((row.get::<_, String>(0)?, Namespace { prefix: row.get(1)?, delimiter: row.get(2)? }))
    })?;
    let mut all = Namespaces::default();
    for row in rows {
        let (whose, one) = row?;
        match whose.as_str() {
            "others" => all.others.push(one),
            "shared" => all.shared.push(one),
            _ => all.personal.push(one),
        }
    }
    Ok(all)
}

/// The limits that hold for the inbox, as the server last told.
pub(in crate::mail) fn quotas(c: &Connection, academy: &str) -> Result<Vec<Quota>, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT root, bytes_used, bytes_limit, messages_used, messages_limit FROM quota WHERE academy = ? ORDER BY id",
    )?;
    let rows = query.query_map([academy], |row| {
        let usage = |used: usize, limit: usize| {
            let (used, limit) = (row.get::<_, Option<i64>>(used)?, row.get::<_, Option<i64>>(limit)?);
            let usage =
                used.zip(limit).map(|(used, limit)| Usage { used: super::count(used), limit: super::count(limit) });
            Ok::<_, rusqlite::Error>(usage)
        };
        Ok(Quota { root: row.get(0)?, storage: usage(1, 2)?, messages: usage(3, 4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the server's users must be shown and the teacher has not read, and when it was said.
pub(in crate::mail) fn alert(c: &Connection, academy: &str) -> Result<Option<(String, i64)>, StoreError> {
    let mut query = c.prepare_cached("SELECT words, at_ms FROM alert WHERE academy = ? AND seen = 0")?;
    Ok(query.query_row([academy], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Writes it down. The same words once more are no news.
pub(in crate::mail) fn keep_alert(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
    words: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let kept = t.execute(
        "INSERT INTO alert (academy, words, at_ms) VALUES (?, ?, ?)
         ON CONFLICT (academy) DO UPDATE SET words = excluded.words, at_ms = excluded.at_ms, seen = 0
         WHERE words <> excluded.words",
        params![academy, words, now_ms],
    )?;
    changes.extend((kept > 0).then_some(Change::ServerAlert));
    Ok(())
}

/// The teacher has read it.
pub(in crate::mail) fn dismiss_alert(
    t: &Transaction<'_>,
    changes: &mut Vec<Change>,
    academy: &str,
) -> Result<(), StoreError> {
    let seen = t.execute("UPDATE alert SET seen = 1 WHERE academy = ? AND seen = 0", [academy])?;
    changes.extend((seen > 0).then_some(Change::ServerAlert));
    Ok(())
}

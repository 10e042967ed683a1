//! When one signed in: what tells a code that was asked for from one that was not.
//!
//! Times are those of the phone's clock, in milliseconds since 1970.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::store::{Store, StoreError};

/// A sign-in that nobody ended, in a browser that was forgotten or an app that was killed, ends by itself: a page of
/// LemonLDAP::NG serves for two minutes, and nobody types for half an hour.
const LONGEST_MS: i64 = 30 * 60 * 1000;
/// How far the clocks of phone and mail server may differ, and how long a mail may travel.
const AROUND_MS: i64 = 2 * 60 * 1000;
/// Older times explain nothing that is still looked at.
const KEPT_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// The sign-in that is under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnderWay {
    /// When it began.
    pub begun_ms: i64,
    /// The number of the last message that the phone knew then.
    pub last_message: i64,
}

/// Writes down that a sign-in at `academy` begins. One that was under way there ends by it. Durable when it returns.
pub async fn begun(store: &Store, academy: &str, now_ms: i64) -> Result<(), StoreError> {
    let academy = academy.to_owned();
    store
        .write(move |t, _| {
            end(t, &academy, now_ms)?;
            t.execute("DELETE FROM sign_in_time WHERE begun_ms < ?", [now_ms.saturating_sub(KEPT_MS)])?;
            t.execute(
                "INSERT INTO sign_in_time (academy, begun_ms, last_message)
                 VALUES (?, ?, (SELECT ifnull(max(id), 0) FROM message))",
                params![academy, now_ms],
            )?;
            Ok(())
        })
        .await
}

/// Writes down that the sign-in under way at `academy` has ended, in whatever way. Without one it changes nothing.
pub async fn ended(store: &Store, academy: &str, now_ms: i64) -> Result<(), StoreError> {
    let academy = academy.to_owned();
    store.write(move |t, _| end(t, &academy, now_ms)).await
}

/// The sign-in that is under way at `academy` at `now_ms`; `None` without one.
pub async fn window(store: &Store, academy: &str, now_ms: i64) -> Result<Option<UnderWay>, StoreError> {
    let academy = academy.to_owned();
    store
        .read(move |c| {
            let mut query = c.prepare_cached(
                "SELECT begun_ms, last_message FROM sign_in_time WHERE academy = ? AND ended_ms IS NULL AND begun_ms > ?
                 ORDER BY begun_ms DESC LIMIT 1",
            )?;
            let after = now_ms.saturating_sub(LONGEST_MS);
            let under_way = query.query_row(params![academy, after], |row| {
                Ok(UnderWay { begun_ms: row.get(0)?, last_message: row.get(1)? })
            });
            Ok(under_way.optional()?)
        })
        .await
}

/// Whether a sign-in of this phone explains a code that came at `at_ms`: from two minutes before it began to two minutes after
/// it ended.
pub fn explains(c: &Connection, academy: &str, at_ms: i64) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM sign_in_time
                        WHERE academy = ?1 AND begun_ms - ?3 <= ?2 AND ?2 <= ifnull(ended_ms, begun_ms + ?4) + ?3)",
    )?;
    Ok(query.query_row(params![academy, at_ms, AROUND_MS, LONGEST_MS], |row| row.get(0))?)
}

fn end(t: &Transaction<'_>, academy: &str, now_ms: i64) -> Result<(), StoreError> {
    t.execute(
        "UPDATE sign_in_time SET ended_ms = min(max(?2, begun_ms), begun_ms + ?3)
         WHERE academy = ?1 AND ended_ms IS NULL",
        params![academy, now_ms, LONGEST_MS],
    )?;
    Ok(())
}

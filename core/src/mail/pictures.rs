//! Pictures of other servers: who fetches them tells these servers when, where and by what a message is read. So only on
//! request, of one message or of a sender.

use rusqlite::{Connection, Transaction, params};

use super::account::MailAccount;
use super::error::MailError;
use crate::store::StoreError;

/// Nobody allows as many by hand; the oldest go.
const MOST: u32 = 5000;
/// RFC 5321, 4.5.3.1: what an address may have.
const LONGEST: usize = 320;

impl MailAccount {
    /// Whether the teacher wants the pictures of this sender. Reads the store only.
    ///
    /// That is a wish about an address, and anybody can write an address into a message: honour it only of a message whose sender
    /// is proved by the own server's `Authentication-Results`, else ask as for any other.
    pub async fn wants_pictures_of(&self, address: &str) -> Result<bool, MailError> {
        let (academy, address) = (self.academy.id.clone(), folded(address));
        Ok(self.store.read(move |c| is_wanted(c, &academy, &address)).await?)
    }

    /// Keeps whether the teacher wants the pictures of this sender. What is no address is not kept.
    pub async fn set_pictures_of(&self, address: &str, wanted: bool) -> Result<(), MailError> {
        let (academy, address, now) = (self.academy.id.clone(), folded(address), self.clock.now_ms());
        Ok(self.store.write(move |t, _| want(t, &academy, &address, wanted.then_some(now))).await?)
    }

    /// The senders whose pictures the teacher wants, in the order of their addresses. Reads the store only.
    pub async fn picture_senders(&self) -> Result<Vec<String>, MailError> {
        let academy = self.academy.id.clone();
        Ok(self.store.read(move |c| wanted(c, &academy)).await?)
    }
}

/// Upper and lower case are one to every server that there is, whatever RFC 5321 allows them.
fn folded(address: &str) -> String {
    address.trim().to_lowercase()
}

fn is_wanted(c: &Connection, academy: &str, address: &str) -> Result<bool, StoreError> {
    let mut query = c.prepare_cached("SELECT 1 FROM picture_sender WHERE academy = ? AND address = ?")?;
    Ok(query.exists(params![academy, address])?)
}

fn wanted(c: &Connection, academy: &str) -> Result<Vec<String>, StoreError> {
    let mut query = c.prepare_cached("SELECT address FROM picture_sender WHERE academy = ? ORDER BY address")?;
    let rows = query.query_map([academy], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn want(t: &Transaction<'_>, academy: &str, address: &str, since_ms: Option<i64>) -> Result<(), StoreError> {
    let Some(since_ms) = since_ms else {
        t.execute("DELETE FROM picture_sender WHERE academy = ? AND address = ?", params![academy, address])?;
        return Ok(());
    };
    if !address.contains('@') || address.len() > LONGEST {
        return Ok(());
    }
    t.execute("INSERT OR IGNORE INTO picture_sender VALUES (?, ?, ?)", params![academy, address, since_ms])?;
    t.execute(
        "DELETE FROM picture_sender WHERE academy = ?1 AND address NOT IN
             (SELECT address FROM picture_sender WHERE academy = ?1 ORDER BY since_ms DESC LIMIT ?2)",
        params![academy, MOST],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn a_wish_is_of_one_address_at_one_academy_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let written = store.write(|t, _| {
            want(t, "essai", &folded(" Lettre@Academie.TEST "), Some(5))?;
            want(t, "essai", "autre@academie.test", Some(6))?;
            want(t, "essai", "autre@academie.test", None)?;
            want(t, "essai", "sans arobase", Some(7))?;
            want(t, "essai", &format!("{}@x.fr", "x".repeat(400)), Some(8))
        });
        written.await.unwrap();
        let read = store.read(|c| {
            assert!(is_wanted(c, "essai", "lettre@academie.test")?);
            assert!(!is_wanted(c, "ailleurs", "lettre@academie.test")?);
            assert!(!is_wanted(c, "essai", "autre@academie.test")?);
            wanted(c, "essai")
        });
        assert_eq!(read.await.unwrap(), ["lettre@academie.test"]);
    }

    #[tokio::test]
    async fn wishes_end_with_the_account_and_are_not_another_persons() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for end in ["DELETE FROM account", "UPDATE account SET identifier = 'lreset'"] {
            let written = store.write(move |t, _| {
                t.execute(
                    "INSERT OR REPLACE INTO account (academy, identifier, name) VALUES ('essai', 'jdupont', 'J')",
                    [],
                )?;
                want(t, "essai", "lettre@academie.test", Some(5))?;
                t.execute(end, [])?;
                wanted(t, "essai")
            });
            assert_eq!(written.await.unwrap(), [""; 0], "{end}");
        }
    }
}

//! The academy's directory, asked and written by the desk.

use std::collections::HashSet;
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Mod, Scope, SearchEntry, SearchOptions, ldap_escape};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::requests::Proof;
use super::{BIRTH_DATE_ATTRIBUTE, DeskConfig, NUMEN_ATTRIBUTE};

const LIMIT: Duration = Duration::from_secs(5);
const LEAVE: Duration = Duration::from_millis(200);

/// The directory did not answer, or not as it should. Its words stay out of the desk's.
#[derive(Debug)]
pub(super) struct Unavailable;

impl From<LdapError> for Unavailable {
    fn from(_: LdapError) -> Self {
        Self
    }
}

/// The entry of the person that `proof` fits, if there is exactly one.
pub(super) async fn proven(config: &DeskConfig, proof: &Proof) -> Result<Option<String>, Unavailable> {
    as_manager(config, async |ldap| {
        let filter = format!("(&(objectClass=inetOrgPerson)(uid={}))", ldap_escape(&proof.identifier));
        ldap.with_search_options(SearchOptions::new().sizelimit(2));
        let attributes = [NUMEN_ATTRIBUTE, BIRTH_DATE_ATTRIBUTE];
        let (found, _) = ldap.search(&config.base, Scope::Subtree, &filter, attributes).await?.success()?;
        let mut found = found.into_iter().map(SearchEntry::construct);
        let (Some(person), None) = (found.next(), found.next()) else { return Ok(None) };
        let holds = |attribute: &str, value: &SecretString| {
            person.attrs.get(attribute).is_some_and(|values| values.iter().any(|known| same(known, value)))
        };
        // Both are looked at, so that time does not tell which of them was wrong.
        let fits = holds(NUMEN_ATTRIBUTE, &proof.numen) & holds(BIRTH_DATE_ATTRIBUTE, &proof.birth_date);
        Ok(fits.then_some(person.dn))
    })
    .await
}

/// Gives `entry` a new password, which slapd hashes (`ppolicy_hash_cleartext`) while it lifts a lock of the entry.
pub(super) async fn set_password(config: &DeskConfig, entry: &str, password: &SecretString) -> Result<(), Unavailable> {
    as_manager(config, async |ldap| {
        let value = HashSet::from([password.expose_secret()]);
        ldap.modify(entry, vec![Mod::Replace("userPassword", value)]).await?.success()?;
        // A policy with pwdMustChange marks what a manager wrote as to be changed; here the teacher chose it.
        let none: HashSet<&str> = HashSet::new();
        let _ = ldap.modify(entry, vec![Mod::Replace("pwdReset", none)]).await;
        Ok(())
    })
    .await
}

/// Binds, works and unbinds, all within the limit and on this task: the connection's driver ends with the work.
async fn as_manager<T>(
    config: &DeskConfig,
    work: impl AsyncFnOnce(&mut Ldap) -> Result<T, Unavailable>,
) -> Result<T, Unavailable> {
    let session = async {
        let settings = LdapConnSettings::new().set_conn_timeout(LIMIT);
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &format!("ldap://{}", config.ldap)).await?;
        let mut driving = std::pin::pin!(connection.drive());
        let working = async {
            ldap.simple_bind(&config.manager, config.manager_password.expose_secret()).await?.success()?;
            work(&mut ldap).await
        };
        let done = tokio::select! {
            biased;
            done = working => done,
            _ = &mut driving => Err(Unavailable),
        };
        // The driver ends as it takes leave: only now, for then it would seem to have ended before the work.
        let _ = timeout(LEAVE, async { tokio::join!(ldap.unbind(), driving) }).await;
        done
    };
    timeout(LIMIT, session).await.unwrap_or(Err(Unavailable))
}

/// Compares digests, so that time tells nothing about how far two values agree.
fn same(known: &str, given: &SecretString) -> bool {
    let sum = |text: &str| digest(&SHA256, text.as_bytes());
    sum(known).as_ref() == sum(given.expose_secret()).as_ref()
}

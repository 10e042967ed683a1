//! The reset desk: a small https server in the place of an academy's password reset page, of which none is published.
//!
//! A teacher proves who it is by identifier, NUMEN and birth date, then chooses a new password, which the desk writes into the
//! academy's own directory. Pages are in French or English by `Accept-Language`; with `Accept: application/json` every answer
//! is JSON, and a POST may carry a form or JSON.
//!
//! | request | fields | answers |
//! |---|---|---|
//! | `GET /reset` | | 200 form; JSON `step` = `proof` |
//! | `POST /reset/proof` | `identifier`, `numen`, `birth_date` (`YYYY-MM-DD` or `DD/MM/YYYY`) | 200 `step` = `password` with `token`; 400 `malformed`; 403 `proof_refused`; 429 `too_many_attempts` with `Retry-After` |
//! | `POST /reset/password` | `token`, `new_password`, `confirmation` | 200 `step` = `done`; 422 `password_refused` with `reasons` and, twice at most, a fresh `token`; 410 `step_expired` |
//!
//! What the desk promises: a wrong proof for a known person and any proof for an unknown one get the same text after the same
//! time; an attempt is counted before the directory is asked, so parallel requests win nothing; after
//! [`DeskConfig::wrong_proofs`] of them the identifier and the client wait for [`DeskConfig::window`], right proof or not;
//! a step token serves once, to the client that got it, for ten minutes. Bodies are limited to 8 KiB, headers to 16 KiB,
//! connections to 64, every wait to 10 s and a connection to a minute. The log holds outcomes only.

mod answers;
mod limits;
mod office;
mod people;
mod requests;
mod server;
mod steps;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use tokio::task::JoinHandle;

use self::office::Office;
use crate::{Leaf, http};

/// LDAP attribute that holds a teacher's NUMEN: 13 letters and digits, upper case.
pub const NUMEN_ATTRIBUTE: &str = "employeeNumber";
/// LDAP attribute that holds a teacher's birth date as `YYYY-MM-DD`.
pub const BIRTH_DATE_ATTRIBUTE: &str = "carLicense";
/// Path of the first page.
pub const RESET_PATH: &str = "/reset";

/// What time it is. Locks and steps count in it, so a test can let an hour pass.
pub type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What a desk needs to know. Start from [`DeskConfig::new`].
#[derive(Clone)]
pub struct DeskConfig {
    /// Where slapd listens, without TLS, on loopback.
    pub ldap: SocketAddr,
    /// Under which entry the people are.
    pub base: String,
    /// Who may write passwords there.
    pub manager: String,
    /// The manager's password.
    pub manager_password: SecretString,
    /// Certificate chain, leaf first.
    pub certificate: Vec<CertificateDer<'static>>,
    /// Key of the leaf.
    pub key: Arc<PrivateKeyDer<'static>>,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many wrong proofs an identifier or a client has within the window.
    pub wrong_proofs: u32,
    /// How long they count and how long the refusal lasts after the last.
    pub window: Duration,
    /// When a refused proof is answered, counted from its arrival. Longer than any answer of the directory.
    pub answer_after: Duration,
    /// The clock.
    pub now: Now,
}

impl DeskConfig {
    /// Three wrong proofs, a window of 15 minutes, refusals after 300 ms, the system's clock, a free port on 127.0.0.1.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a leaf whose texts are not PEM.
    pub fn new(
        ldap: SocketAddr,
        base: &str,
        manager: &str,
        manager_password: SecretString,
        leaf: &Leaf,
    ) -> io::Result<Self> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes()).collect::<Result<_, _>>();
        Ok(Self {
            ldap,
            base: base.to_owned(),
            manager: manager.to_owned(),
            manager_password,
            certificate: chain.map_err(invalid)?,
            key: Arc::new(PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).map_err(invalid)?),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            wrong_proofs: 3,
            window: Duration::from_secs(15 * 60),
            answer_after: Duration::from_millis(300),
            now: Arc::new(SystemTime::now),
        })
    }
}

impl fmt::Debug for DeskConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskConfig").field("ldap", &self.ldap).field("base", &self.base).finish_non_exhaustive()
    }
}

/// A running desk, closed by its drop.
pub struct ResetDesk {
    address: SocketAddr,
    office: Arc<Office>,
    serving: JoinHandle<()>,
}

impl ResetDesk {
    /// Opens the port and serves in the background. The directory need not run yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a key that does not fit the certificate, else what the system says of the port.
    pub async fn start(config: DeskConfig) -> io::Result<Self> {
        let (listener, acceptor) = server::open(&config).await?;
        let address = listener.local_addr()?;
        let office = Arc::new(Office::new(config));
        let serving = http::run(listener, Some(acceptor), server::LIMITS, Arc::clone(&office), pending());
        let serving = tokio::spawn(serving);
        Ok(Self { address, office, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last 1,000 outcomes, oldest first: Unix seconds, client address and a word, nothing a client sent.
    pub fn log(&self) -> Vec<String> {
        self.office.log()
    }
}

impl fmt::Debug for ResetDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetDesk").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for ResetDesk {
    fn drop(&mut self) {
        // The serving task owns the connections in a JoinSet, so they go with it.
        self.serving.abort();
    }
}

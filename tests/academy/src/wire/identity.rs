//! What a wire shows in the place of the server's certificate.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::Leaf;

/// A certificate chain with its key, as a TLS server shows it. Cheap to clone.
///
/// The academy's own authority issues what is wrong in one respect only (another name, expired, not yet valid); a new
/// [`Authority`](crate::Authority) issues what nobody trusts, or what a school's filter would show.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Takes a chain, leaf first, and the leaf's key.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a key that does not fit the leaf or that ring cannot use.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> io::Result<Self> {
        let identity = Self(Arc::new(Shown { chain, key }));
        identity.server_config(None)?;
        Ok(identity)
    }

    /// Takes what an [`Authority`](crate::Authority) issued.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for texts that are not PEM, else as [`Identity::new`].
    pub fn of(leaf: &Leaf) -> io::Result<Self> {
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes());
        Self::new(chain.map_err(invalid)?, key.map_err(invalid)?)
    }

    /// The settings of a TLS 1.2 and 1.3 server that shows this identity and speaks at most that one ALPN protocol.
    pub(crate) fn server_config(&self, alpn: Option<Vec<u8>>) -> io::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_no_client_auth()
            .with_single_cert(self.0.chain.clone(), self.0.key.clone_key())
            .map_err(invalid)?;
        config.alpn_protocols = alpn.into_iter().collect();
        Ok(Arc::new(config))
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

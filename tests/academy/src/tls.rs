//! TLS towards the academy's servers.

use crate::AcademyError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;

/// Trusts the authority in `ca_pem` and no other.
pub(crate) fn trusting(ca_pem: &str) -> Result<ClientConfig, AcademyError> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(std::io::Error::other)?;
    roots.add(certificate)?;
    with(roots)
}

/// For clients that never leave plain http.
pub(crate) fn no_trust() -> Result<ClientConfig, AcademyError> {
    with(RootCertStore::empty())
}

fn with(roots: RootCertStore) -> Result<ClientConfig, AcademyError> {
    // Named here, so that nothing depends on which provider a process has made its default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

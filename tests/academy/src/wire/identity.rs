//! Certificates a wire can answer with: the right CA's wrong ones, and another CA's right ones.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate chain with its key, as a TLS server shows it. Cheap to clone.
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

    /// The settings of a TLS 1.2 and 1.3 server that shows this identity and speaks at most that one ALPN protocol.
    pub(super) fn server_config(&self, alpn: Option<Vec<u8>>) -> io::Result<Arc<ServerConfig>> {
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

/// A certificate authority that issues what a test asks for.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// A new CA that nobody trusts yet: the stranger in the middle, or a school's filter whose CA a test installs by hand.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new(common_name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(invalid)?;
        let certificate = CertifiedIssuer::self_signed(params.clone(), &key).map_err(invalid)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The CA of these PEM texts (the academy's own), to issue certificates that are wrong in one respect only.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if either is not what it should be.
    pub fn from_pem(certificate: &str, key: &str) -> io::Result<Self> {
        let key = KeyPair::from_pem(key).map_err(invalid)?;
        let issuer = Issuer::from_ca_cert_pem(certificate, key).map_err(invalid)?;
        let certificate = rustls_pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes()).map_err(invalid)?;
        Ok(Self { issuer, certificate })
    }

    /// The CA's certificate, for a client that shall trust it.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// A certificate for `host`, valid from yesterday for 30 days.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if `host` is neither a name nor an address.
    pub fn identity(&self, host: &str) -> io::Result<Identity> {
        let now = SystemTime::now();
        self.identity_between(host, now - DAY, now + 30 * DAY)
    }

    /// A certificate for `host` that ended yesterday.
    ///
    /// # Errors
    /// As [`Authority::identity`].
    pub fn expired(&self, host: &str) -> io::Result<Identity> {
        let now = SystemTime::now();
        self.identity_between(host, now - 30 * DAY, now - DAY)
    }

    /// A certificate for `host` that begins tomorrow.
    ///
    /// # Errors
    /// As [`Authority::identity`].
    pub fn not_yet_valid(&self, host: &str) -> io::Result<Identity> {
        let now = SystemTime::now();
        self.identity_between(host, now + DAY, now + 30 * DAY)
    }

    fn identity_between(&self, host: &str, from: SystemTime, until: SystemTime) -> io::Result<Identity> {
        let mut params = CertificateParams::new([host.to_owned()]).map_err(invalid)?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = from.into();
        params.not_after = until.into();
        let key = KeyPair::generate().map_err(invalid)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(invalid)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Identity::new(vec![leaf.der().clone(), self.certificate.clone()], key)
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

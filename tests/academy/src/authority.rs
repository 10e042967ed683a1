//! Certificates: an authority of our own and the leaves that it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// A certificate authority. It signs for as long as it lives; its key is never written down.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leaf {
    /// The certificate, then the authority's, in PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 in PEM.
    pub key_pem: String,
}

/// When a leaf is valid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Validity {
    /// Now and for years.
    #[default]
    Good,
    /// It ended in 2021.
    Expired,
    /// It begins in 2090.
    NotYet,
}

impl Authority {
    /// A new authority with a key of its own. Two of the same name are two authorities.
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2100, 1, 1);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// The authority's own certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for `names` (host names, wildcards or IP addresses).
    pub fn issue(&self, names: &[&str], validity: Validity) -> Result<Leaf, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or_default());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) = match validity {
            Validity::Good => (date_time_ymd(2021, 1, 1), date_time_ymd(2099, 1, 1)),
            Validity::Expired => (date_time_ymd(2020, 6, 1), date_time_ymd(2021, 6, 1)),
            Validity::NotYet => (date_time_ymd(2090, 1, 1), date_time_ymd(2099, 1, 1)),
        };
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { chain_pem: certificate.pem() + &self.pem, key_pem: key.serialize_pem() })
    }
}

//! The network the phone lends: who is trusted, and where a name leads.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;

use super::connect::ConnectError;

/// How long a connection may take to come up, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long an HTTP answer may stay silent, and take in all.
const HTTP_SILENCE: Duration = Duration::from_secs(20);
const HTTP_TOTAL: Duration = Duration::from_secs(60);

/// How many servers of a service are looked at.
const SERVICES: usize = 32;

/// Finds the addresses of a host, and the hosts of a service. Called on a thread that may block.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, best first. An empty list means that the name does not exist.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The SRV records (RFC 2782) of `name`, for instance `_imaps._tcp.example.org`, in any order. An empty list means that
    /// there are none. [`io::ErrorKind::Unsupported`] where nobody can ask, which is what a resolver says that does not know.
    fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        let _ = name;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A server of a service, as the domain's SRV record says (RFC 2782). Nobody has signed it: do not trust it unasked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceRecord {
    /// The lowest first.
    pub priority: u16,
    /// Among those of one priority, the greater is meant to be chosen more often.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, with or without a dot at its end; `.` alone says that the service is not offered.
    pub target: String,
}

/// The resolver of the operating system. On desktops (feature `desktop-dns`) it asks the system's name servers for SRV
/// records; elsewhere it says that it cannot.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        use std::net::ToSocketAddrs;
        Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }

    #[cfg(feature = "desktop-dns")]
    fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        super::dns::NameServers::of_system()?.services(name)
    }
}

/// The way out to the servers: trusted roots, name resolution and time limits, one set for every protocol.
///
/// Cheap to clone. Certificates are always verified; there is no way to turn that off.
#[derive(Clone)]
pub struct Network {
    pub(super) tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolver>,
    pub(super) connect_limit: Duration,
    http: reqwest::Client,
}

impl Network {
    /// The phone's own network: roots of the platform (those of the school's administration included), its resolver.
    pub fn system() -> Result<Self, ConnectError> {
        Self::builder().build()
    }

    /// Starts from the phone's own network and changes parts of it.
    pub fn builder() -> NetworkBuilder {
        NetworkBuilder {
            roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
            connect_limit: CONNECT_LIMIT,
            http_silence: HTTP_SILENCE,
        }
    }

    /// The HTTP client of this network: no cookies, no redirect followed, bounded waits.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The SRV records of `name`, at most 32 of them, in any order. Waits for as long as the resolver does.
    pub async fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        let (resolver, name) = (Arc::clone(&self.resolver), name.to_owned());
        let found = tokio::task::spawn_blocking(move || resolver.services(&name)).await.map_err(io::Error::other)?;
        found.map(|mut records| {
            records.truncate(SERVICES);
            records
        })
    }

    /// The addresses of `host` with `port`, at most eight.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = lookup(Arc::clone(&self.resolver), host.to_owned()).await.map_err(|_| ConnectError::NoSuchHost)?;
        if found.is_empty() {
            return Err(ConnectError::NoSuchHost);
        }
        Ok(found.into_iter().take(8).map(|address| SocketAddr::new(address, port)).collect())
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// Builds a [`Network`].
pub struct NetworkBuilder {
    roots: Vec<CertificateDer<'static>>,
    resolver: Arc<dyn Resolver>,
    connect_limit: Duration,
    http_silence: Duration,
}

impl NetworkBuilder {
    /// Trusts the authorities of this PEM text, and only these: for tests, and for a school with an authority of its own.
    pub fn only_roots(mut self, pem: &str) -> Result<Self, ConnectError> {
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        self.roots = roots.map_err(|_| ConnectError::BadRoots)?;
        if self.roots.is_empty() {
            return Err(ConnectError::BadRoots);
        }
        Ok(self)
    }

    /// Asks `resolver` instead of the operating system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Gives up a connection that is not up after `limit`, and an HTTP answer silent for as long. Default: 20 seconds.
    pub fn patience(mut self, limit: Duration) -> Self {
        self.connect_limit = limit;
        self.http_silence = limit;
        self
    }

    /// Puts the network together. Reads the platform's roots; does not connect anywhere.
    pub fn build(self) -> Result<Network, ConnectError> {
        let provider = Arc::new(ring::default_provider());
        let tls = Arc::new(client_config(provider, self.roots)?);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .dns_resolver(HttpResolver(Arc::clone(&self.resolver)))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .https_only(true)
            .connect_timeout(self.connect_limit)
            .read_timeout(self.http_silence)
            .timeout(HTTP_TOTAL)
            .build()
            .map_err(|_| ConnectError::BadRoots)?;
        Ok(Network { tls, resolver: self.resolver, connect_limit: self.connect_limit, http })
    }
}

fn client_config(
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, ConnectError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConnectError::BadRoots)?;
    if roots.is_empty() {
        let builder = builder.with_platform_verifier().map_err(|_| ConnectError::BadRoots)?;
        return Ok(builder.with_no_client_auth());
    }
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(|_| ConnectError::BadRoots)?;
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

async fn lookup(resolver: Arc<dyn Resolver>, host: String) -> io::Result<Vec<IpAddr>> {
    tokio::task::spawn_blocking(move || resolver.resolve(&host)).await.map_err(io::Error::other)?
}

struct HttpResolver(Arc<dyn Resolver>);

impl reqwest::dns::Resolve for HttpResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookup(resolver, name.as_str().to_owned()).await?;
            let addresses = found.into_iter().take(8).map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as reqwest::dns::Addrs)
        })
    }
}

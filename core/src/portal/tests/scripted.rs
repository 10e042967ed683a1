//! A portal that answers as a test tells it: for what no honest portal does, or the one of the test academy cannot.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::academy::Academy;
use crate::ports::{Network, Resolver};

/// The name in its certificate.
pub(crate) const HOST: &str = "id.academie.test";

struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

/// An answer, byte for byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) text: String,
    /// Behind it, where it is no text.
    pub(crate) body: Vec<u8>,
    /// Sent over and over behind it while somebody reads.
    pub(crate) filler: &'static [u8],
    /// Waited between two of those.
    pub(crate) drip: Duration,
    /// Waited before it.
    pub(crate) delay: Duration,
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// A running portal. Every connection is answered once.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    /// The way to it, trusting it and patient for two seconds.
    pub(crate) network: Network,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers each request, head and body, with `answer(port, request)`.
    pub(crate) async fn start(answer: impl Fn(u16, &str) -> Reply + Send + Sync + 'static) -> Self {
        let (acceptor, pem) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (answer, log, acceptor) = (Arc::clone(&answer), Arc::clone(&log), acceptor.clone());
                tokio::spawn(async move {
                    let _ = tcp.set_nodelay(true);
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let request = request(&mut tls).await;
                    log.lock().unwrap().push(request.clone());
                    let reply = answer(port, &request);
                    tokio::time::sleep(reply.delay).await;
                    let _ = tls.write_all(reply.text.as_bytes()).await;
                    let _ = tls.write_all(&reply.body).await;
                    while !reply.filler.is_empty() && tls.write_all(reply.filler).await.is_ok() {
                        if !reply.drip.is_zero() {
                            tokio::time::sleep(reply.drip).await;
                        }
                    }
                    let _ = tls.shutdown().await;
                });
            }
        });
        let network = Network::builder()
            .only_roots(&pem)
            .unwrap()
            .resolver(Arc::new(Loopback))
            .patience(Duration::from_secs(2))
            .build()
            .unwrap();
        Self { port, network, seen }
    }

    /// The requests so far whose first line has this in it.
    pub(crate) fn seen(&self, what: &str) -> Vec<String> {
        let all = self.seen.lock().unwrap();
        all.iter().filter(|request| request.lines().next().is_some_and(|line| line.contains(what))).cloned().collect()
    }

    pub(crate) fn academy(&self) -> Academy {
        academy(self.port)
    }
}

/// A profile with OpenID Connect whose portal is on this port.
pub(crate) fn academy(port: u16) -> Academy {
    Academy::from_toml(&format!(
        "format = 1\nid = \"essai\"\nname = \"Essai\"\ncity = \"Essai\"\nrevised = \"2026-11-24\"\n\
         official_origins = [\"https://{HOST}:{port}\"]\n\
         [oidc]\nissuer = \"https://{HOST}:{port}\"\nclient_id = \"mobile\"\n\
         redirect_uri = \"fr.essai:/retour\"\nscopes = [\"openid\"]\n\
         [[evidence]]\nfields = [\"*\"]\nsource = \"invented\"\nchecked = \"2026-11-24\"\nconfidence = \"high\"\n"
    ))
    .unwrap()
}

pub(crate) fn json(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn certificate() -> (tokio_rustls::TlsAcceptor, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut certificate = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let name = key.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    certificate.distinguished_name.push(rcgen::DnType::CommonName, name.get(..32).unwrap());
    let pem = certificate.self_signed(&key).unwrap().pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), pem)
}

/// Head and body of one request.
async fn request(from: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = from.read(&mut piece).await.unwrap_or_default();
        text.extend_from_slice(piece.get(..read).unwrap());
        let so_far = String::from_utf8_lossy(&text);
        let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return so_far.into_owned();
        }
    }
}

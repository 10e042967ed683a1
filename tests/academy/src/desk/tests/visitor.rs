//! A desk with a clock to turn, and a client that sends what it likes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::slapd::{BASE, MANAGER, MANAGER_PASSWORD};
use crate::desk::{DeskConfig, ResetDesk};
use crate::{Authority, Validity};

const HOST: &str = "reset.academie.test";
pub(super) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

pub(super) struct Visited {
    pub(super) desk: ResetDesk,
    seconds: Arc<AtomicU64>,
    tls: Arc<ClientConfig>,
}

pub(super) struct Got {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n{}", self.head, self.body))
    }

    pub(super) fn token(&self) -> String {
        self.json()["token"].as_str().expect("a token").to_owned()
    }
}

impl Visited {
    pub(super) async fn start(ldap: SocketAddr) -> Self {
        let authority = Authority::new("Academie Test CA").unwrap();
        let leaf = authority.issue(&[HOST], Validity::Good).unwrap();
        let seconds = Arc::new(AtomicU64::new(1_790_000_000));
        let clock = Arc::clone(&seconds);
        let password = SecretString::from(MANAGER_PASSWORD);
        let mut config = DeskConfig::new(ldap, BASE, MANAGER, password, &leaf).unwrap();
        config.now = Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
        let desk = ResetDesk::start(config).await.unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { desk, seconds, tls: Arc::new(tls) }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    /// Posts JSON and asks for JSON in English, from `client`.
    pub(super) async fn post(&self, client: IpAddr, path: &str, fields: Value) -> Got {
        let body = fields.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: application/json\r\nAccept-Language: en\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(client, request.as_bytes()).await
    }

    pub(super) async fn prove(&self, client: IpAddr, identifier: &str, numen: &str, birth_date: &str) -> Got {
        let fields = serde_json::json!({ "identifier": identifier, "numen": numen, "birth_date": birth_date });
        self.post(client, "/reset/proof", fields).await
    }

    pub(super) async fn choose(&self, client: IpAddr, token: &str, password: &str) -> Got {
        let fields = serde_json::json!({ "token": token, "new_password": password, "confirmation": password });
        self.post(client, "/reset/password", fields).await
    }

    /// Sends a form, as a browser would, and asks for a page in `language`.
    pub(super) async fn submit(&self, path: &str, language: &str, fields: &[(&str, &str)]) -> Got {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\nAccept-Language: {language}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(HOME, request.as_bytes()).await
    }

    pub(super) async fn fetch(&self, path: &str, language: &str) -> Got {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept-Language: {language}\r\nConnection: close\r\n\r\n");
        self.send(HOME, request.as_bytes()).await
    }

    /// Sends bytes from `client` and reads to the end of the connection.
    pub(super) async fn send(&self, client: IpAddr, request: &[u8]) -> Got {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(client, 0)).unwrap();
        let socket = socket.connect(self.desk.address()).await.unwrap();
        let connecting = TlsConnector::from(Arc::clone(&self.tls)).connect(ServerName::try_from(HOST).unwrap(), socket);
        let mut stream = connecting.await.unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        let exchange = async {
            // The desk may answer and close before it has read everything.
            let _ = stream.write_all(request).await;
            let _ = stream.flush().await;
            let _ = stream.read_to_end(&mut answer).await;
        };
        timeout(Duration::from_secs(30), exchange).await.expect("an answer in time");
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        let status = head.get(9..12).unwrap().parse().unwrap();
        Got { status, head: head.to_ascii_lowercase(), body: body.to_owned(), took: started.elapsed() }
    }
}

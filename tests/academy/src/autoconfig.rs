//! What a domain offers to mail apps: autoconfig documents over https, and SRV records of a real name server (dnsmasq).

use crate::{
    Academy, AcademyError, Validity,
    http::{self, Asked, Handler, Limits},
    setup,
    wire::Identity,
};
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION},
};
use std::{
    collections::BTreeMap,
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

const LIMITS: Limits =
    Limits { connections: 64, body: 1024, wait: Duration::from_secs(10), longest: Duration::from_secs(60) };
/// Autoconfig has no port of its own.
const HTTPS: u16 = 443;
/// How long a name server may take to come up.
const READY: Duration = Duration::from_secs(5);

/// A web server of the academy's domain, with the documents that it is given. Dropped, it closes.
#[derive(Debug)]
pub struct Autoconfig {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// By host and path.
    documents: Mutex<BTreeMap<(String, String), (StatusCode, String)>>,
    asked: Mutex<Vec<String>>,
}

impl Academy {
    /// A web server with the academy's certificate on port 443 of a loopback address of its own, to which the names
    /// `autoconfig.academie.test` and `academie.test` are to be mapped. It has no documents yet.
    pub async fn autoconfig(&self) -> Result<Autoconfig, AcademyError> {
        let leaf = self.authority().issue(&["*.academie.test", "academie.test"], Validity::Good)?;
        let acceptor = TlsAcceptor::from(Identity::of(&leaf)?.server_config(Some(b"http/1.1".to_vec()))?);
        let listener = free_https().await?;
        let (address, shelf) = (listener.local_addr()?, Arc::new(Shelf::default()));
        let serving = tokio::spawn(http::run(listener, Some(acceptor), LIMITS, Arc::clone(&shelf), pending()));
        Ok(Autoconfig { address, shelf, serving })
    }
}

impl Autoconfig {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on `https://host/path` answers with `body`; a `status` of the 300s with a redirect there.
    pub fn put(&self, host: &str, path: &str, status: u16, body: &str) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut documents = self.shelf.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.insert((host.to_owned(), path.to_owned()), (status, body.to_owned()));
    }

    /// The requests so far: method, host, path and query.
    pub fn asked(&self) -> Vec<String> {
        self.shelf.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Autoconfig {
    fn drop(&mut self) {
        // The serving task owns the connections in a JoinSet, so they go with it.
        self.serving.abort();
    }
}

impl Handler for Shelf {
    async fn answer(&self, asked: Asked) -> http::Answer {
        let host = asked.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let line = format!("{} {host}{}", asked.method, asked.uri);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = match documents.get(&(host, asked.uri.path().to_owned())) {
            Some((status, body)) => (*status, body.clone()),
            None => (StatusCode::NOT_FOUND, String::new()),
        };
        let mut answer = Response::new(Full::new(Bytes::from(body.clone())));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        if let (true, Ok(to)) = (status.is_redirection(), HeaderValue::from_str(&body)) {
            answer.headers_mut().insert(LOCATION, to);
        }
        answer
    }
}

/// dnsmasq on a loopback port of its own, with the records that it is given and no others. Dropped, it ends; so it does when
/// this process does.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    /// A shell that ends the server when its standard input closes.
    _process: Child,
}

impl NameServer {
    /// Starts it for `academie.test` with `records`, each as the option of dnsmasq that makes it, for instance
    /// `srv-host=_imaps._tcp.academie.test,imap.academie.test,993,0,1`. Installs dnsmasq the first time.
    pub async fn start(records: &[String]) -> Result<Self, AcademyError> {
        setup::ensure(&["dnsmasq-base"]).await?;
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let script = "exec 3<&0; dnsmasq \"$@\" </dev/null & cat <&3 >/dev/null; kill $!; wait";
        let mut process = Command::new("sh")
            .args(["-c", script, "sh", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--bind-interfaces", "--listen-address=127.0.0.1", "--local=/academie.test/"])
            .arg(format!("--port={port}"))
            .args(records.iter().map(|record| format!("--{record}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let end = Instant::now() + READY;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end || process.try_wait()?.is_some() {
                let mut log = String::new();
                drop(process.stdin.take());
                if let Some(mut said) = process.stderr.take() {
                    let _ = timeout(READY, said.read_to_string(&mut log)).await;
                }
                return Err(AcademyError::NotReady { server: "dnsmasq".to_owned(), log });
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { address, _process: process })
    }

    /// Where it answers, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The port of https on the first loopback address where nobody has it: several academies run side by side.
async fn free_https() -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for host in 1..=254 {
        match TcpListener::bind((IpAddr::V4(Ipv4Addr::new(127, 0, 1, host)), HTTPS)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

//! Small servers and clients for the ends of a wire.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::wire::{Identity, Wire};
use crate::{Authority, Validity};

pub(super) const HOST: &str = "imap.academie.test";
pub(super) const SOON: Duration = Duration::from_secs(5);
/// Long enough for a forgotten byte to arrive on loopback.
pub(super) const SILENCE: Duration = Duration::from_millis(200);

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

pub(super) async fn connect(wire: &Wire) -> TcpStream {
    TcpStream::connect(wire.socket_address()).await.unwrap()
}

/// Sends `bytes` and reads as many back, at the same time, within the limit.
pub(super) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; bytes.len()];
    let (mut reader, mut writer) = tokio::io::split(stream);
    let exchange = async {
        let writing = async {
            writer.write_all(bytes).await?;
            writer.flush().await
        };
        tokio::try_join!(writing, reader.read_exact(&mut answer))
    };
    timeout(SOON, exchange).await.expect("an answer in time").unwrap();
    answer
}

pub(super) async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, Option<ErrorKind>) {
    let mut got = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut got)).await.expect("an end in time");
    (got, read.err().map(|error| error.kind()))
}

/// Serves each connection with `serve` on a task until the test's runtime ends.
pub(super) async fn serving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    address
}

pub(super) async fn copy_back(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
    let _ = writer.shutdown().await;
}

pub(super) async fn echo() -> SocketAddr {
    serving(copy_back).await
}

pub(super) async fn saying(text: &str) -> SocketAddr {
    let text = text.to_owned();
    serving(move |mut socket| {
        let text = text.clone();
        async move {
            // Two writes, so that a line comes in two pieces.
            let (first, second) = text.split_at(text.len() / 2);
            let _ = socket.write_all(first.as_bytes()).await;
            tokio::time::sleep(ms(20)).await;
            let _ = socket.write_all(second.as_bytes()).await;
        }
    })
    .await
}

pub(super) fn identity(authority: &Authority, host: &str, validity: Validity) -> Identity {
    Identity::of(&authority.issue(&[host], validity).unwrap()).unwrap()
}

pub(super) fn certificate(authority: &Authority) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()
}

pub(super) fn acceptor(identity: &Identity, alpn: &[&[u8]]) -> TlsAcceptor {
    TlsAcceptor::from(identity.server_config(alpn.first().map(|name| name.to_vec())).unwrap())
}

pub(super) async fn tls_echo(identity: Identity, alpn: &[&[u8]]) -> SocketAddr {
    let acceptor = acceptor(&identity, alpn);
    serving(move |socket| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(socket).await {
                copy_back(stream).await;
            }
        }
    })
    .await
}

/// Greets like IMAP, agrees to STARTTLS, then echoes inside TLS.
pub(super) async fn starttls_server(identity: Identity) -> SocketAddr {
    let acceptor = acceptor(&identity, &[]);
    serving(move |socket| {
        let acceptor = acceptor.clone();
        async move {
            let mut socket = BufReader::new(socket);
            socket.write_all(b"* OK ready\r\n").await.unwrap();
            let mut command = String::new();
            socket.read_line(&mut command).await.unwrap();
            if command != "a STARTTLS\r\n" {
                return;
            }
            socket.write_all(b"a OK begin\r\n").await.unwrap();
            if let Ok(stream) = acceptor.accept(socket.into_inner()).await {
                copy_back(stream).await;
            }
        }
    })
    .await
}

pub(super) fn trusting(roots: &[CertificateDer<'static>], alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

pub(super) async fn tls(wire: &Wire, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    handshake(connect(wire).await, config).await
}

pub(super) async fn handshake(socket: TcpStream, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let connecting = TlsConnector::from(Arc::clone(config)).connect(ServerName::try_from(HOST).unwrap(), socket);
    timeout(SOON, connecting).await.expect("a handshake in time")
}

pub(super) async fn upgraded(
    wire: &Wire,
    config: &Arc<ClientConfig>,
    greeting: &str,
    consent: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut socket = BufReader::new(connect(wire).await);
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    assert_eq!(line, greeting);
    socket.write_all(b"a STARTTLS\r\n").await?;
    line.clear();
    socket.read_line(&mut line).await?;
    assert_eq!(line, consent);
    handshake(socket.into_inner(), config).await
}

pub(super) fn tls_error(outcome: std::io::Result<TlsStream<TcpStream>>) -> rustls::Error {
    let error = outcome.expect_err("the handshake fails");
    error.into_inner().expect("a TLS error").downcast_ref::<rustls::Error>().expect("of rustls").clone()
}

//! The https side: TLS, limits, and one request after the other.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::DeskConfig;
use super::answers::Answer;
use super::office::{Asked, Office};
use super::requests::Manner;

const CONNECTIONS: usize = 64;
const BODY_LIMIT: usize = 8 * 1024;
const HEADER_LIMIT: usize = 16 * 1024;
const HEADERS: usize = 64;
const WAIT: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60);

/// Opens the port and reads certificate and key.
pub(super) async fn open(config: &DeskConfig) -> io::Result<(TcpListener, TlsAcceptor)> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(invalid)?
        .with_no_client_auth()
        .with_single_cert(config.certificate.clone(), config.key.clone_key())
        .map_err(invalid)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TcpListener::bind(config.listen).await?, TlsAcceptor::from(Arc::new(tls))))
}

/// Serves until aborted. Owns the connections: they end with it.
pub(super) async fn run(listener: TcpListener, acceptor: TlsAcceptor, office: Arc<Office>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, client)) = accepted else {
                    // Out of descriptors: the condition passes when connections end.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                // Beyond the limit a client is turned away at once, rather than kept waiting in memory.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (acceptor, office) = (acceptor.clone(), Arc::clone(&office));
                connections.spawn(async move {
                    let _place = place;
                    let _ = timeout(LONGEST, serve(socket, client, acceptor, office)).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(socket: TcpStream, client: SocketAddr, acceptor: TlsAcceptor, office: Arc<Office>) {
    let Ok(Ok(stream)) = timeout(WAIT, acceptor.accept(socket)).await else { return };
    let service = service_fn(move |request| respond(request, client.ip(), Arc::clone(&office)));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(WAIT).max_headers(HEADERS).max_buf_size(HEADER_LIMIT);
    // What fails here failed for the client too; there is nobody else to tell.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    client: IpAddr,
    office: Arc<Office>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let manner = Manner::of(&head.headers);
    let (answer, whole) = match timeout(WAIT, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            let asked =
                Asked { method: &head.method, path: head.uri.path(), headers: &head.headers, body: &body, client };
            (office.answer(asked).await, true)
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => (Answer::TooLarge, false),
        Ok(Err(_)) => (Answer::Malformed { field: "body" }, false),
        Err(_) => (Answer::TooSlow, false),
    };
    office.note(client, &answer);
    let mut response = Response::new(Full::new(Bytes::from(answer.body(manner))));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers(manner);
    if !whole {
        // The rest of the body is still coming; another request cannot follow it.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

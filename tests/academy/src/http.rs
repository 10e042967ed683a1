//! The crate's HTTP server: limits first, then one request after the other to a handler.

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

const HEADER_LIMIT: usize = 16 * 1024;
const HEADERS: usize = 64;
/// How long connections may take to end once the server is told to.
const DRAIN: Duration = Duration::from_secs(2);

/// An answer, its body in one piece.
pub(crate) type Answer = Response<Full<Bytes>>;

/// How much a client may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So many connections at once; further ones are closed at once.
    pub(crate) connections: usize,
    /// Bytes of a request's body.
    pub(crate) body: usize,
    /// For the TLS handshake, the head and the body of a request each.
    pub(crate) wait: Duration,
    /// For a whole connection, answers included.
    pub(crate) longest: Duration,
}

/// One request with its body already read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, Unread>,
    pub(crate) client: IpAddr,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

/// Answers requests. Every wait of its own must have a limit too.
pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(&self, asked: Asked) -> impl Future<Output = Answer> + Send;
}

/// Serves until `end`, then gives the connections two seconds for the answers under way. Owns the connections: dropped, it
/// takes them along.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handler: Arc<impl Handler>,
    end: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => {
                let Ok((socket, client)) = accepted else {
                    // Out of descriptors: the condition passes when connections end.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                // Beyond the limit a client is turned away at once, rather than kept waiting in memory.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (tls, handler) = (tls.clone(), Arc::clone(&handler));
                connections.spawn(async move {
                    let _place = place;
                    let _ = timeout(limits.longest, welcome(socket, client.ip(), tls, limits, handler)).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// An answer of JSON.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

async fn welcome(
    socket: TcpStream,
    client: IpAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handler: Arc<impl Handler>,
) {
    let Some(tls) = tls else { return serve(socket, client, limits, handler).await };
    let Ok(Ok(stream)) = timeout(limits.wait, tls.accept(socket)).await else { return };
    serve(stream, client, limits, handler).await;
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: IpAddr,
    limits: Limits,
    handler: Arc<impl Handler>,
) {
    let service = service_fn(move |request| respond(request, client, limits, Arc::clone(&handler)));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.wait).max_headers(HEADERS).max_buf_size(HEADER_LIMIT);
    // What fails here failed for the client too; there is nobody else to tell.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    client: IpAddr,
    limits: Limits,
    handler: Arc<impl Handler>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = match timeout(limits.wait, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::Broken),
        Err(_) => Err(Unread::TooSlow),
    };
    let whole = body.is_ok();
    let asked = Asked { method: head.method, uri: head.uri, headers: head.headers, body, client };
    let mut answer = handler.answer(asked).await;
    if !whole {
        // The rest of the body is still coming; another request cannot follow it.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

//! The https side: certificate, limits, and from an HTTP request to an answer of the desk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::DeskConfig;
use super::answers::Answer;
use super::office::Office;
use super::requests::Manner;
use crate::http::{self, Asked, Handler, Limits, Unread};

pub(super) const LIMITS: Limits =
    Limits { connections: 64, body: 8 * 1024, wait: Duration::from_secs(10), longest: Duration::from_secs(60) };

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

impl Handler for Office {
    async fn answer(&self, asked: Asked) -> http::Answer {
        let manner = Manner::of(&asked.headers);
        let answer = match &asked.body {
            Ok(body) => self.decide(&asked, body).await,
            Err(Unread::TooLarge) => Answer::TooLarge,
            Err(Unread::Broken) => Answer::Malformed { field: "body" },
            Err(Unread::TooSlow) => Answer::TooSlow,
        };
        self.note(asked.client, &answer);
        let mut response = Response::new(Full::new(Bytes::from(answer.body(manner))));
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers(manner);
        response
    }
}

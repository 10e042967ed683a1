//! Opening a verified TLS connection, and telling apart why one could not be opened.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::network::Network;

/// A verified TLS connection to a server.
pub type TlsConnection = TlsStream<TcpStream>;

/// Why a server was not reached. The same for every protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address: no network at all, or a name that does not exist.
    #[error("the host name has no address")]
    NoSuchHost,
    /// Nothing listens there, or the way is barred: a firewall, a captive portal, a server that is down.
    #[error("the server cannot be reached")]
    Unreachable,
    /// Nobody answered in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The connection broke off.
    #[error("the connection was cut")]
    Cut,
    /// The certificate comes from an authority that the phone does not know: TLS is intercepted, or badly set up.
    #[error("the certificate is of an unknown authority")]
    UnknownAuthority,
    /// The certificate is another host's.
    #[error("the certificate is for another host")]
    WrongHost,
    /// The certificate is expired or not yet valid: the server's fault, or the phone's clock.
    #[error("the certificate is out of date")]
    CertificateDate,
    /// The certificate is not acceptable for another reason.
    #[error("the certificate is not acceptable")]
    BadCertificate,
    /// The server speaks only versions of TLS that are no longer safe, or none at all.
    #[error("the server offers no safe TLS")]
    NoSafeTls,
    /// The roots to trust could not be read.
    #[error("the trusted roots could not be read")]
    BadRoots,
}

/// What is said in the clear before TLS begins. Never a secret or a name.
pub(crate) trait Preamble: Sync {
    /// Says it. `Ok` when the server agreed to begin TLS with the next byte, and said nothing more.
    fn say(&self, stream: &mut TcpStream) -> impl Future<Output = Result<(), ConnectError>> + Send;
}

/// TLS from the first byte.
struct Nothing;

impl Preamble for Nothing {
    async fn say(&self, _: &mut TcpStream) -> Result<(), ConnectError> {
        Ok(())
    }
}

impl Network {
    /// Connects to `host` on `port` with TLS from the first byte (RFC 8314), trying each address in turn.
    ///
    /// Takes at most the network's patience, whatever the server does.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TlsConnection, ConnectError> {
        self.connect_after(host, port, &Nothing).await
    }

    /// The same with TLS that begins after `preamble`. There is no way to go on without TLS.
    pub(crate) async fn connect_after(
        &self,
        host: &str,
        port: u16,
        preamble: &impl Preamble,
    ) -> Result<TlsConnection, ConnectError> {
        let connecting = self.connect_unbounded(host, port, preamble);
        timeout(self.connect_limit, connecting).await.map_err(|_| ConnectError::TimedOut)?
    }

    async fn connect_unbounded(
        &self,
        host: &str,
        port: u16,
        preamble: &impl Preamble,
    ) -> Result<TlsConnection, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::NoSuchHost)?;
        let mut last = ConnectError::Unreachable;
        for address in self.addresses(host, port).await? {
            match TcpStream::connect(address).await {
                Ok(mut tcp) => {
                    // One command is one packet: waiting for more (Nagle) would cost a round trip each.
                    let _ = tcp.set_nodelay(true);
                    preamble.say(&mut tcp).await?;
                    let tls = TlsConnector::from(Arc::clone(&self.tls));
                    return tls.connect(name, tcp).await.map_err(|error| ConnectError::from_cause(&error));
                }
                Err(error) => last = ConnectError::from_cause(&error),
            }
        }
        Err(last)
    }
}

impl ConnectError {
    /// Finds the reason in a chain of causes: those of hyper, rustls and the operating system are all looked at.
    pub(crate) fn from_cause(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        let mut found = None;
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::from_tls(tls);
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                found = found.or(Some(Self::from_io(io.kind())));
                // An io::Error gives as its source not what it wraps, but that error's own source.
                if let Some(wrapped) = io.get_ref() {
                    cause = Some(wrapped);
                    continue;
                }
            }
            if let Some(http) = error.downcast_ref::<reqwest::Error>()
                && http.is_timeout()
            {
                return Self::TimedOut;
            }
            cause = error.source();
        }
        found.unwrap_or(Self::Cut)
    }

    fn from_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => match reason {
                CertificateError::UnknownIssuer => Self::UnknownAuthority,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::WrongHost,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::CertificateDate,
                _ => Self::BadCertificate,
            },
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
            | rustls::Error::PeerIncompatible(_)
            | rustls::Error::InvalidMessage(_) => Self::NoSafeTls,
            _ => Self::Cut,
        }
    }

    fn from_io(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::PermissionDenied => Self::Unreachable,
            io::ErrorKind::NotFound => Self::NoSuchHost,
            _ => Self::Cut,
        }
    }
}

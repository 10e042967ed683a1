//! The parts of this crate joined to one academy: the reset desk, bad network, full mailboxes.

use crate::{
    Academy, AcademyError, Endpoint, Teacher, Validity,
    desk::{DeskConfig, ResetDesk},
    filler::{Destination, FillError, Filled, Filler},
    tls,
    wire::Wire,
};
use rustls_pki_types::ServerName;
use secrecy::SecretString;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The reset desk's name in its certificate.
const DESK: &str = "reset.academie.test";

impl Academy {
    /// A reset desk before this academy's directory, with the usual limits, as `reset.academie.test` on the port of its
    /// [`address`](ResetDesk::address): a password set there signs in at the portal and at the mail servers. Dropped, it
    /// closes.
    pub async fn desk(&self) -> Result<ResetDesk, AcademyError> {
        Ok(ResetDesk::start(self.desk_config()?).await?)
    }

    /// What [`Academy::desk`] starts with, to change first: limits, the clock.
    pub fn desk_config(&self) -> Result<DeskConfig, AcademyError> {
        let leaf = self.authority.issue(&[DESK], Validity::Good)?;
        let config = DeskConfig::new(
            loopback(self.ports.of("LDAP")),
            "ou=people,dc=academie,dc=test",
            "cn=admin,dc=academie,dc=test",
            SecretString::from("admin"),
            &leaf,
        )?;
        Ok(config)
    }

    /// A faultless wire to one of the servers. Who maps the server's name to its [`address`](Wire::address) goes through
    /// it. Dropped, it closes.
    ///
    /// # Errors
    /// See [`Wire::to`].
    pub async fn wire(&self, server: Endpoint) -> io::Result<Wire> {
        Wire::to(loopback(server.port)).await
    }

    /// A TLS connection to the server of this name at `address`, its own or that of a wire to it: for who speaks the protocol
    /// themselves.
    pub async fn connect(&self, host: &'static str, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let tls = tls::trusting(self.ca_pem()).map_err(io::Error::other)?;
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(tls)).connect(name, TcpStream::connect(address).await?).await
    }

    /// Puts `count` messages into the inbox of `teacher`, who has the password of the start; the same for the same `seed`
    /// (see [`filler`](crate::filler)). Some thousand messages a second; tells `progress` now and then how many are there, and
    /// returns when all are.
    ///
    /// # Errors
    /// See [`FillError`]. What was put there before stays.
    pub async fn fill(
        &self,
        teacher: &Teacher,
        count: u64,
        seed: u64,
        progress: impl FnMut(u64),
    ) -> Result<Filled, FillError> {
        let server = self.imap();
        let destination = Destination {
            address: loopback(server.port),
            server_name: server.host,
            tls: Arc::new(tls::trusting(self.ca_pem()).map_err(io::Error::other)?),
            user: teacher.uid,
            password: teacher.password,
            name: "INBOX",
        };
        Filler::new(seed).fill(&destination, count, progress).await
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

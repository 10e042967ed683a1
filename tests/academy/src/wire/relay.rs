//! One connection: from its acceptance through TLS, if that is ours, to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use super::Line;
use super::faults::{Close, Direction, Faults, Plaintext, Refusal, Tls};
use super::identity::Identity;
use super::lines::Readable;
use super::pump::carry;
use super::tap::Tap;

const HANDSHAKE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);
/// A line of the cleartext part of a STARTTLS connection; RFC 9051 advises 8,000 octets.
const LONGEST_DIALOGUE: usize = 64 * 1024;

/// Serves one accepted connection to its end.
pub(super) async fn run(line: Arc<Line>, client: Tap, target: SocketAddr, cuts: watch::Receiver<u64>) {
    let connection = Connection { line, target, cuts };
    // An hour's end and every error before the relay mean the same to the client: the connection is gone.
    let _ = timeout(LONGEST, connection.serve(client)).await;
}

struct Connection {
    line: Arc<Line>,
    target: SocketAddr,
    cuts: watch::Receiver<u64>,
}

impl Connection {
    async fn serve(mut self, client: Tap) -> io::Result<()> {
        let mut settings = self.line.setting.subscribe();
        let faults = tokio::select! {
            faults = wait_out_black_hole(&mut settings) => faults,
            _ = self.cuts.changed() => return end(client, Close::Reset).await,
        };
        if faults.refusal == Some(Refusal::Reset) {
            return end(client, Close::Reset).await;
        }
        let mut client = client;
        if matches!(faults.tls, Tls::Outdated) {
            let answered = timeout(HANDSHAKE, answer_outdated(&mut client)).await;
            return end(client, if answered.is_ok() { Close::Fin } else { Close::Reset }).await;
        }
        let Ok(mut server) = self.connect().await else { return end(client, Close::Reset).await };
        let Tls::Intercept { identity, after_starttls } = faults.tls else {
            return match self.relay(&mut client, &mut server, &faults.plaintext, true).await {
                Ok(()) => Ok(()),
                Err(close) => end(client, close).await,
            };
        };
        if after_starttls {
            let upgraded = tokio::select! {
                upgraded = talk_until_starttls(&self.line, &mut client, &mut server, &faults.plaintext) => upgraded?,
                _ = self.cuts.changed() => return end(client, Close::Reset).await,
            };
            if !upgraded {
                return end(client, Close::Fin).await;
            }
        }
        self.intercept(client, server, &identity, &faults.plaintext).await
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let server = timeout(HANDSHAKE, TcpStream::connect(self.target)).await??;
        server.set_nodelay(true)?;
        Ok(server)
    }

    async fn intercept(
        mut self,
        client: Tap,
        server: TcpStream,
        identity: &Identity,
        plaintext: &Plaintext,
    ) -> io::Result<()> {
        let target = self.target;
        let handshakes = async {
            let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), client).await?;
            let (name, offered) = {
                let hello = hello.client_hello();
                let offered = hello.alpn().map(|names| names.map(<[u8]>::to_vec).collect()).unwrap_or_default();
                (hello.server_name().map(str::to_owned), offered)
            };
            let name = match name {
                Some(name) => ServerName::try_from(name).map_err(io::Error::other)?,
                None => ServerName::from(target.ip()),
            };
            let server = TlsConnector::from(onward_config(offered)?).connect(name, server).await?;
            let picked = server.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            let client = hello.into_stream(identity.server_config(picked)?).await?;
            io::Result::Ok((client, server))
        };
        let (mut client, mut server) = tokio::select! {
            done = timeout(HANDSHAKE, handshakes) => done??,
            _ = self.cuts.changed() => return Ok(()),
        };
        match self.relay(&mut client, &mut server, plaintext, false).await {
            Ok(()) => Ok(()),
            Err(close) => end(client.into_inner().0, close).await,
        }
    }

    /// Carries both directions until both have ended, or says how the connection shall end.
    async fn relay<C, S>(
        &mut self,
        client: C,
        server: S,
        plaintext: &Plaintext,
        tls_may_follow: bool,
    ) -> Result<(), Close>
    where
        C: AsyncRead + AsyncWrite + Unpin,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (from_client, to_client) = tokio::io::split(client);
        let (from_server, to_server) = tokio::io::split(server);
        let readable = |direction| Readable::new(direction, plaintext, tls_may_follow);
        let up = carry(&self.line, Direction::ToServer, readable(Direction::ToServer), from_client, to_server);
        let down = carry(&self.line, Direction::ToClient, readable(Direction::ToClient), from_server, to_client);
        tokio::select! {
            biased;
            _ = self.cuts.changed() => Err(Close::Reset),
            done = async { tokio::try_join!(up, down) } => done.map(|_| ()),
        }
    }
}

async fn end(client: Tap, close: Close) -> io::Result<()> {
    client.end(close).await;
    Ok(())
}

/// The faults for a new connection, once they let anything happen at all.
async fn wait_out_black_hole(settings: &mut watch::Receiver<super::Setting>) -> Faults {
    loop {
        let faults = settings.borrow_and_update().faults.clone();
        if !faults.is_black_hole() || settings.changed().await.is_err() {
            return faults;
        }
    }
}

/// Carries the cleartext dialogue through the client's STARTTLS and the server's consent. `false` if it ended before.
async fn talk_until_starttls(
    line: &Line,
    client: &mut Tap,
    server: &mut TcpStream,
    plaintext: &Plaintext,
) -> io::Result<bool> {
    let mut asked = Readable::new(Direction::ToServer, plaintext, false);
    let mut told = Readable::new(Direction::ToClient, plaintext, false);
    let (mut commands, mut replies) = (Vec::new(), Vec::new());
    let mut consent: Option<Vec<u8>> = None;
    let (mut from_client, mut from_server) = (vec![0; 4096], vec![0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client), if consent.is_none() => {
                let bytes = &from_client[..read?];
                if bytes.is_empty() {
                    return Ok(false);
                }
                server.write_all(&asked.pass(bytes, &line.counters)).await?;
                for command in complete_lines(&mut commands, bytes)? {
                    consent = consent.or_else(|| consent_to(&command));
                }
            }
            read = server.read(&mut from_server) => {
                let bytes = &from_server[..read?];
                if bytes.is_empty() {
                    return Ok(false);
                }
                client.write_all(&told.pass(bytes, &line.counters)).await?;
                for reply in complete_lines(&mut replies, bytes)? {
                    let Some(prefix) = &consent else { continue };
                    if reply.len() >= prefix.len() && reply[..prefix.len()].eq_ignore_ascii_case(prefix) {
                        return Ok(true);
                    }
                    // Anything but an untagged line is a refusal; the dialogue goes on in the clear.
                    if !reply.starts_with(b"* ") {
                        consent = None;
                    }
                }
            }
        }
    }
}

/// How the server's consent to this command begins, if the command is STARTTLS (RFC 9051 6.2.1, RFC 3207).
fn consent_to(command: &[u8]) -> Option<Vec<u8>> {
    let words: Vec<&[u8]> = command.trim_ascii().split(|byte| *byte == b' ').collect();
    match words.as_slice() {
        [verb] if verb.eq_ignore_ascii_case(b"STARTTLS") => Some(b"220".to_vec()),
        [tag, verb] if verb.eq_ignore_ascii_case(b"STARTTLS") => Some([tag, b" OK".as_slice()].concat()),
        _ => None,
    }
}

fn complete_lines(unfinished: &mut Vec<u8>, bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut complete = Vec::new();
    for part in bytes.split_inclusive(|byte| *byte == b'\n') {
        unfinished.extend_from_slice(part);
        if part.last() == Some(&b'\n') {
            complete.push(std::mem::take(unfinished));
        } else if unfinished.len() > LONGEST_DIALOGUE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end before STARTTLS"));
        }
    }
    Ok(complete)
}

/// Reads the client's hello and answers with a TLS 1.1 ServerHello, then waits for the client to object.
async fn answer_outdated(client: &mut Tap) -> io::Result<()> {
    let mut header = [0; 5];
    client.read_exact(&mut header).await?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    client.read_exact(&mut hello).await?;
    client.write_all(&outdated_server_hello()).await?;
    let mut objection = [0; 256];
    while client.read(&mut objection).await? > 0 {}
    Ok(())
}

/// RFC 4346 7.4.1.3: version 3.2, 32 random bytes, no session id, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
fn outdated_server_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    // The client must stop at the version, so what is not random here is never used.
    body.extend([0x5a; 32]);
    body.extend([0, 0xc0, 0x13, 0]);
    let mut record = vec![0x16, 3, 2, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
    record.extend(body);
    record
}

/// The wire's own TLS session to the target. Whom it talks to is settled by the address, so the certificate is not checked.
fn onward_config(alpn: Vec<Vec<u8>>) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn;
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

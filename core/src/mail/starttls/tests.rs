use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{Greeting, Protocol, Secured, connect};
use crate::academy::{MailServer, TlsStart};
use crate::mail::Credentials;
use crate::mail::imap::{ImapSession, Limits};
use crate::ports::{ConnectError, Network, Resolver};

const HOST: &str = "mail.academie.test";
const IMAP_CONSENT: &str = "T0 OK Begin TLS\r\n";

struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

/// A network, and how a server shows a certificate that it trusts.
fn trusted() -> (Network, TlsAcceptor) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let network = Network::builder().only_roots(&root.pem()).unwrap().resolver(Arc::new(Loopback));
    (network.patience(Duration::from_secs(5)).build().unwrap(), TlsAcceptor::from(Arc::new(server)))
}

/// Says the first of `script`, then one more for each line that it reads. What it read in the clear, and the connection.
async fn played(listener: TcpListener, script: Vec<String>) -> (String, TcpStream) {
    let (stream, _) = listener.accept().await.unwrap();
    let (mut stream, mut heard) = (BufReader::new(stream), String::new());
    for (index, said) in script.iter().enumerate() {
        if index > 0 && stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
            break;
        }
        let _ = stream.write_all(said.as_bytes()).await;
    }
    (heard, stream.into_inner())
}

struct Played {
    outcome: Result<Secured, ConnectError>,
    /// Everything that the server heard in the clear.
    heard: String,
}

/// Connects to a server that plays `script` and then listens on for what else is said, or hangs up.
async fn against(protocol: Protocol, script: &[&str], hangs_up: bool) -> Played {
    let (network, _) = trusted();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = MailServer::new(HOST, listener.local_addr().unwrap().port(), TlsStart::Starttls);
    let script: Vec<String> = script.iter().map(|line| (*line).to_owned()).collect();
    let serving = tokio::spawn(async move {
        let (mut heard, mut stream) = played(listener, script).await;
        if hangs_up {
            let _ = stream.shutdown().await;
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        heard.push_str(&String::from_utf8_lossy(&rest));
        heard
    });
    let outcome = connect(&network, &server, protocol).await;
    Played { outcome, heard: serving.await.unwrap() }
}

/// Connects to a server that plays `script`, then answers each line over TLS by the next of `secure`; gives the connection,
/// and all that the server will have heard over TLS.
async fn upgraded(
    protocol: Protocol,
    script: &[&str],
    secure: &'static [&'static str],
) -> (Result<Secured, ConnectError>, JoinHandle<String>) {
    let (network, tls) = trusted();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = MailServer::new(HOST, listener.local_addr().unwrap().port(), TlsStart::Starttls);
    let script: Vec<String> = script.iter().map(|line| (*line).to_owned()).collect();
    let serving = tokio::spawn(async move {
        let (_, stream) = played(listener, script).await;
        let Ok(stream) = tls.accept(stream).await else { return "no TLS".to_owned() };
        let (mut stream, mut heard) = (BufReader::new(stream), String::new());
        for said in secure {
            if stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
                break;
            }
            let _ = stream.write_all(said.as_bytes()).await;
            let _ = stream.flush().await;
        }
        heard
    });
    (connect(&network, &server, protocol).await, serving)
}

#[tokio::test]
async fn after_starttls_a_session_stands_on_what_is_said_over_tls_alone() {
    // In the clear the server, or somebody in between, offers a mechanism that it has not.
    let clear = ["* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] hi\r\n", IMAP_CONSENT];
    let secure = &["* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nC0 OK\r\n"];
    let (connected, serving) = upgraded(Protocol::Imap, &clear, secure).await;
    let Secured { stream, greeting } = connected.unwrap();
    assert_eq!(greeting, Greeting::Had);
    let password = Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() };
    let limits = Limits { silence: Duration::from_secs(5) };
    let opened = ImapSession::open_after(greeting, stream, &password, limits).await;
    assert_eq!(opened.err(), Some(crate::mail::imap::ImapError::NoMechanism));
    assert_eq!(serving.await.unwrap(), "C0 CAPABILITY\r\n");
}

#[tokio::test]
async fn submission_upgrades_too_whatever_the_case_and_order_of_the_offer() {
    let clear = ["220-smtp\r\n220 hi\r\n", "250-smtp\r\n250-Starttls\r\n250 SIZE 10\r\n", "220 go\r\n"];
    let (connected, _) = upgraded(Protocol::Submission, &clear, &[]).await;
    assert_eq!(connected.unwrap().greeting, Greeting::Had);
}

#[tokio::test]
async fn without_an_honest_starttls_nothing_more_is_said() {
    let injected = format!("{IMAP_CONSENT}* OK you are signed in\r\n");
    let endless = "* still here\r\n".repeat(4000);
    let long = "x".repeat(50_000);
    let untagged = format!("* CAPABILITY IMAP4rev1 STARTTLS\r\n{injected}");
    let ask = "T0 STARTTLS\r\n";
    let imap: &[(&[&str], &str)] = &[
        (&["* OK hi\r\n", "T0 NO not here\r\n"], ask),
        (&["* OK hi\r\n", "T0 BAD what\r\n"], ask),
        (&["* OK hi\r\n", "T1 OK somebody else's\r\n"], ask),
        (&["* OK hi\r\n", "* BYE no\r\n"], ask),
        (&["* OK hi\r\n", "+ go on\r\n"], ask),
        (&["* OK hi\r\n", &injected], ask),
        (&["* OK hi\r\n", &untagged], ask),
        (&["* OK hi\r\n", &endless], ask),
        // An answer to what was not asked yet.
        (&["* OK hi\r\nT0 OK Begin TLS\r\n"], ""),
        (&["* PREAUTH you are jdupont\r\n"], ""),
        (&["HTTP/1.1 200 OK\r\n"], ""),
        (&[&long], ""),
    ];
    for (script, heard) in imap {
        let played = against(Protocol::Imap, script, false).await;
        assert_eq!(
            (played.outcome.err(), played.heard.as_str()),
            (Some(ConnectError::NoSafeTls), *heard),
            "{script:?}"
        );
    }
    let (hello, start) = ("EHLO localhost\r\n", "EHLO localhost\r\nSTARTTLS\r\n");
    let many = "250-x\r\n".repeat(5000);
    let submission: &[(&[&str], &str)] = &[
        (&["220 hi\r\n", "250-smtp\r\n250 AUTH PLAIN\r\n"], hello),
        (&["220 hi\r\n", "250-smtp\r\n250 XXXXXXXX\r\n"], hello),
        (&["220 hi\r\n", "502 what\r\n"], hello),
        (&["220 hi\r\n", &many], hello),
        (&["220 hi\r\n", "250-smtp\r\n350 STARTTLS\r\n"], hello),
        (&["220 hi\r\n", "250 STARTTLS\r\n220 go\r\n"], hello),
        (&["220 hi\r\n", "250-smtp\r\n250 STARTTLS\r\n", "454 not now\r\n"], start),
        (&["220 hi\r\n", "250-smtp\r\n250 STARTTLS\r\n", "220 go\r\n250 AUTH PLAIN\r\n"], start),
        (&["220 hi\r\n250 STARTTLS\r\n"], ""),
        (&["* OK hi\r\n"], ""),
        (&["é€\r\n"], ""),
    ];
    for (script, heard) in submission {
        let played = against(Protocol::Submission, script, false).await;
        assert_eq!(
            (played.outcome.err(), played.heard.as_str()),
            (Some(ConnectError::NoSafeTls), *heard),
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn a_server_out_of_order_or_a_cut_is_told_from_one_without_tls() {
    for (protocol, script, expected) in [
        (Protocol::Imap, &["* BYE too busy\r\n"][..], ConnectError::Unreachable),
        (Protocol::Imap, &[""][..], ConnectError::Cut),
        (Protocol::Imap, &["* OK hi\r\n", "T0 O"][..], ConnectError::Cut),
        (Protocol::Submission, &["421 too busy\r\n"][..], ConnectError::Unreachable),
        (Protocol::Submission, &["220 hi\r\n", ""][..], ConnectError::Cut),
    ] {
        assert_eq!(against(protocol, script, true).await.outcome.err(), Some(expected), "{script:?}");
    }
}

#[tokio::test]
async fn bytes_that_come_between_consent_and_tls_break_the_handshake() {
    let clear = ["* OK hi\r\n", IMAP_CONSENT];
    let (network, _) = trusted();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = MailServer::new(HOST, listener.local_addr().unwrap().port(), TlsStart::Starttls);
    let script = clear.map(str::to_owned).to_vec();
    let serving = tokio::spawn(async move {
        let (_, mut stream) = played(listener, script).await;
        // The client's hello: it has looked at the consent by now.
        let _ = stream.read_u8().await;
        let _ = stream.write_all(b"* PREAUTH you are jdupont\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    assert_eq!(connect(&network, &server, Protocol::Imap).await.err(), Some(ConnectError::NoSafeTls));
    serving.await.unwrap();
}

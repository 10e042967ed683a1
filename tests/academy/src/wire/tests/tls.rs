//! Certificates, interception and readable lines.

use std::io::ErrorKind;

use rustls::CertificateError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::peers::*;
use crate::wire::{Close, Direction, Faults, Identity, Wire};
use crate::{Authority, Leaf, Validity};

#[tokio::test]
async fn another_certificate_is_answered_as_asked() {
    let (ours, theirs) = (Authority::new("Academie Test CA").unwrap(), Authority::new("Elsewhere").unwrap());
    let target = tls_echo(identity(&ours, HOST, Validity::Good), &[]).await;
    let wire = Wire::to(target).await.unwrap();
    let config = trusting(&[certificate(&ours)], &[]);
    assert!(tls(&wire, &config).await.is_ok(), "untouched TLS passes");

    for (identity, expected) in [
        (identity(&ours, "www.example.test", Validity::Good), "NotValidForName"),
        (identity(&ours, HOST, Validity::Expired), "Expired"),
        (identity(&ours, HOST, Validity::NotYet), "NotValidYet"),
        (identity(&theirs, HOST, Validity::Good), "UnknownIssuer"),
    ] {
        wire.set(Faults::none().intercept(identity)).await.unwrap();
        let error = tls_error(tls(&wire, &config).await);
        let rustls::Error::InvalidCertificate(reason) = &error else { panic!("{error}") };
        assert!(format!("{reason:?}").starts_with(expected), "{reason:?} instead of {expected}");
        assert_ne!(*reason, CertificateError::BadEncoding);
    }
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let authority = Authority::new("Academie Test CA").unwrap();
    let issue = || authority.issue(&[HOST], Validity::Good).unwrap();
    assert!(Identity::of(&issue()).is_ok());
    let mut crossed = issue();
    crossed.key_pem = issue().key_pem;
    let nonsense = |mut leaf: Leaf| {
        leaf.chain_pem = "nonsense".to_owned();
        leaf
    };
    for leaf in [crossed, nonsense(issue())] {
        assert_eq!(Identity::of(&leaf).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_server_of_tls_1_1_is_refused_by_a_current_client() {
    let wire = Wire::to(free_address().await).await.unwrap();
    wire.set(Faults::none().tls_1_1_only()).await.unwrap();
    let error = tls_error(tls(&wire, &trusting(&[], &[])).await);
    assert!(matches!(error, rustls::Error::PeerIncompatible(_)), "{error:?}");
}

#[tokio::test]
async fn interception_reads_and_alters_what_tls_carries() {
    let (ours, school) = (Authority::new("Academie Test CA").unwrap(), Authority::new("School filter").unwrap());
    let target = tls_echo(identity(&ours, HOST, Validity::Good), &[b"imap"]).await;
    let wire = Wire::to(target).await.unwrap();
    let faults = Faults::none()
        .intercept(identity(&school, HOST, Validity::Good))
        .record()
        .rewrite(|line| if line == b"secret\r\n" { b"altered\r\n".to_vec() } else { line.to_vec() });
    wire.set(faults).await.unwrap();

    let mut client = tls(&wire, &trusting(&[certificate(&school)], &[b"other", b"imap"])).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(b"imap".as_slice()), "the target's choice is passed on");
    client.write_all(b"secret\r\nplain\r\n").await.unwrap();
    let mut answer = [0; 16];
    timeout(SOON, client.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"altered\r\nplain\r\n");
    assert_eq!(wire.recorded(Direction::ToServer), b"secret\r\nplain\r\n");
    assert_eq!(wire.recorded(Direction::ToClient), b"secret\r\nplain\r\n");
    assert!(wire.bytes(Direction::ToServer) > 200, "bytes are counted as they cross the client's socket");

    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0, "a clean end stays clean");
}

#[tokio::test]
async fn a_cut_inside_intercepted_tls_is_a_truncation() {
    let ours = Authority::new("Academie Test CA").unwrap();
    let wire = Wire::to(tls_echo(identity(&ours, HOST, Validity::Good), &[]).await).await.unwrap();
    let faults =
        Faults::none().intercept(identity(&ours, HOST, Validity::Good)).cut(Direction::ToClient, 5, Close::Fin);
    wire.set(faults).await.unwrap();
    let mut client = tls(&wire, &trusting(&[certificate(&ours)], &[])).await.unwrap();
    client.write_all(b"0123456789").await.unwrap();
    assert_eq!(read_all(&mut client).await, (b"01234".to_vec(), Some(ErrorKind::UnexpectedEof)));
}

#[tokio::test]
async fn starttls_is_stripped_from_imap_and_smtp() {
    let said = "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED starttls\r\n\
                a OK no STARTTLS here\r\n250-imap.academie.test\r\n250-STARTTLS\r\n250-SIZE 1\r\n250 STARTTLS\r\n250 STARTTLSX\r\nrest";
    let heard = "* OK [CAPABILITY IMAP4rev1] ready\r\n* CAPABILITY IMAP4rev1\r\na OK no STARTTLS here\r\n\
                 250-imap.academie.test\r\n250-SIZE 1\r\n250 XXXXXXXX\r\n250 STARTTLSX\r\nrest";
    let wire = Wire::to(saying(said).await).await.unwrap();
    wire.set(Faults::none().strip_starttls()).await.unwrap();
    let (got, _) = read_all(&mut connect(&wire).await).await;
    assert_eq!(String::from_utf8(got).unwrap(), heard);
}

#[tokio::test]
async fn rewriting_sees_whole_lines_and_bounded_pieces() {
    let long = "x".repeat(200_000);
    let wire = Wire::to(saying(&format!("one\r\n{long}\r\ntwo")).await).await.unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let hook = move |line: &[u8]| {
        sender.send(line.len()).unwrap();
        if line.starts_with(b"one") { Vec::new() } else { line.to_vec() }
    };
    wire.set(Faults::none().rewrite(hook)).await.unwrap();
    let (got, _) = read_all(&mut connect(&wire).await).await;
    assert_eq!(got, format!("{long}\r\ntwo").into_bytes(), "an empty answer drops the line");
    assert!(lines.try_iter().all(|length| length <= 64 * 1024 + 16 * 1024));
}

#[tokio::test]
async fn rewriting_leaves_tls_alone() {
    let ours = Authority::new("Academie Test CA").unwrap();
    let config = trusting(&[certificate(&ours)], &[]);
    let shout = || Faults::none().rewrite(|line| line.to_ascii_uppercase());

    let wire = Wire::to(tls_echo(identity(&ours, HOST, Validity::Good), &[]).await).await.unwrap();
    wire.set(shout()).await.unwrap();
    assert_eq!(ask(&mut tls(&wire, &config).await.unwrap(), b"quiet\r\n").await, b"quiet\r\n");

    let wire = Wire::to(starttls_server(identity(&ours, HOST, Validity::Good)).await).await.unwrap();
    wire.set(shout()).await.unwrap();
    let mut client = upgraded(&wire, &config, "* OK READY\r\n", "A OK BEGIN\r\n").await.unwrap();
    assert_eq!(ask(&mut client, b"quiet\r\n").await, b"quiet\r\n");
}

#[tokio::test]
async fn interception_begins_after_starttls_where_asked() {
    let (ours, school) = (Authority::new("Academie Test CA").unwrap(), Authority::new("School filter").unwrap());
    let wire = Wire::to(starttls_server(identity(&ours, HOST, Validity::Good)).await).await.unwrap();
    wire.set(Faults::none().intercept_starttls(identity(&school, HOST, Validity::Good)).record()).await.unwrap();

    let config = trusting(&[certificate(&ours)], &[]);
    assert!(upgraded(&wire, &config, "* OK ready\r\n", "a OK begin\r\n").await.is_err(), "an unknown CA is seen");
    let config = trusting(&[certificate(&school)], &[]);
    let mut client = upgraded(&wire, &config, "* OK ready\r\n", "a OK begin\r\n").await.unwrap();
    assert_eq!(ask(&mut client, b"quiet\r\n").await, b"quiet\r\n");
    assert!(wire.recorded(Direction::ToServer).ends_with(b"a STARTTLS\r\nquiet\r\n"));
}

//! Filling a real Dovecot, and servers that will not have it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::filler::{Destination, FillError, Filler};

const HOST: &str = "imap.academie.test";

#[tokio::test]
async fn a_real_dovecot_takes_thousands_of_messages() {
    let Some(dovecot) = Dovecot::start().await else { return };
    let destination = dovecot.destination("Bulk");
    let mut steps = Vec::new();
    let filled = Filler::new(1).compact().fill(&destination, 1_200, |there| steps.push(there)).await.unwrap();
    assert_eq!(steps, [500, 1_000, 1_200]);
    assert_eq!(filled.messages, 1_200);
    assert_eq!(
        filled.bytes,
        (0..1_200).map(|index| Filler::new(1).compact().message(index).raw.len() as u64).sum::<u64>()
    );
    let again = Filler::new(2).fill(&destination, 10, |_| {}).await.unwrap();
    assert_eq!(again.messages, 10, "an existing mailbox is added to");
    assert_eq!(dovecot.messages("Bulk"), 1_210);

    let wrong = Destination { password: "wrong", ..dovecot.destination("Bulk") };
    let error = Filler::new(1).fill(&wrong, 1, |_| {}).await.unwrap_err();
    assert!(matches!(error, FillError::Refused { command: "LOGIN", .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong"), "no secret in the error");
}

/// `FILL=20000,200000 cargo test --release -p academy measured -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn filling_is_measured() {
    let Some(dovecot) = Dovecot::start().await else { return };
    let counts = std::env::var("FILL").unwrap_or_else(|_| "20000".to_owned());
    for count in counts.split(',').map(|count| count.parse().unwrap()) {
        for (name, filler) in [("full", Filler::new(1)), ("compact", Filler::new(1).compact())] {
            let started = Instant::now();
            let filled = filler.fill(&dovecot.destination(&format!("{name}{count}")), count, |_| {}).await.unwrap();
            let memory = std::fs::read_to_string("/proc/self/status").unwrap();
            let peak = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
            println!("{name}: {count} messages, {} bytes, {:.1?}; {peak}", filled.bytes, started.elapsed());
        }
    }
}

#[tokio::test]
async fn refusals_are_told_with_the_command() {
    for (capabilities, append, expected) in [
        ("IMAP4rev1 LITERAL+", "OK done", "Unsupported(\"MULTIAPPEND\")"),
        ("IMAP4rev1 MULTIAPPEND", "OK done", "Unsupported(\"LITERAL+\")"),
        (
            "IMAP4rev1 MULTIAPPEND LITERAL+",
            "NO [OVERQUOTA] full",
            "Refused { command: \"APPEND\", answer: \"NO [OVERQUOTA] full\" }",
        ),
    ] {
        let (address, tls) = scripted(capabilities, append).await;
        let destination =
            Destination { address, server_name: HOST, tls, user: "jdupont", password: "x", name: "INBOX" };
        let error = Filler::new(1).compact().fill(&destination, 1, |_| {}).await.unwrap_err();
        assert_eq!(format!("{error:?}"), expected);
    }
}

#[tokio::test]
async fn arguments_that_would_break_the_dialogue_are_refused() {
    let (address, tls) = scripted("IMAP4rev1 MULTIAPPEND LITERAL+", "OK done").await;
    for (password, name) in [("a\r\nb LOGOUT", "INBOX"), ("x", "Élèves")] {
        let destination =
            Destination { address, server_name: HOST, tls: Arc::clone(&tls), user: "jdupont", password, name };
        let error = Filler::new(1).fill(&destination, 1, |_| {}).await.unwrap_err();
        assert!(matches!(error, FillError::Argument), "{error:?}");
    }
}

/// A server that says yes to all but the append, once per connection.
async fn scripted(capabilities: &'static str, append: &'static str) -> (SocketAddr, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let mut stream = BufReader::new(stream);
            let _ = stream.write_all(b"* OK ready\r\n").await;
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
                let text = String::from_utf8_lossy(&line);
                let answer = match text.split(' ').nth(1).unwrap_or_default().trim_end() {
                    "LOGIN" | "CREATE" => "a OK done\r\n".to_owned(),
                    "CAPABILITY" => format!("* CAPABILITY {capabilities}\r\na OK done\r\n"),
                    "APPEND" => format!("a {append}\r\n"),
                    _ => String::new(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                line.clear();
            }
        }
    });
    (address, trusting(made.cert.der().clone()))
}

fn trusting(root: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A Dovecot of one account in a folder of its own.
struct Dovecot {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Dovecot {
    /// `None`, said aloud, where Dovecot is not installed or this account cannot run it.
    async fn start() -> Option<Self> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        if !Path::new("/usr/sbin/dovecot").exists() || !root {
            eprintln!("SKIPPED: needs the package dovecot-imapd and root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("cert.pem", &made.cert.pem());
        write("key.pem", &made.signing_key.serialize_pem());
        write("users", "perfbox:{PLAIN}Secret-1234\n");
        write("dovecot.conf", &CONFIGURATION.replace("RUN", &at).replace("PORT", &port.to_string()));
        std::fs::create_dir(folder.path().join("mail")).unwrap();
        let status = Command::new("chmod").args(["-R", "a+rwX", &at]).status().unwrap();
        assert!(status.success());
        let process = Command::new("/usr/sbin/dovecot")
            .args(["-F", "-c", &format!("{at}/dovecot.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let dovecot = Self { process, folder, address, tls: trusting(made.cert.der().clone()) };
        let limit = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < limit, "{}", dovecot.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(dovecot)
    }

    fn destination<'a>(&self, name: &'a str) -> Destination<'a> {
        Destination {
            address: self.address,
            server_name: HOST,
            tls: Arc::clone(&self.tls),
            user: "perfbox",
            password: "Secret-1234",
            name,
        }
    }

    fn messages(&self, mailbox: &str) -> u64 {
        let configuration = self.folder.path().join("dovecot.conf");
        let output = Command::new("/usr/bin/doveadm")
            .arg("-c")
            .arg(configuration)
            .args(["mailbox", "status", "-u", "perfbox", "messages", mailbox])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let count = text.trim().rsplit('=').next().and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("{text} {} {}", String::from_utf8_lossy(&output.stderr), self.log()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("dovecot.log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // SIGTERM, so that the master takes its children along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

const CONFIGURATION: &str = "\
base_dir = RUN/run
state_dir = RUN/state
log_path = RUN/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = required
ssl_cert = <RUN/cert.pem
ssl_key = <RUN/key.pem
auth_mechanisms = plain
auth_failure_delay = 0
mail_fsync = never
first_valid_uid = 1
mail_location = sdbox:~/sdbox
passdb {
  driver = passwd-file
  args = RUN/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=RUN/mail/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = PORT
    ssl = yes
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
";

//! The real servers of a small academy, in one folder, for tests: the LemonLDAP::NG portal, the OpenLDAP directory,
//! Dovecot for reading mail and Postfix for sending it, and where asked for privacyIDEA and an ENT behind CAS. Nothing is
//! simulated.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let academy = academy::Academy::start().await?;
//! println!("{} at {}:{}", academy.issuer(), academy.imap().host, academy.imap().port);
//! academy.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything listens on the loopback interface. No name resolves by itself: map [`Academy::hosts`] to their address.
//! However the process that holds an [`Academy`] ends, its servers end and the folder goes.
#![forbid(unsafe_code)]

pub mod desk;
pub mod filler;
pub mod push;
pub mod wire;

mod authority;
mod autoconfig;
mod browser;
mod control;
mod forms;
mod http;
mod mailbox;
mod parts;
mod ports;
mod profile;
mod servers;
mod setup;
mod teachers;
mod template;
mod tls;

pub use authority::{Authority, Leaf, Validity};
pub use autoconfig::{Autoconfig, NameServer};
pub use browser::{Browser, BrowserError, Visited};
pub use control::Control;
pub use mailbox::{MailError, Mailbox};
pub use profile::Way;
pub use push::{PhoneError, Prompt, PushError, PushPhone};
pub use setup::SetupError;
pub use teachers::{Account, SecondFactor, Teacher};

use ports::Ports;
use push::{Installed, Push};
use serde_json::{Map, Value};
use servers::{Keys, Servers};
use std::{net::IpAddr, net::Ipv4Addr, path::Path, process::Stdio, time::Duration};

/// The names in the servers' certificates.
const HOSTS: [&str; 9] = [
    "auth.academie.test",
    "imap.academie.test",
    "smtp.academie.test",
    "ent.academie.test",
    "push.academie.test",
    "reset.academie.test",
    "autoconfig.academie.test",
    "academie.test",
    "localhost",
];

/// How often a base is chosen anew when another process took one of its ports in between.
const TRIES: usize = 5;

/// The portal reads its configuration again after at most this long (`checkTime`, and a second of margin).
const RELOAD: Duration = Duration::from_millis(2_200);

/// A running academy. Dropped, it stops its servers and blocks until they are gone, at most 8 s; [`Academy::stop`] does
/// the same without blocking.
#[derive(Debug)]
pub struct Academy {
    servers: Servers,
    ports: Ports,
    authority: Authority,
    issuer: String,
    portal: tokio::sync::Mutex<Map<String, Value>>,
    push: Option<Push>,
    ent: bool,
}

/// What an academy is started with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Builder {
    portal: Map<String, Value>,
    push: bool,
    ent: bool,
    scram: bool,
}

/// What one try to start has brought up.
struct Started {
    servers: Servers,
    ports: Ports,
    portal: Map<String, Value>,
    push: Option<Push>,
}

/// Where a server listens. The name is in its certificate; it does not resolve.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The name.
    pub host: &'static str,
    /// The port.
    pub port: u16,
}

/// Why the academy does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcademyError {
    /// The packages are missing and cannot be installed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// One of the servers did not start.
    #[error("{server} did not start; the end of its log:\n{log}")]
    NotReady {
        /// Which one; `run` is the script that starts them.
        server: String,
        /// The end of its log.
        log: String,
    },
    /// No base with a free port for each server was found.
    #[error("no free ports")]
    NoPorts,
    /// The servers were told to stop and did not in time.
    #[error("the servers did not stop in time")]
    NotStopped,
    /// A key could not be made.
    #[error("openssl made no key: {0}")]
    Key(String),
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A template names a value that nobody gave.
    #[error(transparent)]
    Template(#[from] template::Unfilled),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// The portal's configuration is not JSON.
    #[error(transparent)]
    Configuration(#[from] serde_json::Error),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The portal could not be asked.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// privacyIDEA runs and did not take its configuration.
    #[error(transparent)]
    Push(#[from] PushError),
}

impl Builder {
    /// Members of the portal's configuration that replace the usual ones, from the first start on.
    #[must_use]
    pub fn portal(mut self, patch: Map<String, Value>) -> Self {
        self.portal.extend(patch);
        self
    }

    /// Starts privacyIDEA too, for the teachers whose second factor is [`SecondFactor::Push`]; see [`push`]. The first time
    /// on a machine it is installed from PyPI into the user's cache, half a minute and 510 MB.
    #[must_use]
    pub fn push(mut self) -> Self {
        self.push = true;
        self
    }

    /// Starts the ENT too, a service of another host that is entered by CAS: see [`Academy::ent`]. Apache with mod_auth_cas,
    /// which asks the portal about each ticket; half a second more.
    #[must_use]
    pub fn ent(mut self) -> Self {
        self.ent = true;
        self
    }

    /// The mail servers offer SCRAM-SHA-256 (RFC 7677) too. Of the teachers only `jdupont` can use it: the directory keeps no
    /// password in the form that it takes, as those of most academies, and refuses the others before they have proved anything.
    #[must_use]
    pub fn scram(mut self) -> Self {
        self.scram = true;
        self
    }

    /// Installs what is missing (as root), starts the servers and waits until all are ready: about two seconds, five with
    /// push, at most thirty, not counting the installation.
    pub async fn start(self) -> Result<Academy, AcademyError> {
        let for_push = self.push.then_some(setup::FOR_PUSH).into_iter().flatten();
        let more: Vec<_> = for_push.chain(self.ent.then_some(setup::FOR_ENT).into_iter().flatten()).collect();
        setup::ensure(&more).await?;
        let installed = if self.push { Some(Installed::ensure().await?) } else { None };
        let authority = Authority::new("Academie Test CA")?;
        let keys = keys(&authority).await?;
        let mut tries = 1;
        loop {
            match self.start_once(&keys, installed.as_ref()).await {
                Ok(Started { servers, ports, portal, push }) => {
                    let issuer = issuer(ports);
                    return Ok(Academy {
                        servers,
                        ports,
                        authority,
                        issuer,
                        portal: portal.into(),
                        push,
                        ent: self.ent,
                    });
                }
                // "Address already in use" for most, "Connection in use" for gunicorn.
                Err(AcademyError::NotReady { log, .. }) if tries < TRIES && log.contains(" in use") => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn start_once(&self, keys: &Keys, installed: Option<&Installed>) -> Result<Started, AcademyError> {
        let ports = Ports::free(u16::from_ne_bytes(servers::random_bytes()?)).ok_or(AcademyError::NoPorts)?;
        let push = match installed {
            Some(_) => Some(Push::open(ports.of("PUSH"), &keys.ca_pem).await?),
            None => None,
        };
        let mut patch = push.as_ref().map(|push| push.portal.clone()).unwrap_or_default();
        patch.extend(self.portal.clone());
        let mut servers = Servers::launch(ports, keys, &patch, installed, self.ent, self.scram)?;
        servers.ready(ports, &issuer(ports), push.as_ref(), self.ent).await?;
        if let Some(push) = &push {
            push.api.configure(ports.of("LDAP")).await?;
        }
        let mut portal = servers::portal_configuration(servers.folder(), ports, keys)?;
        portal.extend(patch);
        Ok(Started { servers, ports, portal, push })
    }
}

impl Academy {
    /// An academy with the usual configuration. See [`Builder::start`].
    pub async fn start() -> Result<Self, AcademyError> {
        Self::builder().start().await
    }

    /// An academy to configure before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Stops the servers and removes the folder; returns when both are done.
    pub async fn stop(self) -> Result<(), AcademyError> {
        self.servers.stop().await
    }

    /// Every name of the academy and the address behind it.
    pub fn hosts(&self) -> Vec<(String, IpAddr)> {
        HOSTS.iter().map(|host| ((*host).to_owned(), IpAddr::V4(Ipv4Addr::LOCALHOST))).collect()
    }

    /// The portal's OpenID Connect issuer, without a slash at the end.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The portal, https.
    pub fn portal(&self) -> Endpoint {
        Endpoint { host: "auth.academie.test", port: self.ports.of("PORTAL") }
    }

    /// IMAP with TLS from the first byte.
    pub fn imap(&self) -> Endpoint {
        Endpoint { host: "imap.academie.test", port: self.ports.of("IMAP") }
    }

    /// IMAP with STARTTLS (RFC 9051).
    pub fn imap_starttls(&self) -> Endpoint {
        Endpoint { host: "imap.academie.test", port: self.ports.of("IMAP_STARTTLS") }
    }

    /// Submission with TLS from the first byte (RFC 8314).
    pub fn smtp(&self) -> Endpoint {
        Endpoint { host: "smtp.academie.test", port: self.ports.of("SMTP") }
    }

    /// Submission with STARTTLS (RFC 6409).
    pub fn submission(&self) -> Endpoint {
        Endpoint { host: "smtp.academie.test", port: self.ports.of("SUBMISSION") }
    }

    /// The ENT, https, where it was asked for: `/` tells who is signed in, and leads to the portal who is not.
    pub fn ent(&self) -> Endpoint {
        Endpoint { host: "ent.academie.test", port: self.ports.of("ENT") }
    }

    /// The certificate of the authority that signed the servers', in PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// The academy's authority, to sign other leaves for a server that plays a part in a test.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the servers keep their files and logs, until the academy stops.
    pub fn folder(&self) -> &Path {
        self.servers.folder()
    }

    /// The profile of this academy, as the app reads it, with the ENT among its services where it runs.
    pub fn profile_toml(&self) -> String {
        self.profile_toml_for(Way::Oidc)
    }

    /// The profile of this academy for an app that signs in another way.
    pub fn profile_toml_for(&self, way: Way) -> String {
        profile::toml(way, &self.issuer, self.imap().port, self.smtp().port, self.ent.then(|| self.ent().port))
    }

    /// Replaces members of the portal's configuration and returns when every process of the portal uses them. Sessions
    /// go on.
    pub async fn reconfigure_portal(&self, patch: Map<String, Value>) -> Result<(), AcademyError> {
        let mut portal = self.portal.lock().await;
        let number = portal.get("cfgNum").and_then(Value::as_u64).unwrap_or(1) + 1;
        let mut next = portal.clone();
        next.extend(patch);
        next.insert("cfgNum".into(), number.into());
        next.insert("cfgDate".into(), jiff::Timestamp::now().as_second().into());
        let folder = self.servers.folder().join("llng/conf");
        // Renamed when complete: the portal may look at any moment.
        tokio::fs::write(folder.join("next"), serde_json::to_vec_pretty(&next)?).await?;
        tokio::fs::rename(folder.join("next"), folder.join(format!("lmConf-{number}.json"))).await?;
        *portal = next;
        drop(portal);
        tokio::time::sleep(RELOAD).await;
        Ok(())
    }

    /// Gives the portal another key to sign its tokens with, by the name `kid`; the old one is gone from its key set. Returns when
    /// every process of the portal uses it.
    pub async fn change_signing_key(&self, kid: &str) -> Result<(), AcademyError> {
        let (private, public) = signing_key().await?;
        let patch = [
            ("oidcServicePrivateKeySig", private.as_str()),
            ("oidcServicePublicKeySig", &public),
            ("oidcServiceKeyIdSig", kid),
        ];
        self.reconfigure_portal(patch.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()).await
    }
}

/// Installs Debian's `packages`, with the servers' own, where they are missing: for programs that a test compares with. Needs
/// root.
pub async fn install(packages: &[&'static str]) -> Result<(), SetupError> {
    setup::ensure(packages).await
}

fn issuer(ports: Ports) -> String {
    format!("https://auth.academie.test:{}", ports.of("PORTAL"))
}

async fn keys(authority: &Authority) -> Result<Keys, AcademyError> {
    let leaf = authority
        .issue(&["auth.academie.test", "*.academie.test", "academie.test", "localhost", "127.0.0.1"], Validity::Good)?;
    let (oidc_private_pem, oidc_public_pem) = signing_key().await?;
    Ok(Keys {
        ca_pem: authority.pem().to_owned(),
        chain_pem: leaf.chain_pem,
        server_key_pem: leaf.key_pem,
        oidc_private_pem,
        oidc_public_pem,
    })
}

/// A new RSA key, private and public, in PEM.
async fn signing_key() -> Result<(String, String), AcademyError> {
    let private = openssl(&["genrsa", "2048"], "").await?;
    let public = openssl(&["rsa", "-pubout"], &private).await?;
    Ok((private, public))
}

/// Runs `openssl`: ring makes no RSA keys.
async fn openssl(args: &[&str], input: &str) -> Result<String, AcademyError> {
    use tokio::io::AsyncWriteExt;
    let mut child = tokio::process::Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let done = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output())
        .await
        .map_err(std::io::Error::from)??;
    if !done.status.success() {
        return Err(AcademyError::Key(String::from_utf8_lossy(&done.stderr).into_owned()));
    }
    String::from_utf8(done.stdout).map_err(|_| AcademyError::Key("not text".into()))
}

//! The run folder and the watchdog that keeps the servers.

use crate::{
    AcademyError,
    ports::Ports,
    push::{Installed, Push},
    teachers,
    template::fill,
};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};
use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

/// All are ready in about two seconds on a quiet machine, privacyIDEA in three.
const READY_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(8);
const LOG_TAIL: usize = 3_000;

/// The last two where they were asked for.
const SERVERS: [&str; 6] = ["slapd", "dovecot", "postfix", "portal", "push", "ent"];

/// Each file of the run folder, its template, and the template's name in errors.
const FILES: [(&str, &str); 12] = [
    ("ldap/slapd.conf", include_str!("../templates/slapd.conf")),
    ("ldap/base.ldif", include_str!("../templates/base.ldif")),
    ("llng/lemonldap-ng.ini", include_str!("../templates/lemonldap-ng.ini")),
    ("llng/app.psgi", include_str!("../templates/app.psgi")),
    ("dovecot/dovecot.conf", include_str!("../templates/dovecot.conf")),
    ("dovecot/oauth2.ext", include_str!("../templates/oauth2.ext")),
    ("dovecot/ldap.ext", include_str!("../templates/ldap.ext")),
    ("postfix/etc/main.cf", include_str!("../templates/main.cf")),
    ("postfix/etc/master.cf", include_str!("../templates/master.cf")),
    ("postfix/etc/signed-in", include_str!("../templates/signed-in")),
    ("postfix/etc/outside", include_str!("../templates/outside")),
    ("run.sh", include_str!("../templates/run.sh")),
];

/// The same for the ENT.
const ENT_FILES: [(&str, &str); 2] = [
    ("ent/httpd.conf", include_str!("../templates/ent.conf")),
    ("ent/pages/index.shtml", include_str!("../templates/ent.shtml")),
];

const PORTAL_CONFIGURATION: &str = include_str!("../templates/lmConf.json");

/// What the servers need besides their templates.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) ca_pem: String,
    pub(crate) chain_pem: String,
    pub(crate) server_key_pem: String,
    pub(crate) oidc_private_pem: String,
    pub(crate) oidc_public_pem: String,
}

/// The running servers. Dropped, it stops them and waits until they are gone.
#[derive(Debug)]
pub(crate) struct Servers {
    folder: PathBuf,
    watchdog: Child,
}

impl Servers {
    /// Starts all, privacyIDEA where it is given and the ENT where it is wanted; returns before they are ready.
    pub(crate) fn launch(
        ports: Ports,
        keys: &Keys,
        patch: &Map<String, Value>,
        push: Option<&Installed>,
        ent: bool,
        scram: bool,
    ) -> Result<Self, AcademyError> {
        let folder = fresh_folder()?;
        let written = write_all(&folder, ports, keys, patch, scram)
            .and_then(|()| push.map_or(Ok(()), |push| push.lay_out(&folder.join("push"))))
            .and_then(|()| if ent { lay_out_ent(&folder, ports) } else { Ok(()) });
        let launched = written.and_then(|()| Ok(watchdog(&folder)?));
        match launched {
            Ok(watchdog) => Ok(Self { folder, watchdog }),
            Err(error) => {
                // The first error is the one to tell.
                let _ = std::fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until every port answers, the portal serves its own discovery document and privacyIDEA is there.
    pub(crate) async fn ready(
        &mut self,
        ports: Ports,
        issuer: &str,
        push: Option<&Push>,
        ent: bool,
    ) -> Result<(), AcademyError> {
        let http = reqwest_plain()?;
        let url = format!("http://127.0.0.1:{}/.well-known/openid-configuration", ports.of("INTROSPECTION"));
        let end = Instant::now() + READY_LIMIT;
        loop {
            if self.watchdog.try_wait()?.is_some() {
                return Err(self.failed("run"));
            }
            if let Some(dead) = SERVERS.into_iter().find(|name| self.is_dead(name)) {
                return Err(self.failed(dead));
            }
            let mut waited_for = None;
            let usual = [("slapd", "LDAP"), ("dovecot", "IMAP"), ("dovecot", "LMTP"), ("postfix", "SUBMISSION")];
            for (server, service) in usual.into_iter().chain(ent.then_some(("ent", "ENT"))) {
                if TcpStream::connect(("127.0.0.1", ports.of(service))).await.is_err() {
                    waited_for = Some(server);
                }
            }
            if waited_for.is_none() && !serves(&http, &url, issuer).await {
                waited_for = Some("portal");
            }
            if let (None, Some(push)) = (waited_for, push)
                && !push.api.is_alive().await
            {
                waited_for = Some("push");
            }
            match waited_for {
                None => return Ok(()),
                Some(server) if Instant::now() > end => return Err(self.failed(server)),
                Some(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Stops the servers and removes the folder.
    pub(crate) async fn stop(mut self) -> Result<(), AcademyError> {
        drop(self.watchdog.stdin.take());
        match tokio::time::timeout(STOP_LIMIT, self.watchdog.wait()).await {
            Ok(ended) => ended.map(drop).map_err(AcademyError::from),
            Err(_) => Err(AcademyError::NotStopped),
        }
    }

    fn is_dead(&self, server: &str) -> bool {
        // Not launched yet is not dead.
        let Ok(pid) = std::fs::read_to_string(self.folder.join("pids").join(server)) else { return false };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }

    fn failed(&self, server: &str) -> AcademyError {
        let own: &[&str] = match server {
            "dovecot" => &["logs/dovecot.log", "dovecot/dovecot.log"],
            "postfix" => &["logs/postfix.log", "postfix/mail.log"],
            "portal" => &["logs/portal.log"],
            "slapd" => &["logs/slapd.log"],
            "ent" => &["logs/ent.log"],
            "push" => &["logs/push.log", "push/privacyidea.log"],
            _ => &["logs/run.log"],
        };
        let log: String = own
            .iter()
            .filter_map(|path| std::fs::read(self.folder.join(path)).ok())
            .map(|bytes| tail(&String::from_utf8_lossy(&bytes)))
            .collect();
        AcademyError::NotReady { server: server.to_owned(), log }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // A test that ends must not leave its servers to the next one, hence the wait in a destructor.
        let end = std::time::Instant::now() + STOP_LIMIT;
        while std::time::Instant::now() < end && matches!(self.watchdog.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The end of a log, short enough for an error.
pub(crate) fn tail(text: &str) -> String {
    let from = text.char_indices().rev().nth(LOG_TAIL).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or_default().to_owned()
}

/// The portal's configuration at the start.
pub(crate) fn portal_configuration(
    folder: &Path,
    ports: Ports,
    keys: &Keys,
) -> Result<Map<String, Value>, AcademyError> {
    let text = fill("lmConf.json", PORTAL_CONFIGURATION, &values(folder, ports))?;
    let mut configuration: Map<_, _> = serde_json::from_str(&text)?;
    configuration.insert("oidcServicePrivateKeySig".into(), keys.oidc_private_pem.clone().into());
    configuration.insert("oidcServicePublicKeySig".into(), keys.oidc_public_pem.clone().into());
    Ok(configuration)
}

fn values(folder: &Path, ports: Ports) -> Vec<(&'static str, String)> {
    ports.values().chain([("RUN", folder.display().to_string())]).collect()
}

/// Searchable by the servers' own accounts, under a name that no one has guessed and taken.
fn fresh_folder() -> Result<PathBuf, AcademyError> {
    let name: String = random_bytes::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = std::env::temp_dir().join(format!("academie-{name}"));
    std::fs::DirBuilder::new().mode(0o755).create(&folder)?;
    Ok(folder)
}

pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], AcademyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| std::io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

fn write_all(
    folder: &Path,
    ports: Ports,
    keys: &Keys,
    patch: &Map<String, Value>,
    scram: bool,
) -> Result<(), AcademyError> {
    for name in ["ca", "ldap", "llng/conf", "dovecot", "postfix/etc", "logs", "pids"] {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder.join(name))?;
    }
    let mut values = values(folder, ports);
    values.push(("SCRAM", if scram { " scram-sha-256" } else { "" }.to_owned()));
    for (path, template) in FILES {
        let mut text = fill(path, template, &values)?;
        if path == "ldap/base.ldif" {
            text += &teachers::ldif();
        }
        std::fs::write(folder.join(path), text)?;
    }
    std::fs::write(folder.join("postfix/etc/recipients"), teachers::recipients())?;
    let with_scram = if scram { teachers::with_scram() } else { String::new() };
    let users = format!("portail:{{PLAIN}}portail-secret\n{with_scram}");
    std::fs::write(folder.join("dovecot/service-users"), users)?;
    std::fs::write(folder.join("ca/ca.pem"), &keys.ca_pem)?;
    std::fs::write(folder.join("ca/chain.pem"), &keys.chain_pem)?;
    // A test key: every server's account must read it.
    std::fs::write(folder.join("ca/server.key"), &keys.server_key_pem)?;
    let mut portal = portal_configuration(folder, ports, keys)?;
    portal.extend(patch.clone());
    std::fs::write(folder.join("llng/conf/lmConf-1.json"), serde_json::to_vec_pretty(&portal)?)?;
    Ok(())
}

fn lay_out_ent(folder: &Path, ports: Ports) -> Result<(), AcademyError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder.join("ent/pages"))?;
    for (path, template) in ENT_FILES {
        std::fs::write(folder.join(path), fill(path, template, &values(folder, ports))?)?;
    }
    Ok(())
}

/// In a session of its own, so that neither Ctrl-C nor the death of the test process's group takes it along.
fn watchdog(folder: &Path) -> std::io::Result<Child> {
    let log = std::fs::File::create(folder.join("logs/run.log"))?;
    Command::new("setsid")
        .args(["--wait", "sh"])
        .arg(folder.join("run.sh"))
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn reqwest_plain() -> Result<reqwest::Client, AcademyError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::no_trust()?)
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    Ok(client)
}

async fn serves(http: &reqwest::Client, url: &str, issuer: &str) -> bool {
    let Ok(answer) = http.get(url).send().await else { return false };
    if !answer.status().is_success() {
        return false;
    }
    // The portal listens even when it could not start; then this is no document of ours.
    answer.json::<Value>().await.is_ok_and(|document| document["issuer"] == issuer)
}

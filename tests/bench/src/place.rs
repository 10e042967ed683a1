//! The academy and its filled mailboxes, made when the first figure needs them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use academy::filler::{Destination, Filler};
use academy::{Academy, Teacher};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::Failure;
use crate::phone::Setup;

/// Where the mail servers listen.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The inbox whose messages have their natural size.
const USUAL: u32 = 20_000;

/// The academy, and which inboxes are filled.
#[derive(Default)]
pub(crate) struct Place {
    academy: Option<Academy>,
    filled: BTreeSet<u32>,
    grown: u32,
}

impl Place {
    /// The running academy, started at the first call.
    pub(crate) async fn academy(&mut self) -> Result<&Academy, Failure> {
        if self.academy.is_none() {
            self.academy = Some(Academy::start().await?);
        }
        self.academy.as_ref().ok_or_else(|| "no academy".into())
    }

    /// A phone of a teacher whose inbox holds `count` messages: 1,000, 20,000 or 200,000.
    pub(crate) async fn inbox_of(&mut self, count: u32) -> Result<Setup, Failure> {
        let uid = match count {
            1_000 => "lreset",
            USUAL => "jdupont",
            200_000 => "perfbox",
            other => return Err(format!("no teacher has {other} messages").into()),
        };
        let teacher = Teacher::by_uid(uid).ok_or("no such teacher")?;
        let fresh = self.filled.insert(count);
        let academy = self.academy().await?;
        if fresh {
            // Where only headers travel, the weight of bodies would fill disks and change nothing.
            let filler = Filler::new(1);
            fill(academy, teacher, count, if count == USUAL { filler } else { filler.compact() }).await?;
        }
        Setup::of(academy, teacher, LOOPBACK)
    }

    /// A phone whose app is signed in and has synced nothing yet, of the teacher whose inbox holds `count` messages; its home is
    /// below `folder`.
    pub(crate) async fn home_of(&mut self, count: u32, folder: &Path) -> Result<PathBuf, Failure> {
        let uid = self.inbox_of(count).await?.user;
        let home = folder.join("home");
        journeys::kills::move_in(self.academy().await?, &uid, &home).await?;
        Ok(home)
    }

    /// A phone of the teacher whose inbox grows, now to `count` messages.
    pub(crate) async fn grown_to(&mut self, count: u32) -> Result<Setup, Failure> {
        let teacher = Teacher::by_uid("tbernard").ok_or("no such teacher")?;
        let more = count.saturating_sub(self.grown);
        self.grown += more;
        let academy = self.academy().await?;
        fill(academy, teacher, more, Filler::new(u64::from(count)).compact()).await?;
        Setup::of(academy, teacher, LOOPBACK)
    }

    /// Adds `more` messages to the inbox that holds 20,000.
    pub(crate) async fn add(&mut self, more: u32) -> Result<(), Failure> {
        let teacher = Teacher::by_uid("jdupont").ok_or("no such teacher")?;
        fill(self.academy().await?, teacher, more, Filler::new(1)).await
    }

    /// Stops the servers.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let Some(academy) = self.academy else { return Ok(()) };
        let mail = academy.folder().join("mail");
        // One file a message: to remove them takes longer than an academy is given to stop.
        tokio::task::spawn_blocking(move || std::fs::remove_dir_all(mail)).await??;
        Ok(academy.stop().await?)
    }
}

async fn fill(academy: &Academy, teacher: &Teacher, count: u32, filler: Filler) -> Result<(), Failure> {
    let destination = Destination {
        address: SocketAddr::new(LOOPBACK, academy.imap().port),
        server_name: academy.imap().host,
        tls: Arc::new(trusting(academy.ca_pem())?),
        user: teacher.uid,
        password: teacher.password,
        name: "INBOX",
    };
    let started = Instant::now();
    let filled = filler.fill(&destination, count.into(), |_| {}).await?;
    if filled.messages != u64::from(count) {
        return Err(format!("{} of {count} messages are there", filled.messages).into());
    }
    eprintln!("filled an inbox with {count} messages, {} MB, in {:.1?}", filled.bytes / 1_000_000, started.elapsed());
    Ok(())
}

/// TLS that trusts the authority in `ca_pem` and no other.
pub(crate) fn trusting(ca_pem: &str) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

//! Other programs that fetch mail, from Debian: the same server, the same inbox, TLS verified against the same authority. Each
//! run has a home of its own, a limit, and is believed only when as many messages are there as there must be.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Failure;
use crate::phone::Setup;

const PACKAGES: [&str; 3] = ["isync", "neomutt", "offlineimap3"];
const LIMIT: Duration = Duration::from_secs(900);

/// The peers, installed.
pub(crate) struct Peers {
    home: TempDir,
}

/// A peer's folder with what it has fetched so far.
pub(crate) struct Kept {
    folder: TempDir,
}

impl Kept {
    /// Nothing fetched yet.
    pub(crate) fn nothing() -> Result<Self, Failure> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// How many messages are in a Maildir below.
    fn messages(&self, maildir: &str) -> Result<usize, Failure> {
        let folder = self.path().join(maildir);
        let mut count = 0;
        for part in ["cur", "new"] {
            count += std::fs::read_dir(folder.join(part))?.count();
        }
        Ok(count)
    }

    fn holds(&self, maildir: &str, count: u32) -> Result<(), Failure> {
        match self.messages(maildir)? {
            there if there == count as usize => Ok(()),
            there => Err(format!("the peer has {there} of {count} messages").into()),
        }
    }
}

impl Peers {
    /// Sees to it that they are installed, as the academy does with its servers.
    pub(crate) async fn ensure() -> Result<Self, Failure> {
        academy::install(&PACKAGES).await?;
        Ok(Self { home: tempfile::tempdir()? })
    }

    /// neomutt opens the inbox with an empty header cache, shows it and ends; how long that took.
    pub(crate) async fn neomutt(&self, setup: &Setup, count: u32) -> Result<f64, Failure> {
        let kept = Kept::nothing()?;
        let ca = kept.file("ca.pem", &setup.ca_pem)?;
        let Setup { user, password, port, .. } = setup;
        let config = format!(
            "set folder=imaps://{user}@localhost:{port}/\nset imap_pass={password}\n\
             set spoolfile=imaps://{user}@localhost:{port}/INBOX\nset certificate_file={ca}\n\
             set ssl_ca_certificates_file={ca}\nset ssl_force_tls=yes\nset header_cache={cache}\nset sort=date\n\
             set status_format=\"there are %m.\"\nset quit=yes\npush <refresh><quit>\n",
            ca = ca.display(),
            cache = kept.path().join("headers").display(),
        );
        let config = kept.file("neomuttrc", &config)?;
        // It insists on a terminal.
        let inside = format!("stty rows 24 columns 80; exec neomutt -n -F {}", config.display());
        let (seconds, shown) = self.run("script", &["-qec", &inside, "/dev/null"]).await?;
        if shown.contains(&format!("there are {count}.")) {
            return Ok(seconds);
        }
        Err(format!("neomutt does not show {count} messages: {}", end(&shown)).into())
    }

    /// mbsync brings a Maildir up to date with the inbox; `safe` is its usual care, to write through to the disk.
    pub(crate) async fn mbsync(&self, setup: &Setup, kept: &Kept, safe: bool, count: u32) -> Result<f64, Failure> {
        let ca = kept.file("ca.pem", &setup.ca_pem)?;
        let Setup { user, password, port, .. } = setup;
        let config = format!(
            "{}IMAPStore r\nHost localhost\nPort {port}\nUser {user}\nPass {password}\nSSLType IMAPS\n\
             CertificateFile {ca}\n\nMaildirStore l\nSubFolders Verbatim\nPath {folder}/\nInbox {folder}/INBOX\n\n\
             Channel c\nFar :r:\nNear :l:\nCreate Near\nSync Pull\nSyncState *\n",
            if safe { "" } else { "FSync no\n\n" },
            ca = ca.display(),
            folder = kept.path().display(),
        );
        let config = kept.file("mbsyncrc", &config)?;
        let (seconds, _) = self.run("mbsync", &["-q", "-c", &config.display().to_string(), "c"]).await?;
        kept.holds("INBOX", count)?;
        Ok(seconds)
    }

    /// offlineimap brings a Maildir up to date with the inbox.
    pub(crate) async fn offlineimap(&self, setup: &Setup, kept: &Kept, count: u32) -> Result<f64, Failure> {
        let ca = kept.file("ca.pem", &setup.ca_pem)?;
        let Setup { user, password, port, .. } = setup;
        let config = format!(
            "[general]\naccounts=a\nmetadata={folder}/meta\n[Account a]\nlocalrepository=l\nremoterepository=r\n\
             [Repository l]\ntype=Maildir\nlocalfolders={folder}/mail\n[Repository r]\ntype=IMAP\nremotehost=localhost\n\
             remoteport={port}\nremoteuser={user}\nremotepass={password}\nssl=yes\nsslcacertfile={ca}\n\
             folderfilter=lambda f: f=='INBOX'\n",
            ca = ca.display(),
            folder = kept.path().display(),
        );
        let config = kept.file("offlineimaprc", &config)?;
        let (seconds, _) = self.run("offlineimap", &["-o", "-u", "quiet", "-c", &config.display().to_string()]).await?;
        kept.holds("mail/INBOX", count)?;
        Ok(seconds)
    }

    /// Runs a peer to its end; the time of the whole process, and what it said.
    /// Sees to it that these are installed as well.
    pub(crate) async fn also(&self, packages: &[&'static str]) -> Result<(), Failure> {
        Ok(academy::install(packages).await?)
    }

    /// Where they have their files.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs one of them to its end: seconds, and what it said.
    pub(crate) async fn run(&self, program: &str, words: &[&str]) -> Result<(f64, String), Failure> {
        self.run_within(LIMIT, program, words).await
    }

    /// The same with another limit.
    pub(crate) async fn run_within(
        &self,
        limit: Duration,
        program: &str,
        words: &[&str],
    ) -> Result<(f64, String), Failure> {
        let started = Instant::now();
        let running = Command::new(program)
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("TERM", "xterm")
            .env("LANG", "C.UTF-8")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let done = timeout(limit, running.wait_with_output()).await;
        let done = done.map_err(|_| format!("{program} took longer than {limit:?}"))??;
        let seconds = started.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        if done.status.success() {
            return Ok((seconds, said));
        }
        Err(format!("{program} failed: {}; {}", done.status, end(&said)).into())
    }
}

fn end(said: &str) -> String {
    let from = said.char_indices().rev().nth(500).map_or(0, |(at, _)| at);
    said.get(from..).unwrap_or_default().to_owned()
}

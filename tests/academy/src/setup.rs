//! The Debian packages of the servers.

use std::{fs::File, os::unix::fs::MetadataExt, path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// What privacyIDEA needs besides what comes from PyPI.
pub(crate) const FOR_PUSH: [&str; 1] = ["python3-venv"];

/// What the ENT needs. Without `apache2`, which would start a server of its own.
pub(crate) const FOR_ENT: [&str; 2] = ["apache2-bin", "libapache2-mod-auth-cas"];

/// As short as works; what `--no-install-recommends` leaves out and the portal dies without is named.
const PACKAGES: [&str; 36] = [
    "liblemonldap-ng-portal-perl",
    "starman",
    "libplack-perl",
    "libdigest-hmac-perl",
    "libimage-magick-perl",
    "libgd-securityimage-perl",
    "libxml-simple-perl",
    "libxml-libxml-perl",
    "libcrypt-openssl-bignum-perl",
    "libconvert-base32-perl",
    "libio-string-perl",
    "libipc-run-perl",
    "libmime-tools-perl",
    "libnet-ldap-perl",
    "libunicode-string-perl",
    "libapache-session-browseable-perl",
    "libemail-sender-perl",
    "libcookie-baker-xs-perl",
    "libdbi-perl",
    "libhttp-parser-xs-perl",
    "liblwp-protocol-https-perl",
    "libstring-random-perl",
    "libio-socket-timeout-perl",
    "libio-socket-ssl-perl",
    "libauthen-sasl-perl",
    "libnet-smtp-ssl-perl",
    // Not started; named so that apt does not choose another web server for the portal.
    "lemonldap-ng-fastcgi-server",
    "slapd",
    "dovecot-core",
    "dovecot-imapd",
    "dovecot-lmtpd",
    "dovecot-submissiond",
    "dovecot-ldap",
    "postfix",
    "openssl",
    "util-linux",
];

const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// Why the servers are not on this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Postfix runs as root only, and so do the installation and the change of owners.
    #[error("the academy's servers need root; run as root, or first: {0}")]
    NeedsRoot(String),
    /// The packages could not be installed; the command, to run by hand, and the end of its output.
    #[error("cannot install the servers; run: {command}\n{output}")]
    Install {
        /// The command.
        command: String,
        /// The end of its output.
        output: String,
    },
    /// privacyIDEA could not be installed from PyPI or prepared; the step and the end of its output.
    #[error("cannot install privacyIDEA, at: {step}\n{output}")]
    Push {
        /// The command of this step; its folder is gone.
        step: String,
        /// The end of its output.
        output: String,
    },
    /// There is no folder to keep what is installed from PyPI.
    #[error("neither XDG_CACHE_HOME nor HOME names a folder")]
    NoHome,
    /// A file or a program of the installation does not answer.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Sees to it that the packages and those in `more` are installed. One process at a time installs; the others wait for it.
pub(crate) async fn ensure(more: &[&'static str]) -> Result<(), SetupError> {
    let root = std::fs::metadata("/proc/self")?.uid() == 0;
    let missing = missing(more).await?;
    let command = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    if !root {
        return Err(SetupError::NeedsRoot(command));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let lock = tokio::task::spawn_blocking(|| {
        let file = File::create("/var/lock/academie-setup")?;
        file.lock().map(|()| file)
    });
    let _lock = tokio::time::timeout(INSTALL_LIMIT, lock)
        .await
        .map_err(std::io::Error::from)?
        .map_err(std::io::Error::other)??;
    let missing = self::missing(more).await?;
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, command).await
}

async fn missing(more: &[&'static str]) -> Result<Vec<&'static str>, SetupError> {
    let asked = Command::new("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(PACKAGES)
        .args(more)
        .output()
        .await?;
    let known = String::from_utf8_lossy(&asked.stdout);
    let installed = |package: &str| known.lines().any(|line| line == format!("{package} installed"));
    Ok(PACKAGES.iter().chain(more).copied().filter(|package| !installed(package)).collect())
}

async fn install(packages: &[&str], command: String) -> Result<(), SetupError> {
    // Without this file Debian starts the servers on their usual ports, on every interface.
    let guard = Path::new("/usr/sbin/policy-rc.d");
    let ours = !guard.exists();
    if ours {
        std::fs::write(guard, "#!/bin/sh\nexit 101\n")?;
        std::fs::set_permissions(guard, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive; apt-get -q -o DPkg::Lock::Timeout=300 update && \
         apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends {}",
        packages.join(" ")
    );
    let run = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output();
    let done = tokio::time::timeout(INSTALL_LIMIT, run).await;
    if ours {
        std::fs::remove_file(guard)?;
    }
    let done = done.map_err(std::io::Error::from)??;
    if done.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
    Err(SetupError::Install { command, output: crate::servers::tail(&output) })
}

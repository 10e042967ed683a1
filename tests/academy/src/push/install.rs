//! privacyIDEA from PyPI, installed once for the machine's user, with keys, tables and an administrator to copy from.

use super::{ADMIN, ADMIN_PASSWORD};
use crate::{AcademyError, SetupError, servers, template};
use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

const NAME: &str = "privacyidea-3.14";
/// The release's own list of what it was tested with, by hash, is in the package.
const RELEASE: &str = "privacyidea==3.14";
const WEB_SERVER: &str = "gunicorn==27.0.1";
/// The interpreter of the Debian package `python3-venv`.
const PYTHON: &str = "/usr/bin/python3";

/// A download of 80 MB on a slow line; another process that installs is waited for as long.
const LIMIT: Duration = Duration::from_secs(900);
const CHECK_LIMIT: Duration = Duration::from_secs(30);

const CONFIGURATION: &str = include_str!("../../templates/pi.cfg");
const IS_WHOLE: &str =
    "import importlib.util as u; raise SystemExit(any(u.find_spec(m) is None for m in ('privacyidea', 'gunicorn')))";
const MANAGE: &str = "from privacyidea.cli.pimanage import cli; cli()";

/// An installation, shared by all academies and changed by none.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    folder: PathBuf,
}

/// What is copied into each academy's folder.
const PREPARED: [&str; 4] = ["enckey", "private.pem", "public.pem", "pi.db"];

impl Installed {
    /// Finds the installation in the user's cache, or makes it: about half a minute and 510 MB, under a lock.
    pub(crate) async fn ensure() -> Result<Self, AcademyError> {
        let cache = cache()?;
        let installed = Self { folder: cache.join(NAME) };
        if installed.is_whole().await {
            return Ok(installed);
        }
        std::fs::create_dir_all(&cache)?;
        let _lock = locked(&cache.join(format!("{NAME}.lock"))).await?;
        if installed.is_whole().await {
            return Ok(installed);
        }
        clear(&cache)?;
        // Another name until it is whole: a set-up that is killed is begun again.
        let number = servers::random_bytes::<6>()?.map(|byte| format!("{byte:02x}")).concat();
        let new = Self { folder: cache.join(format!("{NAME}.new-{number}")) };
        match new.make().await {
            Ok(()) => std::fs::rename(&new.folder, &installed.folder)?,
            Err(error) => {
                // The first error is the one to tell.
                let _ = std::fs::remove_dir_all(&new.folder);
                return Err(error);
            }
        }
        Ok(installed)
    }

    /// Lays out `folder` for one server: its keys and tables, its configuration and the interpreter to run it with.
    pub(crate) fn lay_out(&self, folder: &Path) -> Result<(), AcademyError> {
        std::fs::create_dir(folder)?;
        for name in PREPARED {
            std::fs::copy(self.folder.join("etc").join(name), folder.join(name))?;
        }
        let python = self.python();
        std::fs::write(folder.join("python"), python.to_string_lossy().as_bytes())?;
        write_configuration(folder)
    }

    fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// Also false when the interpreter has been replaced by a newer one, which does not look into this folder's packages.
    async fn is_whole(&self) -> bool {
        if !PREPARED.iter().all(|name| self.folder.join("etc").join(name).is_file()) {
            return false;
        }
        let mut check = Command::new(self.python());
        check.args(["-IBc", IS_WHOLE]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = timeout(CHECK_LIMIT, check.kill_on_drop(true).status()).await;
        matches!(status, Ok(Ok(status)) if status.success())
    }

    async fn make(&self) -> Result<(), AcademyError> {
        let etc = self.folder.join("etc");
        std::fs::create_dir_all(&etc)?;
        let venv = self.folder.join("venv");
        // Here and below: a set-up whose process is killed leaves none behind.
        run(Command::new("setpriv").args(["--pdeathsig", "KILL", PYTHON, "-m", "venv"]).arg(&venv)).await?;
        let requirements = venv.join("lib/privacyidea/requirements.txt").display().to_string();
        for packages in [&["--no-deps", RELEASE][..], &["--require-hashes", "-r", &requirements], &[WEB_SERVER]] {
            let pip = ["-IB", "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--disable-pip-version-check"];
            run(self.with_python().args(pip).args(packages)).await?;
        }
        write_configuration(&etc)?;
        for step in [
            &["setup", "create_enckey"][..],
            &["setup", "create_audit_keys"],
            &["setup", "create_tables"],
            &["admin", "add", ADMIN, "-p", ADMIN_PASSWORD, "-e", "admin@academie.test"],
        ] {
            let mut manage = self.with_python();
            manage.args(["-IB", "-c", MANAGE]).args(step).env("PRIVACYIDEA_CONFIGFILE", etc.join("pi.cfg"));
            run(&mut manage).await?;
        }
        Ok(())
    }

    /// Never one of the scripts beside it, which know the folder's first name only.
    fn with_python(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(self.python());
        command
    }
}

fn cache() -> Result<PathBuf, SetupError> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    cache.map(|cache| cache.join("cartable")).ok_or(SetupError::NoHome)
}

/// The lock, held until it is dropped.
async fn locked(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    let end = Instant::now() + LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > end => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Removes what a killed set-up has left, and an installation that is not whole.
fn clear(cache: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == NAME {
            std::fs::remove_dir_all(entry.path())?;
        } else if name.to_string_lossy().starts_with(&format!("{NAME}.new-")) {
            // In nobody's way: the next set-up tries again.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn write_configuration(folder: &Path) -> Result<(), AcademyError> {
    let values = [("ETC", folder.display().to_string())];
    std::fs::write(folder.join("pi.cfg"), template::fill("pi.cfg", CONFIGURATION, &values)?)?;
    Ok(())
}

async fn run(command: &mut Command) -> Result<(), AcademyError> {
    // Without `--pdeathsig KILL`.
    let step = command.as_std().get_args().skip(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let done = timeout(LIMIT, done).await.map_err(io::Error::from)??;
    if done.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    Err(SetupError::Push { step, output: servers::tail(&output) }.into())
}

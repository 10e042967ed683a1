//! A process of its own for what is measured: its memory is then the product's alone, and each round starts cold.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cartable_core::mail::{MailAccount, Prefetch};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::Failure;
use crate::drain::drain;
use crate::phone::Setup;

/// The word on the command line that makes this program a child. Everything else comes by standard input.
pub(crate) const WORD: &str = "--child";

const LIMIT: Duration = Duration::from_secs(600);

/// The most that was seen of the memory that is the process's own.
static OWN_PEAK: AtomicU64 = AtomicU64::new(0);

/// What a child does.
#[derive(Deserialize, Serialize)]
pub(crate) enum Errand {
    /// The product's own sync: into an empty database that is thrown away, or into the one of a folder.
    Sync(Setup, Option<PathBuf>),
    /// The same into an empty database, and then every message of the inbox.
    Bodies(Setup),
    /// What a background job does in a process of its own, for the phone whose home is the folder.
    SyncOnce(PathBuf),
    /// These lines on a bare socket.
    Drain(Setup, Vec<String>),
}

/// What came of it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// From before the connection to the end.
    pub(crate) seconds: f64,
    /// The whole process, from before its start to after its end: what is comparable with another program.
    #[serde(default)]
    pub(crate) process_seconds: f64,
    /// Without connection and login; the same as `seconds` for a sync.
    pub(crate) commands_seconds: f64,
    /// What all threads of the process computed until then.
    pub(crate) cpu_seconds: f64,
    /// The most memory that the process ever held (VmHWM): its own, and what was mapped of the program and of libraries, which the
    /// system may drop at any moment and read again.
    pub(crate) peak_bytes: u64,
    /// The most of its own that the process was seen to hold (RssAnon), looked at every millisecond.
    pub(crate) own_peak_bytes: u64,
    /// Messages of the inbox now in the database.
    pub(crate) messages: u64,
    /// Headers that came with this sync.
    pub(crate) arrived: u64,
    /// What was read and thrown away.
    pub(crate) bytes: u64,
}

impl Errand {
    /// Sends a child and waits for its report.
    pub(crate) async fn run(&self) -> Result<Report, Failure> {
        let started = Instant::now();
        let mut child = tokio::process::Command::new(std::env::current_exe()?)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let errand = serde_json::to_vec(self)?;
        let mut input = child.stdin.take().ok_or("the child has no input")?;
        input.write_all(&errand).await?;
        drop(input);
        let done = timeout(LIMIT, child.wait_with_output()).await.map_err(|_| "the child took too long")??;
        if !done.status.success() {
            return Err(format!("the child failed: {}", done.status).into());
        }
        let process_seconds = started.elapsed().as_secs_f64();
        Ok(Report { process_seconds, ..serde_json::from_slice(&done.stdout)? })
    }
}

impl Report {
    /// What the process has taken until now.
    fn until_now() -> Result<Self, Failure> {
        Ok(Self {
            cpu_seconds: cpu()?,
            peak_bytes: memory("VmHWM:")?,
            own_peak_bytes: OWN_PEAK.load(Ordering::Relaxed).max(memory("RssAnon:")?),
            ..Self::default()
        })
    }
}

/// The child's side: one errand from standard input, its report to standard output.
pub(crate) fn serve() -> Result<(), Failure> {
    let mut errand = Vec::new();
    std::io::stdin().read_to_end(&mut errand)?;
    let report = match serde_json::from_slice(&errand)? {
        Errand::Sync(setup, None) => {
            let folder = tempfile::tempdir()?;
            in_app(async move { synced(&setup, folder.path(), false).await })?
        }
        Errand::Sync(setup, Some(folder)) => in_app(async move { synced(&setup, &folder, false).await })?,
        Errand::Bodies(setup) => {
            let folder = tempfile::tempdir()?;
            in_app(async move { synced(&setup, folder.path(), true).await })?
        }
        Errand::SyncOnce(home) => {
            watch_own_memory()?;
            in_app(async move { synced_once(&home).await })?
        }
        Errand::Drain(setup, lines) => {
            let drained = drain(&setup, &lines)?;
            Report {
                seconds: drained.whole.as_secs_f64(),
                commands_seconds: drained.commands.as_secs_f64(),
                bytes: drained.bytes,
                ..Report::until_now()?
            }
        }
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// On the runtime that the app has: two workers with stacks of 8 MiB.
fn in_app(errand: impl Future<Output = Result<Report, Failure>> + Send + 'static) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(8 * 1024 * 1024)
        .enable_all()
        .build()?;
    // As the app does: what the main thread waits for runs on a worker, beside the sockets that it reads.
    runtime.block_on(runtime.spawn(errand))?
}

async fn synced(setup: &Setup, folder: &Path, bodies: bool) -> Result<Report, Failure> {
    let (mail, store) = setup.mail(folder)?;
    let started = Instant::now();
    let arrived = mail.sync().await?.arrived;
    if bodies {
        all_bodies(&mail).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let taken = Report::until_now()?;
    let inbox = mail.mailboxes().await?.into_iter().next().ok_or("no inbox")?;
    if !inbox.complete {
        return Err("the sync did not reach its end".into());
    }
    mail.disconnect().await;
    store.close().await?;
    Ok(Report { seconds, commands_seconds: seconds, messages: inbox.known, arrived, ..taken })
}

/// Fetches every message and keeps it.
async fn all_bodies(mail: &MailAccount) -> Result<(), Failure> {
    mail.set_prefetch_policy(Prefetch::Everything).await?;
    mail.set_cache_limit(u64::MAX / 4).await?;
    mail.prefetch(&|_, _| {}).await?;
    Ok(())
}

async fn synced_once(home: &Path) -> Result<Report, Failure> {
    let started = Instant::now();
    let companion = journeys::kills::open(home).await;
    let done = companion.sync_once(LIMIT).await?;
    let seconds = started.elapsed().as_secs_f64();
    let taken = Report::until_now()?;
    let arrived = done.report.ok_or("the sync was not done by its deadline")?.arrived;
    let messages = companion.mailboxes().await?.first().map_or(0, |inbox| inbox.known);
    companion.shutdown().await?;
    Ok(Report { seconds, commands_seconds: seconds, messages, arrived, ..taken })
}

/// The system counts no peak of it: somebody has to look.
fn watch_own_memory() -> Result<(), Failure> {
    let looking = || {
        while let Ok(own) = memory("RssAnon:") {
            OWN_PEAK.fetch_max(own, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    // Ends with the process.
    std::thread::Builder::new().name("bench-memory".to_owned()).spawn(looking)?;
    Ok(())
}

/// A line of what the system says of the memory of this process, in bytes. Linux only.
fn memory(name: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the system does not tell the memory")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

/// The time on a processor of the threads of this process, those that have ended not among them. Linux only.
pub(crate) fn cpu() -> Result<f64, Failure> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let told = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += told.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

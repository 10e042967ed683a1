//! A process of its own for what is measured: its memory is then the product's alone, and each round starts cold.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cartable_core::mail::Prefetch;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::Failure;
use crate::drain::drain;
use crate::phone::Setup;

/// The word on the command line that makes this program a child. Everything else comes by standard input.
pub(crate) const WORD: &str = "--child";

const LIMIT: Duration = Duration::from_secs(600);

/// What a child does.
#[derive(Deserialize, Serialize)]
pub(crate) enum Errand {
    /// The product's own sync, into an empty database.
    Sync(Setup),
    /// The same, and then the bodies of all messages.
    Bodies(Setup),
    /// These lines on a bare socket.
    Drain(Setup, Vec<String>),
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    /// From before the connection to the end.
    pub(crate) seconds: f64,
    /// Without connection and login; the same as `seconds` for a sync.
    pub(crate) commands_seconds: f64,
    /// What all threads of the process computed until then.
    pub(crate) cpu_seconds: f64,
    /// The most memory that the process ever held (VmHWM).
    pub(crate) peak_bytes: u64,
    /// Messages now in the database.
    pub(crate) messages: u64,
    /// What was read and thrown away.
    pub(crate) bytes: u64,
}

impl Errand {
    /// Sends a child and waits for its report.
    pub(crate) async fn run(&self) -> Result<Report, Failure> {
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
        Ok(serde_json::from_slice(&done.stdout)?)
    }
}

/// The child's side: one errand from standard input, its report to standard output.
pub(crate) fn serve() -> Result<(), Failure> {
    let mut errand = Vec::new();
    std::io::stdin().read_to_end(&mut errand)?;
    let report = match serde_json::from_slice(&errand)? {
        Errand::Sync(setup) => on_runtime(synced(setup))?,
        Errand::Bodies(setup) => on_runtime(with_bodies(setup))?,
        Errand::Drain(setup, lines) => {
            let drained = drain(&setup, &lines)?;
            Report {
                seconds: drained.whole.as_secs_f64(),
                commands_seconds: drained.commands.as_secs_f64(),
                cpu_seconds: cpu()?,
                peak_bytes: peak()?,
                messages: 0,
                bytes: drained.bytes,
            }
        }
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// On the runtime that the app has: two workers with stacks of 8 MiB.
fn on_runtime(errand: impl Future<Output = Result<Report, Failure>> + Send + 'static) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(8 * 1024 * 1024)
        .enable_all()
        .build()?;
    // As the app does: what the main thread waits for runs on a worker, beside the sockets that it reads.
    runtime.block_on(runtime.spawn(errand))?
}

async fn synced(setup: Setup) -> Result<Report, Failure> {
    let folder = tempfile::tempdir()?;
    let (mail, store) = setup.mail(folder.path())?;
    let started = Instant::now();
    mail.sync().await?;
    let seconds = started.elapsed().as_secs_f64();
    let (cpu_seconds, peak_bytes) = (cpu()?, peak()?);
    let inbox = mail.mailboxes().await?.into_iter().next().ok_or("no inbox")?;
    if !inbox.complete {
        return Err("the sync did not reach its end".into());
    }
    mail.disconnect().await;
    store.close().await?;
    Ok(Report { seconds, commands_seconds: seconds, cpu_seconds, peak_bytes, messages: inbox.known, bytes: 0 })
}

async fn with_bodies(setup: Setup) -> Result<Report, Failure> {
    let folder = tempfile::tempdir()?;
    let (mail, store) = setup.mail(folder.path())?;
    mail.sync().await?;
    mail.set_prefetch_policy(Prefetch::Everything).await?;
    let (started, cpu_before) = (Instant::now(), cpu()?);
    let fetched = mail.prefetch(&|_, _| {}).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (cpu_seconds, peak_bytes) = (cpu()? - cpu_before, peak()?);
    mail.disconnect().await;
    store.close().await?;
    let (messages, bytes) = (fetched.messages, fetched.bytes);
    Ok(Report { seconds, commands_seconds: seconds, cpu_seconds, peak_bytes, messages, bytes })
}

/// The peak of the resident memory of this process, in bytes. Linux only.
fn peak() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
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

//! A server in memory that says what the fuzzer says, and the client's way to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cartable_core::mail::Credentials;
use cartable_core::mail::imap::{ImapError, ImapSession, Limits};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

pub(crate) const LIMITS: Limits = Limits { silence: Duration::from_secs(30) };
/// Longer than all waits of a session together: nothing waits without end. The clock runs only when everybody waits.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What was said.
#[derive(Default)]
pub(crate) struct Log {
    /// The commands, tag and rest.
    pub(crate) commands: Vec<(String, String)>,
    /// Everything that the server answered to them.
    pub(crate) answered: Vec<u8>,
}

impl Log {
    /// Whether the server has said OK to the last command.
    pub(crate) fn last_is_granted(&self) -> bool {
        let Some((tag, _)) = self.commands.last() else { return false };
        let granted = format!("{tag} OK");
        self.answered.windows(granted.len()).any(|some| some.eq_ignore_ascii_case(granted.as_bytes()))
    }
}

pub(crate) type Shared = Arc<Mutex<Log>>;

pub(crate) fn password() -> Credentials {
    Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() }
}

/// Runs `work` on a clock that does not make anybody wait, and to its end.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("a wait without end") })
}

/// A session at a server that can do this, and answers the commands behind the sign-in by `answer`; `None` hangs up.
pub(crate) async fn session(
    capabilities: &'static str,
    answer: impl FnMut(&str, &str) -> Option<Vec<u8>> + Send + 'static,
) -> (ImapSession, Shared) {
    let (ours, theirs) = duplex(1 << 16);
    let log = Shared::default();
    tokio::spawn(serve(theirs, capabilities, Arc::clone(&log), answer));
    (ImapSession::open(Box::new(ours), &password(), LIMITS).await.unwrap(), log)
}

async fn serve(
    stream: DuplexStream,
    capabilities: &'static str,
    log: Shared,
    mut answer: impl FnMut(&str, &str) -> Option<Vec<u8>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(format!("* OK [CAPABILITY {capabilities}] hi\r\n").as_bytes()).await.ok()?;
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
        let line = String::from_utf8(line).expect("the client says UTF-8");
        let (tag, command) = line.trim_end().split_once(' ').expect("a tag");
        if let Some((_, size)) = command.strip_suffix("+}").and_then(|command| command.rsplit_once('{')) {
            let mut literal = vec![0; size.parse::<usize>().unwrap() + 2];
            stream.read_exact(&mut literal).await.ok()?;
        }
        let told = match command {
            "CAPABILITY" => format!("* CAPABILITY {capabilities}\r\n{tag} OK\r\n").into_bytes(),
            _ if command.starts_with("AUTHENTICATE PLAIN") => format!("{tag} OK\r\n").into_bytes(),
            _ => {
                log.lock().unwrap().commands.push((tag.to_owned(), command.to_owned()));
                let told = answer(tag, command)?;
                log.lock().unwrap().answered.extend(&told);
                told
            }
        };
        stream.write_all(&told).await.ok()?;
    }
}

/// Whether the session must be over after this.
pub(crate) fn is_fatal(error: &ImapError) -> bool {
    use cartable_core::mail::imap::Limit;
    match error {
        ImapError::Closed | ImapError::TimedOut => true,
        ImapError::Limit(limit) => !matches!(limit, Limit::Count | Limit::Unreadable),
        _ => false,
    }
}

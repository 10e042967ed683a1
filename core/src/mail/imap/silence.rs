//! How long a server that says nothing is waited for.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::error::ImapError;
use super::watch::Watch;

/// How long a server may be silent once the phone has another network.
const OTHER_NETWORK: Duration = Duration::from_secs(5);

/// Waits for `future` as long as bytes keep coming. After a change of the phone's network they must come soon.
pub(super) async fn patiently<F: Future>(watch: &Watch, silence: Duration, future: F) -> Result<F::Output, ImapError> {
    let (mut future, mut networks) = (std::pin::pin!(future), watch.networks());
    let (mut before, mut limit) = (watch.received.load(Ordering::Relaxed), silence);
    loop {
        let changed = async {
            if networks.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            output = &mut future => return Ok(output),
            () = changed => limit = silence.min(OTHER_NETWORK),
            () = sleep(limit) => {
                let now = watch.received.load(Ordering::Relaxed);
                if now == before {
                    return Err(ImapError::TimedOut);
                }
                (before, limit) = (now, silence);
                continue;
            }
        }
        before = watch.received.load(Ordering::Relaxed);
    }
}

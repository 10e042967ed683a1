//! Work that goes on after the call that began it.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use cartable_core::companion::CompanionError as CoreError;
use cartable_core::words::Language;

use crate::cartable::now_ms;
use crate::error::CompanionError;
use crate::runtime::runtime;

/// Work that goes on. It goes on too when the handle is forgotten, until it ends or the companion is shut down.
#[derive(Debug, uniffi::Object)]
pub struct TaskHandle {
    cancel: CancellationToken,
    outcome: watch::Receiver<Option<Result<(), CoreError>>>,
    language: Language,
}

#[uniffi::export]
impl TaskHandle {
    /// Ends the work at its next wait. What it did stays done. Does not block; doing it twice, or after the end, changes
    /// nothing.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether the work has ended, in whatever way. Does not block.
    pub fn is_finished(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    /// Waits for the end: [`CompanionError::Cancelled`] when it was cancelled, the error of the work when it failed. Ceasing
    /// to wait does not cancel the work.
    pub async fn finished(&self) -> Result<(), CompanionError> {
        let mut outcome = self.outcome.clone();
        let ended = match outcome.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            // The task went without a word: it panicked.
            Err(_) => Err(CoreError::Bug { detail: "a task panicked".to_owned() }),
        };
        ended.map_err(|error| CompanionError::new(error, now_ms(), self.language))
    }
}

impl TaskHandle {
    /// Begins `work`, which may be dropped at any of its waits, and is when `cancel` is cancelled.
    pub(crate) fn start(
        cancel: CancellationToken,
        language: Language,
        work: impl Future<Output = Result<(), CoreError>> + Send + 'static,
    ) -> Result<Arc<Self>, CoreError> {
        let (ended, outcome) = watch::channel(None);
        let cancelled = cancel.clone();
        runtime()?.spawn(async move {
            let end = cancelled.run_until_cancelled(work).await.unwrap_or(Err(CoreError::Cancelled));
            // Nobody may be left to be told.
            let _ = ended.send(Some(end));
        });
        Ok(Arc::new(Self { cancel, outcome, language }))
    }
}

//! The one runtime, on which everything waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use cartable_core::companion::CompanionError as CoreError;

/// Two workers: a phone has few cores to spare, and nothing here computes for long.
const WORKERS: usize = 2;
/// A parser that recurses on what a mail's sender wrote needs more than a platform's thread has.
const STACK: usize = 8 * 1024 * 1024;

pub(crate) fn runtime() -> Result<&'static Runtime, CoreError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKERS).thread_name("cartable").thread_stack_size(STACK).enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| CoreError::Bug { detail: format!("no runtime: {error}") })
}

/// Runs `work` on the runtime, to its end, also when the caller no longer waits for it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T, CoreError>> + Send + 'static,
) -> Result<T, CoreError> {
    // Boxed, so that there is one kind of task for each result and not one for each call: a tenth of the library.
    let work: Pin<Box<dyn Future<Output = Result<T, CoreError>> + Send>> = Box::pin(work);
    let ended = runtime()?.spawn(work).await;
    ended.unwrap_or_else(|_| Err(CoreError::Bug { detail: "a task panicked".to_owned() }))
}

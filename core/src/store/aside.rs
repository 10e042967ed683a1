//! Reads that stop as soon as nobody waits for them.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use super::error::StoreError;
use super::workers::Workers;

/// One connection for long reads.
pub(super) struct Aside {
    workers: Workers,
    handle: Arc<InterruptHandle>,
}

/// How far a read is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Waiting,
    Running,
    /// Done, or not wanted any more.
    Over,
}

/// Stops its read when it is dropped before the end.
struct Stop {
    stage: Arc<Mutex<Stage>>,
    handle: Arc<InterruptHandle>,
}

impl Drop for Stop {
    fn drop(&mut self) {
        // Held while interrupting: another read, which is wanted, cannot have begun.
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if *stage == Stage::Running {
            self.handle.interrupt();
        }
        *stage = Stage::Over;
    }
}

/// Says that its read is over, however it ended.
struct Running(Arc<Mutex<Stage>>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Over;
    }
}

impl Aside {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let handle = Arc::new(connection.get_interrupt_handle());
        Ok(Self { workers: Workers::start("cartable-aside", vec![connection])?, handle })
    }

    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let stage = Arc::new(Mutex::new(Stage::Waiting));
        let _stop = Stop { stage: Arc::clone(&stage), handle: Arc::clone(&self.handle) };
        let job = move |connection: &mut Connection| {
            {
                let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
                if *stage == Stage::Over {
                    return Err(StoreError::Closed);
                }
                *stage = Stage::Running;
            }
            let _running = Running(stage);
            job(connection)
        };
        self.workers.run(job).await
    }

    pub(super) async fn stop(&self) {
        self.workers.stop().await;
    }
}

//! Threads that own connections and run jobs, so that no task of the runtime ever blocks on the disk.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::StoreError;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// One thread a connection, all taking jobs from one queue in order.
pub(super) struct Workers {
    queue: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    pub(super) fn start(name: &str, connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |connection| {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(name.to_owned()).spawn(move || work(connection, &receiver))
        };
        let threads = connections.into_iter().map(start).collect::<Result<Vec<_>, _>>();
        let threads = threads.map_err(|error| StoreError::from_io(&error))?;
        Ok(Self { queue: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, waiting) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller may have gone; the work stands all the same.
            let _ = answer.send(job(connection));
        });
        if !self.queue(job) {
            return Err(StoreError::Closed);
        }
        waiting.await.map_err(|_| StoreError::Closed)?
    }

    /// Has a job run without waiting for it. It does not run when the workers are stopped.
    pub(super) fn post(&self, job: impl FnOnce(&mut Connection) + Send + 'static) {
        self.queue(Box::new(job));
    }

    fn queue(&self, job: Job) -> bool {
        match self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(queue) => queue.send(job).is_ok(),
            None => false,
        }
    }

    /// Takes no more jobs, and returns when the last has run and the connections are closed.
    pub(super) async fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = joined.await;
    }
}

fn work(mut connection: Connection, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics costs itself, not the thread: its transaction rolls back as it is dropped.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut connection)));
    }
}

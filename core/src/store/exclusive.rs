//! What only one process may do at a time, for as long as it takes. The app and its notification extension share one database.

use std::fs::File;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::time::sleep;

use super::{Store, StoreError};

/// How often a lock that another process holds is asked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// Leave to do something alone. Dropped, it is given back; and with its process, however that ends: where a lease would last on,
/// nobody waits for the dead.
#[derive(Debug)]
#[must_use = "leave that is dropped is given back"]
pub struct Exclusive(#[expect(dead_code, reason = "the lock goes with the file")] File);

impl Store {
    /// Waits until nobody else, in this process or another, has leave for `name`, a file beside the database. Has no limit of its
    /// own.
    pub async fn exclusive(&self, name: &'static str) -> Result<Exclusive, StoreError> {
        let file = File::create(self.path.with_file_name(name)).map_err(|error| StoreError::from_io(&error))?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Exclusive(file)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => sleep(AGAIN).await,
                Err(other) => return Err(StoreError::from_io(&other.into())),
            }
        }
    }
}

//! What only one process may do at a time: two stores on one folder stand for two processes.

use std::time::Duration;

use tokio::time::timeout;

use super::super::Store;

#[tokio::test]
async fn who_has_leave_keeps_others_waiting_and_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
    let leave = one.exclusive("mail.lock").await.unwrap();
    let soon = Duration::from_millis(200);
    assert!(timeout(soon, other.exclusive("mail.lock")).await.is_err());
    // Another thing may be done meanwhile.
    let _ = other.exclusive("other.lock").await.unwrap();
    drop(leave);
    let _ = timeout(Duration::from_secs(20), other.exclusive("mail.lock")).await.unwrap().unwrap();
}

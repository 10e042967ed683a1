use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::super::{Lease, Store};
use crate::ports::Clock;

const LASTING: Duration = Duration::from_secs(10);

/// A clock of which both hands are set by hand.
#[derive(Default)]
struct Hands {
    now: AtomicI64,
    uptime: AtomicI64,
}

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn uptime_ms(&self) -> i64 {
        self.uptime.load(Ordering::SeqCst)
    }
}

/// The app and its extension, each with the database open.
struct Phone {
    app: Store,
    extension: Store,
    clock: Hands,
    _folder: tempfile::TempDir,
}

impl Phone {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path()).unwrap();
        let clock = Hands { uptime: AtomicI64::new(5_000), ..Hands::default() };
        Self { app: open(), extension: open(), clock, _folder: folder }
    }

    async fn try_to_take(&self, store: &Store) -> Option<Lease> {
        store.lease("test", &self.clock, LASTING, Duration::ZERO).await.unwrap()
    }
}

#[tokio::test]
async fn one_of_two_processes_has_a_lease_until_it_gives_it_back() {
    let phone = Phone::new();
    let held = phone.try_to_take(&phone.app).await.unwrap();
    assert!(phone.try_to_take(&phone.extension).await.is_none());
    assert!(phone.try_to_take(&phone.app).await.is_none(), "the same process is another holder too");
    let other = phone.extension.lease("another", &phone.clock, LASTING, Duration::ZERO).await.unwrap();
    assert!(other.is_some());
    let waiting = phone.extension.lease("test", &phone.clock, LASTING, Duration::from_secs(30));
    let (taken, ()) = tokio::join!(waiting, async { drop(held) });
    assert!(taken.unwrap().is_some());
}

#[tokio::test]
async fn a_holder_that_died_loses_its_lease_when_the_time_is_over_whatever_the_clock_on_the_wall_says() {
    let phone = Phone::new();
    // As if killed: nothing is given back.
    std::mem::forget(phone.try_to_take(&phone.app).await.unwrap());
    phone.clock.now.store(i64::MAX, Ordering::SeqCst);
    phone.clock.uptime.store(14_999, Ordering::SeqCst);
    assert!(phone.try_to_take(&phone.extension).await.is_none());
    phone.clock.now.store(i64::MIN, Ordering::SeqCst);
    phone.clock.uptime.store(15_000, Ordering::SeqCst);
    assert!(phone.try_to_take(&phone.extension).await.is_some());
}

#[tokio::test]
async fn a_phone_started_anew_has_no_leases() {
    let phone = Phone::new();
    std::mem::forget(phone.try_to_take(&phone.app).await.unwrap());
    phone.clock.uptime.store(4_999, Ordering::SeqCst);
    assert!(phone.try_to_take(&phone.extension).await.is_some());
}

#[tokio::test]
async fn who_comes_too_late_gives_nobody_elses_lease_back() {
    let phone = Phone::new();
    let slow = phone.try_to_take(&phone.app).await.unwrap();
    phone.clock.uptime.store(20_000, Ordering::SeqCst);
    let held = phone.try_to_take(&phone.extension).await.unwrap();
    drop(slow);
    // Behind the giving back, in the same queue.
    phone.app.checkpoint().await.unwrap();
    assert!(phone.try_to_take(&phone.app).await.is_none());
    drop(held);
}

#[tokio::test]
async fn a_lease_that_nobody_waits_for_any_more_is_given_back() {
    let phone = Phone::new();
    for _ in 0..20 {
        let mut asking = Box::pin(phone.try_to_take(&phone.app));
        // Asked, and dropped before the answer.
        let _ = futures_util::poll!(asking.as_mut());
        drop(asking);
        phone.app.checkpoint().await.unwrap();
        phone.app.checkpoint().await.unwrap();
        let free = phone.try_to_take(&phone.extension).await;
        assert!(free.is_some());
        drop(free);
        phone.extension.checkpoint().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_read_and_then_write_do_not_stand_in_each_others_way() {
    let phone = Phone::new();
    let add = |store: Store| async move {
        for _ in 0..50 {
            let added = store.write(|t, _| {
                let count: i64 = t.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?;
                t.execute("INSERT INTO account (academy, identifier) VALUES (?, 'x')", [count.to_string()])?;
                Ok(())
            });
            added.await.unwrap();
        }
    };
    let (app, extension) =
        tokio::join!(tokio::spawn(add(phone.app.clone())), tokio::spawn(add(phone.extension.clone())));
    app.unwrap();
    extension.unwrap();
    let count = phone.app.read(|c| Ok(c.query_row("SELECT count(*) FROM account", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(count.await.unwrap(), 100);
}

#[test]
fn processes_that_start_at_once_on_a_new_phone_all_open_the_database() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(4);
        let open = || {
            start.wait();
            Store::open(folder.path()).map(|_| ())
        };
        std::thread::scope(|scope| {
            let processes: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            for process in processes {
                assert_eq!(process.join().unwrap(), Ok(()));
            }
        });
    }
}

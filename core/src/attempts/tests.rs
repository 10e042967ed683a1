mod simulation;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{Hold, Ledger, LedgerError, Outcome, Presence, Room, WINDOW_MS};
use crate::academy::LockRule;
use crate::ports::{Clock, MemoryStore};
use crate::store::Store;

const MINUTE: i64 = 60_000;

/// A clock on the wall, and how far it is from the phone's uptime.
#[derive(Default)]
struct Hands {
    wall: AtomicI64,
    uptime: AtomicI64,
}

impl Hands {
    fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
        self.uptime.fetch_add(ms, Ordering::SeqCst);
    }

    fn jump(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }

    fn start_anew(&self) {
        self.uptime.store(0, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn uptime_ms(&self) -> i64 {
        self.uptime.load(Ordering::SeqCst)
    }
}

struct Bench {
    ledger: Ledger,
    clock: Arc<Hands>,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands::default());
    clock.pass(1_000_000_000);
    let store = Store::open(folder.path()).unwrap();
    Bench { ledger: Ledger::new(store, Arc::new(MemoryStore::default()), clock.clone()), clock, _folder: folder }
}

impl Bench {
    async fn try_it(&self, secret: &str, presence: Presence, outcome: Outcome) -> Result<(), LedgerError> {
        let reservation = self.ledger.reserve("ac-essai", "jdupont", &secret.into(), presence).await?;
        self.ledger.settle(reservation, outcome).await
    }
}

#[tokio::test]
async fn a_secret_known_to_be_wrong_is_never_sent_again() {
    let bench = bench();
    bench.try_it("wrong", Presence::Attended, Outcome::Refused).await.unwrap();
    bench.clock.pass(100 * WINDOW_MS);
    assert_eq!(bench.try_it("wrong", Presence::Attended, Outcome::Accepted).await, Err(LedgerError::KnownWrong));
    bench.try_it("right", Presence::Attended, Outcome::Accepted).await.unwrap();
}

#[tokio::test]
async fn unattended_work_spends_one_try_and_a_teacher_two() {
    let bench = bench();
    bench.try_it("a", Presence::Unattended, Outcome::Refused).await.unwrap();
    let wait = LedgerError::Wait { until_ms: 1_000_000_000 + WINDOW_MS, hold: Hold::Caution };
    assert_eq!(bench.try_it("b", Presence::Unattended, Outcome::Refused).await, Err(wait.clone()));
    bench.try_it("c", Presence::Attended, Outcome::Refused).await.unwrap();
    assert_eq!(bench.try_it("d", Presence::Attended, Outcome::Refused).await, Err(wait));
    bench.clock.pass(WINDOW_MS);
    bench.try_it("d", Presence::Unattended, Outcome::Refused).await.unwrap();
}

#[tokio::test]
async fn a_try_that_a_crash_left_open_counts_as_refused_but_not_as_wrong() {
    let bench = bench();
    let left = bench.ledger.reserve("ac-essai", "jdupont", &"x".into(), Presence::Unattended).await.unwrap();
    drop(left);
    assert!(matches!(bench.try_it("x", Presence::Unattended, Outcome::Accepted).await, Err(LedgerError::Wait { .. })));
    bench.clock.pass(WINDOW_MS);
    bench.try_it("x", Presence::Unattended, Outcome::Accepted).await.unwrap();
}

#[tokio::test]
async fn an_untold_try_never_counts_and_after_a_success_background_work_has_its_try_again() {
    let bench = bench();
    for _ in 0..5 {
        bench.try_it("x", Presence::Unattended, Outcome::Untold).await.unwrap();
    }
    bench.try_it("a", Presence::Attended, Outcome::Refused).await.unwrap();
    bench.try_it("x", Presence::Attended, Outcome::Accepted).await.unwrap();
    bench.try_it("b", Presence::Unattended, Outcome::Refused).await.unwrap();
}

#[tokio::test]
async fn two_wrong_tries_are_all_that_a_portal_sees_in_the_window_whatever_succeeds_between() {
    let bench = bench();
    bench.try_it("a", Presence::Attended, Outcome::Refused).await.unwrap();
    bench.try_it("x", Presence::Attended, Outcome::Accepted).await.unwrap();
    assert_eq!(bench.ledger.room("ac-essai", "jdupont").await, Ok(Room::Tries(1)));
    bench.try_it("b", Presence::Attended, Outcome::Refused).await.unwrap();
    let wait = bench.try_it("x", Presence::Attended, Outcome::Accepted).await;
    assert!(matches!(wait, Err(LedgerError::Wait { hold: Hold::Caution, .. })), "{wait:?}");
    bench.clock.pass(WINDOW_MS);
    bench.try_it("x", Presence::Unattended, Outcome::Accepted).await.unwrap();
}

#[tokio::test]
async fn a_wrong_code_counts_as_a_wrong_password_and_a_right_password_before_it_clears_nothing() {
    let bench = bench();
    for _ in 0..2 {
        bench.try_it("x", Presence::Attended, Outcome::Right).await.unwrap();
        let code = bench.ledger.reserve_code("ac-essai", "jdupont").await.unwrap();
        bench.ledger.settle(code, Outcome::Refused).await.unwrap();
    }
    assert!(matches!(bench.ledger.room("ac-essai", "jdupont").await, Ok(Room::Wait { hold: Hold::Caution, .. })));
    assert!(matches!(bench.ledger.reserve_code("ac-essai", "jdupont").await, Err(LedgerError::Wait { .. })));
    assert!(matches!(bench.try_it("x", Presence::Attended, Outcome::Right).await, Err(LedgerError::Wait { .. })));
    bench.clock.pass(WINDOW_MS);
    bench.try_it("x", Presence::Attended, Outcome::Right).await.unwrap();
}

#[tokio::test]
async fn of_two_protocols_that_ask_at_once_the_last_word_on_a_secret_holds() {
    let bench = bench();
    let reserve = async || bench.ledger.reserve("ac-essai", "jdupont", &"x".into(), Presence::Attended).await.unwrap();
    let (imap, portal) = (reserve().await, reserve().await);
    bench.ledger.settle(imap, Outcome::Refused).await.unwrap();
    bench.ledger.settle(portal, Outcome::Right).await.unwrap();
    assert_eq!(bench.ledger.room("ac-essai", "jdupont").await, Ok(Room::Tries(1)));
    bench.try_it("x", Presence::Attended, Outcome::Accepted).await.unwrap();
}

#[tokio::test]
async fn where_the_second_wrong_try_locks_only_one_is_spent_and_never_more_than_two() {
    for (tries, allowed) in [(1, 1), (2, 1), (3, 2), (10, 2)] {
        let mut bench = bench();
        bench.ledger = bench.ledger.under(LockRule { tries, minutes: None });
        for spent in 0..allowed {
            bench.try_it(&format!("wrong {spent}"), Presence::Attended, Outcome::Refused).await.unwrap();
        }
        let wait = bench.try_it("another", Presence::Attended, Outcome::Refused).await;
        assert!(matches!(wait, Err(LedgerError::Wait { .. })), "after {tries}: {wait:?}");
    }
}

#[tokio::test]
async fn while_a_server_has_locked_the_account_nothing_is_tried_by_anybody() {
    let bench = bench();
    let until_ms = bench.ledger.lock("ac-essai", "JDupont", 8_000).await.unwrap();
    assert_eq!(until_ms, bench.clock.now_ms() + 8_000);
    let locked = Err(LedgerError::Wait { until_ms, hold: Hold::Locked });
    for presence in [Presence::Attended, Presence::Unattended] {
        assert_eq!(bench.try_it("x", presence, Outcome::Accepted).await, locked);
    }
    bench.clock.jump(-1_000_000);
    assert!(bench.try_it("x", Presence::Attended, Outcome::Accepted).await.is_err());
    bench.clock.pass(8_000);
    bench.try_it("x", Presence::Attended, Outcome::Accepted).await.unwrap();
    // Whatever a server says.
    bench.ledger.lock("ac-essai", "jdupont", i64::MAX).await.unwrap();
    bench.clock.pass(super::LONGEST_LOCK_MS);
    bench.try_it("x", Presence::Attended, Outcome::Accepted).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_gives_no_further_try_and_takes_none() {
    let bench = bench();
    bench.try_it("a", Presence::Unattended, Outcome::Refused).await.unwrap();
    for jump in [-100 * WINDOW_MS, 300 * WINDOW_MS] {
        bench.clock.jump(jump);
        let now = bench.clock.now_ms();
        let wait = bench.try_it("b", Presence::Unattended, Outcome::Refused).await;
        assert_eq!(wait, Err(LedgerError::Wait { until_ms: now + WINDOW_MS, hold: Hold::Caution }));
    }
    bench.clock.jump(-1000 * WINDOW_MS);
    bench.clock.pass(WINDOW_MS);
    bench.try_it("b", Presence::Unattended, Outcome::Refused).await.unwrap();
}

#[tokio::test]
async fn a_phone_started_anew_waits_from_its_start_unless_the_try_had_lapsed_before() {
    let bench = bench();
    bench.try_it("a", Presence::Unattended, Outcome::Refused).await.unwrap();
    bench.clock.start_anew();
    bench.clock.pass(WINDOW_MS - 1);
    assert!(matches!(bench.try_it("b", Presence::Unattended, Outcome::Untold).await, Err(LedgerError::Wait { .. })));
    bench.clock.pass(1);
    bench.try_it("b", Presence::Unattended, Outcome::Untold).await.unwrap();
    bench.clock.start_anew();
    bench.try_it("b", Presence::Unattended, Outcome::Untold).await.unwrap();
}

#[tokio::test]
async fn case_of_the_identifier_does_not_open_a_second_account_and_others_are_apart() {
    let bench = bench();
    bench.try_it("a", Presence::Unattended, Outcome::Refused).await.unwrap();
    let loud = bench.ledger.reserve("ac-essai", "JDUPONT", &"a".into(), Presence::Attended).await;
    assert!(matches!(loud, Err(LedgerError::KnownWrong)));
    let other = bench.ledger.reserve("ac-essai", "pmartin", &"a".into(), Presence::Unattended).await;
    let _ = other.unwrap();
}

#[tokio::test]
async fn no_secret_reaches_the_database() {
    let bench = bench();
    bench.try_it("pl4nted-s3cret", Presence::Attended, Outcome::Refused).await.unwrap();
    bench.ledger.store.checkpoint().await.unwrap();
    let bytes = std::fs::read(bench.ledger.store.path()).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"pl4nted-s3cret"));
}

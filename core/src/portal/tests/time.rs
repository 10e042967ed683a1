use super::super::time::{begun, ended, explains, window};
use crate::store::Store;

const MINUTE: i64 = 60_000;
const NOON: i64 = 1_764_000_000_000;

async fn under_way(store: &Store, academy: &str, now_ms: i64) -> Option<i64> {
    window(store, academy, now_ms).await.unwrap().map(|under_way| under_way.begun_ms)
}

async fn explained(store: &Store, academy: &'static str, minutes: i64) -> bool {
    store.read(move |c| explains(c, academy, NOON + minutes * MINUTE)).await.unwrap()
}

#[tokio::test]
async fn a_sign_in_explains_codes_from_two_minutes_before_it_to_two_minutes_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(!explained(&store, "essai", 0).await);
    begun(&store, "essai", NOON).await.unwrap();
    assert_eq!(under_way(&store, "essai", NOON + MINUTE).await, Some(NOON));
    assert_eq!(under_way(&store, "autre", NOON + MINUTE).await, None);
    ended(&store, "essai", NOON + 5 * MINUTE).await.unwrap();
    ended(&store, "essai", NOON + 20 * MINUTE).await.unwrap();
    assert_eq!(under_way(&store, "essai", NOON + 6 * MINUTE).await, None);
    let found = [-3, -2, 0, 5, 7, 8].map(|minutes| (minutes, minutes != -3 && minutes != 8));
    for (minutes, expected) in found {
        assert_eq!(explained(&store, "essai", minutes).await, expected, "{minutes}");
    }
    assert!(!explained(&store, "autre", 0).await);
}

#[tokio::test]
async fn a_sign_in_that_nobody_ends_ends_by_itself_and_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    begun(&store, "essai", NOON).await.unwrap();
    store.close().await.unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(under_way(&store, "essai", NOON + 29 * MINUTE).await, Some(NOON));
    assert_eq!(under_way(&store, "essai", NOON + 30 * MINUTE).await, None);
    assert!(explained(&store, "essai", 32).await && !explained(&store, "essai", 33).await);
    begun(&store, "essai", NOON + 600 * MINUTE).await.unwrap();
    assert!(explained(&store, "essai", 32).await && !explained(&store, "essai", 33).await);
    assert_eq!(under_way(&store, "essai", NOON + 600 * MINUTE).await, Some(NOON + 600 * MINUTE));
    // A clock that was put back ends no sign-in before it began.
    ended(&store, "essai", NOON).await.unwrap();
    assert!(explained(&store, "essai", 600).await && !explained(&store, "essai", 590).await);
}

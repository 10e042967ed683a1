//! The app is killed at any moment, again and again: nothing is lost, nothing is doubled. `cargo run --release -p bench -- kills`
//! is the same at length.

use std::sync::Arc;

use academy::Academy;
use journeys::kills::{Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_killed_at_any_moment_loses_nothing_and_doubles_nothing() {
    let academy = Arc::new(Academy::start().await.unwrap());
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |value| value.parse().unwrap());
    let plan =
        Plan { seed: number("SEED", 7), kills: number("KILLS", 60), phones: 1, between_checks: 30, renames: true };
    let tally = run(&academy, &[env!("CARGO_BIN_EXE_errand").into()], plan, |_| {}).await.unwrap();
    assert_eq!((tally.kills, tally.checks), (plan.kills, plan.kills.div_ceil(plan.between_checks)));
    for deed in ["read", "bin", "answer"] {
        assert!(tally.deeds.contains_key(deed), "the app came to nothing: {tally:?}");
    }
    Arc::into_inner(academy).unwrap().stop().await.unwrap();
}

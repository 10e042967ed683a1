//! Every decision of the worker, by what happened and when.

use std::time::Duration;

use proptest::prelude::*;

use super::super::policy::{Event as E, Held, Plan, Step, Telling};
use super::super::trouble::Trouble;
use crate::mail::Link;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn until(seconds: u64) -> Step {
    Step::Listen(s(seconds))
}

fn rest(seconds: u64) -> Step {
    Step::Rest(Some(s(seconds)))
}

const WHOLE: E = E::Synced { whole: true, held: false, found: false };
const NOTHING: E = E::Synced { whole: false, held: false, found: false };
const SOME: E = E::Synced { whole: false, held: false, found: true };
const HELD: E = E::Synced { whole: false, held: true, found: true };
const DOWN: E = E::Failed(Trouble::Passing);
const BIN: E = E::Acted { destructive: true };
const FLAG: E = E::Acted { destructive: false };
const IDLE: E = E::Telling(Telling::OneMailbox);
const POLL: E = E::Telling(Telling::Nothing);

/// What it shows, what happened at which second, and what is done at which.
type Case = (&'static str, Vec<(u64, E)>, u64, Step);

/// What is done at a second after events at others, with every chance at its greatest.
fn after(events: &[(u64, E)], second: u64) -> Step {
    let mut plan = Plan::new(Link::Unmetered);
    for (at, event) in events {
        plan.happened(event, s(*at), 1.0);
    }
    plan.next(s(second))
}

#[test]
fn what_comes_next_follows_from_what_happened_and_when() {
    let locked = Trouble::Locked(s(900));
    let table: Vec<Case> = vec![
        ("at first all is looked at", vec![], 0, Step::SyncAll),
        ("then the server tells", vec![(1, WHOLE)], 1, until(15121)),
        ("and is asked all the same now and then", vec![(1, WHOLE)], 15121, Step::SyncAll),
        ("oftener where it tells of one mailbox", vec![(1, WHOLE), (1, IDLE)], 1, until(601)),
        ("and where it tells nothing", vec![(1, WHOLE), (1, POLL)], 1, rest(301)),
        ("news are synced", vec![(1, WHOLE), (60, E::News)], 60, Step::SyncNews),
        ("but not without end", vec![(1, WHOLE), (1, E::News)], 1, rest(2)),
        ("and more than one can name as all", vec![(1, WHOLE), (60, E::MoreNews)], 60, Step::SyncAll),
        ("synced, they are none", vec![(1, WHOLE), (60, E::News), (61, SOME)], 61, until(15121)),
        // Letters and actions.
        ("a letter goes at once", vec![(1, WHOLE), (9, E::Letters)], 9, Step::Send),
        ("also before the first look", vec![(0, E::Letters)], 0, Step::Send),
        ("sent, it waits no more", vec![(1, WHOLE), (9, E::Letters), (9, E::Sent)], 9, until(15121)),
        ("a flag goes at once", vec![(1, WHOLE), (9, FLAG)], 9, Step::SyncNews),
        ("with all that hangs on it where nobody tells", vec![(1, WHOLE), (1, POLL), (9, FLAG)], 9, Step::SyncAll),
        ("a deletion waits for the second thought", vec![(1, WHOLE), (9, BIN)], 13, rest(14)),
        ("and no longer", vec![(1, WHOLE), (9, BIN)], 14, Step::SyncNews),
        ("taken back, it is nothing", vec![(1, WHOLE), (9, BIN), (12, E::NothingToDo)], 14, until(15121)),
        ("a flag does not hurry it", vec![(1, WHOLE), (9, BIN), (10, FLAG)], 12, rest(14)),
        ("news do not wait for it", vec![(1, WHOLE), (9, BIN), (10, E::News)], 12, Step::SyncNews),
        ("nor does the hour", vec![(1, WHOLE), (15119, BIN)], 15122, Step::SyncAll),
        ("and it goes on waiting behind them", vec![(1, WHOLE), (9, BIN), (10, E::News), (11, HELD)], 13, rest(14)),
        ("to its own end", vec![(1, WHOLE), (9, BIN), (10, E::News), (15, HELD)], 15, Step::SyncNews),
        ("a letter does not wait for it", vec![(1, WHOLE), (9, BIN), (10, E::Letters)], 10, Step::Send),
        ("the next deletion begins the wait anew", vec![(1, WHOLE), (9, BIN), (12, BIN)], 15, rest(17)),
        (
            "but a row of them comes to an end",
            vec![(1, WHOLE), (9, BIN), (13, BIN), (17, BIN), (21, BIN), (25, BIN), (29, BIN), (33, BIN), (37, BIN)],
            39,
            Step::SyncNews,
        ),
        ("who asks gets it at once", vec![(1, WHOLE), (9, BIN), (10, E::Asked(Ok(())))], 10, until(15130)),
        // Failures.
        ("after a failure a pause", vec![(5, DOWN)], 5, rest(6)),
        ("and all again", vec![(5, DOWN)], 6, Step::SyncAll),
        ("twice as long each time", vec![(5, DOWN), (6, DOWN), (8, DOWN)], 8, rest(12)),
        ("a success ends that", vec![(5, DOWN), (6, DOWN), (8, WHOLE), (9, DOWN)], 9, rest(10)),
        ("letters wait with it", vec![(5, DOWN), (5, E::Letters)], 5, rest(6)),
        ("no password, no try", vec![(5, E::Failed(Trouble::Teacher))], 9999, Step::Rest(None)),
        ("not by another network", vec![(5, E::Failed(Trouble::Teacher)), (6, E::OtherNetwork)], 6, Step::Rest(None)),
        (
            "but when the teacher's own sync works",
            vec![(5, E::Failed(Trouble::Teacher)), (6, E::Asked(Ok(())))],
            6,
            until(15126),
        ),
        ("or has signed in anew", vec![(5, E::Failed(Trouble::Teacher)), (6, E::SignedIn)], 6, Step::SyncAll),
        ("locked is locked", vec![(5, E::Failed(locked))], 6, rest(905)),
        ("for exactly as long", vec![(5, E::Failed(locked))], 905, Step::SyncAll),
        ("whatever the network", vec![(5, E::Failed(locked)), (6, E::OtherNetwork)], 7, rest(905)),
        (
            "the teacher's failure counts anew",
            vec![(5, DOWN), (6, DOWN), (8, E::Asked(Err(Trouble::Passing)))],
            8,
            rest(9),
        ),
        (
            "a letter's trouble is its own",
            vec![(1, WHOLE), (9, E::Letters), (9, E::NotSent(Trouble::Passing))],
            9,
            rest(10),
        ),
        ("it is tried again", vec![(1, WHOLE), (9, E::Letters), (9, E::NotSent(Trouble::Passing))], 10, Step::Send),
        ("refused, it is not", vec![(1, WHOLE), (9, E::Letters), (9, E::NotSent(Trouble::Teacher))], 99, until(15121)),
        // The connection.
        (
            "forgotten by the path, it is replaced",
            vec![(1, WHOLE), (900, E::Lost { forgotten: true })],
            900,
            Step::SyncAll,
        ),
        ("hung up, with some patience", vec![(1, WHOLE), (900, E::Lost { forgotten: false })], 900, rest(905)),
        (
            "hung up each time, with more and more",
            vec![
                (1, WHOLE),
                (2, E::Lost { forgotten: true }),
                (4, WHOLE),
                (5, E::Lost { forgotten: true }),
                (9, WHOLE),
                (10, E::Lost { forgotten: true }),
            ],
            10,
            until(18),
        ),
        // The way.
        ("without a network nothing", vec![(1, WHOLE), (5, E::Link(Link::Offline)), (6, FLAG)], 9999, Step::Rest(None)),
        (
            "with one again all",
            vec![(1, WHOLE), (5, E::Link(Link::Offline)), (7, E::Link(Link::Metered))],
            7,
            Step::SyncAll,
        ),
        ("sparing data nobody listens", vec![(1, WHOLE), (5, E::Link(Link::LowData))], 5, rest(3605)),
        ("but letters go", vec![(1, WHOLE), (5, E::Link(Link::LowData)), (6, E::Letters)], 6, Step::Send),
        (
            "a better way is tried at once",
            vec![(1, E::Link(Link::Metered)), (5, DOWN), (6, DOWN), (7, E::Link(Link::Unmetered))],
            7,
            Step::SyncAll,
        ),
        ("a worse one is not", vec![(5, DOWN), (6, DOWN), (7, E::Link(Link::Metered))], 7, rest(8)),
        ("another one is", vec![(5, DOWN), (6, DOWN), (6, DOWN), (7, E::OtherNetwork)], 7, Step::SyncAll),
        ("another one disturbs nobody that listens", vec![(1, WHOLE), (7, E::OtherNetwork)], 7, until(15121)),
    ];
    for (what, events, second, step) in table {
        assert_eq!(after(&events, second), step, "{what}");
    }
}

#[test]
fn a_pause_is_chance_s_within_bounds_that_double_to_some_minutes() {
    let pause = |failures: u32, chance: f64| {
        let mut plan = Plan::new(Link::Unmetered);
        for _ in 0..=failures {
            plan.happened(&DOWN, s(0), chance);
        }
        match plan.held() {
            Some(Held::Until(until)) => until,
            other => panic!("{other:?}"),
        }
    };
    for (failures, most) in [(0, 1), (1, 2), (2, 4), (7, 128), (8, 256), (9, 300), (40, 300), (4_000, 300)] {
        assert_eq!(pause(failures, 1.0), s(most));
        assert_eq!(pause(failures, 0.5), s(most) / 2);
        assert_eq!(pause(failures, 0.0), Duration::from_millis(200));
    }
}

#[test]
fn a_server_that_cries_wolf_is_heard_less_and_less_and_believed_when_it_is_right() {
    let mut plan = Plan::new(Link::Unmetered);
    let (mut now, mut looks) = (s(1), 0);
    plan.happened(&WHOLE, now, 1.0);
    // After each look it has news again at once, for half an hour.
    while now < s(2_000) {
        plan.happened(&E::News, now, 1.0);
        match plan.next(now) {
            Step::Listen(until) | Step::Rest(Some(until)) => now = until,
            Step::SyncNews => {
                looks += 1;
                plan.happened(&NOTHING, now, 1.0);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(looks < 20, "{looks}");
    plan.happened(&E::News, now, 1.0);
    plan.happened(&SOME, now + s(400), 1.0);
    plan.happened(&E::News, now + s(410), 1.0);
    assert_eq!(plan.next(now + s(410)), Step::SyncNews);
}

fn event() -> impl Strategy<Value = E> {
    let trouble = || prop_oneof![Just(Trouble::Passing), Just(Trouble::Locked(s(700))), Just(Trouble::Teacher)];
    let link = prop_oneof![Just(Link::Offline), Just(Link::LowData), Just(Link::Metered), Just(Link::Unmetered)];
    prop_oneof![
        any::<[bool; 3]>().prop_map(|[whole, held, found]| E::Synced { whole, held, found }),
        trouble().prop_map(E::Failed),
        trouble().prop_map(E::NotSent),
        any::<bool>().prop_map(|forgotten| E::Lost { forgotten }),
        any::<bool>().prop_map(|destructive| E::Acted { destructive }),
        link.prop_map(E::Link),
        prop_oneof![Just(IDLE), Just(POLL), Just(E::News), Just(E::MoreNews), Just(E::Letters), Just(E::Sent)],
        prop_oneof![Just(E::NothingToDo), Just(E::OtherNetwork), Just(E::SignedIn), Just(E::Asked(Ok(())))],
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_wait_has_an_end_and_is_not_over_before_it_began(
        events in proptest::collection::vec((0..100_000u64, event()), 0..40),
        chance in 0.0..=1.0f64,
    ) {
        let mut plan = Plan::new(Link::Unmetered);
        let mut now = Duration::ZERO;
        for (later, event) in events {
            now += Duration::from_millis(later);
            plan.happened(&event, now, chance);
            match plan.next(now) {
                Step::Rest(None) => prop_assert!(plan.link() == Link::Offline || plan.held() == Some(Held::Teacher)),
                // The worker would turn in a circle.
                Step::Listen(until) | Step::Rest(Some(until)) => {
                    prop_assert!(until > now && until <= now + s(15120), "{until:?} at {now:?}");
                }
                Step::Send | Step::SyncAll | Step::SyncNews => prop_assert!(plan.link() != Link::Offline),
            }
        }
    }
}

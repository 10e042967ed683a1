//! `cargo test -p journeys ledger` runs these by name.

mod ledger;

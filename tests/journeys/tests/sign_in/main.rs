//! `cargo test -p journeys sign_in` runs these by name.

mod sign_in;

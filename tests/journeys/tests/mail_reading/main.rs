//! `cargo test -p journeys mail_reading` runs these by name.

mod mail_reading {
    mod leaks;
    mod lists;
    mod search;
    mod vectors;
}

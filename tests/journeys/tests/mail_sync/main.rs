//! `cargo test -p journeys mail_sync` runs these by name.

mod mail_sync {
    mod mailboxes;
    mod queue;
}

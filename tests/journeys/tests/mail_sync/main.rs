//! `cargo test -p journeys mail_sync` runs these by name.

mod mail_sync {
    mod accounts;
    mod bodies;
    mod mailboxes;
    mod queue;
    mod rebuilt;
    mod shared;
    mod watch;
    mod wire;
}

//! Everything Cartable does, without a screen.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]

pub mod academy;
pub mod attempts;
pub mod companion;
pub mod mail;
pub mod portal;
pub mod ports;
pub mod store;
pub mod words;

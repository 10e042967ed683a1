//! Hostile servers, invented by chance: fuzz targets for what the core reads from the wire, and hostile
//! senders, for what it shows. See `README.md` beside this crate.
#![cfg(test)]

mod bodystructure;
mod codes;
mod deflate;
mod html;
mod memory;
mod mime;
mod names;
mod query;
mod server;
mod session;
mod sign_in;
mod tape;

//! Hostile servers, invented by chance: fuzz targets for what the core reads from the wire. See `README.md` beside this crate.
#![cfg(test)]

mod bodystructure;
mod codes;
mod deflate;
mod memory;
mod mime;
mod names;
mod server;
mod session;
mod sign_in;
mod tape;

//! The real servers of a small academy, and what can go wrong on the way to them.

pub mod desk;
pub mod filler;
pub mod wire;

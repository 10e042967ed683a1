//! Cartable.

//! cartable-ffi

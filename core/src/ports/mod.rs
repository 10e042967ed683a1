//! What the phone lends to the core: a place for secrets, a clock, and a network.
//!
//! Everything here is replaced in tests and by the shells; nothing here knows of mail or portals.

mod clock;
mod connect;
mod network;
mod secrets;

pub use clock::{Clock, SystemClock};
pub use connect::{ConnectError, TlsConnection};
pub use network::{Network, NetworkBuilder, Resolver, SystemResolver};
pub use secrets::{KeyringStore, MemoryStore, SecretKey, SecretStore, SecretStoreError};

#[cfg(test)]
mod tests;

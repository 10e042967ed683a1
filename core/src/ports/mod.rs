//! What the phone lends to the core: a place for secrets, a clock, and a network.
//!
//! Everything here is replaced in tests and by the shells; nothing here knows of mail or portals.

mod clock;
mod connect;
#[cfg(feature = "desktop-dns")]
mod dns;
mod network;
mod secrets;

pub use clock::{Clock, SystemClock};
pub(crate) use connect::Preamble;
pub use connect::{ConnectError, TlsConnection};
#[cfg(feature = "desktop-dns")]
pub use dns::NameServers;
pub use network::{Network, NetworkBuilder, Resolver, ServiceRecord, SystemResolver};
pub(crate) use secrets::Drawer;
pub use secrets::{KeyringStore, MemoryStore, SecretKey, SecretStore, SecretStoreError};

#[cfg(test)]
mod tests;

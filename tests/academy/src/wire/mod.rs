//! `Wire`: a piece of bad network between a client and one of the servers.
//!
//! A [`Wire`] listens on another loopback address than its target, **with the same port**. A client whose resolver maps the
//! host to [`Wire::address`] passes through it with its URL, host name and `Host` header unchanged. It carries bytes until
//! [`Wire::set`] gives it [`Faults`]; what they say of delay, rate, cuts and holes holds for running connections at once,
//! the rest for the next ones.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::time::Duration;
//! use academy::wire::{Close, Direction, Faults, Wire};
//!
//! let wire = Wire::to("127.0.0.1:21993".parse().unwrap()).await?;
//! wire.set(Faults::none().delay_both(Duration::from_millis(40))).await?;
//! // … the client connects to wire.address(), same port …
//! wire.set(Faults::none().cut(Direction::ToClient, 1_000, Close::Reset)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every wait has a limit: 10 s to reach the target or to finish a handshake, one hour for a whole connection. Dropping the
//! handle closes the port and all connections; no task outlives it.

mod faults;
mod identity;
mod lines;
mod listener;
mod pump;
mod relay;
mod tap;
#[cfg(test)]
mod tests;

pub use faults::{Close, Direction, Faults, Refusal};
pub use identity::Identity;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::tap::Counters;

/// A running proxy to one server, closed by its drop.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    target: SocketAddr,
    line: Arc<Line>,
    listening: JoinHandle<()>,
}

impl Wire {
    /// Starts a faultless proxy to `target` on the first free address of 127.0.0.2 … 127.0.0.254, with the target's port.
    ///
    /// The target need not run yet. Does not block.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a target outside loopback, [`io::ErrorKind::AddrInUse`] if no address is free, and
    /// what the system says otherwise (macOS has no 127.0.0.2 until it is added to `lo0`).
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        if !target.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a wire goes to loopback only"));
        }
        let listener = free_neighbour(target).await?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line::default());
        let listening = tokio::spawn(listener::run(Arc::clone(&line), listener, address, target));
        Ok(Self { address, target, line, listening })
    }

    /// The loopback address to map the server's host name to; the port is the target's.
    pub fn address(&self) -> IpAddr {
        self.address.ip()
    }

    /// Address and port together.
    pub fn socket_address(&self) -> SocketAddr {
        self.address
    }

    /// The server behind.
    pub fn target(&self) -> SocketAddr {
        self.target
    }

    /// Puts `faults` in the place of those before and returns when they hold for the next connection (at most 5 s).
    ///
    /// Delay, rate, cut, and hole change running connections too; certificates and rewriting only new ones.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if the port that a refusal had closed could not be opened again.
    pub async fn set(&self, faults: Faults) -> io::Result<()> {
        let mut wanted = 0;
        self.line.setting.send_modify(|setting| {
            setting.number += 1;
            wanted = setting.number;
            setting.faults = faults;
        });
        let mut settled = self.line.settled.subscribe();
        match tokio::time::timeout(Duration::from_secs(5), settled.wait_for(|number| *number >= wanted)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the wire's port could not be opened again"))
            }
        }
    }

    /// Resets all running connections at once, as a lost link would; new ones are accepted as before.
    pub fn cut_now(&self) {
        self.line.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections were accepted so far, those answered by a fault included.
    pub fn connections(&self) -> u64 {
        self.line.counters.opened.load(Relaxed)
    }

    /// How many connections are open now.
    pub fn running(&self) -> u64 {
        self.line.counters.running.load(Relaxed)
    }

    /// Bytes that crossed the client's leg so far in that direction, over all connections: what the client sent or got on its
    /// socket (TLS records where it speaks TLS), without TCP and IP headers.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.line.counters.bytes[direction.index()].load(Relaxed)
    }

    /// How often a client had to wait for an answer, summed over all connections.
    ///
    /// Counted on raw bytes of the client's leg, per connection: each burst of client bytes that comes first or after server
    /// bytes is one round trip, however many reads it takes. The TCP handshake is not counted; a TLS 1.3 handshake is one (the
    /// hello), and the client's Finished is the second together with the first command if both leave in one burst. Server
    /// bytes nobody asked for (a greeting, session tickets) between two bursts of one pipeline split it: take the difference
    /// of two readings around the exchange to be measured.
    pub fn round_trips(&self) -> u64 {
        self.line.counters.round_trips.load(Relaxed)
    }

    /// The plaintext that passed in that direction while [`Faults::record`] was set, over all connections in order of arrival:
    /// the first MiB, before any rewriting. Empty for TLS that was not intercepted by [`Faults::intercept`].
    pub fn recorded(&self, direction: Direction) -> Vec<u8> {
        self.line.counters.recorded(direction)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The listening task owns the connections in a JoinSet, so they go with it.
        self.listening.abort();
    }
}

/// What the handle, the listener and the connections share.
#[derive(Debug)]
struct Line {
    setting: watch::Sender<Setting>,
    /// Number of the last setting that holds for new connections.
    settled: watch::Sender<u64>,
    cuts: watch::Sender<u64>,
    counters: Counters,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            setting: watch::Sender::default(),
            settled: watch::Sender::new(0),
            cuts: watch::Sender::new(0),
            counters: Counters::default(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Setting {
    number: u64,
    faults: Faults,
}

async fn free_neighbour(target: SocketAddr) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for host in 2..=254 {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), target.port());
        if address == target {
            continue;
        }
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

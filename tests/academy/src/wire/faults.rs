//! What can be wrong with a wire.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::identity::Identity;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    pub(super) fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// How a connection is ended on the client's side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Close {
    /// TCP FIN without a TLS `close_notify`: the truncation a client must not take for a normal end.
    Fin,
    /// TCP RST: "connection reset by peer". It can overtake bytes the client has not read yet.
    Reset,
}

/// How a connection is turned away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The port is closed: "connection refused".
    Port,
    /// The connection is accepted and reset before a byte is read.
    Reset,
}

/// A set of faults; they compose. Start from [`Faults::none`] and add.
///
/// Byte counts of [`Faults::cut`] and [`Faults::hole`] are per connection and count what is forwarded: raw TCP bytes, or
/// plaintext where TLS is intercepted.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub(super) delay: [Duration; 2],
    pub(super) rate: [Option<u64>; 2],
    pub(super) cut: [Option<(u64, Close)>; 2],
    pub(super) hole: [Option<u64>; 2],
    pub(super) refusal: Option<Refusal>,
    pub(super) tls: Tls,
    pub(super) plaintext: Plaintext,
}

impl Faults {
    /// A faithful wire.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every byte in `direction` arrives that much later. Bytes overtake nothing and up to 1 MiB is in flight.
    #[must_use]
    pub fn delay(mut self, direction: Direction, delay: Duration) -> Self {
        self.delay[direction.index()] = delay;
        self
    }

    /// [`Faults::delay`] both ways: a round trip takes twice `one_way`.
    #[must_use]
    pub fn delay_both(self, one_way: Duration) -> Self {
        self.delay(Direction::ToServer, one_way).delay(Direction::ToClient, one_way)
    }

    /// At most so many bytes a second in `direction` on each connection, in pieces of a twentieth of a second. Zero counts as 1.
    #[must_use]
    pub fn throttle(mut self, direction: Direction, bytes_per_second: u64) -> Self {
        self.rate[direction.index()] = Some(bytes_per_second.max(1));
        self
    }

    /// Ends each connection when exactly `after` bytes went in `direction`; a running one that is past it ends at once.
    #[must_use]
    pub fn cut(mut self, direction: Direction, after: u64, close: Close) -> Self {
        self.cut[direction.index()] = Some((after, close));
        self
    }

    /// Accepts, then never forwards, answers or closes. A running connection falls silent.
    #[must_use]
    pub fn black_hole(self) -> Self {
        self.hole(Direction::ToServer, 0).hole(Direction::ToClient, 0)
    }

    /// Forwards `after` bytes in `direction`, then nothing more that way, and closes nothing. Lifted, the rest arrives.
    #[must_use]
    pub fn hole(mut self, direction: Direction, after: u64) -> Self {
        self.hole[direction.index()] = Some(after);
        self
    }

    /// Turns new connections away.
    #[must_use]
    pub fn refuse(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// Answers the client's TLS hello as `identity` and carries the plaintext on to the target in a TLS session of its own,
    /// whose certificate is not checked: a man in the middle, or with the right CA a wrong or expired certificate.
    ///
    /// ALPN is what the target picks from the client's list.
    #[must_use]
    pub fn intercept(mut self, identity: Identity) -> Self {
        self.tls = Tls::Intercept { identity, after_starttls: false };
        self
    }

    /// As [`Faults::intercept`], for a connection that starts in the clear and is upgraded by STARTTLS (IMAP, SMTP). Delay, rate,
    /// cut and hole begin after the upgrade.
    #[must_use]
    pub fn intercept_starttls(mut self, identity: Identity) -> Self {
        self.tls = Tls::Intercept { identity, after_starttls: true };
        self
    }

    /// Answers every TLS hello as a server that knows nothing newer than TLS 1.1: a ServerHello with version 0x0302, as
    /// RFC 4346 (7.4.1.3) has it, written by hand because no current library still makes one. The target is not contacted; for ports with TLS from the start.
    #[must_use]
    pub fn tls_1_1_only(mut self) -> Self {
        self.tls = Tls::Outdated;
        self
    }

    /// Removes STARTTLS (and LOGINDISABLED, as who wants the password would) from the server's cleartext lines: IMAP greeting
    /// and CAPABILITY, SMTP EHLO. A last `250 STARTTLS` becomes `250 XXXXXXXX`, for there the list must end.
    #[must_use]
    pub fn strip_starttls(mut self) -> Self {
        self.plaintext.strip_starttls = true;
        self
    }

    /// Passes each server line (with its line end, at most 64 KiB; longer ones come in pieces) through `rewrite`, on cleartext
    /// and intercepted connections, after [`Faults::strip_starttls`]. An empty answer drops the line. Lengths announced
    /// before a line (literals) are the hook's own care. One hook serves all connections.
    #[must_use]
    pub fn rewrite(mut self, rewrite: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        self.plaintext.rewrite = Some(Rewrite(Arc::new(Mutex::new(rewrite))));
        self
    }

    /// Keeps the plaintext that passes for [`Wire::recorded`](super::Wire::recorded).
    #[must_use]
    pub fn record(mut self) -> Self {
        self.plaintext.record = true;
        self
    }

    pub(super) fn is_black_hole(&self) -> bool {
        self.hole == [Some(0), Some(0)]
    }
}

/// What becomes of TLS.
#[derive(Clone, Debug, Default)]
pub(super) enum Tls {
    #[default]
    Through,
    Intercept {
        identity: Identity,
        after_starttls: bool,
    },
    Outdated,
}

/// What becomes of readable bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Plaintext {
    pub(super) strip_starttls: bool,
    pub(super) rewrite: Option<Rewrite>,
    pub(super) record: bool,
}

type Hook = dyn FnMut(&[u8]) -> Vec<u8> + Send;

#[derive(Clone)]
pub(super) struct Rewrite(Arc<Mutex<Hook>>);

impl Rewrite {
    pub(super) fn apply(&self, line: &[u8]) -> Vec<u8> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(line)
    }
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewrite")
    }
}

//! What goes over which wire.

use std::io;

use academy::wire::{Direction, Wire};
use academy::{Academy, Endpoint};
use journeys::Hosts;

/// A TLS connection that rests is ended after a while, with 24 bytes each way: nobody asked for anything.
const FAREWELLS: u64 = 100;

/// One proxy before each server, so that what passes is counted and a fault can be put in its way.
pub(crate) struct Wires {
    pub(crate) imap: Wire,
    all: Vec<(&'static str, Counted)>,
    smtp: Wire,
    portal: Wire,
}

/// What has passed on one wire.
#[derive(Clone, Copy, Default)]
struct Counted {
    up: u64,
    down: u64,
    trips: u64,
}

impl Wires {
    /// Leads the phone's names through the proxies.
    pub(crate) async fn new(academy: &Academy, hosts: &Hosts) -> io::Result<Self> {
        let lead = async |server: Endpoint| {
            let wire = academy.wire(server.clone()).await?;
            hosts.lead(server.host, wire.address());
            Ok::<_, io::Error>(wire)
        };
        let (portal, imap, smtp) =
            (lead(academy.portal()).await?, lead(academy.imap()).await?, lead(academy.smtp()).await?);
        let none = Counted::default();
        Ok(Self { imap, smtp, portal, all: vec![("https", none), ("imap", none), ("smtp", none)] })
    }

    /// The way to the submission server.
    pub(crate) fn smtp(&self) -> &Wire {
        &self.smtp
    }

    /// What has passed since this was last asked, in words: `imap ↑1.2 kB ↓34.0 kB, 5 round trips`.
    pub(crate) fn since(&mut self, trips: &str) -> String {
        let wires = [&self.portal, &self.imap, &self.smtp];
        let mut said = Vec::new();
        for ((name, before), wire) in self.all.iter_mut().zip(wires) {
            let now = Counted::of(wire);
            let (up, down) = (now.up - before.up, now.down - before.down);
            if up + down > FAREWELLS {
                said.push(format!("{name} ↑{} ↓{}, {} {trips}", size(up), size(down), now.trips - before.trips));
            }
            *before = now;
        }
        said.join(" · ")
    }
}

impl Counted {
    fn of(wire: &Wire) -> Self {
        Self { up: wire.bytes(Direction::ToServer), down: wire.bytes(Direction::ToClient), trips: wire.round_trips() }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

//! Free ports: one base for all the servers of an academy.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Each server's name in the templates and its distance from the base.
const SERVICES: [(&str, u16); 13] = [
    ("LDAP", 389),
    ("PORTAL", 443),
    ("INTROSPECTION", 80),
    ("IMAP_STARTTLS", 143),
    ("IMAP", 993),
    ("LMTP", 24),
    ("SASL", 999),
    ("MX", 25),
    ("SUBMISSION", 587),
    ("SMTP", 465),
    ("RELAY", 588),
    ("PUSH", 444),
    ("ENT", 445),
];

/// Below the range from which the system takes ports for outgoing connections.
const BASES: std::ops::Range<u16> = 10_000..31_700;

/// The ports of one academy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    /// A base of which every port can be bound now. Starts at `seed`, so that two processes seldom try the same one.
    pub(crate) fn free(seed: u16) -> Option<Self> {
        let span = BASES.end - BASES.start;
        (0..200_u32)
            .map(|step| {
                let offset = (u32::from(seed) + step * 1_013) % u32::from(span);
                Self { base: BASES.start + u16::try_from(offset).unwrap_or_default() }
            })
            .find(Self::can_be_bound)
    }

    pub(crate) fn of(self, service: &str) -> u16 {
        self.base + SERVICES.iter().find(|(name, _)| *name == service).map_or(0, |(_, offset)| *offset)
    }

    pub(crate) fn values(self) -> impl Iterator<Item = (&'static str, String)> {
        SERVICES.iter().map(move |(name, offset)| (*name, (self.base + offset).to_string()))
    }

    fn can_be_bound(&self) -> bool {
        let all: Result<Vec<_>, _> = SERVICES
            .iter()
            .map(|(_, offset)| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, self.base + offset))))
            .collect();
        all.is_ok()
    }
}

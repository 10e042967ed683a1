//! SRV records from the name servers of a desktop: the standard library asks for addresses only.
//!
//! One question by UDP, by TCP where the answer did not fit (RFC 7766), and a few seconds in all. What comes back is as
//! trustworthy as the network it came by.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom as _, SystemRandom};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};

use super::network::{Resolver, ServiceRecord};

/// Where Unix keeps the name servers.
const FILE: &str = "/etc/resolv.conf";
/// As many as the C library asks.
const SERVERS: usize = 3;
/// How long a server may take, the first time and the second.
const PATIENCE: [Duration; 2] = [Duration::from_millis(1_000), Duration::from_millis(2_000)];
/// How long the whole question may take.
const LIMIT: Duration = Duration::from_secs(4);
/// How many records of an answer are looked at; more is no answer to our question.
const RECORDS: u16 = 256;
/// How many names an answer may lead on to by CNAME.
const CHAIN: usize = 8;

/// Name servers to ask. [`super::SystemResolver`] asks those of the system.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameServers {
    servers: Vec<SocketAddr>,
}

impl NameServers {
    /// Asks these, the first first.
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// Those of `/etc/resolv.conf`. [`ErrorKind::Unsupported`] where the system keeps them elsewhere. Reads a file.
    pub fn of_system() -> io::Result<Self> {
        match std::fs::read_to_string(FILE) {
            Ok(text) => Ok(Self::listed(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(ErrorKind::Unsupported.into()),
            Err(error) => Err(error),
        }
    }

    fn listed(text: &str) -> Self {
        let words = text.lines().map(str::split_ascii_whitespace);
        let named = words.filter_map(|mut words| (words.next()? == "nameserver").then(|| words.next()).flatten());
        let servers = named.filter_map(|server| server.parse::<IpAddr>().ok()).take(SERVERS);
        Self { servers: servers.map(|server| SocketAddr::new(server, 53)).collect() }
    }
}

impl Resolver for NameServers {
    /// Asks the operating system: these servers are for services only.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        super::network::SystemResolver.resolve(host)
    }

    /// Blocks for four seconds at most.
    fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        let end = Instant::now() + LIMIT;
        let mut last = io::Error::from(ErrorKind::NotConnected);
        for patience in PATIENCE {
            for server in &self.servers {
                let query = Query::new(name)?;
                match query.ask(*server, end.min(Instant::now() + patience), end) {
                    Ok(records) => return Ok(records),
                    Err(error) => last = error,
                }
                if Instant::now() >= end {
                    return Err(last);
                }
            }
        }
        Err(last)
    }
}

/// One question, with a number that nobody can guess.
struct Query {
    id: u16,
    name: String,
    bytes: Vec<u8>,
}

impl Query {
    fn new(name: &str) -> io::Result<Self> {
        let mut id = [0; 2];
        SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no randomness"))?;
        let id = u16::from_ne_bytes(id);
        let bytes = (|| {
            let mut packet = Packet::new_query(id);
            packet.set_flags(PacketFlag::RECURSION_DESIRED);
            let name = Name::new(name)?;
            packet.questions.push(Question::new(name, QTYPE::TYPE(TYPE::SRV), CLASS::IN.into(), false));
            packet.build_bytes_vec()
        })();
        let bytes = bytes.map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(Self { id, name: plain(name), bytes })
    }

    /// Waits for UDP until `soon`, for TCP behind it until `end`.
    fn ask(&self, server: SocketAddr, soon: Instant, end: Instant) -> io::Result<Vec<ServiceRecord>> {
        let ours = if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((ours, 0))?;
        // From here on the system drops what comes from elsewhere.
        socket.connect(server)?;
        socket.send(&self.bytes)?;
        let mut room = [0; 4096];
        loop {
            socket.set_read_timeout(Some(left(soon)?))?;
            let length = socket.recv(&mut room)?;
            // What is no answer to this question was forged or comes late: go on listening.
            let Some(answer) = room.get(..length).and_then(|bytes| self.answer(bytes)) else { continue };
            return if answer.truncated { self.ask_at_length(server, end) } else { answer.records };
        }
    }

    fn ask_at_length(&self, server: SocketAddr, end: Instant) -> io::Result<Vec<ServiceRecord>> {
        let mut stream = TcpStream::connect_timeout(&server, left(end)?)?;
        let length = u16::try_from(self.bytes.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        stream.set_write_timeout(Some(left(end)?))?;
        stream.write_all(&[&length.to_be_bytes(), self.bytes.as_slice()].concat())?;
        let mut length = [0; 2];
        read_whole(&mut stream, &mut length, end)?;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
        read_whole(&mut stream, &mut bytes, end)?;
        self.answer(&bytes).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?.records
    }

    /// What the packet answers; `None` where it is no answer to this question.
    fn answer(&self, bytes: &[u8]) -> Option<Answer> {
        // The parser makes room for as many as the packet claims to have.
        let mut counts = bytes.get(4..12)?.as_chunks().0.iter().map(|two| u16::from_be_bytes(*two));
        if counts.any(|count| count > RECORDS) {
            return None;
        }
        let packet = Packet::parse(bytes).ok()?;
        let asked = matches!(packet.questions.as_slice(), [one] if plain(&one.qname.to_string()) == self.name
            && one.qtype == QTYPE::TYPE(TYPE::SRV));
        if packet.id() != self.id || !packet.has_flags(PacketFlag::RESPONSE) || !asked {
            return None;
        }
        let records = match packet.rcode() {
            RCODE::NoError | RCODE::NameError => Ok(self.records(&packet)),
            _ => Err(io::Error::other("the name server refuses")),
        };
        Some(Answer { truncated: packet.has_flags(PacketFlag::TRUNCATION), records })
    }

    /// The records of the name asked for, or of what it is another name for.
    fn records(&self, packet: &Packet<'_>) -> Vec<ServiceRecord> {
        let mut names = vec![self.name.clone()];
        while names.len() <= CHAIN {
            let led = packet.answers.iter().find_map(|record| match &record.rdata {
                RData::CNAME(to) if names.last() == Some(&plain(&record.name.to_string())) => {
                    Some(plain(&to.0.to_string()))
                }
                _ => None,
            });
            let Some(led) = led else { break };
            names.push(led);
        }
        let ours = packet.answers.iter().filter(|record| names.contains(&plain(&record.name.to_string())));
        let found = ours.filter_map(|record| match &record.rdata {
            RData::SRV(srv) => Some(ServiceRecord {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: match srv.target.to_string() {
                    root if root.is_empty() => ".".to_owned(),
                    target => target,
                },
            }),
            _ => None,
        });
        found.collect()
    }
}

struct Answer {
    truncated: bool,
    records: io::Result<Vec<ServiceRecord>>,
}

/// A name for comparison.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The time left, never none: a socket takes zero for "for ever".
fn left(end: Instant) -> io::Result<Duration> {
    match end.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

/// Fills `room`; each read waits for what is left of the time, so that a server that trickles is given up too.
fn read_whole(stream: &mut TcpStream, room: &mut [u8], end: Instant) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(rest)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

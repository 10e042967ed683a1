use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use proptest::prelude::*;
use simple_dns::rdata::{CNAME, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};

use super::super::{Resolver, ServiceRecord, SystemResolver};
use super::{NameServers, Query};

const NAME: &str = "_imaps._tcp.academie.test";

fn srv(owner: &'static str, target: &'static str) -> ResourceRecord<'static> {
    let data = SRV { priority: 1, weight: 2, port: 993, target: Name::new(target).unwrap() };
    ResourceRecord::new(Name::new(owner).unwrap(), CLASS::IN, 60, RData::SRV(data))
}

/// The answer to `query`, changed.
fn answer(query: &Query, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
    let mut packet = Packet::parse(&query.bytes).unwrap();
    packet.set_flags(PacketFlag::RESPONSE);
    change(&mut packet);
    packet.build_bytes_vec_compressed().unwrap()
}

fn targets(query: &Query, bytes: &[u8]) -> Option<Vec<String>> {
    Some(query.answer(bytes)?.records.ok()?.into_iter().map(|record| record.target).collect())
}

#[test]
fn only_records_of_the_name_and_of_what_it_leads_to_are_taken() {
    let query = Query::new(NAME).unwrap();
    let bytes = answer(&query, |packet| {
        let led = CNAME(Name::new("mail.hosting.test").unwrap());
        packet.answers = vec![
            srv("_imaps._tcp.stranger.test", "evil.test"),
            srv("MAIL.hosting.test", "imap.hosting.test"),
            ResourceRecord::new(Name::new("_IMAPS._tcp.Academie.test").unwrap(), CLASS::IN, 60, RData::CNAME(led)),
            srv(NAME, "."),
        ];
        packet.additional_records = vec![srv(NAME, "additional.test")];
    });
    assert_eq!(targets(&query, &bytes).unwrap(), ["imap.hosting.test", "."]);
}

#[test]
fn names_that_lead_round_in_a_circle_come_to_an_end() {
    let query = Query::new(NAME).unwrap();
    let bytes = answer(&query, |packet| {
        let alias = |from, to| {
            ResourceRecord::new(Name::new(from).unwrap(), CLASS::IN, 60, RData::CNAME(CNAME(Name::new(to).unwrap())))
        };
        packet.answers = vec![alias(NAME, "b.test"), alias("b.test", NAME), srv("b.test", "imap.test")];
    });
    assert_eq!(targets(&query, &bytes).unwrap(), ["imap.test"]);
}

#[test]
fn what_is_no_answer_to_the_question_is_not_taken() {
    let query = Query::new(NAME).unwrap();
    let good = |packet: &mut Packet<'_>| packet.answers = vec![srv(NAME, "imap.academie.test")];
    assert!(targets(&query, &answer(&query, good)).is_some());
    let forged = [
        answer(&query, |packet| packet.set_id(query.id.wrapping_add(1))),
        answer(&query, |packet| packet.remove_flags(PacketFlag::RESPONSE)),
        answer(&query, |packet| packet.questions.clear()),
        answer(&query, |packet| packet.questions[0].qname = Name::new("_imaps._tcp.stranger.test").unwrap()),
        [&answer(&query, good)[..6], &[0xff; 6]].concat(),
        Vec::new(),
    ];
    for bytes in forged {
        assert!(query.answer(&bytes).is_none());
    }
    let refused = query.answer(&answer(&query, |packet| *packet.rcode_mut() = RCODE::ServerFailure)).unwrap();
    assert!(refused.records.is_err());
    let unknown = query.answer(&answer(&query, |packet| *packet.rcode_mut() = RCODE::NameError)).unwrap();
    assert_eq!(unknown.records.unwrap(), []);
}

#[test]
fn a_forged_answer_is_passed_over_and_the_next_server_asked_when_one_is_silent() {
    let (silent, server) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let addresses = [&silent, &server].map(|socket| socket.local_addr().unwrap()).to_vec();
    let serving = thread::spawn(move || {
        let mut room = [0; 512];
        let (length, client) = server.recv_from(&mut room).unwrap();
        let mut packet = Packet::parse(&room[..length]).unwrap();
        packet.set_flags(PacketFlag::RESPONSE);
        packet.answers = vec![srv(NAME, "evil.test")];
        let id = packet.id();
        packet.set_id(id.wrapping_add(1));
        server.send_to(&packet.build_bytes_vec().unwrap(), client).unwrap();
        packet.set_id(id);
        packet.answers = vec![srv(NAME, "imap.academie.test")];
        server.send_to(&packet.build_bytes_vec().unwrap(), client).unwrap();
    });
    let found = NameServers::new(addresses).services(NAME).unwrap();
    let expected = ServiceRecord { priority: 1, weight: 2, port: 993, target: "imap.academie.test".to_owned() };
    assert_eq!(found, [expected]);
    serving.join().unwrap();
}

#[test]
fn the_name_servers_are_read_from_the_systems_file() {
    let text = "# nameserver 192.0.2.1\nsearch example.org\nnameserver 192.0.2.2\nnameserver ::1 # mine\n\
        nameserver fe80::1%eth0\nnameserver\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
    let expected = ["192.0.2.2:53", "[::1]:53", "192.0.2.3:53"].map(|one| one.parse::<SocketAddr>().unwrap());
    assert_eq!(NameServers::listed(text), NameServers::new(expected.to_vec()));
    assert_eq!(NameServers::new(Vec::new()).services(NAME).unwrap_err().kind(), ErrorKind::NotConnected);
}

#[test]
fn a_resolver_that_does_not_know_services_says_so() {
    struct Addresses;
    impl Resolver for Addresses {
        fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        }
    }
    assert_eq!(Addresses.services(NAME).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(SystemResolver.resolve("localhost").unwrap().iter().all(|address| address.is_loopback()));
}

proptest! {
    #[test]
    fn any_packet_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), keep in 0_usize..40) {
        let query = Query::new(NAME).unwrap();
        let mut begun = answer(&query, |packet| packet.answers = vec![srv(NAME, "imap.academie.test")]);
        begun.truncate(keep);
        let _ = (query.answer(&bytes), query.answer(&[begun, bytes.clone()].concat()));
    }
}

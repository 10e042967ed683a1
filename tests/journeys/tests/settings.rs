//! An address that no profile knows: its mail settings are found, shown, confirmed and kept, and until the teacher has
//! confirmed them nobody learns more than the domain.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use academy::wire::{Direction, Faults, Identity, Wire};
use academy::{Academy, Authority, Autoconfig, NameServer, Teacher, Validity};
use cartable_core::academy::{
    Choice, Kind, MailLogin, MailServer, SettingsForm, SettingsSource, SettingsWarning, TlsStart,
};
use cartable_core::companion::{Companion, Setup};
use cartable_core::portal::{Question, SignInState};
use cartable_core::ports::{MemoryStore, NameServers, Network, Resolver, ServiceRecord};
use journeys::{Hosts, inbox, subjects};
use tempfile::TempDir;

const SUBDOMAIN: &str = "autoconfig.academie.test";
const DOMAIN: &str = "academie.test";
const PATH: &str = "/mail/config-v1.1.xml";
const WELL_KNOWN: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";
const ADDRESS: &str = "Jdupont@Academie.test";

/// What the phone asks for names: the academy's hosts, and a name server for services. Keeps every question.
#[derive(Clone)]
struct Names {
    hosts: Hosts,
    services: NameServers,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        self.hosts.resolve(host)
    }

    fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        self.asked.lock().unwrap().push(name.to_owned());
        self.services.services(name)
    }
}

/// A domain whose academy no profile knows, and a phone.
struct Unknown {
    academy: Academy,
    web: Autoconfig,
    names: Names,
    folder: TempDir,
}

impl Unknown {
    /// `records` are those of its name server.
    async fn start(records: &[String]) -> (Self, NameServer) {
        let academy = Academy::start().await.unwrap();
        let (web, server) = (academy.autoconfig().await.unwrap(), NameServer::start(records).await.unwrap());
        let hosts = Hosts::of(&academy);
        for host in [SUBDOMAIN, DOMAIN] {
            hosts.lead(host, web.address().ip());
        }
        let names = Names { hosts, services: NameServers::new(vec![server.address()]), asked: Arc::default() };
        (Self { academy, web, names, folder: tempfile::tempdir().unwrap() }, server)
    }

    /// A new one each time, with no connection of before.
    fn network(&self) -> Network {
        let network = Network::builder().only_roots(self.academy.ca_pem()).unwrap();
        network.resolver(Arc::new(self.names.clone())).patience(Duration::from_secs(3)).build().unwrap()
    }

    async fn companion(&self) -> Companion {
        let setup = Setup::new(self.folder.path()).network(self.network());
        Companion::open(setup.secrets(Arc::new(MemoryStore::default()))).await.unwrap()
    }

    /// The document of this academy, whose outgoing server begins TLS by STARTTLS.
    fn document(&self) -> String {
        let (imap, smtp) = (self.academy.imap(), self.academy.submission());
        format!(
            r#"<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="academie.test">
            <incomingServer type="imap"><hostname>imap.%EMAILDOMAIN%</hostname><port>{}</port><socketType>SSL</socketType>
            <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
            <outgoingServer type="smtp"><hostname>{}</hostname><port>{}</port><socketType>STARTTLS</socketType>
            <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></outgoingServer>
            </emailProvider></clientConfig>"#,
            imap.port, smtp.host, smtp.port
        )
    }

    /// The records of this academy's servers.
    fn records() -> Vec<String> {
        [
            "_imaps._tcp.academie.test,imap.academie.test,993,0,1",
            "_submissions._tcp.academie.test,smtp.academie.test,465",
        ]
        .map(|record| format!("srv-host={record}"))
        .to_vec()
    }

    /// The only choice for the address.
    async fn choice(&self) -> Choice {
        let proposal = self.companion().await.find_mail_settings(ADDRESS).await.unwrap();
        assert_eq!((proposal.domain.as_str(), &proposal.academy), (DOMAIN, &None));
        let [choice] = proposal.choices.as_slice() else { panic!("{proposal:?}") };
        choice.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_found_confirmed_kept_and_good_for_mail() {
    let (unknown, _server) = Unknown::start(&[]).await;
    unknown.web.put(SUBDOMAIN, PATH, 200, &unknown.document());
    let companion = unknown.companion().await;
    let proposal = companion.find_mail_settings(ADDRESS).await.unwrap();
    let choice = &proposal.choices[0];
    assert_eq!(choice.source, SettingsSource::Autoconfig { host: SUBDOMAIN.to_owned() });
    assert_eq!(choice.hosts(), ["imap.academie.test", "smtp.academie.test"]);
    assert_eq!(choice.warnings, [SettingsWarning::LateTls { host: "smtp.academie.test".to_owned() }]);
    assert_eq!((choice.form.missing(), choice.form.login), (Vec::new(), Some(MailLogin::Identifier)));
    assert_eq!(companion.academy(), None);

    companion.confirm_mail_settings(&choice.form).await.unwrap();
    companion.shutdown().await.unwrap();
    let companion = unknown.companion().await;
    let academy = companion.academy().unwrap();
    assert_eq!((academy.kind, academy.name.as_str()), (Kind::Own, DOMAIN));
    let mail = academy.mail.as_ref().unwrap();
    let (imap, smtp) = (unknown.academy.imap(), unknown.academy.submission());
    assert_eq!(mail.imap, MailServer::new(imap.host, imap.port, TlsStart::Implicit));
    assert_eq!(mail.smtp, MailServer::new(smtp.host, smtp.port, TlsStart::Starttls));

    // There is no portal: who it is, the mail servers find out.
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    unknown.academy.deliver(jeanne.address, b"From: lreset@academie.test\r\nSubject: A\r\n\r\nB\r\n").await.unwrap();
    let state = companion.begin_sign_in(&academy.id).await.unwrap();
    let SignInState::Asks(Question::Introduction { domains, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(domains, &[DOMAIN]);
    let state = companion.introduce(jeanne.uid, jeanne.address).await.unwrap();
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    companion.set_mail_password(&jeanne.password.into()).await.unwrap();
    companion.sync(&|_, _| {}).await.unwrap();
    assert_eq!(subjects(&companion).await, ["A"]);
    let rows = companion.messages(inbox(&companion).await, None, 1).await.unwrap();
    companion.reply(rows[0].id, "Bien reçu.", false).await.unwrap();
    assert_eq!(companion.send_waiting().await.unwrap(), 1, "by STARTTLS, with a password");
    unknown.academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_domain_leaves_the_phone_before_the_hosts_are_confirmed() {
    let (unknown, _server) = Unknown::start(&[]).await;
    // A document that would have the name looked up, and one good server behind it.
    let spy = "<hostname>%EMAILLOCALPART%.academie.test</hostname><port>993</port><socketType>SSL</socketType>\
        <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>\
        <incomingServer type=\"imap\"><hostname>imap";
    unknown.web.put(DOMAIN, WELL_KNOWN, 200, &unknown.document().replacen("<hostname>imap", spy, 1));
    let leaf = unknown.academy.authority().issue(&["*.academie.test", DOMAIN], Validity::Good).unwrap();
    let web = Wire::to(unknown.web.address()).await.unwrap();
    web.set(Faults::none().intercept(Identity::of(&leaf).unwrap()).record()).await.unwrap();
    for host in [SUBDOMAIN, DOMAIN] {
        unknown.names.hosts.lead(host, web.address());
    }
    let mut servers = Vec::new();
    for server in [unknown.academy.imap(), unknown.academy.submission()] {
        let wire = unknown.academy.wire(server.clone()).await.unwrap();
        unknown.names.hosts.lead(server.host, wire.address());
        servers.push(wire);
    }
    let companion = unknown.companion().await;
    let proposal = companion.find_mail_settings(ADDRESS).await.unwrap();
    assert_eq!(proposal.choices[0].source, SettingsSource::Autoconfig { host: DOMAIN.to_owned() });
    assert_eq!(proposal.choices[0].hosts(), ["imap.academie.test", "smtp.academie.test"]);

    let sent = String::from_utf8(web.recorded(Direction::ToServer)).unwrap().to_ascii_lowercase();
    assert_eq!(sent.matches("get /").count(), 2, "{sent}");
    let asked = unknown.names.asked.lock().unwrap().join(" ").to_ascii_lowercase();
    for told in [&sent, &asked] {
        assert!(told.contains(DOMAIN) && !told.contains("dupont") && !told.contains(['?', '@', '%']), "{told}");
    }
    assert!(!sent.contains("user-agent") && !sent.contains("cookie") && !sent.contains("referer"), "{sent}");
    // Nor does anybody hear of it from confirming.
    companion.confirm_mail_settings(&proposal.choices[0].form).await.unwrap();
    assert!(servers.iter().all(|server| server.connections() == 0));
    unknown.academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sources_are_believed_in_their_order_and_no_redirect_is_followed() {
    let (unknown, _server) = Unknown::start(&Unknown::records()).await;
    let source = async || unknown.choice().await.source;
    let autoconfig = |host: &str| SettingsSource::Autoconfig { host: host.to_owned() };
    // Records only.
    let choice = unknown.choice().await;
    assert_eq!((choice.source.clone(), choice.warnings), (SettingsSource::Records, Vec::new()));
    assert_eq!(choice.form.settings(&cartable_core::academy::Catalogue::bundled().unwrap()).unwrap().imap.port, 993);
    // Documents that are none, and answers that lead elsewhere.
    unknown.web.put(SUBDOMAIN, "/elsewhere.xml", 200, &unknown.document());
    for (status, body) in [
        (301, "https://autoconfig.academie.test/elsewhere.xml".to_owned()),
        (302, "/elsewhere.xml".to_owned()),
        (200, "<html><body>Bienvenue</body></html>".to_owned()),
        (200, format!("{}<!--{}-->", unknown.document(), "x".repeat(70_000))),
        (200, unknown.document().replace("SSL", "plain").replace("STARTTLS", "plain")),
        (500, unknown.document()),
    ] {
        for (host, path) in [(SUBDOMAIN, PATH), (DOMAIN, WELL_KNOWN)] {
            unknown.web.put(host, path, status, &body);
        }
        assert_eq!(source().await, SettingsSource::Records, "{status} {body:.60}");
    }
    assert!(!unknown.web.asked().iter().any(|line| line.contains("elsewhere")));
    unknown.web.put(DOMAIN, WELL_KNOWN, 200, &unknown.document());
    assert_eq!(source().await, autoconfig(DOMAIN));
    unknown.web.put(SUBDOMAIN, PATH, 200, &unknown.document());
    assert_eq!(source().await, autoconfig(SUBDOMAIN));

    // Somebody in between whom the phone does not trust, and a server that says nothing.
    let web = Wire::to(unknown.web.address()).await.unwrap();
    for host in [SUBDOMAIN, DOMAIN] {
        unknown.names.hosts.lead(host, web.address());
    }
    let foreign = Authority::new("Somebody else").unwrap();
    let leaf = foreign.issue(&["*.academie.test", DOMAIN], Validity::Good).unwrap();
    for faults in [Faults::none().intercept(Identity::of(&leaf).unwrap()), Faults::none().black_hole()] {
        web.set(faults).await.unwrap();
        assert_eq!(source().await, SettingsSource::Records);
    }
    unknown.academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_name_servers_records_are_read_even_those_too_many_for_one_packet() {
    let mut records: Vec<String> = (1..=40)
        .map(|number| {
            format!("srv-host=_imap._tcp.academie.test,imap-{number:02}.somewhere.example,143,{},1", 100 - number)
        })
        .collect();
    records.push("srv-host=_imaps._tcp.academie.test".to_owned());
    records.push("srv-host=_submission._tcp.academie.test,smtp.academie.test,587,0,1".to_owned());
    let (unknown, server) = Unknown::start(&records).await;
    let asked = NameServers::new(vec![server.address()]);
    let found = tokio::task::spawn_blocking(move || asked.services("_imap._tcp.academie.test")).await.unwrap().unwrap();
    assert_eq!(found.len(), 40);
    let choice = unknown.choice().await;
    assert_eq!(choice.source, SettingsSource::Records);
    // The network looks at 32 of them at most.
    let SettingsForm { imap, smtp, .. } = &choice.form;
    assert!(imap.host.as_deref().is_some_and(|host| host.starts_with("imap-") && host.ends_with(".somewhere.example")));
    assert_eq!((imap.tls, smtp.host.as_deref()), (Some(TlsStart::Starttls), Some("smtp.academie.test")));
    let other = |warning: &SettingsWarning| matches!(warning, SettingsWarning::OtherDomain { .. });
    assert_eq!(choice.warnings.iter().filter(|warning| other(warning)).count(), 1);

    // Without its name server and web server there is a form, and it says that nobody was reached.
    drop(server);
    unknown.names.hosts.lead(SUBDOMAIN, "127.0.0.1".parse().unwrap());
    unknown.names.hosts.lead(DOMAIN, "127.0.0.1".parse().unwrap());
    // It takes a moment to end.
    let mut last = unknown.choice().await;
    for _ in 0..50 {
        if !last.warnings.is_empty() && last.source == SettingsSource::Hand {
            break;
        }
        last = unknown.choice().await;
    }
    assert_eq!((last.source, last.warnings), (SettingsSource::Hand, vec![SettingsWarning::NotAsked]));
    unknown.academy.stop().await.unwrap();
}

mod autoconfig;
mod form;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use jiff::civil::{Date, date};

use super::{Choice, Proposal, SettingsError, SettingsForm, SettingsSource, SettingsWarning};
use crate::academy::{Catalogue, GenerationName, MailLogin, MailMechanism, TlsStart};
use crate::ports::{Network, Resolver, ServiceRecord};

const TODAY: Date = date(2026, 11, 24);

/// A resolver that knows no address, and the services that it is told; keeps what it is asked.
#[derive(Clone, Default)]
struct Names {
    services: Vec<(&'static str, u16, u16, u16, &'static str)>,
    unsupported: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        Ok(Vec::new())
    }

    fn services(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        self.asked.lock().unwrap().push(name.to_owned());
        if self.unsupported {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let ours = self.services.iter().filter(|(service, ..)| name == format!("{service}._tcp.lycee.example"));
        let record = |&(_, priority, weight, port, target): &(&str, u16, u16, u16, &str)| ServiceRecord {
            priority,
            weight,
            port,
            target: target.to_owned(),
        };
        Ok(ours.map(record).collect())
    }
}

async fn found(names: &Names, typed: &str) -> Result<Proposal, SettingsError> {
    let network = Network::builder().resolver(Arc::new(names.clone())).build().unwrap();
    Catalogue::bundled().unwrap().find_settings(&network, typed, TODAY).await
}

fn server(form: &super::ServerForm) -> String {
    let tls = match form.tls {
        Some(TlsStart::Implicit) => "tls",
        Some(TlsStart::Starttls) => "starttls",
        None => "?",
    };
    let port = form.port.map_or("?".to_owned(), |port| port.to_string());
    format!("{}:{port} {tls}", form.host.as_deref().unwrap_or("?"))
}

fn servers(choice: &Choice) -> [String; 2] {
    [server(&choice.form.imap), server(&choice.form.smtp)]
}

#[tokio::test]
async fn an_academy_is_known_without_asking_anybody() {
    let names = Names::default();
    let creteil = found(&names, " Jeanne.Dupont@AC-Creteil.fr ").await.unwrap();
    assert_eq!((creteil.domain.as_str(), creteil.academy.as_deref()), ("ac-creteil.fr", Some("creteil")));
    // Its move is under way: the teacher says which webmail it is.
    let sources: Vec<_> = creteil.choices.iter().map(|choice| &choice.source).collect();
    let [legacy, national] = [GenerationName::Legacy, GenerationName::National].map(SettingsSource::Profile);
    assert_eq!(sources, [&legacy, &national]);
    assert_eq!(creteil.choices[0].form.missing(), []);
    assert_eq!(servers(&creteil.choices[0])[0], "imap.ac-creteil.fr:993 tls");
    assert_eq!(servers(&creteil.choices[1]), ["imap.education.gouv.fr:993 tls", "?:465 tls"]);
    assert_eq!(creteil.choices[1].warnings, []);

    let reunion = found(&names, "j@ac-reunion.fr").await.unwrap();
    assert_eq!((reunion.choices.len(), &reunion.choices[0].source), (1, &national));
    let nancy = found(&names, "ac-nancy-metz.fr").await.unwrap();
    assert_eq!(servers(&nancy.choices[0]), ["?:993 tls", "smtps.ac-nancy-metz.fr:465 tls"]);
    let lyon = found(&names, "j@ac-lyon.fr").await.unwrap();
    let late = SettingsWarning::LateTls { host: "smtps.ac-lyon.fr".to_owned() };
    assert_eq!(lyon.choices[0].warnings, [late]);
    // No server is known there: the form is the academy's all the same.
    let caledonie = found(&names, "https://mel.ac-noumea.nc/owa").await.unwrap();
    assert_eq!((caledonie.domain.as_str(), caledonie.academy.as_deref()), ("ac-noumea.nc", Some("nouvelle-caledonie")));
    assert_eq!(caledonie.choices[0].source, SettingsSource::Hand);
    let hub = found(&names, "imap.education.gouv.fr").await.unwrap();
    assert_eq!((hub.academy, &hub.choices[0].source), (None, &national));
    assert_eq!(*names.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_looks_like_an_academy_is_refused_before_anybody_is_asked() {
    let names = Names::default();
    for typed in ["jeanne@ac-nancy-rnetz.fr", "ac-nancymetz.fr", "j@ac-nancy-metz.fr.example.com", "j@ac-nancy-mеtz.fr"]
    {
        let Err(SettingsError::LookAlike { host, official }) = found(&names, typed).await else { panic!("{typed}") };
        assert!(typed.ends_with(&host) && official == "ac-nancy-metz.fr");
    }
    assert_eq!(*names.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_neither_address_nor_host_is_refused() {
    let names = Names::default();
    let long = format!("a@{}.fr", "x".repeat(500));
    for typed in [
        "",
        " ",
        "jeanne",
        "@",
        "@lycee.example",
        "jeanne@",
        "jeanne@lycee",
        "j@127.0.0.1",
        "127.0.0.1",
        "[::1]",
        "::1",
        "j@[192.0.2.1]",
        "0x7f.1",
        "2130706433",
        "lycee..example",
        "-lycee.example",
        "lycee_.example",
        "a b.example",
        "lycee.example%eth0",
        "j@lycee.example\r\n.com",
        "https://",
        &long,
    ] {
        assert_eq!(found(&names, typed).await, Err(SettingsError::NotAnAddress), "{typed:?}");
    }
    assert_eq!(*names.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_records_of_the_domain_are_taken_in_their_order() {
    let mut names = Names {
        services: vec![
            ("_imaps", 20, 0, 993, "spare.lycee.example"),
            ("_imaps", 10, 1, 9931, "b.lycee.example."),
            ("_imaps", 10, 7, 993, "IMAP.lycee.example."),
            ("_imaps", 0, 0, 0, "broken.lycee.example"),
            ("_imap", 0, 0, 143, "late.lycee.example"),
            ("_submissions", 0, 0, 465, "."),
            ("_submission", 5, 0, 587, "smtp.hosting.example"),
        ],
        ..Names::default()
    };
    let proposal = found(&names, "Jeanne.Dupont@lycee.example").await.unwrap();
    assert_eq!((proposal.domain.as_str(), &proposal.academy), ("lycee.example", &None));
    let [choice] = proposal.choices.as_slice() else { panic!("{proposal:?}") };
    assert_eq!(choice.source, SettingsSource::Records);
    assert_eq!(servers(choice), ["imap.lycee.example:993 tls", "smtp.hosting.example:587 starttls"]);
    assert_eq!(choice.hosts(), ["imap.lycee.example", "smtp.hosting.example"]);
    assert_eq!((choice.form.login, choice.form.missing()), (Some(MailLogin::Address), Vec::new()));
    let host = "smtp.hosting.example".to_owned();
    let domain = "lycee.example".to_owned();
    let other = SettingsWarning::OtherDomain { host: host.clone(), domain };
    assert_eq!(choice.warnings, [other, SettingsWarning::LateTls { host }]);
    // Six questions, all of them about the domain: what stands before the @ is in none.
    let mut asked = std::mem::take(&mut *names.asked.lock().unwrap());
    asked.sort();
    let expected = [
        "_imap._tcp.lycee.example",
        "_imaps._tcp.lycee.example",
        "_submission._tcp.lycee.example",
        "_submissions._tcp.lycee.example",
        "autoconfig.lycee.example",
        "lycee.example",
    ];
    assert_eq!(asked, expected);

    // Only where it is sent: where it is read is asked of the teacher.
    names.services.retain(|(service, ..)| *service == "_submission");
    let partly = found(&names, "jeanne@lycee.example").await.unwrap();
    assert_eq!(servers(&partly.choices[0]), ["?:993 tls", "smtp.hosting.example:587 starttls"]);
}

#[tokio::test]
async fn records_that_lead_to_a_look_alike_are_refused_with_the_official_name() {
    let names = Names { services: vec![("_imaps", 0, 0, 993, "imap.ac-lyon.fr.lycee.example")], ..Names::default() };
    let refused = SettingsError::LookAlike {
        host: "imap.ac-lyon.fr.lycee.example".to_owned(),
        official: "ac-lyon.fr".to_owned(),
    };
    assert_eq!(found(&names, "jeanne@lycee.example").await, Err(refused));
}

#[tokio::test]
async fn where_nobody_knows_there_is_a_form_and_it_says_whether_anybody_was_asked() {
    let mut names = Names::default();
    let nothing = found(&names, "jeanne@lycee.example").await.unwrap();
    let [choice] = nothing.choices.as_slice() else { panic!("{nothing:?}") };
    assert_eq!((&choice.source, &choice.form), (&SettingsSource::Hand, &SettingsForm::blank("lycee.example")));
    assert_eq!(choice.form.auth, [MailMechanism::Password]);
    assert_eq!(choice.warnings, []);
    names.services = vec![("_imaps", 0, 0, 993, "."), ("_submission", 0, 0, 587, "192.0.2.1")];
    assert_eq!(found(&names, "jeanne@lycee.example").await.unwrap(), nothing);
    names.unsupported = true;
    let offline = found(&names, "jeanne@lycee.example").await.unwrap();
    assert_eq!(offline.choices[0].warnings, [SettingsWarning::NotAsked]);
    // A host that was typed alone is that of IMAP, and the domain is what it serves.
    let host = found(&names, "imap://imap.lycee.example:993/").await.unwrap();
    assert_eq!(
        (host.domain.as_str(), servers(&host.choices[0])[0].as_str()),
        ("lycee.example", "imap.lycee.example:993 tls")
    );
    let domain = found(&names, "lycée.example").await.unwrap();
    assert_eq!(domain.domain, "xn--lyce-dpa.example");
}

/// A resolver that does not answer until it is let go.
struct Stuck(Mutex<std::sync::mpsc::Receiver<()>>);

impl Resolver for Stuck {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let _ = self.0.lock().unwrap().recv();
        Ok(Vec::new())
    }

    fn services(&self, _: &str) -> io::Result<Vec<ServiceRecord>> {
        let _ = self.0.lock().unwrap().recv();
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_search_in_which_nobody_answers_comes_to_an_end_by_itself() {
    let (let_go, stuck) = std::sync::mpsc::channel();
    let network = Network::builder().resolver(Arc::new(Stuck(Mutex::new(stuck)))).build().unwrap();
    let catalogue = Catalogue::bundled().unwrap();
    let proposal = catalogue.find_settings(&network, "jeanne@lycee.example", TODAY).await.unwrap();
    drop(let_go);
    assert_eq!(proposal.choices[0].source, SettingsSource::Hand);
    assert_eq!(proposal.choices[0].warnings, [SettingsWarning::NotAsked]);
}

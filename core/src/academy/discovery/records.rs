//! Settings from the domain's SRV records (RFC 6186, RFC 8314).

use std::cmp::Reverse;

use futures_util::future::join_all;

use super::Told;
use super::form::{ServerForm, SettingsForm};
use super::proposal::SettingsSource;
use super::typed::host;
use crate::academy::generation::{MailLogin, MailServer, TlsStart};
use crate::ports::{Network, ServiceRecord};

/// The services, each kind with TLS from the first byte before the other (RFC 8314, 5.1).
const SERVICES: [(&str, TlsStart); 4] = [
    ("_imaps", TlsStart::Implicit),
    ("_imap", TlsStart::Starttls),
    ("_submissions", TlsStart::Implicit),
    ("_submission", TlsStart::Starttls),
];

/// Asks the name servers for the four services of a domain, all at once.
pub(super) async fn ask(network: &Network, domain: &str) -> Told {
    let asked = SERVICES.map(|(service, tls)| async move {
        Some((tls, service, network.services(&format!("{service}._tcp.{domain}")).await.ok()?))
    });
    let told: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    if told.is_empty() {
        return Told::Unreached;
    }
    let best = |kind: [&str; 2]| {
        let mut kinds = told.iter().filter(|(_, service, _)| kind.contains(service));
        kinds.find_map(|(tls, _, records)| best(records, *tls))
    };
    let (imap, smtp) = (best(["_imaps", "_imap"]), best(["_submissions", "_submission"]));
    if imap.is_none() && smtp.is_none() {
        return Told::Nothing;
    }
    let mut form = SettingsForm::blank(domain);
    form.imap = imap.map_or(form.imap, ServerForm::of);
    form.smtp = smtp.map_or(form.smtp, ServerForm::of);
    // What to try first (RFC 6186, 4). To try both would cost an attempt.
    form.login = Some(MailLogin::Address);
    Told::Settings(SettingsSource::Records, form)
}

/// The server that the records prefer. Among equals always the same one, and not by lot: the teacher confirms a host once.
fn best(records: &[ServiceRecord], tls: TlsStart) -> Option<MailServer> {
    let mut records: Vec<_> = records.iter().collect();
    records.sort_by_key(|record| (record.priority, Reverse(record.weight), record.target.to_ascii_lowercase()));
    // The root as a target, which is no host, says that the service is not offered.
    records
        .into_iter()
        .filter(|record| record.port != 0)
        .find_map(|record| Some(MailServer::new(host(&record.target)?, record.port, tls)))
}

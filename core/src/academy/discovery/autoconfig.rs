//! Settings from the document that a domain offers to mail apps (Thunderbird's autoconfig, draft-ietf-mailmaint-autoconfig).
//!
//! Read event by event, at most [`LARGEST`] bytes of it: no document type, no entity but XML's own five, and nothing is
//! fetched for it. Only IMAP and submission with TLS are looked at; POP3, `plain` and what is unknown are passed over.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::Told;
use super::form::{ServerForm, SettingsForm};
use super::proposal::SettingsSource;
use super::typed::host;
use crate::academy::generation::{MailLogin, MailMechanism, MailServer, TlsStart};
use crate::ports::Network;

/// Documents are one or two kilobytes.
const LARGEST: usize = 64 * 1024;
/// How deep elements may stand in each other. Those that matter are at the fourth level.
const DEEPEST: usize = 16;
/// How many servers are looked at.
const SERVERS: usize = 32;
/// The longest word of a server, in bytes.
const WORD: usize = 300;

/// Where the document is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// On a host of its own, `autoconfig`.
    Subdomain,
    /// On the domain itself.
    WellKnown,
}

/// Asks one of the two places. Without `?emailaddress=`: whose settings they are is nobody's business yet.
pub(super) async fn ask(network: &Network, domain: &str, place: Place) -> Told {
    let (host, path) = match place {
        Place::Subdomain => (format!("autoconfig.{domain}"), "mail/config-v1.1.xml"),
        Place::WellKnown => (domain.to_owned(), ".well-known/autoconfig/mail/config-v1.1.xml"),
    };
    // The network verifies the certificate and follows no redirect: another host is not this domain's word.
    let Ok(mut response) = network.http().get(format!("https://{host}/{path}")).send().await else {
        return Told::Unreached;
    };
    if response.status().as_u16() != 200 {
        return Told::Nothing;
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Told::Nothing,
            Ok(None) => break,
            Err(_) => return Told::Unreached,
        }
    }
    match str::from_utf8(&body).ok().and_then(|text| read(text, domain)) {
        Some(form) => Told::Settings(SettingsSource::Autoconfig { host }, form),
        None => Told::Nothing,
    }
}

/// A server of the document, word by word.
#[derive(Default)]
struct Server {
    outgoing: bool,
    hostname: String,
    port: String,
    socket_type: String,
    username: String,
    authentication: Vec<String>,
}

/// A server that can be used.
struct Usable {
    server: MailServer,
    login: Option<MailLogin>,
    auth: Vec<MailMechanism>,
}

/// The settings of the document, `None` where it is none or names no server that can be used.
pub(super) fn read(text: &str, domain: &str) -> Option<SettingsForm> {
    let servers = servers(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let (outgoing, incoming): (Vec<_>, Vec<_>) = servers.iter().partition(|server| server.outgoing);
    let usable = |servers: Vec<&Server>| servers.into_iter().filter_map(|s| s.usable(domain)).collect::<Vec<_>>();
    let (incoming, outgoing) = (usable(incoming), usable(outgoing));
    // The order is the domain's own preference. Both servers must take one proof and one name.
    let pairs = incoming.iter().flat_map(|imap| outgoing.iter().map(move |smtp| (imap, smtp)));
    let pair = pairs.map(|(imap, smtp)| (imap, smtp, common(imap, smtp))).find(|(_, _, auth)| !auth.is_empty());
    let mut form = SettingsForm::blank(domain);
    match (pair, incoming.first()) {
        (Some((imap, smtp, auth)), _) => {
            form.imap = ServerForm::of(imap.server.clone());
            form.smtp = ServerForm::of(smtp.server.clone());
            form.login = if imap.login == smtp.login { imap.login } else { None };
            form.auth = auth;
        }
        (None, Some(imap)) => {
            form.imap = ServerForm::of(imap.server.clone());
            form.login = imap.login;
            form.auth.clone_from(&imap.auth);
        }
        (None, None) => return None,
    }
    Some(form)
}

fn common(imap: &Usable, smtp: &Usable) -> Vec<MailMechanism> {
    imap.auth.iter().filter(|mechanism| smtp.auth.contains(mechanism)).copied().collect()
}

/// The servers of the document in their order; `None` for what is not such a document.
fn servers(text: &str) -> Option<Vec<Server>> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut found: Vec<Server> = Vec::new();
    // The one that is being read, and the word of it.
    let (mut server, mut word) = (None, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                path.push(element.name().as_ref().to_owned());
                let root = path.first().is_some_and(|root| root == "clientConfig");
                if path.len() > DEEPEST || !root || found.len() > SERVERS {
                    return None;
                }
                if path.len() == 3 {
                    server = begun(&element);
                }
                word.clear();
            }
            Event::End(_) => {
                match (path.as_slice(), &mut server) {
                    ([_, provider, _, field], Some(server)) if provider == "emailProvider" => {
                        server.take(field, word.trim())
                    }
                    ([_, provider, _], read) if provider == "emailProvider" => found.extend(read.take()),
                    _ => {}
                }
                path.pop();
                word.clear();
            }
            Event::Text(text) => word.push_str(&text),
            Event::CData(text) => word.push_str(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => word.push(character),
                // Nothing is defined here but what XML itself defines.
                None => word.push_str(resolve_predefined_entity(&reference)?),
            },
            Event::DocType(_) => return None,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return path.is_empty().then_some(found),
        }
        if word.len() > WORD {
            // No word of a server: a description, perhaps.
            word.clear();
            word.push('\0');
        }
    }
}

/// The element of a server that mail is read from or sent by.
fn begun(element: &BytesStart<'_>) -> Option<Server> {
    let kind = element.try_get_attribute("type").ok()??;
    let outgoing = match (element.name().as_ref(), kind.value.as_ref()) {
        ("incomingServer", "imap") => false,
        ("outgoingServer", "smtp") => true,
        _ => return None,
    };
    Some(Server { outgoing, ..Server::default() })
}

impl Server {
    fn take(&mut self, field: &str, word: &str) {
        match field {
            "hostname" => word.clone_into(&mut self.hostname),
            "port" => word.clone_into(&mut self.port),
            "socketType" => word.clone_into(&mut self.socket_type),
            "username" => word.clone_into(&mut self.username),
            "authentication" if self.authentication.len() < SERVERS => self.authentication.push(word.to_owned()),
            _ => {}
        }
    }

    fn usable(&self, domain: &str) -> Option<Usable> {
        let tls = match self.socket_type.as_str() {
            "SSL" => TlsStart::Implicit,
            "STARTTLS" => TlsStart::Starttls,
            _ => return None,
        };
        // The other placeholders have no business in a name that is looked up: that would tell the teacher's to the network.
        let host = host(&self.hostname.replace("%EMAILDOMAIN%", domain))?;
        let port = self.port.parse().ok().filter(|port| *port != 0)?;
        let login = match self.username.as_str() {
            "%EMAILADDRESS%" => Some(MailLogin::Address),
            "%EMAILLOCALPART%" => Some(MailLogin::Identifier),
            whole if whole == format!("%EMAILLOCALPART%@{domain}") || whole == "%EMAILLOCALPART%@%EMAILDOMAIN%" => {
                Some(MailLogin::Address)
            }
            // One name for everybody, or a form that nobody knows: the teacher is asked.
            _ => None,
        };
        let mut auth = Vec::new();
        for word in &self.authentication {
            match word.as_str() {
                "OAuth2" => auth.extend([MailMechanism::OAuthBearer, MailMechanism::XOAuth2]),
                // "plain" is the name of the first documents.
                "password-cleartext" | "plain" => auth.push(MailMechanism::Password),
                _ => {}
            }
        }
        (!auth.is_empty()).then(|| Usable { server: MailServer::new(host, port, tls), login, auth })
    }
}

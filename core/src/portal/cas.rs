//! Tickets for services that are entered by CAS (protocol 2 and 3), paid for with the app's own session at the portal.
//!
//! The ticket goes to the service in its address, and the service asks the portal whose it is (`serviceValidate`). The core is
//! no such service: it never validates a ticket, and has no use for the XML of that answer.

use reqwest::header::{ACCEPT, COOKIE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::fetch::{Answer, fetch};
use super::page::{Form, Page};
use super::session::SessionError;
use super::state::SignInFailure;
use crate::academy::Academy;
use crate::ports::{ConnectError, Network};

/// Tickets are of 32 to 256 characters (CAS protocol 3.0, 3.7); some servers take more.
const LONGEST_TICKET: usize = 512;

/// LemonLDAP::NG's numbers for a service that it does not know, and for one that this person may not enter.
const UNKNOWN: i32 = 107;
const FORBIDDEN: [i32; 2] = [68, 84];

/// Why there is no ticket.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CasError {
    /// The portal was not reached.
    #[error("the portal was not reached: {0}")]
    Connect(ConnectError),
    /// The portal is out of order, or it has no CAS.
    #[error("the portal is out of order (HTTP {status})")]
    PortalBroken {
        /// The HTTP status.
        status: u16,
    },
    /// The app has no session of its own at the portal, or the portal wants a password, a code or an agreement first.
    #[error("the portal asks for a sign-in")]
    Ended,
    /// The portal does not know the service, or does not let this person in there.
    #[error("the portal gives no ticket for this service")]
    NotForThis,
    /// The portal sent the ticket somewhere else. It was dropped.
    #[error("the portal leads to {host} instead of the service")]
    Elsewhere {
        /// The host that it named.
        host: String,
    },
    /// No portal of the academy is known, or the service's address cannot be asked for.
    #[error("no ticket can be asked for")]
    NoWayIn,
    /// The app's own session could not be read.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The page of the portal that leads on to `service` with a ticket. On the portal's official origin.
pub(super) fn login_page(academy: &Academy, service: &Url) -> Result<Url, CasError> {
    let origin = academy.official_origins.first().ok_or(CasError::NoWayIn)?;
    let mut page = origin.join("/cas/login").map_err(|_| CasError::NoWayIn)?;
    if !academy.is_official(&page) || service.query_pairs().any(|(name, _)| name == "ticket") {
        return Err(CasError::NoWayIn);
    }
    page.query_pairs_mut().append_pair("service", asked_for(service).as_str());
    Ok(page)
}

/// Asks the portal for a ticket with `cookies`, the value of a whole Cookie header, and gives the service's address with the
/// ticket in it: good for one opening, within a minute or so. One request, of which no redirect is followed.
///
/// The address is a secret while the ticket lives. It is the asked one but for the ticket, whatever the portal says.
pub(super) async fn service_ticket(
    network: &Network,
    academy: &Academy,
    cookies: &SecretString,
    service: &Url,
) -> Result<Url, CasError> {
    let page = login_page(academy, service)?;
    // Cookies that are no header's value are no session.
    let mut cookies = HeaderValue::from_str(cookies.expose_secret()).map_err(|_| CasError::Ended)?;
    cookies.set_sensitive(true);
    let request = network.http().get(page.clone()).header(ACCEPT, "text/html").header(COOKIE, cookies);
    let answer = fetch(request).await.map_err(|failure| match failure {
        SignInFailure::Connect(reason) => CasError::Connect(reason),
        _ => CasError::PortalBroken { status: 200 },
    })?;
    match answer.redirect() {
        Some(to) => with_ticket(&page, to, &asked_for(service)),
        None => Err(without_ticket(&answer)),
    }
}

/// What follows `#` is the browser's own affair; a portal that appends the ticket there would hide it from the service.
fn asked_for(service: &Url) -> Url {
    let mut asked = service.clone();
    asked.set_fragment(None);
    asked
}

/// The service's address with the ticket of a redirect, which leads exactly there or is refused.
pub(super) fn with_ticket(page: &Url, to: &str, service: &Url) -> Result<Url, CasError> {
    let to = page.join(to).map_err(|_| CasError::PortalBroken { status: 302 })?;
    let elsewhere = || CasError::Elsewhere { host: to.host_str().unwrap_or_default().chars().take(253).collect() };
    let anonymous = to.username().is_empty() && to.password().is_none();
    if to.origin() != service.origin() || to.path() != service.path() || to.fragment().is_some() || !anonymous {
        return Err(elsewhere());
    }
    let (tickets, rest): (Vec<_>, Vec<_>) = to.query_pairs().partition(|(name, _)| name == "ticket");
    if rest != service.query_pairs().collect::<Vec<_>>() {
        return Err(elsewhere());
    }
    match tickets.as_slice() {
        [(_, ticket)] if is_ticket(ticket) => {
            let mut opening = service.clone();
            opening.query_pairs_mut().append_pair("ticket", ticket);
            Ok(opening)
        }
        _ => Err(elsewhere()),
    }
}

fn is_ticket(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    text.starts_with("ST-") && text.len() > 3 && text.len() <= LONGEST_TICKET && text.bytes().all(plain)
}

/// What a page says that came in place of a ticket.
fn without_ticket(answer: &Answer) -> CasError {
    let status = answer.status;
    let broken = CasError::PortalBroken { status };
    if status == 401 {
        return CasError::Ended;
    }
    if status != 200 || !answer.is_page() {
        return broken;
    }
    let page = Page::read(&answer.body);
    if page.messages.iter().any(|said| *said == UNKNOWN || FORBIDDEN.contains(said)) {
        return CasError::NotForThis;
    }
    // The menu of a portal that has no CAS asks for passwords too, to change them, by other names. The two pages are
    // LemonLDAP::NG's "sign in anew", for a service that wants a fresher or stronger session.
    let again = |form: &Form| ["/renewsession", "/upgradesession"].iter().any(|page| form.action.contains(page));
    if page.form_with("password").is_some() || page.forms.iter().any(again) { CasError::Ended } else { broken }
}

//! What the academy offers beside mail, opened with the teacher signed in where that can be.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::Companion;
use super::error::CompanionError;
use super::seat::Seat;
use crate::academy::{Audience, Service, ServiceSignIn};
use crate::portal::CasError;
use crate::words::Finding;

/// A page to open in the system browser, and whether it will ask for a password.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServiceOpening {
    /// What to open, at once and once: it may hold a ticket, which lets in whoever has it for a minute. Never to be logged,
    /// kept or shown; show [`ServiceOpening::host`].
    pub url: String,
    /// The host that the browser goes to first.
    pub host: String,
    /// How the teacher will be received.
    pub signed_in: SignedInBy,
}

/// How a service knows the teacher.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignedInBy {
    /// By the portal's session in the browser, where the teacher signed in; for as long as the portal keeps it.
    Browser,
    /// By a ticket for this one opening, from the app's own session.
    Ticket,
    /// Not at all: it will ask. Tell the teacher why.
    Nothing(Finding),
}

impl fmt::Debug for ServiceOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, signed_in, .. } = self;
        f.debug_struct("ServiceOpening").field("host", host).field("signed_in", signed_in).finish_non_exhaustive()
    }
}

/// The academy's other services.
impl Companion {
    /// What the chosen academy offers to those who work for it; never what is for families. Empty where none is chosen or known.
    /// Does not block.
    pub fn services(&self) -> Vec<Service> {
        let Some(seat) = self.seat() else { return Vec::new() };
        seat.academy.services.iter().filter(|service| is_for_staff(service)).cloned().collect()
    }

    /// Makes the page that opens a service of [`Companion::services`], by its address. At most one request to the portal, and
    /// none to the service. It can be opened whatever [`ServiceOpening::signed_in`] says.
    ///
    /// [`Finding::Unofficial`] for an address that the academy's profile does not name, as one from a mail, and when the portal
    /// leads to another host than the service's; [`Finding::LookAlike`] for one that looks like an academy's and is not.
    pub async fn open_service(&self, address: &str) -> Result<ServiceOpening, CompanionError> {
        let (seat, service) = self.service(address)?;
        let asking = |why| Ok(opening(&service.address, SignedInBy::Nothing(why)));
        let Some(identifier) = seat.mail().map(|mail| mail.who().identifier.clone()) else {
            return asking(Finding::ServiceNoSession);
        };
        let session = seat.sign_in.session();
        let has_own = session.cookies(&identifier)?.is_some();
        if !has_own && !session.is_in_browser(&identifier)? {
            return asking(Finding::ServiceSessionEnded);
        }
        match service.sign_in {
            None => asking(Finding::ServiceUnknownWay),
            Some(ServiceSignIn::Own) => asking(Finding::ServiceOwnSignIn),
            Some(ServiceSignIn::Cas) if has_own => match session.service_ticket(&identifier, &service.address).await {
                Ok(url) => Ok(opening(&url, SignedInBy::Ticket)),
                Err(CasError::Ended) => asking(Finding::ServiceSessionEnded),
                Err(CasError::NotForThis) => asking(Finding::ServiceNotForYou),
                // Without a ticket all is as it would be in the browser alone.
                Err(CasError::PortalBroken { .. } | CasError::NoWayIn) => asking(Finding::ServiceUnknownWay),
                Err(CasError::Elsewhere { host }) => Err(CompanionError::Refused(Finding::Unofficial { host })),
                Err(CasError::Connect(reason)) => Err(reason.into()),
                Err(CasError::Session(reason)) => Err(reason.into()),
            },
            // By way of the portal, which saves the service's own first answer.
            Some(ServiceSignIn::Cas) => {
                let page = session.service_page(&service.address).unwrap_or_else(|_| service.address.clone());
                Ok(opening(&page, SignedInBy::Browser))
            }
            Some(_) if has_own => asking(Finding::ServiceOnlyByBrowser),
            Some(_) => Ok(opening(&service.address, SignedInBy::Browser)),
        }
    }

    fn service(&self, address: &str) -> Result<(Arc<Seat>, Service), CompanionError> {
        let asked = Url::parse(address).ok();
        let found = self.seat().and_then(|seat| {
            let services = seat.academy.services.iter().filter(|service| is_for_staff(service));
            let service = services.into_iter().find(|service| Some(&service.address) == asked.as_ref())?.clone();
            Some((seat, service))
        });
        let host: String = asked.as_ref().and_then(Url::host_str).unwrap_or_default().chars().take(253).collect();
        found.ok_or_else(|| {
            CompanionError::Refused(match self.catalogue.look_alike(&host) {
                Some(like) => Finding::LookAlike { official: like.official.to_owned(), host },
                None => Finding::Unofficial { host },
            })
        })
    }
}

fn is_for_staff(service: &Service) -> bool {
    service.audience != Some(Audience::Families)
}

fn opening(url: &Url, signed_in: SignedInBy) -> ServiceOpening {
    let host = url.host_str().unwrap_or_default().to_owned();
    ServiceOpening { url: url.as_str().to_owned(), host, signed_in }
}

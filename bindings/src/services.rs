//! What the academy offers beside mail.

use std::fmt;

use cartable_core::academy;
use cartable_core::companion as core;
use cartable_core::words::Language;

use crate::cartable::Cartable;
use crate::error::{CompanionError, Told};
use crate::settings::MailGeneration;

/// A service that the academy offers to those who work for it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Service {
    /// The name that teachers know.
    pub name: String,
    /// What it is, for its picture.
    pub kind: ServiceKind,
    /// Where it is, for `open_service`. To be opened by that call only, which may let the teacher in.
    pub address: String,
    /// Who it is for, where that is known.
    pub audience: Option<Audience>,
    /// Which generation of the mail a webmail shows, where that is known.
    pub generation: Option<MailGeneration>,
}

/// What a service is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum ServiceKind {
    /// The portal of staff applications.
    Arena,
    /// The management of examinations.
    Cyclades,
    /// A digital workspace of schools.
    Ent,
    /// A teacher's own file and career.
    IProf,
    /// The management of schools and pupils.
    Sconet,
    /// Mail in the browser.
    Webmail,
    /// Another.
    Other,
}

/// Who a service is for. One for families is never among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Audience {
    /// Everybody.
    Everybody,
    /// Everybody who works for the academy.
    Staff,
    /// Heads of school.
    HeadsOfSchool,
}

/// A page to open in the system browser, and whether it will ask for a password.
#[derive(Clone, Eq, PartialEq, uniffi::Record)]
pub struct ServiceOpening {
    /// What to open, at once and once. A secret: it may hold a ticket, which lets in whoever has it for a minute. Never in a
    /// log, so print no record of this kind; show `host`.
    pub url: String,
    /// The host that the browser goes to first.
    pub host: String,
    /// How the teacher will be received.
    pub signed_in: SignedInBy,
}

/// How a service knows the teacher.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SignedInBy {
    /// By the portal's session in the browser, for as long as the portal keeps it.
    Browser,
    /// By a ticket for this one opening, from the app's own session.
    Ticket,
    /// Not at all: it will ask. It may be opened all the same.
    Nothing {
        /// Why, to be told before it opens.
        told: Told,
    },
}

impl fmt::Debug for ServiceOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, signed_in, .. } = self;
        f.debug_struct("ServiceOpening").field("host", host).field("signed_in", signed_in).finish_non_exhaustive()
    }
}

impl From<academy::Service> for Service {
    fn from(service: academy::Service) -> Self {
        use academy::{Audience as A, ServiceKind as K};
        Self {
            kind: match service.kind {
                K::Arena => ServiceKind::Arena,
                K::Cyclades => ServiceKind::Cyclades,
                K::Ent => ServiceKind::Ent,
                K::IProf => ServiceKind::IProf,
                K::Sconet => ServiceKind::Sconet,
                K::Webmail => ServiceKind::Webmail,
                _ => ServiceKind::Other,
            },
            audience: service.audience.and_then(|audience| match audience {
                A::Everybody => Some(Audience::Everybody),
                A::Staff => Some(Audience::Staff),
                A::HeadsOfSchool => Some(Audience::HeadsOfSchool),
                _ => None,
            }),
            generation: service.generation.and_then(MailGeneration::of),
            name: service.name,
            address: service.address.into(),
        }
    }
}

impl ServiceOpening {
    fn new(opening: core::ServiceOpening, language: Language) -> Self {
        let core::ServiceOpening { url, host, signed_in, .. } = opening;
        let signed_in = match signed_in {
            core::SignedInBy::Ticket => SignedInBy::Ticket,
            core::SignedInBy::Nothing(why) => SignedInBy::Nothing { told: Told::new(&why, language) },
            _ => SignedInBy::Browser,
        };
        Self { url, host, signed_in }
    }
}

#[uniffi::export]
impl Cartable {
    /// What the chosen academy offers to those who work for it. Empty where none is chosen or known. Does not block.
    pub fn services(&self) -> Vec<Service> {
        self.core.services().into_iter().map(Into::into).collect()
    }

    /// Makes the page that opens a service of `services`, by its address. At most one request to the portal, and none to the
    /// service. `Refused` for an address that is none of them.
    ///
    /// Where the page may ask for a password, call `portal_opened` before it opens and `portal_left` after, so that a code that
    /// comes by mail raises no alarm.
    pub async fn open_service(&self, address: String) -> Result<ServiceOpening, CompanionError> {
        let language = self.language();
        let opening = self.run(|core| async move { core.open_service(&address).await }).await?;
        Ok(ServiceOpening::new(opening, language))
    }

    /// The page of the portal that signs out the browser too, to be opened in it after `sign_out`; nothing where the browser has
    /// no session of the portal's, or the portal no such page. Waits for the portal, at most about a minute.
    pub async fn sign_out_page(&self) -> Result<Option<String>, CompanionError> {
        self.run(|core| async move { core.sign_out_page().await }).await
    }
}

//! Bad network for tests in other languages: one wire to each server, which changes its fault on demand.

use super::{Failure, Shared};
use crate::{
    Authority, Endpoint, PushError, Validity,
    wire::{Faults, Identity, Refusal},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::btree_map::Entry, time::Duration};

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub(super) enum Host {
    Portal,
    Imap,
    Smtp,
    Push,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    None,
    BlackHole,
    Refuse,
    UnknownAuthority,
    Expired,
    WrongHost,
}

#[derive(Deserialize)]
pub(super) struct Set {
    host: Host,
    fault: Fault,
    /// Each way.
    #[serde(default)]
    delay_ms: u64,
}

impl Shared {
    pub(super) async fn set_wire(&self, asked: Set) -> Result<Value, Failure> {
        let server = match asked.host {
            Host::Portal => self.academy.portal(),
            Host::Imap => self.academy.imap(),
            Host::Smtp => self.academy.smtp(),
            Host::Push => self.academy.push().ok_or(PushError::NotStarted)?,
        };
        let (host, port) = (server.host, server.port);
        let faults = self.faults(&server, asked.fault)?.delay_both(Duration::from_millis(asked.delay_ms));
        let mut wires = self.wires.lock().await;
        let wire = match wires.entry(asked.host) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.academy.wire(server).await?),
        };
        wire.set(faults).await?;
        Ok(json!({"host": host, "address": wire.address(), "port": port}))
    }

    fn faults(&self, server: &Endpoint, fault: Fault) -> Result<Faults, Failure> {
        let none = Faults::none();
        let own = self.academy.authority();
        let leaf = match fault {
            Fault::None => return Ok(none),
            Fault::BlackHole => return Ok(none.black_hole()),
            Fault::Refuse => return Ok(none.refuse(Refusal::Port)),
            Fault::UnknownAuthority => Authority::new("Elsewhere CA")?.issue(&[server.host], Validity::Good)?,
            Fault::Expired => own.issue(&[server.host], Validity::Expired)?,
            Fault::WrongHost => own.issue(&["elsewhere.test"], Validity::Good)?,
        };
        Ok(none.intercept(Identity::of(&leaf)?))
    }
}

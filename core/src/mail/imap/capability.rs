//! What a server can do, and what of it is enabled (RFC 5161).

use std::collections::BTreeSet;

use async_imap::imap_proto::{Capability, Response};

use super::error::ImapError;
use super::mailbox_name::Form;
use super::session::ImapSession;

/// RFC 2971: for the academy's help desk, which looks for us in its log. Says nothing of the phone or of the teacher.
const WHO_WE_ARE: &str = concat!("ID (\"name\" \"Cartable\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")");

impl ImapSession {
    /// Whether the server has this extension, by its name in upper case.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// What is to be said ahead of the first command. RFC 5161, 3.1: what is enabled need not be waited for.
    pub(super) fn wishes(&self) -> Vec<&'static str> {
        let enable = match (self.has("ENABLE") && self.has("QRESYNC"), self.has("ENABLE") && self.offers_utf8()) {
            (true, true) => Some("ENABLE QRESYNC UTF8=ACCEPT"),
            (true, false) => Some("ENABLE QRESYNC"),
            (false, true) => Some("ENABLE UTF8=ACCEPT"),
            (false, false) => None,
        };
        enable.into_iter().chain(self.has("ID").then_some(WHO_WE_ARE)).collect()
    }

    /// Enables what the server can, where no command has done so yet: before one that needs to know.
    pub(super) async fn settle_extensions(&mut self) -> Result<(), ImapError> {
        if self.due.is_empty() { Ok(()) } else { self.noop().await }
    }

    /// Notes what an answer says is enabled.
    pub(super) fn enabled(&mut self, response: &Response<'_>) {
        let Response::Capabilities(list) = response else { return };
        let told = |name: &str| list.iter().any(|one| is_atom(one, name));
        self.qresync |= told("QRESYNC");
        self.utf8 |= told("UTF8=ACCEPT");
    }

    /// How names of mailboxes travel now.
    pub(super) fn form(&self) -> Form {
        if self.utf8 { Form::Utf8 } else { Form::Utf7 }
    }

    /// The name of a mailbox as an argument. Asks what is enabled first, where the name's form depends on it.
    pub(super) async fn mailbox(&mut self, name: &str) -> Result<String, ImapError> {
        if self.offers_utf8() && Form::Utf7.encode(name).as_deref() != Some(name) {
            self.settle_extensions().await?;
        }
        let wire = self.form().encode(name).ok_or(ImapError::InvalidArgument)?;
        super::commands::quoted(&wire)
    }

    /// RFC 6855, 2: by either name it wants to be told `UTF8=ACCEPT`.
    fn offers_utf8(&self) -> bool {
        self.has("UTF8=ACCEPT") || self.has("UTF8=ONLY")
    }
}

/// RFC 5161: told as capabilities are.
pub(super) fn is_enabled(raw: &[u8]) -> bool {
    raw.get(..10).is_some_and(|head| head.eq_ignore_ascii_case(b"* ENABLED "))
}

fn is_atom(capability: &Capability<'_>, name: &str) -> bool {
    matches!(capability, Capability::Atom(atom) if atom.eq_ignore_ascii_case(name))
}

/// Collects the names of capabilities, in upper case.
pub(super) fn names(response: &Response<'_>, found: &mut BTreeSet<String>) {
    let Response::Capabilities(list) = response else { return };
    found.extend(list.iter().take(200).map(name));
}

pub(super) fn name(capability: &Capability<'_>) -> String {
    match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(mechanism) => format!("AUTH={}", mechanism.to_ascii_uppercase()),
        Capability::Atom(atom) => atom.to_ascii_uppercase(),
    }
}

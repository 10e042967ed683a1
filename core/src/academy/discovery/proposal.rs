//! What is proposed to the teacher.

use super::form::SettingsForm;
use super::typed::Typed;
use crate::academy::generation::{GenerationName, MailMechanism};
use crate::academy::look_alike::is_below;

/// Settings to show to the teacher, who confirms the hosts. Until then nothing secret goes anywhere.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Proposal {
    /// The domain of the addresses.
    pub domain: String,
    /// The academy whose domain it is, by its short name, where a profile knows it.
    pub academy: Option<String>,
    /// At least one, the best first. Two where an academy's move to the messagerie nationale is under way: ask which webmail
    /// the teacher opens.
    pub choices: Vec<Choice>,
}

/// One set of settings.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// Who says so.
    pub source: SettingsSource,
    /// The settings, as far as they are known.
    pub form: SettingsForm,
    /// What the teacher should know before confirming.
    pub warnings: Vec<SettingsWarning>,
}

/// Who says that these are the settings.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SettingsSource {
    /// The app's own knowledge of the academy.
    Profile(GenerationName),
    /// A document that this host of the domain gave over https.
    Autoconfig {
        /// The host.
        host: String,
    },
    /// The domain's name servers, which nobody has vouched for.
    Records,
    /// Nobody: the teacher fills the form in.
    Hand,
}

/// What to know before confirming.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SettingsWarning {
    /// A server outside the domain of the address. A provider may well do so, and so may somebody who forged the name
    /// servers' answer (RFC 6186, 6).
    OtherDomain {
        /// The server.
        host: String,
        /// The domain of the address.
        domain: String,
    },
    /// TLS begins by STARTTLS. The app never goes on without.
    LateTls {
        /// The server.
        host: String,
    },
    /// The servers take tokens of a portal only, which this app cannot get there.
    TokensOnly,
    /// No source was reached: with a network there may be something to find.
    NotAsked,
}

impl Choice {
    /// The hosts that the teacher must see and confirm, each once.
    pub fn hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = self.form.hosts().collect();
        hosts.dedup();
        hosts
    }

    /// What somebody other than a profile says, with its warnings.
    pub(super) fn told(source: SettingsSource, form: SettingsForm) -> Self {
        let domain = form.domain.clone();
        let mut warnings = Vec::new();
        let mut choice = Self { source, form, warnings: Vec::new() };
        for host in choice.hosts().into_iter().filter(|host| !is_below(host, &domain)) {
            warnings.push(SettingsWarning::OtherDomain { host: host.to_owned(), domain: domain.clone() });
        }
        warnings.extend(choice.form.late_tls());
        if !choice.form.auth.contains(&MailMechanism::Password) {
            warnings.push(SettingsWarning::TokensOnly);
        }
        choice.warnings = warnings;
        choice
    }

    /// A form to fill in. A host that was typed alone is taken for that of IMAP.
    pub(super) fn by_hand(typed: &Typed, domain: &str, warnings: Vec<SettingsWarning>) -> Self {
        let mut form = SettingsForm::blank(domain);
        form.imap.host = (!typed.address && typed.host != domain).then(|| typed.host.clone());
        Self { source: SettingsSource::Hand, form, warnings }
    }
}

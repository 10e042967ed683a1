//! What is proposed to the teacher.

use super::form::SettingsForm;
use crate::academy::generation::GenerationName;

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
    /// What the teacher should know before confirming. Once the form is filled in, ask [`SettingsForm::warnings`] again.
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
    /// A server outside the domain of the address, and no academy's. A provider may well do so, and so may somebody who forged the name
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
}

//! Mail settings for an address or a host that a teacher types: from a profile, else asked for, else a form to fill in.
//!
//! Asked are the domain itself and its name servers, by nothing but the domain's name: what stands before the `@` stays on the
//! phone. The public database of settings (ISPDB) is not asked: that would tell a third party where a teacher has mail.

mod autoconfig;
mod form;
mod proposal;
mod records;
mod typed;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use jiff::civil::Date;
use tokio::time::timeout;

pub use form::{ServerForm, SettingsField, SettingsForm};
pub use proposal::{Choice, Proposal, SettingsSource, SettingsWarning};

use typed::Typed;

use super::catalogue::Catalogue;
use super::facts::Kind;
use super::generation::{Generation, GenerationName, Standing};
use super::profile::Academy;
use crate::ports::Network;

/// How long everything that is asked may take together.
const LIMIT: Duration = Duration::from_secs(8);

/// Why there are no settings, or why they are not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Neither an address nor the name of a host: an IP address, a single word, a slip of the pen.
    #[error("neither an address nor a host")]
    NotAnAddress,
    /// Typed, or told by a server: it looks like an academy's and is not. Nothing was sent there.
    #[error("{host} looks like {official}")]
    LookAlike {
        /// The host, as it was given.
        host: String,
        /// The academy's.
        official: String,
    },
    /// The form is not filled in.
    #[error("{0:?} is missing")]
    Missing(SettingsField),
    /// No host by name.
    #[error("{0:?} is not the name of a host")]
    BadHost(SettingsField),
    /// No port: they begin with 1.
    #[error("{0:?} is not a port")]
    BadPort(SettingsField),
    /// The servers take tokens of a portal only, and there is none.
    #[error("the servers take no password")]
    NoPassword,
}

/// What a source says of a domain.
enum Told {
    Settings(SettingsSource, SettingsForm),
    /// It was reached, and knows nothing.
    Nothing,
    /// It was not reached.
    Unreached,
}

impl Catalogue {
    /// Settings for the address or host `typed`, on the day `today`. The domain of an academy costs no network at all; for
    /// another one the domain and its name servers are asked, for eight seconds at most. Where nobody knows, the choice is a
    /// form to fill in. Nothing is stored, and no server of the proposal is spoken to: the teacher sees its hosts first.
    ///
    /// [`SettingsError::LookAlike`] for what looks like an academy's; nothing is sent there, not even a question.
    pub async fn find_settings(&self, network: &Network, typed: &str, today: Date) -> Result<Proposal, SettingsError> {
        let typed = Typed::read(typed)?;
        self.refuse_look_alike(&typed.shown)?;
        if let Some(academy) = self.academy_at(&typed.host) {
            return Ok(self.known(academy, &typed, today));
        }
        let (source, form, reached) = asked(network, &typed).await;
        for host in form.hosts() {
            self.refuse_look_alike(host)?;
        }
        let mut choice = Choice { source, warnings: form.warnings(self), form };
        if !reached {
            choice.warnings.push(SettingsWarning::NotAsked);
        }
        Ok(Proposal { domain: typed.domain, academy: None, choices: vec![choice] })
    }

    /// The academy whose the host is: a domain of its addresses, a name below one, or one of its servers.
    pub fn academy_at(&self, host: &str) -> Option<&Academy> {
        let host = host.to_ascii_lowercase();
        let at_domain =
            |academy: &&Academy| academy.mail_domains.iter().any(|domain| super::look_alike::is_below(&host, domain));
        let served = |academy: &&Academy| academy.hosts().any(|own| own == host);
        self.academies().find(at_domain).or_else(|| self.academies().find(served))
    }

    fn refuse_look_alike(&self, host: &str) -> Result<(), SettingsError> {
        match self.look_alike(host) {
            Some(found) => Err(SettingsError::LookAlike { host: host.to_owned(), official: found.official.to_owned() }),
            None => Ok(()),
        }
    }

    /// What the profiles say, the likeliest generation first.
    fn known(&self, academy: &Academy, typed: &Typed, today: Date) -> Proposal {
        let domain = match academy.mail_domains.iter().find(|domain| super::look_alike::is_below(&typed.host, domain)) {
            Some(domain) => domain.clone(),
            None => typed.domain.clone(),
        };
        // What stands before the @ says nothing of the generation.
        let names = match academy.standing(&format!("x@{domain}"), today) {
            Standing::On(name) => vec![name],
            Standing::Ask => vec![GenerationName::Legacy, GenerationName::National],
            Standing::Stranger if academy.kind == Kind::National => vec![GenerationName::National],
            Standing::Stranger => vec![GenerationName::Legacy],
        };
        let generations = names.into_iter().filter_map(|name| self.generation(academy, name));
        let mut choices: Vec<Choice> =
            generations.filter(|g| g.imap.is_some() || g.smtp.is_some()).map(|g| self.of_profile(g, &domain)).collect();
        if choices.is_empty() {
            let form = by_hand(typed, &domain);
            choices.push(Choice { source: SettingsSource::Hand, warnings: form.warnings(self), form });
        }
        let own = academy.kind != Kind::National;
        Proposal { domain, academy: own.then(|| academy.id.clone()), choices }
    }

    fn of_profile(&self, generation: &Generation, domain: &str) -> Choice {
        let mut form = SettingsForm::blank(domain);
        form.imap.fill(generation.imap.as_ref());
        form.smtp.fill(generation.smtp.as_ref());
        form.login = generation.login;
        if !generation.auth.is_empty() {
            form.auth.clone_from(&generation.auth);
        }
        Choice { source: SettingsSource::Profile(generation.name), warnings: form.warnings(self), form }
    }
}

/// Asks all sources at once, and takes the answer of the first one that knows, in the order of their trust. Whether one of
/// them was reached.
async fn asked(network: &Network, typed: &Typed) -> (SettingsSource, SettingsForm, bool) {
    let domain = typed.domain.as_str();
    let sources: [BoxFuture<'_, Told>; 3] = [
        Box::pin(autoconfig::ask(network, domain, autoconfig::Place::Subdomain)),
        Box::pin(autoconfig::ask(network, domain, autoconfig::Place::WellKnown)),
        Box::pin(records::ask(network, domain)),
    ];
    let bounded = sources.map(|source| async { timeout(LIMIT, source).await.unwrap_or(Told::Unreached) });
    let mut answers = FuturesOrdered::from_iter(bounded);
    let mut reached = false;
    while let Some(told) = answers.next().await {
        match told {
            Told::Settings(source, form) => return (source, form, true),
            Told::Nothing => reached = true,
            Told::Unreached => {}
        }
    }
    (SettingsSource::Hand, by_hand(typed, domain), reached)
}

/// A form to fill in. A host that was typed alone is taken for that of IMAP.
fn by_hand(typed: &Typed, domain: &str) -> SettingsForm {
    let mut form = SettingsForm::blank(domain);
    form.imap.host = (!typed.address && typed.host != domain).then(|| typed.host.clone());
    form
}

#[cfg(test)]
mod tests;

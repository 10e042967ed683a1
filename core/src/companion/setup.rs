//! What a companion is opened with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::accounts::Among;
use super::error::CompanionError;
use crate::academy::{Academy, Catalogue, RefusedUpdate};
use crate::ports::{Clock, Drawer, KeyringStore, Network, SecretStore, SystemClock};
use crate::words::Language;

/// The folder of newer profiles, below the companion's own.
const PROFILES: &str = "profiles";

/// The name under which the platform's keystore shows our secrets.
const SERVICE: &str = "fr.cartable.app";

/// What a companion is opened with: a folder, and what the phone lends where the usual will not do.
#[derive(Clone)]
pub struct Setup {
    pub(super) folder: PathBuf,
    pub(super) language: Language,
    academies: Vec<Academy>,
    pub(super) secrets: Option<Arc<dyn SecretStore>>,
    clock: Arc<dyn Clock>,
    network: Option<Network>,
    pub(super) among: Option<Among>,
}

/// What the phone lends, every part of it there.
pub(super) struct Lent {
    pub(super) catalogue: Catalogue,
    pub(super) refused_profiles: Vec<RefusedUpdate>,
    pub(super) secrets: Arc<dyn SecretStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Network,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Setup {
    /// A companion that keeps its database in `folder`, which is made when it is not there, speaks French, keeps its secrets
    /// in the platform's keystore and uses the phone's own network. Signed profiles in `folder/profiles` replace the bundled
    /// ones that are older.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            language: Language::default(),
            academies: Vec::new(),
            secrets: None,
            clock: Arc::new(SystemClock),
            network: None,
            among: None,
        }
    }

    /// Speaks this language.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Knows this academy too, in place of the bundled one of the same name.
    #[must_use]
    pub fn academy(mut self, academy: Academy) -> Self {
        self.academies.push(academy);
        self
    }

    /// Keeps secrets here.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn SecretStore>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Tells the time by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Reaches the servers this way.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// The clock.
    pub(super) fn told_by(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Fills in what was not given. Blocks while the platform's keystore answers.
    pub(super) fn lent(self) -> Result<Lent, CompanionError> {
        let profiles = self.among.as_ref().map_or(&self.folder, |among| &among.root).join(PROFILES);
        let (mut catalogue, refused_profiles) = Catalogue::with_updates(&profiles)?;
        for refused in &refused_profiles {
            tracing::warn!(file = %refused.file.display(), reason = %refused.reason, "a profile was not taken");
        }
        for academy in self.academies {
            catalogue.add(academy)?;
        }
        let secrets = self.secrets.map_or_else(keystore, Ok)?;
        let secrets = match &self.among {
            Some(among) => Arc::new(Drawer::new(secrets, among.id.to_string())),
            None => secrets,
        };
        let network = self.network.map_or_else(Network::system, Ok)?;
        Ok(Lent { catalogue, refused_profiles, secrets, clock: self.clock, network })
    }
}

/// The platform's keystore. Blocks while it answers.
pub(super) fn keystore() -> Result<Arc<dyn SecretStore>, CompanionError> {
    Ok(Arc::new(KeyringStore::open(SERVICE)?))
}

//! The profiles that this app knows, and finding one among them.

use std::path::Path;

use url::Url;

use super::facts::Kind;
use super::generation::{Generation, GenerationName, MoveStatus};
use super::profile::{Academy, ProfileError};
use super::search::{Query, folded};
use super::update::{self, RefusedUpdate, UpdateError, UpdateKey};

/// One file an academy, and the messagerie nationale.
macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        &[$(include_str!(concat!("../../profiles/", $name, ".toml"))),*]
    };
}

pub(super) const BUNDLED: &[&str] = profiles![
    "aix-marseille",
    "amiens",
    "besancon",
    "bordeaux",
    "clermont",
    "corse",
    "creteil",
    "dijon",
    "grenoble",
    "guadeloupe",
    "guyane",
    "lille",
    "limoges",
    "lyon",
    "martinique",
    "mayotte",
    "montpellier",
    "nancy-metz",
    "nantes",
    "national",
    "nice",
    "normandie",
    "nouvelle-caledonie",
    "orleans-tours",
    "paris",
    "poitiers",
    "reims",
    "rennes",
    "reunion",
    "strasbourg",
    "toulouse",
    "versailles",
];

/// All known academies.
#[derive(Clone, Debug)]
pub struct Catalogue {
    academies: Vec<Academy>,
}

impl Catalogue {
    /// The profiles that come with the app.
    pub fn bundled() -> Result<Self, ProfileError> {
        let mut catalogue = Self { academies: Vec::with_capacity(BUNDLED.len()) };
        for text in BUNDLED {
            catalogue.add(Academy::from_toml(text)?)?;
        }
        Ok(catalogue)
    }

    /// The same, with the newer ones of a folder. A file of it that is refused costs that file only: the profile before it
    /// stays, and the file is in the list. A folder that is not there has none. Blocks for as long as the disk does.
    pub fn with_updates(folder: &Path) -> Result<(Self, Vec<RefusedUpdate>), ProfileError> {
        let mut catalogue = Self::bundled()?;
        let refused = catalogue.update_from(folder, &UpdateKey::PRODUCT);
        Ok((catalogue, refused))
    }

    /// Takes the files `*.toml` of a folder, in the order of their names, as [`Catalogue::update`] does; gives those that were
    /// refused. Blocks for as long as the disk does.
    pub fn update_from(&mut self, folder: &Path, key: &UpdateKey) -> Vec<RefusedUpdate> {
        update::read(folder, |signed| self.update(signed, key).map(|_| ()))
    }

    /// Takes one signed profile: in place of an older one of the same academy, or as a new academy. On any error everything
    /// stays as it was.
    pub fn update(&mut self, signed: &[u8], key: &UpdateKey) -> Result<&Academy, UpdateError> {
        let academy = Academy::from_toml(update::verified(signed, key)?)?;
        if let Some(known) = self.by_id(&academy.id)
            && academy.revised <= known.revised
        {
            return Err(UpdateError::NotNewer { known: known.revised, offered: academy.revised });
        }
        Ok(self.add(academy)?)
    }

    /// Adds an academy, replacing the one of the same name. Refused where it claims a host or a mail domain of another.
    pub fn add(&mut self, academy: Academy) -> Result<&Academy, ProfileError> {
        for other in self.academies.iter().filter(|other| other.id != academy.id) {
            let host = academy.hosts().find(|host| other.hosts().any(|known| known == *host));
            let domain = || academy.mail_domains.iter().find(|domain| other.has_domain(domain)).map(String::as_str);
            if let Some(claimed) = host.or_else(domain) {
                return Err(ProfileError::Claimed(claimed.to_owned()));
            }
        }
        self.academies.retain(|other| other.id != academy.id);
        Ok(self.academies.push_mut(academy))
    }

    /// All profiles, that of the messagerie nationale too, in no order.
    pub fn academies(&self) -> impl Iterator<Item = &Academy> {
        self.academies.iter()
    }

    /// The academy of this short name.
    pub fn by_id(&self, id: &str) -> Option<&Academy> {
        self.academies.iter().find(|academy| academy.id == id)
    }

    /// The messagerie nationale.
    pub fn national(&self) -> Option<&Academy> {
        self.academies.iter().find(|academy| academy.kind == Kind::National)
    }

    /// The academies that `query` may mean, by name, town, mail domain, address or NUMEN, with accents or without, as far as
    /// it is typed; all of them for an empty query. The best first, then in the order of their names.
    ///
    /// A NUMEN names the academy where one entered service, which need not be today's: offer it, do not choose by it.
    pub fn search(&self, query: &str) -> Vec<&Academy> {
        let query = Query::new(query);
        let academies = self.academies.iter().filter(|academy| academy.kind != Kind::National);
        let mut found: Vec<_> = academies.filter_map(|academy| Some((query.rank(academy)?, academy))).collect();
        found.sort_by_cached_key(|(rank, academy)| (*rank, folded(&academy.name)));
        found.into_iter().map(|(_, academy)| academy).collect()
    }

    /// The mail servers of an academy's generation: its own, or those of the messagerie nationale.
    pub fn generation<'a>(&'a self, academy: &'a Academy, name: GenerationName) -> Option<&'a Generation> {
        match name {
            GenerationName::Legacy => academy.generation(name),
            GenerationName::National => self.national_of(academy)?.generation(name),
        }
    }

    /// Whether `url` may be sent a secret by somebody of `academy`: on an official origin of the academy, or of the messagerie
    /// nationale to which its addresses go.
    pub fn is_official(&self, academy: &Academy, url: &Url) -> bool {
        academy.is_official(url) || self.national_of(academy).is_some_and(|national| national.is_official(url))
    }

    /// Which generation it shows that the browser, sent to the webmail, ended at `url`. `None` for any other page.
    pub fn generation_at(&self, academy: &Academy, url: &Url) -> Option<GenerationName> {
        let shown = |academy: &Academy, name| {
            academy.webmail(name).is_some_and(|webmail| webmail.address.origin() == url.origin())
        };
        if self.national_of(academy).is_some_and(|national| shown(national, GenerationName::National)) {
            return Some(GenerationName::National);
        }
        shown(academy, GenerationName::Legacy).then_some(GenerationName::Legacy)
    }

    /// The messagerie nationale, for an academy whose addresses go there.
    fn national_of(&self, academy: &Academy) -> Option<&Academy> {
        let apart = academy.move_to_national.is_some_and(|plan| plan.status == MoveStatus::Apart);
        // Ask an academy that says nothing too: all are to move. A vice-rectorat is none.
        if apart || academy.kind == Kind::ViceRectorat && academy.move_to_national.is_none() {
            return None;
        }
        self.national()
    }
}

//! The profiles that this app knows, and finding one among them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::profile::{Academy, ProfileError};

const BUNDLED: &[&str] = &[include_str!("../../profiles/nancy-metz.toml")];

/// All known academies.
#[derive(Clone, Debug)]
pub struct Catalogue {
    academies: Vec<Academy>,
}

impl Catalogue {
    /// The profiles that come with the app.
    pub fn bundled() -> Result<Self, ProfileError> {
        let mut catalogue = Self { academies: Vec::new() };
        for text in BUNDLED {
            catalogue.add(Academy::from_toml(text)?)?;
        }
        Ok(catalogue)
    }

    /// Adds an academy, replacing the one of the same name. Refused where it claims an origin of another.
    pub fn add(&mut self, academy: Academy) -> Result<(), ProfileError> {
        for other in self.academies.iter().filter(|other| other.id != academy.id) {
            let claimed = academy.official_origins.iter().find(|origin| other.is_official(origin));
            if let Some(origin) = claimed {
                return Err(ProfileError::Claimed(origin.to_string()));
            }
        }
        self.academies.retain(|other| other.id != academy.id);
        self.academies.push(academy);
        Ok(())
    }

    /// The academy of this short name.
    pub fn by_id(&self, id: &str) -> Option<&Academy> {
        self.academies.iter().find(|academy| academy.id == id)
    }

    /// The academies that `query` may mean, by name, town, mail domain, address or NUMEN, with accents or without; all
    /// of them for an empty query. In the order of their names.
    pub fn search(&self, query: &str) -> Vec<&Academy> {
        let query = folded(query);
        let mut found: Vec<_> = self.academies.iter().filter(|academy| matches(academy, &query)).collect();
        found.sort_by_key(|academy| folded(&academy.name));
        found
    }
}

fn matches(academy: &Academy, query: &str) -> bool {
    if query.is_empty() || folded(&academy.name).contains(query) || folded(&academy.city).contains(query) {
        return true;
    }
    if let Some(mail) = &academy.mail {
        let domain = folded(&mail.domain);
        if domain.contains(query) || query.split_once('@').is_some_and(|(_, typed)| typed == domain) {
            return true;
        }
    }
    // Only the code and something that looks like the rest of a NUMEN: a lone digit would match everybody.
    academy.numen_code.as_ref().is_some_and(|code| query.len() >= 2 && query.starts_with(code.as_str()))
}

fn folded(text: &str) -> String {
    let decomposed = text.trim().nfd().filter(|c| !is_combining_mark(*c));
    decomposed.flat_map(char::to_lowercase).collect::<String>().replace('œ', "oe").replace(['-', '’', '\''], " ")
}

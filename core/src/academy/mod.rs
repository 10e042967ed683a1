//! Who the academies are: official origins, ways in, mail servers, and where each of these facts comes from.
//!
//! A profile is data. It is checked whole when it is read; code behind this module may rely on it.

mod catalogue;
mod profile;

pub use catalogue::Catalogue;
pub use profile::{
    Academy, Confidence, Evidence, MailLogin, MailMechanism, MailServer, MailSettings, OidcSettings, ProfileError,
};

#[cfg(test)]
mod tests;

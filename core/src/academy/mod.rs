//! Who the academies are: official origins, ways in, mail servers, and where each of these facts comes from.
//!
//! A profile is data. It is checked whole when it is read; code behind this module may rely on it. The file's form, how to
//! add an academy and how a profile is replaced without a new version of the app: the README of this module.

mod catalogue;
mod discovery;
mod facts;
mod generation;
mod look_alike;
mod own;
mod profile;
mod rules;
mod search;
mod update;

pub use catalogue::Catalogue;
pub use discovery::{
    Choice, Proposal, ServerForm, SettingsError, SettingsField, SettingsForm, SettingsSource, SettingsWarning,
};
pub use facts::{
    Audience, Confidence, Evidence, HackedAccount, IdentifierForm, IdentifierRule, InitialPassword, Kind, LockRule,
    MailCodeRule, MailProof, OidcSettings, PasswordFacts, PasswordPolicy, Portal, PortalProtocol, Recovery,
    RecoveryProof, SecondFactor, Service, ServiceKind, ServiceSignIn, Support, WayIn,
};
pub use generation::{
    Generation, GenerationName, MailLimits, MailLogin, MailMechanism, MailRules, MailSecret, MailServer, MailSettings,
    Move, MoveStatus, ServerFacts, Standing, TlsStart,
};
pub use look_alike::LookAlike;
pub use profile::{Academy, ProfileError};
pub use update::{MAX_UPDATE, RefusedUpdate, UpdateError, UpdateKey};

#[cfg(test)]
mod tests;

//! What Kotlin and Swift see of Cartable.
//!
//! A shell opens a [`Cartable`], draws what it says and sends back what the teacher did. Everything here converts,
//! delegates to `cartable-core`, and converts back.
//!
//! * Functions that wait run on a runtime of ours: a coroutine or task of the shell that is dropped only stops waiting, and
//!   never drops an exchange with a server half-way. Work that may be long gives a [`TaskHandle`], whose `cancel` does the
//!   same in both languages.
//! * Every function that may fail gives the one [`CompanionError`], named by what the shell does next and carrying the words
//!   for the teacher.
//! * Foreign traits ([`SecretStore`], [`ServiceResolver`], [`ChangeListener`], [`SyncListener`], [`OpenListener`], [`SaveListener`],
//!   [`TouchListener`]) are called on threads of ours, never with a lock held, and may block for a short while.

mod academies;
mod accounts;
mod actions;
mod bodies;
mod cartable;
mod codes;
mod convert;
mod error;
mod in_touch;
mod ports;
mod records;
mod runtime;
mod services;
mod settings;
mod sign_in;
mod task;

pub use academies::{AcademyCard, SecondFactor, WayIn};
pub use accounts::{Account, AccountSync, Accounts};
pub use actions::{ActionKind, NewMailbox, Refusal};
pub use bodies::{OpenListener, Prefetch, SaveListener, SavedFile};
pub use cartable::{Cartable, rebuild_storage};
pub use codes::{Alarm, OfferedCode};
pub use error::{CompanionError, ListenerError, Told};
pub use in_touch::{InTouch, Link, TouchListener};
pub use ports::{
    ChangeListener, NetworkSettings, SecretStore, SecretStoreError, ServiceRecord, ServiceResolver,
    ServiceResolverError, Setup, SyncListener,
};
pub use records::{
    Attachment, AttachmentContent, Change, Letter, LetterState, Mailbox, MailboxOwner, MailboxRights, MailboxRole,
    MessageRow, MessageView, PageEnd, Person, Quota, QuotaUsage, Rescued, SyncOnce, SyncReport,
};
pub use services::{Audience, Service, ServiceKind, ServiceOpening, SignedInBy};
pub use settings::{
    MailGeneration, MailLogin, MailMechanism, ServerForm, SettingsChoice, SettingsField, SettingsForm,
    SettingsProposal, SettingsSource, SettingsWarning, TlsStart,
};
pub use sign_in::{SignInState, Who};
pub use task::TaskHandle;

uniffi::setup_scaffolding!("cartable");

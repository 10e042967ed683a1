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
//! * Foreign traits ([`SecretStore`], [`ChangeListener`], [`SyncListener`]) are called on threads of ours, never with a lock
//!   held, and may block for a short while.

mod cartable;
mod codes;
mod convert;
mod error;
mod ports;
mod records;
mod runtime;
mod task;

pub use cartable::{Cartable, set_aside_storage};
pub use codes::{Alarm, OfferedCode};
pub use error::{CompanionError, ListenerError, Told};
pub use ports::{ChangeListener, NetworkSettings, SecretStore, SecretStoreError, Setup, SyncListener};
pub use records::{
    AcademyCard, Attachment, AttachmentContent, Change, Letter, LetterState, Mailbox, MailboxRole, MessageRow,
    MessageView, PageEnd, Person, SignInState, SyncOnce, SyncReport, Who,
};
pub use task::TaskHandle;

uniffi::setup_scaffolding!("cartable");

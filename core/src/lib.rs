//! Everything Cartable does, without a screen: an academy's portal, and mail that never locks an account, loses a letter or
//! leaks a secret.
//!
//! # The tour
//!
//! A shell holds one [`companion::Companion`]. It opens where it was when the app ended, and connects to nothing until it is
//! asked to:
//!
//! ```
//! use std::sync::Arc;
//!
//! use cartable_core::companion::{Companion, CompanionError, Setup};
//! use cartable_core::portal::{Question, SignInState};
//! use cartable_core::ports::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), CompanionError> {
//! # let folder = tempfile::tempdir().unwrap();
//! // A phone leaves out `secrets`: then its own keystore is used.
//! let setup = Setup::new(folder.path()).secrets(Arc::new(MemoryStore::default()));
//! let companion = Companion::open(setup).await?;
//!
//! // Nancy-Metz, by its town, an address, or a NUMEN.
//! let found = companion.academies("12E9501234ABC");
//! assert_eq!(found[0].id, "nancy-metz");
//!
//! // Its portal speaks SAML, so the system browser signs in; the screen shows which host will ask for the password.
//! let state = companion.begin_sign_in("nancy-metz").await?;
//! let SignInState::Asks(Question::Browser { host, .. }) = state else { panic!("{state:?}") };
//! assert_eq!(host, "portail.ac-nancy-metz.fr");
//!
//! // Back from the browser, the app asks who signed in: this portal does not tell.
//! let state = companion.browser_closed().await?;
//! assert!(matches!(state, SignInState::Asks(Question::Introduction { .. })));
//! companion.sign_in_back().await?;
//!
//! // Without a session there is no mail, and the error says what the shell does next.
//! assert!(matches!(companion.mailboxes().await, Err(CompanionError::SignInAgain(_))));
//! # companion.shutdown().await
//! # }
//! ```
//!
//! # The house
//!
//! Arrows go one way, from the facade down:
//!
//! * [`companion`]: a teacher's errands, each one call, and the one table of errors.
//! * [`mail`]: IMAP, reading, writing, sending, sync, outbox. [`portal`]: signing in, the session.
//! * [`attempts`]: the ledger that every protocol asks before it tries a password.
//! * [`academy`]: who the academies are, with their official origins.
//! * [`store`]: the one database. [`words`]: findings in French and English.
//! * [`ports`]: what the phone lends: keystore, clock, network.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)
)]

pub mod academy;
pub mod attempts;
pub mod companion;
pub mod mail;
pub mod portal;
pub mod ports;
pub mod store;
pub mod words;

//! Signing in at an academy's portal, and keeping the session.
//!
//! A sign-in is a state machine: see `README.md` beside this file. The password is typed in the system browser and never comes
//! through here, but for portals that offer nothing but their own form.

mod account;
mod cas;
mod fetch;
mod id_token;
mod lemon;
mod oidc;
mod page;
mod pending;
mod run;
mod session;
mod state;
pub mod time;
mod transitions;

pub use cas::CasError;
pub use run::SignIn;
pub use session::{Session, SessionError};
pub use state::{Notice, Question, SignInEvent, SignInFailure, SignInState, Typed, Who};

#[cfg(test)]
pub(crate) mod tests;

//! Signing in at an academy's portal, and keeping the session.
//!
//! A sign-in is a state machine: see `README.md` beside this file. The password is typed in the system browser and never
//! comes through here.

mod account;
mod cas;
mod fetch;
mod id_token;
mod oidc;
mod run;
mod session;
mod state;
mod transitions;

pub use cas::CasError;
pub use run::SignIn;
pub use session::{Session, SessionError};
pub use state::{SignInEvent, SignInFailure, SignInState, Who};

#[cfg(test)]
mod tests;

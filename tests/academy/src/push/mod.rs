//! Push: privacyIDEA, its shim for the portal, and a phone to answer its prompts.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use academy::{Academy, PushPhone, Teacher};
//! use std::time::Duration;
//!
//! let academy = Academy::builder().push().start().await?;
//! let teacher = Teacher::by_uid("block").ok_or("no such teacher")?;
//! let phone = PushPhone::enrol(&academy, &academy.enrol_push(teacher).await?).await?;
//! // … someone signs in at the portal as this teacher …
//! let prompt = phone.next_prompt(Duration::from_secs(20)).await?;
//! phone.approve(&prompt).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The portal asks its REST second factor, that the shim, and that the server: the portal shows a form for a code while the
//! phone is asked, and any word sent after the approval lets in. An academy without push lets the same teachers in after
//! their password.

mod api;
mod install;
mod phone;
mod shim;

pub(crate) use api::Api;
pub(crate) use install::Installed;
pub use phone::{PhoneError, Prompt, PushPhone};
pub(crate) use shim::{Seen, Shim};

use crate::{Academy, AcademyError, Endpoint, Teacher};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The server's name in its certificate.
const HOST: &str = "push.academie.test";
const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin-secret";

/// Why privacyIDEA did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// This academy runs without push.
    #[error("this academy has no push; start it with Builder::push")]
    NotStarted,
    /// privacyIDEA refuses, in its own words: 404 with 601 for an address that enrolled before, 400 with 10 for a phone
    /// that it does not know or no longer.
    #[error("privacyIDEA refuses with {status}, {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own number.
        code: i64,
        /// Its words.
        message: String,
    },
    /// An answer that is none of privacyIDEA's.
    #[error("privacyIDEA's answer cannot be read")]
    Unreadable,
    /// It could not be reached, or not within half a minute.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// What stands between the portal and the server, closed by its drop.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) api: Arc<Api>,
    pub(crate) shim: Arc<Shim>,
    /// For the portal's configuration.
    pub(crate) portal: Map<String, Value>,
    serving: JoinHandle<()>,
}

impl Push {
    /// For a server that will listen on `port`.
    pub(crate) async fn open(port: u16, ca_pem: &str) -> Result<Self, AcademyError> {
        let api = Arc::new(Api::new(port, ca_pem)?);
        let (shim, address, serving) = Shim::open(Arc::clone(&api)).await?;
        Ok(Self { api, shim, portal: shim::portal_members(address), serving: tokio::spawn(serving) })
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        // The serving task owns its connections, so they go with it.
        self.serving.abort();
    }
}

impl Academy {
    /// privacyIDEA, https, where [`Builder::push`](crate::Builder::push) asked for it.
    pub fn push(&self) -> Option<Endpoint> {
        self.push.as_ref().map(|_| Endpoint { host: HOST, port: self.ports.of("PUSH") })
    }

    /// Prepares a push token for `teacher`, with any second factor, and returns the `otpauth://pipush/…` address that a
    /// phone enrols from, once. Takes about half a second, at most half a minute.
    pub async fn enrol_push(&self, teacher: &Teacher) -> Result<String, PushError> {
        self.push_api()?.enrol(teacher.uid).await
    }

    /// Posts `form` to `path` of privacyIDEA as its administrator, for what has no method here: `("policy/push_prompting",
    /// …)` for another way of asking, `("token/disable", [("serial", …)])`. Returns the whole answer; a refusal is an error.
    pub async fn push_admin(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, PushError> {
        self.push_api()?.admin(path, form).await
    }

    fn push_api(&self) -> Result<&Api, PushError> {
        self.push.as_ref().map(|push| &*push.api).ok_or(PushError::NotStarted)
    }
}

//! What an unfinished sign-in needs in order to go on after the app has ended. Lies in the keystore, for it lets in.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::lemon::Next;
use super::oidc;
use super::state::{Question, SignInFailure};
use crate::ports::{SecretKey, SecretStore, SecretStoreError};

/// Tabs of the browser whose answer is taken: the newest ones.
const TABS: usize = 3;

/// An unfinished sign-in.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Pending {
    /// What the teacher was asked for.
    #[zeroize(skip)]
    pub(super) question: Question,
    /// Whose account it is, as typed.
    pub(super) identifier: Option<String>,
    /// The tabs of the browser that are open, oldest first.
    pub(super) tabs: Vec<oidc::Pending>,
    /// The next step of the portal's own form.
    pub(super) next: Option<Next>,
    /// When the portal said that the password ends.
    pub(super) password_ends_ms: Option<i64>,
}

impl Pending {
    pub(super) fn new(question: Question) -> Self {
        Self { question, identifier: None, tabs: Vec::new(), next: None, password_ends_ms: None }
    }

    /// The same with a further tab of the browser.
    pub(super) fn with_tab(mut self, tab: oidc::Pending, before: Option<Self>) -> Self {
        self.tabs = before.map(|mut before| std::mem::take(&mut before.tabs)).unwrap_or_default();
        self.tabs.push(tab);
        self.tabs.drain(..self.tabs.len().saturating_sub(TABS));
        self
    }

    pub(super) fn keep(&self, secrets: &dyn SecretStore, key: &SecretKey) -> Result<(), SignInFailure> {
        let text = serde_json::to_string(self).map_err(|_| SignInFailure::Malformed("sign-in"))?;
        Ok(secrets.put(key, &text.into())?)
    }

    /// The one that is kept. What another version has written, or nobody can read, is none.
    pub(super) fn load(secrets: &dyn SecretStore, key: &SecretKey) -> Result<Option<Self>, SecretStoreError> {
        let Some(text) = secrets.load(key)? else { return Ok(None) };
        Ok(serde_json::from_str(text.expose_secret()).ok())
    }
}

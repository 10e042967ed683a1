//! What an unfinished sign-in needs in order to go on after the app has ended. Lies in the keystore, for it lets in.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::lemon::Next;
use super::oidc;
use super::state::{Question, SignInFailure};
use crate::ports::{SecretKey, SecretStore, SecretStoreError};

/// Tabs of the browser whose answer is taken: the newest ones.
const TABS: usize = 3;

/// More than any honest sign-in comes to; a keystore is no place for a portal's whole pages.
const LARGEST: usize = 64 * 1024;

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
        let text = SecretString::from(text);
        if text.expose_secret().len() > LARGEST {
            return Err(SignInFailure::TooLarge);
        }
        Ok(secrets.put(key, &text)?)
    }

    /// The one that is kept, where its question is still `asked`. What another version has written, or nobody can read, is none,
    /// and goes.
    pub(super) fn load(
        secrets: &dyn SecretStore,
        key: &SecretKey,
        asked: impl Fn(&Question) -> bool,
    ) -> Result<Option<Self>, SecretStoreError> {
        let Some(text) = secrets.load(key)? else { return Ok(None) };
        let text = text.expose_secret();
        let pending: Option<Self> = if text.len() > LARGEST { None } else { serde_json::from_str(text).ok() };
        let pending = pending.filter(|pending| asked(&pending.question));
        if pending.is_none() {
            let _ = secrets.delete(key);
        }
        Ok(pending)
    }
}

//! What proves to a mail server who is asking.

use std::fmt;

use secrecy::SecretString;

/// How to authenticate to a mail server. Its `Debug` shows neither the person nor the secret.
pub enum Credentials {
    /// An access token of the academy's portal (RFC 7628).
    Bearer {
        /// The mailbox's user name.
        user: String,
        /// The access token.
        token: SecretString,
    },
    /// A password (RFC 4616).
    Password {
        /// The mailbox's user name.
        user: String,
        /// The password.
        password: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer { .. } => "Credentials::Bearer(..)",
            Self::Password { .. } => "Credentials::Password(..)",
        })
    }
}

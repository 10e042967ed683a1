//! What proves to a mail server who one is.

use std::fmt;

use secrecy::SecretString;

/// What proves to a mail server who one is. Prints no secret.
#[derive(Clone)]
pub enum Credentials {
    /// A token of the portal's (RFC 7628).
    Bearer {
        /// The name that the server knows.
        user: String,
        /// The access token.
        token: SecretString,
    },
    /// A password.
    Password {
        /// The name that the server knows.
        user: String,
        /// The password.
        password: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer { user, .. } => write!(f, "Bearer({user})"),
            Self::Password { user, .. } => write!(f, "Password({user})"),
        }
    }
}

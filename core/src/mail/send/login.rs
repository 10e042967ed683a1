//! What is said to sign in: PLAIN (RFC 4616), OAUTHBEARER (RFC 7628) and XOAUTH2, all by AUTH (RFC 4954).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::dialogue::{Dialogue, Reply};
use super::{Credentials, SendError, refusal};

/// What does not fit into a command of this length is said after the server's `334` (RFC 4954, 4). Servers cut a longer
/// line, and the rest of a token is a wrong token.
const COMMAND: usize = 510;

/// The way to sign in that both sides know.
pub(super) struct Login {
    mechanism: &'static str,
    /// In base64.
    initial: Zeroizing<String>,
    /// What to say when the server explains a refusal by a challenge, in base64.
    at_error: &'static str,
}

impl Login {
    /// Chooses it. Says nothing yet.
    pub(super) fn choose(offered: &Reply, credentials: &Credentials) -> Result<Self, SendError> {
        let mechanisms = mechanisms(offered);
        let has = |name: &str| mechanisms.iter().any(|one| one == name);
        match credentials {
            Credentials::Bearer { user, token } => {
                let token = token.expose_secret();
                // These would end the part they stand in.
                if user.contains(['\x01', '\0']) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(SendError::NoMechanism);
                }
                if has("OAUTHBEARER") {
                    let name = user.replace('=', "=3D").replace(',', "=2C");
                    Ok(Self::new("OAUTHBEARER", format!("n,a={name},\x01auth=Bearer {token}\x01\x01"), "AQ=="))
                } else if has("XOAUTH2") {
                    Ok(Self::new("XOAUTH2", format!("user={user}\x01auth=Bearer {token}\x01\x01"), ""))
                } else {
                    Err(SendError::NoMechanism)
                }
            }
            Credentials::Password { user, password } => {
                let password = password.expose_secret();
                if !has("PLAIN") || user.contains('\0') || password.contains('\0') {
                    return Err(SendError::NoMechanism);
                }
                Ok(Self::new("PLAIN", format!("\0{user}\0{password}"), "*"))
            }
        }
    }

    fn new(mechanism: &'static str, said: String, at_error: &'static str) -> Self {
        let said = Zeroizing::new(said);
        Self { mechanism, initial: Zeroizing::new(STANDARD.encode(said.as_bytes())), at_error }
    }

    /// Signs in. From its first line on, the server may have looked at the secret.
    pub(super) async fn run(self, server: &mut Dialogue) -> Result<(), SendError> {
        let line = Zeroizing::new(format!("AUTH {} {}", self.mechanism, *self.initial));
        let mut reply = if line.len() <= COMMAND {
            server.ask(&line).await?
        } else {
            let begun = server.ask(&format!("AUTH {}", self.mechanism)).await?;
            if begun.code == 334 { server.ask(&self.initial).await? } else { begun }
        };
        if reply.code == 334 {
            // The reason of a refused token; the server waits for an answer to it before it refuses (RFC 7628, 3.2.3).
            reply = server.ask(self.at_error).await?;
        }
        match reply.code {
            235 => Ok(()),
            // 500, 502 to 504: it did not understand the command, so it has not looked at the secret.
            501 | 505..=599 => Err(SendError::AuthenticationFailed),
            _ => Err(refusal(&Reply { lines: Vec::new(), ..reply }, None)),
        }
    }
}

/// The SASL mechanisms offered, in capitals. Old servers write `AUTH=PLAIN`.
fn mechanisms(offered: &Reply) -> Vec<String> {
    let mut found = Vec::new();
    for line in &offered.lines {
        let line = line.to_ascii_uppercase();
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        if words.next() == Some("AUTH") {
            found.extend(words.map(str::to_owned));
        }
    }
    found
}

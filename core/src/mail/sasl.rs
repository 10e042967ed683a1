//! Ways to prove to a mail server who one is (SASL, RFC 4422), a step at a time: the same for IMAP and for submission.
//!
//! An exchange knows whether anything that proves the secret has gone out. A refusal before that says nothing of the secret:
//! servers whose user database cannot do SCRAM answer so, and the next mechanism may be tried without a try being spent.

mod scram;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use scram::Scram;

/// No mechanism has more challenges than three; a server that goes on asking would go on for ever.
const CHALLENGES: u8 = 8;
/// Of an honest server they have some hundred bytes.
const CHALLENGE: usize = 16 * 1024;

/// What is wrong with the server's side of a sign-in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Its challenge makes no sense, or it let somebody in without one. Nothing that proves the secret was sent.
    #[error("its challenge makes no sense")]
    Challenge,
    /// Its nonce does not go on from ours: its answer is to somebody else's question. Nothing that proves the secret was sent.
    #[error("its nonce is not ours")]
    Nonce,
    /// It wants so little work that the password could be guessed from the answer (RFC 7677, 4: fewer than 4096 rounds), or so
    /// much that the phone's battery would pay for it. Nothing that proves the secret was sent.
    #[error("it wants too little work or too much")]
    Iterations,
    /// It let us in, or went on, without proving that it knows the password (RFC 5802, 3).
    #[error("it did not prove that it knows the password")]
    Signature,
    /// It asks and asks.
    #[error("its questions have no end")]
    Endless,
}

impl Distrust {
    /// Whether the server may have got something by which it can tell a right secret from a wrong one.
    pub fn after_proof(self) -> bool {
        matches!(self, Self::Signature | Self::Endless)
    }
}

/// Credentials that no mechanism can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unsayable;

/// An attempt to sign in by one mechanism.
pub(crate) struct Exchange {
    name: &'static str,
    /// What the client says first; taken when it is said.
    first: Option<Zeroizing<Vec<u8>>>,
    rest: Rest,
    /// Whether what is said first proves the secret.
    proves: bool,
    proven: bool,
    challenges: u8,
    secrets: Secrets,
}

/// How it goes on behind that.
enum Rest {
    Scram(Box<Scram>),
    /// Name and password, each when the server asks for the next thing.
    Login(Vec<Zeroizing<Vec<u8>>>),
    /// What to say when the server explains a refusal (RFC 7628, 3.2.3).
    Acknowledge(&'static [u8]),
    Nothing,
}

impl Exchange {
    /// The ways that the server `has` and these credentials fit, the best first: SCRAM tells the server nothing that it could
    /// use elsewhere.
    pub(crate) fn choices(has: impl Fn(&str) -> bool, credentials: &Credentials) -> Result<Vec<Self>, Unsayable> {
        let mut choices = match credentials {
            Credentials::Bearer { user, token } => {
                let secret = token.expose_secret();
                // These would end the part they stand in.
                if user.contains(['\x01', '\0']) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(Unsayable);
                }
                let name = escaped(user);
                vec![
                    Self::bearer("OAUTHBEARER", format!("n,a={name},\x01auth=Bearer {secret}\x01\x01"), b"\x01", token),
                    Self::bearer("XOAUTH2", format!("user={user}\x01auth=Bearer {secret}\x01\x01"), b"", token),
                ]
            }
            Credentials::Password { user, password } => {
                let secret = password.expose_secret();
                if user.contains('\0') || secret.contains('\0') {
                    return Err(Unsayable);
                }
                let plain = Zeroizing::new(format!("\0{user}\0{secret}").into_bytes());
                let mut login = vec![secret.as_bytes().to_vec().into(), user.as_bytes().to_vec().into()];
                login.shrink_to_fit();
                let mut choices = Vec::new();
                // What SASLprep refuses, SCRAM cannot say; PLAIN may.
                if has("SCRAM-SHA-256")
                    && let Some(scram) = Scram::new(user, password)
                {
                    let first = Some(scram.first().into_bytes().into());
                    choices.push(Self::new("SCRAM-SHA-256", first, Rest::Scram(Box::new(scram)), false, password));
                }
                choices.push(Self::new("PLAIN", Some(plain), Rest::Nothing, true, password));
                choices.push(Self::new("LOGIN", None, Rest::Login(login), false, password));
                choices
            }
        };
        choices.retain(|one| has(one.name));
        Ok(choices)
    }

    fn bearer(name: &'static str, said: String, at_error: &'static [u8], token: &SecretString) -> Self {
        Self::new(name, Some(said.into_bytes().into()), Rest::Acknowledge(at_error), true, token)
    }

    fn new(
        name: &'static str,
        first: Option<Zeroizing<Vec<u8>>>,
        rest: Rest,
        proves: bool,
        secret: &SecretString,
    ) -> Self {
        let secrets = Secrets::of(secret);
        Self { name, first, rest, proves, proven: false, challenges: 0, secrets }
    }

    /// The mechanism's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What may be said with the command itself, in base64, where it is no longer than `most`; `None` where the server speaks
    /// first.
    pub(crate) fn initial(&mut self, most: usize) -> Option<Zeroizing<Vec<u8>>> {
        let first = self.first.take_if(|first| first.len().div_ceil(3) * 4 <= most)?;
        self.proven |= self.proves;
        Some(self.say(&first))
    }

    /// What to say to a challenge, in base64; `None` to give the attempt up.
    pub(crate) fn answer(&mut self, challenge: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Distrust> {
        self.challenges += 1;
        if self.challenges > CHALLENGES {
            return Err(Distrust::Endless);
        }
        if challenge.len() > CHALLENGE {
            return Err(if self.proven { Distrust::Signature } else { Distrust::Challenge });
        }
        if let Some(first) = self.initial(usize::MAX) {
            return Ok(Some(first));
        }
        let said = match &mut self.rest {
            Rest::Scram(scram) => {
                let said = scram.answer(challenge)?;
                self.proven = true;
                said
            }
            Rest::Login(left) => {
                let said = left.pop();
                self.proven |= left.is_empty();
                said
            }
            Rest::Acknowledge(said) => Some(said.to_vec().into()),
            Rest::Nothing => None,
        };
        Ok(said.map(|said| self.say(&said)))
    }

    /// The server has let us in: whether we believe it.
    pub(crate) fn finished(&self) -> Result<(), Distrust> {
        match &self.rest {
            // Whom it has let in, it does not know.
            _ if !self.proven => Err(Distrust::Challenge),
            Rest::Scram(scram) if !scram.verified() => Err(Distrust::Signature),
            _ => Ok(()),
        }
    }

    /// Whether something was said from which the server can tell a right secret from a wrong one.
    pub(crate) fn proven(&self) -> bool {
        self.proven
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn say(&mut self, said: &[u8]) -> Zeroizing<Vec<u8>> {
        let wire = Zeroizing::new(STANDARD.encode(said).into_bytes());
        self.secrets.add(said);
        self.secrets.add(&wire);
        wire
    }
}

/// The secret in the forms that must not be shown.
pub(crate) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// The secret itself.
    pub(crate) fn of(secret: &SecretString) -> Self {
        Self(vec![Zeroizing::new(secret.expose_secret().as_bytes().to_vec())])
    }

    /// And this.
    pub(crate) fn add(&mut self, form: &[u8]) {
        self.0.push(Zeroizing::new(form.to_vec()));
    }

    /// The server's words, unless it repeats ours: some answer BAD with the line that they did not understand.
    pub(crate) fn hidden(&self, text: &str) -> String {
        let holds = |form: &[u8]| !form.is_empty() && memchr::memmem::find(text.as_bytes(), form).is_some();
        if self.0.iter().any(|form| holds(form)) { String::new() } else { text.to_owned() }
    }
}

/// A name where commas part (RFC 5801, saslname).
fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
pub(crate) mod tests;

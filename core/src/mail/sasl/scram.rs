//! SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding: both sides prove that they know the password, and neither tells.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{Distrust, escaped};

/// RFC 7677, 4.
const FEWEST: u32 = 4096;
/// What is recommended where passwords are stored for long; a third of a second on a phone, at each sign-in.
const MOST: u32 = 600_000;
const SALT: usize = 1024;

/// The client's side of one exchange.
pub(super) struct Scram {
    password: Zeroizing<String>,
    /// `n=user,r=nonce`.
    bare: String,
    nonce: String,
    step: Step,
}

enum Step {
    Begun,
    /// The proof is out; so must the server sign this.
    Proved {
        key: hmac::Key,
        message: String,
    },
    Verified,
}

impl Scram {
    /// `None` for a name or password that has no form in SCRAM.
    pub(super) fn new(user: &str, password: &SecretString) -> Option<Self> {
        let mut random = [0; 18];
        SystemRandom::new().fill(&mut random).ok()?;
        Self::with_nonce(user, password, STANDARD.encode(random))
    }

    pub(super) fn with_nonce(user: &str, password: &SecretString, nonce: String) -> Option<Self> {
        let (user, password) = (prepared(user)?, prepared(password.expose_secret())?);
        let bare = format!("n={},r={nonce}", escaped(&user));
        Some(Self { password, bare, nonce, step: Step::Begun })
    }

    /// What the client says first. Tells nothing of the password.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// What to say to a challenge; `None` when the server has refused.
    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Distrust> {
        match &self.step {
            Step::Begun => {
                let challenge = std::str::from_utf8(challenge).map_err(|_| Distrust::Challenge)?;
                self.prove(challenge).map(Some)
            }
            Step::Proved { key, message } => {
                if challenge.starts_with(b"e=") {
                    return Ok(None);
                }
                let told = challenge.strip_prefix(b"v=").ok_or(Distrust::Signature)?;
                let told = told.split(|byte| *byte == b',').next().unwrap_or_default();
                let signature = STANDARD.decode(told).map_err(|_| Distrust::Signature)?;
                hmac::verify(key, message.as_bytes(), &signature).map_err(|_| Distrust::Signature)?;
                self.step = Step::Verified;
                Ok(Some(Zeroizing::default()))
            }
            Step::Verified => Err(Distrust::Endless),
        }
    }

    /// Whether the server has proved that it knows the password.
    pub(super) fn verified(&self) -> bool {
        matches!(self.step, Step::Verified)
    }

    fn prove(&mut self, challenge: &str) -> Result<Zeroizing<Vec<u8>>, Distrust> {
        let First { nonce, salt, iterations } = First::read(challenge)?;
        // Longer than ours: else the server has added nothing, and an old answer of ours would do again.
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Distrust::Nonce);
        }
        let mut salted = Zeroizing::new([0; digest::SHA256_OUTPUT_LEN]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, self.password.as_bytes(), &mut *salted);
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &*salted);
        let client = hmac::sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{challenge},{without_proof}", self.bare);
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, stored.as_ref()), message.as_bytes());
        let proof: Zeroizing<Vec<u8>> =
            Zeroizing::new(client.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect());
        let said = format!("{without_proof},p={}", STANDARD.encode(&*proof));
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&salted, b"Server Key").as_ref());
        self.step = Step::Proved { key, message };
        Ok(Zeroizing::new(said.into_bytes()))
    }
}

/// The server's first message.
struct First<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> First<'a> {
    /// In the order of RFC 5802, 7. What comes behind is an extension that may be passed over; one that may not stands first.
    fn read(challenge: &'a str) -> Result<Self, Distrust> {
        let mut parts = challenge.split(',');
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(Distrust::Challenge);
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Distrust::Challenge);
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| (1..=SALT).contains(&salt.len()));
        let salt = salt.ok_or(Distrust::Challenge)?;
        if iterations.is_empty() || !iterations.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Distrust::Challenge);
        }
        // More digits than a number has are too many rounds.
        let iterations = iterations.parse().ok().filter(|count| (FEWEST..=MOST).contains(count));
        let iterations = iterations.and_then(NonZeroU32::new).ok_or(Distrust::Iterations)?;
        Ok(Self { nonce, salt, iterations })
    }
}

/// RFC 4013, for a string to be asked with: unassigned characters pass, and of the direction of writing nothing is checked, for
/// the server checks it against what it has stored. `None` for what must not stand in a name or password.
fn prepared(text: &str) -> Option<Zeroizing<String>> {
    let mapped = text.chars().filter(|c| !vanishes(*c)).map(|c| if is_space(c) { ' ' } else { c });
    // Room for the longest, so that growing leaves no copies.
    let mut prepared = Zeroizing::new(String::with_capacity(4 * text.len() + 64));
    prepared.extend(mapped.nfkc());
    (!prepared.is_empty() && !prepared.chars().any(is_prohibited)).then_some(prepared)
}

/// RFC 3454, C.1.2.
fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// RFC 3454, B.1.
fn vanishes(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200c}' | '\u{200d}' | '\u{2060}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// RFC 3454, C.1.2 to C.9 as RFC 4013, 2.3 names them.
fn is_prohibited(c: char) -> bool {
    let noncharacter = matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    c.is_control()
        || is_space(c)
        || noncharacter
        || matches!(c, '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{340}' | '\u{341}' | '\u{2ff0}'..='\u{2ffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}' | '\u{f0000}'..='\u{10fffd}')
}

#[cfg(test)]
mod tests;

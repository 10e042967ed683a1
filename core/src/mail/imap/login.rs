//! From the first byte to the authenticated session.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_imap::error::Error as Trouble;
use async_imap::imap_proto::{Response, ResponseCode, Status};
use async_imap::{Authenticator, Client, Session};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use super::code::Code;
use super::commands::{escaped, quoted};
use super::error::{ImapError, shown};
use super::guard::Watch;
use super::response::judge_login;
use super::session::{Guarded, Limits, name, names, patiently};
use crate::mail::{Credentials, Greeting};

/// What async-imap is given for the secret, and what it makes of it where it encodes it. The guard puts the secret there.
const PLACEHOLDER: &str = "here-the-guard-puts-the-secret";
const PLACEHOLDER_ENCODED: &str = "aGVyZS10aGUtZ3VhcmQtcHV0cy10aGUtc2VjcmV0";

/// Greets and authenticates.
pub(super) async fn open(
    before: Greeting,
    guard: Guarded,
    watch: &Watch,
    credentials: &Credentials,
    limits: Limits,
) -> Result<Session<Guarded>, ImapError> {
    let mut client = Client::new(guard);
    let mut offered = match before {
        Greeting::Due => greeting(&mut client, watch, limits).await?,
        Greeting::Had => BTreeSet::new(),
    };
    if offered.is_empty() {
        offered = capabilities(&mut client, watch, limits).await?;
    }
    let attempt = Attempt::choose(&offered, credentials)?;
    let (refusal, secrets) = (Arc::new(Mutex::new(String::new())), attempt.secrets()?);
    let outcome = match attempt {
        Attempt::Sasl { mechanism, .. } => {
            let at_once = offered.contains("SASL-IR");
            let (line, placeholder) = if at_once {
                (format!("{mechanism} {PLACEHOLDER}"), PLACEHOLDER)
            } else {
                (mechanism.to_owned(), PLACEHOLDER_ENCODED)
            };
            client.get_mut().substitute(placeholder, secrets.wire.clone());
            let answering = Answering {
                initial: !at_once,
                at_error: if mechanism == "OAUTHBEARER" { b"\x01" } else { b"" },
                refusal: Arc::clone(&refusal),
            };
            patiently(watch, limits.silence, client.authenticate(line, answering)).await?
        }
        Attempt::Login { user, .. } => {
            let user = quoted_part(&user)?;
            client.get_mut().substitute(PLACEHOLDER, secrets.wire.clone());
            patiently(watch, limits.silence, client.login(user, PLACEHOLDER)).await?
        }
    };
    outcome.map_err(|(trouble, _)| {
        let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        watch.fault().unwrap_or_else(|| why(trouble, &refusal, &secrets))
    })
}

/// What async-imap's error means.
fn why(trouble: Trouble, refusal: &str, secrets: &Secrets) -> ImapError {
    match trouble {
        Trouble::No(text) => match judge_login(&secrets.hidden(&said(&text))) {
            ImapError::AuthenticationFailed { text } if text.is_empty() => {
                ImapError::AuthenticationFailed { text: shown(&secrets.hidden(refusal)) }
            }
            other => other,
        },
        Trouble::Bad(text) => ImapError::Bad { command: "AUTHENTICATE", text: shown(&secrets.hidden(&said(&text))) },
        Trouble::Io(error) => ImapError::from_io(&error),
        Trouble::ConnectionLost => ImapError::Closed,
        _ => ImapError::Malformed,
    }
}

/// The server's own words in those of async-imap, `code: …, info: Some("…")`, where they stand as Rust writes a string.
fn said(text: &str) -> String {
    let Some((_, said)) = text.split_once("info: Some(\"") else { return String::new() };
    let mut coded = said.strip_suffix("\")").unwrap_or(said).chars();
    let mut words = String::new();
    while let Some(c) = coded.next() {
        match (c, if c == '\\' { coded.next() } else { None }) {
            ('\\', Some(c @ ('\\' | '"' | '\''))) => words.push(c),
            // A control character, which is not shown.
            ('\\', Some('u')) => coded.by_ref().take_while(|c| *c != '}').for_each(drop),
            ('\\', _) => {}
            (c, _) => words.push(c),
        }
    }
    words
}

async fn greeting(client: &mut Client<Guarded>, watch: &Watch, limits: Limits) -> Result<BTreeSet<String>, ImapError> {
    let read = patiently(watch, limits.silence, client.read_response()).await?;
    let read = read.map_err(|error| watch.fault().unwrap_or_else(|| ImapError::from_io(&error)))?;
    let response = read.ok_or(ImapError::Closed)?;
    match response.parsed() {
        Response::Data { status: Status::Ok, outcome } => Ok(match &outcome.code {
            Some(ResponseCode::Capabilities(list)) => list.iter().take(200).map(name).collect(),
            _ => BTreeSet::new(),
        }),
        Response::Data { status: Status::Bye, outcome } => {
            Err(if Code::of(outcome).is_some() { ImapError::Unavailable } else { ImapError::Closed })
        }
        // PREAUTH: somebody is signed in, and nobody knows who.
        _ => Err(ImapError::Malformed),
    }
}

/// For a server whose greeting does not tell.
async fn capabilities(
    client: &mut Client<Guarded>,
    watch: &Watch,
    limits: Limits,
) -> Result<BTreeSet<String>, ImapError> {
    let stream = client.get_mut();
    stream.write_all(b"C0 CAPABILITY\r\n").await.map_err(|error| ImapError::from_io(&error))?;
    stream.flush().await.map_err(|error| ImapError::from_io(&error))?;
    let mut found = BTreeSet::new();
    loop {
        let read = patiently(watch, limits.silence, client.read_response()).await?;
        let read = read.map_err(|error| watch.fault().unwrap_or_else(|| ImapError::from_io(&error)))?;
        let response = read.ok_or(ImapError::Closed)?;
        match response.parsed() {
            Response::Done { tag, status: Status::Ok, .. } if tag.as_bytes() == b"C0" => return Ok(found),
            Response::Done { status: Status::Bad | Status::No, outcome, .. } => {
                let text = shown(outcome.information.as_deref().unwrap_or_default());
                return Err(ImapError::Bad { command: "CAPABILITY", text });
            }
            Response::Done { .. } => return Err(ImapError::Malformed),
            other => names(other, &mut found),
        }
    }
}

enum Attempt {
    Sasl { mechanism: &'static str, initial: Zeroizing<Vec<u8>>, secret: SecretString },
    Login { user: String, password: SecretString },
}

/// The secret in the forms that must not be shown, and the one that goes on the wire.
struct Secrets {
    plain: Zeroizing<Vec<u8>>,
    wire: Zeroizing<Vec<u8>>,
}

impl Secrets {
    /// The server's words, unless it repeats ours: some answer BAD with the line that they did not understand.
    fn hidden(&self, text: &str) -> String {
        let holds = |secret: &[u8]| !secret.is_empty() && memchr::memmem::find(text.as_bytes(), secret).is_some();
        if holds(&self.plain) || holds(&self.wire) { String::new() } else { text.to_owned() }
    }
}

impl Attempt {
    fn secrets(&self) -> Result<Secrets, ImapError> {
        Ok(match self {
            Self::Sasl { initial, secret, .. } => Secrets {
                plain: Zeroizing::new(secret.expose_secret().as_bytes().to_vec()),
                wire: Zeroizing::new(STANDARD.encode(&**initial).into_bytes()),
            },
            Self::Login { password, .. } => Secrets {
                plain: Zeroizing::new(password.expose_secret().as_bytes().to_vec()),
                // async-imap puts quotes around the placeholder.
                wire: Zeroizing::new(escaped(password.expose_secret())?.into_bytes()),
            },
        })
    }

    fn choose(offered: &BTreeSet<String>, credentials: &Credentials) -> Result<Self, ImapError> {
        let has = |name: &str| offered.contains(name);
        let sasl = |mechanism, text: String, secret: &SecretString| {
            Ok(Self::Sasl { mechanism, initial: Zeroizing::new(text.into_bytes()), secret: secret.clone() })
        };
        match credentials {
            Credentials::Bearer { user, token: secret } => {
                let token = secret.expose_secret();
                if user.contains(['\x01', ',', '=', '\0']) || token.contains(['\x01', '\r', '\n']) {
                    return Err(ImapError::InvalidArgument);
                }
                if has("AUTH=OAUTHBEARER") {
                    sasl("OAUTHBEARER", format!("n,a={user},\x01auth=Bearer {token}\x01\x01"), secret)
                } else if has("AUTH=XOAUTH2") {
                    sasl("XOAUTH2", format!("user={user}\x01auth=Bearer {token}\x01\x01"), secret)
                } else {
                    Err(ImapError::NoMechanism)
                }
            }
            Credentials::Password { user, password } => {
                if user.contains('\0') || password.expose_secret().contains('\0') {
                    return Err(ImapError::InvalidArgument);
                }
                if has("AUTH=PLAIN") {
                    sasl("PLAIN", format!("\0{user}\0{}", password.expose_secret()), password)
                } else if has("LOGINDISABLED") {
                    Err(ImapError::NoMechanism)
                } else {
                    Ok(Self::Login { user: user.clone(), password: password.clone() })
                }
            }
        }
    }
}

/// async-imap quotes what LOGIN carries; what cannot be quoted is not sent.
fn quoted_part(text: &str) -> Result<&str, ImapError> {
    quoted(text).map(|_| text)
}

/// Answers the server's challenges: with the initial response where it could not be sent at once, then, at an error, with
/// what RFC 7628 (3.2.3) asks for.
struct Answering {
    initial: bool,
    at_error: &'static [u8],
    refusal: Arc<Mutex<String>>,
}

impl Authenticator for Answering {
    type Response = &'static [u8];

    fn process(&mut self, challenge: &[u8]) -> Self::Response {
        if std::mem::take(&mut self.initial) {
            return PLACEHOLDER.as_bytes();
        }
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = shown(&String::from_utf8_lossy(challenge));
        self.at_error
    }
}

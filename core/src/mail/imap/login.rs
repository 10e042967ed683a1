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

use super::commands::quoted;
use super::error::{ImapError, shown};
use super::guard::Watch;
use super::response::{code_of, judge_login};
use super::session::{Guarded, Limits, name, names, patiently};
use crate::mail::Credentials;

/// Greets and authenticates.
pub(super) async fn open(
    guard: Guarded,
    watch: &Watch,
    credentials: &Credentials,
    limits: Limits,
) -> Result<Session<Guarded>, ImapError> {
    let mut client = Client::new(guard);
    let mut offered = greeting(&mut client, watch, limits).await?;
    if offered.is_empty() {
        offered = capabilities(&mut client, watch, limits).await?;
    }
    let attempt = Attempt::choose(&offered, credentials)?;
    let outcome = match attempt {
        Attempt::Sasl { mechanism, initial } => {
            let at_once = offered.contains("SASL-IR");
            let line = if at_once {
                Zeroizing::new(format!("{mechanism} {}", STANDARD.encode(&*initial)))
            } else {
                Zeroizing::new(mechanism.to_owned())
            };
            let refusal = Arc::new(Mutex::new(String::new()));
            let answering = Answering {
                initial: (!at_once).then_some(initial),
                at_error: if mechanism == "OAUTHBEARER" { b"\x01" } else { b"" },
                refusal: Arc::clone(&refusal),
            };
            let tried = patiently(watch, limits.silence, client.authenticate(line.as_str(), answering)).await?;
            tried.map_err(|(trouble, _)| (trouble, refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()))
        }
        Attempt::Login { user, password } => {
            let tried = client.login(quoted_part(&user)?, quoted_part(password.expose_secret())?);
            let tried = patiently(watch, limits.silence, tried).await?;
            tried.map_err(|(trouble, _)| (trouble, String::new()))
        }
    };
    outcome.map_err(|(trouble, refusal)| {
        watch.fault().unwrap_or_else(|| match trouble {
            Trouble::No(text) => {
                // async-imap wraps the server's words; what is in brackets decides.
                let said = text.split_once("info: Some(\"").map_or(text.as_str(), |(_, said)| said);
                match judge_login(said.trim_end_matches("\")")) {
                    ImapError::AuthenticationFailed { text } if text.is_empty() => {
                        ImapError::AuthenticationFailed { text: shown(&refusal) }
                    }
                    other => other,
                }
            }
            Trouble::Bad(text) => ImapError::Bad { command: "AUTHENTICATE", text: shown(&text) },
            Trouble::Io(error) => ImapError::from_io(&error),
            Trouble::ConnectionLost => ImapError::Closed,
            _ => ImapError::Malformed,
        })
    })
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
            let code = outcome.information.as_deref().and_then(code_of);
            Err(if code.is_some() { ImapError::Unavailable } else { ImapError::Closed })
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
    Sasl { mechanism: &'static str, initial: Zeroizing<Vec<u8>> },
    Login { user: String, password: SecretString },
}

impl Attempt {
    fn choose(offered: &BTreeSet<String>, credentials: &Credentials) -> Result<Self, ImapError> {
        let has = |name: &str| offered.contains(name);
        let sasl = |mechanism, text: String| Ok(Self::Sasl { mechanism, initial: Zeroizing::new(text.into_bytes()) });
        match credentials {
            Credentials::Bearer { user, token } => {
                let token = token.expose_secret();
                if user.contains(['\x01', ',', '=', '\0']) || token.contains(['\x01', '\r', '\n']) {
                    return Err(ImapError::InvalidArgument);
                }
                if has("AUTH=OAUTHBEARER") {
                    sasl("OAUTHBEARER", format!("n,a={user},\x01auth=Bearer {token}\x01\x01"))
                } else if has("AUTH=XOAUTH2") {
                    sasl("XOAUTH2", format!("user={user}\x01auth=Bearer {token}\x01\x01"))
                } else {
                    Err(ImapError::NoMechanism)
                }
            }
            Credentials::Password { user, password } => {
                if user.contains('\0') || password.expose_secret().contains('\0') {
                    return Err(ImapError::InvalidArgument);
                }
                if has("AUTH=PLAIN") {
                    sasl("PLAIN", format!("\0{user}\0{}", password.expose_secret()))
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
    initial: Option<Zeroizing<Vec<u8>>>,
    at_error: &'static [u8],
    refusal: Arc<Mutex<String>>,
}

impl Authenticator for Answering {
    type Response = Zeroizing<Vec<u8>>;

    fn process(&mut self, challenge: &[u8]) -> Self::Response {
        if let Some(initial) = self.initial.take() {
            return initial;
        }
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = shown(&String::from_utf8_lossy(challenge));
        Zeroizing::new(self.at_error.to_vec())
    }
}

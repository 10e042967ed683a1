//! From the first byte to the authenticated session.

use std::collections::BTreeSet;

use async_imap::error::Error as Trouble;
use async_imap::imap_proto::{Response, ResponseCode, Status};
use async_imap::{Authenticator, Client, Session};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use super::capability::{name, names};
use super::code::Code;
use super::commands::{escaped, quoted};
use super::error::{ImapError, shown};
use super::response::judge_login;
use super::session::{Guarded, Limits};
use super::silence::patiently;
use super::watch::Watch;
use crate::mail::sasl::{Exchange, Secrets};
use crate::mail::{Credentials, Greeting};

/// What async-imap is given for what we say, and what it makes of it where it encodes it. The guard puts our words there.
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
    let choices = Exchange::choices(|name| offered.contains(&format!("AUTH={name}")), credentials);
    for mut exchange in choices.map_err(|_| ImapError::InvalidArgument)? {
        let at_once = if offered.contains("SASL-IR") { exchange.initial(usize::MAX) } else { None };
        let line = match at_once {
            Some(said) => {
                watch.substitute(PLACEHOLDER, said);
                format!("{} {PLACEHOLDER}", exchange.name())
            }
            None => exchange.name().to_owned(),
        };
        let mut refusal = String::new();
        let answering = Answering { exchange: &mut exchange, watch, refusal: &mut refusal };
        let (trouble, back) = match patiently(watch, limits.silence, client.authenticate(line, answering)).await? {
            Ok(session) => return exchange.finished().map(|()| session).map_err(ImapError::Distrusted),
            Err(failed) => failed,
        };
        let error = watch.fault().unwrap_or_else(|| why(trouble, &refusal, exchange.secrets()));
        // Until something proved the secret, a refusal is one of the mechanism: a user database that cannot do SCRAM.
        match error {
            ImapError::AuthenticationFailed { .. } | ImapError::Refused { .. } | ImapError::Bad { .. }
                if !exchange.proven() => {}
            error => return Err(error),
        }
        client = back;
    }
    match credentials {
        Credentials::Password { user, password } if !offered.contains("LOGINDISABLED") => {
            login(client, watch, user, password, limits).await
        }
        _ => Err(ImapError::NoMechanism),
    }
}

/// The LOGIN command, of servers that have no SASL.
async fn login(
    client: Client<Guarded>,
    watch: &Watch,
    user: &str,
    password: &SecretString,
    limits: Limits,
) -> Result<Session<Guarded>, ImapError> {
    // async-imap puts quotes around both; what cannot be quoted is not sent.
    quoted(user)?;
    let wire = Zeroizing::new(escaped(password.expose_secret())?.into_bytes());
    let mut secrets = Secrets::of(password);
    secrets.add(&wire);
    watch.substitute(PLACEHOLDER, wire);
    let outcome = patiently(watch, limits.silence, client.login(user, PLACEHOLDER)).await?;
    outcome.map_err(|(trouble, _)| watch.fault().unwrap_or_else(|| why(trouble, "", &secrets)))
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
            Some(ResponseCode::Alert) => {
                watch.alert(&shown(outcome.information.as_deref().unwrap_or_default()));
                BTreeSet::new()
            }
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

/// Answers the server's challenges.
struct Answering<'a> {
    exchange: &'a mut Exchange,
    watch: &'a Watch,
    /// What the server said of why it refuses, in its last challenge.
    refusal: &'a mut String,
}

impl Authenticator for Answering<'_> {
    type Response = &'static [u8];

    fn process(&mut self, challenge: &[u8]) -> Self::Response {
        *self.refusal = shown(&String::from_utf8_lossy(challenge));
        let said = match self.exchange.answer(challenge) {
            Ok(Some(said)) if said.is_empty() => return b"",
            Ok(Some(said)) => said,
            // RFC 9051, 6.2.2: so a client gives up.
            Ok(None) => b"*".to_vec().into(),
            Err(distrust) => {
                self.watch.fail(ImapError::Distrusted(distrust));
                b"*".to_vec().into()
            }
        };
        self.watch.substitute(PLACEHOLDER_ENCODED, said);
        PLACEHOLDER.as_bytes()
    }
}

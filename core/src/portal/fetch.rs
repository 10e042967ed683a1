//! HTTP with a hostile server in mind: bounded, no redirect followed, errors told apart.

use jiff::fmt::rfc2822;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, SET_COOKIE};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::state::SignInFailure;
use crate::ports::ConnectError;

/// Discovery documents and key sets are a few kilobytes; tokens with many groups have been seen at 60.
const LARGEST: usize = 512 * 1024;

pub(super) struct Answer {
    pub(super) status: u16,
    kind: String,
    location: Option<String>,
    /// The fields `Set-Cookie`.
    pub(super) cookies: Vec<Zeroizing<String>>,
    /// What the server's clock said, in milliseconds since 1970 (RFC 9110, 6.6.1).
    pub(super) date_ms: Option<i64>,
    /// Pages hold secrets too: LemonLDAP::NG repeats a password that must be changed.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Sends the request and takes at most half a megabyte of answer.
pub(super) async fn fetch(request: RequestBuilder) -> Result<Answer, SignInFailure> {
    let mut response = request.send().await.map_err(|error| SignInFailure::Connect(reason(&error)))?;
    let status = response.status().as_u16();
    let kind = kind(response.headers());
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
    let date_ms = date.and_then(|date| Some(rfc2822::parse(date).ok()?.timestamp().as_millisecond()));
    let fields = response.headers().get_all(SET_COOKIE).iter();
    let cookies = fields.filter_map(|value| Some(Zeroizing::new(value.to_str().ok()?.to_owned()))).collect();
    if response.content_length().is_some_and(|length| length > LARGEST as u64) {
        return Err(SignInFailure::TooLarge);
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| SignInFailure::Connect(reason(&error)))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(SignInFailure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, kind, location, cookies, date_ms, body })
}

impl Answer {
    /// The body of a success. Anything that is not JSON, a login page above all, means a portal out of order.
    pub(super) fn success<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, SignInFailure> {
        self.of_status(&[200], what)
    }

    /// The same for something that was made. Some say 200 for it.
    pub(super) fn created<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, SignInFailure> {
        self.of_status(&[201, 200], what)
    }

    fn of_status<T: DeserializeOwned>(&self, good: &[u16], what: &'static str) -> Result<T, SignInFailure> {
        if !good.contains(&self.status) || !self.is_json() {
            return Err(self.broken());
        }
        serde_json::from_slice(&self.body).map_err(|_| SignInFailure::Malformed(what))
    }

    /// A portal that is out of order, or too busy (RFC 6585, 4), has judged nothing, whatever its answer's body says.
    pub(super) fn in_order(&self) -> Result<(), SignInFailure> {
        if self.status == 429 || self.status >= 500 { Err(self.broken()) } else { Ok(()) }
    }

    pub(super) fn broken(&self) -> SignInFailure {
        SignInFailure::PortalBroken { status: self.status }
    }

    /// The body where it is JSON, whatever the status.
    pub(super) fn any_json<T: DeserializeOwned>(&self) -> Option<T> {
        if self.is_json() { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The body of a refusal in JSON, `None` where it is something else.
    pub(super) fn refusal<T: DeserializeOwned>(&self) -> Option<T> {
        let refused = (400..500).contains(&self.status) && self.is_json();
        if refused { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// Where a redirect leads, as it is written. Nothing has gone there.
    pub(super) fn redirect(&self) -> Option<&str> {
        if (300..400).contains(&self.status) { self.location.as_deref() } else { None }
    }

    /// Whether the body is a page. Never to be logged or kept: the portal's pages may hold what was typed.
    pub(super) fn is_page(&self) -> bool {
        self.kind == "text/html"
    }

    pub(super) fn is_json(&self) -> bool {
        let kind = &self.kind;
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
    }
}

/// The media type, without its parameters.
fn kind(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn reason(error: &reqwest::Error) -> ConnectError {
    ConnectError::from_cause(error)
}

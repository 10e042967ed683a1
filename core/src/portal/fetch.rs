//! HTTP with a hostile server in mind: bounded, no redirect followed, errors told apart.

use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, SET_COOKIE};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::state::SignInFailure;
use crate::ports::ConnectError;

/// Discovery documents and key sets are a few kilobytes; tokens with many groups have been seen at 60.
const LARGEST: usize = 512 * 1024;

pub(super) struct Answer {
    pub(super) status: u16,
    /// Where a redirect leads. It is never followed by itself.
    pub(super) location: Option<String>,
    /// The fields `Set-Cookie`.
    pub(super) cookies: Vec<Zeroizing<String>>,
    json: bool,
    /// Pages hold secrets too: LemonLDAP::NG repeats a password that must be changed.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Sends the request and takes at most half a megabyte of answer.
pub(super) async fn fetch(request: RequestBuilder) -> Result<Answer, SignInFailure> {
    let mut response = request.send().await.map_err(|error| SignInFailure::Connect(reason(&error)))?;
    let status = response.status().as_u16();
    let json = is_json(response.headers());
    let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
    let redirect = (300..400).contains(&status);
    let location = response.headers().get(LOCATION).filter(|_| redirect).and_then(text);
    let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(text).map(Zeroizing::new).collect();
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
    Ok(Answer { status, location, cookies, json, body })
}

impl Answer {
    /// The body of a success. Anything that is not JSON, a login page above all, means a portal out of order.
    pub(super) fn success<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, SignInFailure> {
        if self.status != 200 || !self.json {
            return Err(SignInFailure::PortalBroken { status: self.status });
        }
        serde_json::from_slice(&self.body).map_err(|_| SignInFailure::Malformed(what))
    }

    /// The body where it is JSON, whatever the status.
    pub(super) fn any_json<T: DeserializeOwned>(&self) -> Option<T> {
        if self.json { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The body of a refusal in JSON, `None` where it is something else.
    pub(super) fn refusal<T: DeserializeOwned>(&self) -> Option<T> {
        let refused = (400..500).contains(&self.status) && self.json;
        if refused { serde_json::from_slice(&self.body).ok() } else { None }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn reason(error: &reqwest::Error) -> ConnectError {
    ConnectError::from_cause(error)
}

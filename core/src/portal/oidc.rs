//! OpenID Connect with PKCE for a public client (RFC 6749, 7636, 8252, 9126, 9207; OpenID Connect Core 1.0).

mod answer;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::CACHE_CONTROL;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(super) use answer::Answer;
use answer::word;

use super::fetch::fetch;
use super::id_token::{self, Claims, Expected, KeySet};
use super::session::Tokens;
use super::state::{SignInFailure, Who};
use crate::academy::{Academy, OidcSettings};
use crate::ports::Network;

/// The `request_uri` of RFC 9126's own examples has 60 characters.
const LONGEST_REQUEST_URI: usize = 1024;

/// What must survive between opening the browser and its return. Lives in the keystore.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Pending {
    verifier: String,
    state: String,
    nonce: String,
    /// The page to open, kept so that a restarted app can open it again.
    pub(super) url: String,
}

/// The part of a discovery document that we use (OpenID Connect Discovery 1.0, RFC 8414).
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    token_type: String,
    expires_in: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct OAuthRefusal {
    pub(super) error: String,
}

/// The answer to a pushed request (RFC 9126, 2.2).
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    name: Option<String>,
    email: Option<String>,
}

/// The protocol with one portal.
pub(super) struct Oidc<'a> {
    pub(super) academy: &'a Academy,
    pub(super) network: &'a Network,
}

impl Oidc<'_> {
    /// Asks the portal where its pages are and makes the page to open in the browser.
    pub(super) async fn prepare(&self) -> Result<Pending, SignInFailure> {
        let settings = self.settings()?;
        let discovery = self.discover(settings).await?;
        let mut url = self.official(&discovery.authorization_endpoint)?;
        let (verifier, state, nonce) = (random()?, random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let scopes = settings.scopes.join(" ");
        let request = [
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", settings.redirect_uri.as_str()),
            ("scope", &scopes),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        match &discovery.pushed_authorization_request_endpoint {
            // Where a portal takes pushed requests it gets one: nothing on the way through the browser can then change it. There
            // is no falling back, by which somebody could have it the other way.
            Some(endpoint) => {
                let pushed = self.push(endpoint, &request).await?;
                url.query_pairs_mut()
                    .append_pair("client_id", &settings.client_id)
                    .append_pair("request_uri", &pushed.request_uri);
            }
            None if discovery.require_pushed_authorization_requests => {
                return Err(SignInFailure::Malformed("discovery"));
            }
            None => {
                url.query_pairs_mut().extend_pairs(request);
            }
        }
        Ok(Pending { verifier, state, nonce, url: url.into() })
    }

    /// Whether the browser's answer is one to this very question.
    pub(super) fn is_answer_to(&self, pending: &Pending, returned: &str) -> Result<bool, SignInFailure> {
        match Answer::read(returned, self.settings()?, &pending.state) {
            Err(SignInFailure::NotOurs(_)) => Ok(false),
            read => read.map(|_| true),
        }
    }

    /// Checks the browser's answer and exchanges its code for a session.
    pub(super) async fn exchange(
        &self,
        pending: &Pending,
        returned: &str,
        now_ms: i64,
    ) -> Result<(Tokens, Who), SignInFailure> {
        let settings = self.settings()?;
        let answer = Answer::read(returned, settings, &pending.state)?;
        let discovery = self.discover(settings).await?;
        answer.check_issuer(&discovery)?;
        let code = answer.outcome?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", settings.redirect_uri.as_str()),
            ("client_id", &settings.client_id),
            ("code_verifier", &pending.verifier),
        ];
        let (tokens, portal_ms) = self.token(&discovery, &form).await?;
        let id_token = tokens.id_token.as_deref().ok_or(SignInFailure::BadToken("missing"))?;
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce: &pending.nonce,
            access_token: &tokens.access_token,
            now_ms,
            portal_ms,
        };
        let claims = self.verified(id_token, &discovery, &expected).await?;
        let mut who = Who { identifier: claims.sub, name: claims.name, address: claims.email, password_ends_ms: None };
        self.complete(&mut who, &discovery, &tokens).await?;
        Ok((kept(&who.identifier, &tokens, None, now_ms), who))
    }

    /// Gets a new access token for a refresh token (RFC 6749, 6). A portal that gives no new refresh token means the old
    /// one to stay.
    pub(super) async fn refresh(
        &self,
        identifier: &str,
        refresh: &SecretString,
        now_ms: i64,
    ) -> Result<Tokens, SignInFailure> {
        let settings = self.settings()?;
        let discovery = self.discover(settings).await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
            ("client_id", &settings.client_id),
        ];
        let (tokens, _) = self.token(&discovery, &form).await?;
        if let Some(id_token) = &tokens.id_token {
            id_token::same_person(id_token, &settings.issuer, &settings.client_id, identifier)?;
        }
        Ok(kept(identifier, &tokens, Some(refresh), now_ms))
    }

    fn settings(&self) -> Result<&OidcSettings, SignInFailure> {
        self.academy.oidc.as_ref().ok_or(SignInFailure::NoWayIn)
    }

    async fn discover(&self, settings: &OidcSettings) -> Result<Discovery, SignInFailure> {
        let well_known = format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'));
        let url = self.official(&well_known)?;
        let discovery: Discovery = fetch(self.network.http().get(url)).await?.success("discovery")?;
        if discovery.issuer != settings.issuer {
            return Err(SignInFailure::Malformed("issuer"));
        }
        Ok(discovery)
    }

    /// Hands the request to the portal directly (RFC 9126).
    async fn push(&self, endpoint: &str, request: &[(&str, &str)]) -> Result<Pushed, SignInFailure> {
        let url = self.official(endpoint)?;
        let answer = fetch(self.network.http().post(url).form(request)).await?;
        if let Some(OAuthRefusal { error }) = answer.refusal() {
            return Err(SignInFailure::Refused { code: word(&error) });
        }
        let pushed: Pushed = answer.created("pushed request")?;
        let fine = !pushed.request_uri.is_empty() && pushed.request_uri.len() <= LONGEST_REQUEST_URI;
        if fine && pushed.expires_in > 0 { Ok(pushed) } else { Err(SignInFailure::Malformed("pushed request")) }
    }

    /// The answer of the token endpoint, and what the portal's clock said then.
    async fn token(
        &self,
        discovery: &Discovery,
        form: &[(&str, &str)],
    ) -> Result<(TokenAnswer, Option<i64>), SignInFailure> {
        let url = self.official(&discovery.token_endpoint)?;
        let answer = fetch(self.network.http().post(url).form(form)).await?;
        if let Some(OAuthRefusal { error }) = answer.refusal() {
            return Err(SignInFailure::Refused { code: word(&error) });
        }
        let tokens: TokenAnswer = answer.success("token")?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") || tokens.access_token.is_empty() {
            return Err(SignInFailure::Malformed("token"));
        }
        Ok((tokens, answer.date_ms))
    }

    /// Verifies the identity token with the portal's keys. When none fits they are fetched once more: a portal that has changed
    /// its key may still show the old ones from a cache, or from one of its processes.
    async fn verified(
        &self,
        id_token: &str,
        discovery: &Discovery,
        expected: &Expected<'_>,
    ) -> Result<Claims, SignInFailure> {
        let keys = self.keys(discovery, None).await?;
        match id_token::verify(id_token, &keys, expected) {
            Err(SignInFailure::BadToken(id_token::UNKNOWN_KEY | id_token::WRONG_SIGNATURE)) => {
                let keys = self.keys(discovery, Some("no-cache")).await?;
                id_token::verify(id_token, &keys, expected)
            }
            done => done,
        }
    }

    async fn keys(&self, discovery: &Discovery, cache: Option<&str>) -> Result<KeySet, SignInFailure> {
        let mut request = self.network.http().get(self.official(&discovery.jwks_uri)?);
        if let Some(cache) = cache {
            request = request.header(CACHE_CONTROL, cache);
        }
        fetch(request).await?.success("keys")
    }

    /// Asks for name and address where the identity token was silent. A portal that does not tell is no failure.
    async fn complete(&self, who: &mut Who, discovery: &Discovery, tokens: &TokenAnswer) -> Result<(), SignInFailure> {
        if (who.name.is_none() || who.address.is_none())
            && let Some(endpoint) = &discovery.userinfo_endpoint
        {
            let url = self.official(endpoint)?;
            if let Ok(told) = self.user(url, &tokens.access_token).await {
                if told.identifier != who.identifier {
                    return Err(SignInFailure::NotOurs("subject"));
                }
                who.name = who.name.take().or(told.name);
                who.address = who.address.take().or(told.address);
            }
        }
        *who = tidy(std::mem::take(&mut who.identifier), who.name.take(), who.address.take());
        Ok(())
    }

    /// Whose `access` token it is, as the portal says now. [`SignInFailure::Refused`] when it no longer takes it.
    pub(super) async fn who(&self, access: &SecretString) -> Result<Who, SignInFailure> {
        let discovery = self.discover(self.settings()?).await?;
        let endpoint = discovery.userinfo_endpoint.as_deref().ok_or(SignInFailure::Malformed("discovery"))?;
        self.user(self.official(endpoint)?, access.expose_secret()).await
    }

    async fn user(&self, endpoint: Url, access: &str) -> Result<Who, SignInFailure> {
        let answer = fetch(self.network.http().get(endpoint).bearer_auth(access)).await?;
        // LemonLDAP::NG sends no body with it, and a challenge that RFC 6750 does not know.
        if answer.status == 401 {
            return Err(SignInFailure::Refused { code: "invalid_token".to_owned() });
        }
        let info: UserInfo = answer.success("user")?;
        if info.sub.is_empty() || info.sub.len() > 255 {
            return Err(SignInFailure::Malformed("user"));
        }
        Ok(tidy(info.sub, info.name, info.email))
    }

    /// The page of the portal that ends its session in the browser (OpenID Connect RP-Initiated Logout 1.0), `None` where there
    /// is none. With the identity token of the sign-in the portal need not ask whether one is sure; it then shows in the address.
    pub(super) async fn end_session_page(&self, id_token: Option<&SecretString>) -> Result<Option<Url>, SignInFailure> {
        let settings = self.settings()?;
        let discovery = self.discover(settings).await?;
        let Some(endpoint) = &discovery.end_session_endpoint else { return Ok(None) };
        let mut url = self.official(endpoint)?;
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &settings.client_id);
        if let Some(back) = &settings.post_logout_redirect_uri {
            query.append_pair("post_logout_redirect_uri", back.as_str());
        }
        if let Some(id_token) = id_token {
            query.append_pair("id_token_hint", id_token.expose_secret());
        }
        drop(query);
        Ok(Some(url))
    }

    fn official(&self, url: &str) -> Result<Url, SignInFailure> {
        let url = Url::parse(url).map_err(|_| SignInFailure::Malformed("address"))?;
        if self.academy.is_official(&url) {
            return Ok(url);
        }
        let host = url.host_str().unwrap_or_default().chars().take(253).collect();
        Err(SignInFailure::Unofficial { host })
    }
}

/// What a portal tells of a person, short enough to show.
fn tidy(identifier: String, name: Option<String>, address: Option<String>) -> Who {
    Who {
        identifier,
        name: name.map(|name| name.chars().filter(|c| !c.is_control()).take(200).collect()),
        address: address.filter(|address| address.len() <= 254 && address.contains('@')),
        password_ends_ms: None,
    }
}

fn kept(identifier: &str, answer: &TokenAnswer, before: Option<&SecretString>, now_ms: i64) -> Tokens {
    // Where the portal does not say, five minutes: a refresh too many costs less than a refused connection.
    let lifetime = answer.expires_in.unwrap_or(300).clamp(0, 365 * 24 * 3600);
    Tokens {
        identifier: identifier.to_owned(),
        access: answer.access_token.as_str().into(),
        refresh: answer.refresh_token.as_deref().map(Into::into).or_else(|| before.cloned()),
        expires_ms: now_ms.saturating_add(lifetime * 1000),
    }
}

/// 256 bits of chance, as 43 characters that need no escaping.
fn random() -> Result<String, SignInFailure> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| SignInFailure::Malformed("no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_ref()))
}

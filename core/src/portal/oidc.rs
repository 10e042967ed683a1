//! OpenID Connect with PKCE for a public client (RFC 6749, 7636, 8252, 9207; OpenID Connect Core 1.0).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::fetch::fetch;
use super::id_token::{self, Expected, KeySet};
use super::session::Tokens;
use super::state::{SignInFailure, Who};
use crate::academy::{Academy, OidcSettings};
use crate::ports::Network;

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
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", settings.redirect_uri.as_str())
            .append_pair("scope", &settings.scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        drop(query);
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
        let tokens = self.token(&discovery, &form).await?;
        let id_token = tokens.id_token.as_deref().ok_or(SignInFailure::BadToken("missing"))?;
        let keys: KeySet = self.keys(&discovery).await?;
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce: &pending.nonce,
            access_token: &tokens.access_token,
            now_ms,
        };
        let claims = id_token::verify(id_token, &keys, &expected)?;
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
        let tokens = self.token(&discovery, &form).await?;
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

    async fn token(&self, discovery: &Discovery, form: &[(&str, &str)]) -> Result<TokenAnswer, SignInFailure> {
        let url = self.official(&discovery.token_endpoint)?;
        let answer = fetch(self.network.http().post(url).form(form)).await?;
        if let Some(OAuthRefusal { error }) = answer.refusal() {
            return Err(SignInFailure::Refused { code: word(&error) });
        }
        let tokens: TokenAnswer = answer.success("token")?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") || tokens.access_token.is_empty() {
            return Err(SignInFailure::Malformed("token"));
        }
        Ok(tokens)
    }

    async fn keys(&self, discovery: &Discovery) -> Result<KeySet, SignInFailure> {
        let url = self.official(&discovery.jwks_uri)?;
        fetch(self.network.http().get(url)).await?.success("keys")
    }

    /// Asks for name and address where the identity token was silent. A portal that does not tell is no failure.
    async fn complete(&self, who: &mut Who, discovery: &Discovery, tokens: &TokenAnswer) -> Result<(), SignInFailure> {
        if (who.name.is_none() || who.address.is_none())
            && let Some(endpoint) = &discovery.userinfo_endpoint
        {
            let url = self.official(endpoint)?;
            let asked = fetch(self.network.http().get(url).bearer_auth(&tokens.access_token)).await;
            if let Ok(info) = asked.and_then(|answer| answer.success::<UserInfo>("user")) {
                if info.sub != who.identifier {
                    return Err(SignInFailure::NotOurs("subject"));
                }
                who.name = who.name.take().or(info.name);
                who.address = who.address.take().or(info.email);
            }
        }
        who.name = who.name.take().map(|name| name.chars().filter(|c| !c.is_control()).take(200).collect());
        who.address = who.address.take().filter(|address| address.len() <= 254 && address.contains('@'));
        Ok(())
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

/// What the browser brought back.
pub(super) struct Answer {
    issuer: Option<String>,
    pub(super) outcome: Result<SecretString, SignInFailure>,
}

impl Answer {
    /// Takes an address apart that any app or page may have sent us.
    pub(super) fn read(returned: &str, settings: &OidcSettings, state: &str) -> Result<Self, SignInFailure> {
        if returned.len() > 16 * 1024 {
            return Err(SignInFailure::TooLarge);
        }
        let url = Url::parse(returned).map_err(|_| SignInFailure::Malformed("answer"))?;
        let asked = &settings.redirect_uri;
        let same = (url.scheme(), url.host_str(), url.port_or_known_default(), url.path())
            == (asked.scheme(), asked.host_str(), asked.port_or_known_default(), asked.path());
        if !same {
            return Err(SignInFailure::NotOurs("address"));
        }
        let once = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            match (values.next(), values.next()) {
                (value, None) => Ok(value),
                _ => Err(SignInFailure::Malformed("answer")),
            }
        };
        let given = once("state")?.unwrap_or_default();
        // Compared once, then forgotten: there is nothing to measure by timing.
        if given != state {
            return Err(SignInFailure::NotOurs("state"));
        }
        let outcome = match (once("code")?, once("error")?) {
            (_, Some(error)) => Err(SignInFailure::Refused { code: word(&error) }),
            (Some(code), None) if !code.is_empty() => Ok(code.into()),
            _ => Err(SignInFailure::Malformed("answer")),
        };
        Ok(Self { issuer: once("iss")?, outcome })
    }

    /// RFC 9207: an `iss` must be right, and must be there when the portal promises it.
    fn check_issuer(&self, discovery: &Discovery) -> Result<(), SignInFailure> {
        match &self.issuer {
            Some(issuer) if *issuer != discovery.issuer => Err(SignInFailure::NotOurs("issuer")),
            None if discovery.authorization_response_iss_parameter_supported => Err(SignInFailure::NotOurs("issuer")),
            _ => Ok(()),
        }
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

/// An OAuth error code is a short ASCII word; anything else is not repeated.
fn word(code: &str) -> String {
    let fine = !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fine { code.to_owned() } else { "unknown_error".to_owned() }
}

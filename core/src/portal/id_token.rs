//! The checks of an identity token (OpenID Connect Core 1.0, 3.1.3.7; JWS RFC 7515; RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;

use super::state::SignInFailure;

/// How far the phone's clock and the portal's may differ, in seconds.
const SKEW: i64 = 300;

/// The public keys of a portal (RFC 7517).
#[derive(Debug, Deserialize)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What the token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) now_ms: i64,
}

/// What we read of it.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    at_hash: Option<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    crit: Vec<String>,
}

/// Verifies `token` against `keys`, then its claims.
pub(super) fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, SignInFailure> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SignInFailure::BadToken("form"));
    };
    let parsed: Header = decode(header)?;
    if !parsed.crit.is_empty() {
        return Err(SignInFailure::BadToken("critical header"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SignInFailure::BadToken("form"))?;
    let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
    keys.verify(&parsed, signed.as_bytes(), &signature)?;
    let claims: Claims = decode(payload)?;
    claims.check(expected)?;
    Ok(claims)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, SignInFailure> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| SignInFailure::BadToken("form"))?;
    serde_json::from_slice(&bytes).map_err(|_| SignInFailure::BadToken("form"))
}

impl KeySet {
    fn verify(&self, header: &Header, signed: &[u8], signature: &[u8]) -> Result<(), SignInFailure> {
        // An allow-list: `none` and the HS family, whose key would be public here, are not in it.
        let kty = match header.alg.as_str() {
            "RS256" | "PS256" => "RSA",
            "ES256" => "EC",
            _ => return Err(SignInFailure::BadToken("algorithm")),
        };
        let fits = |key: &&Key| {
            key.kty == kty
                && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
                && (header.kid.is_none() || key.kid == header.kid)
        };
        let mut candidates = self.keys.iter().filter(fits).take(8).peekable();
        if candidates.peek().is_none() {
            return Err(SignInFailure::BadToken("unknown key"));
        }
        let verified = candidates.any(|key| key.verify(&header.alg, signed, signature).is_some());
        if verified { Ok(()) } else { Err(SignInFailure::BadToken("signature")) }
    }
}

impl Key {
    fn verify(&self, alg: &str, signed: &[u8], signature: &[u8]) -> Option<()> {
        let part = |value: &Option<String>| URL_SAFE_NO_PAD.decode(value.as_ref()?).ok();
        if alg == "ES256" {
            if self.crv.as_deref() != Some("P-256") {
                return None;
            }
            let point = [&[4][..], &part(&self.x)?, &part(&self.y)?].concat();
            return UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).ok();
        }
        let key = RsaPublicKeyComponents { n: part(&self.n)?, e: part(&self.e)? };
        let scheme = if alg == "PS256" { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
        key.verify(scheme, signed, signature).ok()
    }
}

impl Claims {
    fn check(&self, expected: &Expected<'_>) -> Result<(), SignInFailure> {
        let refuse = |what| Err(SignInFailure::BadToken(what));
        let now = expected.now_ms.div_euclid(1000);
        if self.iss != expected.issuer {
            return refuse("issuer");
        }
        let (ours, others) = match &self.aud {
            Audience::One(one) => (one == expected.client_id, false),
            Audience::Many(many) => (many.iter().any(|one| one == expected.client_id), many.len() > 1),
        };
        if !ours {
            return refuse("audience");
        }
        if (others && self.azp.is_none()) || self.azp.as_ref().is_some_and(|azp| azp != expected.client_id) {
            return refuse("authorized party");
        }
        if self.exp < now.saturating_sub(SKEW) {
            return refuse("expired");
        }
        if self.iat > now.saturating_add(SKEW) {
            return refuse("from the future");
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(SignInFailure::NotOurs("nonce"));
        }
        if let Some(hash) = &self.at_hash {
            let full = digest(&SHA256, expected.access_token.as_bytes());
            let half = full.as_ref().get(..16).unwrap_or_default();
            if URL_SAFE_NO_PAD.encode(half) != *hash {
                return refuse("access token hash");
            }
        }
        if self.sub.is_empty() || self.sub.len() > 255 {
            return refuse("subject");
        }
        Ok(())
    }
}

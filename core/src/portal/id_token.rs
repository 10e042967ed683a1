//! The checks of an identity token (OpenID Connect Core 1.0, 3.1.3.7; JWS RFC 7515; RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::{Deserialize, Deserializer};

use super::state::SignInFailure;

/// How far the phone's clock and the portal's may differ, in seconds.
const SKEW: i64 = 300;

/// What [`SignInFailure::BadToken`] says when other keys might help.
pub(super) const UNKNOWN_KEY: &str = "unknown key";
pub(super) const WRONG_SIGNATURE: &str = "signature";

/// The public keys of a portal (RFC 7517). Those of a kind that we do not know are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct KeySet {
    #[serde(deserialize_with = "understood")]
    keys: Vec<Key>,
}

fn understood<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Key>, D::Error> {
    let all = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(all.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
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
    /// What the portal's own clock said, where it said something.
    pub(super) portal_ms: Option<i64>,
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

/// Checks that the identity token of a refresh is about the same person (OpenID Connect Core 1.0, 12.2). It came straight from the
/// portal over TLS, which stands for its signature (3.1.3.7, 6), and nothing else of it is used.
pub(super) fn same_person(token: &str, issuer: &str, client_id: &str, identifier: &str) -> Result<(), SignInFailure> {
    let payload = token.split('.').nth(1).ok_or(SignInFailure::BadToken("form"))?;
    let claims: Claims = decode(payload)?;
    let same = claims.iss == issuer && claims.is_for(client_id) && claims.sub == identifier;
    if same { Ok(()) } else { Err(SignInFailure::NotOurs("subject")) }
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
            return Err(SignInFailure::BadToken(UNKNOWN_KEY));
        }
        let verified = candidates.any(|key| key.verify(&header.alg, signed, signature).is_some());
        if verified { Ok(()) } else { Err(SignInFailure::BadToken(WRONG_SIGNATURE)) }
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
    fn is_for(&self, client_id: &str) -> bool {
        match &self.aud {
            Audience::One(one) => one == client_id,
            Audience::Many(many) => many.iter().any(|one| one == client_id),
        }
    }

    fn check(&self, expected: &Expected<'_>) -> Result<(), SignInFailure> {
        let refuse = |what| Err(SignInFailure::BadToken(what));
        let now = expected.now_ms.div_euclid(1000);
        if self.iss != expected.issuer {
            return refuse("issuer");
        }
        if !self.is_for(expected.client_id) {
            return refuse("audience");
        }
        let others = matches!(&self.aud, Audience::Many(many) if many.len() > 1);
        if (others && self.azp.is_none()) || self.azp.as_ref().is_some_and(|azp| azp != expected.client_id) {
            return refuse("authorized party");
        }
        let late = self.exp < now.saturating_sub(SKEW);
        if late || self.iat > now.saturating_add(SKEW) {
            // The portal has just made the token. When its own clock agrees with the token, it is the phone's that does not.
            let ahead = expected.portal_ms.map_or(0, |portal| now.saturating_sub(portal.div_euclid(1000)));
            if ahead.saturating_abs() > SKEW {
                return Err(SignInFailure::PhoneClock { minutes: ahead / 60 });
            }
            return refuse(if late { "expired" } else { "from the future" });
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

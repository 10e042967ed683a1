use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::portal::id_token::{Expected, KeySet, verify};
use crate::portal::state::SignInFailure;

const NOW: i64 = 1_795_393_200;

fn expected(access_token: &str) -> Expected<'_> {
    Expected {
        issuer: "https://auth.academie.test:21443",
        client_id: "mobile",
        nonce: "n0nce",
        access_token,
        now_ms: NOW * 1000,
    }
}

fn keys(value: &Value) -> KeySet {
    serde_json::from_value(value.clone()).unwrap()
}

/// A portal of ours that signs whatever it is told to.
struct Forge {
    key: EcdsaKeyPair,
    set: Value,
}

impl Forge {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let point = key.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig",
                                   "x": part(&point[1..33]), "y": part(&point[33..65])}]});
        Self { key, set }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn outcome(&self, header: &Value, claims: &Value) -> Result<String, SignInFailure> {
        verify(&self.token(header, claims), &keys(&self.set), &expected("access")).map(|claims| claims.sub)
    }
}

fn claims() -> Value {
    json!({"iss": "https://auth.academie.test:21443", "sub": "jdupont", "aud": ["mobile"], "exp": NOW + 600,
           "iat": NOW, "nonce": "n0nce"})
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k"})
}

#[test]
fn the_token_of_a_real_portal_is_accepted_for_its_time() {
    let recorded: Value = serde_json::from_str(include_str!("../../../../tests/data/servers/oidc.json")).unwrap();
    let (token, access) = (recorded["id_token"].as_str().unwrap(), recorded["access_token"].as_str().unwrap());
    let set = keys(&recorded["jwks"]);
    assert_eq!(verify(token, &set, &expected(access)).unwrap().sub, "jdupont");
    let another = verify(token, &set, &expected("another access token")).unwrap_err();
    assert_eq!(another, SignInFailure::BadToken("access token hash"));
    let later = Expected { now_ms: (NOW + 86_400) * 1000, ..expected(access) };
    assert_eq!(verify(token, &set, &later).unwrap_err(), SignInFailure::BadToken("expired"));
    let mut bent = token.to_owned();
    bent.truncate(token.len() - 4);
    bent.push_str("AAAA");
    assert_eq!(verify(&bent, &set, &expected(access)).unwrap_err(), SignInFailure::BadToken("signature"));
}

#[test]
fn a_claim_that_is_not_ours_is_refused() {
    let forge = Forge::new();
    assert_eq!(forge.outcome(&header(), &claims()), Ok("jdupont".to_owned()));
    for (name, value, failure) in [
        ("iss", json!("https://auth.academie.test"), SignInFailure::BadToken("issuer")),
        ("aud", json!("another"), SignInFailure::BadToken("audience")),
        ("aud", json!(["mobile", "another"]), SignInFailure::BadToken("authorized party")),
        ("azp", json!("another"), SignInFailure::BadToken("authorized party")),
        ("exp", json!(NOW - 301), SignInFailure::BadToken("expired")),
        ("iat", json!(NOW + 301), SignInFailure::BadToken("from the future")),
        ("nonce", json!("another"), SignInFailure::NotOurs("nonce")),
        ("nonce", Value::Null, SignInFailure::NotOurs("nonce")),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), SignInFailure::BadToken("access token hash")),
        ("sub", json!(""), SignInFailure::BadToken("subject")),
        ("sub", json!(7), SignInFailure::BadToken("form")),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        assert_eq!(forge.outcome(&header(), &claims), Err(failure), "{name} {value}");
    }
}

#[test]
fn algorithms_that_anybody_could_sign_with_are_refused() {
    let forge = Forge::new();
    for alg in ["none", "None", "HS256", "RS1", ""] {
        let header = json!({"alg": alg, "kid": "k"});
        assert_eq!(forge.outcome(&header, &claims()), Err(SignInFailure::BadToken("algorithm")), "{alg}");
    }
    let confused = json!({"alg": "RS256", "kid": "k"});
    assert_eq!(forge.outcome(&confused, &claims()), Err(SignInFailure::BadToken("unknown key")));
    let foreign = json!({"alg": "ES256", "kid": "another"});
    assert_eq!(forge.outcome(&foreign, &claims()), Err(SignInFailure::BadToken("unknown key")));
    let critical = json!({"alg": "ES256", "kid": "k", "crit": ["exp"]});
    assert_eq!(forge.outcome(&critical, &claims()), Err(SignInFailure::BadToken("critical header")));
    let unsigned = format!("{}.", forge.token(&json!({"alg": "none"}), &claims()).rsplit_once('.').unwrap().0);
    assert_eq!(
        verify(&unsigned, &keys(&forge.set), &expected("access")).unwrap_err(),
        SignInFailure::BadToken("algorithm")
    );
    for form in ["", ".", "..", "a.b.c", "a.b.c.d"] {
        assert_eq!(
            verify(form, &keys(&forge.set), &expected("access")).unwrap_err(),
            SignInFailure::BadToken("form"),
            "{form}"
        );
    }
}

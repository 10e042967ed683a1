use serde_json::{Value, json};

use super::forge::Forge;
use crate::portal::id_token::{Expected, KeySet, same_person, verify};
use crate::portal::state::SignInFailure;

const NOW: i64 = 1_795_393_200;

fn expected(access_token: &str) -> Expected<'_> {
    Expected {
        issuer: "https://auth.academie.test:21443",
        client_id: "mobile",
        nonce: "n0nce",
        access_token,
        now_ms: NOW * 1000,
        portal_ms: None,
    }
}

fn keys(value: &Value) -> KeySet {
    serde_json::from_value(value.clone()).unwrap()
}

/// Whose token it is that the forge makes of this, or why it is not taken.
fn outcome(forge: &Forge, header: &Value, claims: &Value) -> Result<String, SignInFailure> {
    verify(&forge.token(header, claims), &keys(&forge.set), &expected("access")).map(|claims| claims.sub)
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
    assert_eq!(outcome(&forge, &header(), &claims()), Ok("jdupont".to_owned()));
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
        assert_eq!(outcome(&forge, &header(), &claims), Err(failure), "{name} {value}");
    }
}

#[test]
fn algorithms_that_anybody_could_sign_with_are_refused() {
    let forge = Forge::new();
    for alg in ["none", "None", "HS256", "RS1", ""] {
        let header = json!({"alg": alg, "kid": "k"});
        assert_eq!(outcome(&forge, &header, &claims()), Err(SignInFailure::BadToken("algorithm")), "{alg}");
    }
    let confused = json!({"alg": "RS256", "kid": "k"});
    assert_eq!(outcome(&forge, &confused, &claims()), Err(SignInFailure::BadToken("unknown key")));
    let foreign = json!({"alg": "ES256", "kid": "another"});
    assert_eq!(outcome(&forge, &foreign, &claims()), Err(SignInFailure::BadToken("unknown key")));
    let critical = json!({"alg": "ES256", "kid": "k", "crit": ["exp"]});
    assert_eq!(outcome(&forge, &critical, &claims()), Err(SignInFailure::BadToken("critical header")));
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

#[test]
fn a_key_set_is_read_past_what_is_not_understood_and_two_keys_may_share_a_name() {
    let (old, new) = (Forge::new(), Forge::new());
    let set = json!({"keys": [
        {"kty": 7}, "junk", {}, {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AA"},
        {"kty": "EC", "crv": "P-256", "kid": "k", "x": "not base64", "y": "AA"}, old.set["keys"][0], new.set["keys"][0],
    ], "more": true});
    for forge in [&old, &new] {
        for header in [header(), json!({"alg": "ES256"})] {
            let token = forge.token(&header, &claims());
            assert_eq!(verify(&token, &keys(&set), &expected("access")).unwrap().sub, "jdupont");
        }
    }
    let stranger = Forge::new().token(&header(), &claims());
    let refused = verify(&stranger, &keys(&set), &expected("access")).unwrap_err();
    assert_eq!(refused, SignInFailure::BadToken("signature"));
    let encryption = json!({"keys": [{"kty": "EC", "use": "enc", "kid": "k"}]});
    let refused = verify(&stranger, &keys(&encryption), &expected("access")).unwrap_err();
    assert_eq!(refused, SignInFailure::BadToken("unknown key"));
    assert!(serde_json::from_value::<KeySet>(json!({"keys": 3})).is_err());
}

#[test]
fn a_token_out_of_its_time_blames_the_phones_clock_only_when_the_portals_agrees_with_the_token() {
    let forge = Forge::new();
    let at = |phone: i64, portal: Option<i64>| {
        let token = forge.token(&header(), &claims());
        let expected = Expected {
            now_ms: (NOW + phone) * 1000,
            portal_ms: portal.map(|portal| (NOW + portal) * 1000),
            ..expected("access")
        };
        verify(&token, &keys(&forge.set), &expected).err()
    };
    const HOUR: i64 = 3600;
    // A few minutes are nobody's fault.
    for phone in [-300, -299, 0, 600, 900] {
        assert_eq!(at(phone, Some(0)), None, "{phone}");
    }
    assert_eq!(at(2 * HOUR, Some(1)), Some(SignInFailure::PhoneClock { minutes: 119 }));
    assert_eq!(at(-2 * HOUR, Some(1)), Some(SignInFailure::PhoneClock { minutes: -120 }));
    assert_eq!(at(24 * HOUR * 365, Some(0)), Some(SignInFailure::PhoneClock { minutes: 525_600 }));
    // The portal gives out old tokens, or ones of tomorrow; or it does not say what time it is.
    assert_eq!(at(2 * HOUR, Some(2 * HOUR)), Some(SignInFailure::BadToken("expired")));
    assert_eq!(at(-2 * HOUR, Some(-2 * HOUR)), Some(SignInFailure::BadToken("from the future")));
    assert_eq!(at(2 * HOUR, None), Some(SignInFailure::BadToken("expired")));
    assert_eq!(at(-2 * HOUR, None), Some(SignInFailure::BadToken("from the future")));
}

#[test]
fn a_refreshed_token_is_about_the_same_person() {
    let forge = Forge::new();
    let same = |claims: &Value, identifier: &str| {
        same_person(&forge.token(&header(), claims), "https://auth.academie.test:21443", "mobile", identifier)
    };
    assert_eq!(same(&claims(), "jdupont"), Ok(()));
    assert_eq!(same(&claims(), "pmartin"), Err(SignInFailure::NotOurs("subject")));
    for (name, value) in [("iss", json!("https://evil.example")), ("aud", json!(["another"]))] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(same(&claims, "jdupont"), Err(SignInFailure::NotOurs("subject")), "{name}");
    }
    assert_eq!(same_person("", "i", "mobile", "jdupont"), Err(SignInFailure::BadToken("form")));
}

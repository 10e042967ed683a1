use super::*;

/// RFC 7677, 3.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn begun() -> Scram {
    Scram::with_nonce("user", &"pencil".into(), NONCE.to_owned()).unwrap()
}

fn text(said: Option<Zeroizing<Vec<u8>>>) -> String {
    String::from_utf8(said.unwrap().to_vec()).unwrap()
}

#[test]
fn the_exchange_of_rfc_7677_comes_out() {
    let mut scram = begun();
    assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    assert_eq!(text(scram.answer(CHALLENGE.as_bytes()).unwrap()), PROOF);
    assert!(!scram.verified());
    assert_eq!(text(scram.answer(SIGNATURE.as_bytes()).unwrap()), "");
    assert!(scram.verified());
}

#[test]
fn challenges_that_are_none_get_no_proof() {
    let long = format!("r={NONCE}x,s={},i=4096", STANDARD.encode([7; 1025]));
    for (challenge, expected) in [
        ("", Distrust::Challenge),
        ("e=unknown-user", Distrust::Challenge),
        ("m=must-know,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096", Distrust::Challenge),
        ("s=W22Z,r=rOprNGfwEbeRWgbNEkqOx,i=4096", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=not base64,i=4096", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=+4096", Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqO\x07,s=W22Z,i=4096", Distrust::Challenge),
        (&long, Distrust::Challenge),
        ("r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096", Distrust::Nonce),
        ("r=xOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096", Distrust::Nonce),
        ("r=,s=W22Z,i=4096", Distrust::Nonce),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095", Distrust::Iterations),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0", Distrust::Iterations),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=600001", Distrust::Iterations),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=99999999999999999999", Distrust::Iterations),
    ] {
        let told = begun().answer(challenge.as_bytes());
        assert_eq!(told.err(), Some(expected), "{challenge}");
        assert!(!expected.after_proof());
    }
    assert_eq!(begun().answer(b"r=\xff").err(), Some(Distrust::Challenge));
}

#[test]
fn what_stands_behind_the_challenge_is_passed_over() {
    assert!(begun().answer(format!("{CHALLENGE},x=later").as_bytes()).is_ok());
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    for signature in ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=AAAA", "v=", "v", "x=1", "", "v=!"] {
        let mut scram = begun();
        scram.answer(CHALLENGE.as_bytes()).unwrap();
        assert_eq!(scram.answer(signature.as_bytes()).err(), Some(Distrust::Signature), "{signature}");
        assert!(!scram.verified() && Distrust::Signature.after_proof());
    }
    let mut refused = begun();
    refused.answer(CHALLENGE.as_bytes()).unwrap();
    assert!(refused.answer(b"e=invalid-proof").unwrap().is_none());
    assert!(!refused.verified());
}

#[test]
fn names_and_passwords_are_prepared_as_rfc_4013_has_it() {
    for (text, expected) in [
        ("I\u{ad}X", Some("IX")),
        ("user", Some("user")),
        ("USER", Some("USER")),
        ("\u{aa}", Some("a")),
        ("\u{2168}", Some("IX")),
        ("\u{7}", None),
        ("e\u{301}t\u{e9}", Some("\u{e9}t\u{e9}")),
        ("a\u{a0}b", Some("a b")),
        ("", None),
        ("\u{ad}", None),
        ("\u{e000}", None),
        ("a\u{2028}b", None),
    ] {
        assert_eq!(prepared(text).as_deref().map(String::as_str), expected, "{text:?}");
    }
    let odd = Scram::with_nonce("a=b,c", &"p".into(), "n".to_owned()).unwrap();
    assert_eq!(odd.first(), "n,,n=a=3Db=2Cc,r=n");
    assert!(Scram::new("a", &"\n".into()).is_none());
}

use ring::{digest, hmac, pbkdf2};

use super::*;

/// A server's side of SCRAM-SHA-256, for those who play one.
pub(crate) struct ScramServer {
    password: &'static str,
    /// How often the password is hashed.
    pub(crate) iterations: u32,
    message: String,
}

impl ScramServer {
    pub(crate) fn new(password: &'static str) -> Self {
        Self { password, iterations: 4096, message: String::new() }
    }

    /// The challenge to what the client says first.
    pub(crate) fn challenge(&mut self, first: &str) -> String {
        let bare = first.strip_prefix("n,,").unwrap();
        let nonce = bare.split_once(",r=").unwrap().1;
        let challenge = format!("r={nonce}server,s={},i={}", STANDARD.encode("a salt"), self.iterations);
        self.message = format!("{bare},{challenge}");
        challenge
    }

    /// The signature, where the proof is right.
    pub(crate) fn signature(&self, last: &str) -> Option<String> {
        let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
        let message = format!("{},{without_proof}", self.message);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let (mut salted, rounds) = ([0; 32], self.iterations.try_into().unwrap());
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, b"a salt", self.password.as_bytes(), &mut salted);
        let stored = digest::digest(&digest::SHA256, sign(&salted, b"Client Key").as_ref());
        let signature = sign(stored.as_ref(), message.as_bytes());
        let proof = STANDARD.decode(proof).unwrap();
        let key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(proof, sign)| proof ^ sign).collect();
        let right = digest::digest(&digest::SHA256, &key).as_ref() == stored.as_ref();
        let server = sign(sign(&salted, b"Server Key").as_ref(), message.as_bytes());
        right.then(|| format!("v={}", STANDARD.encode(server)))
    }
}

fn choices(offered: &[&str], credentials: &Credentials) -> Vec<Exchange> {
    Exchange::choices(|name| offered.contains(&name), credentials).unwrap()
}

fn password() -> Credentials {
    Credentials::Password { user: "jdupont".to_owned(), password: "pl4nted".into() }
}

fn names(offered: &[&str], credentials: &Credentials) -> Vec<&'static str> {
    choices(offered, credentials).iter().map(Exchange::name).collect()
}

#[test]
fn the_best_way_comes_first_and_only_what_is_offered() {
    let all = ["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"];
    assert_eq!(names(&all, &password()), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]);
    assert_eq!(names(&["LOGIN"], &password()), ["LOGIN"]);
    let token = Credentials::Bearer { user: "jdupont".to_owned(), token: "t".into() };
    assert_eq!(names(&all, &token), ["OAUTHBEARER", "XOAUTH2"]);
    assert!(names(&["PLAIN"], &token).is_empty());
    // A password that SASLprep refuses goes as it is.
    let odd = Credentials::Password { user: "jdupont".to_owned(), password: "a\tb".into() };
    assert_eq!(names(&all, &odd), ["PLAIN", "LOGIN"]);
}

#[test]
fn what_would_say_something_else_is_not_said() {
    for credentials in [
        Credentials::Password { user: "a\0b".to_owned(), password: "c".into() },
        Credentials::Password { user: "a".to_owned(), password: "b\0c".into() },
        Credentials::Bearer { user: "a\x01b".to_owned(), token: "c".into() },
        Credentials::Bearer { user: "a".to_owned(), token: "b\r\nc".into() },
    ] {
        assert!(Exchange::choices(|_| true, &credentials).is_err(), "{credentials:?}");
    }
}

#[test]
fn a_proof_is_told_from_what_comes_before_it() {
    let [mut scram, mut plain, mut login] =
        choices(&["SCRAM-SHA-256", "PLAIN", "LOGIN"], &password()).try_into().ok().unwrap();
    assert!(scram.initial(510).is_some() && !scram.proven());
    assert_eq!(scram.finished(), Err(Distrust::Challenge));
    assert_eq!(plain.finished(), Err(Distrust::Challenge));
    assert!(!plain.proven() && plain.initial(510).is_some() && plain.proven());
    assert_eq!(plain.finished(), Ok(()));
    let mut long = choices(&["PLAIN"], &password()).remove(0);
    assert!(long.initial(20).is_none() && !long.proven());
    assert!(login.initial(510).is_none());
    let mut say = |challenge: &[u8]| String::from_utf8(login.answer(challenge).unwrap().unwrap().to_vec()).unwrap();
    assert_eq!((say(b"Username:"), say(b"Password:")), (STANDARD.encode("jdupont"), STANDARD.encode("pl4nted")));
    assert!(login.proven() && login.answer(b"And?").unwrap().is_none());
}

#[test]
fn between_the_name_and_the_password_nothing_is_proven() {
    let mut login = choices(&["LOGIN"], &password()).remove(0);
    login.answer(b"Username:").unwrap();
    assert!(!login.proven());
}

#[test]
fn questions_without_end_are_given_up() {
    for offered in ["PLAIN", "LOGIN", "SCRAM-SHA-256"] {
        let mut exchange = choices(&[offered], &password()).remove(0);
        let told = (0..100).find_map(|_| exchange.answer(b"").err()).unwrap();
        assert!(matches!(told, Distrust::Endless | Distrust::Challenge), "{offered}");
    }
    let mut exchange = choices(&["PLAIN"], &password()).remove(0);
    assert_eq!(exchange.answer(&vec![b'x'; 1 << 20]).err(), Some(Distrust::Challenge));
}

#[test]
fn the_servers_words_are_not_told_when_they_repeat_ours() {
    let mut exchange = choices(&["PLAIN"], &password()).remove(0);
    let wire = String::from_utf8(exchange.initial(510).unwrap().to_vec()).unwrap();
    for told in ["no: pl4nted", &format!("AUTH {wire}?"), "\0jdupont\0pl4nted"] {
        assert_eq!(exchange.secrets().hidden(told), "");
    }
    assert_eq!(exchange.secrets().hidden("no"), "no");
}

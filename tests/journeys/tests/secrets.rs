//! Secrets stay where they belong: they are looked for in every log line, every error, and every file of the app.

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use academy::wire::Faults;
use academy::{Academy, Browser, Teacher, Way};
use cartable_core::companion::Companion;
use cartable_core::portal::{Question, SignInState};
use common::Log;
use journeys::{ACADEMY, Phone, Witness, inbox, sign_in};

const WRONG: &str = "faux-Pl4nted";

/// The morning, with the faults that lead through every path on which a secret travels. Gives what it said.
async fn morning(academy: &Academy, phone: &Phone, companion: &Companion, passwords: &[&str]) -> String {
    let mut said = String::new();
    let jeanne = Teacher::by_uid("jdupont").unwrap();
    let state = sign_in(companion, &Browser::new(academy).unwrap(), jeanne).await;
    assert!(matches!(state, SignInState::SignedIn(_)), "{state:?}");
    // A right password opens both mail servers, a wrong one is refused; without any the portal's token does it.
    for password in passwords.iter().map(Some).chain(passwords.is_empty().then_some(None)) {
        if let Some(password) = password {
            let _ = write!(said, "{:?}", companion.set_mail_password(&(*password).into()).await);
        }
        let synced = companion.sync(&|_, _| {}).await;
        let rows = companion.messages(inbox(companion).await, None, 1).await.unwrap();
        companion.reply(rows[0].id, "Bien reçu.", false).await.unwrap();
        let sent = companion.send_waiting().await;
        assert_eq!(
            (synced.is_ok(), sent.is_ok()),
            if password == Some(&WRONG) { (false, false) } else { (true, true) }
        );
        let _ = write!(said, "{synced:?} {sent:?} {:?}", companion.outbox().await);
        companion.suspend().await.unwrap();
    }
    let _ = write!(said, "{state:?} {companion:?} {:?}", companion.account());
    // Cut short and interrupted, with a session that is there.
    let wire = academy.wire(academy.imap()).await.unwrap();
    phone.hosts.lead("imap.academie.test", wire.address());
    wire.set(Faults::none().black_hole()).await.unwrap();
    companion.suspend().await.unwrap();
    let error = companion.sync(&|_, _| {}).await.unwrap_err();
    let _ = write!(said, "{error:?} {error} {:?}", companion.words(&error));
    phone.hosts.lead("imap.academie.test", "127.0.0.1".parse().unwrap());
    // A browser that brings back somebody else's answer.
    companion.sign_out(true).await.unwrap();
    if let SignInState::Asks(Question::Browser { url, .. }) = companion.begin_sign_in(ACADEMY).await.unwrap() {
        let back = Browser::new(academy).unwrap().sign_in(&url, jeanne).await.unwrap();
        let forged = companion.browser_returned(&back.replace("state=", "state=x")).await.unwrap();
        // The page itself holds state and nonce, for the browser.
        let SignInState::Asks(Question::Browser { host, notice, .. }) = forged else { panic!("{forged:?}") };
        let _ = write!(said, "{host} {notice:?}");
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
        assert!(!said.contains(code), "the browser's code is in what was said");
    }
    said
}

/// The portal's form with a wrong password, a wrong code and right ones. Gives what was typed.
async fn by_form(academy: &Academy, companion: &Companion, said: &mut String) -> Vec<(String, String)> {
    let browser = Browser::new(academy).unwrap();
    let paul = Teacher::by_uid("pmartin").unwrap();
    let mut typed = vec![("a wrong password".to_owned(), WRONG.to_owned())];
    let mut states = vec![companion.begin_sign_in(ACADEMY).await];
    states.push(companion.enter_password("pmartin", &WRONG.into()).await);
    states.push(companion.enter_password("pmartin", &"Secret-1234".into()).await);
    let code = browser.mailed_code(paul, 0).await.unwrap();
    let state = companion.enter_code(&code.as_str().into()).await;
    assert!(matches!(state, Ok(SignInState::Asks(Question::Introduction { .. }))), "{state:?}");
    states.push(state);
    states.push(companion.introduce("", "pmartin@academie.test").await);
    // Another service, by a ticket.
    let opening = companion.open_service(companion.services()[0].address.as_str()).await.unwrap();
    let ticket = opening.url.split_once("ticket=").unwrap().1.to_owned();
    let _ = write!(said, "{opening:?} {states:?} {:?}", companion.is_portal_session_alive().await);
    typed.push(("a ticket".to_owned(), ticket));
    states.clear();
    states.push(companion.begin_sign_in(ACADEMY).await);
    states.push(companion.enter_password("pmartin", &"Secret-1234".into()).await);
    states.push(companion.enter_code(&"pl4nted-c0de".into()).await);
    let _ = write!(said, "{states:?}");
    typed.extend([("a code".to_owned(), code), ("a wrong code".to_owned(), "pl4nted-c0de".to_owned())]);
    typed
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_no_error_and_no_file_holds_a_secret() {
    let log = Log::catch();
    let academy = Academy::builder().ent().start().await.unwrap();
    academy.deliver("jdupont@academie.test", b"From: lreset@academie.test\r\nSubject: A\r\n\r\nB\r\n").await.unwrap();
    let witness = Witness::default();
    let phone = Phone::with_secrets(&academy, Arc::new(witness.clone()));
    let folder = tempfile::tempdir().unwrap();
    let companion = phone.open(folder.path()).await;
    let mut said = morning(&academy, &phone, &companion, &[]).await;
    companion.shutdown().await.unwrap();

    // Once more with passwords on the wire.
    let by_password = folder.path().join("by-password");
    let profile =
        academy.profile_toml().replace(r#"auth = ["oauthbearer", "xoauth2", "password"]"#, r#"auth = ["password"]"#);
    let setup = phone.setup(&by_password).academy(cartable_core::academy::Academy::from_toml(&profile).unwrap());
    let companion = Companion::open(setup).await.unwrap();
    said += &morning(&academy, &phone, &companion, &["Secret-1234", WRONG]).await;

    // And with everything typed in the app.
    let companion = phone.profile(&academy.profile_toml_for(Way::Form)).open(&folder.path().join("form")).await;
    let typed = by_form(&academy, &companion, &mut said).await;
    companion.shutdown().await.unwrap();

    let mut secrets = witness.secrets();
    secrets.extend(typed);
    for kind in
        ["session", "sign-in", "mail-password", "ledger", "access", "refresh", "verifier", "lemonldap", "hidden token"]
    {
        assert!(secrets.iter().any(|(key, _)| key.contains(kind)), "no secret of kind {kind} was ever kept");
    }
    let logged = log.text();
    assert!(logged.contains("hyper"), "the libraries' logs were not caught");
    let mut places = vec![("a log".to_owned(), logged.into_bytes()), ("an error".to_owned(), said.into_bytes())];
    for entry in walk(folder.path()) {
        places.push((entry.display().to_string(), std::fs::read(entry).unwrap()));
    }
    assert!(places.iter().any(|(place, _)| place.ends_with("cartable.db")));
    for (key, secret) in &secrets {
        // The page to open is no secret: it goes to the browser, and holds state, nonce and challenge only. Nor is what the teacher
        // was asked for, or where a form goes.
        let harmless = [" url", " identifier", " to", " resend", " skin"].iter().any(|name| key.ends_with(name));
        if harmless || key.contains(" question") || secret.len() < 6 {
            continue;
        }
        for form in forms(secret) {
            for (place, content) in &places {
                let found = content.windows(form.len()).any(|window| window == form);
                assert!(!found, "{key} is in {place}");
            }
        }
    }
}

#[test]
fn a_secret_is_found_in_clear_and_in_each_place_of_a_base64_text() {
    // SASL PLAIN with users of different lengths.
    for user in ["ab", "abc", "abcd"] {
        let line = base64(format!("\0{user}\0{WRONG}").as_bytes());
        let found = forms(WRONG).iter().any(|form| line.as_bytes().windows(form.len()).any(|window| window == form));
        assert!(found, "{line}");
    }
}

/// A secret as itself, and as it stands in the middle of a base64 text, at each of its three places.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    for shift in 0..3 {
        let padded = [&vec![b'x'; shift][..], secret.as_bytes()].concat();
        let encoded = base64(&padded);
        // The letters at both ends depend on the neighbours too.
        let (start, end) = (if shift == 0 { 0 } else { 4 }, encoded.len().saturating_sub(4));
        if end > start + 8 {
            forms.push(encoded.as_bytes()[start..end].to_vec());
        }
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |value: u32| LETTERS[(value & 63) as usize] as char;
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let value = three.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        text.extend([letter(value >> 18), letter(value >> 12), letter(value >> 6), letter(value)]);
    }
    text
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

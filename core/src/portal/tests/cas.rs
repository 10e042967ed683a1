use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;
use url::Url;

use super::scripted::{HOST, Reply, Scripted};
use crate::academy::Academy;
use crate::portal::cas::{CasError, service_ticket};
use crate::portal::{Session, SessionError};
use crate::ports::{ConnectError, MemoryStore, SecretKey, SecretStore, SystemClock};
use crate::store::Store;

const TICKET: &str = include_str!("../../../../tests/data/servers/cas_ticket.http");
const LOGIN_FORM: &str = include_str!("../../../../tests/data/servers/cas_login_form.http");
const UNKNOWN_SERVICE: &str = include_str!("../../../../tests/data/servers/cas_unknown_service.http");
const SERVICE: &str = "https://ent.academie.test/app";

fn elsewhere(host: &str) -> CasError {
    CasError::Elsewhere { host: host.to_owned() }
}

/// What becomes of asking for `service` when the portal answers so; with what the portal saw.
async fn asked(service: &str, answer: impl Into<Reply>) -> (Result<String, CasError>, Vec<String>) {
    let answer = answer.into();
    let portal = Scripted::start(move |_, _| answer.clone()).await;
    let cookies = SecretString::from("lemonldap=5e55104");
    let service = Url::parse(service).unwrap();
    let ticket = service_ticket(&portal.network, &portal.academy(), &cookies, &service).await;
    (ticket.map(String::from), portal.seen(""))
}

async fn outcome(answer: impl Into<Reply>) -> Result<String, CasError> {
    asked(SERVICE, answer).await.0
}

fn leading_to(place: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n")
}

fn page(html: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{html}", html.len())
}

#[tokio::test]
async fn the_answers_of_a_real_portal_are_understood() {
    let (ticket, seen) = asked(SERVICE, TICKET.to_owned()).await;
    let expected =
        "https://ent.academie.test/app?ticket=ST-a9aec5db07bd8bc2e8c678d1e7e4b1d7be93b1edabba6c4c71727a73f2d495a4";
    assert_eq!(ticket, Ok(expected.to_owned()));
    assert_eq!(seen.len(), 1, "nothing is followed");
    assert!(
        seen[0].starts_with("GET /cas/login?service=https%3A%2F%2Fent.academie.test%2Fapp HTTP/1.1\r\n"),
        "{seen:?}"
    );
    assert!(seen[0].contains("cookie: lemonldap=5e55104\r\n"), "{seen:?}");
    assert_eq!(outcome(LOGIN_FORM.to_owned()).await, Err(CasError::Ended));
    assert_eq!(outcome(UNKNOWN_SERVICE.to_owned()).await, Err(CasError::NotForThis));
    let forbidden = page("<span trmsg=\"84\"></span><form action=\"/\"></form>");
    assert_eq!(outcome(forbidden).await, Err(CasError::NotForThis));
    // Markup that a browser reads the same, and a script that is none.
    let unusual = page("<FORM ACTION='/'><INPUT TYPE = password NAME=password></form><i trmsg='9'>");
    assert_eq!(outcome(unusual).await, Err(CasError::Ended));
    let script = page("<script>'<span trmsg=\"107\"><form><input type=\"password\" name=\"password\">'</script>");
    assert_eq!(outcome(script).await, Err(CasError::PortalBroken { status: 200 }));
    let renew = page("<form id=\"upgrd\" action=\"/renewsession\" method=\"post\"></form>");
    assert_eq!(outcome(renew).await, Err(CasError::Ended));
}

#[tokio::test]
async fn a_ticket_is_taken_to_the_service_that_was_asked_for_and_nowhere_else() {
    for (place, host) in [
        ("https://evil.example/app?ticket=ST-1", "evil.example"),
        ("https://ent.academie.test.evil.example/app?ticket=ST-1", "ent.academie.test.evil.example"),
        ("https://ent.academie.test@evil.example/app?ticket=ST-1", "evil.example"),
        ("http://ent.academie.test/app?ticket=ST-1", "ent.academie.test"),
        ("https://ent.academie.test:8443/app?ticket=ST-1", "ent.academie.test"),
        ("https://ent.academie.test/app/redirect?ticket=ST-1", "ent.academie.test"),
        ("https://ent.academie.test/app?next=https://evil.example&ticket=ST-1", "ent.academie.test"),
        ("https://ent.academie.test/app?ticket=ST-1&ticket=ST-2", "ent.academie.test"),
        ("https://ent.academie.test/app#?ticket=ST-1", "ent.academie.test"),
        ("https://jean@ent.academie.test/app?ticket=ST-1", "ent.academie.test"),
        ("https://ent.academie.test/app", "ent.academie.test"),
        ("https://ent.academie.test/app?ticket=", "ent.academie.test"),
        ("https://ent.academie.test/app?ticket=ST-", "ent.academie.test"),
        ("https://ent.academie.test/app?ticket=PT-1", "ent.academie.test"),
        ("https://ent.academie.test/app?ticket=ST-1%0D%0A", "ent.academie.test"),
        ("javascript:alert(1)", ""),
        ("/app?ticket=ST-1", HOST),
    ] {
        assert_eq!(outcome(leading_to(place)).await, Err(elsewhere(host)), "{place}");
    }
    let long = leading_to(&format!("{SERVICE}?ticket=ST-{}", "a".repeat(600)));
    assert_eq!(outcome(long).await, Err(elsewhere("ent.academie.test")));
}

#[tokio::test]
async fn a_service_keeps_its_own_query_and_its_fragment_is_not_sent() {
    let (ticket, seen) =
        asked("https://ent.academie.test/app?a=b#c", leading_to("https://ent.academie.test/app?a=b&ticket=ST-1")).await;
    assert_eq!(ticket.as_deref(), Ok("https://ent.academie.test/app?a=b&ticket=ST-1"));
    assert!(seen[0].contains("?service=https%3A%2F%2Fent.academie.test%2Fapp%3Fa%3Db HTTP"), "{seen:?}");
    let (refused, seen) = asked("https://ent.academie.test/app?ticket=ST-1", TICKET.to_owned()).await;
    assert_eq!((refused, seen.len()), (Err(CasError::NoWayIn), 0));
}

#[tokio::test]
async fn a_portal_out_of_order_is_told_from_one_that_asks_for_a_sign_in() {
    let broken = |status| Err(CasError::PortalBroken { status });
    let empty = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(outcome(empty("500 Oops")).await, broken(500));
    assert_eq!(outcome(empty("404 No")).await, broken(404));
    assert_eq!(outcome(empty("302 Found")).await, broken(302));
    assert_eq!(outcome(empty("401 No")).await, Err(CasError::Ended));
    assert_eq!(outcome(page("<p>Maintenance</p>")).await, broken(200));
    let fields =
        ["oldpassword", "newpassword", "confirmpassword"].map(|name| format!("<input type=password name={name}>"));
    let menu = page(&format!("<form action=\"/?tab=password\">{}</form>", fields.concat()));
    assert_eq!(outcome(menu).await, broken(200));
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_owned();
    assert_eq!(outcome(json).await, broken(200));
    let endless = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<form>".to_owned();
    let endless = Reply { text: endless, filler: &[b'x'; 65536], ..Reply::default() };
    assert_eq!(outcome(endless).await, broken(200));
    let silent = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n".to_owned();
    assert!(matches!(outcome(silent).await, Err(CasError::Connect(_))));
    assert_eq!(outcome(String::new()).await, Err(CasError::Connect(ConnectError::Cut)));
}

#[tokio::test]
async fn the_cookies_of_another_person_or_of_nobody_are_never_sent() {
    let portal = Scripted::start(|_, _| TICKET.to_owned().into()).await;
    let secrets = Arc::new(MemoryStore::default());
    let academy = Arc::new(portal.academy());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let session =
        Session::new(academy, store, portal.network.clone(), Arc::clone(&secrets) as _, Arc::new(SystemClock));
    let service = Url::parse(SERVICE).unwrap();
    let key = SecretKey::portal_cookies("essai");
    for kept in [None, Some("[]"), Some(r#"{"identifier":"pmartin","jar":{"cookies":[["lemonldap","1"]]}}"#)] {
        if let Some(kept) = kept {
            secrets.put(&key, &kept.into()).unwrap();
        }
        assert_eq!(session.service_ticket("jdupont", &service).await, Err(CasError::Ended), "{kept:?}");
    }
    secrets
        .put(&key, &r#"{"identifier":"jdupont","jar":{"cookies":[["a","b\r\nHost: evil.example"]]}}"#.into())
        .unwrap();
    assert_eq!(session.service_ticket("jdupont", &service).await, Err(CasError::Ended));
    assert_eq!(portal.seen(""), [""; 0]);
    secrets.put(&key, &r#"{"identifier":"jdupont","jar":{"cookies":[["lemonldap","1"]]}}"#.into()).unwrap();
    assert!(session.service_ticket("jdupont", &service).await.is_ok());
    session.end().await.unwrap();
    assert_eq!(session.cookies("jdupont").map(|cookies| cookies.is_none()), Ok::<_, SessionError>(true));
}

#[test]
fn an_academy_without_an_official_portal_is_asked_for_nothing() {
    let academy = Academy::from_toml(
        "format = 1\nid = \"essai\"\nname = \"Essai\"\ncity = \"Essai\"\nrevised = \"2026-11-24\"\n\
         [[evidence]]\nfields = [\"*\"]\nsource = \"invented\"\nchecked = \"2026-11-24\"\nconfidence = \"high\"\n",
    );
    let service = Url::parse(SERVICE).unwrap();
    assert_eq!(crate::portal::cas::login_page(&academy.unwrap(), &service), Err(CasError::NoWayIn));
}

proptest! {
    /// Whatever a portal writes as the place to go, what is opened is the service asked for, with one ticket more.
    #[test]
    fn no_redirect_opens_anything_else(
        origin in r"(https?:)?(//)?(ent\.academie\.test|[a-z@.:/]{0,12})(:443|:80)?",
        rest in r"/app(\?ticket=(ST-)?[ -~]{0,12}|[&#?ticke=ST0-9-]{0,30})",
    ) {
        let place = origin + &rest;
        let page = Url::parse("https://id.academie.test/cas/login").unwrap();
        let service = Url::parse(SERVICE).unwrap();
        if let Ok(opening) = crate::portal::cas::with_ticket(&page, &place, &service) {
            let ticket = opening.as_str().strip_prefix("https://ent.academie.test/app?ticket=ST-").unwrap();
            prop_assert!(ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{}", ticket);
        }
    }
}

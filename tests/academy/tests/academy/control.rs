//! The control, as a test in another language uses it.

use super::{REDIRECT, authorize, client, folder_of, gone, running};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

async fn post(http: &reqwest::Client, control: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = http.post(format!("{control}{path}")).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_control_serves_a_test_in_another_language() {
    let (mut child, hello) = running(&[]).await;
    let folder = folder_of(child.id().unwrap());
    let http = client("", &[]);
    let control = hello["control"].as_str().unwrap();
    let post = async |path: &str, body: Value| post(&http, control, path, body).await;
    assert_eq!(hello["teachers"][0]["uid"], "jdupont");
    let url = authorize(hello["issuer"].as_str().unwrap(), "mobile");
    let (status, answer) = post("/browser/sign-in", json!({"url": url, "teacher": "jdupont"})).await;
    assert!(status == 200 && answer["redirect"].as_str().unwrap().starts_with(REDIRECT), "{answer}");
    let (status, answer) = post("/browser/sign-in", json!({"url": url, "teacher": "locked"})).await;
    assert!(status == 502 && answer["error"].as_str().unwrap().contains("21"), "{answer}");
    let subject = "Réunion parents-professeurs du collège Élysée-Reclus";
    let mail = json!({"to": "jdupont@academie.test", "subject": subject, "text": "Bonjour"});
    assert_eq!(post("/mail/deliver", mail).await, (200, json!({})));
    let listed = http.get(format!("{control}/mailbox?teacher=jdupont&mailbox=INBOX")).send().await.unwrap();
    assert_eq!(listed.json::<Value>().await.unwrap(), json!({"subjects": [subject]}));
    let file = json!({"to": "jdupont@academie.test", "subject": "Fichier", "name": "notes.bin", "size": 100});
    assert_eq!(post("/mail/attachment", file).await, (200, json!({})));
    let look = json!(["SELECT INBOX", "SEARCH HEADER SUBJECT Fichier BODY \"Voir le fichier\""]);
    let (status, answer) = post("/mailbox", json!({"teacher": "jdupont", "commands": look})).await;
    let said = answer["lines"].as_array().and_then(|lines| lines.last()?.as_str());
    assert_eq!((status, said.map(str::trim)), (200, Some("* SEARCH 2")), "{answer}");
    assert_eq!(post("/mailbox", json!({"teacher": "jdupont", "commands": ["SELECT Nulle-part"]})).await.0, 502);
    assert_eq!(post("/mail/deliver", json!({"to": 3})).await.0, 400);
    assert_eq!(post("/unknown", json!({})).await.0, 404);
    assert_eq!(post("/stop", json!({})).await.0, 200);
    assert!(timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap().success());
    assert!(gone(&folder).await);
}

#[tokio::test]
async fn the_control_fills_mailboxes_and_spoils_the_network() {
    let (_child, hello) = running(&[]).await;
    let (http, control) = (client("", &[]), hello["control"].as_str().unwrap());
    let post = async |path: &str, body: Value| post(&http, control, path, body).await;
    let (status, filled) = post("/mail/fill", json!({"teacher": "warned", "count": 3})).await;
    assert!(status == 200 && filled["messages"] == 3, "{filled}");
    let listed = http.get(format!("{control}/mailbox?teacher=warned")).send().await.unwrap();
    assert_eq!(listed.json::<Value>().await.unwrap()["subjects"].as_array().unwrap().len(), 3);

    let mut addresses = std::collections::BTreeSet::new();
    for (fault, reached) in [
        ("none", true),
        ("unknown_authority", false),
        ("expired", false),
        ("wrong_host", false),
        ("refuse", false),
        ("none", true),
    ] {
        let (status, wire) = post("/wire", json!({"host": "portal", "fault": fault, "delay_ms": 1})).await;
        assert!(status == 200 && wire["host"] == "auth.academie.test", "{wire}");
        let address: SocketAddr = format!("{}:{}", wire["address"].as_str().unwrap(), wire["port"]).parse().unwrap();
        addresses.insert(address);
        let through = client(hello["ca_pem"].as_str().unwrap(), &[("auth.academie.test", address)]);
        let answer = through.get(format!("{}/ping", hello["issuer"].as_str().unwrap())).send().await;
        assert_eq!(answer.is_ok(), reached, "{fault}: {answer:?}");
    }
    assert_eq!(addresses.len(), 1, "a wire keeps its address");
    for host in ["imap", "smtp"] {
        assert_eq!(post("/wire", json!({"host": host, "fault": "black_hole"})).await.0, 200);
    }
    assert_eq!(post("/wire", json!({"host": "imap", "fault": "unheard_of"})).await.0, 400);
    let (status, none) = post("/wire", json!({"host": "push", "fault": "none"})).await;
    assert!(status == 502 && none["error"].as_str().unwrap().contains("no push"), "{none}");
    assert_eq!(post("/stop", json!({})).await.0, 200);
}

#[tokio::test]
async fn the_control_enrols_phones_and_answers_their_prompts() {
    let (_child, hello) = running(&["--push"]).await;
    let (http, control) = (client("", &[]), hello["control"].as_str().unwrap());
    let post = async |path: &str, body: Value| post(&http, control, path, body).await;
    let bruno = json!({"teacher": "block"});
    let (status, answer) = post("/push/enrol", bruno.clone()).await;
    assert!(status == 200 && answer["uri"].as_str().unwrap().starts_with("otpauth://pipush/"), "{answer}");
    let (status, answer) = post("/push/approve", bruno.clone()).await;
    assert!(status == 502 && answer["error"].as_str().unwrap().contains("/push/phone"), "{answer}");
    assert_eq!(post("/push/phone", bruno.clone()).await.0, 200);
    let url = authorize(hello["issuer"].as_str().unwrap(), "mobile");
    let sign_in = json!({"url": url, "teacher": "block"});
    let (declined, answer) =
        tokio::join!(post("/browser/sign-in", sign_in.clone()), post("/push/decline", bruno.clone()));
    assert!(declined.0 == 502 && declined.1["error"].as_str().unwrap().contains("96"), "{declined:?}");
    assert!(answer.0 == 200 && answer.1["question"].as_str().unwrap().contains("block"), "{answer:?}");
    let (approved, answer) = tokio::join!(post("/browser/sign-in", sign_in), post("/push/approve", bruno));
    assert!(approved.0 == 200 && approved.1["redirect"].as_str().unwrap().starts_with(REDIRECT), "{approved:?}");
    assert_eq!(answer.0, 200, "{answer:?}");
    assert_eq!(post("/push/enrol", json!({"teacher": "nobody"})).await.0, 502);
    assert_eq!(post("/stop", json!({})).await.0, 200);
}

#[tokio::test]
async fn the_control_visits_the_ent_as_a_teacher() {
    let (_child, hello) = running(&["--ent"]).await;
    let (http, control) = (client("", &[]), hello["control"].as_str().unwrap());
    let post = async |path: &str, body: Value| post(&http, control, path, body).await;
    let profile = hello["profile"].as_str().unwrap();
    let (_, service) = profile.split_once("[[services]]").unwrap();
    let ent = service.split('"').find(|text| text.starts_with("https://")).unwrap();
    let visit = |typing: bool| json!({"url": ent, "teacher": "lreset", "typing": typing});
    let (status, asked) = post("/browser/visit", visit(false)).await;
    assert!(status == 502 && asked["error"].as_str().unwrap().contains("asks for something"), "{asked}");
    for typing in [true, false] {
        let (status, page) = post("/browser/visit", visit(typing)).await;
        assert!(status == 200 && page["status"] == 200 && page["address"] == ent, "{page}");
        assert!(page["text"].as_str().unwrap().contains("<b>lreset</b>"), "{page}");
    }
}

#[tokio::test]
async fn the_control_hands_out_codes_and_has_somebody_guess() {
    let (_child, hello) = running(&[]).await;
    let (http, control) = (client("", &[]), hello["control"].as_str().unwrap());
    let post = async |path: &str, body: Value| post(&http, control, path, body).await;
    let get = async |path: &str| {
        let answer = http.get(format!("{control}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert!(hello["profiles"]["form"].as_str().unwrap().contains("protocol = \"lemonldap-ng\""));
    assert!(hello["profiles"]["browser"].as_str().unwrap().contains("protocol = \"saml\""));

    // The browser types the code that it finds itself; the same is handed out.
    let url = authorize(hello["issuer"].as_str().unwrap(), "mobile");
    assert_eq!(post("/browser/sign-in", json!({"url": url, "teacher": "pmartin"})).await.0, 200);
    let is_code = |answer: &Value| answer["code"].as_str().is_some_and(|code| code.len() == 6);
    let (status, answer) = get("/mail/code?teacher=pmartin&before=0").await;
    assert!(status == 200 && is_code(&answer), "{answer}");
    let old = json!({"teacher": "pmartin", "code": "123456", "minutes_ago": 60});
    assert_eq!(post("/mail/code", old).await, (200, json!({})));
    assert_eq!(get("/mailbox?teacher=pmartin").await.1["subjects"].as_array().unwrap().len(), 2);

    assert_eq!(get("/totp/code?teacher=tbernard").await.0, 502, "a code of no authenticator");
    let (status, answer) = post("/totp/enrol", json!({"teacher": "tbernard"})).await;
    assert!(status == 200 && answer["secret"].is_string(), "{answer}");
    assert!(is_code(&get("/totp/code?teacher=tbernard").await.1));

    let guess = json!({"teacher": "perfbox", "times": 4});
    assert_eq!(post("/portal/guess", guess).await, (200, json!({"refused": [5, 5, 5, 86]})));
    assert_eq!(post("/stop", json!({})).await.0, 200);
}

mod slapd;
mod visitor;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use self::slapd::{OLD_PASSWORD, Slapd};
use self::visitor::{ELSEWHERE, HOME, Visited};
use super::limits::Limits;

const NUMEN: &str = "01E0123456ABC";
const BIRTH_DATE: &str = "1984-03-05";
const NEW_PASSWORD: &str = "Nouveau-4321-é";

#[tokio::test]
async fn a_teacher_resets_the_password_with_pages_in_french() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let first = visited.fetch("/reset", "fr-FR,fr;q=0.9,en;q=0.5").await;
    assert_eq!(first.status, 200);
    assert!(first.body.contains("Date de naissance") && first.body.contains("action=\"/reset/proof\""));
    assert!(first.head.contains("cache-control: no-store") && first.head.contains("content-language: fr"));

    // As copied from a paper: lower case, spaces, French date.
    let proof = [("identifier", " LReset "), ("numen", "01e 0123 456 abc"), ("birth_date", "05/03/1984")];
    let second = visited.submit("/reset/proof", "fr", &proof).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let (_, token) = second.body.split_once("name=\"token\" value=\"").unwrap();
    let (token, _) = token.split_once('"').unwrap();

    let chosen = [("token", token), ("new_password", NEW_PASSWORD), ("confirmation", NEW_PASSWORD)];
    let third = visited.submit("/reset/password", "fr", &chosen).await;
    assert!(third.status == 200 && third.body.contains("Votre mot de passe est changé"), "{}", third.body);
    assert!(slapd.accepts("lreset", NEW_PASSWORD).await);
    assert!(!slapd.accepts("lreset", OLD_PASSWORD).await);
    assert!(slapd.accepts("jdupont", OLD_PASSWORD).await, "nobody else is touched");
    let stored = slapd.values("lreset", "userPassword").await;
    assert!(stored.len() == 1 && stored[0].starts_with("{SSHA}"), "slapd hashes what it is given");
}

#[tokio::test]
async fn a_teacher_resets_the_password_with_json_in_english() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let second = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await;
    assert_eq!((second.status, &second.json()["step"]), (200, &json!("password")));
    assert_eq!(second.json()["rules"]["min_length"], 8);
    let third = visited.choose(HOME, &second.token(), NEW_PASSWORD).await;
    assert_eq!((third.status, &third.json()["step"]), (200, &json!("done")));
    assert!(third.json()["message"].as_str().unwrap().contains("password is changed"));
    assert!(slapd.accepts("lreset", NEW_PASSWORD).await);
}

#[tokio::test]
async fn a_reset_unlocks_the_account_and_leaves_nothing_to_change() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    assert!(!slapd.accepts("locked", OLD_PASSWORD).await);
    let step = visited.prove(HOME, "locked", "03E0000001AAA", "1975-01-01").await;
    assert_eq!(visited.choose(HOME, &step.token(), NEW_PASSWORD).await.status, 200);
    assert!(slapd.accepts("locked", NEW_PASSWORD).await);
    assert!(slapd.values("locked", "pwdReset").await.is_empty());
}

#[tokio::test]
async fn known_and_unknown_people_get_the_same_answer_after_the_same_time() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let mut answers = HashSet::new();
    for (client, identifier, numen, birth_date) in [
        (1, "lreset", "99Z9999999ZZZ", BIRTH_DATE),
        (2, "jdupont", NUMEN, BIRTH_DATE),
        (3, "locked", "03E0000001AAA", BIRTH_DATE),
        (4, "nobody", NUMEN, BIRTH_DATE),
    ] {
        let client = IpAddr::from([127, 0, 1, client]);
        let got = visited.prove(client, identifier, numen, birth_date).await;
        // Never before the moment that is the same for all; how much later is the machine's affair.
        assert!(got.took.as_millis() >= 300, "{:?} for {identifier}", got.took);
        let head: Vec<String> = got.head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
        answers.insert((got.status, head, got.body));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().next().unwrap().0, 403);
}

#[tokio::test]
async fn three_wrong_proofs_close_the_desk_for_identifier_and_client_until_the_window_ends() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    for left in [2, 1, 0] {
        let got = visited.prove(HOME, "lreset", NUMEN, "2000-01-01").await;
        assert_eq!((got.status, &got.json()["attempts_left"]), (403, &json!(left)));
    }
    let right = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await;
    assert_eq!((right.status, &right.json()["retry_after"]), (429, &json!(900)), "not even the right proof");
    assert!(right.head.contains("retry-after: 900"));
    assert_eq!(visited.prove(HOME, "jdupont", NUMEN, BIRTH_DATE).await.status, 429, "the client waits");
    assert_eq!(visited.prove(ELSEWHERE, "LRESET", NUMEN, BIRTH_DATE).await.status, 429, "the identifier waits");
    assert_eq!(
        visited.prove(ELSEWHERE, "jdupont", "02E7654321XYZ", "1990-12-31").await.status,
        200,
        "nobody else does"
    );

    visited.pass(Duration::from_secs(899));
    assert_eq!(visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.status, 429);
    visited.pass(Duration::from_secs(1));
    assert_eq!(visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.status, 200);
}

#[tokio::test]
async fn unknown_people_are_closed_out_like_known_ones() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    for _ in 0..3 {
        assert_eq!(visited.prove(HOME, "nobody", NUMEN, BIRTH_DATE).await.status, 403);
    }
    assert_eq!(visited.prove(ELSEWHERE, "nobody", NUMEN, BIRTH_DATE).await.status, 429);
}

#[tokio::test]
async fn parallel_requests_win_no_further_attempt() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let asking = (0..12).map(|_| visited.prove(HOME, "lreset", NUMEN, "2000-01-01"));
    let answers = futures_util::future::join_all(asking).await;
    let with = |status| answers.iter().filter(|got| got.status == status).count();
    assert_eq!((with(403), with(429)), (3, 9));
}

#[tokio::test]
async fn a_step_serves_once_for_its_client_and_for_ten_minutes() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let token = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.token();
    assert_eq!(visited.choose(ELSEWHERE, &token, NEW_PASSWORD).await.status, 410, "another client");
    assert_eq!(visited.choose(HOME, &token, NEW_PASSWORD).await.status, 410, "spent by that");

    let token = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.token();
    visited.pass(Duration::from_secs(600));
    assert_eq!(visited.choose(HOME, &token, NEW_PASSWORD).await.status, 410, "too late");

    let token = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.token();
    assert_eq!(visited.choose(HOME, &token, NEW_PASSWORD).await.status, 200);
    assert_eq!(visited.choose(HOME, &token, "Autre-9876").await.status, 410, "used");
    assert_eq!(visited.choose(HOME, "ff", NEW_PASSWORD).await.status, 410, "invented");
    assert!(slapd.accepts("lreset", NEW_PASSWORD).await);
}

#[tokio::test]
async fn weak_passwords_are_refused_with_reasons_and_three_tries() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    let mut token = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.token();
    for (password, confirmation, reasons) in [
        ("court", "autre", json!(["mismatch", "too_short", "no_digit"])),
        ("12345678", "12345678", json!(["no_letter"])),
    ] {
        let fields = json!({ "token": token, "new_password": password, "confirmation": confirmation });
        let got = visited.post(HOME, "/reset/password", fields).await;
        assert_eq!((got.status, &got.json()["reasons"]), (422, &reasons));
        token = got.token();
    }
    let last = visited.choose(HOME, &token, "xLreset-1").await;
    assert_eq!((last.status, &last.json()["token"]), (422, &json!(null)), "no fourth try");
    assert_eq!(last.json()["reasons"], json!(["contains_identifier"]));
    assert!(slapd.accepts("lreset", OLD_PASSWORD).await);
}

#[tokio::test]
async fn what_cannot_be_a_proof_is_not_counted_as_one() {
    let visited = Visited::start(nobody_there().await).await;
    for (identifier, numen, birth_date, field) in [
        ("*", NUMEN, BIRTH_DATE, "identifier"),
        ("lreset)(uid=*", NUMEN, BIRTH_DATE, "identifier"),
        ("", NUMEN, BIRTH_DATE, "identifier"),
        ("lreset", "123", BIRTH_DATE, "numen"),
        ("lreset", "01E0123456AB*", BIRTH_DATE, "numen"),
        ("lreset", NUMEN, "1984-02-30", "birth_date"),
        ("lreset", NUMEN, "5 mars 1984", "birth_date"),
    ] {
        let got = visited.prove(HOME, identifier, numen, birth_date).await;
        assert_eq!((got.status, &got.json()["field"]), (400, &json!(field)));
    }
    let missing = visited.post(HOME, "/reset/proof", json!({ "identifier": "lreset" })).await;
    assert_eq!((missing.status, &missing.json()["field"]), (400, &json!("numen")));
    let nested = visited.post(HOME, "/reset/proof", json!({ "identifier": { "a": [1] } })).await;
    assert_eq!((nested.status, &nested.json()["field"]), (400, &json!("body")));
}

#[tokio::test]
async fn a_silent_directory_is_told_and_no_attempt_counted() {
    let visited = Visited::start(nobody_there().await).await;
    for _ in 0..5 {
        let got = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await;
        assert_eq!((got.status, &got.json()["error"]), (503, &json!("unavailable")));
    }
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused() {
    let visited = Visited::start(nobody_there().await).await;
    let big = visited.post(HOME, "/reset/proof", json!({ "identifier": "x".repeat(9_000) })).await;
    assert_eq!((big.status, &big.json()["error"]), (413, &json!("too_large")));
    assert!(big.head.contains("connection: close"));

    let endless = format!(
        "POST /reset/proof HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "1000\r\n".to_owned() + &"x".repeat(4_096) + "\r\n1000\r\n" + &"x".repeat(4_096) + "\r\n1000\r\nxx"
    );
    assert_eq!(visited.send(HOME, endless.as_bytes()).await.status, 413);

    let many = format!("GET /reset HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(visited.send(HOME, many.as_bytes()).await.status, 431);
    let long = format!("GET /reset HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(40_000));
    assert_eq!(visited.send(HOME, long.as_bytes()).await.status, 431);

    assert_eq!(visited.fetch("/", "fr").await.status, 404);
    assert_eq!(visited.fetch("/reset/proof", "fr").await.status, 405);
    let put = b"PUT /reset HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let got = visited.send(HOME, put).await;
    assert!(got.status == 405 && got.head.contains("allow: get"));
}

#[tokio::test]
async fn words_follow_the_preferred_language() {
    let visited = Visited::start(nobody_there().await).await;
    for (accept, expected) in [
        ("fr", "mon mot de passe"),
        ("de,en;q=0.3", "Reset my password"),
        ("en;q=0.5,fr;q=0.4", "Reset my password"),
        ("en;q=0,fr;q=0.1", "mot de passe"),
        ("de", "mot de passe"),
        (";;q=q,,", "mot de passe"),
    ] {
        let got = visited.fetch("/reset", accept).await;
        let expected = expected.to_lowercase();
        assert!(got.body.to_lowercase().contains(&expected), "{accept}: {}", got.body);
    }
}

#[tokio::test]
async fn the_log_holds_outcomes_and_nothing_a_client_sent() {
    let Some(slapd) = Slapd::start().await else { return };
    let visited = Visited::start(slapd.address).await;
    visited.prove(HOME, "lreset", NUMEN, "2000-01-01").await;
    let token = visited.prove(HOME, "lreset", NUMEN, BIRTH_DATE).await.token();
    visited.choose(HOME, &token, NEW_PASSWORD).await;
    visited.fetch(&format!("/{NUMEN}"), "fr").await;
    let log = visited.desk.log();
    let words: Vec<&str> = log.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(words, ["proof_refused", "password", "done", "not_found"]);
    let all = format!("{log:?} {:?}", visited.desk);
    for secret in [NUMEN, BIRTH_DATE, "lreset", NEW_PASSWORD, &token, "admin"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn dropping_the_handle_frees_the_port() {
    let visited = Visited::start(nobody_there().await).await;
    let address = visited.desk.address();
    visited.fetch("/reset", "fr").await;
    drop(visited);
    let freed = async {
        while TcpListener::bind(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.expect("the port is free");
}

#[tokio::test]
async fn counters_are_bounded_and_survive_a_clock_that_goes_back() {
    let visited = Visited::start(nobody_there().await).await;
    let now = visited.now();
    let mut limits = Limits::new(2, Duration::from_secs(60));
    assert_eq!((limits.take(0, now), limits.take(0, now)), (1, 0));
    assert_eq!(limits.wait(&0, now - Duration::from_secs(3_600)), Some(Duration::from_secs(60)));
    for key in 1..30_000 {
        limits.take(key, now + Duration::from_secs(1));
    }
    assert!(format!("{limits:?}").matches("Counter").count() <= 10_000);
    assert!(limits.wait(&0, now).is_none(), "the oldest made room");
}

/// An address nothing listens on.
async fn nobody_there() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

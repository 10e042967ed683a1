//! The parts joined to an academy: its reset desk, wires to its servers, filled mailboxes.

use super::{REDIRECT, authorize, client, teacher};
use academy::{
    Academy, Browser, BrowserError,
    filler::Filler,
    wire::{Direction, Faults, Refusal},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_password_set_at_the_desk_signs_in_everywhere() {
    let academy = Academy::start().await.unwrap();
    let desk = academy.desk().await.unwrap();
    let lea = teacher("lreset");
    let http = client(academy.ca_pem(), &[("reset.academie.test", desk.address())]);
    let post = async |path: &str, fields: Value| -> Value {
        let url = format!("https://reset.academie.test:{}{path}", desk.address().port());
        let request = http.post(url).header("accept", "application/json").json(&fields);
        request.send().await.unwrap().json().await.unwrap()
    };
    let proof = json!({"identifier": lea.uid, "numen": lea.numen, "birth_date": lea.birth_date});
    let step = post("/reset/proof", proof).await;
    let new = "Nouveau-4321";
    let chosen = json!({"token": step["token"], "new_password": new, "confirmation": new});
    assert_eq!(post("/reset/password", chosen).await["step"], "done", "{step}");

    let url = authorize(academy.issuer(), "mobile");
    let old = Browser::new(&academy).unwrap().sign_in(&url, lea).await;
    assert!(matches!(old, Err(BrowserError::Refused(5))), "{old:?}");
    let back = Browser::new(&academy).unwrap().with_password(new).sign_in(&url, lea).await;
    assert!(back.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{back:?}");
    assert!(academy.mailbox(lea.uid).await.is_err(), "the old password reads no mail");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn a_wire_carries_a_sign_in_until_it_is_told_not_to() {
    let academy = Academy::start().await.unwrap();
    let wire = academy.wire(academy.portal()).await.unwrap();
    assert_eq!(wire.target().port(), academy.portal().port);
    let url = authorize(academy.issuer(), "mobile");
    let sign_in = async || {
        let browser = Browser::new(&academy).unwrap().at(academy.portal().host, wire.address());
        browser.sign_in(&url, teacher("jdupont")).await
    };
    let back = sign_in().await;
    assert!(back.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{back:?}");
    assert!(wire.connections() > 0 && wire.bytes(Direction::ToClient) > 0);
    wire.set(Faults::none().refuse(Refusal::Port)).await.unwrap();
    let refused = sign_in().await;
    assert!(matches!(refused, Err(BrowserError::Http(_))), "{refused:?}");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn a_filled_inbox_holds_the_same_mail_for_the_same_seed() {
    let academy = Academy::start().await.unwrap();
    let filled = academy.fill(teacher("jdupont"), 12, 7, |_| {}).await.unwrap();
    assert_eq!(filled.messages, 12);
    let stored = academy.mailbox("jdupont").await.unwrap().messages("INBOX").await.unwrap();
    let made: Vec<_> = (0..12).map(|index| Filler::new(7).message(index).raw).collect();
    assert_eq!(stored, made);
    assert_eq!(academy.mailbox("lreset").await.unwrap().count("INBOX").await.unwrap(), 0);
    academy.stop().await.unwrap();
}

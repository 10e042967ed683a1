//! A second service is opened signed in, as the right person, and costs three requests at most.

use academy::{Academy, Browser, BrowserError, Teacher, Visited};
use cartable_core::academy::{Academy as Profile, ServiceSignIn};
use cartable_core::companion::{Companion, CompanionError, SignedInBy};
use cartable_core::ports::SecretKey;
use cartable_core::words::Finding;
use journeys::{ACADEMY, Phone, requests, sign_in, watched};
use serde_json::{Value, json};

fn jeanne() -> &'static Teacher {
    Teacher::by_uid("jdupont").unwrap()
}

fn ent(academy: &Academy) -> String {
    format!("https://ent.academie.test:{}/", academy.ent().port)
}

fn is_in(page: &Visited, uid: &str) -> bool {
    page.status == 200 && page.text.contains(&format!("Connecté : <b>{uid}</b>"))
}

/// Gives the app a session of its own at the portal, as that of `teacher`.
async fn lend_session(academy: &Academy, phone: &Phone, teacher: &Teacher) -> Browser {
    let browser = Browser::new(academy).unwrap();
    browser.visit(academy.issuer(), teacher).await.unwrap();
    let cookies = browser.cookies(academy.issuer()).unwrap();
    assert!(cookies.contains("lemonldap="), "no session");
    let pairs: Vec<_> = cookies.split("; ").map(|pair| pair.split_once('=').unwrap()).collect();
    let kept = json!({"identifier": teacher.uid, "jar": {"cookies": pairs}}).to_string();
    phone.secrets.put(&SecretKey::portal_cookies(ACADEMY), &kept.into()).unwrap();
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_costs_three_requests_at_most_whoever_has_the_session() {
    let academy = Academy::builder().ent().start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let (portal, service) = (watched(&academy, academy.portal()).await, watched(&academy, academy.ent()).await);
    phone.hosts.lead("auth.academie.test", portal.address());
    let browser = || {
        let browser = Browser::new(&academy).unwrap();
        browser.at("auth.academie.test", portal.address()).at("ent.academie.test", service.address())
    };
    let (companion, teachers) = (phone.open(folder.path()).await, browser());
    sign_in(&companion, &teachers, jeanne()).await;
    let services = companion.services();
    let listed: Vec<_> = services.iter().map(|s| (s.name.as_str(), s.sign_in)).collect();
    assert_eq!(listed, [("ENT", Some(ServiceSignIn::Cas))]);

    // The browser has signed in: it is known at the ENT as well.
    let before = requests(&portal).len() + requests(&service).len();
    let opening = companion.open_service(services[0].address.as_str()).await.unwrap();
    assert_eq!(opening.signed_in, SignedInBy::Browser);
    assert_eq!(opening.host, "auth.academie.test");
    let page = teachers.visit_without_typing(&opening.url).await.unwrap();
    assert!(is_in(&page, "jdupont") && page.address == ent(&academy), "{page:?}");
    assert_eq!(requests(&portal).len() + requests(&service).len(), before + 3);

    // The app has signed in: a browser that has never been at the portal is let in by a ticket.
    lend_session(&academy, &phone, jeanne()).await;
    let before = [requests(&portal).len(), requests(&service).len()];
    let opening = companion.open_service(&ent(&academy)).await.unwrap();
    assert_eq!((opening.signed_in.clone(), opening.host.as_str()), (SignedInBy::Ticket, "ent.academie.test"));
    assert!(!format!("{opening:?}").contains("ST-"), "{opening:?}");
    let page = browser().visit_without_typing(&opening.url).await.unwrap();
    assert!(is_in(&page, "jdupont") && page.address == ent(&academy), "{page:?}");
    assert_eq!([requests(&portal).len(), requests(&service).len()], [before[0] + 1, before[1] + 2]);

    // The ticket has served; to whoever finds it later it opens nothing.
    let again = browser().visit_without_typing(&opening.url).await;
    let let_in = again.is_ok_and(|page| is_in(&page, "jdupont"));
    assert!(!let_in, "a ticket served twice");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_will_ask_says_why_and_opens_all_the_same() {
    let academy = Academy::builder().ent().start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let ent = ent(&academy);
    let outcome = async |companion: &Companion| {
        let opening = companion.open_service(&ent).await.unwrap();
        (opening.signed_in, opening.url)
    };
    let asking = |why: Finding| (SignedInBy::Nothing(why), ent.clone());
    let usual = || Profile::from_toml(&academy.profile_toml()).unwrap();
    let others: Vec<_> = ["", "sign_in = \"own\"", "sign_in = \"saml\""]
        .into_iter()
        .map(|way| Profile::from_toml(&academy.profile_toml().replace("sign_in = \"cas\"", way)).unwrap())
        .collect();
    let open = async |profile: Profile| Companion::open(phone.setup(folder.path()).academy(profile)).await.unwrap();
    let close = async |companion: Companion| companion.shutdown().await.unwrap();

    let companion = open(usual()).await;
    let nobody = companion.open_service(&ent).await;
    assert!(matches!(nobody, Err(CompanionError::Refused(Finding::Unofficial { .. }))), "no academy is chosen");
    companion.begin_sign_in(ACADEMY).await.unwrap();
    assert_eq!(outcome(&companion).await, asking(Finding::ServiceNoSession));
    companion.browser_closed().await.unwrap();
    sign_in(&companion, &Browser::new(&academy).unwrap(), jeanne()).await;
    for elsewhere in ["https://ent.academie.example/", "https://ent.academie.test/", "javascript:alert(1)", ""] {
        let refused = companion.open_service(elsewhere).await;
        assert!(matches!(refused, Err(CompanionError::Refused(Finding::Unofficial { .. }))), "{elsewhere}");
    }
    close(companion).await;

    // How the service signs in decides what the browser's session, and the app's own, are good for.
    let browsers =
        [asking(Finding::ServiceUnknownWay), asking(Finding::ServiceOwnSignIn), (SignedInBy::Browser, ent.clone())];
    for (profile, expected) in others.iter().zip(browsers) {
        let companion = open(profile.clone()).await;
        assert_eq!(outcome(&companion).await, expected);
        close(companion).await;
    }
    let own = lend_session(&academy, &phone, jeanne()).await;
    let whys = [Finding::ServiceUnknownWay, Finding::ServiceOwnSignIn, Finding::ServiceOnlyByBrowser];
    for (profile, why) in others.iter().zip(whys) {
        let companion = open(profile.clone()).await;
        assert_eq!(outcome(&companion).await, asking(why));
        close(companion).await;
    }

    // The portal no longer knows the service; then it ends the session; then it is gone.
    let companion = open(usual()).await;
    assert_eq!(outcome(&companion).await.0, SignedInBy::Ticket);
    let configure = async |patch: Value| {
        let Value::Object(patch) = patch else { panic!("{patch}") };
        academy.reconfigure_portal(patch).await.unwrap();
    };
    configure(json!({"casAppMetaDataOptions": {}})).await;
    assert_eq!(outcome(&companion).await, asking(Finding::ServiceNotForYou));
    configure(json!({"issuerDBCASActivation": 0})).await;
    assert_eq!(outcome(&companion).await, asking(Finding::ServiceUnknownWay));
    let services = json!({"ent": {"casAppMetaDataOptionsService": ent, "casAppMetaDataOptionsUserAttribute": "uid"}});
    configure(json!({"casAppMetaDataOptions": services, "issuerDBCASActivation": 1})).await;
    assert_eq!(outcome(&companion).await.0, SignedInBy::Ticket);
    own.visit_without_typing(&format!("{}/?logout=1", academy.issuer())).await.unwrap();
    let (signed_in, url) = outcome(&companion).await;
    assert_eq!((signed_in, &url), (SignedInBy::Nothing(Finding::ServiceSessionEnded), &ent));
    let asked = Browser::new(&academy).unwrap().visit_without_typing(&url).await;
    assert!(matches!(asked, Err(BrowserError::Asked { .. })), "{asked:?}");
    assert!(is_in(&Browser::new(&academy).unwrap().visit(&url, jeanne()).await.unwrap(), "jdupont"));

    // Somebody else's cookies are not this person's session: the browser's serves.
    lend_session(&academy, &phone, Teacher::by_uid("lreset").unwrap()).await;
    assert_eq!(outcome(&companion).await.0, SignedInBy::Browser);
    lend_session(&academy, &phone, jeanne()).await;
    academy.stop().await.unwrap();
    let gone = companion.open_service(&ent).await;
    assert!(matches!(gone, Err(CompanionError::CheckConnection(_))), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn families_services_are_never_a_teachers() {
    let academy = Academy::start().await.unwrap();
    let (phone, folder) = (Phone::new(&academy), tempfile::tempdir().unwrap());
    let service = |name: &str, audience: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\nkind = \"ent\"\naddress = \"https://{}.academie.test/\"\n\
             audience = \"{audience}\"\n",
            name.to_lowercase()
        )
    };
    let more = service("Inscriptions", "families") + &service("Notes", "everybody") + &service("Bureau", "staff");
    let text = academy.profile_toml().replace("[[evidence]]", &format!("{more}\n[[evidence]]"));
    let profile = Profile::from_toml(&text).unwrap();
    let companion = Companion::open(phone.setup(folder.path()).academy(profile)).await.unwrap();
    assert_eq!(companion.services(), []);
    companion.begin_sign_in(ACADEMY).await.unwrap();
    let names: Vec<_> = companion.services().into_iter().map(|service| service.name).collect();
    assert_eq!(names, ["Notes", "Bureau"]);
    let refused = companion.open_service("https://inscriptions.academie.test/").await;
    let host = "inscriptions.academie.test".to_owned();
    assert_eq!(refused, Err(CompanionError::Refused(Finding::Unofficial { host })));
    academy.stop().await.unwrap();
}

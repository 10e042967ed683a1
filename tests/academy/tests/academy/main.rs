//! The academy itself: it starts, lets people in and leaves nothing behind.

mod control;
mod parts;
mod push;

use academy::{Academy, Browser, BrowserError, Teacher, Validity, Visited};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

const REDIRECT: &str = "fr.academie.mobile:/oauth2redirect?";

/// What an app opens in the browser. The challenge is that of RFC 7636, appendix B.
fn authorize(issuer: &str, client: &str) -> String {
    format!(
        "{issuer}/oauth2/authorize?response_type=code&client_id={client}\
         &redirect_uri=fr.academie.mobile%3A%2Foauth2redirect&scope=openid+profile+email+offline_access&state=etat\
         &nonce=unique&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
}

fn teacher(uid: &str) -> &'static Teacher {
    Teacher::by_uid(uid).unwrap()
}

/// The command lines of the processes that name `folder`.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&folder))
        .collect()
}

async fn gone(folder: &Path) -> bool {
    for _ in 0..100 {
        if processes_of(folder).is_empty() && !folder.exists() {
            return true;
        }
        sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn two_academies_run_side_by_side_and_stop_leaving_nothing() {
    let (one, other) = tokio::join!(Academy::start(), Academy::start());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.issuer(), other.issuer());
    let folders = [one.folder().to_owned(), other.folder().to_owned()];
    for academy in [&one, &other] {
        assert!(!processes_of(academy.folder()).is_empty());
        let url = authorize(academy.issuer(), "mobile");
        let back = Browser::new(academy).unwrap().sign_in(&url, teacher("jdupont")).await;
        assert!(back.unwrap().starts_with(REDIRECT));
    }
    one.stop().await.unwrap();
    assert!(processes_of(&folders[0]).is_empty() && !folders[0].exists());
    // Dropping waits as stopping does.
    drop(other);
    assert!(processes_of(&folders[1]).is_empty() && !folders[1].exists());
}

#[tokio::test]
async fn the_browser_signs_in_as_a_teacher_would() {
    let academy = Academy::start().await.unwrap();
    let url = authorize(academy.issuer(), "mobile");
    let browser = Browser::new(&academy).unwrap();
    // The second time the session answers for the teacher, whoever is named.
    for uid in ["jdupont", "locked"] {
        let back = browser.sign_in(&url, teacher(uid)).await.unwrap();
        assert!(back.starts_with(REDIRECT) && back.contains("code=") && back.contains("state=etat"), "{back}");
    }
    // A code by mail; an information page about the password; a question of consent.
    for (uid, client) in [("pmartin", "mobile"), ("warned", "mobile"), ("lreset", "mobilejwt")] {
        let url = authorize(academy.issuer(), client);
        let back = Browser::new(&academy).unwrap().sign_in(&url, teacher(uid)).await;
        assert!(back.as_ref().is_ok_and(|back| back.starts_with(REDIRECT)), "{uid}: {back:?}");
    }
    let mut own = Browser::new(&academy).unwrap();
    own.sign_in(&url, teacher("tbernard")).await.unwrap();
    let secret = own.enrol_totp().await.unwrap();
    let other = Browser::new(&academy).unwrap();
    let unknown = other.sign_in(&url, teacher("tbernard")).await;
    assert!(matches!(unknown, Err(BrowserError::NoSecret)), "{unknown:?}");
    assert!(other.with_totp_secret(&secret).sign_in(&url, teacher("tbernard")).await.unwrap().starts_with(REDIRECT));
    for (uid, number) in [("locked", 21), ("expired", 22), ("mustchg", 25)] {
        let refused = Browser::new(&academy).unwrap().sign_in(&url, teacher(uid)).await;
        assert!(matches!(refused, Err(BrowserError::Refused(found)) if found == number), "{uid}: {refused:?}");
    }
    let wrong = Browser::new(&academy).unwrap().with_password("Wrong-1234").sign_in(&url, teacher("block")).await;
    assert!(matches!(wrong, Err(BrowserError::Refused(5))), "{wrong:?}");
    let unknown = authorize(academy.issuer(), "stranger");
    let refused = Browser::new(&academy).unwrap().sign_in(&unknown, teacher("jdupont")).await;
    assert!(matches!(refused, Err(BrowserError::Refused(107))), "{refused:?}");
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn one_session_at_the_portal_opens_the_ent_too_and_a_browser_without_one_is_asked() {
    let academy = Academy::builder().ent().start().await.unwrap();
    let folder = academy.folder().to_owned();
    let ent = format!("https://ent.academie.test:{}/", academy.ent().port);
    let is_in = |page: &Visited, uid: &str| page.text.contains(&format!("Connecté : <b>{uid}</b>"));

    let stranger = Browser::new(&academy).unwrap();
    let asked = stranger.visit_without_typing(&ent).await;
    assert!(matches!(&asked, Err(BrowserError::Asked { address }) if address.contains("/cas/login")), "{asked:?}");
    // An information page and a code by mail lie on the way of some.
    for uid in ["jdupont", "warned", "pmartin"] {
        let browser = Browser::new(&academy).unwrap();
        let page = browser.visit(&ent, teacher(uid)).await.unwrap();
        assert!(page.status == 200 && page.address == ent && is_in(&page, uid), "{uid}: {page:?}");
        assert_eq!(browser.visit_without_typing(&ent).await.unwrap().requests, 1, "the ENT has a session of its own");
        let back = browser.sign_in(&authorize(academy.issuer(), "mobile"), teacher("locked")).await.unwrap();
        assert!(back.starts_with(REDIRECT), "the portal's session was not kept");
    }
    let browser = Browser::new(&academy).unwrap();
    browser.sign_in(&authorize(academy.issuer(), "mobile"), teacher("jdupont")).await.unwrap();
    let page = browser.visit_without_typing(&ent).await.unwrap();
    assert!(is_in(&page, "jdupont"), "{page:?}");
    let menu = browser.visit(academy.issuer(), teacher("jdupont")).await.unwrap();
    assert!(menu.status == 200 && menu.address.starts_with(academy.issuer()), "{menu:?}");
    let app = browser.visit_without_typing(&authorize(academy.issuer(), "mobile")).await;
    assert!(matches!(&app, Err(BrowserError::DeadEnd { address, .. }) if !address.contains("code")), "{app:?}");
    let refused = stranger.with_password("Wrong-1234").visit(&ent, teacher("lreset")).await;
    assert!(matches!(refused, Err(BrowserError::Refused(5))), "{refused:?}");
    academy.stop().await.unwrap();
    assert!(processes_of(&folder).is_empty() && !folder.exists());
}

#[tokio::test]
async fn mail_that_is_delivered_is_in_the_mailbox() {
    let academy = Academy::start().await.unwrap();
    let message = b"From: a@academie.test\r\nSubject: un\r\n\r\n.point\r\n";
    academy.deliver("jdupont@academie.test", message).await.unwrap();
    let mut mailbox = academy.mailbox("jdupont").await.unwrap();
    assert_eq!(mailbox.count("INBOX").await.unwrap(), 1);
    let stored = mailbox.messages("INBOX").await.unwrap();
    assert!(stored[0].ends_with(b"\r\n\r\n.point\r\n"), "{}", String::from_utf8_lossy(&stored[0]));
    mailbox.append("Archive", "2026-09-01T08:00:00Z".parse().unwrap(), message).await.unwrap();
    assert_eq!(mailbox.messages("Archive").await.unwrap(), [message]);
    assert_eq!(mailbox.messages("Drafts").await.unwrap(), [b""; 0]);
    let dates = mailbox.command("FETCH 1 INTERNALDATE").await;
    assert!(dates.is_err(), "an empty mailbox has no message 1");
    assert!(academy.deliver("nobody@elsewhere.test>\r\nDATA", message).await.is_err());
    academy.stop().await.unwrap();
}

/// Waits until the inbox of `uid` has so many messages, and gives their header blocks.
async fn headers(academy: &Academy, uid: &str, count: usize) -> Vec<String> {
    let mut mailbox = academy.mailbox(uid).await.unwrap();
    for _ in 0..100 {
        let messages = mailbox.messages("INBOX").await.unwrap();
        if messages.len() >= count {
            let text = messages.iter().map(|raw| String::from_utf8_lossy(raw).into_owned());
            return text.map(|text| text.split("\r\n\r\n").next().unwrap().to_owned()).collect();
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("no mail came");
}

#[tokio::test]
async fn who_submitted_a_mail_is_written_on_top_of_it_and_nobody_else_can_say_so() {
    let academy = Academy::start().await.unwrap();
    let name = "Authentication-Results:";
    let forged = format!(
        "{name} smtp.academie.test;\r\n auth=pass smtp.auth=portail\r\n{name}\t\"smtp.academie\\.test\" 1; auth=pass\r\n\
         From: portail@academie.test\r\nSubject: Faux\r\n\r\n123456\r\n"
    );
    academy.forge("portail@academie.test", "pmartin@academie.test", forged.as_bytes()).await.unwrap();
    let header = headers(&academy, "pmartin", 1).await.remove(0);
    assert!(header.contains("Subject: Faux") && !header.contains(name), "{header}");

    academy.submit(teacher("lreset"), "jdupont@academie.test", forged.as_bytes()).await.unwrap();
    let header = headers(&academy, "jdupont", 1).await.remove(0);
    let fields: Vec<_> = header.split(name).skip(1).map(|body| body.lines().next().unwrap().trim()).collect();
    assert_eq!(fields[0], "smtp.academie.test; auth=pass smtp.auth=lreset", "{header}");

    // The portal's own mail.
    let url = authorize(academy.issuer(), "mobile");
    Browser::new(&academy).unwrap().sign_in(&url, teacher("pmartin")).await.unwrap();
    let header = headers(&academy, "pmartin", 2).await.remove(1);
    assert!(
        header.contains("\r\nAuthentication-Results: smtp.academie.test; auth=pass smtp.auth=portail\r\n"),
        "{header}"
    );
    academy.stop().await.unwrap();
}

#[tokio::test]
async fn the_portal_takes_a_changed_configuration_while_it_runs() {
    let academy = Academy::start().await.unwrap();
    let Value::Object(patch) = json!({"authentication": "Null", "userDB": "Null"}) else { unreachable!() };
    let url = authorize(academy.issuer(), "mobile");
    let before = Browser::new(&academy).unwrap().with_password("Wrong-1234").sign_in(&url, teacher("lreset")).await;
    assert!(matches!(before, Err(BrowserError::Refused(5))), "{before:?}");
    academy.reconfigure_portal(patch).await.unwrap();
    let after = Browser::new(&academy).unwrap().with_password("Wrong-1234").sign_in(&url, teacher("lreset")).await;
    assert!(!matches!(after, Err(BrowserError::Refused(5))), "{after:?}");
    academy.stop().await.unwrap();
}

#[test]
fn the_authority_signs_leaves_for_faults() {
    let authority = academy::Authority::new("Elsewhere CA").unwrap();
    for validity in [Validity::Good, Validity::Expired, Validity::NotYet] {
        let leaf = authority.issue(&["imap.academie.test"], validity).unwrap();
        assert_eq!(leaf.chain_pem.matches("BEGIN CERTIFICATE").count(), 2);
    }
}

/// The binary and what it says of itself.
async fn running(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_academy"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The first start on a machine installs.
    let hello = timeout(Duration::from_secs(900), lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, serde_json::from_str(&hello).unwrap())
}

/// The folder of the academy that the process `pid` has started.
fn folder_of(pid: u32) -> std::path::PathBuf {
    let parent_of = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1).map(ToOwned::to_owned)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|child| parent_of(child).is_some_and(|parent| parent == pid.to_string()))
        .find_map(|child| {
            let line = std::fs::read_to_string(format!("/proc/{child}/cmdline")).ok()?;
            line.split('\0').find_map(|part| part.strip_suffix("/run.sh")).map(Into::into)
        })
        .unwrap()
}

#[tokio::test]
async fn a_killed_binary_leaves_nothing() {
    let (mut child, _) = running(&[]).await;
    let folder = folder_of(child.id().unwrap());
    assert!(folder.exists());
    child.start_kill().unwrap();
    assert!(gone(&folder).await, "{:?}", processes_of(&folder));
}

/// A client that trusts the authority in `ca_pem` and knows `hosts`.
fn client(ca_pem: &str, hosts: &[(&str, SocketAddr)]) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    if !ca_pem.is_empty() {
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    }
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(Duration::from_secs(60));
    hosts.iter().fold(builder, |builder, (host, address)| builder.resolve(host, *address)).build().unwrap()
}

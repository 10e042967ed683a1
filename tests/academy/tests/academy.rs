//! The academy itself: it starts, lets people in and leaves nothing behind.

use academy::{Academy, Browser, BrowserError, Teacher};

/// What an app opens in the browser. The challenge is of RFC 7636, appendix B.
fn authorize(academy: &Academy) -> String {
    format!(
        "{}/oauth2/authorize?response_type=code&client_id=mobile&redirect_uri=fr.academie.mobile%3A%2Foauth2redirect\
         &scope=openid+profile+email+offline_access&state=etat&nonce=unique&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        academy.issuer()
    )
}

fn teacher(uid: &str) -> &'static Teacher {
    Teacher::by_uid(uid).unwrap()
}

/// The command lines of the processes that name `folder`.
fn processes_of(folder: &std::path::Path) -> Vec<String> {
    let folder = folder.display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&folder))
        .collect()
}

#[tokio::test]
async fn starts_lets_in_and_stops_leaving_nothing() {
    let academy = Academy::start().await.unwrap();
    let folder = academy.folder().to_owned();
    assert!(!processes_of(&folder).is_empty());
    let browser = Browser::new(&academy).unwrap();
    for _ in 0..2 {
        // The second time the session answers for the teacher.
        let back = browser.sign_in(&authorize(&academy), teacher("jdupont")).await.unwrap();
        assert!(back.starts_with("fr.academie.mobile:/oauth2redirect?"), "{back}");
        assert!(back.contains("code=") && back.contains("state=etat"), "{back}");
    }
    academy.stop().await.unwrap();
    assert_eq!(processes_of(&folder), [""; 0]);
    assert!(!folder.exists());
}

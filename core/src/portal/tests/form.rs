//! The portal's form, and each of its steps spoilt in every way that we could think of.

use std::time::Duration;

use super::lemon::{CODE, PASSWORD, Phone, STEPS, Spoilt, Step, choice, code, login, next, page, says};
use super::scripted::{HOST, Reply, json};
use crate::portal::SignIn;
use crate::portal::state::{Notice, Question, SignInEvent, SignInFailure as Failure, SignInState, Typed};
use crate::ports::{ConnectError, SecretKey, SecretStore};

/// However bad the portal is, the app has an answer by then.
const PATIENCE: Duration = Duration::from_secs(20);

async fn happen(app: &SignIn, event: SignInEvent) -> SignInState {
    tokio::time::timeout(PATIENCE, app.happen(event)).await.expect("the app hangs")
}

/// Goes on until the portal was asked for `step`, or nothing is left to do.
async fn lead(phone: &Phone, app: &SignIn, portal: &Spoilt, step: Step) -> SignInState {
    let before = portal.asked(step);
    let mut state = happen(app, SignInEvent::Begin).await;
    while portal.asked(step) == before {
        let Some(event) = next(&state, step).filter(|_| !matches!(state, SignInState::Failed(_))) else { break };
        phone.clock.pass(31_000);
        state = happen(app, event).await;
    }
    state
}

/// What becomes of a spoilt step.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Failed(Failure),
    /// The connection, in whichever way.
    Connect,
    /// The portal's page, in the browser.
    Browser,
}

impl Told {
    fn of(state: &SignInState) -> Self {
        match state {
            SignInState::Failed(Failure::Connect(_)) => Self::Connect,
            SignInState::Failed(failure) => Self::Failed(failure.clone()),
            SignInState::Asks(Question::Browser { notice: Some(Notice::BrowserNeeded), hands_back: false, .. }) => {
                Self::Browser
            }
            other => panic!("{other:?}"),
        }
    }
}

fn broken(status: u16) -> Told {
    Told::Failed(Failure::PortalBroken { status })
}

fn unofficial(host: &str) -> Told {
    Told::Failed(Failure::Unofficial { host: host.to_owned() })
}

/// How many wrong tries are left after a failure at this step: what may have been judged counts.
fn tries_after(step: Step) -> u32 {
    if matches!(step, Step::Password | Step::Code | Step::Whoami) { 1 } else { 2 }
}

/// Spoils each step in turn, and sees what comes of it: what is told, what has gone out, what is kept, what it has cost, and that
/// the next sign-in is a good one.
async fn spoilt(steps: &[Step], name: &str, reply: impl Fn(&Spoilt, Step) -> Reply, told: impl Fn(Step) -> Told) {
    let each = steps.iter().map(async |step| {
        let what = format!("{name} at {step:?}");
        let portal = Spoilt::start().await;
        let phone = Phone::new(&portal);
        let app = phone.app().await;
        portal.spoil(Some((*step, reply(&portal, *step))));
        let state = lead(&phone, &app, &portal, *step).await;
        assert_eq!(portal.passwords(), usize::from(*step != Step::Open), "{what}");
        if *step == Step::Logout {
            // The phone forgets all the same; the mail's password is for the facade to forget.
            assert_eq!(state, SignInState::SignedOut, "{what}");
            phone.keystore.delete(&SecretKey::mail_password("essai", "jdupont")).unwrap();
        } else {
            assert_eq!(Told::of(&state), told(*step), "{what}");
            assert_eq!(app.account().await.unwrap(), None, "{what}");
        }
        assert!(!phone.lets_in(), "{what}");
        assert_eq!(phone.has(&SecretKey::sign_in("essai")), matches!(state, SignInState::Asks(_)), "{what}");
        assert_eq!(phone.tries().await, tries_after(*step), "{what}");

        portal.spoil(None);
        let state = lead(&phone, &app, &portal, Step::Whoami).await;
        let state = happen(&app, next(&state, Step::Whoami).unwrap()).await;
        assert!(matches!(state, SignInState::SignedIn(_)), "{what}: {state:?}");
    });
    futures_util::future::join_all(each).await;
}

const ALL: &[Step] = &STEPS;
/// Those whose answer is a page.
const PAGES: &[Step] = &[Step::Open, Step::Password, Step::Choice, Step::Resend, Step::Code];

fn redirect(to: &str) -> Reply {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into()
}

fn status(line: &str, kind: &str, body: &str) -> Reply {
    format!("HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

#[tokio::test]
async fn a_redirect_leads_nobody_off_the_portal() {
    let elsewhere = [
        ("https://evil.example:ELSE/", "evil.example"),
        ("//evil.example:ELSE/", "evil.example"),
        ("http://id.academie.test:PORT/", HOST),
        ("https://id.academie.test:ELSE/", HOST),
        ("javascript:alert(1)", ""),
    ];
    for (place, host) in elsewhere {
        let reply = |portal: &Spoilt, _| redirect(&filled(portal, place));
        spoilt(ALL, place, reply, |step| if step == Step::Whoami { Told::Browser } else { unofficial(host) }).await;
    }
    // Another host of the academy's, and the portal itself, over and over: followed by nobody but the browser.
    for place in ["https://autre.academie.test:ELSE/", "/", ""] {
        spoilt(ALL, place, |portal, _| redirect(&filled(portal, place)), |_| Told::Browser).await;
    }
}

fn filled(portal: &Spoilt, place: &str) -> String {
    place.replace("PORT", &portal.scripted.port.to_string()).replace("ELSE", &portal.elsewhere.to_string())
}

#[tokio::test]
async fn a_form_that_posts_off_the_portal_is_sent_nowhere() {
    for (place, host) in [
        ("https://evil.example:ELSE/", "evil.example"),
        ("https://id.academie.test:PORT@evil.example:ELSE/", "evil.example"),
        ("http://id.academie.test:PORT/", HOST),
        ("https://id.academie.test:ELSE/", HOST),
        ("https://autre.academie.test:ELSE/", "autre.academie.test"),
        ("javascript:alert(document.forms[0].password.value)", ""),
        ("data:text/html,x", ""),
    ] {
        let action = |portal: &Spoilt, step| {
            let place = filled(portal, place);
            page(&match step {
                Step::Open => login(&place),
                Step::Password => choice(&place),
                _ => code(&place, "/mail2fresend?skin=b"),
            })
            .into()
        };
        spoilt(PAGES, place, action, |_| unofficial(host)).await;
        let button = |portal: &Spoilt, _| page(&code("/mail2fcheck?skin=b", &filled(portal, place))).into();
        spoilt(&[Step::Password, Step::Choice, Step::Resend], place, button, |_| unofficial(host)).await;
    }
}

#[tokio::test]
async fn an_answer_of_any_size_is_read_to_its_bound() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    let large = |_| Told::Failed(Failure::TooLarge);
    let announced = format!("{head}Content-Length: 104857600\r\n\r\n");
    let endless = |text: String, filler| move |_: &Spoilt, _| Reply { text: text.clone(), filler, ..Reply::default() };
    spoilt(ALL, "announced", endless(announced, &[b'x'; 65536]), large).await;
    spoilt(ALL, "endless", endless(format!("{head}\r\n"), &[b'<'; 65536]), large).await;

    let bomb = bomb();
    let zipped = format!("{head}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    assert!(bomb.len() < 300_000, "{}", bomb.len());
    let reply = |_: &Spoilt, _| Reply { text: zipped.clone(), body: bomb.clone(), ..Reply::default() };
    spoilt(ALL, "a bomb", reply, large).await;

    let deep = |_: &Spoilt, _| page(&"<div>".repeat(100_000)).into();
    spoilt(PAGES, "deep", deep, |_| Told::Browser).await;
    // More in one form than a keystore is made for.
    let hidden = format!("<input type=hidden name=a value={}>", "x".repeat(100_000));
    let form = code("/mail2fcheck?skin=b", "/mail2fresend?skin=b");
    let stuffed = page(&form.replace("<button", &format!("{hidden}<button")));
    for step in [Step::Password, Step::Choice, Step::Resend] {
        let (state, tries) = answered(step, stuffed.clone()).await;
        assert_eq!((Told::of(&state), tries), (large(step), 2));
    }
}

/// A hundred megabytes of nothing.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    member.write_all(&vec![b' '; 4 << 20]).unwrap();
    member.finish().unwrap().repeat(25)
}

#[tokio::test]
async fn a_portal_out_of_order_or_busy_has_called_no_password_wrong() {
    let refusal = r#"{"result":0,"error":5}"#;
    for (line, code) in
        [("429 Slow down\r\nRetry-After: 3600", 429), ("500 Oops", 500), ("503 Busy\r\nRetry-After: 9", 503)]
    {
        for (kind, body) in [("application/json", refusal), ("text/html", "<span trmsg=5></span>"), ("text/html", "")] {
            let name = format!("{code} {kind} {body}");
            spoilt(ALL, &name, |_, _| status(line, kind, body), |_| broken(code)).await;
        }
    }
    for (line, code) in [("401 No", 401), ("403 No", 403), ("404 No", 404)] {
        let reply = |_: &Spoilt, _| status(line, "text/html", "<h1>Non</h1>");
        spoilt(ALL, line, reply, |step| if step == Step::Whoami { Told::Browser } else { broken(code) }).await;
    }
}

#[tokio::test]
async fn an_answer_of_another_kind_is_none() {
    let odd =
        [("application/json", "{}"), ("application/json", "[1"), ("application/json", r#"{"result":0,"error":[]}"#)];
    for (kind, body) in odd {
        let told = |step| match step {
            Step::Open => broken(200),
            // The end of a session is told in JSON too.
            Step::Whoami => Told::Browser,
            _ => Told::Failed(Failure::Malformed("answer")),
        };
        spoilt(ALL, body, |_, _| status("200 OK", kind, body), told).await;
    }
    for kind in ["text/plain", "application/octet-stream", ""] {
        let reply = |_: &Spoilt, _| status("200 OK", kind, "<form>");
        spoilt(ALL, kind, reply, |step| if step == Step::Whoami { Told::Browser } else { broken(200) }).await;
    }
    let utf_16: Vec<u8> =
        says("5").split_once("\r\n\r\n").unwrap().1.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-16\r\nContent-Length: {}\r\n\r\n",
        utf_16.len()
    );
    let reply = |_: &Spoilt, _| Reply { text: text.clone(), body: utf_16.clone(), ..Reply::default() };
    spoilt(ALL, "UTF-16", reply, |_| Told::Browser).await;
}

#[tokio::test]
async fn a_portal_that_falls_silent_or_is_cut_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 999\r\n\r\n<form>";
    spoilt(ALL, "cut", |_, _| head.to_owned().into(), |_| Told::Connect).await;
    spoilt(ALL, "no answer", |_, _| Reply::default(), |_| Told::Connect).await;
    spoilt(ALL, "no HTTP", |_, _| "SSH-2.0-OpenSSH\r\n".to_owned().into(), |_| Told::Connect).await;
    let silent = |_: &Spoilt, _| Reply { delay: Duration::from_secs(600), ..Reply::default() };
    spoilt(ALL, "silent", silent, |_| Told::Connect).await;
}

#[tokio::test]
async fn a_portal_that_trickles_is_given_up_too() {
    let portal = Spoilt::start().await;
    let (phone, text) = (Phone::new(&portal), "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".to_owned());
    let trickle = Reply { text, filler: b" ", drip: Duration::from_millis(500), ..Reply::default() };
    portal.spoil(Some((Step::Open, trickle)));
    let app = phone.app().await;
    let began = tokio::time::Instant::now();
    let mut waiting = std::pin::pin!(app.happen(SignInEvent::Begin));
    let state = loop {
        // While something blocks, the clock stands still unless it is told to go on; what is sent arrives.
        let moment = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(4)));
        tokio::select! {
            state = &mut waiting => break state,
            _ = moment => if portal.asked(Step::Open) > 0 {
                tokio::time::pause();
                tokio::time::advance(Duration::from_millis(500)).await;
                tokio::time::resume();
            }
        }
    };
    assert_eq!(state, SignInState::Failed(Failure::Connect(ConnectError::TimedOut)));
    assert!(began.elapsed().as_secs() > 30, "it was silence, and no trickle: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_portal_that_asks_for_the_password_again_is_a_case_for_the_browser() {
    for number in ["9", "-5", "0", "99999999999999999999", "x", ""] {
        spoilt(PAGES.get(1..).unwrap(), number, |_, _| says(number).into(), |_| Told::Browser).await;
    }
    for number in ["424242", "24", "2147483647"] {
        let refused = |_| Told::Failed(Failure::Refused { code: number.to_owned() });
        spoilt(PAGES.get(1..).unwrap(), number, |_, _| says(number).into(), refused).await;
    }
}

/// Answers the password so, and gives where that leads and how many tries are left.
async fn answered(at: Step, reply: impl Into<Reply>) -> (SignInState, u32) {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    let app = phone.app().await;
    portal.spoil(Some((at, reply.into())));
    let state = lead(&phone, &app, &portal, at).await;
    (state, phone.tries().await)
}

#[tokio::test]
async fn a_portal_that_answers_in_json_is_understood_as_its_pages_are() {
    let refused = |number: &str| status("401 No", "application/json", &format!(r#"{{"result":0,"error":{number}}}"#));
    for said in [|number: &str| number.to_owned(), |number: &str| format!("\"{number}\"")] {
        let (state, tries) = answered(Step::Password, refused(&said("5"))).await;
        let wrong = Some(Notice::WrongPassword { tries_left: 1 });
        assert!(
            matches!(&state, SignInState::Asks(Question::Password { notice, .. }) if *notice == wrong),
            "{state:?}"
        );
        assert_eq!(tries, 1);
        // Locked, and nobody says until when.
        let (state, tries) = answered(Step::Password, refused(&said("86"))).await;
        assert!(matches!(state, SignInState::Asks(Question::Wait { notice: None, .. })), "{state:?}");
        assert_eq!(tries, 0);
        // The portal begins again with the password, which is still at hand.
        let (state, tries) = answered(Step::Code, refused(&said("96"))).await;
        let SignInState::Asks(Question::Code { notice: Some(Notice::WrongCode { tries_left: 1 }), .. }) = state else {
            panic!("{state:?}")
        };
        assert_eq!(tries, 1);
        for (number, failure) in
            [("21", Failure::Blocked), ("22", Failure::PasswordEnded), ("25", Failure::PasswordToChange)]
        {
            let (state, tries) = answered(Step::Password, refused(&said(number))).await;
            assert_eq!((state, tries), (SignInState::Failed(failure), 1));
        }
        let (state, _) = answered(Step::Password, refused(&said("9"))).await;
        assert_eq!(Told::of(&state), Told::Browser);
        let cookie = "200 OK\r\nSet-Cookie: lemonldap=5e55104";
        let done = format!(r#"{{"result":{},"error":"0","id":"5e55104"}}"#, said("1"));
        let (state, tries) = answered(Step::Password, status(cookie, "application/json", &done)).await;
        assert!(matches!(state, SignInState::Asks(Question::Introduction { .. })), "{state:?}");
        assert_eq!(tries, 2);
    }
}

#[tokio::test]
async fn a_page_in_latin_1_and_cookies_of_any_kind_are_no_hindrance() {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    let app = phone.app().await;
    let form = code("/mail2fcheck?skin=b", "/mail2fresend?skin=b");
    let mut body = b"<p title=\"\xe9\">Code re\xe7u \xe0 l'acad\xe9mie</p>".to_vec();
    body.extend_from_slice(form.as_bytes());
    let cookies =
        ["lemonldap=; expires=soon", "é=1", "=", ";", "q=\"x y\"", "b=1; domain=.evil.example; path=/evil", "c"]
            .map(|cookie| format!("Set-Cookie: {cookie}\r\n"));
    let long = format!("Set-Cookie: long={}\r\n", "x".repeat(9_000));
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-8859-1\r\n{}{long}Content-Length: {}\r\n\r\n",
        cookies.concat(),
        body.len()
    );
    portal.spoil(Some((Step::Choice, Reply { text, body, ..Reply::default() })));
    let state = lead(&phone, &app, &portal, Step::Whoami).await;
    assert!(
        matches!(state, SignInState::Asks(Question::Introduction { .. })),
        "{state:?} {:?}",
        portal.scripted.seen("")
    );
    let seen = portal.scripted.seen("/mail2fcheck");
    let sent = seen[0].lines().find(|line| line.starts_with("cookie: ")).unwrap();
    assert_eq!(sent, "cookie: llnglanguage=fr; q=\"x y\"; b=1");
}

#[tokio::test]
async fn whoever_the_portal_names_is_who_is_asked_for_an_address_and_nonsense_is_nobody() {
    let (state, tries) = answered(Step::Whoami, json(r#"{"result":"pmartin"}"#)).await;
    let told = Some("pmartin".to_owned());
    assert!(
        matches!(&state, SignInState::Asks(Question::Introduction { identifier, .. }) if *identifier == told),
        "{state:?}"
    );
    assert_eq!(tries, 2);
    for nobody in
        [r#"{"result":""}"#, r#"{"result":"a b"}"#, r#"{"result":"\u0000"}"#, r#"{"result":5}"#, r#"{"result":null}"#]
    {
        let (state, tries) = answered(Step::Whoami, json(nobody)).await;
        assert_eq!((Told::of(&state), tries), (Told::Browser, 1), "{nobody}");
    }
    let (state, _) = answered(Step::Whoami, json(&format!(r#"{{"result":"{}"}}"#, "x".repeat(200)))).await;
    assert_eq!(Told::of(&state), Told::Browser);
}

#[tokio::test]
async fn a_sign_in_that_is_given_up_at_its_last_question_leaves_nothing_behind() {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    for given_up in [|| SignInEvent::Back, || SignInEvent::SignOut, || SignInEvent::Begin] {
        let app = phone.app().await;
        let state = lead(&phone, &app, &portal, Step::Whoami).await;
        assert!(matches!(state, SignInState::Asks(Question::Introduction { .. })), "{state:?}");
        assert!(phone.lets_in());
        let before = portal.asked(Step::Logout);
        happen(&app, given_up()).await;
        assert!(!phone.lets_in());
        assert_eq!(portal.asked(Step::Logout), before + 1, "the session at the portal goes on");
    }
}

#[tokio::test]
async fn an_event_whose_caller_has_gone_does_not_stop_the_next_one() {
    let portal = Spoilt::start().await;
    let phone = Phone::new(&portal);
    let app = phone.app().await;
    lead(&phone, &app, &portal, Step::Open).await;
    let given = || SignInEvent::Password { identifier: "jdupont".to_owned(), password: Typed(PASSWORD.into()) };
    portal.spoil(Some((Step::Password, Reply { delay: Duration::from_secs(600), ..Reply::default() })));
    assert!(tokio::time::timeout(Duration::from_millis(500), app.happen(given())).await.is_err());
    assert_eq!(app.state(), SignInState::Checking);
    portal.spoil(None);
    // Where it stood before.
    let state = happen(&app, SignInEvent::Code(Typed(CODE.into()))).await;
    assert!(matches!(state, SignInState::Asks(Question::Password { .. })), "{state:?}");
    assert!(matches!(happen(&app, given()).await, SignInState::Asks(Question::Choice { .. })));
    assert_eq!(portal.passwords(), 2);
    // The one that nobody waited for may have been judged.
    assert_eq!(phone.tries().await, 1);
}

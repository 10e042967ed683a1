//! A browser that a script drives: what a teacher's system browser does during a sign-in, without the screen.

mod codes;
mod outcome;

use crate::{
    Academy, AcademyError, SecondFactor, Teacher,
    forms::{Form, Page},
    mailbox::Door,
    push::{Seen, Shim},
    tls,
};
use reqwest::{
    Client, StatusCode,
    cookie::{CookieStore, Jar},
    header::LOCATION,
    redirect::Policy,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep},
};
use url::{Host, Url};

pub use outcome::{BrowserError, Visited};

use codes::{code_in, code_of};

const SIGN_IN_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Pages and redirects of one errand; the longest known takes nine.
const STEPS: usize = 25;
const MAIL_LIMIT: Duration = Duration::from_secs(10);
const PHONE_LIMIT: Duration = Duration::from_secs(40);
const PAGE_LIMIT: usize = 2 << 20;

/// The portal's own number for "please sign in", which is no refusal.
const FIRST_ACCESS: i32 = 9;
const PASSWORD_TO_CHANGE: i32 = 25;

/// A scripted browser. It keeps its cookies: a second sign-in at the same portal asks for nothing.
#[derive(Debug)]
pub struct Browser {
    jar: Arc<Jar>,
    tls: rustls::ClientConfig,
    hosts: BTreeMap<String, IpAddr>,
    issuer: String,
    mail: Door,
    push: Option<Arc<Shim>>,
    password: Option<String>,
    totp_secret: Option<String>,
    mail_code: Mutex<Option<oneshot::Receiver<String>>>,
}

/// What the browser is sent for.
#[derive(Clone, Copy)]
enum Errand<'a> {
    /// Back to the app, signing this teacher in.
    SignIn(&'a Teacher),
    /// To a page, signing this teacher in at the portal where it asks.
    Visit(&'a Teacher),
    /// To a page, typing nothing.
    Look,
}

enum Arrived {
    AtApp(String),
    AtPage(Visited),
}

enum Step {
    Get(Url),
    Post(Url, Vec<(String, String)>),
}

/// What has been done in one sign-in, so that nothing is tried twice.
#[derive(Default)]
struct Done {
    password: bool,
    code: bool,
    /// When the password was sent; the prompt on the phone is a later one.
    since: Option<Instant>,
    /// Messages in the inbox before the password was sent; the code's mail is a later one.
    mails: usize,
}

impl Browser {
    /// A browser that knows the academy's names and trusts its authority, without a session.
    pub fn new(academy: &Academy) -> Result<Self, AcademyError> {
        let tls = tls::trusting(academy.ca_pem())?;
        Ok(Self {
            jar: Arc::default(),
            issuer: academy.issuer().to_owned(),
            push: academy.push.as_ref().map(|push| Arc::clone(&push.shim)),
            mail: Door { port: academy.imap().port, tls: Arc::new(tls.clone()) },
            tls,
            hosts: academy.hosts().into_iter().collect(),
            password: None,
            totp_secret: None,
            mail_code: Mutex::default(),
        })
    }

    /// Sends what goes to `host` to `address` instead. The port stays.
    #[must_use]
    pub fn at(mut self, host: &str, address: IpAddr) -> Self {
        self.hosts.insert(host.to_owned(), address);
        self
    }

    /// Types this password and not the teacher's first one.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// The secret of the teacher's authenticator, base32.
    #[must_use]
    pub fn with_totp_secret(mut self, secret: &str) -> Self {
        self.totp_secret = Some(secret.to_owned());
        self
    }

    /// Does not look into the mailbox for the code by mail, but waits for the one that is given here, and types that.
    #[must_use]
    pub fn with_mail_code(mut self, code: oneshot::Receiver<String>) -> Self {
        self.mail_code = Mutex::new(Some(code));
        self
    }

    /// Opens `url`, signs `teacher` in where a page asks for it, and returns the address by which the portal hands back
    /// to the app: the first that is not http(s), or one on the loopback interface, which is called first, as a browser
    /// does. At most a minute.
    pub async fn sign_in(&self, url: &str, teacher: &Teacher) -> Result<String, BrowserError> {
        match self.run(url, Errand::SignIn(teacher)).await? {
            Arrived::AtApp(address) => Ok(address),
            Arrived::AtPage(page) => Err(BrowserError::DeadEnd { status: page.status, address: page.address }),
        }
    }

    /// Opens `url` and goes on as the teacher would to the page behind it: follows redirects, and signs `teacher` in where the
    /// portal asks. A password is typed at the portal only; another host that asks for one is where the visit ends. At most a
    /// minute.
    pub async fn visit(&self, url: &str, teacher: &Teacher) -> Result<Visited, BrowserError> {
        self.visited(url, Errand::Visit(teacher)).await
    }

    /// The same for a teacher who should be asked for nothing: [`BrowserError::Asked`] when a page wants a password or a code.
    pub async fn visit_without_typing(&self, url: &str) -> Result<Visited, BrowserError> {
        self.visited(url, Errand::Look).await
    }

    /// The Cookie header that the browser would send to `url`: its session at the portal, for one that plays the app.
    pub fn cookies(&self, url: &str) -> Option<String> {
        self.jar.cookies(&Url::parse(url).ok()?)?.to_str().ok().map(str::to_owned)
    }

    /// Enrols an authenticator for whoever is signed in at the portal, and returns its secret, base32. From now on the
    /// portal asks for its codes, which this browser knows: [`Browser::with_totp_secret`] is for others.
    pub async fn enrol_totp(&mut self) -> Result<String, BrowserError> {
        let client = self.client()?;
        let call = async |path: &str, fields: &[(&str, &str)]| {
            let url = format!("{}/2fregisters/totp/{path}", self.issuer);
            // Without this header the portal takes the call for one from another site.
            let answer = client.post(url).header("x-csrf-check", "1").form(fields).send().await?;
            let answer: serde_json::Value = answer.json().await?;
            match answer["error"].as_str() {
                Some(error) => Err(BrowserError::Enrolment(error.to_owned())),
                None => Ok(answer),
            }
        };
        let key = call("getkey", &[]).await?;
        let (Some(secret), Some(token)) = (key["secret"].as_str(), key["token"].as_str()) else {
            return Err(BrowserError::Enrolment("no secret".to_owned()));
        };
        call("verify", &[("token", token), ("code", &code_of(secret)?), ("TOTPName", "essai")]).await?;
        self.totp_secret = Some(secret.to_owned());
        Ok(secret.to_owned())
    }

    async fn visited(&self, url: &str, errand: Errand<'_>) -> Result<Visited, BrowserError> {
        match self.run(url, errand).await? {
            Arrived::AtPage(page) => Ok(page),
            // The query holds codes and states.
            Arrived::AtApp(address) => {
                let address = address.split('?').next().unwrap_or_default().to_owned();
                Err(BrowserError::DeadEnd { status: 302, address })
            }
        }
    }

    async fn run(&self, url: &str, errand: Errand<'_>) -> Result<Arrived, BrowserError> {
        tokio::time::timeout(SIGN_IN_LIMIT, self.walk(url, errand)).await.map_err(|_| BrowserError::TooLong)?
    }

    async fn walk(&self, url: &str, errand: Errand<'_>) -> Result<Arrived, BrowserError> {
        let client = self.client()?;
        let mut done = Done::default();
        let mut step = Step::Get(Url::parse(url)?);
        for requests in 1..=STEPS {
            let (address, request) = match step {
                // The portal's information page hands back by a form and not by a redirect.
                Step::Get(url) if !matches!(url.scheme(), "http" | "https") => return Ok(Arrived::AtApp(url.into())),
                Step::Get(url) => (url.clone(), client.get(url)),
                Step::Post(url, fields) => (url.clone(), client.post(url).form(&fields)),
            };
            let answer = request.header("accept", "text/html").send().await?;
            let status = answer.status();
            if is_loopback(&address) && status.is_success() {
                return Ok(Arrived::AtApp(address.into()));
            }
            if status.is_redirection() {
                let Some(to) = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()) else {
                    return Err(dead_end(status, &address));
                };
                let next = address.join(to)?;
                if !matches!(next.scheme(), "http" | "https") {
                    return Ok(Arrived::AtApp(to.to_owned()));
                }
                step = Step::Get(next);
                continue;
            }
            let text = text(answer).await?;
            let page = Page::read(&text);
            let teacher = match errand {
                Errand::SignIn(teacher) => teacher,
                Errand::Look if page.forms.iter().any(Form::is_for_typing) => {
                    return Err(BrowserError::Asked { address: bare(&address) });
                }
                Errand::Visit(teacher) if self.is_on_the_way(&address, &page) => teacher,
                Errand::Visit(_) | Errand::Look => {
                    let (address, status) = (address.into(), status.as_u16());
                    return Ok(Arrived::AtPage(Visited { address, status, text, requests }));
                }
            };
            step = self.fill(&address, status, page, teacher, &mut done).await?;
        }
        Err(BrowserError::TooManySteps)
    }

    /// Whether a page is one of those that the portal puts before the one that was wanted.
    fn is_on_the_way(&self, address: &Url, page: &Page) -> bool {
        let at_portal = Url::parse(&self.issuer).is_ok_and(|portal| portal.origin() == address.origin());
        let refuses = page.messages.iter().any(|number| *number > 0);
        let asks = page.forms.iter().any(|form| !form.hidden.is_empty() || form.is_for_typing());
        // The portal's own menu has a form too, for another password.
        let is_menu = page.forms.iter().any(|form| form.asks_for("newpassword"));
        at_portal && (refuses || (asks && !is_menu))
    }

    /// The next step from a page, as the teacher would take it.
    async fn fill(
        &self,
        address: &Url,
        status: StatusCode,
        page: Page,
        teacher: &Teacher,
        done: &mut Done,
    ) -> Result<Step, BrowserError> {
        let refusal = page.messages.iter().copied().find(|number| *number > 0 && *number != FIRST_ACCESS);
        let Some(form) = page.forms.into_iter().find(|form| !form.hidden.is_empty() || form.asks_for("password"))
        else {
            return Err(refusal.map_or_else(|| dead_end(status, address), BrowserError::Refused));
        };
        if form.asks_for("newpassword") {
            return Err(BrowserError::Refused(refusal.unwrap_or(PASSWORD_TO_CHANGE)));
        }
        if let Some(number) = refusal {
            return Err(BrowserError::Refused(number));
        }
        let fields = if form.asks_for("password") {
            if std::mem::replace(&mut done.password, true) {
                return Err(BrowserError::Refused(FIRST_ACCESS));
            }
            if teacher.second_factor == SecondFactor::Mail {
                done.mails = self.mail.open(teacher).await?.count("INBOX").await?;
            }
            done.since = Some(Instant::now());
            let password = self.password.as_deref().unwrap_or(teacher.password);
            vec![("user", teacher.uid.to_owned()), ("password", password.to_owned())]
        } else if form.action.contains("/2fchoice") {
            let factor = match (&self.totp_secret, teacher.second_factor) {
                (Some(_), _) => "totp",
                (None, SecondFactor::Push) => "rest",
                (None, _) => "mail",
            };
            vec![("sf", factor.to_owned())]
        } else if form.asks_for("code") {
            if std::mem::replace(&mut done.code, true) {
                return Err(dead_end(status, address));
            }
            let code = if form.action.contains("/mail2fcheck") {
                self.mailed_code(teacher, done.mails).await?
            } else if form.action.contains("/rest2fcheck") {
                self.answered_on_phone(teacher, done.since).await?
            } else {
                code_of(self.totp_secret.as_deref().ok_or(BrowserError::NoSecret)?)?
            };
            vec![("code", code)]
        } else {
            // Consent, information, "continue": hidden fields only.
            Vec::new()
        };
        submit(address, form, fields)
    }

    /// The authenticator's code now.
    pub fn totp_code(&self) -> Result<String, BrowserError> {
        code_of(self.totp_secret.as_deref().ok_or(BrowserError::NoSecret)?)
    }

    /// Waits for the portal's mail after the first `before` messages of the inbox and reads its code.
    pub async fn mailed_code(&self, teacher: &Teacher, before: usize) -> Result<String, BrowserError> {
        if let Some(given) = self.mail_code.lock().await.take() {
            return given.await.map_err(|_| BrowserError::NoMail);
        }
        let mut mailbox = self.mail.open(teacher).await?;
        let end = Instant::now() + MAIL_LIMIT;
        loop {
            let newer = mailbox.messages("INBOX").await?.into_iter().skip(before);
            if let Some(code) = newer.rev().find_map(|message| code_in(&message)) {
                return Ok(code);
            }
            if Instant::now() > end {
                return Err(BrowserError::NoMail);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the prompt is answered, and returns a word for the form: it does not take none.
    async fn answered_on_phone(&self, teacher: &Teacher, since: Option<Instant>) -> Result<String, BrowserError> {
        let (Some(push), Some(since)) = (&self.push, since) else {
            return Err(BrowserError::Push("not asked for".to_owned()));
        };
        match push.watch(teacher.uid, since, PHONE_LIMIT).await {
            // What was answered is for the portal to find out.
            Seen::Answered => Ok("fait".to_owned()),
            Seen::NoAnswer => Err(BrowserError::NoAnswer),
            Seen::NoPhone => Err(BrowserError::NoPhone),
            Seen::Failed(words) => Err(BrowserError::Push(words)),
        }
    }

    fn client(&self) -> Result<Client, BrowserError> {
        let builder = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .cookie_provider(Arc::clone(&self.jar))
            .redirect(Policy::none())
            .timeout(REQUEST_LIMIT)
            .no_proxy();
        let builder =
            self.hosts.iter().fold(builder, |builder, (host, ip)| builder.resolve(host, SocketAddr::new(*ip, 0)));
        Ok(builder.build()?)
    }
}

/// What the form sends when `fields` are filled in; a form without an action goes where the page came from.
fn submit(address: &Url, form: Form, fields: Vec<(&str, String)>) -> Result<Step, BrowserError> {
    let mut to = address.join(&form.action)?;
    to.set_fragment(None);
    let all: Vec<_> =
        form.hidden.into_iter().chain(fields.into_iter().map(|(name, value)| (name.to_owned(), value))).collect();
    if form.is_post {
        return Ok(Step::Post(to, all));
    }
    to.query_pairs_mut().clear().extend_pairs(all);
    Ok(Step::Get(to))
}

async fn text(mut answer: reqwest::Response) -> Result<String, BrowserError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > PAGE_LIMIT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn dead_end(status: StatusCode, address: &Url) -> BrowserError {
    BrowserError::DeadEnd { status: status.as_u16(), address: bare(address) }
}

/// Without the query, which holds codes and states.
fn bare(address: &Url) -> String {
    let mut address = address.clone();
    address.set_query(None);
    address.into()
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            _ => false,
        }
}

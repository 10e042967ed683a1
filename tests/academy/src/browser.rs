//! A browser that a script drives: what a teacher's system browser does during a sign-in, without the screen.

use crate::{
    Academy, AcademyError, MailError, SecondFactor, Teacher,
    forms::{Form, Page},
    mailbox::Door,
    push::{Seen, Shim},
    tls,
};
use reqwest::{Client, StatusCode, cookie::Jar, header::LOCATION, redirect::Policy};
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

const SIGN_IN_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Pages and redirects of one sign-in; the longest known takes nine.
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

/// Why a sign-in did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// The portal says no, with its number: 5 wrong password, 21 locked, 22 expired, 25 to be changed, 86 wait, 96 wrong
    /// code, 107 unknown app, 108 unregistered redirect.
    #[error("the portal refuses with {0}")]
    Refused(i32),
    /// A page that the script cannot go on from: status and address without its query.
    #[error("no way on from {address} (status {status})")]
    DeadEnd {
        /// HTTP status.
        status: u16,
        /// The address, without its query.
        address: String,
    },
    /// The portal wants a code that the script was given no means to know.
    #[error("the portal wants a code of an authenticator; give the browser its secret")]
    NoSecret,
    /// The secret given is not base32.
    #[error("the authenticator's secret is not base32")]
    Secret,
    /// The portal does not enrol the authenticator: its own word for why, for instance `totpExistingKey`.
    #[error("the portal does not enrol the authenticator: {0}")]
    Enrolment(String),
    /// The mail with the code did not come within ten seconds.
    #[error("no mail with a code came")]
    NoMail,
    /// The portal wants an approval and the teacher has enrolled no phone.
    #[error("the portal wants an approval on a phone, and none is enrolled")]
    NoPhone,
    /// Nobody answered on the phone within forty seconds.
    #[error("nobody has answered on the phone")]
    NoAnswer,
    /// The prompt did not reach the phone.
    #[error("no prompt on the phone: {0}")]
    Push(String),
    /// The mailbox could not be read.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// More pages than any sign-in has.
    #[error("the portal sends the browser round in circles")]
    TooManySteps,
    /// The whole sign-in took longer than a minute.
    #[error("the sign-in took too long")]
    TooLong,
    /// An address that is none.
    #[error(transparent)]
    Address(#[from] url::ParseError),
    /// The portal could not be reached, or its certificate is not trusted.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
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
        tokio::time::timeout(SIGN_IN_LIMIT, self.walk(url, teacher)).await.map_err(|_| BrowserError::TooLong)?
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

    async fn walk(&self, url: &str, teacher: &Teacher) -> Result<String, BrowserError> {
        let client = self.client()?;
        let mut done = Done::default();
        let mut step = Step::Get(Url::parse(url)?);
        for _ in 0..STEPS {
            let (address, request) = match step {
                // The portal's information page hands back by a form and not by a redirect.
                Step::Get(url) if !matches!(url.scheme(), "http" | "https") => return Ok(url.into()),
                Step::Get(url) => (url.clone(), client.get(url)),
                Step::Post(url, fields) => (url.clone(), client.post(url).form(&fields)),
            };
            let answer = request.header("accept", "text/html").send().await?;
            let status = answer.status();
            if is_loopback(&address) && status.is_success() {
                return Ok(address.into());
            }
            if status.is_redirection() {
                let Some(to) = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()) else {
                    return Err(dead_end(status, &address));
                };
                let next = address.join(to)?;
                if !matches!(next.scheme(), "http" | "https") {
                    return Ok(to.to_owned());
                }
                step = Step::Get(next);
                continue;
            }
            let page = Page::read(&text(answer).await?);
            step = self.fill(&address, status, page, teacher, &mut done).await?;
        }
        Err(BrowserError::TooManySteps)
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

/// The authenticator's code now.
fn code_of(secret: &str) -> Result<String, BrowserError> {
    let secret = totp_rs::Secret::try_from_base32(secret.to_ascii_uppercase()).map_err(|_| BrowserError::Secret)?;
    // What the portal chooses is its own affair, also where it is less than the RFC recommends.
    let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    Ok(totp.generate_current().to_string())
}

/// The only number of six digits in the portal's mail, which it prints in bold.
fn code_in(message: &[u8]) -> Option<String> {
    let message = mail_parser::MessageParser::new().parse(message)?;
    let html = message.body_html(0)?;
    html.split("<b>").skip(1).find_map(|rest| {
        let code = rest.split('<').next()?.trim();
        (code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
    })
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
    let mut address = address.clone();
    // The query holds codes and states.
    address.set_query(None);
    BrowserError::DeadEnd { status: status.as_u16(), address: address.into() }
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            _ => false,
        }
}

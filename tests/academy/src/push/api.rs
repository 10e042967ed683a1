//! privacyIDEA's HTTP interface, as its administrator and as a portal use it.

use super::{ADMIN, ADMIN_PASSWORD, HOST, PushError};
use crate::{AcademyError, tls};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// The teachers' realm, read from the directory.
const REALM: &str = "academie";
/// The server makes an RSA key of 4,096 bits during an enrolment.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const ALIVE_LIMIT: Duration = Duration::from_secs(1);
/// A token lasts an hour.
const TOKEN_LIFE: Duration = Duration::from_secs(50 * 60);

/// What became of a prompt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Not answered; also what the server says of prompts that it does not know or no longer.
    Pending,
    Approved,
    Declined,
}

/// A client of one server. Every call has half a minute.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: Mutex<Option<(String, Instant)>>,
}

impl Api {
    pub(crate) fn new(port: u16, ca_pem: &str) -> Result<Self, AcademyError> {
        let http = client(ca_pem, [(HOST, SocketAddr::from(([127, 0, 0, 1], 0)))])?;
        Ok(Self { http, base: format!("https://{HOST}:{port}"), token: Mutex::default() })
    }

    /// Whether the server answers now. While it starts it accepts and is silent.
    pub(crate) async fn is_alive(&self) -> bool {
        let answer = self.http.get(format!("{}/healthz/livez", self.base)).timeout(ALIVE_LIMIT).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Shows the server the directory on `ldap` and tells it how to prompt.
    pub(crate) async fn configure(&self, ldap: u16) -> Result<(), PushError> {
        let directory = format!("ldap://127.0.0.1:{ldap}");
        let resolver = [
            ("type", "ldapresolver"),
            ("LDAPURI", &directory),
            ("LDAPBASE", "ou=people,dc=academie,dc=test"),
            ("AUTHTYPE", "Simple"),
            ("BINDDN", "cn=admin,dc=academie,dc=test"),
            ("BINDPW", "admin"),
            ("LOGINNAMEATTRIBUTE", "uid"),
            ("LDAPSEARCHFILTER", "(uid=*)(objectClass=inetOrgPerson)"),
            ("USERINFO", r#"{"username":"uid","email":"mail","surname":"sn","givenname":"givenName"}"#),
            ("UIDTYPE", "entryUUID"),
            ("TIMEOUT", "5"),
            ("CACHE_TIMEOUT", "0"),
            ("SIZELIMIT", "500"),
            ("NOREFERRALS", "True"),
            ("NOSCHEMAS", "True"),
        ];
        self.admin("resolver/annuaire", &resolver).await?;
        self.admin(&format!("realm/{REALM}"), &[("resolvers", "annuaire")]).await?;
        self.admin(&format!("defaultrealm/{REALM}"), &[]).await?;
        let enrolment = format!(
            "push_firebase_configuration=poll only, push_registration_url={}/ttype/push, push_ttl=10, \
             push_ssl_verify=1, tokenissuer=Academie, tokenlabel={{user}}",
            self.base
        );
        let prompting = "push_title_on_mobile=Portail académique, push_ssl_verify=1, \
                         push_text_on_mobile=Connexion de {username} depuis {client_ip} ?";
        for (name, scope, action) in
            [("push_enrolment", "enrollment", enrolment.as_str()), ("push_prompting", "authentication", prompting)]
        {
            let policy = [("scope", scope), ("active", "true"), ("action", action)];
            self.admin(&format!("policy/{name}"), &policy).await?;
        }
        Ok(())
    }

    /// A new push token for `uid`: the `otpauth://` address that a phone enrols from.
    pub(crate) async fn enrol(&self, uid: &str) -> Result<String, PushError> {
        let form = [("type", "push"), ("genkey", "1"), ("user", uid), ("realm", REALM)];
        let answer = self.admin("token/init", &form).await?;
        answer["detail"]["pushurl"]["value"].as_str().map(ToOwned::to_owned).ok_or(PushError::Unreadable)
    }

    /// Sends a prompt to the phones of `uid` and returns the transaction; `None` when none is enrolled.
    pub(crate) async fn prompt(&self, uid: &str) -> Result<Option<String>, PushError> {
        let answer = self.admin("validate/triggerchallenge", &[("user", uid), ("realm", REALM)]).await?;
        match answer["result"]["authentication"].as_str() {
            Some("CHALLENGE") => {
                let transaction = answer["detail"]["transaction_id"].as_str().ok_or(PushError::Unreadable)?;
                Ok(Some(transaction.to_owned()))
            }
            Some(_) => Ok(None),
            None => Err(PushError::Unreadable),
        }
    }

    pub(crate) async fn status(&self, transaction: &str) -> Result<Status, PushError> {
        let request = self.http.get(format!("{}/validate/polltransaction", self.base));
        let answer = read(request.query(&[("transaction_id", transaction)])).await?;
        match answer["detail"]["challenge_status"].as_str() {
            Some("pending") => Ok(Status::Pending),
            Some("accept") => Ok(Status::Approved),
            Some("declined" | "cancelled") => Ok(Status::Declined),
            _ => Err(PushError::Unreadable),
        }
    }

    /// Uses an approved transaction up; whether it lets `uid` in.
    pub(crate) async fn finish(&self, uid: &str, transaction: &str) -> Result<bool, PushError> {
        // Without an empty `pass` the server answers 500.
        let form = [("user", uid), ("realm", REALM), ("transaction_id", transaction), ("pass", "")];
        let answer = read(self.http.post(format!("{}/validate/check", self.base)).form(&form)).await?;
        let result = &answer["result"];
        Ok(result["value"] == true && result["authentication"] == "ACCEPT")
    }

    /// Posts `form` as the administrator.
    pub(crate) async fn admin(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, PushError> {
        let token = self.token().await?;
        // This server's tokens come without the word Bearer.
        read(self.http.post(format!("{}/{path}", self.base)).header("authorization", token).form(form)).await
    }

    async fn token(&self) -> Result<String, PushError> {
        let mut kept = self.token.lock().await;
        if let Some((token, since)) = kept.as_ref()
            && since.elapsed() < TOKEN_LIFE
        {
            return Ok(token.clone());
        }
        let form = [("username", ADMIN), ("password", ADMIN_PASSWORD)];
        let answer = read(self.http.post(format!("{}/auth", self.base)).form(&form)).await?;
        let token = answer["result"]["value"]["token"].as_str().ok_or(PushError::Unreadable)?.to_owned();
        *kept = Some((token.clone(), Instant::now()));
        Ok(token)
    }
}

/// Trusts the authority of the academy and knows `hosts`.
pub(super) fn client<'a>(
    ca_pem: &str,
    hosts: impl IntoIterator<Item = (&'a str, SocketAddr)>,
) -> Result<reqwest::Client, AcademyError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::trusting(ca_pem)?)
        .no_proxy()
        .timeout(REQUEST_LIMIT)
        // The server closes idle connections after two seconds, perhaps while a request is on its way.
        .pool_max_idle_per_host(0);
    Ok(hosts.into_iter().fold(builder, |builder, (host, address)| builder.resolve(host, address)).build()?)
}

/// The answer's JSON, refusals as errors.
pub(super) async fn read(request: reqwest::RequestBuilder) -> Result<Value, PushError> {
    let answer = request.send().await?;
    let status = answer.status();
    let answer: Value = answer.json().await.map_err(|_| PushError::Unreadable)?;
    let result = &answer["result"];
    if status.is_success() && result["status"] == true {
        return Ok(answer);
    }
    let message = result["error"]["message"].as_str().ok_or(PushError::Unreadable)?;
    Err(PushError::Refused {
        status: status.as_u16(),
        code: result["error"]["code"].as_i64().unwrap_or_default(),
        message: message.to_owned(),
    })
}

//! A teacher's phone, as privacyIDEA's own app behaves: it enrols, asks for prompts and answers them.

use super::{
    PushError,
    api::{client, read},
};
use crate::{Academy, AcademyError, openssl};
use base32::Alphabet;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tokio::time::{Instant, sleep};
use url::Url;

const BETWEEN_POLLS: Duration = Duration::from_millis(200);
const BASE32: Alphabet = Alphabet::Rfc4648 { padding: true };

/// A phone with one push token. Every request has half a minute.
#[derive(Debug)]
pub struct PushPhone {
    http: reqwest::Client,
    url: String,
    serial: String,
    key: RsaKeyPair,
    /// PKCS#1, as the server sends it and as ring reads it.
    server_key: Vec<u8>,
}

/// A sign-in that asks to be approved. Its signature has been checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
pub struct Prompt {
    /// What the phone shows above the question.
    pub title: String,
    /// What the phone asks.
    pub question: String,
    nonce: String,
    url: String,
    serial: String,
    sslverify: String,
    signature: String,
    require_presence: Option<String>,
}

/// Why a phone did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// The address does not enrol a push token of version 1, or lacks this field.
    #[error("no address to enrol a push token from: {0}")]
    Uri(&'static str),
    /// The server's key or one of its prompts is not what it should be.
    #[error("the server's {0} is not genuine")]
    NotGenuine(&'static str),
    /// The server took the answer for none: it came too late, or another came before.
    #[error("the server did not take the answer")]
    NotTaken,
    /// No prompt came within the limit.
    #[error("no prompt came")]
    NoPrompt,
    /// The phone made no key.
    #[error("the phone has no key")]
    Key,
    /// The server refuses, or cannot be reached.
    #[error(transparent)]
    Server(#[from] PushError),
    /// The phone could not be set up.
    #[error(transparent)]
    Academy(#[from] AcademyError),
}

impl PushPhone {
    /// Enrols a new phone from the `otpauth://pipush/…` address of [`Academy::enrol_push`], which serves once. The phone
    /// knows the academy's names and trusts its authority; it makes an RSA key of 2,048 bits.
    pub async fn enrol(academy: &Academy, uri: &str) -> Result<Self, PhoneError> {
        let uri = Url::parse(uri).map_err(|_| PhoneError::Uri("not an address"))?;
        let is_push = matches!(uri.scheme(), "otpauth" | "pia") && uri.host_str() == Some("pipush");
        let fields: BTreeMap<_, _> = uri.query_pairs().into_owned().collect();
        let field = |name: &'static str| fields.get(name).cloned().ok_or(PhoneError::Uri(name));
        if !is_push || field("v")? != "1" {
            return Err(PhoneError::Uri("v"));
        }
        let (url, serial, credential) = (field("url")?, field("serial")?, field("enrollment_credential")?);
        let (key, public) = new_key().await?;
        let hosts = academy.hosts();
        let http = client(
            academy.ca_pem(),
            hosts.iter().map(|(host, address)| (host.as_str(), SocketAddr::new(*address, 0))),
        )?;
        let form = [
            ("enrollment_credential", credential.as_str()),
            ("serial", &serial),
            ("fbtoken", "no_firebase_token"),
            ("pubkey", &public),
        ];
        let answer = read(http.post(&url).form(&form)).await?;
        let server_key = answer["detail"]["public_key"].as_str().unwrap_or_default();
        let server_key: String = server_key.split_whitespace().collect();
        let server_key = BASE64_STANDARD.decode(server_key).map_err(|_| PhoneError::NotGenuine("key"))?;
        Ok(Self { http, url, serial, key, server_key })
    }

    /// The token's number at the server.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Asks once for the prompts that wait. One that the server has not signed is an error.
    pub async fn prompts(&self) -> Result<Vec<Prompt>, PhoneError> {
        let timestamp = Timestamp::now().to_string();
        let signature = signature(&self.key, &format!("{}|{timestamp}", self.serial))?;
        let query = [("serial", self.serial.as_str()), ("timestamp", &timestamp), ("signature", &signature)];
        let mut answer = read(self.http.get(&self.url).query(&query)).await?;
        let prompts: Vec<Prompt> =
            serde_json::from_value(answer["result"]["value"].take()).map_err(|_| PushError::Unreadable)?;
        match prompts.iter().all(|prompt| prompt.is_signed_by(&self.server_key)) {
            true => Ok(prompts),
            false => Err(PhoneError::NotGenuine("prompt")),
        }
    }

    /// Asks until a prompt waits, at most `limit`, and returns the first.
    pub async fn next_prompt(&self, limit: Duration) -> Result<Prompt, PhoneError> {
        let end = Instant::now() + limit;
        loop {
            if let Some(prompt) = self.prompts().await?.into_iter().next() {
                return Ok(prompt);
            }
            if Instant::now() > end {
                return Err(PhoneError::NoPrompt);
            }
            sleep(BETWEEN_POLLS).await;
        }
    }

    /// Approves: whoever waits at the portal is let in.
    pub async fn approve(&self, prompt: &Prompt) -> Result<(), PhoneError> {
        self.answer(prompt, format!("{}|{}", prompt.nonce, self.serial), &[]).await
    }

    /// Declines: whoever waits at the portal is refused.
    pub async fn decline(&self, prompt: &Prompt) -> Result<(), PhoneError> {
        self.answer(prompt, format!("{}|{}|decline", prompt.nonce, self.serial), &[("decline", "1")]).await
    }

    async fn answer(&self, prompt: &Prompt, signed: String, more: &[(&str, &str)]) -> Result<(), PhoneError> {
        let signature = signature(&self.key, &signed)?;
        let mut form = vec![("serial", self.serial.as_str()), ("nonce", &prompt.nonce), ("signature", &signature)];
        form.extend_from_slice(more);
        let answer = read(self.http.post(&prompt.url).form(&form)).await?;
        match answer["result"]["value"] == true {
            true => Ok(()),
            false => Err(PhoneError::NotTaken),
        }
    }
}

impl Prompt {
    fn is_signed_by(&self, server_key: &[u8]) -> bool {
        let Self { nonce, url, serial, question, title, sslverify, .. } = self;
        let mut text = format!("{nonce}|{url}|{serial}|{question}|{title}|{sslverify}");
        if let Some(choices) = &self.require_presence {
            text += "|";
            text += choices;
        }
        let Some(signature) = base32::decode(BASE32, &self.signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, server_key).verify(text.as_bytes(), &signature).is_ok()
    }
}

/// Base32 of an RSASSA-PKCS1-v1_5 signature with SHA-256; the server wants capitals and the padding.
fn signature(key: &RsaKeyPair, text: &str) -> Result<String, PhoneError> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(|_| PhoneError::Key)?;
    Ok(base32::encode(BASE32, &signature))
}

/// An RSA key of 2,048 bits, with its SubjectPublicKeyInfo in base64, as the server wants it.
async fn new_key() -> Result<(RsaKeyPair, String), PhoneError> {
    let pem = openssl(&["genrsa", "2048"], "").await?;
    let public_pem = openssl(&["rsa", "-pubout"], &pem).await?;
    // What stands between a PEM's first and last line.
    let public = public_pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| PhoneError::Key)?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| PhoneError::Key)?;
    Ok((key, public))
}

#[cfg(test)]
mod tests {
    use super::{Prompt, new_key, signature};

    #[tokio::test]
    async fn a_prompt_that_was_changed_on_its_way_is_not_genuine() {
        let (server, _) = new_key().await.unwrap();
        let (stranger, _) = new_key().await.unwrap();
        let text = "N|https://push.academie.test/ttype/push|PIPU1|Connexion ?|Portail|1";
        let prompt: Prompt = serde_json::from_value(serde_json::json!({
            "nonce": "N", "url": "https://push.academie.test/ttype/push", "serial": "PIPU1", "question": "Connexion ?",
            "title": "Portail", "sslverify": "1", "signature": signature(&server, text).unwrap(),
        }))
        .unwrap();
        assert!(prompt.is_signed_by(server.public().as_ref()));
        assert!(!prompt.is_signed_by(stranger.public().as_ref()));
        let changed = Prompt { url: "https://elsewhere.test/ttype/push".to_owned(), ..prompt.clone() };
        assert!(!changed.is_signed_by(server.public().as_ref()));
        let unsigned = Prompt { signature: String::new(), ..prompt };
        assert!(!unsigned.is_signed_by(server.public().as_ref()));
    }
}

//! Mail for tests in other languages.

use super::{Asking, Failure, Shared, teacher};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Deliver {
    to: String,
    subject: String,
    text: String,
}

#[derive(Deserialize)]
pub(super) struct Attachment {
    to: String,
    subject: String,
    name: String,
    size: usize,
}

#[derive(Deserialize)]
pub(super) struct Commands {
    teacher: String,
    commands: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Fill {
    teacher: String,
    count: u64,
    #[serde(default)]
    seed: u64,
}

#[derive(Deserialize)]
pub(super) struct Code {
    teacher: String,
    code: String,
    /// How long ago the mail server received it.
    #[serde(default)]
    minutes_ago: u16,
}

impl Shared {
    pub(super) async fn deliver(&self, mail: Deliver) -> Result<Value, Failure> {
        self.academy.deliver(&mail.to, message(&mail).as_bytes()).await?;
        Ok(json!({}))
    }

    /// Puts a mail with a file into the inbox.
    pub(super) async fn deliver_attachment(&self, mail: Attachment) -> Result<Value, Failure> {
        let encoded = BASE64_STANDARD.encode(vec![b'x'; mail.size]).into_bytes();
        let lines: Vec<_> = encoded.chunks(76).map(String::from_utf8_lossy).collect();
        let Attachment { to, subject, name, .. } = mail;
        let raw = format!(
            "From: lreset@academie.test\r\nTo: <{to}>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=limite\r\n\r\n--limite\r\nContent-Type: text/plain\r\n\r\nVoir le fichier.\r\n\
             --limite\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--limite--\r\n",
            lines.join("\r\n")
        );
        self.academy.deliver(&to, raw.as_bytes()).await?;
        Ok(json!({}))
    }

    /// What another mail client of the teacher's does and sees.
    pub(super) async fn command(&self, asked: Commands) -> Result<Value, Failure> {
        let mut mailbox = self.academy.mailbox(&asked.teacher).await?;
        let mut lines = Vec::new();
        for command in &asked.commands {
            lines.extend(mailbox.command(command).await?);
        }
        Ok(json!({"lines": lines}))
    }

    pub(super) async fn fill(&self, asked: Fill) -> Result<Value, Failure> {
        let filled = self.academy.fill(teacher(&asked.teacher)?, asked.count, asked.seed, |_| {}).await?;
        Ok(json!({"messages": filled.messages, "bytes": filled.bytes}))
    }

    /// Puts a mail with a sign-in code into the inbox, as the academy's own server hands one over: what it found out about the
    /// sender stands on top.
    pub(super) async fn deliver_code(&self, mail: Code) -> Result<Value, Failure> {
        let Code { teacher, code, minutes_ago } = mail;
        let raw = format!(
            "Authentication-Results: smtp.academie.test; auth=pass smtp.auth=portail\r\nFrom: portail@academie.test\r\n\
             Subject: Votre code de connexion\r\n\r\nVotre code est {code}.\r\n"
        );
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes_ago.into());
        self.academy.mailbox(&teacher).await?.append("INBOX", at, raw.as_bytes()).await?;
        Ok(json!({}))
    }

    pub(super) async fn subjects(&self, asked: &Asking) -> Result<Value, Failure> {
        let mut mailbox = self.academy.mailbox(asked.of("teacher")).await?;
        let name = Some(asked.of("mailbox")).filter(|name| !name.is_empty()).unwrap_or("INBOX");
        let messages = mailbox.messages(name).await?;
        let parser = mail_parser::MessageParser::new();
        let subject =
            |raw: &Vec<u8>| parser.parse(raw).and_then(|m| m.subject().map(ToOwned::to_owned)).unwrap_or_default();
        Ok(json!({"subjects": messages.iter().map(subject).collect::<Vec<_>>()}))
    }
}

/// A plain text mail of a colleague who can be answered. Subject and text are encoded, so that no letter or line end of theirs becomes a header.
fn message(mail: &Deliver) -> String {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let id = jiff::Timestamp::now().as_nanosecond();
    let letters: Vec<char> = mail.subject.chars().collect();
    // RFC 2047 allows 75 letters for an encoded word; ten characters are at most 40 bytes and 68 letters.
    let words: Vec<_> = letters
        .chunks(10)
        .map(|part| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(part.iter().collect::<String>())))
        .collect();
    let encoded = BASE64_STANDARD.encode(&mail.text).into_bytes();
    let lines: Vec<_> = encoded.chunks(76).map(String::from_utf8_lossy).collect();
    format!(
        "From: =?utf-8?Q?L=C3=A9a_Reset?= <lreset@academie.test>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {date}\r\n\
         Message-ID: <{id}@academie.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        mail.to.replace(['\r', '\n'], ""),
        words.join("\r\n "),
        lines.join("\r\n")
    )
}

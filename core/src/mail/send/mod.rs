//! Sending one message to the submission server (RFC 6409, RFC 5321), knowing at each moment whether it may have gone.
//!
//! lettre writes the message but does not send it: its client cannot say how far it came, reads replies without a bound,
//! and has no OAUTHBEARER. Whether a mail may be sent again depends on exactly that knowledge.

mod dialogue;
mod login;

use std::time::Duration;

use tokio::time::timeout;

use super::compose::Outgoing;
use super::credentials::Credentials;
use super::imap::MailStream;
use super::sasl::Distrust;
use super::starttls::Greeting;
use dialogue::{Broken, Dialogue, Reply};
use login::Login;

/// How long a server that has the message may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far a message has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// The secret goes out next: from here on the server may have looked at it.
    Authenticating,
    /// The server knows who we are.
    Authenticated,
    /// The server takes sender and recipients.
    Envelope,
    /// The server waits for the message: what follows may get it sent.
    Data,
    /// The server has it.
    Accepted,
}

/// Why a message was not sent, or may have been. `text` is the server's own, at most 200 characters.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The server does not accept the password or token. Not sent. Without the server's words: they may repeat the secret.
    #[error("authentication failed")]
    AuthenticationFailed,
    /// The server offers no way to authenticate that fits. Not sent, and no secret either.
    #[error("no common way to authenticate")]
    NoMechanism,
    /// The server did not play its part in the sign-in: it may not be who it claims to be. Not sent.
    #[error("the server is not to be trusted: {0}")]
    Distrusted(Distrust),
    /// The server does not take it, now or later (5xx). Not sent to anybody.
    #[error("refused ({code}): {text}")]
    Refused {
        /// The reply code.
        code: u16,
        /// What the server said.
        text: String,
        /// The recipient that it does not take, when it is about one.
        recipient: Option<String>,
    },
    /// The server does not take it now (4xx). Not sent.
    #[error("try later ({code}): {text}")]
    TryLater {
        /// The reply code.
        code: u16,
        /// What the server said.
        text: String,
    },
    /// Larger than the server takes. Not sent.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// The server's limit in bytes.
        limit: u64,
    },
    /// The connection ended, or the server fell silent, before it could have had the whole message. Not sent.
    #[error("the connection ended before it was sent")]
    NotSent,
    /// The server's answer makes no sense; it has not had the message.
    #[error("the server's answer cannot be read")]
    Malformed,
    /// The connection ended when the server may have had the message: nobody knows.
    #[error("it may have been sent")]
    Uncertain,
    /// The message or an address cannot be carried by SMTP. Not sent.
    #[error("it cannot be sent as it is")]
    Unsendable,
}

impl From<Broken> for SendError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Gone => Self::NotSent,
            Broken::Nonsense => Self::Malformed,
        }
    }
}

/// Sends `outgoing` over a stream on which TLS stands already. All recipients or none: when the server refuses one, nobody
/// gets it, and the error names that one.
///
/// Each wait ends after `silence`; that for the verdict on the message after four times as much. `hello` is the domain of the
/// sender's address: the phone's own name is nobody's business.
pub async fn submit(
    stream: Box<dyn MailStream>,
    hello: &str,
    credentials: &Credentials,
    outgoing: &Outgoing,
    silence: Duration,
    stage: &mut (dyn FnMut(Stage) + Send),
) -> Result<(), SendError> {
    submit_after(Greeting::Due, stream, hello, credentials, outgoing, silence, stage).await
}

/// The same over a stream whose server may have greeted before TLS began.
pub async fn submit_after(
    greeting: Greeting,
    stream: Box<dyn MailStream>,
    hello: &str,
    credentials: &Credentials,
    outgoing: &Outgoing,
    silence: Duration,
    stage: &mut (dyn FnMut(Stage) + Send),
) -> Result<(), SendError> {
    let sender = path(&outgoing.from)?;
    let recipients = outgoing.recipients.iter().map(|one| path(one)).collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() || !carried(&outgoing.mime) || !hello.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SendError::Unsendable);
    }
    let mut server = Dialogue::new(stream, silence);
    if greeting == Greeting::Due {
        expect(server.reply().await?, 220)?;
    }
    let offered = expect(server.ask(&format!("EHLO {hello}")).await?, 250)?;
    if let Some(limit) = size_limit(&offered)
        && limit > 0
        && outgoing.mime.len() as u64 > limit
    {
        return Err(SendError::TooLarge { limit });
    }
    let login = Login::choose(&offered, credentials)?;
    login.run(&mut server, stage).await?;
    stage(Stage::Authenticated);
    let size = if size_limit(&offered).is_some() { format!(" SIZE={}", outgoing.mime.len()) } else { String::new() };
    expect(server.ask(&format!("MAIL FROM:{sender}{size}")).await?, 250)?;
    for (recipient, path) in outgoing.recipients.iter().zip(recipients) {
        let reply = server.ask(&format!("RCPT TO:{path}")).await?;
        if !matches!(reply.code, 250 | 251) {
            return Err(refusal(&reply, Some(recipient)));
        }
    }
    stage(Stage::Envelope);
    expect(server.ask("DATA").await?, 354)?;
    stage(Stage::Data);
    let reply = match server.message(&outgoing.mime).await {
        Ok(reply) => reply,
        // A server may take what came before the connection broke; only a whole reply says what it did.
        Err(_) if server.end_begun() => return Err(SendError::Uncertain),
        // Without its last line no message is one (RFC 5321, 4.1.1.4).
        Err(broken) => return Err(broken.into()),
    };
    match reply.code / 100 {
        2 => stage(Stage::Accepted),
        4 | 5 => return Err(refusal(&reply, None)),
        _ => return Err(SendError::Uncertain),
    }
    // It has the message: how it takes leave changes nothing, and nobody waits for it.
    let _ = timeout(silence.min(FAREWELL), server.ask("QUIT")).await;
    Ok(())
}

fn expect(reply: Reply, code: u16) -> Result<Reply, SendError> {
    if reply.code == code { Ok(reply) } else { Err(refusal(&reply, None)) }
}

fn refusal(reply: &Reply, recipient: Option<&String>) -> SendError {
    let (code, text) = (reply.code, reply.text());
    match code / 100 {
        4 => SendError::TryLater { code, text },
        5 => SendError::Refused { code, text, recipient: recipient.cloned() },
        _ => SendError::Malformed,
    }
}

fn size_limit(offered: &Reply) -> Option<u64> {
    offered.lines.iter().find_map(|line| {
        let line = line.to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("SIZE")).then(|| words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0))
    })
}

/// An address as a path. Only ASCII: SMTPUTF8 is for a later day.
fn path(address: &str) -> Result<String, SendError> {
    let fine = address.len() <= 254
        && address.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
        && address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if fine { Ok(format!("<{address}>")) } else { Err(SendError::Unsendable) }
}

/// Lines end in CR LF, hold no lone CR or LF (which some servers take for the end of a message), and are not too long.
fn carried(message: &[u8]) -> bool {
    let mut lines = message.split_inclusive(|b| *b == b'\n');
    message.is_ascii()
        && lines.all(|line| {
            let bare = line.strip_suffix(b"\r\n").unwrap_or(line);
            bare.len() <= 998 && !bare.contains(&b'\r') && !bare.contains(&b'\n')
        })
}

#[cfg(test)]
mod tests;

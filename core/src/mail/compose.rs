//! Writing of messages: a new one or an answer, ready to be submitted.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{Mailbox, Message};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::mime::{Headers, Person, message_id};

const MAX_RECIPIENTS: usize = 200;
const MAX_REFERENCES: usize = 20;
const MAX_QUOTED: usize = 64 * 1024;
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// A message being answered.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// Its headers.
    pub headers: Headers,
    /// Its text, to quote.
    pub text: String,
}

/// A message to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Without angle brackets; kept to recognise the message if its fate is unknown.
    pub message_id: String,
    /// The address it leaves from.
    pub from: String,
    /// Every address it goes to, once each.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// The message, ASCII with CRLF line ends.
    pub mime: Vec<u8>,
}

/// Why a message could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// An address is not one that can be written to.
    #[error("not a valid address: {0}")]
    BadAddress(String),
    /// Nobody to write to.
    #[error("no recipient")]
    NoRecipient,
    /// Over 200 recipients.
    #[error("too many recipients")]
    TooManyRecipients,
    /// A line break in a header.
    #[error("a line break where none may be")]
    LineBreak,
    /// The clock or the random source failed.
    #[error("the message could not be built: {0}")]
    Build(&'static str),
}

/// Writes an answer to `original`, quoting it. With `all`, everybody addressed gets it too.
/// `now_ms` is milliseconds since 1970.
pub fn reply(
    original: &ReplyTo,
    me: &Person,
    body: &str,
    all: bool,
    french: bool,
    now_ms: i64,
) -> Result<Outgoing, ComposeError> {
    let headers = &original.headers;
    let mine = |person: &Person| person.address.eq_ignore_ascii_case(&me.address);
    let author: Vec<Person> =
        if headers.reply_to.is_empty() { headers.from.iter().cloned().collect() } else { headers.reply_to.clone() };
    // Answering one's own message goes on talking to whom it was sent.
    let mut to = if author.iter().all(mine) && !headers.to.is_empty() { headers.to.clone() } else { author };
    let mut cc = Vec::new();
    if all {
        to.extend(headers.to.iter().filter(|p| !mine(p)).cloned());
        cc.extend(headers.cc.iter().filter(|p| !mine(p)).cloned());
    }
    let references = thread(headers);
    let text = format!("{body}\n\n{}\n{}", attribution(headers, french), quoted(&original.text));
    let draft = Draft { to, cc, subject: reply_subject(&headers.subject), text, references };
    draft.build(me, headers.message_id.as_deref(), now_ms)
}

/// Writes a new message. `now_ms` is milliseconds since 1970.
pub fn new_message(
    to: &[Person],
    subject: &str,
    body: &str,
    me: &Person,
    now_ms: i64,
) -> Result<Outgoing, ComposeError> {
    let draft = Draft {
        to: to.to_vec(),
        cc: Vec::new(),
        subject: subject.to_owned(),
        text: body.to_owned(),
        references: Vec::new(),
    };
    draft.build(me, None, now_ms)
}

struct Draft {
    to: Vec<Person>,
    cc: Vec<Person>,
    subject: String,
    text: String,
    references: Vec<String>,
}

impl Draft {
    fn build(self, me: &Person, in_reply_to: Option<&str>, now_ms: i64) -> Result<Outgoing, ComposeError> {
        if self.subject.contains(['\r', '\n', '\0']) {
            return Err(ComposeError::LineBreak);
        }
        let from = mailbox(me)?;
        let id = new_id(from.email.domain())?;
        let since = u64::try_from(now_ms).map_err(|_| ComposeError::Build("clock before 1970"))?;
        // A later year has no form in a header, and lettre panics at it.
        let now = Some(since).filter(|ms| *ms < YEAR_10000_MS).map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
        let now = now.ok_or(ComposeError::Build("clock after 9999"))?;
        let mut builder = Message::builder()
            .from(from.clone())
            .subject(single_spaced(&self.subject))
            .date(now)
            .message_id(Some(format!("<{id}>")));
        let mut recipients: Vec<String> = Vec::new();
        for (people, copy) in [(&self.to, false), (&self.cc, true)] {
            for person in people {
                let one = mailbox(person)?;
                let address = one.email.to_string();
                if recipients.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                    continue;
                }
                if recipients.len() == MAX_RECIPIENTS {
                    return Err(ComposeError::TooManyRecipients);
                }
                recipients.push(address);
                builder = if copy { builder.cc(one) } else { builder.to(one) };
            }
        }
        if recipients.is_empty() {
            return Err(ComposeError::NoRecipient);
        }
        if let Some(parent) = in_reply_to.and_then(message_id) {
            builder = builder.in_reply_to(format!("<{parent}>"));
        }
        if !self.references.is_empty() {
            let list: Vec<String> = self.references.iter().map(|id| format!("<{id}>")).collect();
            builder = builder.references(list.join(" "));
        }
        let text = self.text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
        let message = builder
            .singlepart(lettre::message::SinglePart::plain(text))
            .map_err(|_| ComposeError::Build("refused by the builder"))?;
        Ok(Outgoing {
            message_id: id,
            from: from.email.to_string(),
            recipients,
            subject: self.subject,
            mime: message.formatted(),
        })
    }
}

fn mailbox(person: &Person) -> Result<Mailbox, ComposeError> {
    let name = person.name.as_deref().unwrap_or_default();
    if name.contains(['\r', '\n', '\0']) || person.address.contains(['\r', '\n', '\0']) {
        return Err(ComposeError::LineBreak);
    }
    // Servers without SMTPUTF8 (RFC 6531) would refuse the whole message later.
    let address = person.address.trim();
    let bad = || ComposeError::BadAddress(person.address.clone());
    if !address.is_ascii() {
        return Err(bad());
    }
    Ok(Mailbox::new(Some(single_spaced(name)).filter(|n| !n.is_empty()), address.parse().map_err(|_| bad())?))
}

/// lettre splits a header at runs of blanks and encodes the words; readers drop blanks between encoded words.
fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Random, so that it says neither the phone's name nor the moment.
fn new_id(domain: &str) -> Result<String, ComposeError> {
    let mut bytes = [0u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ComposeError::Build("no randomness"))?;
    Ok(format!("{:032x}@{domain}", u128::from_be_bytes(bytes)))
}

/// RFC 5322, section 3.6.4: the parent's references, then the parent. The root and the latest are kept.
fn thread(headers: &Headers) -> Vec<String> {
    let before = if headers.references.is_empty() { &headers.in_reply_to } else { &headers.references };
    let mut all: Vec<String> = before.iter().chain(&headers.message_id).filter_map(|id| message_id(id)).collect();
    if all.len() > MAX_REFERENCES {
        let excess = all.len() - MAX_REFERENCES;
        all.drain(1..=excess);
    }
    all
}

fn reply_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some(shorter) = without_reply_mark(rest) {
        rest = shorter.trim_start();
    }
    format!("Re: {rest}").trim_end().to_owned()
}

/// `subject` without a mark of an answer before it, as French, English and German programs write it: `Re:`, `RE :`, `Re[2]:`,
/// `Réf:`, `Rép :`, `AW:`. A mark of a forwarded message (`TR:`, `Fwd:`) says something else and stays.
fn without_reply_mark(subject: &str) -> Option<&str> {
    let (mark, rest) = subject.split_once(':')?;
    let mark = mark.trim_end();
    let word = mark.strip_suffix(']').and_then(|counted| counted.split_once('[')).map_or(mark, |(word, _)| word);
    let known = ["re", "ré", "ref", "réf", "rep", "rép", "aw"];
    (word.len() <= 8 && known.contains(&word.to_lowercase().as_str())).then_some(rest)
}

fn attribution(headers: &Headers, french: bool) -> String {
    let unknown = if french { "quelqu’un" } else { "somebody" };
    let who = headers.from.as_ref().map_or(unknown, |p| p.name.as_deref().unwrap_or(&p.address));
    let day = headers.date_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|at| {
        let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap_or(jiff::tz::TimeZone::UTC);
        at.to_zoned(zone).strftime(if french { "%d/%m/%Y" } else { "%Y-%m-%d" }).to_string()
    });
    match (day, french) {
        (Some(day), true) => format!("Le {day}, {who} a écrit :"),
        (Some(day), false) => format!("On {day}, {who} wrote:"),
        (None, true) => format!("{who} a écrit :"),
        (None, false) => format!("{who} wrote:"),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim_end().lines() {
        if out.len() + line.len() > MAX_QUOTED {
            out.push_str("> […]\n");
            break;
        }
        out.push_str(if line.starts_with('>') { ">" } else { "> " });
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;

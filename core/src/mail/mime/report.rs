//! What became of a letter that was sent: delivery reports (RFC 3464), and the plain letters that some servers send instead.
//! Anybody can write one; what it says is its sender's word.

use mail_parser::{Message, MimeHeaders as _};

use super::headers::{Headers, fields, read_headers, shown};
use super::message::content;
use super::nesting::{restore, restore_text};

const MOST_RECIPIENTS: usize = 100;
const LARGEST: usize = 256 * 1024;
const LONGEST_SAID: usize = 300;

/// A delivery report.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// The recipients it is about, at most 100.
    pub recipients: Vec<Reported>,
    /// The Message-ID of the letter, without angle brackets, where a piece of it came back.
    pub message_id: Option<String>,
    /// The subject of the letter, likewise.
    pub subject: Option<String>,
}

/// What is reported of a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reported {
    /// The address, as the letter was sent to it where that is told.
    pub address: String,
    /// What became of the letter.
    pub fate: Fate,
    /// Why, where it did not arrive.
    pub reason: Reason,
    /// The code (RFC 3463), for instance `5.1.1`.
    pub status: Option<String>,
    /// The other server's own words, on one line.
    pub said: Option<String>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// Not delivered, and nobody tries any more.
    Failed,
    /// Not delivered yet; the server goes on trying.
    Delayed,
    /// Delivered.
    Delivered,
    /// Handed on to where no report comes from.
    Relayed,
}

/// Why a letter did not arrive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no such address.
    UnknownAddress,
    /// The mailbox is full.
    Full,
    /// The letter is too large.
    TooLarge,
    /// The mailbox takes no mail (any more).
    Closed,
    /// The other server does not want it: a rule, a list of senders, or what it takes for spam.
    Refused,
    /// The other server could not be reached, or its domain does not exist.
    Unreachable,
    /// Nothing that can be said in a word.
    Other,
}

impl Reason {
    /// One word for it, for the messages of [`crate::words`].
    pub fn word(self) -> &'static str {
        match self {
            Self::UnknownAddress => "unknown",
            Self::Full => "full",
            Self::TooLarge => "large",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Other => "other",
        }
    }

    /// By subject and detail of a status code (RFC 3463, 3), whatever its class.
    fn of_status(status: &str) -> Self {
        let mut numbers = status.split('.').skip(1).map(|number| number.parse::<u16>().unwrap_or_default());
        match (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) {
            (1, 2 | 10) | (4, 1 | 2 | 4 | 7) => Self::Unreachable,
            (1, 6) | (2, 1) => Self::Closed,
            (1, 7..=9) | (7, _) => Self::Refused,
            (1, _) => Self::UnknownAddress,
            (2, 2) => Self::Full,
            (2, 3) | (3, 4) => Self::TooLarge,
            _ => Self::Other,
        }
    }

    /// By what servers say in words, where the code says little.
    fn of_words(said: &str) -> Self {
        let said = said.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if has(&[
            "user unknown",
            "unknown user",
            "no such user",
            "does not exist",
            "no mailbox here",
            "unknown recipient",
        ]) || has(&[
            "mailbox unavailable",
            "recipient not found",
            "invalid recipient",
            "adresse inconnue",
            "not found",
        ]) {
            Self::UnknownAddress
        } else if has(&["quota", "mailbox full", "mailbox is full", "boîte pleine", "over its storage"]) {
            Self::Full
        } else if has(&["too large", "exceeds", "size limit"]) {
            Self::TooLarge
        } else if has(&["disabled", "inactive", "suspended"]) {
            Self::Closed
        } else if has(&["spam", "blocked", "blacklist", "denied", "policy", "rejected", "refused"]) {
            Self::Refused
        } else if has(&["timed out", "host not found", "domain not found", "unreachable", "name service"]) {
            Self::Unreachable
        } else {
            Self::Other
        }
    }
}

/// The report in a message; `None` where it is none, or tells of nobody.
pub(super) fn report(message: &Message<'_>, source: &[u8], headers: &Headers, text: &str) -> Option<Report> {
    let mut report = Report::default();
    for part in &message.parts {
        let Some(kind) = part.content_type() else { continue };
        let subtype = restore_text(kind.subtype().unwrap_or_default()).to_ascii_lowercase();
        let is_message = kind.ctype().eq_ignore_ascii_case("message");
        match subtype.as_str() {
            "delivery-status" | "global-delivery-status" if is_message => {
                let bytes = content(part, source);
                let bytes = bytes.get(..bytes.len().min(LARGEST)).unwrap_or_default();
                of_groups(&String::from_utf8_lossy(bytes), &mut report.recipients);
            }
            // The letter that came back, or its header.
            "rfc822" | "global" | "rfc822-headers" | "global-headers" => {
                let bytes = content(part, source);
                let returned = read_headers(&restore(&bytes));
                report.message_id = report.message_id.or(returned.message_id);
                report.subject = report.subject.or(Some(returned.subject).filter(|subject| !subject.is_empty()));
            }
            _ => {}
        }
    }
    if report.recipients.is_empty() && is_from_postman(source, headers) {
        of_text(text, &headers.subject, &mut report.recipients);
    }
    (!report.recipients.is_empty()).then_some(report)
}

/// The groups of fields of a `message/delivery-status`: the first is of the message, each other of a recipient.
fn of_groups(text: &str, recipients: &mut Vec<Reported>) {
    let mut group: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain(std::iter::once("")) {
        if line.trim().is_empty() {
            let of_recipient = of_group(&group);
            group.clear();
            if recipients.len() < MOST_RECIPIENTS {
                recipients.extend(of_recipient);
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.last_mut().filter(|(_, value)| value.len() < 4096) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':').filter(|_| group.len() < 100) {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn of_group(group: &[(String, String)]) -> Option<Reported> {
    let value = |name: &str| group.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    // `type; value`, of which some servers leave the type out.
    let typed = |name: &str| value(name).map(|value| value.split_once(';').map_or(value, |(_, rest)| rest).trim());
    let address = [typed("original-recipient"), typed("final-recipient")].into_iter().flatten().find_map(address)?;
    let status = value("status").and_then(status_in);
    let said = typed("diagnostic-code").map(shortened).filter(|said| !said.is_empty());
    let fate = match value("action").unwrap_or_default().to_ascii_lowercase().split([' ', '(', ';']).next() {
        Some("failed") => Fate::Failed,
        Some("delayed") => Fate::Delayed,
        Some("delivered") => Fate::Delivered,
        Some("relayed" | "expanded") => Fate::Relayed,
        _ => fate_of(status.as_deref()?)?,
    };
    Some(reported(address, fate, status, said))
}

fn reported(address: String, fate: Fate, status: Option<String>, said: Option<String>) -> Reported {
    let words = said.as_deref().unwrap_or_default();
    // What the other server itself said is more exact than the code of the one that reports.
    let codes = [status_in(words), status.clone()];
    let of_code = codes.iter().flatten().map(|code| Reason::of_status(code)).find(|reason| *reason != Reason::Other);
    let reason = match fate {
        Fate::Failed | Fate::Delayed => of_code.unwrap_or_else(|| Reason::of_words(words)),
        _ => Reason::Other,
    };
    Reported { address, fate, reason, status, said }
}

fn fate_of(status: &str) -> Option<Fate> {
    match status.as_bytes().first()? {
        b'5' => Some(Fate::Failed),
        b'4' => Some(Fate::Delayed),
        b'2' => Some(Fate::Delivered),
        _ => None,
    }
}

/// The first `class.subject.detail` in some words.
fn status_in(words: &str) -> Option<String> {
    let pieces = words.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut codes = pieces.map(|piece| piece.trim_matches('.')).filter(|piece| {
        let numbers: Vec<&str> = piece.split('.').collect();
        matches!(numbers.as_slice(), [class, subject, detail]
            if matches!(*class, "2" | "4" | "5") && [subject, detail].iter().all(|n| (1..=3).contains(&n.len())))
    });
    codes.next().map(str::to_owned)
}

fn address(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | ':' | '(' | ')' | '.')
    });
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let (name, domain) = text.rsplit_once('@')?;
    let plain = |c: char| {
        !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '[' | ']')
    };
    let good = !name.is_empty() && domain.len() > 1 && text.len() <= 320 && text.chars().all(plain);
    good.then(|| shown(text))
}

fn shortened(said: &str) -> String {
    let flat: Vec<&str> = said.split_whitespace().collect();
    shown(&flat.join(" ")).chars().take(LONGEST_SAID).collect()
}

/// Whether a server wrote it: by its name, or because nobody is to answer it and it says that something did not arrive.
fn is_from_postman(source: &[u8], headers: &Headers) -> bool {
    let from = headers.from.as_ref().map(|from| from.address.to_lowercase()).unwrap_or_default();
    let name = from.split('@').next().unwrap_or_default();
    let postman = matches!(
        name,
        "mailer-daemon" | "postmaster" | "mail-daemon" | "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"
    );
    let no_answer = || fields(source, "return-path").iter().any(|path| path == "<>");
    let subject = headers.subject.to_lowercase();
    let says = || {
        [
            "undeliver",
            "non remis",
            "delivery status",
            "delivery failure",
            "returned mail",
            "failure notice",
            "delivery delayed",
        ]
        .iter()
        .chain(&[
            "mail delivery failed",
            "non distribu",
            "échec de",
            "delayed mail",
            "not delivered",
            "delivery has failed",
        ])
        .any(|words| subject.contains(words))
    };
    if postman { says() || no_answer() } else { no_answer() && says() }
}

/// Reads a plain letter as Postfix, Exim, qmail and Exchange write it: an address that stands at the start of a line or alone on
/// one, and the words up to the next. The returned letter below is not looked at.
fn of_text(text: &str, subject: &str, recipients: &mut Vec<Reported>) {
    const ENDS: [&str; 8] = [
        "--- below this line is a copy",
        "------ this is a copy",
        "------ original message",
        "-----original message",
        "original message headers",
        "received: ",
        "return-path: ",
        "----- transcript",
    ];
    let lower_subject = subject.to_lowercase();
    let mut delayed =
        ["delayed", "retard", "warning: ", "still being retried"].iter().any(|word| lower_subject.contains(word));
    let mut blocks: Vec<(String, String)> = Vec::new();
    for line in text.lines().take(400) {
        let lower = line.to_lowercase();
        if ENDS.iter().any(|end| lower.trim_start().starts_with(end)) {
            break;
        }
        delayed |=
            ["will continue to try", "will keep trying", "has not yet been delivered", "is a warning message only"]
                .iter()
                .any(|words| lower.contains(words));
        // Who sent the letter may be named before the list begins.
        if ["following address", "address(es) failed", "following recipient", "destinataires suivants"]
            .iter()
            .any(|words| lower.contains(words))
        {
            blocks.clear();
        }
        if let Some((address, rest)) = starting_address(line) {
            if blocks.len() == MOST_RECIPIENTS {
                break;
            }
            blocks.push((address, rest.to_owned()));
        } else if let Some((_, said)) = blocks.last_mut().filter(|(_, said)| said.len() < 2000) {
            said.push(' ');
            said.push_str(line.trim());
        }
    }
    for (address, said) in blocks {
        if recipients.iter().any(|known| known.address == address) {
            continue;
        }
        let status = status_in(&said).or_else(|| basic_code(&said));
        let told = status.as_deref().and_then(fate_of).filter(|fate| *fate != Fate::Delivered);
        let fate = if delayed { Fate::Delayed } else { told.unwrap_or(Fate::Failed) };
        let said = Some(shortened(said.trim_start_matches([':', ' ']))).filter(|said| !said.is_empty());
        recipients.push(reported(address, fate, status, said));
    }
}

/// An address that begins a line, and what stands behind it there.
fn starting_address(line: &str) -> Option<(String, &str)> {
    let line = line.trim_start();
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    // "Your message to <x@y> could not be delivered" has it in the middle.
    if !word.contains('@') {
        let middle = [
            "could not be delivered",
            "couldn't be delivered",
            "couldn’t be delivered",
            "n’a pas pu être remis",
            "wasn't delivered",
        ];
        if !middle.iter().any(|words| line.contains(words)) {
            return None;
        }
        let found = line.split_whitespace().filter(|word| word.contains('@')).find_map(address)?;
        return Some((found, ""));
    }
    let (bracketed, ends) = (word.starts_with('<'), word.ends_with(':') || rest.trim().is_empty());
    (bracketed || ends).then(|| address(word)).flatten().map(|address| (address, rest))
}

/// A reply code of SMTP (RFC 5321) where no exact one is told: only its class is known.
fn basic_code(said: &str) -> Option<String> {
    let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
    let code = words
        .find(|word| word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit()))?;
    Some(format!("{}.0.0", code.get(..1)?))
}

#[cfg(test)]
mod tests;

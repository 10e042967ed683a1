//! `UID SEARCH` for words and days (RFC 9051, 6.4.4), in UTF-8, answered in either form (RFC 4731).

use async_imap::imap_proto::{MailboxDatum, Response};
use jiff::civil::Date;

use super::changes::Found;
use super::commands::{is_search, quoted};
use super::error::ImapError;
use super::session::ImapSession;
use super::set::UidSet;

/// RFC 7888, 5: what a server with LITERAL- takes unasked.
const SMALL: usize = 4096;

/// One thing that must be so of a message, or must not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SearchKey {
    /// Whether it must not be so.
    pub excluded: bool,
    /// What.
    pub wanted: Wanted,
}

/// What a server can look for. Texts are found within words as well, whatever their case; accents count with most servers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Wanted {
    /// Header or body hold this text.
    Text(String),
    /// The sender's name or address does.
    From(String),
    /// That of somebody it went to, or went to in copy.
    To(String),
    /// The subject does.
    Subject(String),
    /// Received before this day, as the server counts days.
    Before(Date),
    /// Received on this day or later.
    Since(Date),
}

impl SearchKey {
    /// That `wanted` must be so, or (`excluded`) must not.
    pub fn new(wanted: Wanted, excluded: bool) -> Self {
        Self { excluded, wanted }
    }

    fn text(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Text(text) | Wanted::From(text) | Wanted::To(text) | Wanted::Subject(text) => Some(text),
            Wanted::Before(_) | Wanted::Since(_) => None,
        }
    }
}

/// How a string may be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Between quotes, as UTF-8 (RFC 6855) or because it is ASCII.
    Quoted,
    /// As a literal that the server takes unasked.
    Unasked,
    /// As a literal that it is asked for.
    Asked,
}

/// A command, cut where the server must say to go on.
struct Lines(Vec<String>);

impl Lines {
    fn say(&mut self, words: &str) {
        if let Some(line) = self.0.last_mut() {
            line.push_str(words);
        }
    }

    fn string(&mut self, text: &str, form: Form) -> Result<(), ImapError> {
        let length = text.len();
        match form {
            _ if text.is_ascii() => self.say(&quoted(text)?),
            Form::Quoted => self.say(&quoted(text)?),
            // No literal holds it.
            _ if text.contains('\0') => return Err(ImapError::InvalidArgument),
            Form::Unasked => self.say(&format!("{{{length}+}}\r\n{text}")),
            Form::Asked => {
                self.say(&format!("{{{length}}}"));
                self.0.push(text.to_owned());
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &SearchKey, form: Form) -> Result<(), ImapError> {
        self.say(if key.excluded { " NOT " } else { " " });
        let day = |day: &Date| day.strftime("%d-%b-%Y").to_string();
        match &key.wanted {
            Wanted::Before(date) => self.say(&format!("BEFORE {}", day(date))),
            Wanted::Since(date) => self.say(&format!("SINCE {}", day(date))),
            Wanted::To(text) => {
                self.say("OR TO ");
                self.string(text, form)?;
                self.say(" CC ");
                self.string(text, form)?;
            }
            Wanted::Text(text) => {
                self.say("TEXT ");
                self.string(text, form)?;
            }
            Wanted::From(text) => {
                self.say("FROM ");
                self.string(text, form)?;
            }
            Wanted::Subject(text) => {
                self.say("SUBJECT ");
                self.string(text, form)?;
            }
        }
        Ok(())
    }
}

impl ImapSession {
    /// The messages of the selected mailbox of which all of `keys` are so. A server that cannot search in UTF-8 refuses with NO.
    pub async fn search(&mut self, keys: &[SearchKey]) -> Result<UidSet, ImapError> {
        if keys.is_empty() {
            return Err(ImapError::InvalidArgument);
        }
        self.settle_extensions().await?;
        let texts = || keys.iter().filter_map(SearchKey::text);
        let ascii = texts().all(str::is_ascii);
        let small = texts().all(|text| text.len() <= SMALL);
        let form = if self.utf8 || ascii {
            Form::Quoted
        } else if self.has("LITERAL+") || (small && self.has("LITERAL-")) {
            Form::Unasked
        } else {
            Form::Asked
        };
        let extended = self.has("ESEARCH");
        let mut lines = Lines(vec![String::from("UID SEARCH")]);
        lines.say(if extended { " RETURN (ALL)" } else { "" });
        // RFC 6855, 3: with UTF-8 enabled no charset is named.
        lines.say(if form == Form::Quoted { "" } else { " CHARSET UTF-8" });
        for key in keys {
            lines.key(key, form)?;
        }
        self.found = extended.then(Found::default);
        let mut uids = Vec::new();
        let searched = self.search_lines(&lines.0, &mut uids).await;
        let found = self.found.take();
        searched?;
        let (unread, lost) = self.watch.take_diverted();
        // A result that could not be read is not an empty one.
        if lost || unread.iter().any(|raw| is_search(raw)) {
            return Err(ImapError::Malformed);
        }
        Ok(found.map_or_else(UidSet::default, Found::into_uids).with(&UidSet::of(&uids)))
    }

    async fn search_lines(&mut self, lines: &[String], uids: &mut Vec<u32>) -> Result<(), ImapError> {
        let (first, rest) = lines.split_first().ok_or(ImapError::InvalidArgument)?;
        let id = self.begin(first).await?;
        for line in rest {
            if let Some(outcome) = self.go_ahead("SEARCH", &id).await? {
                self.in_order();
                // An OK without the rest of the question answers another one.
                return outcome.and(Err(ImapError::Malformed));
            }
            self.send_line(format!("{line}\r\n").as_bytes()).await?;
        }
        self.finish("SEARCH", &id, &mut |response| {
            if let Response::MailboxData(MailboxDatum::Search(some)) = response {
                uids.extend(some);
            }
        })
        .await
    }
}

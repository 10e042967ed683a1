//! What the headers of a mailing list offer (RFC 2369, 8058). All of it is the sender's word; nothing is done by reading it.

use url::Url;

use super::headers::{fields, shown};
use super::percent_decoded;

/// Ways of which one is chosen; more are a trick.
const MOST_WAYS: usize = 10;
const LONGEST: usize = 4096;

/// A mailing list, as the headers of a message of it say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    /// Its identity (RFC 2919), where it has one.
    pub id: Option<String>,
    /// How one leaves it, where the headers tell.
    pub leave: Option<Leave>,
}

/// A way to leave a list, and what would be done.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Leave {
    /// One request to this address does it (RFC 8058).
    OneClick {
        /// The host that would be asked, to be shown before.
        host: String,
        /// `https` only.
        url: String,
    },
    /// A letter does it.
    Letter {
        /// To whom.
        to: String,
        /// With this subject; `unsubscribe` where the list gives none.
        subject: String,
        /// With this text; empty where the list gives none.
        body: String,
    },
    /// A page in the browser tells how.
    Page {
        /// Its host, to be shown before.
        host: String,
        /// `https` or `http`.
        url: String,
    },
}

impl Leave {
    /// Whether it is one request to this host, which the teacher was shown.
    pub fn is_at(&self, shown: &str) -> bool {
        matches!(self, Self::OneClick { host, .. } if host.eq_ignore_ascii_case(shown))
    }
}

/// What the headers at the start of `raw` offer; `None` where it is of no list. `is_signed` tells whether somebody trusted vouches
/// that these very headers are the sender's: RFC 8058 (section 4) wants that for one click, which is a page without it. It is asked
/// only where one click is offered.
pub(in crate::mail) fn list_of(raw: &[u8], id: Option<String>, is_signed: impl FnOnce() -> bool) -> Option<List> {
    let offered = fields(raw, "list-unsubscribe");
    let one_click = fields(raw, "list-unsubscribe-post");
    let ways = ways(&offered.join(","));
    if id.is_none() && ways.is_empty() {
        return None;
    }
    // A second field may stand there that no signature covers.
    let posts = offered.len() == 1
        && matches!(one_click.as_slice(), [one] if one.eq_ignore_ascii_case("List-Unsubscribe=One-Click"));
    let mut secure = ways.iter().filter(|way| way.scheme() == "https");
    // Of several addresses it is not told which one takes the request (RFC 8058, 3.1: one).
    let only = secure.next().filter(|_| secure.next().is_none());
    // A list is at a name that everybody can find: nobody is sent into the network where the phone happens to be.
    let public = |url: &&Url| url.domain().is_some_and(|host| host.trim_end_matches('.').contains('.'));
    let click = only
        .filter(public)
        .filter(|_| posts && is_signed())
        .and_then(|url| Some(Leave::OneClick { host: url.host_str()?.to_owned(), url: url.to_string() }));
    let letter = || ways.iter().find(|way| way.scheme() == "mailto").and_then(letter);
    let page = || {
        let url = ways.iter().find(|way| way.scheme() == "https").or(ways.iter().find(|way| way.scheme() == "http"))?;
        Some(Leave::Page { host: url.host_str()?.to_owned(), url: url.to_string() })
    };
    Some(List { id, leave: click.or_else(letter).or_else(page) })
}

/// The addresses in angle brackets, without the comments and blanks around and in them. None that hides who is meant.
fn ways(field: &str) -> Vec<Url> {
    let pieces = field.split('<').skip(1).filter_map(|piece| piece.split_once('>')).map(|(way, _)| way);
    let urls = pieces.take(MOST_WAYS).filter(|way| way.len() <= LONGEST).filter_map(|way| {
        let way: String = way.chars().filter(|c| !c.is_whitespace()).collect();
        Url::parse(&way).ok()
    });
    urls.filter(|url| matches!(url.scheme(), "https" | "http" | "mailto"))
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .collect()
}

/// `mailto:` (RFC 6068), of which only recipient, subject and body are taken.
fn letter(url: &Url) -> Option<Leave> {
    let to = shown(&percent_decoded(url.path()));
    let plain =
        |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')');
    let (name, domain) = to.rsplit_once('@')?;
    if name.is_empty() || domain.is_empty() || !to.chars().all(plain) {
        return None;
    }
    let of = |name: &str| {
        // Not of a form: a plus is a plus.
        let pairs = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let mut values =
            pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| percent_decoded(value));
        values.next().unwrap_or_default()
    };
    let subject = Some(shown(&of("subject"))).filter(|subject| !subject.is_empty());
    let body = of("body").chars().filter(|c| *c == '\n' || super::headers::visible(*c)).take(2000).collect();
    Some(Leave::Letter { to, subject: subject.unwrap_or_else(|| "unsubscribe".to_owned()), body })
}

#[cfg(test)]
mod tests;

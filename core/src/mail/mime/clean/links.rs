//! Where links really lead, and what they pretend.

use std::borrow::Cow;
use std::net::IpAddr;

use url::{Host, Url};

use super::has_scheme;
use crate::mail::mime::percent_decoded;

const MAX_TARGET: usize = 8 * 1024;
const MAX_TEXT: usize = 300;
/// A word of this many letters is no host and no address.
const MAX_WORD: usize = 320;
/// Of a `mailto:`; another header is not the sender's to write (RFC 6068, 4).
const MAIL_HEADERS: &[&str] = &["subject", "body", "cc"];
/// Servers that take note of a click and pass it on: the end of the host, the start of the path, and the parameter that says
/// where to.
const WRAPPERS: &[(&str, &str, &str)] = &[
    (".safelinks.protection.outlook.com", "/", "url"),
    ("google.com", "/url", "q"),
    ("google.com", "/url", "url"),
    ("google.fr", "/url", "q"),
    ("google.fr", "/url", "url"),
    ("l.facebook.com", "/l.php", "u"),
    ("linkprotect.cudasvc.com", "/url", "a"),
    ("linkedin.com", "/redir/redirect", "url"),
];
/// Ends of names that a text without `https:` or `www.` has when it means a host: `bulletin.pdf` does not.
const ENDINGS: &[&str] = &[
    "alsace", "app", "be", "bzh", "ca", "ch", "com", "corsica", "de", "dev", "edu", "es", "eu", "fr", "gf", "gouv",
    "gp", "info", "io", "it", "lu", "mq", "nc", "net", "online", "org", "paris", "pf", "re", "shop", "site", "test",
    "uk", "wf", "xyz", "yt",
];

/// A link of a message, for the shell to show before it opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hyperlink {
    /// What the message shows, at most 300 letters; of a picture, what stands for it. May be empty.
    pub text: String,
    /// What is opened: an http, https, mailto or tel address, as in the `href` of the page.
    pub target: String,
    /// The host, as a person reads it, where a click ends as far as it can be seen: behind a known wrapper. International names
    /// are decoded unless their letters could pass for others. The address of a mailto, the number of a tel.
    pub host: String,
    /// The address within a known wrapper: the same, opened without telling the wrapper.
    pub wrapped: Option<String>,
    /// Why to look twice.
    pub doubt: Option<LinkDoubt>,
}

/// Why a link may not be what it seems.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkDoubt {
    /// It looks like another address than the one it leads to.
    Elsewhere {
        /// The host or the address that it shows.
        shown: String,
    },
    /// The name of its host has letters that look like others.
    Letters,
    /// Its host has no name, only a number.
    Number,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) href: String,
    host: String,
    ascii: String,
    wrapped: Option<String>,
    doubt: Option<LinkDoubt>,
}

impl Target {
    /// Of an `href`. None for whatever does something else than to lead to a page, a person or a phone.
    pub(super) fn of(href: &str) -> Option<Self> {
        let href = href.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        if href.len() > MAX_TARGET {
            return None;
        }
        if has_scheme(href, &["http:", "https:"]) {
            let (url, ascii, host, doubt) = web(href)?;
            let Some((inner, ascii, host, doubt)) = unwrap(&url).and_then(|inner| web(&inner)) else {
                return Some(Self { href: written(url, href), host, ascii, wrapped: None, doubt });
            };
            return Some(Self { href: written(url, href), host, ascii, wrapped: Some(inner.into()), doubt });
        }
        if has_scheme(href, &["mailto:"]) {
            return mail(href);
        }
        telephone(href)
    }

    /// The link with this text.
    pub(super) fn with_text(self, text: &str) -> Hyperlink {
        let text = plain(text);
        let elsewhere = || shown(&text).filter(|shown| !is_same(shown, &self.ascii, &self.host));
        let doubt = match self.doubt {
            Some(LinkDoubt::Elsewhere { shown }) => Some(LinkDoubt::Elsewhere { shown }),
            other => elsewhere().map(|shown| LinkDoubt::Elsewhere { shown }).or(other),
        };
        Hyperlink { text, target: self.href, host: self.host, wrapped: self.wrapped, doubt }
    }
}

/// The address as it is opened, its host, the same for a person, and what is strange about it.
fn web(href: &str) -> Option<(Url, String, String, Option<LinkDoubt>)> {
    let mut url = Url::parse(href).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut doubt = None;
    // `https://portail.example@elsewhere.example`: what stands before the @ is a user's name, and nobody signs in by it.
    if !url.username().is_empty() || url.password().is_some() {
        let name = url.username().to_owned();
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        doubt = name.contains('.').then_some(LinkDoubt::Elsewhere { shown: name });
    }
    let (ascii, host) = match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_owned();
            let (host, strange) = readable(&name);
            doubt = doubt.or(strange.then_some(LinkDoubt::Letters));
            (name, host)
        }
        Host::Ipv4(address) => (address.to_string(), address.to_string()),
        Host::Ipv6(address) => (address.to_string(), format!("[{address}]")),
    };
    if ascii.is_empty() {
        return None;
    }
    if ascii.parse::<IpAddr>().is_ok() {
        doubt = doubt.or(Some(LinkDoubt::Number));
    } else if url.host_str() != Some(ascii.as_str()) {
        url.set_host(Some(&ascii)).ok()?;
    }
    Some((url, ascii, host, doubt))
}

/// As it was written where that is the same: nobody writes a slash behind a host.
fn written(url: Url, href: &str) -> String {
    let mut written: String = url.into();
    if written.strip_suffix('/') == Some(href) {
        written.pop();
    }
    written
}

fn unwrap(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let is = |end: &str| {
        host.strip_suffix(end).is_some_and(|rest| end.starts_with('.') || rest.is_empty() || rest.ends_with('.'))
    };
    let mut known = WRAPPERS.iter().filter(|(end, path, _)| is(end) && url.path().starts_with(path));
    known.find_map(|(_, _, name)| url.query_pairs().find(|(key, _)| key == name)).map(|(_, value)| value.into_owned())
}

fn mail(href: &str) -> Option<Target> {
    let url = Url::parse(href).ok()?;
    let kept = |pair: &&str| {
        pair.split_once('=').is_some_and(|(name, _)| MAIL_HEADERS.contains(&name.to_ascii_lowercase().as_str()))
    };
    let query: Vec<&str> = url.query().unwrap_or_default().split('&').filter(kept).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let host = plain(&percent_decoded(url.path()));
    let href = format!("mailto:{}{mark}{}", url.path(), query.join("&"));
    Some(Target { href, ascii: host.to_ascii_lowercase(), host, wrapped: None, doubt: None })
}

/// A number to call. None for the codes by which a phone is set up (`*`, `#`).
fn telephone(href: &str) -> Option<Target> {
    let number = href.get(4..).filter(|_| has_scheme(href, &["tel:"]))?;
    let number: String = percent_decoded(number).chars().filter(|c| !c.is_whitespace()).collect();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let fine = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')'));
    let made = || Target {
        href: format!("tel:{number}"),
        ascii: number.clone(),
        host: number.clone(),
        wrapped: None,
        doubt: None,
    };
    (fine && (2..=20).contains(&digits)).then(made)
}

/// The text of a link in one line, without what is not seen and what turns text around.
fn plain(text: &str) -> String {
    let seen = text.chars().filter(|c| c.is_whitespace() || !(c.is_control() || is_unseen(*c)));
    let seen: String = seen.take(4 * MAX_TEXT).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TEXT).collect()
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

/// The host or the address that a text shows, if it shows one.
fn shown(text: &str) -> Option<String> {
    let alone = !text.contains(' ');
    text.split(' ').filter(|word| word.len() <= MAX_WORD).find_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
        if has_scheme(word, &["http://", "https://"]) {
            return host_of(word);
        }
        if has_scheme(word, &["www."]) {
            return host_of(&format!("https://{word}"));
        }
        if let Some((local, domain)) = word.split_once('@') {
            let host = host_of(&format!("https://{domain}")).filter(|_| !local.is_empty() && has_ending(domain));
            return host.map(|host| format!("{}@{host}", local.to_lowercase()));
        }
        let host = word.split(['/', '?', '#', ':']).next().filter(|host| alone && has_ending(host))?;
        host_of(&format!("https://{host}"))
    })
}

fn has_ending(host: &str) -> bool {
    let ending = host.trim_end_matches('.').rsplit_once('.').filter(|(rest, _)| !rest.is_empty());
    ending.is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

fn host_of(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.trim_end_matches('.');
    host.contains('.').then(|| host.to_owned())
}

/// Whether `shown` is the target, or a part of the same name: `www.` or not, a server within the domain.
fn is_same(shown: &str, ascii: &str, host: &str) -> bool {
    if let Some((_, domain)) = shown.split_once('@') {
        let addresses = || host.split(',').map(|address| address.trim().to_lowercase());
        return if host.contains('@') { addresses().any(|one| one == shown) } else { is_same(domain, ascii, host) };
    }
    let ascii = ascii.rsplit_once('@').map_or(ascii, |(_, domain)| domain);
    let within =
        |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let (shown, ascii) = (shown.trim_start_matches("www."), ascii.trim_start_matches("www."));
    within(shown, ascii) || within(ascii, shown)
}

/// The name of a host as a person reads it, and whether its letters could pass for others: then it stays in its ASCII form.
fn readable(ascii: &str) -> (String, bool) {
    if !ascii.contains("xn--") {
        return (ascii.to_owned(), false);
    }
    let (decoded, good) = idna::domain_to_unicode(ascii);
    let own = decoded.rsplit('.').next().is_some_and(|top| !top.is_ascii());
    let strange = good.is_err() || decoded.split('.').any(|label| is_strange(label, own));
    if strange { (ascii.to_owned(), true) } else { (decoded, false) }
}

/// Whether a label mixes alphabets, or is all of letters that look like Latin ones below a Latin top-level domain.
fn is_strange(label: &str, own_top: bool) -> bool {
    let (mut latin, mut alike, mut other) = (false, false, false);
    for c in label.chars() {
        match c {
            '0'..='9' | '-' => {}
            'a'..='z' | '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{ff}' | 'œ' => latin = true,
            // Latin letters that a French reader takes for plain ones: ɑ, ı, ạ, ḷ.
            '\u{100}'..='\u{36f}' | '\u{1d00}'..='\u{1eff}' => return true,
            // Greek, Cyrillic, Armenian, Cherokee, Coptic.
            '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1f00}'..='\u{1fff}' | '\u{2c80}'..='\u{2cff}' => {
                alike = true
            }
            _ => other = true,
        }
    }
    (latin && (alike || other)) || (alike && (other || !own_top))
}

/// Adds to the text of a link, as much as is shown of it.
pub(super) fn gather(text: &mut String, piece: Cow<'_, str>) {
    if text.len() < 4 * MAX_TEXT {
        text.push_str(&piece);
    }
}

#[cfg(test)]
mod tests;

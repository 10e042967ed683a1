//! Who sent a message: what the sender says, and what one's own mail server found out about it.

use mail_parser::{HeaderName, MessageParser};

use super::authentication_results::{self, MethodResult};
use super::mime::{List, Person, fields, list_of};
use crate::academy::Academy;

/// Who sent a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sender {
    /// As the sender says: show the address beside the name.
    pub person: Option<Person>,
    /// Why the name is not to be trusted.
    pub doubts: Vec<Doubt>,
    /// What one's own mail server found out.
    pub authenticity: Authenticity,
    /// Whether this is the first message from this address, and none was written to it; `None` while the phone does not know all
    /// messages of the mailbox, or there is no address.
    pub is_first: Option<bool>,
}

/// What one's own mail server found out about the sender (RFC 8601). What other servers say of it does not count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Authenticity {
    /// Whether the server it came from may send for the domain of the envelope (RFC 7208).
    pub spf: Verdict,
    /// Whether a domain has signed it (RFC 6376).
    pub dkim: Verdict,
    /// Whether the domain of the shown address stands to it (RFC 7489).
    pub dmarc: Verdict,
    /// Whether what passed is of the domain of the shown address, or of one above or below it.
    pub aligned: Verdict,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verdict {
    /// It is so.
    Pass,
    /// It is not so.
    Fail,
    /// The domain says nothing of it.
    None,
    /// Nobody trusted has checked it, or the check did not work.
    #[default]
    Unknown,
}

/// Why the name of a sender is not to be trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The name holds an address, and the sender's is another.
    OtherAddress {
        /// That in the name.
        address: String,
    },
    /// The name is that of the academy, and the address is not of it.
    NotOfAcademy,
    /// Letters of several scripts in one word: a name that looks like another.
    MixedScripts,
    /// Characters that turn around or hide what is written; they are not shown.
    Hidden,
    /// Several authors; only the first is shown.
    SeveralAuthors,
    /// Answers go to another domain.
    AnswersElsewhere {
        /// Where they go.
        address: String,
    },
}

/// What can be told of the sender by the header that `raw` begins with.
pub(super) fn sender(raw: &[u8], person: Option<&Person>, reply_to: &[Person], academy: &Academy) -> Sender {
    let results = own_results(raw, academy);
    let authors = authentication_results::count(raw, b"from");
    let authenticity = match person {
        Some(person) if authors == 1 => authenticity(&results, domain(&person.address)),
        // Of two authors, which one the server looked at is not known.
        _ => Authenticity::default(),
    };
    let mut doubts = person.map(|person| doubts(person, &name_as_written(raw), academy)).unwrap_or_default();
    if authors > 1 {
        doubts.push(Doubt::SeveralAuthors);
    }
    let elsewhere = person.and_then(|person| {
        let other = |to: &&Person| !are_near(domain(&to.address), domain(&person.address));
        reply_to.iter().find(other).map(|to| to.address.clone())
    });
    doubts.extend(elsewhere.map(|address| Doubt::AnswersElsewhere { address }));
    Sender { person: person.cloned(), doubts, authenticity, is_first: None }
}

/// The list of a message whose `List-Id` is `id`, as the header that `raw` begins with and one's own server tell.
pub(super) fn list(raw: &[u8], id: Option<String>, academy: &Academy) -> Option<List> {
    list_of(raw, id, || has_signed_list(raw, academy))
}

/// Whether one's own server vouches that the sender's domain has signed the fields of a list (RFC 8058, 4).
fn has_signed_list(raw: &[u8], academy: &Academy) -> bool {
    let signatures = fields(raw, "dkim-signature");
    own_results(raw, academy).iter().filter(|one| one.method == "dkim" && one.result == "pass").any(|one| {
        let Some(domain) = one.property("header.d") else { return false };
        let mut of_domain = signatures.iter().map(|field| tags(field)).filter(|tags| {
            let tag = |name: &str| tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let same = tag("d").is_some_and(|d| d.eq_ignore_ascii_case(domain));
            same && one.property("header.b").is_none_or(|start| tag("b").is_some_and(|b| b.starts_with(start)))
        });
        let covers = |tags: Vec<(String, String)>| {
            let signed = tags.iter().find(|(name, _)| name == "h").map(|(_, value)| value.to_ascii_lowercase());
            let names: Vec<String> = signed.unwrap_or_default().split(':').map(str::to_owned).collect();
            ["list-unsubscribe", "list-unsubscribe-post"].iter().all(|wanted| names.iter().any(|name| name == wanted))
        };
        // Of several that it may have looked at, the one that covers least counts.
        of_domain.next().is_some_and(&covers) && of_domain.all(covers)
    })
}

/// `tag=value` of a signature (RFC 6376, 3.2), without blanks.
fn tags(field: &str) -> Vec<(String, String)> {
    let pairs = field.split(';').take(50).filter_map(|tag| tag.split_once('='));
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    pairs.map(|(name, value)| (bare(name).to_ascii_lowercase(), bare(value))).collect()
}

/// By the name that the profile gives the server, else by what only one's own servers can have written.
fn own_results(raw: &[u8], academy: &Academy) -> Vec<MethodResult> {
    if let Some(rule) = &academy.mail_code {
        return authentication_results::results_of(raw, &rule.authserv_id);
    }
    authentication_results::results_at_top(raw, |id| {
        let id = id.to_ascii_lowercase();
        is_of(&id, academy) || academy.hosts().any(|host| host.eq_ignore_ascii_case(&id))
    })
}

fn authenticity(results: &[MethodResult], domain_shown: &str) -> Authenticity {
    if results.is_empty() {
        return Authenticity::default();
    }
    let of = |method: &'static str| results.iter().filter(move |one| one.method == method);
    let best = |method: &'static str| {
        let all: Vec<Verdict> = of(method).map(|one| verdict(&one.result)).collect();
        [Verdict::Pass, Verdict::Fail, Verdict::None]
            .into_iter()
            .find(|verdict| all.contains(verdict))
            .unwrap_or_default()
    };
    let names = |one: &MethodResult, properties: &[&str]| {
        one.result == "pass"
            && properties
                .iter()
                .any(|name| one.property(name).is_some_and(|value| are_near(domain(value), domain_shown)))
    };
    let aligned = of("dkim").any(|one| names(one, &["header.d", "header.i"]))
        || of("spf").any(|one| names(one, &["smtp.mailfrom"]))
        || of("dmarc").any(|one| names(one, &["header.from"]));
    Authenticity {
        spf: best("spf"),
        dkim: best("dkim"),
        dmarc: best("dmarc"),
        aligned: if aligned { Verdict::Pass } else { Verdict::Fail },
    }
}

fn verdict(result: &str) -> Verdict {
    match result {
        "pass" => Verdict::Pass,
        "fail" | "softfail" | "hardfail" | "policy" => Verdict::Fail,
        "none" | "neutral" => Verdict::None,
        _ => Verdict::Unknown,
    }
}

fn doubts(person: &Person, written: &str, academy: &Academy) -> Vec<Doubt> {
    let name = person.name.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    let words = name
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | ',' | ';'));
    let other = words.clone().find(|word| {
        let parts = word.rsplit_once('@');
        let is_address = parts.is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.'));
        is_address && !word.eq_ignore_ascii_case(&person.address)
    });
    found.extend(other.map(|address| Doubt::OtherAddress { address: address.to_owned() }));
    let shown = folded(name);
    let claims = academy.mail_domains.iter().any(|domain| shown.contains(&folded(domain)))
        || (shown.contains("academie") || shown.contains("rectorat")) && {
            let own = folded(&academy.name);
            let own = own.rsplit([' ', '\'']).next().unwrap_or_default();
            own.len() > 2 && shown.contains(own)
        };
    let from = domain(&person.address).to_ascii_lowercase();
    if claims && !is_of(&from, academy) && !from.ends_with(".gouv.fr") {
        found.push(Doubt::NotOfAcademy);
    }
    if name.split(|c: char| !c.is_alphabetic()).any(is_mixed)
        || person.address.split(|c: char| !c.is_alphabetic()).any(is_mixed)
    {
        found.push(Doubt::MixedScripts);
    }
    if written.chars().any(hides) {
        found.push(Doubt::Hidden);
    }
    found
}

/// The first author's name and address before anything was taken out of them.
fn name_as_written(raw: &[u8]) -> String {
    let field = fields(raw, "from").into_iter().next().unwrap_or_default();
    let field = format!("From: {field}\r\n\r\n");
    let parser = MessageParser::new().header_address(HeaderName::From).default_header_ignore();
    // The parser has panicked on hostile mail before.
    let read = || {
        let message = parser.parse_headers(field.as_bytes())?;
        let first = message.from()?.first()?;
        Some(format!("{} {}", first.name.as_deref().unwrap_or_default(), first.address.as_deref().unwrap_or_default()))
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok().flatten().unwrap_or_default()
}

/// What turns text around, joins or parts it unseen (UTR #36, 3).
fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || (c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
}

/// Whether a word has letters of Latin and of a script whose letters look like them.
fn is_mixed(word: &str) -> bool {
    let latin = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    let alike = |c: char| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{ff21}'..='\u{ff5a}');
    word.chars().any(latin) && word.chars().any(alike)
}

/// Small letters without accents.
fn folded(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let bare = text.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c) && !hides(*c));
    bare.flat_map(char::to_lowercase).map(|c| if c == '’' { '\'' } else { c }).collect()
}

fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

/// The same domain, or one below the other.
fn are_near(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let below = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'));
    // A whole ending is nobody's.
    let telling = one.contains('.') && other.contains('.');
    one == other || telling && (below(&one, &other) || below(&other, &one))
}

/// Whether a host, in lower case, is a domain of the academy's addresses or below one.
fn is_of(host: &str, academy: &Academy) -> bool {
    academy.mail_domains.iter().any(|domain| {
        let domain = domain.to_ascii_lowercase();
        host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests;

//! Hosts that look like an academy's and are not.
//!
//! Two names are compared by what the eye takes from them: accents and case gone, letters of other scripts and digits read as
//! the Latin letters that they resemble (after UTS #39, 4), `rn` read as `m`. What then is the same name under another ending,
//! within a longer one, or a slip of the pen away is a look-alike. Only a host that a profile names, or one below an academy's
//! domain, is the academy's.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::catalogue::Catalogue;
use super::profile::Academy;

/// From this length on a name says enough to be found inside another without a hyphen beside it, and to be two slips away.
const TELLING: usize = 9;

/// What is longer is no host (RFC 1035, 2.3.4).
const LONGEST: usize = 253;

/// Small letters that resemble Latin ones, and are not taken apart by Unicode's own decomposition. Both sides of a comparison
/// are folded, so that `i`, `l` and `1` may meet in one.
const RESEMBLE: &[(&str, char)] = &[
    ("аɑα", 'a'),
    ("ƅьЬ", 'b'),
    ("сϲᴄ", 'c'),
    ("ԁɗ", 'd'),
    ("еҽєε3", 'e'),
    ("ƒ", 'f'),
    ("ɡցɢ", 'g'),
    ("һհ", 'h'),
    ("iіıιɩӏ1|ⅼǀ", 'l'),
    ("јϳ", 'j'),
    ("κкĸ", 'k'),
    ("мⅿ", 'm'),
    ("пոռηɴ", 'n'),
    ("оοօσ0ө", 'o'),
    ("рρϱ", 'p'),
    ("ԛզ", 'q'),
    ("гᴦɾ", 'r'),
    ("ѕꜱ5", 's'),
    ("тτ", 't'),
    ("υцսᴜ", 'u'),
    ("ѵνᴠ", 'v'),
    ("ԝѡωᴡ", 'w'),
    ("хχ×", 'x'),
    ("уүγʏ", 'y'),
    ("ᴢʐ2", 'z'),
    ("‐‑‒–—−ー_", '-'),
    ("。．｡", '.'),
];

/// An official name that another host looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LookAlike<'a> {
    /// The official host or domain.
    pub official: &'a str,
    /// Whose it is.
    pub academy: &'a Academy,
}

impl Catalogue {
    /// The official name that `host` looks like without being it; `None` for an official host and for one that resembles
    /// none. `host` as it is shown: in any case, with its letters or in punycode, a dot at the end or not.
    ///
    /// Ask before anything is sent to a host that a teacher typed, or that came in a mail or from a server.
    pub fn look_alike(&self, host: &str) -> Option<LookAlike<'_>> {
        let host = host.trim().trim_end_matches('.');
        if host.is_empty() || host.len() > LONGEST * 4 || self.is_academic(host) {
            return None;
        }
        let seen = Seen::new(host);
        for academy in self.academies() {
            let own = academy.mail_domains.iter().map(String::as_str).chain(academy.hosts());
            let warned = academy.look_alikes.iter().any(|known| known.eq_ignore_ascii_case(host));
            for official in own {
                let name = base(official);
                if warned || Name::new(name).is_in(&seen) {
                    return Some(LookAlike { official: name, academy });
                }
            }
        }
        None
    }

    /// Whether a profile names the host, or it is below the domain of an academy's addresses. That says whose it is, not that
    /// it takes secrets: ask [`Catalogue::is_official`].
    pub fn is_academic(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.academies().any(|academy| {
            let named = |known: &str| known == host;
            academy.mail_domains.iter().any(|domain| is_below(&host, domain))
                || academy.hosts().any(|own| named(own) || own.ends_with(".gouv.fr") && is_below(&host, base(own)))
                || academy.services.iter().filter_map(|service| service.address.host_str()).any(named)
                || academy.support.page.iter().filter_map(|page| page.host_str()).any(named)
        })
    }
}

/// Whether `host` is `domain` or a name below it. Both in lower case.
pub(super) fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The part of an official host that was registered: its last two labels, three under the State's `gouv.fr`.
fn base(host: &str) -> &str {
    let labels = if host.ends_with(".gouv.fr") { 3 } else { 2 };
    let begin = host.rmatch_indices('.').nth(labels - 1).map_or(0, |(dot, _)| dot + 1);
    host.get(begin..).unwrap_or(host)
}

/// A host as the eye takes it.
struct Seen {
    /// The parts between dots and hyphens.
    parts: Vec<String>,
    /// The labels without their hyphens.
    labels: Vec<String>,
    /// All labels but the last, run together.
    together: String,
}

impl Seen {
    fn new(host: &str) -> Self {
        let folded = folded(&idna::domain_to_unicode(host).0);
        let parts = folded.split(['.', '-']).filter(|part| !part.is_empty()).map(part).collect();
        let labels: Vec<String> = folded.split('.').map(|label| label.replace('-', "")).collect();
        let together = labels.split_last().map_or_else(String::new, |(_, before)| before.concat());
        Self { parts, labels, together }
    }
}

/// An official name without its last label.
struct Name {
    parts: Vec<String>,
    together: String,
}

impl Name {
    fn new(official: &str) -> Self {
        let name = official.rsplit_once('.').map_or(official, |(name, _)| name);
        let name = folded(name);
        Self { parts: name.split(['.', '-']).map(part).collect(), together: name.replace(['.', '-'], "") }
    }

    fn is_in(&self, seen: &Seen) -> bool {
        // A name of one part is a word that anybody may have in a name: none is official today.
        if self.parts.len() < 2 {
            return false;
        }
        let whole = seen.parts.windows(self.parts.len()).any(|window| window == self.parts);
        let telling = self.together.len() >= TELLING;
        whole
            || seen.labels.contains(&self.together)
            || telling
                && (seen.together.contains(&self.together) || seen.labels.iter().any(|l| l.contains(&self.together)))
            || seen.labels.iter().any(|label| self.is_slip(label, if telling { 2 } else { 1 }))
    }

    /// Whether the label is the name with at most `most` slips. Its beginning, `ac`, must be right: `ca-normandie` is a bank.
    fn is_slip(&self, label: &str, most: usize) -> bool {
        let begun = self.parts.first().is_some_and(|first| label.starts_with(first.as_str()));
        begun && slips(&self.together, label, most) <= most
    }
}

/// Everything that the eye does not tell apart, made the same. Wide letters and ligatures are taken apart before: IDNA does so.
fn folded(host: &str) -> String {
    let bare = host.nfd().filter(|c| !is_combining_mark(*c) && !is_invisible(*c)).flat_map(char::to_lowercase);
    let latin: String = bare.map(resembled).collect();
    latin.replace("rn", "m").replace("vv", "w").replace('œ', "oe").replace('æ', "ae")
}

/// A part between hyphens. In two parts run together a `cl` is no `d`: `aclyon`.
fn part(folded: &str) -> String {
    folded.replace("cl", "d")
}

fn resembled(c: char) -> char {
    RESEMBLE.iter().find(|(those, _)| those.contains(c)).map_or(c, |(_, latin)| *latin)
}

/// Takes no room: soft hyphen, zero-width spaces and joiners, marks of direction.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// How many letters were left out, added, changed or exchanged with their neighbour between the two (optimal string
/// alignment); anything above `most` when there are more than that.
fn slips(one: &str, other: &str, most: usize) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most {
        return most + 1;
    }
    let width = other.len() + 1;
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = vec![usize::MAX / 2; width];
    let mut above: Vec<usize> = (0..width).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (at(&above, j + 1) + 1).min(at(&row, j) + 1).min(at(&above, j) + usize::from(a != b));
            let exchanged = i > 0 && j > 0 && other.get(j - 1) == Some(a) && one.get(i - 1) == Some(b);
            if exchanged {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    at(&above, other.len())
}

#[cfg(test)]
mod tests;

//! HTML of a message made harmless: an allow-list, no script, nothing fetched.
//!
//! Two passes. The sanitiser parses as a browser does and lets through the elements and attributes of the lists below (`bounds`
//! keeps it from what makes it slow). What it wrote is balanced and quoted; `rewrite` goes over that once more and judges
//! values: styles (`style`, `colours`), links (`links`) and pictures (`pictures`). `page` makes a document of it.
//!
//! Style sheets of newsletters are dropped. What they would add is layout for wide screens and colours for the dark, and to
//! keep them safe, their selectors, media queries and cascade would have to be understood as a browser does.

mod bounds;
mod colours;
mod links;
mod markup;
mod page;
mod pictures;
mod rewrite;
mod style;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

pub use links::{Hyperlink, LinkDoubt};
pub use page::document;
pub use pictures::Pictures;

use bounds::bounded;

const MAX_JOINED: usize = 1 << 20;
const MAX_HOSTS: usize = 50;
const MAX_LINKS: usize = 6000;
/// Attributes of `<html>` and `<body>` longer than that say nothing of language and colour.
const MAX_OUTER: usize = 2000;

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
];
const DROPPED_WITH_CONTENT: &[&str] =
    &["script", "style", "title", "svg", "math", "iframe", "object", "noscript", "template"];

/// HTML that loads nothing and runs nothing, but what its reader asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanHtml {
    /// A fragment. Its pictures are `cid:` or small `data:` ones, and https ones where these were asked for.
    pub html: String,
    /// How many pictures of other servers it has. They are left out unless [`CleanHtml::shows_remote`].
    pub remote_pictures: usize,
    /// The servers that would learn that the message is read if those are shown; 50 at most.
    pub picture_hosts: Vec<String>,
    /// Whether the pictures of other servers are in it.
    pub shows_remote: bool,
    /// How many pictures were left out for good: nobody sees them, they only tell the sender that one reads.
    pub trackers: usize,
    /// Its links, in order of appearance.
    pub links: Vec<Hyperlink>,
    /// How many texts the sender hid; they are left out.
    pub hidden_texts: usize,
    /// Whether the sender painted surfaces: [`document`] shows them on white, also in the dark.
    pub paper: bool,
    /// Whether the end is missing, because it was too large or too intricate.
    pub cut: bool,
}

impl CleanHtml {
    /// Puts what was cleaned by itself behind it. More than about 1 MB is cut.
    pub(in crate::mail::mime) fn join(&mut self, other: Self) {
        if self.html.len() > MAX_JOINED {
            self.cut = true;
            return;
        }
        if !self.html.is_empty() {
            self.html.push('\n');
        }
        self.html.push_str(&other.html);
        self.remote_pictures += other.remote_pictures;
        for host in other.picture_hosts {
            if self.picture_hosts.len() < MAX_HOSTS && !self.picture_hosts.contains(&host) {
                self.picture_hosts.push(host);
            }
        }
        self.shows_remote |= other.shows_remote;
        self.trackers += other.trackers;
        self.links.extend(other.links.into_iter().take(MAX_LINKS.saturating_sub(self.links.len())));
        self.hidden_texts += other.hidden_texts;
        self.paper |= other.paper;
        self.cut |= other.cut;
    }

    /// The link that leads to `target`, as a web view tells it. Where several do, one to look twice at.
    pub fn link(&self, target: &str) -> Option<&Hyperlink> {
        // Web views write a slash behind a bare host.
        let bare = target.strip_suffix('/').unwrap_or(target);
        let mut same = self.links.iter().filter(|link| link.target == target || link.target == bare);
        let first = same.clone().next();
        same.find(|link| link.doubt.is_some()).or(first)
    }
}

/// Makes `html` harmless, without pictures of other servers. Whoever answers `cid:` must know the message.
///
/// Markup over 1 MB, nested deeper than 200 or with more than 6,000 tags is cut there. CPU-bound: call it off the screen's thread.
pub fn clean(html: &str) -> CleanHtml {
    clean_with(html, Pictures::default())
}

/// The same with these pictures.
pub fn clean_with(html: &str, pictures: Pictures<'_>) -> CleanHtml {
    let taken = bounded(html);
    let outer: String = taken
        .outer
        .iter()
        .filter(|kept| (1..MAX_OUTER).contains(&kept.len()))
        .map(|kept| format!("<div {kept}>"))
        .collect();
    let whole = if outer.is_empty() { Cow::Borrowed(taken.html) } else { Cow::Owned(outer + taken.html) };
    let safe = SANITISER.clean(&whole).to_string();
    CleanHtml { cut: taken.html.len() < html.len(), ..rewrite::rewrite(&safe, pictures) }
}

/// Lets through what `rewrite` then judges by its values.
static SANITISER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let cells = HashSet::from(["align", "valign", "colspan", "rowspan", "width", "height", "bgcolor", "scope"]);
    let attributes: HashMap<&str, HashSet<&str>> = HashMap::from([
        ("a", HashSet::from(["href", "title"])),
        ("col", HashSet::from(["width"])),
        ("div", HashSet::from(["align", "bgcolor"])),
        ("img", HashSet::from(["src", "alt", "width", "height", "title", "align"])),
        ("p", HashSet::from(["align"])),
        ("table", HashSet::from(["align", "width", "bgcolor", "border", "cellpadding", "cellspacing", "role"])),
        ("td", cells.clone()),
        ("th", cells.clone()),
        ("tr", cells),
        ("font", HashSet::from(["color", "size", "face"])),
        ("ol", HashSet::from(["start"])),
    ]);
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(DROPPED_WITH_CONTENT.iter().copied().collect())
        .tag_attributes(attributes)
        .generic_attributes(HashSet::from(["style", "dir", "lang", "hidden"]))
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid", "data"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(None);
    builder
});

fn has_scheme(value: &str, schemes: &[&str]) -> bool {
    let value = value.as_bytes();
    schemes.iter().any(|s| value.get(..s.len()).is_some_and(|start| start.eq_ignore_ascii_case(s.as_bytes())))
}

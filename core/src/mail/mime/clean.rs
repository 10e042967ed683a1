//! HTML of a message made harmless: an allow-list, no script, nothing fetched.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MAX_SIZE: usize = 1 << 20;
const MAX_DEPTH: usize = 200;
/// The sanitiser is quadratic on nesting, and malformed markup can nest more than the pre-pass sees.
const MAX_TAGS: usize = 6000;
/// Quadratic as well. A picture within an unquoted attribute has some hundred slashes.
const MAX_ATTRIBUTES: usize = 4000;
const MAX_DATA_PICTURE: usize = 64 * 1024;

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
const STYLES: &[&str] = &[
    "background-color",
    "border",
    "border-collapse",
    "color",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "line-height",
    "margin",
    "padding",
    "text-align",
    "text-decoration",
    "vertical-align",
    "white-space",
    "width",
];
/// Closed by their successor, so many of them in a row are not a nesting.
const NOT_NESTING: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option", "p", "source",
    "tbody", "td", "tfoot", "th", "thead", "tr", "wbr",
];

const STYLE_SHEET: &str = "body{margin:12px;overflow-wrap:anywhere}img{max-width:100%;height:auto}\
    @media(prefers-color-scheme:dark){[bgcolor],[style*=background-color]{color:#000}}";

/// HTML that loads nothing and runs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanHtml {
    /// A fragment. Its pictures are `cid:` or small `data:` ones.
    pub html: String,
    /// How many pictures of other servers were removed.
    pub remote_pictures: usize,
    /// Whether the end is missing, because it was too large or too intricate.
    pub cut: bool,
}

/// Makes `html` harmless. Markup over 1 MB, nested deeper than 200 or with more than 6,000 tags is cut there.
/// CPU-bound: call it off the screen's thread.
pub fn clean(html: &str) -> CleanHtml {
    let remote = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&remote);
    let tags: HashSet<&str> = TAGS.iter().copied().collect();
    let cells = HashSet::from(["align", "valign", "colspan", "rowspan", "width", "height", "bgcolor"]);
    let attributes: HashMap<&str, HashSet<&str>> = HashMap::from([
        ("a", HashSet::from(["href", "title"])),
        ("img", HashSet::from(["src", "alt", "width", "height", "title"])),
        ("table", HashSet::from(["align", "width", "bgcolor", "border", "cellpadding", "cellspacing"])),
        ("td", cells.clone()),
        ("th", cells.clone()),
        ("tr", cells),
        ("font", HashSet::from(["color", "size", "face"])),
        ("ol", HashSet::from(["start"])),
    ]);
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(tags)
        .clean_content_tags(DROPPED_WITH_CONTENT.iter().copied().collect())
        .tag_attributes(attributes)
        .generic_attributes(HashSet::from(["style", "dir", "lang"]))
        .url_schemes(HashSet::from(["http", "https", "mailto", "cid", "data"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer"))
        .attribute_filter(move |tag, name, value| match (tag, name) {
            ("img", "src") if keeps_picture(value) => Some(Cow::Borrowed(value)),
            ("img", "src") => {
                counted.fetch_add(1, Ordering::Relaxed);
                None
            }
            (_, "href") => has_scheme(value, &["http:", "https:", "mailto:"]).then_some(Cow::Borrowed(value)),
            (_, "style") => Some(safe_style(value)).filter(|style| !style.is_empty()).map(Cow::Owned),
            _ => Some(Cow::Borrowed(value)),
        });
    let taken = bounded(html);
    let cut = taken.len() < html.len();
    CleanHtml { html: builder.clean(taken).to_string(), remote_pictures: remote.load(Ordering::Relaxed), cut }
}

/// A whole page around `clean`, whose policy forbids scripts, frames, forms and every fetch. It follows the system into the
/// dark; what the sender put on a background of its own keeps dark letters there.
pub fn document(clean: &CleanHtml) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; img-src cid: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><style>{STYLE_SHEET}</style></head><body>{}</body></html>",
        clean.html
    )
}

fn has_scheme(value: &str, schemes: &[&str]) -> bool {
    let value = value.trim_start().as_bytes();
    schemes.iter().any(|s| value.get(..s.len()).is_some_and(|start| start.eq_ignore_ascii_case(s.as_bytes())))
}

fn keeps_picture(src: &str) -> bool {
    if has_scheme(src, &["cid:"]) {
        return true;
    }
    let raster =
        ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,"];
    src.len() <= MAX_DATA_PICTURE && has_scheme(src, &raster)
}

/// The declarations that only colour, size and align: no `url()`, no escapes, no positioning.
fn safe_style(style: &str) -> String {
    let mut kept = String::new();
    for declaration in style.split(';').take(64) {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '#' | '%' | '.' | ',' | '-');
        let colour = value.strip_prefix("rgb(").and_then(|v| v.strip_suffix(')'));
        if !STYLES.contains(&name.as_str()) || !colour.unwrap_or(&value).chars().all(plain) {
            continue;
        }
        kept.push_str(&name);
        kept.push(':');
        kept.push_str(&value);
        kept.push(';');
    }
    kept
}

/// The longest start of `html` within the limits, found in one pass.
fn bounded(html: &str) -> &str {
    let mut end = html.len().min(MAX_SIZE);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let html = html.get(..end).unwrap_or_default();
    let mut open: Vec<&str> = Vec::new();
    let (mut tags, mut from) = (0, 0);
    while let Some(at) = html.get(from..).and_then(|rest| rest.find('<')).map(|found| from + found) {
        let rest = html.get(at + 1..).unwrap_or_default();
        let (closing, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        from = at + 1;
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let Some(length) = tag_length(rest) else { return html.get(..at).unwrap_or_default() };
        from = html.len() - rest.len() + length;
        let length = rest.bytes().take(16).take_while(u8::is_ascii_alphanumeric).count();
        let name = rest.get(..length).unwrap_or_default();
        if closing {
            if let Some(place) = open.iter().rposition(|n| n.eq_ignore_ascii_case(name)) {
                open.remove(place);
            }
            continue;
        }
        tags += 1;
        if !NOT_NESTING.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            open.push(name);
        }
        if open.len() > MAX_DEPTH || tags > MAX_TAGS {
            return html.get(..at).unwrap_or_default();
        }
    }
    html
}

/// How long the tag is that begins with `tag`, its `<` left out. `None` when it has too many attributes: each is compared
/// to all before it.
fn tag_length(tag: &str) -> Option<usize> {
    let (mut quote, mut after_equals, mut separators) = (None, false, 0);
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) => quote = (byte != open).then_some(open),
            (None, b'>') => return Some(at),
            // A quote is one only where a value begins.
            (None, b'"' | b'\'') if after_equals => {
                quote = Some(byte);
                separators += 1;
            }
            (None, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/') => separators += 1,
            _ => {}
        }
        after_equals = quote.is_none() && (byte == b'=' || (after_equals && byte.is_ascii_whitespace()));
        if separators > MAX_ATTRIBUTES {
            return None;
        }
    }
    Some(tag.len())
}

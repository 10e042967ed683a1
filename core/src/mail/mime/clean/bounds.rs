//! The limits within which HTML is cleaned: the sanitiser is quadratic on nesting and on attributes.

const MAX_SIZE: usize = 1 << 20;
const MAX_DEPTH: usize = 200;
/// Malformed markup can nest more than the pre-pass sees.
const MAX_TAGS: usize = 6000;
/// A picture within an unquoted attribute has some hundred slashes.
const MAX_ATTRIBUTES: usize = 4000;
/// Closed by their successor, so many of them in a row are not a nesting.
const NOT_NESTING: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option", "p", "source",
    "tbody", "td", "tfoot", "th", "thead", "tr", "wbr",
];

/// Elements that the parser opens anew in each paragraph until they are closed (HTML, 13.2.4.3): a few hundred of them before some
/// thousand paragraphs are a million.
const FORMATTING: &[&str] =
    &["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// How many of those may be open, summed up over all tags.
const MAX_REOPENED: usize = 200_000;

/// The part of a page that is cleaned.
#[derive(Debug, Default)]
pub(super) struct Bounded<'h> {
    /// The longest start of it within the limits.
    pub(super) html: &'h str,
    /// What its first `<html>` and `<body>` carry besides their names: language, direction, colours. The sanitiser, which reads
    /// fragments, does not see them.
    pub(super) outer: [&'h str; 2],
    /// How often a byte was looked at, for the tests: time says too little.
    #[cfg(test)]
    pub(super) work: usize,
}

/// Finds the part of `html` within the limits, in one pass.
pub(super) fn bounded(html: &str) -> Bounded<'_> {
    let mut end = html.len().min(MAX_SIZE);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let html = html.get(..end).unwrap_or_default();
    let mut found = Bounded { html, ..Bounded::default() };
    let mut open: Vec<&str> = Vec::new();
    let (mut tags, mut from, mut formatting, mut reopened) = (0, 0, 0_usize, 0_usize);
    while let Some(at) = html.get(from..).and_then(|rest| rest.find('<')).map(|found| from + found) {
        let rest = html.get(at + 1..).unwrap_or_default();
        let (closing, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        #[cfg(test)]
        {
            found.work += at + 1 - from;
        }
        from = at + 1;
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        found.html = html.get(..at).unwrap_or_default();
        let Some(length) = tag_length(rest) else { return found };
        #[cfg(test)]
        {
            found.work += length + open.len();
        }
        from = html.len() - rest.len() + length;
        let tag = rest.get(..length).unwrap_or_default();
        let length = tag.bytes().take(16).take_while(u8::is_ascii_alphanumeric).count();
        let (name, attributes) = tag.split_at_checked(length).unwrap_or((tag, ""));
        let formats = FORMATTING.iter().any(|n| n.eq_ignore_ascii_case(name));
        reopened += formatting;
        if closing {
            if let Some(place) = open.iter().rposition(|n| n.eq_ignore_ascii_case(name)) {
                open.remove(place);
                formatting -= usize::from(formats);
            }
            continue;
        }
        tags += 1;
        if !NOT_NESTING.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            open.push(name);
            formatting += usize::from(formats);
        }
        if open.len() > MAX_DEPTH || tags > MAX_TAGS || reopened > MAX_REOPENED {
            return found;
        }
        for (outer, kept) in ["html", "body"].into_iter().zip(&mut found.outer) {
            if kept.is_empty() && name.eq_ignore_ascii_case(outer) {
                *kept = attributes.trim().trim_end_matches('/');
            }
        }
    }
    found.html = html;
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_for_the_limits_is_linear_in_the_page() {
        let pages = |times: usize| {
            [
                "<div>".repeat(times),
                "<div><!--</div>-->".repeat(times),
                "<".repeat(times),
                "<p x=\"".repeat(times),
                "<b></i>".repeat(times),
                format!("<p {}>", "a=b ".repeat(times)),
                "x".repeat(times),
            ]
        };
        for (small, large) in pages(10_000).iter().zip(pages(40_000)) {
            let (small, large) = (bounded(small).work, bounded(&large).work);
            assert!(large <= 5 * small + 10_000, "{small} and {large}");
            assert!(large <= 10_000_000, "{large}");
        }
    }

    #[test]
    fn what_is_kept_of_an_intricate_page_is_within_the_limits() {
        let kept = bounded(&"<div>".repeat(20_000)).html.matches("<div>").count();
        assert_eq!(kept, MAX_DEPTH);
        let page = "<br>".repeat(20_000);
        assert_eq!(bounded(&page).html.len(), MAX_TAGS * 4);
        let page = format!("début<p {}>x", "a ".repeat(5000));
        assert_eq!(bounded(&page).html, "début");
        let page = "é".repeat(MAX_SIZE);
        assert_eq!(bounded(&page).html.len(), MAX_SIZE);
    }

    #[test]
    fn letters_that_are_opened_anew_in_each_paragraph_are_not_multiplied_without_end() {
        let open: String = (0..190).map(|number| format!("<b title={number}>")).collect();
        let page = format!("<p>{open}{}", "</p><p>x".repeat(5000));
        let clean = super::super::clean(&page);
        assert!(clean.cut && clean.html.matches("<b").count() <= MAX_REOPENED, "{}", clean.html.len());
        // As an ordinary mail has them.
        assert!(
            !super::super::clean(&"<p><b><font color=red><a href=https://e.fr>x</a></font></b></p>".repeat(1000)).cut
        );
    }

    #[test]
    fn language_and_colours_of_the_whole_page_are_seen() {
        let found = bounded("<html lang=fr><head></head><BODY dir='rtl' bgcolor=\"#eee\">x<body lang=de>").outer;
        assert_eq!(found, ["lang=fr", "dir='rtl' bgcolor=\"#eee\""]);
        assert_eq!(bounded("<p lang=fr>x").outer, ["", ""]);
    }
}

//! What the sanitiser wrote, read again tag by tag and written anew. Its tags are balanced, its attributes quoted, its entities
//! few, so one pass is enough; every value is escaped again on its way out.

use std::borrow::Cow;

/// A start tag.
pub(super) struct Tag<'h> {
    pub(super) name: &'h str,
    attributes: Vec<(&'h str, Cow<'h, str>)>,
}

/// A piece of the sanitiser's markup.
pub(super) enum Piece<'h> {
    /// As it is written, entities and all.
    Text(&'h str),
    Open(Tag<'h>),
    Close(&'h str),
}

/// Elements without content: they have no end tag.
pub(super) fn is_void(name: &str) -> bool {
    matches!(name, "br" | "hr" | "img" | "col")
}

/// The pieces of `html`, which the sanitiser wrote.
pub(super) fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, after) = rest.split_at_checked(rest.find('<').unwrap_or(rest.len()))?;
            rest = after;
            return Some(Piece::Text(text));
        };
        if let Some(closing) = tag.strip_prefix('/') {
            let (name, after) = closing.split_once('>')?;
            rest = after;
            return Some(Piece::Close(name));
        }
        let (tag, after) = open(tag)?;
        rest = after;
        Some(Piece::Open(tag))
    })
}

fn open(tag: &str) -> Option<(Tag<'_>, &str)> {
    let (name, mut rest) = tag.split_at_checked(tag.find([' ', '>'])?)?;
    let mut attributes = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('>') {
            return Some((Tag { name, attributes }, after));
        }
        let (attribute, value) = rest.trim_start().split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        attributes.push((attribute, decoded(value)));
        rest = after;
    }
}

impl<'h> Tag<'h> {
    /// The value of an attribute, decoded.
    pub(super) fn value(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| *name == attribute).map(|(_, value)| value.as_ref())
    }

    pub(super) fn set(&mut self, attribute: &'h str, value: impl Into<Cow<'h, str>>) {
        self.remove(attribute);
        self.attributes.push((attribute, value.into()));
    }

    pub(super) fn remove(&mut self, attribute: &str) {
        self.attributes.retain(|(name, _)| *name != attribute);
    }

    pub(super) fn retain(&mut self, keeps: impl Fn(&str, &str) -> bool) {
        self.attributes.retain(|(name, value)| keeps(name, value));
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(out, value);
            out.push('"');
        }
        out.push('>');
    }
}

fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
}

/// The few entities that the sanitiser writes.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let text = text.replace("&nbsp;", "\u{a0}").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Cow::Owned(text.replace("&amp;", "&"))
}

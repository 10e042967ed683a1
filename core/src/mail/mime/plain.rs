//! The text of cleaned HTML: for messages that have no text of their own, for quoting and for previews.
//!
//! What comes in was written by the sanitiser: tags are balanced, attributes quoted, entities few. One pass, linear.

use super::clean::CleanHtml;

/// How far quotes and lists are indented; what nests deeper is a trick or a mistake.
const DEEPEST: usize = 12;
/// A link longer than this is a tracker's: its text says enough.
const LONGEST_LINK: usize = 200;

/// The text of `html`. Never fails.
pub(crate) fn text_of(html: &CleanHtml) -> String {
    let mut text = Text::default();
    let mut rest = html.html.as_str();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.words(before);
        let Some(end) = end_of_tag(tag) else { break };
        let (tag, after) = tag.split_at_checked(end + 1).unwrap_or((tag, ""));
        text.tag(tag.trim_matches(['<', '>']));
        rest = after;
    }
    if !rest.starts_with('<') {
        text.words(rest);
    }
    text.finish()
}

/// What has been written, and where in the markup one is.
#[derive(Default)]
struct Text {
    out: String,
    /// Line ends owed before the next word: one for a new line, two for an empty line between.
    owed: usize,
    /// A blank owed before the next word on this line.
    blank: bool,
    quotes: usize,
    preformatted: usize,
    /// One for each open list: the number of its next item, none where it has dots.
    lists: Vec<Option<usize>>,
    /// Where open links lead, and where their text began.
    links: Vec<(Option<String>, usize)>,
}

impl Text {
    fn tag(&mut self, tag: &str) {
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        match (name, closing) {
            ("br", _) => self.line_end(),
            ("hr", _) => {
                self.break_line(1);
                self.word("---");
                self.break_line(1);
            }
            ("img", _) => {
                let alt = attribute(tag, "alt").unwrap_or_default();
                let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
                if !alt.is_empty() {
                    self.blank = true;
                    self.word(&format!("[{alt}]"));
                    self.blank = true;
                }
            }
            ("td" | "th", _) => self.blank = true,
            ("div" | "tr" | "dt" | "dd" | "caption" | "center", _) => self.break_line(1),
            ("p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "dl", _) => self.break_line(2),
            ("pre", closing) => {
                self.break_line(2);
                self.preformatted = if closing { self.preformatted.saturating_sub(1) } else { self.preformatted + 1 };
            }
            ("blockquote", closing) => {
                self.break_line(2);
                self.quotes = if closing { self.quotes.saturating_sub(1) } else { self.quotes + 1 };
            }
            ("ul" | "ol", false) => {
                self.break_line(if self.lists.is_empty() { 2 } else { 1 });
                let start = attribute(tag, "start").and_then(|start| start.parse().ok());
                self.lists.push((name == "ol").then_some(start.unwrap_or(1)));
            }
            ("ul" | "ol", true) => {
                self.lists.pop();
                self.break_line(if self.lists.is_empty() { 2 } else { 1 });
            }
            ("li", false) => {
                self.break_line(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        format!("{}.", number.saturating_sub(1))
                    }
                    _ => "*".to_owned(),
                };
                self.word(&mark);
                self.blank = true;
            }
            ("li", true) => self.break_line(1),
            ("a", false) => self.links.push((attribute(tag, "href"), self.out.len())),
            ("a", true) => self.link_end(),
            _ => {}
        }
    }

    /// The real target of a link, where its text does not say it.
    fn link_end(&mut self) {
        let Some((Some(target), from)) = self.links.pop() else { return };
        let shown = self.out.get(from..).unwrap_or_default().trim();
        let bare = target.trim_start_matches("mailto:");
        if shown.is_empty() || bare.len() > LONGEST_LINK || shown.contains(bare) {
            return;
        }
        self.blank = true;
        self.word(&format!("<{bare}>"));
    }

    fn words(&mut self, text: &str) {
        let text = decoded(text);
        if self.preformatted > 0 {
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.line_end();
                }
                self.word(line);
            }
            return;
        }
        // Of the blanks of HTML; a no-break space is a letter.
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        self.blank |= text.starts_with(is_blank);
        for (index, word) in text.split(is_blank).filter(|word| !word.is_empty()).enumerate() {
            self.blank |= index > 0;
            self.word(word);
        }
        self.blank |= text.ends_with(is_blank);
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let fresh = self.out.is_empty() || self.owed > 0;
        if fresh {
            let ends = if self.out.is_empty() { 0 } else { self.owed };
            for _ in 0..ends {
                self.out.push('\n');
            }
            let indent = self.lists.len().saturating_sub(1).min(DEEPEST);
            self.out.push_str(&"> ".repeat(self.quotes.min(DEEPEST)));
            self.out.push_str(&"  ".repeat(indent));
        } else if self.blank {
            self.out.push(' ');
        }
        (self.owed, self.blank) = (0, false);
        self.out.push_str(word);
    }

    fn line_end(&mut self) {
        (self.owed, self.blank) = (self.owed + 1, false);
        // Many of them in a row are a layout, and no text.
        self.owed = self.owed.min(3);
    }

    fn break_line(&mut self, ends: usize) {
        (self.owed, self.blank) = (self.owed.max(ends), false);
    }

    fn finish(mut self) -> String {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }
}

/// Where the `>` is that ends the tag at the start of `tag`: one in a quoted value is none.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(decoded(value))
}

/// The few entities that the sanitiser writes.
fn decoded(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let text = text.replace("&nbsp;", "\u{a0}").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

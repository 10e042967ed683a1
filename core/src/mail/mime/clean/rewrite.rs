//! The second pass: over what the sanitiser let through, with an eye for what is around. Elements that are not to be seen go,
//! text that hides becomes visible, sizes become the reader's, colours fit for the dark; links and pictures are judged.
//!
//! *Hidden text.* What is hidden by `display:none`, `visibility:hidden`, `mso-hide:all` or the attribute is left out with its
//! content: no client shows it, so nobody misses it, and what stands there is the line that newsletters write for lists, the
//! half of a mail made for other screens, or words for a filter. Whatever hides in another way (letters of no size or of the
//! colour of the ground, out of sight) is shown by some client or other; here it is made visible, so that a reader sees
//! what a filter was to read, and what an answer would quote. A mail all of which is hidden is shown: better than a blank.

use std::borrow::Cow;

use super::colours::Colour;
use super::links::{Target, gather};
use super::markup::{Piece, Tag, decoded, is_void, pieces};
use super::pictures::{Picture, Pictures};
use super::style::{self, Size, Style, Unit, number};
use super::{CleanHtml, MAX_HOSTS};

/// In the reader's own size: smaller letters hide, larger ones push the rest out of sight.
const LETTERS: (f32, f32) = (0.75, 3.0);
const LINES: (f32, f32) = (1.0, 3.0);
/// How `<font size>` counts, from 1 to 7.
const FONT_SIZES: [f32; 7] = [0.75, 0.82, 1.0, 1.125, 1.5, 2.0, 3.0];
const INLINE: &[&str] = &[
    "a", "abbr", "b", "code", "del", "em", "font", "i", "ins", "q", "s", "small", "span", "strike", "strong", "sub",
    "sup", "tt", "u",
];

/// What an element stands on.
#[derive(Clone, Copy)]
struct Ground {
    surface: Colour,
    /// Whether the surface is the sender's own and stays in the dark.
    painted: bool,
    letters: Colour,
    size: f32,
}

const PAGE: Ground = Ground { surface: Colour::WHITE, painted: false, letters: Colour::BLACK, size: 1.0 };
/// The browser's own colour of links.
const LINK: Colour = Colour(0, 0, 238);

struct Rewriting<'p> {
    pictures: Pictures<'p>,
    /// Shows what is hidden.
    reveals: bool,
    grounds: Vec<Ground>,
    /// How deep one is within an element that is left out.
    hidden: usize,
    link: Option<(Target, String)>,
    /// Whether there is anything to see.
    seen: bool,
    out: CleanHtml,
}

/// Writes `html`, which the sanitiser wrote, anew.
pub(super) fn rewrite(html: &str, pictures: Pictures<'_>) -> CleanHtml {
    let mut first = Rewriting::new(html, pictures, false);
    first.run(html);
    if first.seen || first.out.hidden_texts == 0 {
        return first.out;
    }
    let mut second = Rewriting::new(html, pictures, true);
    second.run(html);
    second.out
}

impl<'p> Rewriting<'p> {
    fn new(html: &str, pictures: Pictures<'p>, reveals: bool) -> Self {
        let out = CleanHtml {
            html: String::with_capacity(html.len()),
            shows_remote: pictures.remote,
            ..CleanHtml::default()
        };
        Self { pictures, reveals, grounds: Vec::new(), hidden: 0, link: None, seen: false, out }
    }

    fn run(&mut self, html: &str) {
        // The parser takes the first line end of a `<pre>` for none.
        let mut fresh_pre = false;
        for piece in pieces(html) {
            match piece {
                Piece::Text(text) => self.text(text, fresh_pre),
                Piece::Open(ref tag) if self.hidden > 0 => self.hidden += usize::from(!is_void(tag.name)),
                Piece::Close(_) if self.hidden > 0 => self.hidden -= 1,
                Piece::Open(tag) => {
                    fresh_pre = tag.name == "pre";
                    self.open(tag);
                    continue;
                }
                Piece::Close(name) => self.close(name),
            }
            fresh_pre = false;
        }
    }

    fn text(&mut self, text: &str, fresh_pre: bool) {
        let blank = text.trim().is_empty();
        if self.hidden > 0 {
            self.out.hidden_texts += usize::from(!blank);
            return;
        }
        self.seen |= !blank;
        if let Some((_, shown)) = &mut self.link {
            gather(shown, decoded(text));
        }
        if fresh_pre && text.starts_with('\n') {
            self.out.html.push('\n');
        }
        self.out.html.push_str(text);
    }

    fn close(&mut self, name: &str) {
        self.grounds.pop();
        if name == "a" {
            self.end_link();
        }
        self.out.html.push_str("</");
        self.out.html.push_str(name);
        self.out.html.push('>');
    }

    fn end_link(&mut self) {
        if let Some((target, text)) = self.link.take() {
            self.out.links.push(target.with_text(&text));
        }
    }

    fn open(&mut self, mut tag: Tag<'_>) {
        let style = style::read(tag.name, tag.value("style").unwrap_or_default());
        if tag.name == "img" {
            self.picture(tag, &style);
            return;
        }
        if (style.hides || tag.value("hidden").is_some()) && !self.reveals {
            self.hidden = usize::from(!is_void(tag.name));
            return;
        }
        if tag.name == "a" {
            self.end_link();
            self.link = tag.value("href").and_then(Target::of).map(|target| (target, String::new()));
            tag.remove("href");
            if let Some((target, _)) = &self.link {
                tag.set("href", target.href.clone());
                tag.set("rel", "noopener noreferrer");
            }
        }
        let written = self.ground(&tag, style);
        tidy(&mut tag, written);
        tag.write(&mut self.out.html);
        if is_void(tag.name) {
            self.grounds.pop();
        }
    }

    /// Puts the ground of an element on the others, and gives its style as it is written.
    fn ground(&mut self, tag: &Tag<'_>, style: Style) -> String {
        let around = self.grounds.last().copied().unwrap_or(PAGE);
        let mut written = style.rest;
        let mut here = around;
        here.size = letters_of(tag.name, around.size);
        let attribute = || tag.value("size").and_then(font_size).filter(|_| tag.name == "font");
        if let Some(size) = style.size.or_else(attribute) {
            let size = match size {
                Size::Rem(size) => size,
                Size::Times(times) => around.size * times,
            };
            here.size = size.clamp(LETTERS.0, LETTERS.1);
            written.push_str(&format!("font-size:{}rem;", number(here.size)));
        }
        if let Some((line, unit)) = style.line {
            let line = match unit {
                Unit::Px => line / (here.size * 16.0),
                Unit::Percent => line / 100.0,
                Unit::Rem => line / here.size,
                Unit::Em | Unit::None => line,
            };
            written.push_str(&format!("line-height:{};", number(line.clamp(LINES.0, LINES.1))));
        }
        let painted = style.background.or_else(|| Some((Colour::of_attribute(tag.value("bgcolor")?)?, 1.0)));
        let painted = painted.filter(|(_, alpha)| *alpha > 0.05);
        if let Some((colour, alpha)) = painted {
            here.surface = colour.over(around.surface, alpha);
            here.painted = !here.surface.is_paper();
            // The style sheet of the page tells the two apart by their property: by night only paper vanishes.
            let property = if here.painted { "background-color" } else { "background" };
            written.push_str(&format!("{property}:{};", here.surface.css()));
            self.out.paper |= here.painted && !INLINE.contains(&tag.name);
        }
        let attribute = || Some((Colour::of_attribute(tag.value("color")?)?, 1.0));
        let own = style.colour.or_else(attribute).map(|(colour, alpha)| colour.over(here.surface, alpha));
        let own = own.filter(|colour| !colour.is_lost_on(here.surface));
        let is_link = tag.name == "a" && self.link.is_some();
        here.letters = own.unwrap_or(if is_link { LINK } else { around.letters });
        let lost = here.letters.is_lost_on(here.surface);
        if lost {
            here.letters = here.surface.opposite();
        }
        // On a surface that stays by night, the letters stay with it.
        if own.is_some() || lost || (painted.is_some() && here.painted) {
            written.push_str(&format!("color:{};", here.letters.css()));
            let night = here.letters.by_night();
            if !here.painted && night != here.letters {
                written.push_str(&format!("--d:{};", night.css()));
            }
        }
        self.grounds.push(here);
        written
    }

    fn picture(&mut self, mut tag: Tag<'_>, style: &Style) {
        let judged = self.pictures.judge(&tag, style);
        let src = match judged {
            Picture::Own(_) if (style.hides || tag.value("hidden").is_some()) && !self.reveals => return,
            Picture::Own(src) => Some(src.into_owned()),
            Picture::Tracker => {
                self.out.trackers += 1;
                return;
            }
            Picture::Remote(address, host) => {
                self.out.remote_pictures += 1;
                if self.out.picture_hosts.len() < MAX_HOSTS && !self.out.picture_hosts.contains(&host) {
                    self.out.picture_hosts.push(host);
                }
                self.pictures.remote.then_some(address)
            }
            Picture::Nothing => None,
        };
        let alt = tag.value("alt").map(str::trim).filter(|alt| !alt.is_empty()).map(str::to_owned);
        // A picture that is not here and says nothing is nothing.
        if src.is_none() && alt.is_none() {
            return;
        }
        self.seen = true;
        if let (Some((_, shown)), Some(alt)) = (&mut self.link, alt) {
            gather(shown, Cow::Owned(format!(" {alt} ")));
        }
        tag.remove("src");
        match src {
            Some(src) => tag.set("src", src),
            // Its words want another room than the picture.
            None => tag.retain(|name, _| name != "width" && name != "height"),
        }
        let written = if tag.value("src").is_some() { style.rest.clone() } else { String::new() };
        tidy(&mut tag, written);
        tag.write(&mut self.out.html);
    }
}

/// The size of letters in an element, where nothing is said about it: as browsers have it.
fn letters_of(name: &str, around: f32) -> f32 {
    around
        * match name {
            "h1" => 2.0,
            "h2" => 1.5,
            "h3" => 1.17,
            "h5" | "small" | "sub" | "sup" => 0.83,
            "h6" => 0.75,
            _ => 1.0,
        }
}

fn font_size(value: &str) -> Option<Size> {
    let value = value.trim();
    let number: i32 = value.parse().ok()?;
    // `+1` and `-1` count from the usual one.
    let index = if value.starts_with(['+', '-']) { 3 + number.clamp(-7, 7) } else { number };
    FONT_SIZES.get(usize::try_from(index.clamp(1, 7) - 1).ok()?).map(|size| Size::Rem(*size))
}

/// Keeps of the attributes those with values that mean something, and sets the style.
fn tidy(tag: &mut Tag<'_>, style: String) {
    let table = tag.name == "table";
    tag.retain(|name, value| {
        let value = value.trim();
        let is_number = |most: u32| value.parse::<u32>().is_ok_and(|number| number <= most);
        match name {
            "href" | "src" | "alt" | "title" | "rel" => true,
            "width" | "height" => {
                is_number(2000)
                    || value.strip_suffix('%').is_some_and(|part| part.parse().is_ok_and(|part: u32| part <= 100))
            }
            "align" => ["left", "right", "center", "justify"].iter().any(|known| known.eq_ignore_ascii_case(value)),
            "valign" => ["top", "middle", "bottom", "baseline"].iter().any(|known| known.eq_ignore_ascii_case(value)),
            "dir" => ["ltr", "rtl", "auto"].iter().any(|known| known.eq_ignore_ascii_case(value)),
            "lang" => value.len() <= 35 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "role" => table && ["presentation", "none"].contains(&value),
            "scope" => ["row", "col", "rowgroup", "colgroup"].contains(&value),
            "border" | "cellpadding" | "cellspacing" => is_number(60),
            "colspan" | "rowspan" => is_number(200),
            "start" => value.parse::<i32>().is_ok(),
            _ => false,
        }
    });
    if !style.is_empty() {
        tag.set("style", style);
    }
}

#[cfg(test)]
mod tests;

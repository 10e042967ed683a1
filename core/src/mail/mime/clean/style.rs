//! The `style` of an element, read by the tokens of CSS Syntax 3 and written anew from what is understood: properties of a list,
//! and for each of them the forms of value that it may have. Nothing of the sender's own writing is copied, so no escape,
//! comment, `url()`, `var()` or anything else that is not named here can come through.
//!
//! What hides text is not in the list (`opacity`, `text-indent`, `letter-spacing`, clipping, positions, transforms, negative
//! margins, boxes of no size), so that such text is seen. Two things are taken at their word: `display:none` with its kin, and
//! sizes and colours, which depend on what is around (see `rewrite`).

use std::fmt::Write as _;

use cssparser::{Delimiter, ParseError, Parser, Token};

use super::colours::Colour;

const MAX_DECLARATIONS: usize = 64;
const MAX_VALUES: usize = 16;
/// In CSS pixels and in em: more room than that around a text pushes it out of sight.
const MAX_ROOM: (f32, f32) = (200.0, 12.0);
/// In CSS pixels: a narrower box holds no word.
const MIN_BOX: f32 = 16.0;

/// The properties whose values are words, with these words.
const WORDS: &[(&str, &[&str])] = &[
    ("border-collapse", &["collapse", "separate"]),
    ("clear", &["both", "left", "none", "right"]),
    ("direction", &["ltr", "rtl"]),
    ("display", &["block", "inline", "inline-block", "table", "table-cell", "table-row"]),
    ("float", &["left", "none", "right"]),
    ("font-style", &["italic", "normal", "oblique"]),
    ("font-weight", &["bold", "bolder", "lighter", "normal"]),
    (
        "list-style-type",
        &["circle", "decimal", "disc", "lower-alpha", "lower-roman", "none", "square", "upper-alpha", "upper-roman"],
    ),
    ("text-align", &["center", "end", "justify", "left", "right", "start"]),
    ("text-decoration", &["line-through", "none", "overline", "underline"]),
    ("text-transform", &["capitalize", "lowercase", "none", "uppercase"]),
    ("vertical-align", &["baseline", "bottom", "middle", "sub", "super", "text-bottom", "text-top", "top"]),
    ("white-space", &["normal", "nowrap", "pre", "pre-line", "pre-wrap"]),
];
const LINES: &[&str] = &["dashed", "dotted", "double", "groove", "hidden", "inset", "none", "outset", "ridge", "solid"];
/// Families without quotes.
const GENERIC: &[&str] = &["cursive", "fantasy", "monospace", "sans-serif", "serif", "system-ui"];

/// A size of letters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Size {
    /// In the sizes that the reader has chosen.
    Rem(f32),
    /// In that of the element around.
    Times(f32),
}

/// What a `style` says.
#[derive(Debug, Default)]
pub(super) struct Style {
    /// That the element is not to be seen at all.
    pub(super) hides: bool,
    pub(super) colour: Option<(Colour, f32)>,
    pub(super) background: Option<(Colour, f32)>,
    pub(super) size: Option<Size>,
    /// The height of a line in letters; or in pixels.
    pub(super) line: Option<(f32, Unit)>,
    /// In pixels, to know a picture of nobody's eyes.
    pub(super) width: Option<f32>,
    pub(super) height: Option<f32>,
    /// The declarations that stand for themselves, each with its semicolon.
    pub(super) rest: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Px,
    Em,
    Rem,
    Percent,
    None,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Word(String),
    Text(String),
    Length(f32, Unit),
    Colour(Colour, f32),
    Comma,
    Slash,
}

/// Reads the `style` of a `tag`. What is not understood is left out.
pub(super) fn read(tag: &str, style: &str) -> Style {
    let mut found = Style::default();
    let mut parser = Parser::new(style);
    for _ in 0..MAX_DECLARATIONS {
        if parser.is_exhausted() {
            break;
        }
        let declaration = parser.parse_until_after(Delimiter::Semicolon, |parser| {
            let name = parser.expect_ident()?.to_ascii_lowercase();
            parser.expect_colon()?;
            // Only its colour is of interest; what else it says may be anything.
            let values = values(parser, matches!(name.as_str(), "background" | "text-decoration" | "list-style"))?;
            Ok::<_, ParseError<()>>((name, values))
        });
        if let Ok((name, values)) = declaration {
            found.take(tag, &name, &values);
        }
    }
    found
}

/// The values up to the end of the declaration. What is unknown is skipped when `lenient`, else an error.
fn values(parser: &mut Parser<'_>, lenient: bool) -> Result<Vec<Value>, ParseError<()>> {
    let mut values = Vec::new();
    while let Ok(token) = parser.next() {
        let value = match token {
            Token::Ident(word) => Some(Value::Word(word.to_ascii_lowercase())),
            Token::QuotedString(text) => Some(Value::Text(text.to_string())),
            Token::Hash(digits) | Token::IDHash(digits) => Colour::named(&format!("#{digits}")).map(colour),
            Token::Number { value, .. } => Some(Value::Length(*value, Unit::None)),
            Token::Percentage { unit_value, .. } => Some(Value::Length(*unit_value * 100.0, Unit::Percent)),
            Token::Dimension { value, unit, .. } => length(*value, unit),
            Token::Comma => Some(Value::Comma),
            Token::Delim('/') => Some(Value::Slash),
            // `!important`, which is left out: what the page says comes before the sender.
            Token::Delim('!') => {
                if parser.expect_ident_matching("important").is_err() && !lenient {
                    return Err(ParseError::unexpected_token());
                }
                continue;
            }
            Token::Function(name) => {
                let name = name.to_ascii_lowercase();
                parser.parse_nested_block(|parser| Ok::<_, ParseError<()>>(function(&name, parser))).ok().flatten()
            }
            _ => None,
        };
        match value {
            Some(value) => values.push(value),
            None if lenient => {}
            None => return Err(ParseError::unexpected_token()),
        }
        if values.len() > MAX_VALUES {
            return Err(ParseError::unexpected_token());
        }
    }
    Ok(values)
}

fn colour((colour, alpha): (Colour, f32)) -> Value {
    Value::Colour(colour, alpha)
}

fn length(value: f32, unit: &str) -> Option<Value> {
    let (factor, unit) = match unit.to_ascii_lowercase().as_str() {
        "px" => (1.0, Unit::Px),
        "pt" => (4.0 / 3.0, Unit::Px),
        "em" => (1.0, Unit::Em),
        "rem" => (1.0, Unit::Rem),
        _ => return None,
    };
    Some(Value::Length(value * factor, unit)).filter(|_| value.is_finite())
}

/// `rgb()` and `hsl()` in their old and new forms; the block is read to its end.
fn function(name: &str, parser: &mut Parser<'_>) -> Option<Value> {
    let mut parts = Vec::new();
    while let Ok(token) = parser.next() {
        match token {
            Token::Number { value, .. } => parts.push((*value, false)),
            Token::Percentage { unit_value, .. } => parts.push((*unit_value, true)),
            Token::Dimension { value, unit, .. } if unit.eq_ignore_ascii_case("deg") => parts.push((*value, false)),
            Token::Comma | Token::Delim('/') => {}
            _ => parts.push((f32::NAN, false)),
        }
        if parts.len() > 4 {
            break;
        }
    }
    while parser.next().is_ok() {}
    let (opaque, alpha) = ((1.0, false), parts.get(3).copied());
    let (alpha, _) = alpha.unwrap_or(opaque);
    let &[one, two, three, ..] = parts.as_slice() else { return None };
    if parts.len() > 4 || parts.iter().any(|(part, _)| !part.is_finite()) {
        return None;
    }
    let found = match name {
        "rgb" | "rgba" => {
            let [r, g, b] =
                [one, two, three].map(|(part, percent)| (if percent { part * 255.0 } else { part }).round());
            Colour(r as u8, g as u8, b as u8)
        }
        "hsl" | "hsla" => Colour::of_hsl(one.0 / 360.0, two.0, three.0),
        _ => return None,
    };
    Some(Value::Colour(found, alpha.clamp(0.0, 1.0)))
}

impl Style {
    fn take(&mut self, tag: &str, name: &str, values: &[Value]) {
        let plain = |values: &[Value]| match values {
            [Value::Length(value, unit)] => Some((*value, *unit)),
            _ => None,
        };
        match name {
            "display" | "visibility" | "mso-hide" if matches!(values, [Value::Word(word)] if hides(word)) => {
                self.hides = true
            }
            "color" => self.colour = first_colour(values, values.len() == 1).or(self.colour),
            "background-color" => self.background = first_colour(values, values.len() == 1).or(self.background),
            "background" => self.background = first_colour(values, true).or(self.background),
            "font-size" => self.size = size(values).or(self.size),
            "line-height" => self.line = plain(values).or(self.line),
            "font-family" => self.family(values),
            "font-weight" if plain(values).is_some() => {
                if let Some((weight, Unit::None)) = plain(values).filter(|(weight, _)| (1.0..=1000.0).contains(weight))
                {
                    self.write(name, &number(weight));
                }
            }
            "width" | "max-width" | "height" => {
                let Some((value, unit)) = plain(values) else { return };
                if unit == Unit::Px || value == 0.0 {
                    match name {
                        "height" => self.height = Some(value),
                        _ => self.width = Some(value),
                    }
                }
                self.extent(tag, name, value, unit);
            }
            "margin" | "margin-top" | "margin-right" | "margin-bottom" | "margin-left" => self.room(name, values, true),
            "padding" | "padding-top" | "padding-right" | "padding-bottom" | "padding-left" | "border-width"
            | "border-radius" | "border-spacing" => self.room(name, values, false),
            "border" | "border-top" | "border-right" | "border-bottom" | "border-left" | "border-color"
            | "border-style" => self.border(name, values),
            "list-style" => self.words("list-style-type", values),
            _ => self.words(name, values),
        }
    }

    fn write(&mut self, name: &str, value: &str) {
        // A `String` takes everything.
        let _ = write!(self.rest, "{name}:{value};");
    }

    fn words(&mut self, name: &str, values: &[Value]) {
        let Some((name, known)) = WORDS.iter().find(|(property, _)| *property == name) else { return };
        let known = |value: &Value| match value {
            Value::Word(word) => known.iter().find(|known| *known == word).copied(),
            _ => None,
        };
        if let Some(word) = values.iter().find_map(known) {
            self.write(name, word);
        }
    }

    fn family(&mut self, values: &[Value]) {
        let mut names: Vec<String> = Vec::new();
        for family in values.split(|value| *value == Value::Comma).take(6) {
            let words: Vec<&str> = family
                .iter()
                .filter_map(|v| match v {
                    Value::Word(word) | Value::Text(word) => Some(word.as_str()),
                    _ => None,
                })
                .collect();
            let name = words.join(" ");
            if GENERIC.contains(&name.as_str()) {
                names.push(name);
            } else if !name.is_empty()
                && name.len() < 40
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '-')
            {
                names.push(format!("'{name}'"));
            }
        }
        if !names.is_empty() {
            self.write("font-family", &names.join(","));
        }
    }

    /// The size of a box: not of one into which no text fits.
    fn extent(&mut self, tag: &str, name: &str, value: f32, unit: Unit) {
        let cell = matches!(tag, "img" | "td" | "th" | "tr" | "col" | "hr");
        let least = match unit {
            _ if cell => 0.0,
            Unit::Px | Unit::None => MIN_BOX,
            Unit::Em | Unit::Rem => 1.0,
            Unit::Percent => 10.0,
        };
        let most = if unit == Unit::Percent { 100.0 } else { 2000.0 };
        let fits = (least..=most).contains(&value) && (unit != Unit::None || value == 0.0);
        if fits && (name != "height" || cell || tag == "table") {
            self.write(name, &css(value, unit));
        }
    }

    fn room(&mut self, name: &str, values: &[Value], auto: bool) {
        let one = |value: &Value| match value {
            Value::Word(word) if auto && word == "auto" => Some(word.clone()),
            Value::Length(value, unit) => {
                let most = match unit {
                    Unit::Px => MAX_ROOM.0,
                    Unit::Em | Unit::Rem => MAX_ROOM.1,
                    Unit::Percent => 50.0,
                    Unit::None => 0.0,
                };
                (0.0..=most).contains(value).then(|| css(*value, *unit))
            }
            _ => None,
        };
        let sides: Option<Vec<String>> = values.iter().map(one).collect();
        if let Some(sides) = sides.filter(|sides| (1..=4).contains(&sides.len())) {
            self.write(name, &sides.join(" "));
        }
    }

    fn border(&mut self, name: &str, values: &[Value]) {
        let one = |value: &Value| match value {
            Value::Length(value, unit @ (Unit::Px | Unit::None))
                if name != "border-color" && name != "border-style" =>
            {
                (0.0..=40.0).contains(value).then(|| css(*value, *unit))
            }
            Value::Word(word) if name != "border-color" && LINES.contains(&word.as_str()) => Some(word.clone()),
            Value::Word(word) if matches!(word.as_str(), "thin" | "medium" | "thick" | "transparent") => {
                Some(word.clone())
            }
            Value::Word(word) => Colour::named(word).map(|(colour, _)| colour.css()),
            Value::Colour(colour, alpha) if *alpha > 0.0 => Some(colour.over(Colour::WHITE, *alpha).css()),
            Value::Colour(..) => Some("transparent".to_owned()),
            _ => None,
        };
        let parts: Option<Vec<String>> = values.iter().map(one).collect();
        if let Some(parts) = parts.filter(|parts| (1..=4).contains(&parts.len())) {
            self.write(name, &parts.join(" "));
        }
    }
}

fn hides(word: &str) -> bool {
    matches!(word, "none" | "hidden" | "collapse" | "all")
}

fn first_colour(values: &[Value], wanted: bool) -> Option<(Colour, f32)> {
    let found = values.iter().find_map(|value| match value {
        Value::Colour(colour, alpha) => Some((*colour, *alpha)),
        Value::Word(word) if word == "transparent" => Some((Colour::WHITE, 0.0)),
        Value::Word(word) => Colour::named(word),
        _ => None,
    });
    found.filter(|_| wanted)
}

fn size(values: &[Value]) -> Option<Size> {
    match values {
        [Value::Length(value, Unit::Px)] => Some(Size::Rem(value / 16.0)),
        [Value::Length(value, Unit::Rem)] => Some(Size::Rem(*value)),
        [Value::Length(value, Unit::Em)] => Some(Size::Times(*value)),
        [Value::Length(value, Unit::Percent)] => Some(Size::Times(value / 100.0)),
        [Value::Length(value, Unit::None)] if *value == 0.0 => Some(Size::Rem(0.0)),
        [Value::Word(word)] => Some(match word.as_str() {
            "xx-small" | "x-small" => Size::Rem(0.75),
            "small" => Size::Rem(0.82),
            "medium" => Size::Rem(1.0),
            "large" => Size::Rem(1.125),
            "x-large" => Size::Rem(1.5),
            "xx-large" => Size::Rem(2.0),
            "smaller" => Size::Times(0.83),
            "larger" => Size::Times(1.2),
            _ => return None,
        }),
        _ => None,
    }
}

fn css(value: f32, unit: Unit) -> String {
    let unit = match unit {
        Unit::Px => "px",
        Unit::Em => "em",
        Unit::Rem => "rem",
        Unit::Percent => "%",
        Unit::None => "",
    };
    format!("{}{unit}", number(value))
}

/// With three decimals at most.
pub(super) fn number(value: f32) -> String {
    let rounded = format!("{value:.3}");
    rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;

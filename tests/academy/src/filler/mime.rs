//! Writing mail the way the mailers of schools do: RFC 5322, 2045 to 2047, 2231, 3676.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::words::Person;

/// How text becomes bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Charset {
    Ascii,
    Utf8,
    Latin1,
    Windows1252,
}

/// How bytes travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transfer {
    AsIs,
    QuotedPrintable,
    Base64,
}

impl Charset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ascii => "us-ascii",
            Self::Utf8 => "utf-8",
            Self::Latin1 => "iso-8859-1",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// `text` with what the charset lacks replaced, as an old mailer would, so that nothing is lost later.
    pub(super) fn tame(self, text: &str) -> String {
        if self == Self::Utf8 {
            return text.to_owned();
        }
        let mut tamed = String::with_capacity(text.len());
        for letter in text.chars() {
            if self.byte(letter).is_some() {
                tamed.push(letter);
                continue;
            }
            match letter {
                '’' => tamed.push('\''),
                '–' => tamed.push('-'),
                '…' => tamed.push_str("..."),
                'œ' => tamed.push_str("oe"),
                '€' => tamed.push_str("euros"),
                _ => tamed.push('?'),
            }
        }
        tamed
    }

    /// The bytes of `text`, which has been tamed.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            _ => text.chars().map(|letter| self.byte(letter).unwrap_or(b'?')).collect(),
        }
    }

    fn byte(self, letter: char) -> Option<u8> {
        let code = u32::from(letter);
        match self {
            Self::Ascii | Self::Utf8 if code < 0x80 => Some(code as u8),
            Self::Latin1 | Self::Windows1252 if code < 0x80 || (0xa0..0x100).contains(&code) => Some(code as u8),
            Self::Windows1252 => match letter {
                '€' => Some(0x80),
                '…' => Some(0x85),
                'Œ' => Some(0x8c),
                '’' => Some(0x92),
                '–' => Some(0x96),
                'œ' => Some(0x9c),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Transfer {
    pub(super) fn name(self, charset: Charset) -> &'static str {
        match self {
            Self::AsIs if charset == Charset::Ascii => "7bit",
            Self::AsIs => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// Appends `text` (lines ended by LF) in this encoding, with CRLF.
    pub(super) fn write(self, charset: Charset, text: &str, raw: &mut Vec<u8>) {
        let bytes = charset.encode(&text.replace('\n', "\r\n"));
        match self {
            Self::AsIs => raw.extend(bytes),
            Self::QuotedPrintable => quoted_printable(&bytes, raw),
            Self::Base64 => base64_lines(&bytes, raw),
        }
    }
}

/// RFC 2045 6.7, with CRLF in `bytes` as line ends.
fn quoted_printable(bytes: &[u8], raw: &mut Vec<u8>) {
    let mut column = 0;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if rest.starts_with(b"\r\n") {
            raw.extend(b"\r\n");
            (column, rest) = (0, &rest[2..]);
            continue;
        }
        let ends_line = after.is_empty() || after.starts_with(b"\r\n");
        let plain = (b'!'..=b'~').contains(&byte) && byte != b'=' || byte == b' ' && !ends_line;
        let width = if plain { 1 } else { 3 };
        if column + width > 75 {
            raw.extend(b"=\r\n");
            column = 0;
        }
        if plain {
            raw.push(byte);
        } else {
            raw.extend(format!("={byte:02X}").bytes());
        }
        column += width;
        rest = after;
    }
}

/// RFC 2045 6.8: lines of 76.
pub(super) fn base64_lines(bytes: &[u8], raw: &mut Vec<u8>) {
    for chunk in bytes.chunks(57) {
        raw.extend(STANDARD.encode(chunk).bytes());
        raw.extend(b"\r\n");
    }
}

/// RFC 2047 words of at most 75 characters, folded. ASCII text is only folded at spaces.
pub(super) fn header_text(text: &str, charset: Charset, base64: bool) -> String {
    if text.is_ascii() {
        return fold(text);
    }
    let charset = if charset.tame(text) == text && charset != Charset::Ascii { charset } else { Charset::Utf8 };
    let overhead = charset.name().len() + "=??q??=".len();
    let mut words = Vec::new();
    let mut pending = Vec::new();
    for letter in text.chars() {
        let bytes = charset.encode(letter.encode_utf8(&mut [0; 4]));
        let grown = [pending.as_slice(), &bytes].concat();
        // The first word shares its line with the header's name.
        let room = if words.is_empty() { 62 } else { 75 };
        if overhead + word_length(&grown, base64) > room {
            words.push(encoded_word(&pending, charset, base64));
            pending = bytes;
        } else {
            pending = grown;
        }
    }
    words.push(encoded_word(&pending, charset, base64));
    words.join("\r\n ")
}

fn word_length(bytes: &[u8], base64: bool) -> usize {
    if base64 { bytes.len().div_ceil(3) * 4 } else { q_word(bytes).len() }
}

fn encoded_word(bytes: &[u8], charset: Charset, base64: bool) -> String {
    let (letter, text) = if base64 { ('B', STANDARD.encode(bytes)) } else { ('Q', q_word(bytes)) };
    format!("=?{}?{letter}?{text}?=", charset.name())
}

fn q_word(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut word, &byte| {
        match byte {
            b' ' => word.push('_'),
            // RFC 2047 5 (3): what may stand in a phrase as well.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'!' | b'*' | b'+' | b'-' | b'/' => word.push(char::from(byte)),
            _ => word.push_str(&format!("={byte:02X}")),
        }
        word
    })
}

/// Breaks before a space where a line would pass 78 columns with the longest header name.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 8);
    let mut column = 20;
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            // A line of spaces only is no continuation (RFC 5322 3.2.2): break only before a word.
            if column + 1 + word.len() > 76 && !word.is_empty() && !folded.ends_with(' ') {
                folded.push_str("\r\n");
                column = 0;
            }
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += word.len();
    }
    folded
}

/// `name <address>`, encoded or quoted as the name needs.
pub(super) fn mailbox(person: &Person, charset: Charset, base64: bool) -> String {
    let name = if !person.name.is_ascii() {
        header_text(person.name, charset, base64)
    } else if person.name.chars().all(|letter| letter.is_ascii_alphanumeric() || " -'".contains(letter)) {
        person.name.to_owned()
    } else {
        format!("\"{}\"", person.name.replace('\\', "\\\\").replace('"', "\\\""))
    };
    format!("{name} <{}>", person.address())
}

/// A parameter value, by RFC 2231 where it is not ASCII.
pub(super) fn parameter(name: &str, value: &str) -> String {
    if value.is_ascii() {
        return format!("{name}=\"{value}\"");
    }
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{name}*=utf-8''{encoded}")
}

/// Wraps each line at 72 columns. With `flowed`, by RFC 3676: soft breaks end with a space, lines are space-stuffed.
pub(super) fn wrap(text: &str, flowed: bool) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / 40);
    for line in text.lines() {
        let quoted = line.starts_with('>');
        if flowed && !quoted && (line.starts_with(' ') || line.starts_with("From ")) {
            wrapped.push(' ');
        }
        let mut column = 0;
        for (at, word) in line.split(' ').enumerate() {
            let length = word.chars().count();
            if at > 0 {
                if column + 1 + length > 72 && !quoted && line != "-- " {
                    wrapped.push_str(if flowed { " \n" } else { "\n" });
                    column = 0;
                } else {
                    wrapped.push(' ');
                    column += 1;
                }
            }
            wrapped.push_str(word);
            column += length;
        }
        wrapped.push('\n');
    }
    wrapped
}

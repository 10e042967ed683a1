//! The headers a list of messages shows and an answer needs (RFC 5322, section 3.6).

use std::borrow::Cow;
use std::panic::catch_unwind;
use std::sync::LazyLock;

use mail_parser::{Address, HeaderName, HeaderValue, Message, MessageParser, MimeHeaders as _};

const MAX_BLOCK: usize = 256 * 1024;
const MAX_PEOPLE: usize = 500;
const MAX_IDS: usize = 100;
const MAX_SHOWN: usize = 1000;
const MAX_FIELD: usize = 64 * 1024;
const MAX_FIELDS: usize = 100;

/// Somebody in a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name shown, cleaned of control and direction-override characters.
    pub name: Option<String>,
    /// The address as written; it may be invalid.
    pub address: String,
}

/// What the headers of a message say. All of it is the sender's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The subject, empty if there is none.
    pub subject: String,
    /// The first author.
    pub from: Option<Person>,
    /// Where the author wants answers.
    pub reply_to: Vec<Person>,
    /// The first recipients.
    pub to: Vec<Person>,
    /// Those in copy.
    pub cc: Vec<Person>,
    /// Milliseconds since 1970, UTC.
    pub date_ms: Option<i64>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// Without angle brackets.
    pub in_reply_to: Vec<String>,
    /// Without angle brackets, oldest first.
    pub references: Vec<String>,
    /// Whether the type announces attachments; only the body tells for sure.
    pub likely_attachments: bool,
    /// The mailing list (RFC 2919).
    pub list_id: Option<String>,
}

/// Reads the headers at the start of `raw`, with or without a body after them. Never fails: what
/// cannot be read is absent. At most 256 KiB are looked at.
pub fn read_headers(raw: &[u8]) -> Headers {
    read_with(&MessageParser::default(), raw)
}

/// Only what a list of messages needs, in half the time: subject, author, Message-ID and type. The rest is absent.
pub(crate) fn read_row_headers(raw: &[u8]) -> Headers {
    static ROW: LazyLock<MessageParser> = LazyLock::new(|| {
        MessageParser::new()
            .header_text(HeaderName::Subject)
            .header_address(HeaderName::From)
            .header_id(HeaderName::MessageId)
            .header_content_type(HeaderName::ContentType)
            .default_header_ignore()
    });
    read_with(&ROW, raw)
}

fn read_with(parser: &MessageParser, raw: &[u8]) -> Headers {
    let block = raw.get(..header_length(raw).min(MAX_BLOCK)).unwrap_or(raw);
    let text = utf8_headers(block);
    // The parser has panicked on hostile mail before; what calls this must not fall over with it.
    let read = || parser.parse_headers(text.as_ref()).map(|message| from_message(&message));
    catch_unwind(read).ok().flatten().unwrap_or_default()
}

pub(crate) fn from_message(message: &Message<'_>) -> Headers {
    let likely_attachments = message.content_type().is_some_and(|kind| {
        let subtype = kind.subtype().unwrap_or_default();
        (kind.ctype().eq_ignore_ascii_case("multipart") && subtype.eq_ignore_ascii_case("mixed"))
            || ["application", "image", "audio", "video"].iter().any(|t| kind.ctype().eq_ignore_ascii_case(t))
    });
    Headers {
        subject: shown(message.subject().unwrap_or_default()),
        from: people(message.from()).into_iter().next(),
        reply_to: people(message.reply_to()),
        to: people(message.to()),
        cc: people(message.cc()),
        date_ms: message.date().filter(|date| date.is_valid()).and_then(|date| date.to_timestamp().checked_mul(1000)),
        message_id: message.message_id().and_then(message_id),
        in_reply_to: ids(message.in_reply_to()),
        references: ids(message.references()),
        likely_attachments,
        list_id: message.header_raw(HeaderName::ListId).and_then(list_id),
    }
}

/// What stands between the brackets; before them is a name for people.
fn list_id(field: &str) -> Option<String> {
    let id = field.rsplit_once('<').map_or(field, |(_, id)| id);
    Some(shown(id.split('>').next().unwrap_or_default())).filter(|id| !id.is_empty())
}

/// `text` on one line, without characters that control or reorder what is around them.
pub(crate) fn shown(text: &str) -> String {
    // Most are of this kind, and every row has three.
    if text.len() <= MAX_SHOWN && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.trim().to_owned();
    }
    let flat: String = text
        .chars()
        .take(MAX_SHOWN * 4)
        .filter_map(|c| if matches!(c, '\t' | '\n' | '\r') { Some(' ') } else { visible(c).then_some(c) })
        .take(MAX_SHOWN)
        .collect();
    flat.trim().to_owned()
}

/// Whether `c` may be shown: no control characters, no bidirectional overrides and isolates.
pub(crate) fn visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Raw eight-bit headers are against RFC 5322 but common: read as UTF-8, else as Windows-1252, as
/// every mail program means it that says nothing or says Latin-1.
pub(crate) fn utf8_headers(raw: &[u8]) -> Cow<'_, [u8]> {
    let (head, body) = raw.split_at_checked(header_length(raw)).unwrap_or((raw, &[]));
    if std::str::from_utf8(head).is_ok() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len() + 64);
    for line in head.split_inclusive(|b| *b == b'\n') {
        match std::str::from_utf8(line) {
            Ok(_) => out.extend_from_slice(line),
            Err(_) => out.extend_from_slice(line.iter().map(|b| windows_1252(*b)).collect::<String>().as_bytes()),
        }
    }
    out.extend_from_slice(body);
    Cow::Owned(out)
}

/// Latin-1 but for 0x80 to 0x9f, where it has `€`, `œ` and `’` (the Encoding Standard's table).
pub(crate) fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).and_then(|at| HIGH.get(usize::from(at)));
    high.copied().unwrap_or_else(|| char::from(byte))
}

pub(super) fn header_length(raw: &[u8]) -> usize {
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', raw) {
        if matches!(raw.get(begin..=end), Some(b"\n" | b"\r\n")) {
            return end + 1;
        }
        begin = end + 1;
    }
    raw.len()
}

/// The values of every field of this name (in lower case) of the header that `raw` begins with: unfolded, as they are written,
/// each of at most 64 KiB; a longer one is left out. At most 100.
pub(in crate::mail) fn fields(raw: &[u8], name: &str) -> Vec<String> {
    let header = raw.get(..header_length(raw).min(MAX_BLOCK)).unwrap_or(raw);
    let (mut found, mut value): (Vec<String>, Option<Vec<u8>>) = (Vec::new(), None);
    let keep = |value: Option<Vec<u8>>, found: &mut Vec<String>| {
        if let Some(value) = value.filter(|value| value.len() <= MAX_FIELD) {
            found.push(String::from_utf8_lossy(&value).trim().to_owned());
        }
    };
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii_end();
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some(value) = value.as_mut().filter(|value| value.len() <= MAX_FIELD) {
                value.extend_from_slice(bare);
            }
            continue;
        }
        keep(value.take(), &mut found);
        if found.len() >= MAX_FIELDS {
            break;
        }
        let colon = memchr::memchr(b':', bare).and_then(|at| bare.split_at_checked(at));
        value = colon
            .filter(|(field, _)| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, rest)| rest.get(1..).unwrap_or_default().to_vec());
    }
    keep(value, &mut found);
    found
}

fn people(address: Option<&Address<'_>>) -> Vec<Person> {
    let Some(address) = address else { return Vec::new() };
    address
        .iter()
        .filter_map(|one| {
            let address = shown(one.address.as_deref()?);
            let name = one.name.as_deref().map(shown).filter(|name| !name.is_empty());
            (!address.is_empty()).then_some(Person { name, address })
        })
        .take(MAX_PEOPLE)
        .collect()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(one) => message_id(one).into_iter().collect(),
        HeaderValue::TextList(many) => {
            let skip = many.len().saturating_sub(MAX_IDS);
            many.iter().skip(skip).filter_map(|one| message_id(one)).collect()
        }
        _ => Vec::new(),
    }
}

/// An identifier that can be written back into a header: visible ASCII, no brackets.
pub(crate) fn message_id(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let good =
        !id.is_empty() && id.len() <= 250 && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
    good.then(|| id.to_owned())
}

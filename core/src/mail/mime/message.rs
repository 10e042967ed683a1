//! A whole message read for a screen.

use std::borrow::Cow;
use std::panic::catch_unwind;

use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::clean::{CleanHtml, Pictures, clean, clean_with};
use super::decode::Decoder;
use super::headers::{Headers, from_message, read_headers, shown, utf8_headers, visible, windows_1252};
use super::nesting::{hide, restore, restore_text};
use super::plain::text_of;
use super::skeleton::Gap;
use crate::mail::imap::Encoding as Written;

const MAX_TEXT: usize = 1 << 20;
const MAX_TEXTS: usize = 500;
const MAX_ATTACHMENTS: usize = 500;
/// In characters, of at most four bytes; file systems take 255 bytes.
const MAX_NAME: usize = 60;

/// A part of a message that is kept as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its place, to ask [`attachment`] for the bytes.
    pub index: usize,
    /// A file name without folder, never empty, never hidden.
    pub name: String,
    /// As the sender declares it, in lower case.
    pub media_type: String,
    /// Decoded, in bytes. Of one that has not been fetched: about that, reckoned from what the server tells of it.
    pub size: usize,
    /// Whether the sender shows it within the text.
    pub inline: bool,
    /// What a `cid:` picture refers to.
    pub content_id: Option<String>,
}

/// Why a reading is less than the sender wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No message could be recognised: the text is the source.
    Unreadable,
    /// A part was encoded wrongly and may be damaged.
    Damaged,
    /// Text or list of attachments was cut.
    TooLong,
}

/// A message as a screen shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its headers.
    pub headers: Headers,
    /// Its text; made from the HTML when there is no other.
    pub text: String,
    /// Its HTML made harmless.
    pub html: Option<CleanHtml>,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// What went wrong, if anything did.
    pub trouble: Option<Trouble>,
}

/// Reads a message. Never fails. CPU-bound: call it off the screen's thread.
pub fn read_message(raw: &[u8]) -> Reading {
    read_parts(raw, &[])
}

/// Reads a message of whose parts some are not here: what is told of their size is about right only.
pub(in crate::mail) fn read_parts(raw: &[u8], gaps: &[Gap]) -> Reading {
    read(raw, gaps, false)
}

/// The same with the pictures of other servers in its HTML.
pub(in crate::mail) fn read_with_pictures(raw: &[u8], gaps: &[Gap]) -> Reading {
    read(raw, gaps, true)
}

fn read(raw: &[u8], gaps: &[Gap], remote: bool) -> Reading {
    let source = utf8_headers(raw);
    let hidden = hide(&source);
    let parsed = parse(hidden.as_deref().unwrap_or(&source));
    let Some(message) = parsed.filter(|m| m.parts.first().is_some_and(|root| !root.headers.is_empty())) else {
        return unreadable(raw);
    };
    let mut trouble = message.parts.iter().any(|part| part.is_encoding_problem).then_some(Trouble::Damaged);
    let ids: Vec<String> = message.parts.iter().filter_map(|part| part.content_id().map(shown)).collect();
    let pictures = if remote { Pictures::remote(&ids) } else { Pictures::own(&ids) };
    let html = markup(&message).map(|markup| clean_with(&markup, pictures));
    let plain = plain(&message, &source, html.as_ref());
    let (text, cut) = shown_text(&plain);
    if cut || html.as_ref().is_some_and(|html| html.cut) || message.attachment_count() > MAX_ATTACHMENTS {
        trouble = Some(Trouble::TooLong);
    }
    let described = |(index, part)| describe(index, part, &source, gap_at(gaps, part));
    let attachments: Vec<_> = message.attachments().take(MAX_ATTACHMENTS).enumerate().map(described).collect();
    let headers = from_message(&message);
    if headers == Headers::default() && text.trim().is_empty() && html.is_none() && attachments.is_empty() {
        return unreadable(raw);
    }
    Reading { headers, text, html, attachments, trouble }
}

/// Nothing in it is a message: its source may still say something to somebody.
fn unreadable(raw: &[u8]) -> Reading {
    let (text, _) = shown_text(&String::from_utf8_lossy(raw));
    Reading { headers: read_headers(raw), text, trouble: Some(Trouble::Unreadable), ..Reading::default() }
}

/// The parts meant to be shown as HTML, with the texts between them. `None` when none is HTML.
fn markup(message: &Message<'_>) -> Option<String> {
    let mut all = String::new();
    let mut any = false;
    for part in message.html_bodies().take(MAX_TEXTS) {
        match &part.body {
            PartType::Html(html) => {
                any = true;
                append(&mut all, &restore_text(html));
            }
            PartType::Text(text) => append(&mut all, &as_html(&restore_text(text))),
            _ => {}
        }
    }
    any.then_some(all)
}

fn as_html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", escaped.trim_end().replace('\n', "<br>"))
}

/// The parts meant to be shown as text. When none of them is, the text of the HTML.
fn plain(message: &Message<'_>, source: &[u8], html: Option<&CleanHtml>) -> String {
    let mut all = String::new();
    let any = message.text_bodies().any(|part| matches!(part.body, PartType::Text(_)));
    // Cleaning costs more than reading: no more of it than for one page.
    let mut budget = MAX_TEXT;
    for part in message.text_bodies().filter(|_| any).take(MAX_TEXTS) {
        match &part.body {
            PartType::Text(text) => append(&mut all, &restore_text(&as_declared(part, text, source))),
            PartType::Html(html) if html.len() <= budget => {
                budget -= html.len();
                append(&mut all, text_of(&clean(&restore_text(html))).trim_end());
            }
            _ => {}
        }
    }
    if all.trim().is_empty() { html.map(text_of).unwrap_or_default() } else { all }
}

/// Text that is not what it is declared to be, or declares nothing, is Windows-1252 as it was before UTF-8.
fn as_declared<'t>(part: &MessagePart<'_>, text: &'t str, source: &[u8]) -> Cow<'t, str> {
    let place = usize::try_from(part.offset_body).ok().zip(usize::try_from(part.offset_end).ok());
    let raw = place.and_then(|(start, end)| source.get(start..end)).unwrap_or_default();
    let wrong = part.encoding == Encoding::None && text.contains('\u{fffd}') && std::str::from_utf8(raw).is_err();
    if wrong { Cow::Owned(raw.iter().map(|byte| windows_1252(*byte)).collect()) } else { Cow::Borrowed(text) }
}

/// The attachment at `index` of [`Reading::attachments`] with its decoded bytes.
pub fn attachment(raw: &[u8], index: usize) -> Option<(Attachment, Vec<u8>)> {
    if index >= MAX_ATTACHMENTS {
        return None;
    }
    let source = utf8_headers(raw);
    let hidden = hide(&source);
    let message = parse(hidden.as_deref().unwrap_or(&source))?;
    let part = message.attachments().nth(index)?;
    Some((describe(index, part, &source, None), restore(&content(part, &source)).into_owned()))
}

/// Where the bytes of an attachment are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::mail) enum Source {
    /// Here, decoded.
    Here(Vec<u8>),
    /// On the server, as they are written.
    Away(Gap),
}

/// The attachment at `index` of what [`read_parts`] tells, and where its bytes are.
pub(in crate::mail) fn source_of(raw: &[u8], gaps: &[Gap], index: usize) -> Option<(Attachment, Source)> {
    if !gaps.is_empty() && index < MAX_ATTACHMENTS {
        let hidden = hide(raw);
        let message = parse(hidden.as_deref().unwrap_or(raw))?;
        let part = message.attachments().nth(index)?;
        if let Some(gap) = gap_at(gaps, part) {
            return Some((describe(index, part, raw, Some(gap)), Source::Away(gap.clone())));
        }
    }
    attachment(raw, index).map(|(told, bytes)| (told, Source::Here(bytes)))
}

fn gap_at<'g>(gaps: &'g [Gap], part: &MessagePart<'_>) -> Option<&'g Gap> {
    gaps.iter().find(|gap| usize::try_from(part.offset_body) == Ok(gap.at))
}

/// Says that a message cannot be read also where the parser panics, which it has done on hostile mail before.
pub(super) fn parse(source: &[u8]) -> Option<Message<'_>> {
    catch_unwind(|| MessageParser::default().parse(source)).ok()?
}

fn append(all: &mut String, piece: &str) {
    if all.len() > MAX_TEXT {
        return;
    }
    if !all.is_empty() {
        all.push('\n');
    }
    all.push_str(piece);
}

fn shown_text(text: &str) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars() {
        if out.len() >= MAX_TEXT {
            return (out, true);
        }
        if matches!(c, '\n' | '\t') || visible(c) {
            out.push(c);
        }
    }
    (out, false)
}

/// The bytes of an attachment. The parser gives texts in UTF-8; a file is what its sender made of it.
fn content<'p>(part: &'p MessagePart<'_>, source: &[u8]) -> Cow<'p, [u8]> {
    let place = usize::try_from(part.offset_body).ok().zip(usize::try_from(part.offset_end).ok());
    let written = place.and_then(|(start, end)| source.get(start..end));
    match (&part.body, written) {
        (PartType::Text(_) | PartType::Html(_), Some(written)) if !part.is_encoding_problem => {
            let mut decoder = Decoder::new(match part.encoding {
                Encoding::Base64 => Written::Base64,
                Encoding::QuotedPrintable => Written::QuotedPrintable,
                Encoding::None => Written::Identity,
            });
            let mut bytes = Vec::with_capacity(written.len());
            decoder.push(written, &mut bytes);
            decoder.finish(&mut bytes);
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(part.contents()),
    }
}

fn describe(index: usize, part: &MessagePart<'_>, source: &[u8], gap: Option<&Gap>) -> Attachment {
    let media_type = match (part.content_type(), &part.body) {
        (Some(kind), _) => {
            let declared = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream"));
            shown(&restore_text(&declared)).to_ascii_lowercase()
        }
        (None, PartType::Text(_)) => "text/plain".to_owned(),
        (None, _) => "application/octet-stream".to_owned(),
    };
    Attachment {
        index,
        name: file_name(&restore_text(part.attachment_name().unwrap_or_default()), index, &media_type),
        size: gap.map_or_else(|| content(part, source).len(), |gap| usize::try_from(gap.size).unwrap_or(usize::MAX)),
        inline: part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("inline")),
        content_id: part.content_id().map(shown),
        media_type,
    }
}

/// The last path component of `wanted`, without what a file system or a shell gives a meaning to.
fn file_name(wanted: &str, index: usize, media_type: &str) -> String {
    let last = shown(wanted).rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let safe: String =
        last.chars().map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c }).collect();
    let safe = safe.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if !safe.is_empty() {
        // Its end says what opens it.
        let (stem, ending) = safe.rsplit_once('.').filter(|(_, ending)| ending.len() <= 10).unwrap_or((safe, ""));
        let stem: String = stem.chars().take(MAX_NAME).collect();
        return if ending.is_empty() { stem } else { format!("{}.{ending}", stem.trim_end()) };
    }
    let extension = match media_type {
        "message/rfc822" => ".eml",
        "text/calendar" => ".ics",
        "text/plain" => ".txt",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "application/pdf" => ".pdf",
        _ => "",
    };
    format!("attachment-{}{extension}", index + 1)
}

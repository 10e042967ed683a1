//! A whole message read for a screen.

use std::panic::catch_unwind;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::clean::{CleanHtml, clean};
use super::headers::{Headers, from_message, read_headers, shown, utf8_headers, visible};
use super::nesting::{hide, restore, restore_text};

const MAX_TEXT: usize = 1 << 20;
const MAX_ATTACHMENTS: usize = 500;
const TEXT_WIDTH: usize = 78;

/// A part of a message that is kept as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its place, to ask [`attachment`] for the bytes.
    pub index: usize,
    /// A file name without folder, never empty, never hidden.
    pub name: String,
    /// As the sender declares it, in lower case.
    pub media_type: String,
    /// Decoded, in bytes.
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
    let source = utf8_headers(raw);
    let hidden = hide(&source);
    let parsed = parse(hidden.as_deref().unwrap_or(&source));
    let Some(message) = parsed.filter(|m| m.parts.first().is_some_and(|root| !root.headers.is_empty())) else {
        let (text, _) = shown_text(&String::from_utf8_lossy(raw));
        return Reading { headers: read_headers(raw), text, trouble: Some(Trouble::Unreadable), ..Reading::default() };
    };
    let mut trouble = message.parts.iter().any(|part| part.is_encoding_problem).then_some(Trouble::Damaged);
    let mut plain = String::new();
    for part in message.text_bodies() {
        if let PartType::Text(text) = &part.body {
            append(&mut plain, &restore_text(text));
        }
    }
    let mut markup = String::new();
    for part in message.html_bodies() {
        if let PartType::Html(html) = &part.body {
            append(&mut markup, &restore_text(html));
        }
    }
    let html = (!markup.is_empty()).then(|| clean(&markup));
    if plain.trim().is_empty()
        && let Some(html) = &html
    {
        plain = html2text::from_read(html.html.as_bytes(), TEXT_WIDTH).unwrap_or_default();
    }
    let (text, cut) = shown_text(&plain);
    if cut || message.attachment_count() > MAX_ATTACHMENTS {
        trouble = Some(Trouble::TooLong);
    }
    let attachments =
        message.attachments().take(MAX_ATTACHMENTS).enumerate().map(|(index, part)| describe(index, part)).collect();
    Reading { headers: from_message(&message), text, html, attachments, trouble }
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
    Some((describe(index, part), restore(part.contents()).into_owned()))
}

/// Says that a message cannot be read also where the parser panics, which it has done on hostile mail before.
fn parse(source: &[u8]) -> Option<Message<'_>> {
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

fn describe(index: usize, part: &MessagePart<'_>) -> Attachment {
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
        size: part.contents().len(),
        inline: part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("inline")),
        content_id: part.content_id().map(shown),
        media_type,
    }
}

/// The last path component of `wanted`, without what a file system or a shell gives a meaning to.
fn file_name(wanted: &str, index: usize, media_type: &str) -> String {
    let last = shown(wanted).rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let safe: String = last
        .chars()
        .map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .take(120)
        .collect();
    let safe = safe.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if !safe.is_empty() {
        return safe.to_owned();
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

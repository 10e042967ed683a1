//! A whole message read for a screen.

use std::borrow::Cow;
use std::panic::catch_unwind;

use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::blocks::{Block, blocks};
use super::clean::{CleanHtml, Pictures, clean, clean_with};
use super::decode::Decoder;
use super::flowed::unflow;
use super::headers::{Headers, from_message, header_length, read_headers, shown, utf8_headers, visible, windows_1252};
use super::invitation::{Invitation, invitation};
use super::nesting::{hide, restore, restore_text};
use super::notices::{Notice, notices};
use super::opaque::opened;
use super::plain::text_of;
use super::report::{Report, report};
use super::skeleton::Gap;
use crate::mail::imap::Encoding as Written;

const MAX_TEXT: usize = 1 << 20;
const MAX_TEXTS: usize = 500;
const MAX_ATTACHMENTS: usize = 500;
/// Tags in the HTML of all parts but the first together: cleaning is quadratic on them.
const MAX_MORE_TAGS: usize = 6000;
/// Messages in messages that are opened.
pub(in crate::mail) const DEEPEST: usize = 8;
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

/// What of a message a screen shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// Its text.
    #[default]
    Text,
    /// Its HTML.
    Html,
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
    /// What kind of message it is, where that is to be said.
    pub notices: Vec<Notice>,
    /// What became of a letter, where it is a server's report of one.
    pub report: Option<Report>,
    /// The event it brings.
    pub invitation: Option<Invitation>,
}

impl Reading {
    /// The form it has that is nearest to the one the teacher prefers. A text that only says that the message is HTML, as some
    /// senders write it, is none.
    pub fn form(&self, preferred: Form) -> Form {
        match preferred {
            Form::Html if self.html.is_some() => Form::Html,
            Form::Text if self.html.is_some() && self.is_stub() => Form::Html,
            _ => Form::Text,
        }
    }

    /// The text in blocks, of which quotes and signatures may be folded. Made anew at each call.
    pub fn blocks(&self) -> Vec<Block> {
        blocks(&self.text)
    }

    fn is_stub(&self) -> bool {
        let text = self.text.trim();
        let says = ["html", "client de messagerie", "lecteur de courri", "view this email", "afficher ce message"];
        text.is_empty()
            || (text.len() < 300 && text.lines().count() < 5 && {
                let lower = text.to_lowercase();
                says.iter().any(|words| lower.contains(words))
                    && self.html.as_ref().is_some_and(|html| html.html.len() > 4 * text.len())
            })
    }
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
    let opaque = if gaps.is_empty() { opened(raw) } else { None };
    let source = utf8_headers(opaque.as_deref().unwrap_or(raw));
    let hidden = hide(&source);
    let parsed = parse(hidden.as_deref().unwrap_or(&source));
    let Some(message) = parsed.filter(|m| m.parts.first().is_some_and(|root| !root.headers.is_empty())) else {
        return unreadable(raw);
    };
    let mut trouble = message.parts.iter().any(|part| part.is_encoding_problem).then_some(Trouble::Damaged);
    let ids: Vec<String> = message.parts.iter().filter_map(|part| part.content_id().map(shown)).collect();
    let pictures = if remote { Pictures::remote(&ids) } else { Pictures::own(&ids) };
    let html = markup(&message, &source, pictures);
    let plain = plain(&message, &source, html.as_ref());
    let (text, cut) = shown_text(&plain);
    if cut || html.as_ref().is_some_and(|html| html.cut) || message.attachment_count() > MAX_ATTACHMENTS {
        trouble = Some(Trouble::TooLong);
    }
    let described = |(index, part)| describe(index, part, &source, gap_at(gaps, part));
    let attachments: Vec<_> = message.attachments().take(MAX_ATTACHMENTS).enumerate().map(described).collect();
    let headers = from_message(&message);
    let mut notices = notices(&message, &source, opaque.is_some(), &text, &attachments);
    let report = report(&message, &source, &headers, &text);
    if report.is_some() {
        // That a server wrote it is said by the report.
        notices.retain(|notice| !matches!(notice, Notice::AutomaticAnswer | Notice::Automatic));
    }
    let invitation = invitation(&message);
    let reading = Reading { headers, text, html, attachments, trouble, notices, report, invitation };
    if reading.is_blank() { reading.or_source(&source, raw) } else { reading }
}

impl Reading {
    /// Whether there is nothing to look at. A picture that was removed is told of.
    fn is_blank(&self) -> bool {
        let empty = |html: &CleanHtml| {
            html.remote_pictures == 0 && !html.html.contains("<img") && text_of(html).trim().is_empty()
        };
        // Parts that could not be told from one another are no file.
        let mut files = self.attachments.iter().filter(|one| !one.media_type.starts_with("multipart/"));
        self.text.trim().is_empty() && files.next().is_none() && self.html.as_ref().is_none_or(empty)
    }

    /// A body of which nothing could be made is shown as it came; so is everything where not even a header says something.
    fn or_source(self, source: &[u8], raw: &[u8]) -> Self {
        if self.headers == Headers::default() {
            return unreadable(raw);
        }
        let body = source.get(header_length(source)..).unwrap_or_default();
        let has_words = body.iter().any(u8::is_ascii_alphanumeric);
        if !has_words || self.html.is_none() && self.trouble.is_none() && is_only_boundaries(body) {
            return self;
        }
        let (text, _) = shown_text(&String::from_utf8_lossy(body));
        Self { text, html: None, trouble: Some(Trouble::Unreadable), ..self }
    }
}

/// Whether a body is of parts that are all empty: boundaries and headers, and no words.
fn is_only_boundaries(body: &[u8]) -> bool {
    let mut in_header = false;
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).all(|line| {
        let boundary = line.starts_with(b"--");
        let field = line.contains(&b':') || line.starts_with(b" ") || line.starts_with(b"\t");
        in_header = boundary || (in_header && field);
        boundary || in_header || line.is_empty()
    })
}

/// Nothing in it is a message: its source may still say something to somebody.
fn unreadable(raw: &[u8]) -> Reading {
    let (text, _) = shown_text(&String::from_utf8_lossy(raw));
    Reading { headers: read_headers(raw), text, trouble: Some(Trouble::Unreadable), ..Reading::default() }
}

/// The parts meant to be shown as HTML, with the texts between them. `None` when none is HTML. Each is cleaned by itself: what
/// one leaves open (a tag, a quote, a comment) must not take in what another says, which may be what was encrypted.
fn markup(message: &Message<'_>, source: &[u8], pictures: Pictures<'_>) -> Option<CleanHtml> {
    let mut all = CleanHtml::default();
    let (mut any, mut tags, mut bytes) = (false, MAX_MORE_TAGS, MAX_TEXT);
    for part in message.html_bodies().take(MAX_TEXTS) {
        match &part.body {
            PartType::Html(html) => {
                let its_tags = memchr::memchr_iter(b'<', html.as_bytes()).count();
                if any && (its_tags > tags || html.len() > bytes) {
                    all.cut = true;
                    continue;
                }
                if any {
                    tags -= its_tags;
                }
                bytes = bytes.saturating_sub(html.len());
                any = true;
                all.join(clean_with(&restore_text(html), pictures));
            }
            PartType::Text(text) if text.len() <= MAX_TEXT => {
                all.join(CleanHtml { html: as_html(&readable(part, text, source)), ..CleanHtml::default() });
            }
            PartType::Text(_) => all.cut = true,
            _ => {}
        }
    }
    any.then_some(all)
}

fn as_html(text: &str) -> String {
    let shown: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || visible(*c)).collect();
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", escaped.trim_end().replace('\n', "<br>"))
}

/// A part that is a text, in its own letters and lines.
fn readable<'t>(part: &MessagePart<'_>, text: &'t str, source: &[u8]) -> Cow<'t, str> {
    let text = as_declared(part, text, source);
    let text = match restore_text(&text) {
        Cow::Owned(restored) => Cow::Owned(restored),
        Cow::Borrowed(_) => text,
    };
    let attribute = |name: &str, value: &str| {
        let kind = part.content_type();
        kind.and_then(|kind| kind.attribute(name)).is_some_and(|found| found.trim().eq_ignore_ascii_case(value))
    };
    if attribute("format", "flowed") { Cow::Owned(unflow(&text, attribute("delsp", "yes"))) } else { text }
}

/// The parts meant to be shown as text. When none of them is, the text of the HTML.
fn plain(message: &Message<'_>, source: &[u8], html: Option<&CleanHtml>) -> String {
    let mut all = String::new();
    let any = message.text_bodies().any(|part| matches!(part.body, PartType::Text(_)));
    // Cleaning costs more than reading: no more of it than for one page.
    let mut budget = MAX_TEXT;
    for part in message.text_bodies().filter(|_| any).take(MAX_TEXTS) {
        match &part.body {
            PartType::Text(text) => append(&mut all, &readable(part, text, source)),
            PartType::Html(html) if html.len() <= budget => {
                budget -= html.len();
                append(&mut all, text_of(&clean(&restore_text(html))).trim_end());
            }
            _ => {}
        }
    }
    if all.trim().is_empty() && html.is_none() {
        // Of a message that was cut off the parser takes the last text for a file.
        for part in message.attachments().filter(|part| is_unnamed_text(part)).take(MAX_TEXTS) {
            if let PartType::Text(text) = &part.body {
                append(&mut all, &readable(part, text, source));
            }
        }
    }
    if all.trim().is_empty() { html.map(text_of).unwrap_or_default() } else { all }
}

/// A text that its sender does not call a file.
fn is_unnamed_text(part: &MessagePart<'_>) -> bool {
    let plain = part.content_type().is_none_or(|kind| {
        kind.ctype().eq_ignore_ascii_case("text") && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case("plain"))
    });
    let declared = part.content_disposition().is_some_and(|d| d.ctype().eq_ignore_ascii_case("attachment"));
    plain && !declared && part.attachment_name().is_none()
}

/// Text that is not what it is declared to be, or declares nothing, is Windows-1252 as it was before UTF-8.
fn as_declared<'t>(part: &MessagePart<'_>, text: &'t str, source: &[u8]) -> Cow<'t, str> {
    let raw = written(part, source).unwrap_or_default();
    let wrong = part.encoding == Encoding::None && text.contains('\u{fffd}') && std::str::from_utf8(raw).is_err();
    if wrong { Cow::Owned(raw.iter().map(|byte| windows_1252(*byte)).collect()) } else { Cow::Borrowed(text) }
}

/// The attachment at `index` of [`Reading::attachments`] with its decoded bytes.
pub fn attachment(raw: &[u8], index: usize) -> Option<(Attachment, Vec<u8>)> {
    if index >= MAX_ATTACHMENTS {
        return None;
    }
    let opaque = opened(raw);
    let source = utf8_headers(opaque.as_deref().unwrap_or(raw));
    let hidden = hide(&source);
    let message = parse(hidden.as_deref().unwrap_or(&source))?;
    let part = message.attachments().nth(index)?;
    Some((describe(index, part, &source, None), restore(&content(part, &source)).into_owned()))
}

/// The message that is an attachment of a message, or of one in it: `path` has the number of an attachment at each level, at most
/// eight. `None` where one of these is no message, or is not there.
pub fn inner_message(raw: &[u8], path: &[u32]) -> Option<Vec<u8>> {
    if path.is_empty() || path.len() > DEEPEST {
        return None;
    }
    let mut inner: Option<Vec<u8>> = None;
    for index in path {
        let (told, bytes) = attachment(inner.as_deref().unwrap_or(raw), usize::try_from(*index).ok()?)?;
        inner = Some(bytes).filter(|_| super::notices::is_message(&told));
        inner.as_ref()?;
    }
    inner
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

/// The source as a screen shows it, of at most so many bytes; and whether there is more.
pub(in crate::mail) fn source_text(raw: &[u8], most: usize) -> (String, bool) {
    let (text, cut) = shown_text(&String::from_utf8_lossy(raw.get(..raw.len().min(most)).unwrap_or_default()));
    (text, cut || raw.len() > most)
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

/// The bytes of a part as they are written.
pub(super) fn written<'s>(part: &MessagePart<'_>, source: &'s [u8]) -> Option<&'s [u8]> {
    let place = usize::try_from(part.offset_body).ok().zip(usize::try_from(part.offset_end).ok());
    place.and_then(|(start, end)| source.get(start..end))
}

/// The bytes of an attachment. The parser gives texts in UTF-8; a file is what its sender made of it.
pub(super) fn content<'p>(part: &'p MessagePart<'_>, source: &[u8]) -> Cow<'p, [u8]> {
    match (&part.body, written(part, source)) {
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
pub(in crate::mail) fn file_name(wanted: &str, index: usize, media_type: &str) -> String {
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

//! What kind of message it is, where that is to be said beside its text. By its headers and first bytes; nothing is opened.

use mail_parser::{Message, MessagePart, MimeHeaders as _, PartType};

use super::headers::{Person, fields, read_headers};
use super::message::{Attachment, written};
use super::nesting::restore;
use super::opaque::{Content, content_of, is_pkcs7};

/// Messages in a message that are told of; all are attachments.
const MOST_FORWARDED: usize = 20;
/// The first bytes of TNEF (MS-OXTNEF, 2.1.3.1), however it is called.
const TNEF: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

/// Something to be said of a message, beside its text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Encrypted with OpenPGP, as a whole (RFC 3156) or in the text: it cannot be read here.
    PgpEncrypted,
    /// Signed with OpenPGP. The signature is not checked.
    PgpSigned,
    /// Encrypted with S/MIME (RFC 8551): it cannot be read here.
    SmimeEncrypted,
    /// Signed with S/MIME. The signature is not checked.
    SmimeSigned,
    /// An attachment is of Outlook's own form (`winmail.dat`): what is in it is not shown.
    Winmail {
        /// Its number in [`Reading::attachments`](super::Reading::attachments).
        attachment: usize,
    },
    /// An attachment is a message, and can be opened as one.
    Forwarded {
        /// Its number in [`Reading::attachments`](super::Reading::attachments).
        attachment: usize,
        /// Its subject; empty where there is none, or it was not fetched.
        subject: String,
        /// Its author.
        from: Option<Person>,
    },
    /// A machine answered in the place of a person, who may be away (RFC 3834).
    AutomaticAnswer,
    /// A machine wrote it, and answers to nobody (RFC 3834).
    Automatic,
}

/// What is to be said of `message`, each thing once, in the order of the type.
pub(super) fn notices(
    message: &Message<'_>,
    source: &[u8],
    was_opaque: bool,
    text: &str,
    attachments: &[Attachment],
) -> Vec<Notice> {
    let mut found = Vec::new();
    let mut add = |notice| {
        if !found.contains(&notice) {
            found.push(notice);
        }
    };
    if was_opaque {
        add(Notice::SmimeSigned);
    }
    for part in &message.parts {
        let Some(kind) = part.content_type() else { continue };
        let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
        let protocol = kind.attribute("protocol").unwrap_or_default().to_ascii_lowercase();
        match (kind.ctype().to_ascii_lowercase().as_str(), subtype.as_str()) {
            ("multipart", "encrypted") if protocol.contains("pgp") || protocol.is_empty() => add(Notice::PgpEncrypted),
            ("application", "pgp-encrypted") => add(Notice::PgpEncrypted),
            ("multipart", "signed") if protocol.contains("pgp") => add(Notice::PgpSigned),
            ("multipart", "signed") if protocol.contains("pkcs7") => add(Notice::SmimeSigned),
            ("application", "pgp-signature") => add(Notice::PgpSigned),
            ("application", "pkcs7-signature" | "x-pkcs7-signature") => add(Notice::SmimeSigned),
            _ if is_pkcs7(kind.ctype(), kind.subtype()) => match said_or_seen(part, source) {
                Content::Signed => add(Notice::SmimeSigned),
                Content::Enveloped => add(Notice::SmimeEncrypted),
                Content::Other => {}
            },
            _ => {}
        }
    }
    let starts = |mark: &str| text.lines().any(|line| line.trim_end() == mark);
    if text.contains("-----BEGIN PGP ") {
        if starts("-----BEGIN PGP MESSAGE-----") {
            add(Notice::PgpEncrypted);
        }
        if starts("-----BEGIN PGP SIGNED MESSAGE-----") {
            add(Notice::PgpSigned);
        }
    }
    let mut forwarded = 0;
    for (told, part) in attachments.iter().zip(message.attachments()) {
        if is_winmail(told, part) {
            add(Notice::Winmail { attachment: told.index });
        } else if is_message(told) && forwarded < MOST_FORWARDED {
            forwarded += 1;
            let inner = read_headers(&restore(part.contents()));
            add(Notice::Forwarded { attachment: told.index, subject: inner.subject, from: inner.from });
        }
    }
    found.extend(written_by_machine(source));
    found
}

/// Whether an attachment is a message that can be opened as one.
pub(in crate::mail) fn is_message(told: &Attachment) -> bool {
    matches!(told.media_type.as_str(), "message/rfc822" | "message/global")
}

fn said_or_seen(part: &MessagePart<'_>, source: &[u8]) -> Content {
    let bytes = match &part.body {
        PartType::Text(_) | PartType::Html(_) => written(part, source).unwrap_or_default(),
        _ => part.contents(),
    };
    if !bytes.trim_ascii().is_empty() {
        return content_of(bytes);
    }
    // Not fetched: by what the sender declares.
    let declared = part.content_type().and_then(|kind| kind.attribute("smime-type")).unwrap_or_default();
    match declared.to_ascii_lowercase().as_str() {
        "enveloped-data" | "authenveloped-data" => Content::Enveloped,
        "signed-data" => Content::Signed,
        _ => Content::Other,
    }
}

fn is_winmail(told: &Attachment, part: &MessagePart<'_>) -> bool {
    matches!(told.media_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef")
        || told.name.eq_ignore_ascii_case("winmail.dat")
        || part.contents().starts_with(&TNEF)
}

/// By what RFC 3834 has for it, and by what was used before it.
fn written_by_machine(source: &[u8]) -> Option<Notice> {
    let is = |name: &str, words: &[&str]| {
        fields(source, name).iter().any(|value| {
            let word = value.split([';', ' ', '(']).next().unwrap_or_default().to_ascii_lowercase();
            words.contains(&word.as_str())
        })
    };
    if is("auto-submitted", &["auto-replied"])
        || is("x-autoreply", &["yes", "true", "1"])
        || is("precedence", &["auto_reply"])
    {
        return Some(Notice::AutomaticAnswer);
    }
    is("auto-submitted", &["auto-generated", "auto-notified"]).then_some(Notice::Automatic)
}

//! What an S/MIME message is (RFC 8551), and the clear text within one that is signed as a whole. Nothing is verified.

use mail_parser::{Encoding, MessageParser, MimeHeaders as _};

use super::decode::Decoder;
use super::headers::header_length;
use crate::mail::imap::Encoding as Written;

/// ASN.1 object identifiers 1.2.840.113549.1.7.n of PKCS #7.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// Pieces a text in it may be made of, and how deep they nest.
const MOST_PIECES: usize = 100_000;
const DEEPEST: usize = 8;

/// What an `application/pkcs7-mime` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Signed, with its text in it.
    Signed,
    /// For the holder of a key only.
    Enveloped,
    /// Certificates, compressed, or nothing known.
    Other,
}

/// By the first bytes, which say more than what the sender declares.
pub(super) fn content_of(der: &[u8]) -> Content {
    let outer = Element::first(der).filter(|outer| outer.tag == 0x30);
    let kind = outer.and_then(|outer| Element::first(outer.body)).filter(|kind| kind.tag == 0x06);
    match kind.and_then(|kind| kind.body.strip_prefix(PKCS7)) {
        Some([2]) => Content::Signed,
        Some([3 | 4]) => Content::Enveloped,
        // authEnvelopedData (RFC 5083) is of another arc.
        _ if kind.is_some_and(|kind| kind.body.ends_with(&[0x09, 0x10, 0x01, 0x17])) => Content::Enveloped,
        _ => Content::Other,
    }
}

/// A message that is signed as a whole (opaque) as if it were not: its own header with the signed content in the place of the
/// signature. `None` for every other message, and where the content cannot be taken out.
pub(super) fn opened(raw: &[u8]) -> Option<Vec<u8>> {
    let length = header_length(raw);
    let (header, body) = raw.split_at_checked(length)?;
    memchr::memmem::find(&header.to_ascii_lowercase(), b"pkcs7-mime")?;
    let parsed = std::panic::catch_unwind(|| MessageParser::default().parse_headers(header)).ok()??;
    parsed.content_type().filter(|kind| is_pkcs7(kind.ctype(), kind.subtype()))?;
    let encoding = match parsed.parts.first().map(|part| part.encoding) {
        _ if parsed.content_transfer_encoding().is_some_and(|word| word.trim().eq_ignore_ascii_case("base64")) => {
            Written::Base64
        }
        Some(Encoding::Base64) => Written::Base64,
        _ => Written::Identity,
    };
    let mut decoder = Decoder::new(encoding);
    let mut der = Vec::new();
    decoder.push(body, &mut der);
    decoder.finish(&mut der);
    let inner = signed_content(&der)?;
    let inner_length = header_length(&inner);
    let (inner_header, inner_body) = inner.split_at_checked(inner_length)?;
    let mut message = Vec::with_capacity(header.len() + inner.len());
    // Sender and subject stay those outside: what the own server looked at, and what the list shows.
    fields(header, &mut message, |is_content| !is_content);
    fields(inner_header, &mut message, |is_content| is_content);
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(inner_body);
    Some(message)
}

pub(super) fn is_pkcs7(kind: &str, subtype: Option<&str>) -> bool {
    kind.eq_ignore_ascii_case("application")
        && subtype.is_some_and(|s| s.eq_ignore_ascii_case("pkcs7-mime") || s.eq_ignore_ascii_case("x-pkcs7-mime"))
}

/// The fields that say how the body is written, or the others.
fn fields(header: &[u8], out: &mut Vec<u8>, wanted: impl Fn(bool) -> bool) {
    let mut keep = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            keep = wanted(line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-")));
        }
        if keep {
            out.extend_from_slice(line.trim_ascii_end());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// `ContentInfo { signedData, SignedData { version, digests, { data, content } … } }` (RFC 5652, 5.1), down to the content.
fn signed_content(der: &[u8]) -> Option<Vec<u8>> {
    if content_of(der) != Content::Signed {
        return None;
    }
    let outer = Element::first(der)?;
    let (_, rest) = Element::split(outer.body)?;
    let explicit = Element::first(rest).filter(|one| one.tag == 0xa0)?;
    let signed = Element::first(explicit.body).filter(|one| one.tag == 0x30)?;
    let (_, rest) = Element::split(signed.body)?;
    let (_, rest) = Element::split(rest)?;
    let inner = Element::first(rest).filter(|one| one.tag == 0x30)?;
    let (kind, rest) = Element::split(inner.body)?;
    if kind.body.strip_prefix(PKCS7) != Some(&[1]) {
        return None;
    }
    let explicit = Element::first(rest).filter(|one| one.tag == 0xa0)?;
    let content = Element::first(explicit.body)?;
    let (mut out, mut pieces) = (Vec::new(), 0);
    content.octets(&mut out, &mut pieces, 0)?;
    Some(out)
}

/// An element of BER: of definite length, or up to its end marks.
#[derive(Clone, Copy)]
struct Element<'d> {
    tag: u8,
    body: &'d [u8],
}

impl<'d> Element<'d> {
    fn first(bytes: &'d [u8]) -> Option<Self> {
        Self::split(bytes).map(|(first, _)| first)
    }

    /// The first element and what follows it. One whose end is missing has all there is.
    fn split(bytes: &'d [u8]) -> Option<(Self, &'d [u8])> {
        let (tag, length, head) = Self::head(bytes)?;
        let body = bytes.get(head..)?;
        let Some(length) = length else {
            let (body, rest) = indefinite(body);
            return Some((Self { tag, body }, rest));
        };
        let (body, rest) = body.split_at_checked(length).unwrap_or((body, &[]));
        Some((Self { tag, body }, rest))
    }

    /// Tag, length (`None`: up to its end mark), and how many bytes these take.
    fn head(bytes: &[u8]) -> Option<(u8, Option<usize>, usize)> {
        let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
        // Tags of several bytes are in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        match first {
            0x80 => Some((tag, None, 2)),
            0..0x80 => Some((tag, Some(usize::from(first)), 2)),
            _ => {
                let count = usize::from(first & 0x7f);
                let length = bytes.get(2..2 + count).filter(|_| count <= 4)?;
                Some((tag, Some(length.iter().fold(0, |all, byte| all << 8 | usize::from(*byte))), 2 + count))
            }
        }
    }

    /// The bytes of an OCTET STRING, which may be made of pieces.
    fn octets(self, out: &mut Vec<u8>, pieces: &mut usize, depth: usize) -> Option<()> {
        *pieces += 1;
        if *pieces > MOST_PIECES || depth > DEEPEST {
            return None;
        }
        match self.tag {
            0x04 => out.extend_from_slice(self.body),
            0x24 => {
                let mut rest = self.body;
                while !rest.is_empty() {
                    let (piece, behind) = Self::split(rest)?;
                    piece.octets(out, pieces, depth + 1)?;
                    rest = behind;
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// The content up to the two zero bytes that end it, counting those within, and what follows. All where they are missing.
fn indefinite(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&[0, 0]) {
            if depth == 0 {
                return (bytes.get(..at).unwrap_or_default(), bytes.get(at + 2..).unwrap_or_default());
            }
            depth -= 1;
            at += 2;
            continue;
        }
        match Element::head(rest) {
            Some((_, Some(length), head)) => at = at.saturating_add(head).saturating_add(length),
            Some((_, None, head)) => {
                depth += 1;
                at += head;
            }
            None => break,
        }
    }
    (bytes, &[])
}

#[cfg(test)]
mod tests;

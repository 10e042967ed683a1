//! A message put together from some of its parts, so that it is read by the same reader as a whole one: the others are in it
//! with their headers, and empty.

use mail_parser::{MessageParser, MimeHeaders as _};
use serde::{Deserialize, Serialize};

use super::headers::utf8_headers;
use super::message::parse;
use super::nesting::hide;
use crate::mail::imap::{Encoding, Part};

/// A message with empty parts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::mail) struct Skeleton {
    pub(in crate::mail) raw: Vec<u8>,
    pub(in crate::mail) gaps: Vec<Gap>,
}

/// A part that is empty in a skeleton.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::mail) struct Gap {
    /// Where its bytes would begin.
    pub(in crate::mail) at: usize,
    /// By what name the server gives them.
    pub(in crate::mail) section: String,
    /// How they are written.
    pub(in crate::mail) encoding: Encoding,
    /// How many they are, by the server's word.
    pub(in crate::mail) octets: u32,
    /// About how many they are once decoded.
    pub(in crate::mail) size: u64,
}

/// Puts a message together: `header` is its header with the empty line behind it; `content` gives the bytes of sections, and of
/// their headers (`1.2.MIME`), where they were fetched. `None` where our reader would not see the parts that the server sees:
/// then only the whole message will do.
pub(in crate::mail) fn assemble<'c>(
    header: &[u8],
    root: &Part,
    content: &dyn Fn(&str) -> Option<&'c [u8]>,
) -> Option<Skeleton> {
    // The reader does this to the first header. Done here, its offsets are those of the skeleton.
    let header = utf8_headers(header);
    let mut skeleton = Skeleton::default();
    skeleton.header(&header);
    skeleton.body(root, &header, content)?;
    skeleton.agrees_with(root).then_some(skeleton)
}

impl Skeleton {
    /// A header with the empty line behind it, whatever of that is missing.
    fn header(&mut self, header: &[u8]) {
        self.raw.extend_from_slice(header);
        if header == b"\r\n" || header == b"\n" {
            return;
        }
        if !header.ends_with(b"\n") {
            self.raw.extend_from_slice(b"\r\n");
        }
        if !header.ends_with(b"\n\r\n") && !header.ends_with(b"\n\n") {
            self.raw.extend_from_slice(b"\r\n");
        }
    }

    fn body<'c>(&mut self, part: &Part, header: &[u8], content: &dyn Fn(&str) -> Option<&'c [u8]>) -> Option<()> {
        if !part.is_multipart() {
            match content(&part.section) {
                Some(bytes) => self.raw.extend_from_slice(bytes),
                None => self.gaps.push(Gap {
                    at: self.raw.len(),
                    section: part.section.clone(),
                    encoding: part.encoding,
                    octets: part.octets,
                    size: part.decoded_size(),
                }),
            }
            return Some(());
        }
        // By the reader's own understanding of the header, which may be another than the server's.
        let parsed = MessageParser::default().parse_headers(header)?;
        let boundary = parsed.content_type()?.attribute("boundary")?.as_bytes();
        for inner in &part.parts {
            let header = content(&format!("{}.MIME", inner.section))?;
            self.raw.extend_from_slice(&[b"--", boundary, b"\r\n"].concat());
            self.header(header);
            self.body(inner, header, content)?;
            self.raw.extend_from_slice(b"\r\n");
        }
        self.raw.extend_from_slice(&[b"--", boundary, b"--\r\n"].concat());
        Some(())
    }

    fn agrees_with(&self, root: &Part) -> bool {
        let hidden = hide(&self.raw);
        let Some(message) = parse(hidden.as_deref().unwrap_or(&self.raw)) else { return false };
        let at = |gap: &Gap| message.parts.iter().any(|part| usize::try_from(part.offset_body) == Ok(gap.at));
        message.parts.len() == root.all().len() && self.gaps.iter().all(at)
    }
}

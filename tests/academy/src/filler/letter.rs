//! A message as a tree of parts, and its bytes.

use super::attachments::Attachment;
use super::mime::{Charset, Transfer, base64_lines, parameter};

/// A message before it is bytes.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Name and folded value, in order.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Part,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(Text),
    File {
        file: Attachment,
        content_id: Option<String>,
    },
    /// Lines of ASCII with their content type (delivery status, returned headers).
    Plain {
        content_type: &'static str,
        lines: String,
    },
    Many {
        subtype: &'static str,
        boundary: String,
        parts: Vec<Part>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) subtype: &'static str,
    /// Further parameters of the content type, each with its `; `.
    pub(super) parameters: &'static str,
    /// Tamed to the charset; lines end with LF.
    pub(super) content: String,
    pub(super) charset: Charset,
    pub(super) transfer: Transfer,
}

impl Letter {
    /// The message with CRLF line ends.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut raw = Vec::with_capacity(8 * 1024);
        for (name, value) in &self.headers {
            raw.extend(format!("{name}: {value}\r\n").bytes());
        }
        raw.extend(b"MIME-Version: 1.0\r\n");
        self.body.write(&mut raw);
        if !raw.ends_with(b"\r\n") {
            raw.extend(b"\r\n");
        }
        raw
    }
}

impl Part {
    /// Appends the part's own header, a blank line and its content.
    fn write(&self, raw: &mut Vec<u8>) {
        match self {
            Self::Text(text) => text.write(raw),
            Self::File { file, content_id } => {
                let disposition = if content_id.is_some() { "inline" } else { "attachment" };
                let mut header = format!("Content-Type: {};\r\n {}\r\n", file.kind, parameter("name", &file.name));
                if let Some(id) = content_id {
                    header.push_str(&format!("Content-ID: <{id}>\r\n"));
                }
                let name = parameter("filename", &file.name);
                header.push_str(&format!(
                    "Content-Disposition: {disposition};\r\n {name};\r\n size={}\r\n",
                    file.content.len()
                ));
                header.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
                raw.extend(header.bytes());
                base64_lines(&file.content, raw);
            }
            Self::Plain { content_type, lines } => {
                raw.extend(format!("Content-Type: {content_type}\r\n\r\n").bytes());
                raw.extend(lines.replace('\n', "\r\n").bytes());
            }
            Self::Many { subtype, boundary, parts } => {
                raw.extend(format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"\r\n\r\n").bytes());
                for part in parts {
                    raw.extend(format!("--{boundary}\r\n").bytes());
                    part.write(raw);
                    raw.extend(b"\r\n");
                }
                raw.extend(format!("--{boundary}--\r\n").bytes());
            }
        }
    }
}

impl Text {
    fn write(&self, raw: &mut Vec<u8>) {
        let Self { subtype, parameters, content, charset, transfer } = self;
        let transfer_name = transfer.name(*charset);
        let charset_name = charset.name();
        raw.extend(format!("Content-Type: text/{subtype}; charset={charset_name}{parameters}\r\n").bytes());
        raw.extend(format!("Content-Transfer-Encoding: {transfer_name}\r\n\r\n").bytes());
        transfer.write(*charset, content, raw);
    }
}

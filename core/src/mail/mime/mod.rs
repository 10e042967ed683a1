//! Reading of messages: headers, text, safe HTML and attachments, from bytes nobody vouches for.

mod clean;
mod decode;
mod headers;
mod message;
mod nesting;
mod plain;
mod skeleton;

pub use clean::{CleanHtml, Hyperlink, LinkDoubt, Pictures, clean, clean_with, document};
pub(super) use decode::Decoder;
pub use headers::{Headers, Person, read_headers};
pub(super) use headers::{message_id, read_row_headers, shown};
pub use message::{Attachment, Reading, Trouble, attachment, read_message};
pub(super) use message::{Source, read_parts, read_with_pictures, source_of};
pub(super) use plain::text_of;
pub(super) use skeleton::{Gap, assemble};

#[cfg(test)]
mod tests;

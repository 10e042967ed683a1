//! Reading of messages: headers, text, safe HTML and attachments, from bytes nobody vouches for.

mod blocks;
mod calendar;
mod clean;
mod decode;
mod flowed;
mod headers;
mod invitation;
mod list;
mod message;
mod nesting;
mod notices;
mod opaque;
mod plain;
mod report;
mod skeleton;

pub use blocks::{Block, BlockKind};
pub use clean::{CleanHtml, Hyperlink, LinkDoubt, Pictures, clean, clean_with, document};
pub(super) use decode::Decoder;
pub use headers::{Headers, Person, read_headers};
pub(super) use headers::{fields, message_id, read_row_headers, shown};
pub use invitation::{Answer, Attendee, Invitation, InvitationAnswer, Method, When};
pub(super) use list::list_of;
pub use list::{Leave, List};
pub use message::{Attachment, Form, Reading, Trouble, attachment, inner_message, read_message};
pub(super) use message::{DEEPEST, Source, file_name, read_parts, read_with_pictures, source_of, source_text};
pub use notices::Notice;
pub(super) use notices::is_message;
pub(super) use plain::text_of;
pub use report::{Fate, Reason, Report, Reported};
pub(super) use skeleton::{Gap, assemble};

/// What an address stands for, its `%` sequences taken as UTF-8 (RFC 3986, 2.1).
fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;

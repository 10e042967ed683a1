//! Reading of messages: headers, text, safe HTML and attachments, from bytes nobody vouches for.

mod clean;
mod headers;
mod message;
mod nesting;
mod plain;

pub use clean::{CleanHtml, clean, document};
pub use headers::{Headers, Person, read_headers};
pub(super) use headers::{message_id, read_row_headers, shown};
pub use message::{Attachment, Reading, Trouble, attachment, read_message};
pub(super) use plain::text_of;

#[cfg(test)]
mod tests;

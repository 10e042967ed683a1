//! Reading of messages: headers, text, safe HTML and attachments, from bytes nobody vouches for.
pub mod clean;
pub mod headers;
pub mod message;

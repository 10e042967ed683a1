//! Mail: reading what arrived, writing an answer, handing it to the server.
pub mod compose;
pub mod credentials;
pub mod mime;

//! Finding mail: an index of the words of what is on the phone, questions as teachers write them, and the server's own search for what is
//! not here. Rules and limits: `README.md`.

mod dates;
mod fold;
mod index;
mod query;
mod results;
mod server;

pub use query::{Criterion, Field, Query, Saying, Term};
pub use results::{Found, Hit, Snippet};
pub use server::{ServerFound, Unsearched, WhyUnsearched};

#[cfg(test)]
mod tests;

//! Leaving a mailing list by one request (RFC 8058), once the teacher has agreed.

use std::time::Duration;

use super::account::MailAccount;
use super::error::MailError;
use super::mime::{Leave, read_headers};
use super::sender;
use crate::ports::ConnectError;

/// The request is a line, and so is the answer.
const LIMIT: Duration = Duration::from_secs(20);

/// What the list's server answered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Left {
    /// It takes the wish; that it follows is its own affair.
    Accepted,
    /// It does not. A redirect is one too: nobody is followed to another host.
    Refused {
        /// The HTTP status.
        status: u16,
    },
}

impl MailAccount {
    /// Sends the one request that leaves the list of a message, to the host that [`Leave::OneClick`] told, which is `host`: ask the
    /// teacher before. Without cookies, without following anybody, within 20 seconds; of the answer only the status is read.
    /// It may be sent again: a list is left only once.
    ///
    /// [`MailError::NotFound`] where the message offers no such way, or its host is another.
    pub async fn leave_list(&self, message: i64, host: &str) -> Result<Left, MailError> {
        let raw = self.unless_stopped(self.raw(message)).await?;
        let list = sender::list(&raw, read_headers(&raw).list_id, &self.academy);
        let Some(Leave::OneClick { url, .. }) = list.and_then(|list| list.leave).filter(|leave| leave.is_at(host))
        else {
            return Err(MailError::NotFound);
        };
        let request = self
            .network
            .http()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("List-Unsubscribe=One-Click")
            .timeout(LIMIT);
        let sent = self.unless_stopped(async { Ok(request.send().await) }).await?;
        let status = sent.map_err(|error| reason(&error))?.status();
        Ok(if status.is_success() { Left::Accepted } else { Left::Refused { status: status.as_u16() } })
    }
}

fn reason(error: &reqwest::Error) -> MailError {
    let why = if error.is_timeout() {
        ConnectError::TimedOut
    } else if error.is_connect() {
        ConnectError::Unreachable
    } else {
        ConnectError::Cut
    };
    MailError::Connect(why)
}

#[cfg(test)]
mod tests;

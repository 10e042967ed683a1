mod policy;
mod scripted;

use std::time::Duration;

use super::rearm::Rearm;
use super::trouble::Trouble;
use crate::attempts::{Hold, LedgerError};
use crate::mail::imap::ImapError;
use crate::mail::{Link, MailError};
use crate::portal::SessionError;
use crate::ports::{ConnectError, SecretStoreError};
use crate::store::StoreError;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn what_a_failure_means_follows_from_its_cause() {
    let wait = |until_ms| MailError::Ledger(LedgerError::Wait { until_ms, hold: Hold::Locked });
    let refused = ImapError::AuthenticationFailed { text: String::new() };
    for (error, trouble) in [
        (MailError::Connect(ConnectError::NoSuchHost), Some(Trouble::Passing)),
        (MailError::Connect(ConnectError::UnknownAuthority), Some(Trouble::Passing)),
        (MailError::Imap(ImapError::Unavailable), Some(Trouble::Passing)),
        (MailError::Imap(ImapError::Malformed), Some(Trouble::Passing)),
        (MailError::Secrets(SecretStoreError::Locked), Some(Trouble::Passing)),
        (MailError::Session(SessionError::Connect(ConnectError::Cut)), Some(Trouble::Passing)),
        (MailError::Session(SessionError::Ended), Some(Trouble::Teacher)),
        (MailError::Imap(refused), Some(Trouble::Teacher)),
        (MailError::PasswordRefused, Some(Trouble::Teacher)),
        (MailError::AppPasswordNeeded, Some(Trouble::Teacher)),
        (MailError::Ledger(LedgerError::KnownWrong), Some(Trouble::Teacher)),
        (MailError::Store(StoreError::Full), Some(Trouble::Teacher)),
        (wait(61_000), Some(Trouble::Locked(Duration::from_millis(60_001)))),
        (wait(i64::MIN), Some(Trouble::Locked(Duration::from_millis(1)))),
        (MailError::Store(StoreError::Closed), None),
        (MailError::Stopped, None),
    ] {
        assert_eq!(Trouble::of(&error, 1_000), trouble, "{error:?}");
    }
}

#[test]
fn a_path_that_forgets_is_spoken_to_sooner_and_trusted_again_slowly() {
    let mut rearm = Rearm::default();
    let quiet = |rearm: &Rearm| rearm.quiet(Link::Metered);
    assert!(quiet(&rearm) < 29 * MINUTE);
    let mut before = quiet(&rearm);
    for _ in 0..10 {
        rearm.forgotten(Link::Metered);
        assert!(quiet(&rearm) == before / 2 || quiet(&rearm) == 2 * MINUTE);
        before = quiet(&rearm);
    }
    assert_eq!(before, 2 * MINUTE);
    // The other kind of path has forgotten nothing.
    assert_eq!(rearm.quiet(Link::Unmetered), Rearm::default().quiet(Link::Unmetered));
    for _ in 0..3 {
        rearm.outlasted(Link::Metered);
    }
    assert_eq!(quiet(&rearm), before);
    let mut waits = 3;
    while quiet(&rearm) < Rearm::default().quiet(Link::Metered) {
        rearm.outlasted(Link::Metered);
        assert!(quiet(&rearm) <= before + before / 4);
        before = quiet(&rearm);
        waits += 1;
    }
    assert!(waits > 40, "{waits}");
    for _ in 0..100 {
        rearm.outlasted(Link::Metered);
    }
    assert_eq!(rearm, Rearm::default());
}

use super::super::{ImapError, ImapSession, Messages, UidSet};
use super::{CAPABILITIES, LIMITS, Peer, password};

/// A server's side of a whole session, and the client's side against it.
fn recorded() -> Vec<String> {
    vec![
        format!("* OK [CAPABILITY {CAPABILITIES}] Dovecot ready.\r\n"),
        "A0001 OK [CAPABILITY IMAP4rev1] Logged in\r\n".to_owned(),
        format!("* CAPABILITY {CAPABILITIES}\r\nA0002 OK Capability completed.\r\n"),
        "* FLAGS (\\Answered \\Seen)\r\n* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1795390546] valid\r\n\
         * OK [UIDNEXT 3] next\r\n* OK [HIGHESTMODSEQ 5] highest\r\nA0003 OK [READ-WRITE] Select completed.\r\n"
            .to_owned(),
        "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"01-Feb-2026 10:00:00 +0100\" RFC822.SIZE 9 \
         BODY[HEADER.FIELDS (FROM)] {11}\r\nFrom: a@b\r\n)\r\nA0004 OK Fetch completed.\r\n"
            .to_owned(),
        "A0005 OK Store completed.\r\n".to_owned(),
        "* OK [COPYUID 7 1 9] Moved\r\n* 1 EXPUNGE\r\nA0006 OK Move completed.\r\n".to_owned(),
        "* BYE Logging out\r\nA0007 OK Logout completed.\r\n".to_owned(),
    ]
}

/// How many steps succeed, and the first failure.
async fn run(stream: Box<tokio::io::DuplexStream>) -> (usize, Option<ImapError>) {
    let one = UidSet::of(&[1]);
    let mut session = match ImapSession::open(stream, &password(), LIMITS).await {
        Ok(session) => session,
        Err(error) => return (0, Some(error)),
    };
    let mut rows = 0;
    let mut steps = 1;
    for step in 0..4 {
        let outcome = match step {
            0 => session.select("INBOX").await.map(|_| ()),
            1 => session.fetch_headers(&[Messages::Uids(one.clone())], &mut |_| rows += 1).await,
            2 => session.store_flags(&one, true, &["\\Seen"]).await,
            _ => session.move_messages(&one, "Trash").await.map(|_| ()),
        };
        match outcome {
            Ok(()) => steps += 1,
            Err(error) => return (steps, Some(error)),
        }
    }
    assert_eq!(rows, 1);
    match session.logout().await {
        Ok(()) => (steps + 1, None),
        Err(error) => (steps, Some(error)),
    }
}

/// The server says the first `cut` bytes of its side, each part when it is asked, then hangs up.
async fn with_cut(cut: usize) -> (usize, Option<ImapError>) {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        let mut left = cut;
        for (index, part) in recorded().iter().enumerate() {
            if index > 0 && peer.command().await.is_none() {
                return;
            }
            let some = &part.as_bytes()[..left.min(part.len())];
            peer.say(some).await;
            left -= some.len();
            if some.len() < part.len() {
                return;
            }
        }
    });
    run(stream).await
}

#[tokio::test]
async fn a_cut_at_any_byte_is_told_and_never_taken_for_success() {
    let parts = recorded();
    let all: usize = parts.iter().map(String::len).sum();
    let opening: usize = parts[..3].iter().map(String::len).sum();
    assert_eq!(with_cut(all).await, (6, None));
    for cut in 0..all {
        let (steps, error) = with_cut(cut).await;
        let mut whole = if cut >= opening { 1 } else { 0 };
        let mut end = opening;
        for part in &parts[3..] {
            end += part.len();
            if cut >= end {
                whole += 1;
            }
        }
        assert_eq!((steps, error), (whole, Some(ImapError::Closed)), "cut at {cut}");
    }
}

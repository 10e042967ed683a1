//! Several commands on the wire at once: a server may work on them side by side and end them in any order (RFC 9051, 5.5).

use super::super::{HeaderEvent, ImapError, ImapSession, Messages};
use super::{LIMITS, Peer, password};

/// Answers the first two commands by `script`, where `{0}` and `{1}` stand for their tags, and further ones with OK.
async fn pipelined(script: &'static str) -> ImapSession {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome().await;
        let (first, _) = peer.command().await.unwrap();
        let (second, _) = peer.command().await.unwrap();
        peer.say(script.replace("{0}", &first).replace("{1}", &second)).await;
        while let Some((tag, _)) = peer.command().await {
            peer.say(format!("{tag} OK\r\n")).await;
        }
    });
    ImapSession::open(stream, &password(), LIMITS).await.unwrap()
}

/// The UIDs told; those that could not be read are below zero.
async fn told(session: &mut ImapSession, sets: &[Messages]) -> (Vec<i64>, Result<(), ImapError>) {
    let mut told = Vec::new();
    let outcome = session
        .fetch_headers(sets, &mut |event| match event {
            HeaderEvent::Row(row) => told.push(i64::from(row.uid)),
            HeaderEvent::Unreadable { uid, .. } => told.push(-i64::from(uid.unwrap_or_default())),
        })
        .await;
    (told, outcome)
}

#[tokio::test]
async fn answers_that_come_side_by_side_lose_no_row() {
    // As Dovecot sends them: the second command runs while the output of the first waits.
    for ends in ["{0} OK\r\n{1} OK\r\n", "{1} OK\r\n{0} OK\r\n"] {
        let script = format!(
            "* 3 FETCH (UID 33 BODY[HEADER.FIELDS (SUBJECT)]<0> {{2}}\r\n\r\n)\r\n\
             * 1 FETCH (UID 11 BODY[HEADER.FIELDS (SUBJECT)]<0> {{2}}\r\n\r\n)\r\n\
             * 9 FETCH (UID 99 BODY[HEADER.FIELDS (SUBJECT)]<0> {{2}}\r\n\r\n)\r\n\
             * 2 FETCH (UID 22 FLAGS (oh my)) no\r\n\
             * 4 FETCH (UID 44 BODY[HEADER.FIELDS (SUBJECT)]<0> {{2}}\r\n\r\n)\r\n{ends}"
        );
        let mut session = pipelined(script.leak()).await;
        let sets = [Messages::Sequence(3, 4), Messages::Sequence(1, 2)];
        let (mut told, outcome) = told(&mut session, &sets).await;
        told.sort_unstable();
        assert_eq!((told, outcome), (vec![-22, 11, 33, 44], Ok(())), "{ends}");
        assert!(session.is_usable());
    }
}

#[tokio::test]
async fn a_command_refused_behind_another_is_told_and_the_session_goes_on() {
    for script in ["{1} NO\r\n{0} OK\r\n", "{0} NO\r\n{1} OK\r\n"] {
        let mut session = pipelined(script).await;
        let sets = [Messages::Sequence(3, 4), Messages::Sequence(1, 2), Messages::Sequence(5, 6)];
        let (told, outcome) = told(&mut session, &sets).await;
        assert!(told.is_empty() && matches!(outcome, Err(ImapError::Refused { .. })), "{outcome:?}");
        assert_eq!(session.noop().await, Ok(()));
    }
}

#[tokio::test]
async fn a_command_answered_twice_ends_the_session() {
    let mut session = pipelined("{0} OK\r\n{0} OK\r\n").await;
    let sets = [Messages::Sequence(3, 4), Messages::Sequence(1, 2)];
    assert_eq!(told(&mut session, &sets).await.1, Err(ImapError::Malformed));
    assert!(!session.is_usable());
}

#[tokio::test]
async fn of_a_large_answer_no_more_is_held_than_half_a_mebibyte_and_one_row() {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome().await;
        let (tag, _) = peer.command().await.unwrap();
        let header = "x".repeat(200_000);
        for uid in 1..=20 {
            peer.say(format!("* {uid} FETCH (UID {uid} BODY[HEADER.FIELDS (SUBJECT)]<0> {{200000}}\r\n{header})\r\n"))
                .await;
        }
        peer.say(format!("{tag} OK\r\n")).await;
    });
    let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
    let sets = [Messages::Sequence(1, 20)];
    let mut fetch = session.header_fetch(&sets);
    let (mut rows, mut more) = (0, true);
    while more {
        let mut bytes = 0;
        more = fetch
            .go_on(&mut |event| {
                let HeaderEvent::Row(row) = event else { panic!() };
                bytes += row.header.len();
                rows += 1;
            })
            .await
            .unwrap();
        assert!(bytes < 512 * 1024 + 200_000, "{bytes}");
    }
    drop(fetch);
    assert_eq!(rows, 20);
    assert!(session.is_usable());
}

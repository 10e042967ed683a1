//! Servers that let us idle, and those that do not, fall silent, hang up or talk nonsense.

use std::future::pending;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::super::{ImapError, ImapSession, Limit, Patience, ServerEvent, Waited};
use super::{LIMITS, Peer, password};

const PATIENCE: Patience = Patience { quiet: Duration::from_secs(28 * 60), answer: Duration::from_secs(8) };
const IDLE: &str = "IMAP4rev1 IDLE UNSELECT QRESYNC CONDSTORE ENABLE SASL-IR AUTH=PLAIN";
const NOTIFY: &str = "IMAP4rev1 IDLE UNSELECT NOTIFY SASL-IR AUTH=PLAIN";

/// A session with a server that does `then` after the login.
async fn with<F>(capabilities: &'static str, then: impl FnOnce(Peer) -> F + Send + 'static) -> ImapSession
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome_with(capabilities).await;
        then(peer).await;
    });
    ImapSession::open(stream, &password(), LIMITS).await.unwrap()
}

/// Reads the next command but those that enable something, which it answers.
async fn command(peer: &mut Peer) -> (String, String) {
    loop {
        let (tag, command) = peer.command().await.unwrap();
        if !command.starts_with("ENABLE") {
            return (tag, command);
        }
        peer.say(format!("{tag} OK\r\n")).await;
    }
}

/// Lets the client idle: its tag.
async fn idling(peer: &mut Peer) -> String {
    let (tag, command) = command(peer).await;
    assert_eq!(command, "IDLE");
    peer.say("+ idling\r\n").await;
    tag
}

/// What every server does that knows how: ends the idling by its tagged answer, and answers what comes then.
async fn ends(mut peer: Peer, tag: String) {
    assert_eq!(peer.stream_line().await, "DONE");
    peer.say(format!("{tag} OK done\r\n")).await;
    while let Some((tag, _)) = peer.command().await {
        peer.say(format!("{tag} OK\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_server_tells_while_we_idle_ends_the_wait_by_done_and_is_told() {
    for (told, event) in [
        ("* 4 EXISTS\r\n", ServerEvent::Exists(4)),
        ("* 2 EXPUNGE\r\n", ServerEvent::Expunged(2)),
        ("* VANISHED 7:9\r\n", ServerEvent::Vanished(3)),
        ("* 3 FETCH (FLAGS (\\Seen))\r\n", ServerEvent::Flags(3)),
    ] {
        let mut session = with(IDLE, move |mut peer| async move {
            let tag = idling(&mut peer).await;
            peer.say("* OK Still here\r\n* OK [ALERT] tonight at nine\r\n").await;
            tokio::time::sleep(Duration::from_secs(600)).await;
            peer.say(told).await;
            ends(peer, tag).await;
        })
        .await;
        assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Ok(Waited::News), "{told}");
        assert_eq!(session.take_events(), [ServerEvent::Alert("tonight at nine".to_owned()), event]);
        assert_eq!(session.noop().await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn news_that_come_before_the_leave_to_idle_or_after_done_are_news() {
    for before in [true, false] {
        let mut session = with(IDLE, move |mut peer| async move {
            let (tag, _) = command(&mut peer).await;
            peer.say(if before { "* 9 EXISTS\r\n+ idling\r\n" } else { "+ idling\r\n" }).await;
            assert_eq!(peer.stream_line().await, "DONE");
            peer.say(format!("* 9 EXISTS\r\n{tag} OK done\r\n")).await;
            peer.command().await;
        })
        .await;
        assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Ok(Waited::News), "{before}");
        assert!(session.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_asked_before_the_server_would_hang_up() {
    let mut session = with(IDLE, |mut peer| async move {
        for _ in 0..3 {
            let (begun, tag) = (Instant::now(), idling(&mut peer).await);
            assert_eq!(peer.stream_line().await, "DONE");
            assert!(begun.elapsed() < Duration::from_secs(29 * 60));
            peer.say(format!("{tag} OK done\r\n")).await;
        }
        peer.command().await;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Ok(Waited::Quiet));
    }
    assert!(session.is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_idle_has_its_error_and_leaves_the_session_usable() {
    for (word, bad) in [("NO not here", false), ("BAD", true), ("OK but no", false)] {
        let mut session = with(IDLE, move |mut peer| async move {
            let (tag, _) = command(&mut peer).await;
            peer.say(format!("{tag} {word}\r\n")).await;
            while let Some((tag, _)) = peer.command().await {
                peer.say(format!("{tag} OK\r\n")).await;
            }
        })
        .await;
        let refused = session.idle(PATIENCE, pending::<()>()).await;
        match refused {
            Err(ImapError::Bad { command: "IDLE", .. }) => assert!(bad),
            Err(ImapError::Refused { command: "IDLE", .. }) => assert!(word.starts_with("NO")),
            other => assert_eq!((other, word), (Err(ImapError::Malformed), "OK but no")),
        }
        assert_eq!(session.noop().await, Ok(()), "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leave_to_idle_that_never_comes_is_not_waited_for_without_end() {
    let mut session = with(IDLE, |mut peer| async move {
        command(&mut peer).await;
        // It talks, and says nothing.
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.say("* OK Still here\r\n").await;
        }
    })
    .await;
    let begun = Instant::now();
    assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Err(ImapError::TimedOut));
    assert!(begun.elapsed() < Duration::from_secs(60) && !session.is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up_while_we_idle_is_heard_at_once() {
    for (said, expected) in [("* BYE restarting\r\n", true), ("", false)] {
        let mut session = with(IDLE, move |mut peer| async move {
            idling(&mut peer).await;
            peer.say(said).await;
        })
        .await;
        let begun = Instant::now();
        assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Err(ImapError::Closed));
        assert_eq!(session.take_events() == [ServerEvent::Bye("restarting".to_owned())], expected);
        assert!(begun.elapsed() < Duration::from_secs(60) && !session.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_path_has_forgotten_is_noticed_when_it_is_asked() {
    for notify in [false, true] {
        let mut session = with(if notify { NOTIFY } else { IDLE }, move |mut peer| async move {
            if notify {
                let (tag, _) = command(&mut peer).await;
                peer.say(format!("{tag} OK\r\n")).await;
            } else {
                idling(&mut peer).await;
            }
            pending::<()>().await;
        })
        .await;
        let begun = Instant::now();
        let waited = if notify {
            session.notify().await.unwrap();
            session.listen(PATIENCE, pending::<()>()).await
        } else {
            session.idle(PATIENCE, pending::<()>()).await
        };
        assert_eq!(waited, Ok(Waited::Forgotten));
        assert!(begun.elapsed() < PATIENCE.quiet + Duration::from_secs(60) && !session.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_gets_what_it_waited_for_though_the_server_says_nothing_to_done() {
    for answers in [true, false] {
        let mut session = with(IDLE, move |mut peer| async move {
            let tag = idling(&mut peer).await;
            if answers {
                ends(peer, tag).await;
            } else {
                pending::<()>().await;
            }
        })
        .await;
        let wish = async {
            tokio::time::sleep(Duration::from_secs(90)).await;
            7
        };
        assert_eq!(session.idle(PATIENCE, wish).await, Ok(Waited::Until(7)));
        assert_eq!(session.is_usable(), answers);
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_while_we_idle_is_borne_and_nonsense_without_end_is_not() {
    for lines in [100, 300] {
        let mut session = with(IDLE, move |mut peer| async move {
            let tag = idling(&mut peer).await;
            for _ in 0..lines {
                peer.say("* (what) is (this\r\n").await;
            }
            peer.say("* 8 EXISTS\r\n").await;
            ends(peer, tag).await;
        })
        .await;
        let waited = session.idle(PATIENCE, pending::<()>()).await;
        let expected = if lines == 100 { Ok(Waited::News) } else { Err(ImapError::Limit(Limit::Unreadable)) };
        assert_eq!(waited, expected);
    }
    // A tagged answer of nobody's, and the end of what we did not end.
    for (said, expected) in [("Z9 OK\r\n", ImapError::Malformed), ("TAG OK\r\n", ImapError::Closed)] {
        let mut session = with(IDLE, move |mut peer| async move {
            let tag = idling(&mut peer).await;
            peer.say(said.replace("TAG", &tag)).await;
            pending::<()>().await;
        })
        .await;
        assert_eq!(session.idle(PATIENCE, pending::<()>()).await, Err(expected));
        assert!(!session.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_line_before_a_wish_is_whole_afterwards() {
    let (go, gone) = oneshot::channel::<()>();
    let mut session = with(NOTIFY, move |mut peer| async move {
        let (tag, _) = command(&mut peer).await;
        peer.say(format!("{tag} OK\r\n* STATUS Arch")).await;
        gone.await.unwrap();
        peer.say("ive (MESSAGES 3)\r\n").await;
        peer.command().await;
    })
    .await;
    session.notify().await.unwrap();
    let wish = tokio::time::sleep(Duration::from_secs(5));
    assert_eq!(session.listen(PATIENCE, wish).await, Ok(Waited::Until(())));
    go.send(()).unwrap();
    assert_eq!(session.listen(PATIENCE, pending::<()>()).await, Ok(Waited::News));
    let told = session.take_told().unwrap();
    assert_eq!(told.get("Archive").unwrap().messages, Some(3));
}

#[tokio::test(start_paused = true)]
async fn what_notify_tells_is_kept_by_mailbox_and_an_overflow_ends_it() {
    let mut session = with(NOTIFY, |mut peer| async move {
        let (tag, line) = command(&mut peer).await;
        assert!(
            line.starts_with("NOTIFY SET STATUS ") && line.contains("selected-delayed") && line.contains("personal")
        );
        peer.say(format!("* STATUS INBOX (MESSAGES 1 UIDNEXT 2)\r\n{tag} OK\r\n")).await;
        // In the middle of another command, and in part.
        let (tag, _) = command(&mut peer).await;
        peer.say(format!("* STATUS INBOX (UIDNEXT 3 UNSEEN 1)\r\n{tag} OK\r\n")).await;
        let (tag, _) = command(&mut peer).await;
        peer.say(format!("* LIST () \"/\" Neuf\r\n{tag} OK\r\n")).await;
        let (tag, _) = command(&mut peer).await;
        peer.say(format!("* OK [NOTIFICATIONOVERFLOW] too much\r\n{tag} OK\r\n")).await;
        peer.command().await;
    })
    .await;
    session.notify().await.unwrap();
    session.noop().await.unwrap();
    let told = session.take_told().unwrap();
    let inbox = told.get("INBOX").unwrap();
    assert_eq!((inbox.messages, inbox.uid_next, told.len()), (Some(1), Some(3), 1));
    // Another mailbox: a look at all.
    session.noop().await.unwrap();
    assert_eq!(session.take_told(), None);
    assert!(session.take_told().unwrap().is_empty());
    session.noop().await.unwrap();
    assert_eq!(session.take_told(), None);
    assert!(!session.notifies() && !session.can_notify());
}

#[tokio::test(start_paused = true)]
async fn a_refused_notify_is_an_error_and_tells_nothing() {
    let mut session = with(NOTIFY, |mut peer| async move {
        let (tag, _) = command(&mut peer).await;
        peer.say(format!("{tag} NO [BADEVENT (MessageNew)] no\r\n")).await;
        peer.command().await;
    })
    .await;
    assert!(matches!(session.notify().await, Err(ImapError::Refused { command: "NOTIFY", .. })));
    assert!(session.is_usable() && !session.notifies());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_hangs_when_the_network_changes_is_given_up_soon() {
    for changes in [true, false] {
        let mut session = with(IDLE, |mut peer| async move {
            command(&mut peer).await;
            pending::<()>().await;
        })
        .await;
        let (network, heeded) = watch::channel(0);
        session.heed(heeded);
        let begun = Instant::now();
        let change = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if changes {
                network.send_replace(1);
            }
            pending::<()>().await;
        };
        let asked = tokio::select! {
            asked = session.noop() => asked,
            () = change => unreachable!(),
        };
        assert_eq!(asked, Err(ImapError::TimedOut));
        assert_eq!(begun.elapsed() < Duration::from_secs(15), changes);
    }
}

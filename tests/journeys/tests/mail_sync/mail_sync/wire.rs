//! What goes over the wire to the real servers: how one signs in, what compression spares, what the server tells of rooms and
//! rights.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use academy::wire::{Direction, Wire};
use academy::{Academy, Endpoint, Teacher, Way};
use cartable_core::academy::Academy as Profile;
use cartable_core::mail::compose::Outgoing;
use cartable_core::mail::imap::{HeaderEvent, ImapError, ImapSession, Limits, MailStream, Messages, Rights};
use cartable_core::mail::send::{SendError, Stage, submit};
use cartable_core::mail::{Credentials, Link, MailAccount};
use cartable_core::portal::{Session, Who};
use cartable_core::ports::{Clock, MemoryStore, SecretKey, SecretStore, SystemClock};
use cartable_core::store::Store;
use journeys::{Hosts, network, watched};

const LIMITS: Limits = Limits { silence: Duration::from_secs(20) };
const MESSAGES: u64 = 300;

fn teacher(uid: &str) -> &'static Teacher {
    Teacher::by_uid(uid).unwrap()
}

fn password_of(uid: &str) -> Credentials {
    let teacher = teacher(uid);
    Credentials::Password { user: teacher.uid.to_owned(), password: teacher.password.into() }
}

/// A connection over `wire` to the server behind it.
async fn over(academy: &Academy, wire: &Wire, server: &Endpoint) -> Box<dyn MailStream> {
    Box::new(academy.connect(server.host, wire.socket_address()).await.unwrap())
}

/// A connection to Dovecot as it is.
async fn session(academy: &Academy, uid: &str) -> ImapSession {
    let server = academy.imap();
    let stream = academy.connect(server.host, ([127, 0, 0, 1], server.port).into()).await.unwrap();
    ImapSession::open(Box::new(stream), &password_of(uid), LIMITS).await.unwrap()
}

/// The lines that begin so among those that the client sent.
fn said(wire: &Wire, word: &str) -> Vec<String> {
    let sent = String::from_utf8(wire.recorded(Direction::ToServer)).unwrap();
    sent.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

/// Hands over a letter; how far it came.
async fn send(stream: Box<dyn MailStream>, credentials: &Credentials) -> (Result<(), SendError>, Vec<Stage>) {
    let letter = Outgoing {
        message_id: "scram@academie.test".to_owned(),
        from: "jdupont@academie.test".to_owned(),
        recipients: vec!["pmartin@academie.test".to_owned()],
        subject: "Conseil".to_owned(),
        mime: b"From: jdupont@academie.test\r\nMessage-ID: <scram@academie.test>\r\nSubject: Conseil\r\n\r\nA\r\n"
            .to_vec(),
    };
    let mut stages = Vec::new();
    let mut stage = |stage| stages.push(stage);
    let outcome = submit(stream, "academie.test", credentials, &letter, LIMITS.silence, &mut stage).await;
    (outcome, stages)
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_is_used_where_the_server_can_and_costs_no_try_where_it_cannot() {
    let academy = Academy::builder().scram().start().await.unwrap();
    let (imap, smtp) = (academy.imap(), academy.smtp());
    let wire = watched(&academy, imap.clone()).await;

    // Dovecot knows this password itself.
    let session = ImapSession::open(over(&academy, &wire, &imap).await, &password_of("jdupont"), LIMITS).await.unwrap();
    session.logout().await.unwrap();
    let ways = said(&wire, "AUTHENTICATE");
    assert!(ways.len() == 1 && ways[0].contains("AUTHENTICATE SCRAM-SHA-256 "), "{ways:?}");
    // Of a wrong one it learns nothing either, and hears of it once.
    let wrong = Credentials::Password { user: "jdupont".to_owned(), password: "Mauvais-2026".into() };
    let refused = ImapSession::open(over(&academy, &wire, &imap).await, &wrong, LIMITS).await.unwrap_err();
    assert!(matches!(refused, ImapError::AuthenticationFailed { .. }), "{refused:?}");
    assert_eq!(said(&wire, "AUTHENTICATE").len(), 2);

    // The others' is in the directory, which cannot do SCRAM: refused before the proof, on to PLAIN over the same connection.
    let before = wire.connections();
    let session = ImapSession::open(over(&academy, &wire, &imap).await, &password_of("pmartin"), LIMITS).await.unwrap();
    session.logout().await.unwrap();
    let ways = said(&wire, "AUTHENTICATE");
    assert_eq!((ways.len(), wire.connections() - before), (4, 1));
    assert!(ways[2].contains(" SCRAM-SHA-256 ") && ways[3].contains(" PLAIN "), "{ways:?}");

    let wire = watched(&academy, smtp.clone()).await;
    let (outcome, stages) = send(over(&academy, &wire, &smtp).await, &password_of("jdupont")).await;
    assert_eq!((outcome, stages.last()), (Ok(()), Some(&Stage::Accepted)));
    assert!(said(&wire, "AUTH ")[0].starts_with("AUTH SCRAM-SHA-256 "));
    let (outcome, stages) = send(over(&academy, &wire, &smtp).await, &wrong).await;
    assert_eq!((outcome, &stages[..]), (Err(SendError::AuthenticationFailed), &[Stage::Authenticating][..]));
    let (outcome, _) = send(over(&academy, &wire, &smtp).await, &password_of("pmartin")).await;
    assert_eq!(outcome, Ok(()));
    let ways = said(&wire, "AUTH ");
    assert!(ways.len() == 4 && ways[3].starts_with("AUTH PLAIN "), "{ways:?}");
    academy.stop().await.unwrap();
}

/// The mail of `perfbox` on a new phone that signs in by password, whose way leads over `wire`.
fn account(academy: &Academy, wire: &Wire, folder: &Path) -> MailAccount {
    let perfbox = teacher("perfbox");
    let profile = Arc::new(Profile::from_toml(&academy.profile_toml_for(Way::Form)).unwrap());
    let hosts = Hosts::of(academy);
    hosts.lead("imap.academie.test", wire.address());
    let (store, network) = (Store::open(folder).unwrap(), network(academy.ca_pem(), &hosts));
    let secrets: Arc<dyn SecretStore> = Arc::new(MemoryStore::default());
    secrets.put(&SecretKey::mail_password(&profile.id, perfbox.uid), &perfbox.password.into()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let session =
        Session::new(Arc::clone(&profile), store.clone(), network.clone(), Arc::clone(&secrets), Arc::clone(&clock));
    let who: Who = serde_json::from_str(r#"{"identifier": "perfbox"}"#).unwrap();
    MailAccount::new(profile, who, store, network, Arc::new(session), secrets, clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_bytes_are_dear_the_same_mail_costs_less_than_half_of_them() {
    let academy = Academy::start().await.unwrap();
    academy.fill(teacher("perfbox"), MESSAGES, 7, |_| {}).await.unwrap();
    let wire = academy.wire(academy.imap()).await.unwrap();
    let (mut bytes, mut known) = (Vec::new(), Vec::new());
    for link in [Link::Unmetered, Link::Metered, Link::LowData] {
        let folder = tempfile::tempdir().unwrap();
        let before = wire.bytes(Direction::ToClient);
        let account = account(&academy, &wire, folder.path());
        account.set_link(link);
        account.sync().await.unwrap();
        account.disconnect().await;
        bytes.push(wire.bytes(Direction::ToClient) - before);
        known.push(account.mailboxes().await.unwrap()[0].known);
    }
    assert_eq!(known, [MESSAGES; 3]);
    assert!(bytes[1] * 2 < bytes[0] && bytes[2] * 2 < bytes[0], "{bytes:?}");
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dovecot_is_spoken_to_in_deflate_both_ways() {
    let academy = Academy::start().await.unwrap();
    let (imap, letter) = (academy.imap(), b"Subject: a\r\n\r\nLes bulletins du premier trimestre.\r\n".repeat(4000));
    let wire = academy.wire(imap.clone()).await.unwrap();
    let mut session =
        ImapSession::open(over(&academy, &wire, &imap).await, &password_of("jdupont"), LIMITS).await.unwrap();
    session.compress().await.unwrap();
    let (_, uid) = session.append("Drafts", &["\\Seen"], &letter).await.unwrap().unwrap();
    session.select("Drafts").await.unwrap();
    let read = session.fetch_part(uid, "", 0, 1 << 20).await.unwrap();
    assert!(read == letter);
    let mut rows = 0;
    let mut each = |event| rows += u32::from(matches!(event, HeaderEvent::Row(_)));
    session.fetch_headers(&[Messages::Sequence(1, 1)], &mut each).await.unwrap();
    assert_eq!(rows, 1);
    for direction in [Direction::ToServer, Direction::ToClient] {
        assert!(wire.bytes(direction) < letter.len() as u64 / 5, "{direction:?}: {}", wire.bytes(direction));
    }
    // Twice is refused, and no harm is done.
    assert!(matches!(session.compress().await, Err(ImapError::Refused { .. } | ImapError::Bad { .. })));
    session.noop().await.unwrap();
    session.logout().await.unwrap();
    academy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dovecot_tells_namespaces_quota_and_what_a_colleague_may_do() {
    let academy = Academy::start().await.unwrap();
    academy.fill(teacher("jdupont"), 20, 7, |_| {}).await.unwrap();
    let mut jeanne = session(&academy, "jdupont").await;
    let told = jeanne.namespaces().await.unwrap();
    let prefixes = |some: &[cartable_core::mail::imap::Namespace]| {
        some.iter().map(|one| (one.prefix.clone(), one.delimiter.clone().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(prefixes(&told.personal), [(String::new(), "/".to_owned())]);
    assert_eq!(prefixes(&told.others), [("Partages/".to_owned(), "/".to_owned())]);
    assert!(told.shared.is_empty());

    let quotas = jeanne.quotas("INBOX").await.unwrap();
    let [quota] = quotas.as_slice() else { panic!("{quotas:?}") };
    let storage = quota.storage.unwrap();
    assert_eq!(storage.limit, 1 << 30);
    assert!(storage.used > 0 && storage.used < 1 << 30, "{storage:?}");

    let own = jeanne.my_rights("INBOX").await.unwrap();
    assert!(own.has(Rights::READ.with(Rights::EXPUNGE).with(Rights::DELETE_MAILBOX).with(Rights::ADMINISTER)), "{own}");
    let mut by_hand = academy.mailbox("jdupont").await.unwrap();
    by_hand.command("CREATE \"&AMk-coles\"").await.unwrap();
    by_hand.command("SETACL \"&AMk-coles\" pmartin lrs").await.unwrap();
    let mut paul = session(&academy, "pmartin").await;
    let rights = paul.my_rights("Partages/jdupont/Écoles").await.unwrap();
    assert_eq!(rights, Rights::LOOKUP.with(Rights::READ).with(Rights::SEEN), "{rights}");
    let listed = paul.list().await.unwrap();
    assert!(listed.iter().any(|one| one.name == "Partages/jdupont/Écoles" && one.selectable), "{listed:?}");
    // What is not shared is not there.
    assert!(matches!(paul.my_rights("Partages/jdupont/INBOX").await, Err(ImapError::Refused { .. })));
    assert!(paul.is_usable());
    academy.stop().await.unwrap();
}

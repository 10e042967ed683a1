//! Mailboxes of others, rooms and rights, on servers that do what Dovecot does not; and a server that counts no changes.

use super::queue::Scene;
use super::server::Server;
use crate::mail::imap::{Owner, Rights, Role};
use crate::mail::{Flags, MailError, Mailbox, RefusalReason};

const NAMESPACES: &str = "* NAMESPACE ((\"\" \"/\")) ((\"Partages/\" \"/\")) ((\"Commun/\" \"/\"))\r\n";
const LEAS: &str = "Partages/lreset/Trash";

/// A server with a colleague's bin, which it says what it is for, and a mailbox of nobody's that a list of all leaves out.
fn server() -> Server {
    let mut server = Server::new();
    server.capabilities += " NAMESPACE ACL QUOTA";
    server.namespaces = NAMESPACES.to_owned();
    server.quota = "* QUOTAROOT INBOX \"a\"\r\n* QUOTA \"a\" (STORAGE 10 20 MESSAGE 3 4)\r\n".to_owned();
    for (name, rights, apart) in [(LEAS, "lrs", false), ("Commun/Salles", "lrswipkxte", true)] {
        server.create(name);
        server.deliver(name, 40);
        let folder = server.folders.get_mut(name).unwrap();
        (folder.rights, folder.apart) = (Some(rights), apart);
    }
    server
}

async fn mailbox(scene: &Scene, name: &str) -> Option<Mailbox> {
    scene.mail.mailboxes().await.unwrap().into_iter().find(|one| one.name == name)
}

#[tokio::test]
async fn whose_a_mailbox_is_is_known_and_it_has_no_role_and_is_synced_once_looked_into() {
    for taken in [&[][..], &["LIST-STATUS"], &["LIST-STATUS", "LIST-EXTENDED"]] {
        let mut server = server();
        for name in taken {
            server.capabilities = server.capabilities.replace(&format!(" {name}"), "");
        }
        let scene = Scene::of(server).await;
        let leas = mailbox(&scene, LEAS).await.unwrap();
        assert_eq!((leas.role, leas.owner), (None, Owner::Person("lreset".to_owned())), "{taken:?}");
        assert_eq!(leas.rights, Some(Rights::LOOKUP.with(Rights::READ).with(Rights::SEEN)));
        let rooms = mailbox(&scene, "Commun/Salles").await.unwrap();
        assert_eq!((rooms.owner, rooms.role), (Owner::Shared, None));
        let own = mailbox(&scene, "Trash").await.unwrap();
        assert_eq!((own.role, own.owner, own.rights, own.synced), (Some(Role::Trash), Owner::Own, None, true));
        let quota = scene.mail.quota().await.unwrap();
        let used = |usage: Option<crate::mail::imap::Usage>| usage.map(|usage| (usage.used, usage.limit));
        assert_eq!((used(quota[0].storage), used(quota[0].messages)), (Some((10_240, 20_480)), Some((3, 4))));
        // Listed, and nothing more.
        assert_eq!((leas.synced, leas.known, rooms.known, scene.asked("SELECT \"Partages")), (false, 0, 0, 0));
        assert!(taken.is_empty() || scene.asked("STATUS \"Partages") == 0);

        assert!(scene.rows(LEAS).await.is_empty());
        scene.at_server(|_| ());
        scene.sync().await.unwrap();
        assert_eq!(scene.rows(LEAS).await[0].subject, "40");
        let leas = mailbox(&scene, LEAS).await.unwrap();
        assert_eq!((leas.synced, leas.known, leas.complete), (true, 1, true));
        assert_eq!(mailbox(&scene, "Commun/Salles").await.unwrap().known, 0);
        // What was told holds for a while.
        assert_eq!((scene.asked("NAMESPACE"), scene.asked("GETQUOTAROOT"), scene.asked("MYRIGHTS")), (0, 0, 0));
    }
}

#[tokio::test]
async fn one_that_is_subscribed_to_comes_at_once() {
    let mut server = server();
    server.folders.get_mut("Commun/Salles").unwrap().subscribed = true;
    let scene = Scene::of(server).await;
    assert_eq!(mailbox(&scene, "Commun/Salles").await.unwrap().known, 1);
}

#[tokio::test]
async fn what_the_rights_forbid_is_refused_at_once_and_nothing_is_written() {
    let scene = Scene::of(server()).await;
    let (leas, rooms) = (scene.mailbox(LEAS).await, scene.mailbox("Commun/Salles").await);
    scene.rows("Commun/Salles").await;
    scene.rows(LEAS).await;
    scene.sync().await.unwrap();
    let (own, theirs) = (scene.message("INBOX", "1").await, scene.message(LEAS, "40").await);
    let refused = |lacking| Err(MailError::NotAllowed { lacking });
    let remove = Rights::DELETE_MESSAGES.with(Rights::EXPUNGE);
    let (mail, inbox) = (&scene.mail, scene.mailbox("INBOX").await);
    assert_eq!(mail.move_to(&[own], leas).await, refused(Rights::INSERT));
    assert_eq!(mail.copy_to(&[own], leas).await, refused(Rights::INSERT));
    // One of them is enough.
    assert_eq!(mail.move_to(&[own, theirs], inbox).await, refused(remove));
    assert_eq!(mail.delete(&[theirs]).await, refused(remove));
    assert_eq!(mail.delete_for_ever(&[theirs]).await, refused(remove));
    assert_eq!(mail.archive(&[theirs]).await, refused(remove));
    assert_eq!(mail.junk(&[theirs]).await, refused(remove));
    assert_eq!(mail.set_flags(&[theirs], Flags::FLAGGED, true).await, refused(Rights::WRITE));
    assert_eq!(mail.rename_mailbox(leas, None, "A moi").await, refused(Rights::DELETE_MAILBOX));
    assert_eq!(mail.delete_mailbox(leas).await, refused(Rights::DELETE_MAILBOX));
    assert_eq!(mail.create_mailbox(Some(leas), "Dedans").await, refused(Rights::CREATE).map(|_: i64| (0, 0)));
    assert!(!mail.is_acting().await.unwrap());
    assert_eq!(scene.rows(LEAS).await.len(), 1);

    // What is allowed is done.
    mail.set_flags(&[theirs], Flags::SEEN, true).await.unwrap();
    mail.copy_to(&[theirs], inbox).await.unwrap();
    mail.move_to(&[own], rooms).await.unwrap();
    mail.create_mailbox(Some(rooms), "Dedans").await.unwrap();
    assert_eq!(scene.sync().await.unwrap().refused, 0);
    let there = scene.at_server(|server| server.mail());
    assert_eq!(there[LEAS], [("40".to_owned(), vec!["\\Seen".to_owned()])]);
    assert_eq!((there["INBOX"].len(), there["Commun/Salles"].len()), (8, 2));
    assert_eq!(mailbox(&scene, "Commun/Salles/Dedans").await.unwrap().owner, Owner::Shared);
}

#[tokio::test]
async fn a_move_out_of_a_share_into_which_one_may_not_put_back_is_undone_only_while_the_server_has_not_heard_of_it() {
    let mut server = server();
    server.folders.get_mut(LEAS).unwrap().rights = Some("lrswte");
    let scene = Scene::of(server).await;
    scene.rows(LEAS).await;
    scene.sync().await.unwrap();
    let (theirs, inbox) = (scene.message(LEAS, "40").await, scene.mailbox("INBOX").await);
    let moved = scene.mail.move_to(&[theirs], inbox).await.unwrap();
    scene.mail.undo(moved).await.unwrap();
    assert_eq!(scene.message(LEAS, "40").await, theirs);
    let moved = scene.mail.move_to(&[theirs], inbox).await.unwrap();
    assert_eq!(scene.sync().await.unwrap().acted, 1);
    for _ in 0..2 {
        let undone = scene.mail.undo(moved).await;
        assert_eq!(undone, Err(MailError::NotAllowed { lacking: Rights::INSERT }));
    }
    assert!(scene.rows(LEAS).await.is_empty() && scene.message("INBOX", "40").await == theirs);
    assert!(!scene.mail.is_acting().await.unwrap(), "nothing is written");
}

#[tokio::test]
async fn rights_that_nobody_knows_forbid_nothing_and_a_refusal_has_them_asked_again() {
    let mut server = server();
    server.folders.get_mut(LEAS).unwrap().rights = None;
    let scene = Scene::of(server).await;
    let leas = mailbox(&scene, LEAS).await.unwrap();
    assert_eq!(leas.rights, None);
    scene.at_server(|_| ());
    scene.sync().await.unwrap();
    assert_eq!(scene.asked("MYRIGHTS"), 0);

    let own = scene.message("INBOX", "1").await;
    scene.mail.move_to(&[own], leas.id).await.unwrap();
    scene.at_server(|server| {
        server.refuse.push(("UID MOVE", "NO [NOPERM] not yours", 1));
        server.folders.get_mut(LEAS).unwrap().rights = Some("lr");
    });
    assert_eq!(scene.sync().await.unwrap().refused, 1);
    assert!(matches!(scene.mail.refusals().await.unwrap()[0].why, RefusalReason::Said(_)));
    assert!(scene.rows("INBOX").await.iter().any(|row| row.id == own));
    // Within the same sync.
    assert_eq!(mailbox(&scene, LEAS).await.unwrap().rights, Some(Rights::LOOKUP.with(Rights::READ)));
    assert_eq!(scene.mail.move_to(&[own], leas.id).await, Err(MailError::NotAllowed { lacking: Rights::INSERT }));
}

#[tokio::test]
async fn a_share_that_is_taken_away_goes_and_comes_when_it_is_given_anew() {
    let scene = Scene::of(server()).await;
    scene.rows(LEAS).await;
    scene.sync().await.unwrap();
    let folder = scene.at_server(|server| server.folders.remove(LEAS).unwrap());
    scene.sync().await.unwrap();
    assert_eq!(mailbox(&scene, LEAS).await, None);
    scene.at_server(|server| server.folders.insert(LEAS.to_owned(), folder));
    scene.sync().await.unwrap();
    assert_eq!(mailbox(&scene, LEAS).await.unwrap().known, 0);
    scene.rows(LEAS).await;
    scene.sync().await.unwrap();
    assert_eq!(scene.rows(LEAS).await.len(), 1);

    // Still listed, and no longer to be read.
    scene.at_server(|server| {
        server.deliver(LEAS, 41);
        server.folders.get_mut(LEAS).unwrap().rights = Some("l");
        server.refuse.push(("SELECT \"Partages", "NO [NOPERM] not yours", 9));
    });
    for _ in 0..2 {
        scene.sync().await.unwrap();
    }
    let leas = mailbox(&scene, LEAS).await.unwrap();
    assert_eq!((leas.known, leas.rights), (0, Some(Rights::LOOKUP)));
    scene.at_server(|_| ());
    scene.sync().await.unwrap();
    assert_eq!((scene.asked("SELECT"), scene.asked("MYRIGHTS")), (1, 0), "the inbox is compared");
}

#[tokio::test]
async fn what_was_moved_into_a_share_that_is_not_synced_is_found_there() {
    for taken in [&[][..], &[" UIDPLUS"], &[" UIDPLUS", " MOVE"]] {
        let mut server = server();
        for name in taken {
            server.capabilities = server.capabilities.replace(name, "");
        }
        let scene = Scene::of(server).await;
        let (own, rooms) = (scene.message("INBOX", "1").await, scene.mailbox("Commun/Salles").await);
        scene.mail.move_to(&[own], rooms).await.unwrap();
        for _ in 0..2 {
            assert_eq!(scene.sync().await.unwrap().refused, 0, "{taken:?}");
        }
        assert!(!scene.mail.is_acting().await.unwrap());
        let there = scene.at_server(|server| server.mail());
        assert!(there["Commun/Salles"].iter().any(|(subject, _)| subject == "1"), "{taken:?}: {there:?}");
    }
}

#[tokio::test]
async fn a_server_that_tells_nonsense_of_itself_is_synced_as_one_that_tells_nothing() {
    let long = format!("* NAMESPACE NIL (({} \"/\")) NIL\r\n", "x".repeat(70_000));
    let many = format!("* NAMESPACE NIL ({}) NIL\r\n", "(\"a/\" \"/\")".repeat(101));
    for told in ["", "* NAMESPACE NIL\r\n", "* NAMESPACE ((\"\" \"/\") NIL NIL\r\n", &long, &many] {
        let mut server = server();
        server.namespaces = told.to_owned();
        server.quota = "* QUOTAROOT INBOX a\r\n* QUOTA a (STORAGE many 20)\r\n".to_owned();
        let scene = Scene::of(server).await;
        assert!(scene.mail.quota().await.unwrap().is_empty());
        assert_eq!(mailbox(&scene, LEAS).await.unwrap().owner, Owner::Own);
    }
    // Everything is said to be somebody else's: the inbox never is. And prefixes that would mean any mailbox.
    for told in ["* NAMESPACE NIL ((\"\" \"/\")) NIL\r\n", "* NAMESPACE NIL ((\"*\" \"/\")(\"%/\" NIL)) NIL\r\n"] {
        let mut server = server();
        server.namespaces = told.to_owned();
        let scene = Scene::of(server).await;
        assert_eq!(scene.rows("INBOX").await.len(), 8);
        assert_eq!(mailbox(&scene, "INBOX").await.unwrap().owner, Owner::Own);
    }
    // It lists the others by no pattern of its own.
    let mut server = server();
    server.refuse.push(("LIST \"\" (", "BAD what?", 9));
    let scene = Scene::of(server).await;
    assert_eq!(mailbox(&scene, LEAS).await.unwrap().owner, Owner::Person("lreset".to_owned()));
    assert_eq!(mailbox(&scene, "Trash").await.unwrap().role, Some(Role::Trash));
}

fn mark(server: &mut Server, flag: &str) {
    server.folders.get_mut("Classe").unwrap().letters[0].flags.insert(flag.to_owned());
}

#[tokio::test]
async fn where_no_changes_are_counted_only_the_inbox_and_what_is_on_screen_is_compared() {
    let mut server = Server::new();
    for number in 20..23 {
        server.deliver("Classe", number);
    }
    let scene = Scene::of(server).await;
    scene.rows("INBOX").await;
    let selects = async |change: fn(&mut Server)| {
        scene.at_server(change);
        scene.sync().await.unwrap();
        scene.asked("SELECT \"Classe\"")
    };
    assert_eq!(selects(|_| ()).await, 0);
    // Read, gone, come: each is seen.
    assert_eq!(selects(|server| mark(server, "\\Seen")).await, 1);
    assert_eq!(selects(|server| drop(server.take("Classe", "21"))).await, 1);
    assert_eq!(selects(|server| server.deliver("Classe", 23)).await, 1);
    let come_and_gone = |server: &mut Server| {
        drop(server.take("Classe", "23"));
        server.deliver("Classe", 24);
    };
    assert_eq!(selects(come_and_gone).await, 1);
    // Another flag is seen when it is looked at.
    assert_eq!(selects(|server| mark(server, "\\Flagged")).await, 0);
    let flagged = async || scene.rows("Classe").await.iter().filter(|row| row.flags.has(Flags::FLAGGED)).count();
    assert_eq!(flagged().await, 0);
    assert_eq!(selects(|_| ()).await, 1);
    assert_eq!(flagged().await, 1);
}

#[tokio::test]
async fn a_message_that_another_program_moves_or_copies_is_known_again_and_nothing_is_fetched() {
    let mut server = Server::new();
    server.capabilities += " OBJECTID";
    server.deliver("Classe", 20);
    let scene = Scene::of(server).await;
    let (one, twenty) = (scene.message("INBOX", "1").await, scene.message("Classe", "20").await);
    let body = crate::mail::rows::Body { raw: b"Subject: x\r\n\r\nGard\xe9\r\n".to_vec(), ..Default::default() };
    let kept = body.clone();
    let keep = scene.mail.store.write(move |t, _| {
        crate::mail::rows::keep_body(t, one, &kept)?;
        crate::mail::rows::keep_body(t, twenty, &kept)
    });
    keep.await.unwrap();
    scene.at_server(|server| {
        // Out of the inbox, which is looked at first, and out of one that is looked at later.
        let letter = server.take("INBOX", "1");
        server.add("Archive", letter);
        let letter = server.folders["Classe"].letters[0].clone();
        server.add("Archive", letter);
        server.add("INBOX", server.folders["Classe"].letters[0].clone());
        server.take("INBOX", "2");
    });
    let report = scene.sync().await.unwrap();
    assert_eq!((report.arrived, report.gone), (3, 2));
    let asked = scene.server.lock().unwrap().asked.clone();
    let archive = asked.iter().skip_while(|line| !line.starts_with("SELECT \"Archive")).skip(1);
    let archive: Vec<_> = archive.take_while(|line| !line.starts_with("SELECT")).collect();
    assert!(archive.iter().any(|line| line.contains("EMAILID")), "{archive:?}");
    assert!(!archive.iter().any(|line| line.contains("HEADER")), "{archive:?}");
    assert_eq!(scene.message("Archive", "1").await, one, "the same row");
    let copy = scene.message("Archive", "20").await;
    assert!(copy != twenty && scene.rows("Classe").await.len() == 1);
    for message in [one, copy, twenty] {
        let read = scene.mail.store.read(move |c| crate::mail::rows::body(c, message)).await.unwrap();
        assert_eq!(read.unwrap().raw, body.raw);
    }
    assert!(!scene.mail.store.read(crate::mail::rows::has_lost).await.unwrap());
}

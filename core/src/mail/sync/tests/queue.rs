//! The queue of actions against a server that refuses, lacks things, or hangs up at the worst moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::duplex;

use super::scripted::{account, signed_in};
use super::server::{Server, serve};
use crate::mail::account::SILENCE;
use crate::mail::compose::Outgoing;
use crate::mail::{ActionKind, Flags, MailAccount, MailError, RefusalReason, Row};
use crate::store::Change;

/// A phone, and the server it has a connection to.
pub(super) struct Scene {
    pub(super) mail: MailAccount,
    pub(super) server: Arc<Mutex<Server>>,
    folder: tempfile::TempDir,
}

impl Scene {
    /// A phone that has synced once.
    pub(super) async fn of(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { mail: account(folder.path()), server: Arc::new(Mutex::new(server)), folder };
        scene.sync().await.unwrap();
        scene
    }

    async fn new() -> Self {
        Self::of(Server::new()).await
    }

    /// Of a server without these capabilities; with those that have a `+` before them.
    async fn without(taken: &[&str]) -> Self {
        let mut server = Server::new();
        for name in taken {
            server.capabilities = match name.strip_prefix('+') {
                Some(added) => format!("{} {added}", server.capabilities),
                None => server.capabilities.replace(&format!(" {name}"), ""),
            };
        }
        Self::of(server).await
    }

    /// Syncs over a new connection.
    pub(super) async fn sync(&self) -> Result<super::super::SyncReport, MailError> {
        self.connect().await?;
        self.mail.sync().await
    }

    async fn connect(&self) -> Result<(), MailError> {
        let (ours, theirs) = duplex(1 << 20);
        tokio::spawn(serve(theirs, Arc::clone(&self.server)));
        self.mail.connected(signed_in(ours, SILENCE).await?).await;
        Ok(())
    }

    pub(super) fn at_server<T>(&self, change: impl FnOnce(&mut Server) -> T) -> T {
        let mut server = self.server.lock().unwrap();
        server.asked.clear();
        change(&mut server)
    }

    pub(super) fn asked(&self, what: &str) -> usize {
        self.server.lock().unwrap().asked.iter().filter(|command| command.starts_with(what)).count()
    }

    pub(super) async fn mailbox(&self, name: &str) -> i64 {
        let all = self.mail.mailboxes().await.unwrap();
        all.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{name}: {all:?}")).id
    }

    pub(super) async fn rows(&self, name: &str) -> Vec<Row> {
        self.mail.page(self.mailbox(name).await, None, 50).await.unwrap()
    }

    /// The message of this subject in a mailbox.
    pub(super) async fn message(&self, name: &str, subject: &str) -> i64 {
        let rows = self.rows(name).await;
        rows.iter().find(|row| row.subject == subject).unwrap_or_else(|| panic!("{subject} in {name}: {rows:?}")).id
    }

    /// What the phone shows, as [`Server::mail`] tells it.
    async fn shown(&self) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
        let mut all = BTreeMap::new();
        for mailbox in self.mail.mailboxes().await.unwrap() {
            let rows = self.mail.page(mailbox.id, None, 50).await.unwrap();
            assert_eq!(mailbox.known, rows.len() as u64, "{}", mailbox.name);
            let unread = rows.iter().filter(|row| !row.flags.has(Flags::SEEN)).count() as u64;
            assert_eq!(mailbox.unread, unread, "{}", mailbox.name);
            let flags = |row: &Row| {
                let mut flags: Vec<_> = row.flags.names().into_iter().map(str::to_owned).collect();
                flags.sort();
                flags
            };
            let mut rows: Vec<_> = rows.iter().map(|row| (row.subject.clone(), flags(row))).collect();
            rows.sort();
            all.insert(mailbox.name, rows);
        }
        all
    }

    /// Phone and server have the same, and nothing waits.
    async fn is_settled(&self) {
        let mut theirs = self.at_server(|server| server.mail());
        if !self.server.lock().unwrap().capabilities.contains("UIDPLUS") {
            let marked = |flags: &[String]| flags.iter().any(|flag| flag == "\\Deleted");
            theirs.values_mut().for_each(|mail| mail.retain(|(_, flags)| !marked(flags)));
        }
        assert_eq!(self.shown().await, theirs);
        assert!(!self.mail.is_acting().await.unwrap());
    }
}

fn draft(subject: &str) -> Outgoing {
    Outgoing {
        message_id: format!("{subject}@phone.test"),
        from: "jdupont@a.test".to_owned(),
        recipients: Vec::new(),
        subject: subject.to_owned(),
        mime: format!("Subject: {subject}\r\nMessage-ID: <{subject}@phone.test>\r\n\r\nChers parents\r\n").into_bytes(),
    }
}

/// Something of everything.
async fn act(scene: &Scene) {
    let mail = &scene.mail;
    let mut ids = BTreeMap::new();
    for row in scene.rows("INBOX").await {
        ids.insert(row.subject.clone(), row.id);
    }
    let (_, sixth) = mail.create_mailbox(None, "Sixieme").await.unwrap();
    mail.set_flags(&[ids["1"], ids["2"]], Flags::SEEN, true).await.unwrap();
    mail.set_flags(&[ids["1"]], Flags::FLAGGED, true).await.unwrap();
    mail.move_to(&[ids["2"], ids["3"]], sixth).await.unwrap();
    mail.copy_to(&[ids["4"]], sixth).await.unwrap();
    mail.delete(&[ids["4"]]).await.unwrap();
    mail.delete_for_ever(&[ids["5"]]).await.unwrap();
    mail.junk(&[ids["6"]]).await.unwrap();
    mail.rename_mailbox(scene.mailbox("Classe").await, Some(sixth), "A").await.unwrap();
    let first = mail.save_draft(None, draft("Lettre"), 1_770_000_000_000).await.unwrap();
    mail.save_draft(Some(first), draft("Lettre 2"), 1_770_000_060_000).await.unwrap();
    mail.archive(&[ids["7"]]).await.unwrap();
}

#[tokio::test]
async fn what_the_server_says_its_users_must_be_shown_is_shown_until_it_was_read_and_comes_back_in_other_words() {
    let scene = Scene::without(&["+QUOTA"]).await;
    let mail = &scene.mail;
    let say = async |words: &str| {
        scene.at_server(|server| server.quota = format!("* OK [ALERT] {words}\r\n"));
        mail.store.write(|t, _| Ok(t.execute("DELETE FROM asked", [])?)).await.unwrap();
        scene.sync().await.unwrap();
        // Behind it in the queue of the writer.
        mail.store.write(|_, _| Ok(())).await.unwrap();
        mail.server_alert().await.unwrap().map(|alert| alert.words)
    };
    assert_eq!(mail.server_alert().await, Ok(None));
    let mut notices = mail.store.notices().listen();
    assert_eq!(say("Arret \u{202e}ce soir").await.as_deref(), Some("Arret ce soir"));
    while notices.next().await != Some(Change::ServerAlert) {}
    mail.dismiss_server_alert().await.unwrap();
    assert_eq!(say("Arret \u{202e}ce soir").await, None, "it was read");
    let long = "x".repeat(5000);
    assert_eq!(say(&long).await.map(|words| words.len()), Some(200));
}

#[tokio::test]
async fn new_mail_comes_while_a_deletion_can_still_be_taken_back_and_what_was_done_before_goes_with_it() {
    let scene = Scene::new().await;
    let mail = &scene.mail;
    let rows = scene.rows("INBOX").await;
    mail.set_flags(&[rows[0].id], Flags::FLAGGED, true).await.unwrap();
    let academy = mail.academy.id.clone();
    let waiting = async |after| {
        let academy = academy.clone();
        mail.store.read(move |c| crate::mail::rows::waiting(c, &academy, after)).await.unwrap()
    };
    let before = waiting(0).await.newest.unwrap();
    let deleted = mail.delete(&[rows[1].id]).await.unwrap();
    let seen = waiting(before).await;
    let held = seen.destructive.unwrap();
    assert!(held > before && seen.newest == Some(held) && waiting(held).await.destructive.is_none());
    scene.at_server(|server| server.deliver("INBOX", 99));
    scene.connect().await.unwrap();
    let report = mail.sync_acting_before(held, None, &|_, _| {}).await.unwrap();
    assert_eq!((report.arrived, report.acted, report.refused), (1, 1, 0));
    assert_eq!((scene.asked("UID STORE"), scene.asked("UID MOVE")), (1, 0));
    assert_eq!(scene.rows("INBOX").await.len(), rows.len(), "one has come, one is shown in the bin");
    mail.undo(deleted).await.unwrap();
    scene.sync().await.unwrap();
    assert_eq!(scene.asked("UID MOVE"), 0);
    scene.is_settled().await;
}

#[tokio::test]
async fn everything_is_shown_before_the_server_knows_and_the_same_after() {
    for taken in [&[][..], &["MOVE"], &["UIDPLUS"], &["LITERAL+"]] {
        let scene = Scene::without(taken).await;
        act(&scene).await;
        let shown = scene.shown().await;
        let subjects = |name: &str| shown[name].iter().map(|(subject, _)| subject.as_str()).collect::<Vec<_>>();
        assert_eq!(subjects("INBOX"), ["1", "8"]);
        assert_eq!((subjects("Sixieme"), subjects("Sixieme/A")), (vec!["2", "3", "4"], vec![]));
        assert_eq!((subjects("Trash"), subjects("Junk"), subjects("Archive")), (vec!["4"], vec!["6"], vec!["7"]));
        assert_eq!(subjects("Drafts"), ["Lettre 2"]);
        let rows = scene.rows("Sixieme").await;
        scene.at_server(|_| ());
        let report = scene.sync().await.unwrap();
        assert_eq!(report.refused, 0, "{taken:?}: {:?}", scene.mail.refusals().await);
        assert_eq!(scene.shown().await, shown, "{taken:?}");
        scene.is_settled().await;
        assert_eq!(scene.server.lock().unwrap().mail()["Drafts"].len(), 1);
        // The same rows, with all that hangs on them.
        let ids = |rows: &[Row]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(&scene.rows("Sixieme").await), ids(&rows), "{taken:?}");
        if taken.is_empty() {
            assert_eq!(report.arrived, 0);
        }
        assert_eq!(scene.sync().await.unwrap(), Default::default(), "{taken:?}");
    }
}

#[tokio::test]
async fn many_marks_are_few_commands() {
    let mut server = Server::new();
    (10..600).for_each(|number| server.deliver("INBOX", number));
    let scene = Scene::of(server).await;
    let inbox = scene.mailbox("INBOX").await;
    scene.mail.mark_all_read(inbox).await.unwrap();
    assert_eq!(scene.mail.mailboxes().await.unwrap()[0].unread, 0);
    scene.at_server(|_| ());
    assert_eq!(scene.sync().await.unwrap().acted, 598);
    assert_eq!(scene.asked("UID STORE"), 2);
}

#[tokio::test]
async fn a_server_that_cannot_remove_one_message_alone_keeps_it_and_the_phone_hides_it() {
    let scene = Scene::without(&["UIDPLUS"]).await;
    let one = scene.message("INBOX", "1").await;
    scene.at_server(|server| server.folders.get_mut("INBOX").unwrap().letters[7].flags.insert("\\Deleted".into()));
    scene.mail.delete_for_ever(&[one]).await.unwrap();
    scene.sync().await.unwrap();
    assert_eq!(scene.asked("EXPUNGE") + scene.asked("UID EXPUNGE"), 0);
    assert_eq!(scene.at_server(|server| server.mail()["INBOX"].len()), 8);
    let shown = scene.shown().await;
    assert!(!shown["INBOX"].iter().any(|(subject, _)| subject == "1"));
    assert!(shown["INBOX"].iter().any(|(subject, _)| subject == "8"));
    // Somebody thinks better of it.
    scene.at_server(|server| {
        server.folders.get_mut("INBOX").unwrap().letters.iter_mut().for_each(|one| one.flags.clear())
    });
    scene.sync().await.unwrap();
    scene.is_settled().await;
}

#[tokio::test]
async fn an_action_follows_a_message_that_another_program_moved() {
    for (to, first) in [("Archive", false), ("INBOX", true)] {
        let from = if first { "Classe" } else { "INBOX" };
        let mut server = Server::new();
        server.deliver("Classe", 20);
        let scene = Scene::of(server).await;
        let subject = if first { "20" } else { "3" };
        let message = scene.message(from, subject).await;
        scene.mail.set_flags(&[message], Flags::FLAGGED, true).await.unwrap();
        scene.at_server(|server| {
            let letter = server.take(from, subject);
            server.add(to, letter);
        });
        let report = scene.sync().await.unwrap();
        assert_eq!((report.acted, report.refused), (1, 0), "{to}");
        scene.is_settled().await;
        let rows = scene.rows(to).await;
        let row = rows.iter().find(|row| row.subject == subject).unwrap();
        assert!(row.id == message && row.flags.has(Flags::FLAGGED), "{to}");
    }
}

#[tokio::test]
async fn a_flag_that_the_server_may_still_set_late_is_cleared_also_where_the_message_has_moved_meanwhile() {
    let scene = Scene::new().await;
    let three = scene.message("INBOX", "3").await;
    scene.mail.set_flags(&[three], Flags::FLAGGED, true).await.unwrap();
    // As a kill leaves it between the command and its outcome.
    scene.mail.store.write(|t, _| Ok(t.execute("UPDATE action SET begun = 1", [])?)).await.unwrap();
    scene.mail.set_flags(&[three], Flags::FLAGGED, false).await.unwrap();
    scene.at_server(|server| {
        let letter = server.take("INBOX", "3");
        server.add("Archive", letter);
    });
    assert_eq!(scene.sync().await.unwrap().refused, 0);
    // It has the flag no more, and never had it as far as one could see.
    assert_eq!(scene.asked("UID STORE"), 1);
    scene.is_settled().await;
}

#[tokio::test]
async fn an_action_on_a_message_that_was_deleted_elsewhere_is_refused_and_told() {
    let scene = Scene::new().await;
    let (three, four) = (scene.message("INBOX", "3").await, scene.message("INBOX", "4").await);
    scene.mail.archive(&[three]).await.unwrap();
    scene.mail.delete_for_ever(&[four]).await.unwrap();
    scene.at_server(|server| drop((server.take("INBOX", "3"), server.take("INBOX", "4"))));
    let report = scene.sync().await.unwrap();
    // What was to be gone is gone.
    assert_eq!((report.acted, report.refused), (1, 1));
    scene.is_settled().await;
    let refusals = scene.mail.refusals().await.unwrap();
    let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!((refusal.what, &refusal.why), (ActionKind::Archive, &RefusalReason::Gone));
    assert_eq!((refusal.messages, refusal.subject.as_deref()), (1, Some("3")));
    scene.mail.forget_refusals(refusal.id).await.unwrap();
    assert_eq!(scene.mail.refusals().await.unwrap(), []);
}

#[tokio::test]
async fn a_mailbox_that_was_renamed_or_deleted_elsewhere_takes_what_goes_there_along_or_refuses_it() {
    let mut server = Server::new();
    server.create("Salle");
    server.deliver("Classe", 20);
    let scene = Scene::of(server).await;
    let (three, four) = (scene.message("INBOX", "3").await, scene.message("INBOX", "4").await);
    scene.mail.move_to(&[three], scene.mailbox("Classe").await).await.unwrap();
    scene.mail.copy_to(&[four], scene.mailbox("Salle").await).await.unwrap();
    scene.mail.move_to(&[four], scene.mailbox("Salle").await).await.unwrap();
    scene.at_server(|server| {
        let folder = server.folders.remove("Classe").unwrap();
        server.folders.insert("Eleves".to_owned(), folder);
        server.folders.remove("Salle");
    });
    let report = scene.sync().await.unwrap();
    assert_eq!((report.acted, report.refused), (1, 2));
    scene.is_settled().await;
    assert!(scene.rows("Eleves").await.iter().any(|row| row.id == three));
    assert!(scene.rows("INBOX").await.iter().any(|row| row.id == four));
    let refusals = scene.mail.refusals().await.unwrap();
    assert!(refusals.len() == 2 && refusals.iter().all(|one| one.why == RefusalReason::MailboxGone), "{refusals:?}");
    assert_eq!(refusals[0].mailbox.as_deref(), Some("Salle"));
}

#[tokio::test]
async fn what_was_to_go_where_no_mail_can_be_any_more_is_refused_and_shown_where_it_is() {
    for ways in [true, false] {
        let scene = Scene::new().await;
        let (one, two) = (scene.message("INBOX", "1").await, scene.message("INBOX", "2").await);
        let there = scene.mailbox("Classe").await;
        if ways {
            scene.mail.move_to(&[one], there).await.unwrap();
        } else {
            scene.mail.copy_to(&[one], there).await.unwrap();
        }
        scene.mail.set_flags(&[two], Flags::FLAGGED, true).await.unwrap();
        scene.at_server(|server| {
            server.folders.remove("Classe");
            server.shells.push("Classe");
        });
        assert_eq!(scene.sync().await.unwrap().refused, 1);
        assert_eq!(scene.sync().await.unwrap(), Default::default());
        assert!(!scene.mail.is_acting().await.unwrap());
        assert_eq!(scene.rows("INBOX").await.len(), 8);
        let refusals = scene.mail.refusals().await.unwrap();
        assert!(refusals.len() == 1 && refusals[0].why == RefusalReason::MailboxGone, "{refusals:?}");
    }
}

#[tokio::test]
async fn a_mailbox_that_gets_another_name_between_two_commands_is_no_refusal() {
    for taken in [&[][..], &["MOVE"]] {
        for command in ["UID STORE", "UID FETCH", "UID MOVE", "UID COPY", "UID EXPUNGE", "APPEND"] {
            for renamed in ["INBOX/Projet", "Classe"] {
                let mut server = Server::new();
                server.create("INBOX/Projet");
                (20..25).for_each(|number| server.deliver("INBOX/Projet", number));
                server.deliver("Classe", 30);
                taken.iter().for_each(|one| server.capabilities = server.capabilities.replace(&format!(" {one}"), ""));
                let scene = Scene::of(server).await;
                let mut here = Vec::new();
                for number in ["20", "21", "22", "23"] {
                    here.push(scene.message("INBOX/Projet", number).await);
                }
                let there = scene.mailbox("Classe").await;
                scene.mail.set_flags(&here, Flags::FLAGGED, true).await.unwrap();
                scene.mail.copy_to(&here[..1], there).await.unwrap();
                scene.mail.move_to(&here[1..2], there).await.unwrap();
                scene.mail.delete_for_ever(&here[2..3]).await.unwrap();
                scene.mail.save_draft(None, draft("Lettre"), 1_770_000_000_000).await.unwrap();
                let shown = scene.shown().await;
                scene.at_server(|server| server.renames = Some((command, renamed, "Autre")));
                let mut refused = 0;
                for _ in 0..3 {
                    let report = scene.sync().await;
                    refused +=
                        report.unwrap_or_else(|error| panic!("{command} {renamed} {taken:?}: {error:?}")).refused;
                }
                let told = scene.mail.refusals().await.unwrap();
                assert_eq!((refused, told), (0, Vec::new()), "{command} {renamed} {taken:?}");
                let mut mail = scene.at_server(|server| server.mail());
                if let Some(folder) = mail.remove("Autre") {
                    mail.insert(renamed.to_owned(), folder);
                }
                assert_eq!(mail, shown, "{command} {renamed} {taken:?}");
                scene.is_settled().await;
            }
        }
    }
}

#[tokio::test]
async fn where_no_room_is_left_a_copy_is_undone_and_a_draft_kept() {
    let scene = Scene::new().await;
    let one = scene.message("INBOX", "1").await;
    scene.mail.copy_to(&[one], scene.mailbox("Classe").await).await.unwrap();
    scene.mail.save_draft(None, draft("Lettre"), 1_770_000_000_000).await.unwrap();
    let full = "NO [OVERQUOTA] full";
    scene.at_server(|server| server.refuse = vec![("UID COPY", full, 9), ("APPEND", full, 9)]);
    assert_eq!(scene.sync().await.unwrap().refused, 2);
    assert_eq!(scene.sync().await.unwrap().refused, 1);
    assert_eq!(scene.rows("Classe").await, []);
    let kept = scene.message("Drafts", "Lettre").await;
    assert_eq!(scene.mail.open_message(kept).await.unwrap().reading.text.trim(), "Chers parents");
    let refusals = scene.mail.refusals().await.unwrap();
    // Told once, however often it is tried.
    assert!(refusals.len() == 2 && refusals.iter().all(|one| one.why == RefusalReason::Full), "{refusals:?}");
    scene.at_server(|server| server.refuse.clear());
    scene.sync().await.unwrap();
    scene.is_settled().await;
    assert_eq!(scene.message("Drafts", "Lettre").await, kept);
}

#[tokio::test]
async fn no_and_bad_to_each_command_of_a_push_show_the_servers_truth_and_are_told() {
    let commands = ["CREATE", "RENAME", "UID STORE", "UID MOVE", "UID COPY", "UID EXPUNGE", "APPEND"];
    for (command, taken) in commands.into_iter().map(|one| (one, None)).chain([("UID COPY", Some("MOVE"))]) {
        for answer in ["NO [NOPERM] not yours", "BAD what?", "NO [INUSE] later"] {
            let scene = Scene::without(taken.as_slice()).await;
            act(&scene).await;
            scene.at_server(|server| server.refuse = vec![(command, answer, 99)]);
            let report = scene.sync().await.unwrap();
            let later = answer.contains("INUSE");
            assert_eq!(report.refused > 0, !later, "{command} {answer} {report:?}");
            assert_eq!(scene.mail.refusals().await.unwrap().is_empty(), later, "{command} {answer}");
            if !later && command != "APPEND" {
                assert_eq!(scene.shown().await, scene.at_server(|server| server.mail()), "{command} {answer}");
            }
            scene.at_server(|server| server.refuse.clear());
            scene.sync().await.unwrap();
            scene.is_settled().await;
        }
    }
}

#[tokio::test]
async fn a_refused_mailbox_takes_what_depends_on_it_along() {
    let scene = Scene::new().await;
    let (_, parent) = scene.mail.create_mailbox(None, "Lycee").await.unwrap();
    let (_, child) = scene.mail.create_mailbox(Some(parent), "Seconde").await.unwrap();
    scene.mail.move_to(&[scene.message("INBOX", "1").await], child).await.unwrap();
    scene.mail.copy_to(&[scene.message("INBOX", "2").await], parent).await.unwrap();
    scene.mail.rename_mailbox(scene.mailbox("Classe").await, Some(parent), "Classe").await.unwrap();
    assert!(scene.shown().await.contains_key("Lycee/Classe"));
    scene.at_server(|server| server.refuse = vec![("CREATE \"Lycee\"", "NO [NOPERM] no", 9)]);
    assert_eq!(scene.sync().await.unwrap().refused, 5);
    scene.is_settled().await;
}

#[tokio::test]
async fn mail_that_came_unseen_into_a_mailbox_keeps_it_from_being_deleted() {
    let scene = Scene::new().await;
    let classe = scene.mailbox("Classe").await;
    scene.mail.delete_mailbox(classe).await.unwrap();
    assert!(!scene.shown().await.contains_key("Classe"));
    scene.at_server(|server| server.deliver("Classe", 30));
    assert_eq!(scene.sync().await.unwrap().refused, 1);
    scene.is_settled().await;
    assert_eq!(scene.mail.refusals().await.unwrap()[0].why, RefusalReason::Changed);
    let thirty = scene.message("Classe", "30").await;
    // Moved out first, it survives; what stays goes with the mailbox.
    scene.mail.move_to(&[thirty], scene.mailbox("INBOX").await).await.unwrap();
    scene.mail.delete_mailbox(classe).await.unwrap();
    assert_eq!(scene.sync().await.unwrap().acted, 2);
    scene.is_settled().await;
    assert_eq!(scene.message("INBOX", "30").await, thirty);
}

#[tokio::test]
async fn the_inbox_and_mailboxes_with_a_role_are_protected_and_names_are_checked() {
    let scene = Scene::new().await;
    for name in ["INBOX", "Trash"] {
        let id = scene.mailbox(name).await;
        assert_eq!(scene.mail.delete_mailbox(id).await, Err(MailError::MailboxProtected));
        assert_eq!(scene.mail.rename_mailbox(id, None, "Autre").await, Err(MailError::MailboxProtected));
    }
    let classe = scene.mailbox("Classe").await;
    for name in ["", " ", "a/b", "a*", "a\r\nb", &"é".repeat(61)] {
        assert_eq!(scene.mail.create_mailbox(None, name).await, Err(MailError::BadMailboxName), "{name:?}");
    }
    assert_eq!(scene.mail.rename_mailbox(classe, Some(classe), "b").await, Err(MailError::BadMailboxName));
    for name in ["Classe", "inbox"] {
        assert_eq!(scene.mail.create_mailbox(None, name).await, Err(MailError::MailboxExists), "{name:?}");
    }
    assert_eq!(scene.mail.create_mailbox(Some(99), "b").await, Err(MailError::NotFound));
    assert_eq!(scene.mail.move_to(&[1], 99).await, Err(MailError::NotFound));
    assert_eq!(scene.mail.set_flags(&[999], Flags::SEEN, true).await, Err(MailError::NotFound));
    assert_eq!(scene.mail.undo(999).await, Err(MailError::NotFound));
    assert!(!scene.mail.is_acting().await.unwrap());
}

#[tokio::test]
async fn what_comes_to_nothing_is_not_told() {
    let scene = Scene::new().await;
    let (one, inbox) = (scene.message("INBOX", "1").await, scene.mailbox("INBOX").await);
    scene.mail.set_flags(&[one], Flags::FLAGGED, true).await.unwrap();
    scene.mail.archive(&[one]).await.unwrap();
    scene.mail.set_flags(&[one], Flags::FLAGGED, false).await.unwrap();
    scene.mail.move_to(&[one], inbox).await.unwrap();
    let copy = scene.mail.copy_to(&[one], scene.mailbox("Classe").await).await.unwrap();
    scene.mail.undo(copy).await.unwrap();
    let draft = scene.mail.save_draft(None, draft("Lettre"), 1_770_000_000_000).await.unwrap();
    scene.mail.delete_for_ever(&[draft]).await.unwrap();
    scene.at_server(|_| ());
    scene.sync().await.unwrap();
    for command in ["UID STORE", "UID MOVE", "UID COPY", "APPEND"] {
        assert_eq!(scene.asked(command), 0, "{command}");
    }
    scene.is_settled().await;
}

#[tokio::test]
async fn undo_takes_back_what_the_server_has_done_where_there_is_a_reverse() {
    for told in [false, true] {
        let scene = Scene::new().await;
        let before = scene.shown().await;
        let message = async |subject: &str| scene.message("INBOX", subject).await;
        let calls = [
            scene.mail.set_flags(&[message("1").await, message("2").await], Flags::SEEN, true).await.unwrap(),
            scene.mail.move_to(&[message("3").await], scene.mailbox("Classe").await).await.unwrap(),
            scene.mail.delete(&[message("4").await]).await.unwrap(),
            scene.mail.junk(&[message("5").await]).await.unwrap(),
            scene.mail.archive(&[message("6").await]).await.unwrap(),
            scene.mail.subscribe(scene.mailbox("Classe").await, true).await.unwrap(),
        ];
        if told {
            scene.sync().await.unwrap();
        }
        for call in calls {
            scene.mail.undo(call).await.unwrap();
        }
        assert_eq!(scene.shown().await, before);
        scene.at_server(|_| ());
        scene.sync().await.unwrap();
        assert_eq!(scene.asked("UID MOVE") > 0, told);
        scene.is_settled().await;
        assert_eq!(scene.shown().await, before);
        assert!(scene.at_server(|server| !server.folders["Classe"].subscribed));
    }
}

#[tokio::test]
async fn what_has_no_reverse_is_told_and_old_calls_are_forgotten() {
    let scene = Scene::new().await;
    let one = scene.message("INBOX", "1").await;
    let calls = [
        scene.mail.delete_for_ever(&[scene.message("INBOX", "2").await]).await.unwrap(),
        scene.mail.copy_to(&[one], scene.mailbox("Classe").await).await.unwrap(),
        scene.mail.create_mailbox(None, "Salle").await.unwrap().0,
    ];
    scene.sync().await.unwrap();
    for call in calls {
        assert_eq!(scene.mail.undo(call).await, Err(MailError::CannotUndo));
    }
    let first = scene.mail.set_flags(&[one], Flags::FLAGGED, true).await.unwrap();
    for _ in 0..60 {
        scene.mail.set_flags(&[one], Flags::SEEN, true).await.unwrap();
    }
    assert_eq!(scene.mail.undo(first).await, Err(MailError::NotFound));
    // A later move stands.
    let moved = scene.mail.archive(&[one]).await.unwrap();
    scene.sync().await.unwrap();
    scene.mail.move_to(&[one], scene.mailbox("Classe").await).await.unwrap();
    scene.mail.undo(moved).await.unwrap();
    scene.sync().await.unwrap();
    scene.is_settled().await;
    assert!(scene.rows("Classe").await.iter().any(|row| row.id == one));
}

#[tokio::test]
async fn numbers_that_became_void_and_a_bin_made_here_and_there_lose_nothing() {
    let mut server = Server::new();
    server.folders.remove("Trash");
    let scene = Scene::of(server).await;
    let (one, two) = (scene.message("INBOX", "1").await, scene.message("INBOX", "2").await);
    scene.mail.delete(&[one]).await.unwrap();
    scene.mail.set_flags(&[two], Flags::FLAGGED, true).await.unwrap();
    assert_eq!(scene.rows("Trash").await.len(), 1);
    scene.at_server(|server| {
        // Another program makes the bin under its own name, and the server counts the inbox anew.
        server.create("Corbeille");
        let folder = server.folders.get_mut("INBOX").unwrap();
        folder.validity += 100;
        folder.letters.iter_mut().for_each(|one| one.uid += 50);
        folder.next += 50;
    });
    let report = scene.sync().await.unwrap();
    assert_eq!((report.acted, report.refused), (2, 0));
    scene.is_settled().await;
    assert_eq!(scene.message("Corbeille", "1").await, one);
    assert_eq!(scene.asked("CREATE"), 0);
}

#[tokio::test]
async fn a_move_that_another_program_has_made_too_is_done() {
    let scene = Scene::new().await;
    let one = scene.message("INBOX", "1").await;
    scene.mail.archive(&[one]).await.unwrap();
    // It has been archived there, too.
    scene.at_server(|server| {
        let letter = server.take("INBOX", "1");
        server.add("Archive", letter);
    });
    let report = scene.sync().await.unwrap();
    assert_eq!((report.acted, report.refused), (1, 0));
    scene.is_settled().await;
    assert_eq!(scene.message("Archive", "1").await, one);
}

#[tokio::test]
async fn a_move_that_the_server_has_left_half_done_is_brought_to_its_end() {
    let scene = Scene::new().await;
    let one = scene.message("INBOX", "1").await;
    scene.mail.archive(&[one]).await.unwrap();
    scene.mail.store.write(|t, _| Ok(t.execute("UPDATE action SET begun = 1", [])?)).await.unwrap();
    scene.at_server(|server| {
        let letter = server.folders["INBOX"].letters[0].clone();
        server.add("Archive", letter);
    });
    assert_eq!(scene.sync().await.unwrap().refused, 0);
    scene.is_settled().await;
    let mail = scene.at_server(|server| server.mail());
    assert_eq!((mail["INBOX"].len(), mail["Archive"].len()), (7, 1));
    assert_eq!(scene.message("Archive", "1").await, one);
}

/// A server that moves by copying: our copy is there, and the original is being destroyed, or is known to be.
#[tokio::test]
async fn the_copy_of_a_message_that_was_moved_is_not_taken_for_its_original() {
    for begun in [0, 1] {
        let scene = Scene::without(&["MOVE"]).await;
        let one = scene.message("INBOX", "1").await;
        scene.mail.archive(&[one]).await.unwrap();
        scene.at_server(|server| server.refuse = vec![("UID STORE", "NO [INUSE] later", 9)]);
        assert_eq!(scene.sync().await.unwrap().refused, 0);
        let mark =
            move |t: &rusqlite::Transaction<'_>, _: &mut Vec<_>| Ok(t.execute("UPDATE action SET begun = ?", [begun])?);
        assert_eq!(scene.mail.store.write(mark).await.unwrap(), 1);
        scene.at_server(|server| {
            server.refuse.clear();
            // The original was destroyed, and another program has moved the copy back.
            drop(server.take("INBOX", "1"));
            let copy = server.take("Archive", "1");
            server.add("INBOX", copy);
        });
        for _ in 0..2 {
            assert_eq!(scene.sync().await.unwrap().refused, 0);
        }
        let mail = scene.at_server(|server| server.mail());
        assert_eq!((mail["INBOX"].len(), mail["Archive"].len()), (8, 0), "{begun}");
        scene.is_settled().await;
    }
}

#[tokio::test]
async fn what_was_perhaps_done_is_undone_all_the_same() {
    for done in [false, true] {
        let scene = Scene::new().await;
        let (one, two) = (scene.message("INBOX", "1").await, scene.message("INBOX", "2").await);
        let moved = scene.mail.archive(&[one]).await.unwrap();
        let flagged = scene.mail.set_flags(&[two], Flags::FLAGGED, true).await.unwrap();
        // As a kill leaves it between the command and its outcome.
        let begun = scene.mail.store.write(|t, _| Ok(t.execute("UPDATE action SET begun = 1", [])?));
        assert_eq!(begun.await.unwrap(), 2);
        if done {
            scene.at_server(|server| {
                let letter = server.take("INBOX", "1");
                server.add("Archive", letter);
                let letters = &mut server.folders.get_mut("INBOX").unwrap().letters;
                letters[0].flags.insert("\\Flagged".to_owned());
            });
        }
        scene.mail.undo(moved).await.unwrap();
        scene.mail.undo(flagged).await.unwrap();
        assert_eq!(scene.sync().await.unwrap().refused, 0);
        scene.is_settled().await;
        let mail = scene.at_server(|server| server.mail());
        assert_eq!((mail["INBOX"].len(), mail["Archive"].len()), (8, 0), "{done}");
        assert!(mail["INBOX"].iter().all(|(_, flags)| flags.is_empty()), "{done}");
        assert_eq!(scene.message("INBOX", "1").await, one);
    }
}

/// The database of a phone that has done everything and told nothing, and what the server has.
async fn loaded(taken: &[&str]) -> Scene {
    let scene = Scene::without(taken).await;
    act(&scene).await;
    scene.mail.store.checkpoint().await.unwrap();
    scene
}

/// A cut after any answer, or before its end, leaves no trace once the rest is done. `EVERY=1` cuts after every byte.
async fn cut_everywhere(taken: &[&str]) {
    let template = loaded(taken).await;
    let server = template.at_server(|server| server.clone());
    let run = async |left: Option<usize>| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(template.folder.path().join("cartable.db"), folder.path().join("cartable.db")).unwrap();
        let mut server = server.clone();
        (server.left, server.answers) = (left, Vec::new());
        let scene = Scene { mail: account(folder.path()), server: Arc::new(Mutex::new(server)), folder };
        let first = scene.sync().await;
        scene.at_server(|server| server.left = None);
        (scene, first)
    };
    let (whole, first) = run(None).await;
    first.unwrap();
    let (expected, answers) = whole.at_server(|server| (server.mail(), server.answers.clone()));
    let from = template.server.lock().unwrap().answers.last().copied().unwrap_or_default();
    let every: usize = std::env::var("EVERY").map_or(0, |every| every.parse().unwrap());
    let end = answers.last().unwrap() - from;
    let places: Vec<usize> = match every {
        0 => answers.iter().flat_map(|answer| [answer - from - 3, answer - from]).collect(),
        every => (0..=end).step_by(every).collect(),
    };
    for left in places {
        let (scene, first) = run(Some(left)).await;
        drop(first);
        let second = scene.sync().await;
        assert!(second.is_ok(), "{taken:?} {left}: {second:?}");
        if taken.contains(&"UIDPLUS") {
            // What was done again only now, and without a number, is found by the next look.
            scene.sync().await.unwrap();
        }
        assert_eq!(scene.at_server(|server| server.mail()), expected, "{taken:?} {left}");
        assert_eq!(scene.mail.refusals().await.unwrap(), [], "{taken:?} {left}");
        scene.is_settled().await;
    }
}

#[tokio::test]
async fn a_push_cut_anywhere_and_done_again_ends_right() {
    cut_everywhere(&[]).await;
}

#[tokio::test]
async fn a_push_cut_anywhere_ends_right_where_the_server_can_only_copy() {
    cut_everywhere(&["MOVE"]).await;
}

#[tokio::test]
async fn a_push_cut_anywhere_ends_right_where_a_copy_has_the_name_of_its_original() {
    cut_everywhere(&["+OBJECTID"]).await;
    cut_everywhere(&["+OBJECTID", "MOVE"]).await;
}

#[tokio::test]
async fn a_push_cut_anywhere_ends_right_where_the_server_tells_no_new_numbers() {
    cut_everywhere(&["UIDPLUS"]).await;
}

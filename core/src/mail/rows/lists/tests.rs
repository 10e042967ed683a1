use proptest::prelude::*;
use rusqlite::{Connection, Transaction};

use super::super::conversations::{HEADS, MEMBERS};
use super::super::{
    ActionKind, After, Arrived, Deed, Kind, add, conversation, conversations, drop_mailbox, list, list_counts,
    mailbox_named, mailboxes, mute, remove, set_flags, thread_some, undo,
};
use super::List;
use crate::mail::conversations::Me;
use crate::mail::flags::Flags;
use crate::mail::imap::{Role, UidSet};
use crate::store::{Change, Store, StoreError};

const ME: &str = "jdupont@academie.test";

fn me() -> Me {
    Me { academy: "essai".to_owned(), address: Some(ME.to_owned()) }
}

/// Message `id`, which answers `answers`, from the nth person.
fn message(uid: u32, id: u32, answers: Option<u32>, from: &str, to: &str) -> Arrived {
    let reference = answers.map(|answers| format!("References: <{answers}@x>\r\n")).unwrap_or_default();
    let header = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: Sujet {id}\r\nMessage-ID: <{id}@x>\r\n{reference}Content-Type: {}\r\n\r\n",
        if id.is_multiple_of(5) { "multipart/mixed" } else { "text/plain" }
    );
    Arrived {
        uid,
        received_ms: i64::from(id) * 1000,
        size: 1,
        flags: Flags::default(),
        header: header.into_bytes(),
        email_id: None,
        unreadable: false,
    }
}

struct Boxes {
    inbox: i64,
    sent: i64,
    class: i64,
    bin: i64,
}

fn boxes(t: &Transaction<'_>) -> Result<Boxes, StoreError> {
    t.execute("INSERT INTO account (academy, identifier, address) VALUES ('essai', 'jdupont', ?)", [ME])?;
    Ok(Boxes {
        inbox: mailbox_named(t, "essai", "INBOX", Some(Role::Inbox), true)?,
        sent: mailbox_named(t, "essai", "Sent", Some(Role::Sent), true)?,
        class: mailbox_named(t, "essai", "Classe", None, true)?,
        bin: mailbox_named(t, "essai", "Trash", Some(Role::Trash), true)?,
    })
}

/// What `work` makes of an empty database.
async fn with<T: Send + 'static>(
    work: impl FnOnce(&Transaction<'_>, &mut Vec<Change>, Boxes) -> Result<T, StoreError> + Send + 'static,
) -> T {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let done = store.write(|t, changes| {
        let boxes = boxes(t)?;
        work(t, changes, boxes)
    });
    done.await.unwrap()
}

fn ids(c: &Connection, which: &List) -> Result<Vec<i64>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = list(c, "essai", which, after, 3)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(After { received_ms: last.received_ms, id: last.id });
        all.extend(page.iter().map(|row| row.received_ms / 1000));
    }
}

#[tokio::test]
async fn a_conversation_goes_over_mailboxes_and_a_copy_is_one_message() {
    let (all, opened, alone) = with(|t, _, boxes| {
        let lea = "Léa <lea@academie.test>";
        add(
            t,
            boxes.inbox,
            &[message(1, 1, None, lea, ME), message(2, 3, Some(2), lea, ME), message(3, 9, None, lea, ME)],
        )?;
        add(t, boxes.sent, &[message(1, 2, Some(1), ME, "lea@academie.test")])?;
        // A copy of 3, one of the same name by somebody else, and an answer that was thrown away.
        add(t, boxes.class, &[message(1, 3, Some(2), lea, ME), message(2, 3, Some(2), "x@y", ME)])?;
        add(t, boxes.bin, &[message(1, 4, Some(3), lea, ME)])?;
        set_flags(t, boxes.class, 1, Flags::SEEN)?;
        let all = conversations(t, &me(), boxes.inbox, None, false, 10)?;
        let opened = conversation(t, &me(), all[1].newest)?;
        Ok((all, opened, conversations(t, &me(), boxes.bin, None, false, 10)?))
    })
    .await;
    assert_eq!(
        all.iter().map(|one| (one.received_ms, one.count, one.unread)).collect::<Vec<_>>(),
        [(9000, 1, 1), (3000, 4, 3)]
    );
    let people: Vec<_> = all[1].participants.iter().map(|one| (one.person.address.as_str(), one.me)).collect();
    assert_eq!(people, [("lea@academie.test", false), (ME, true), ("x@y", false)]);
    assert_eq!((all[1].subject.as_str(), all[1].flagged, all[1].muted), ("Sujet 1", false, false));
    let seen: Vec<_> = opened.iter().map(|one| (one.row.received_ms, one.copies.len(), one.row.to.len())).collect();
    assert_eq!(seen, [(1000, 1, 0), (2000, 1, 1), (3000, 2, 0), (3000, 1, 0)]);
    assert!(opened[2].row.mailbox == opened[0].row.mailbox, "that of the mailbox one looks from");
    assert_eq!((alone[0].count, alone.len()), (5, 1), "in the bin one sees what is there");
}

#[tokio::test]
async fn a_muted_conversation_stays_muted_whatever_comes_goes_or_joins_it() {
    with(|t, changes, boxes| {
        let inbox = boxes.inbox;
        add(t, inbox, &[message(1, 1, None, "a@x", ME), message(2, 2, None, "b@x", ME)])?;
        let muted = |t: &Transaction<'_>| {
            let all = super::super::page(t, inbox, None, 10)?;
            Ok::<_, StoreError>(all.iter().map(|row| row.muted).collect::<Vec<_>>())
        };
        let first = ids_of(t, 1)?;
        mute(t, changes, &me(), first, true)?;
        assert_eq!(muted(t)?, [false, true]);
        assert_eq!(conversations(t, &me(), inbox, None, true, 10)?.len(), 1);
        assert_eq!(conversations(t, &me(), inbox, None, false, 10)?.len(), 2);
        // All of it goes, as when another program moves it, and comes again.
        remove(t, inbox, &UidSet::of(&[1]))?;
        add(t, boxes.class, &[message(1, 1, None, "a@x", ME)])?;
        add(t, inbox, &[message(3, 3, Some(1), "a@x", ME)])?;
        assert_eq!(muted(t)?, [true, false]);
        // One that answers both makes them one.
        let mut both = message(4, 4, Some(1), "a@x", ME);
        both.header.splice(0..0, b"In-Reply-To: <2@x>\r\n".iter().copied());
        add(t, inbox, &[both])?;
        assert_eq!(muted(t)?, [true, true, true]);
        mute(t, changes, &me(), ids_of(t, 2)?, false)?;
        assert_eq!(muted(t)?, [false, false, false]);
        let left: i64 = t.query_row("SELECT count(*) FROM mute", [], |row| row.get(0))?;
        assert_eq!(left, 0);
        assert_eq!(mute(t, changes, &me(), 9999, true), Err(StoreError::NotFound));
        t.execute("DELETE FROM account", [])?;
        let left: i64 = t.query_row(
            "SELECT (SELECT count(*) FROM conversation) + (SELECT count(*) FROM known_id) + (SELECT count(*) FROM subject_key)",
            [],
            |row| row.get(0),
        )?;
        assert_eq!(left, 0);
        Ok(())
    })
    .await;
}

fn ids_of(c: &Connection, id: i64) -> Result<i64, StoreError> {
    Ok(c.query_row("SELECT id FROM message WHERE received_ms = ? AND shown_in IS NOT NULL", [id * 1000], |row| {
        row.get(0)
    })?)
}

#[tokio::test]
async fn each_list_shows_what_is_of_its_kind_page_by_page() {
    let (found, counts) = with(|t, _, boxes| {
        for (mailbox, from) in [(boxes.inbox, 1), (boxes.class, 2), (boxes.bin, 3)] {
            let some = (0..5).map(|at| {
                let id = at * 3 + from;
                let to = if id % 2 == 0 { ME.to_owned() } else { format!("{ME}, paul@academie.test") };
                let mut one = message(id, id, None, if id % 4 == 0 { "Lea@Academie.test" } else { "a@x" }, &to);
                if id % 3 == 1 {
                    one.flags = Flags::SEEN.with(Flags::FLAGGED);
                }
                one
            });
            add(t, mailbox, &some.collect::<Vec<_>>())?;
        }
        add(t, boxes.sent, &[message(1, 20, None, ME, "Paul <paul@academie.test>, lea@academie.test")])?;
        let shared = mailbox_named(t, "essai", "Autres/paul", None, true)?;
        t.execute("UPDATE mailbox SET owner = 'paul' WHERE id = ?", [shared])?;
        add(t, shared, &[message(1, 30, None, "a@x", ME)])?;
        let sent = super::super::page(t, boxes.sent, None, 5)?;
        assert_eq!(
            sent[0].to.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(),
            ["paul@academie.test", "lea@academie.test"]
        );
        let lists = [
            List::Inbox,
            List::Unread,
            List::Flagged,
            List::WithAttachments,
            List::From("lea@academie.test".to_owned()),
            List::ToMeOnly,
            List::Mailbox(boxes.class),
        ];
        let found = lists.iter().map(|which| ids(t, which)).collect::<Result<Vec<_>, _>>()?;
        Ok((found, list_counts(t, "essai")?))
    })
    .await;
    assert_eq!(found[0], [13, 10, 7, 4, 1]);
    assert_eq!(found[1], [20, 14, 11, 8, 5, 2]);
    assert_eq!(found[2], [13, 10, 7, 4, 1]);
    assert_eq!(found[3], [20, 10, 5]);
    assert_eq!(found[4], [8, 4]);
    assert_eq!(found[5], [14, 10, 8, 4, 2]);
    assert_eq!(found[6], [14, 11, 8, 5, 2]);
    assert_eq!((counts.inbox, counts.unread, counts.flagged), (0, 6, 5));
}

#[tokio::test]
async fn what_came_before_there_were_conversations_is_looked_into_some_at_a_time() {
    with(|t, changes, boxes| {
        let some: Vec<_> = (1..=30).map(|id| message(id, id, (id > 3).then(|| id - 3), "a@x", ME)).collect();
        add(t, boxes.inbox, &some)?;
        let before = conversations(t, &me(), boxes.inbox, None, false, 50)?;
        t.execute("UPDATE message SET conversation = NULL, to_me = NULL", [])?;
        t.execute("DELETE FROM conversation", [])?;
        assert_eq!(conversations(t, &me(), boxes.inbox, None, false, 50)?.len(), 30, "until then each is its own");
        assert!(thread_some(t, changes, 20)? && !thread_some(t, changes, 20)?);
        assert_eq!(conversations(t, &me(), boxes.inbox, None, false, 50)?, before);
        assert_eq!((before.len(), ids(t, &List::ToMeOnly)?.len()), (3, 30));
        // Somebody's address that becomes known is looked for in all of them.
        t.execute("UPDATE account SET address = 'autre@academie.test'", [])?;
        assert!(!thread_some(t, changes, 50)?);
        assert_eq!(conversations(t, &me(), boxes.inbox, None, false, 50)?, before);
        assert!(ids(t, &List::ToMeOnly)?.is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn every_list_is_read_along_an_index() {
    with(|t, _, _| {
        let lists = [
            (List::Inbox, "message_newest"),
            (List::Unread, "message_unread"),
            (List::Flagged, "message_flagged"),
            (List::WithAttachments, "message_attachments"),
            (List::From(String::new()), "message_from"),
            (List::ToMeOnly, "message_to_me"),
        ];
        let mut all: Vec<_> = lists.iter().map(|(list, index)| (list.sql(), *index)).collect();
        all.extend([(HEADS.to_owned(), "message_newest"), (MEMBERS.to_owned(), "message_conversation")]);
        for (sql, index) in all {
            let mut explain = t.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let values = vec![1i64; explain.parameter_count()];
            let plan = explain.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))?;
            let plan: Vec<_> = plan.collect::<Result<_, _>>()?;
            let good = plan.iter().all(|line| !line.starts_with("SCAN") && !line.contains("TEMP B-TREE"));
            assert!(good && plan[0].contains("SEARCH") && plan[0].contains(index), "{sql}: {plan:?}");
        }
        Ok(())
    })
    .await;
}

#[derive(Clone, Debug)]
enum Step {
    Come(usize, u32, u8),
    Told(usize, u32, u8),
    Go(usize, u32, u32),
    Act(u32, Act),
    Undo(i64),
    DropMailbox,
}

#[derive(Clone, Debug)]
enum Act {
    Flag(u8, bool),
    Move(usize),
    Copy(usize),
    Destroy,
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        (0..4u8, any::<bool>()).prop_map(|(flags, on)| Act::Flag(flags, on)),
        (0..4usize).prop_map(Act::Move),
        (0..4usize).prop_map(Act::Copy),
        Just(Act::Destroy),
    ];
    prop_oneof![
        6 => (0..4usize, 1..9u32, 0..4u8).prop_map(|(to, uid, flags)| Step::Come(to, uid, flags)),
        3 => (0..4usize, 1..9u32, 0..4u8).prop_map(|(to, uid, flags)| Step::Told(to, uid, flags)),
        2 => (0..4usize, 1..9u32, 0..9u32).prop_map(|(from, low, more)| Step::Go(from, low, low + more)),
        6 => (0..20u32, act).prop_map(|(which, act)| Step::Act(which, act)),
        3 => (1..9i64).prop_map(Step::Undo),
        1 => Just(Step::DropMailbox),
    ]
}

fn take(t: &Transaction<'_>, changes: &mut Vec<Change>, all: [i64; 4], step: &Step) -> Result<(), StoreError> {
    let flags = |bits: u8| Flags::from_bits(i64::from(bits));
    match step {
        Step::Come(to, uid, bits) => {
            let mut one = message(*uid, *uid, None, "a@x", ME);
            one.flags = flags(*bits);
            add(t, all[*to], &[one])?;
        }
        Step::Told(to, uid, bits) => set_flags(t, all[*to], *uid, flags(*bits))?,
        Step::Go(from, low, high) => remove(t, all[*from], &UidSet::of(&(*low..=*high).collect::<Vec<_>>()))?,
        Step::Act(which, act) => {
            let mut nth = t.prepare_cached("SELECT id FROM message ORDER BY id LIMIT 1 OFFSET ?")?;
            let Ok(message) = nth.query_row([which], |row| row.get::<_, i64>(0)) else { return Ok(()) };
            let deed = Deed::begin(t, "essai", ActionKind::Move, Flags::from_bits(3), None)?;
            match act {
                Act::Flag(bits, true) => deed.act(t, changes, &[message], &[Kind::Add(flags(*bits))])?,
                Act::Flag(bits, false) => deed.act(t, changes, &[message], &[Kind::Remove(flags(*bits))])?,
                Act::Move(to) => deed.act(t, changes, &[message], &[Kind::Move(all[*to])])?,
                Act::Destroy => deed.act(t, changes, &[message], &[Kind::Destroy])?,
                Act::Copy(to) => match deed.copy(t, changes, &[message], all[*to]) {
                    Err(StoreError::NotFound) => {}
                    copied => copied?,
                },
            }
        }
        Step::Undo(deed) => match undo(t, changes, "essai", *deed) {
            Err(StoreError::NotFound) => {}
            undone => drop(undone?),
        },
        Step::DropMailbox => drop(drop_mailbox(t, changes, "essai", all[2], 0)?),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_that_are_kept_are_those_that_a_recount_gives(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let wrong = runtime.block_on(with(move |t, changes, boxes| {
            let all = [boxes.inbox, boxes.sent, boxes.class, boxes.bin];
            let mut wrong = Vec::new();
            for step in &steps {
                let there = t.prepare_cached("SELECT 1 FROM mailbox WHERE id = ?")?.exists([boxes.class])?;
                if !there {
                    break;
                }
                take(t, changes, all, step)?;
                let off: i64 = t.query_row(
                    "SELECT count(*) FROM mailbox b WHERE
                     messages <> (SELECT count(*) FROM message WHERE shown_in = b.id) OR
                     unread <> (SELECT count(*) FROM message WHERE shown_in = b.id AND flags & 1 = 0) OR
                     flagged <> (SELECT count(*) FROM message WHERE shown_in = b.id AND flags & 2 = 2)",
                    [],
                    |row| row.get(0),
                )?;
                let known: u64 = mailboxes(t, "essai")?.iter().map(|one| one.known).sum();
                let shown: i64 = t.query_row(
                    "SELECT count(*) FROM message WHERE shown_in IN (SELECT id FROM mailbox WHERE shown_name IS NOT NULL)",
                    [],
                    |row| row.get(0),
                )?;
                if off != 0 || known != u64::try_from(shown).unwrap_or_default() {
                    wrong.push(format!("{step:?}"));
                }
            }
            Ok(wrong)
        }));
        prop_assert!(wrong.is_empty(), "{wrong:?}");
    }
}

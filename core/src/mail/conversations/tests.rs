use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use proptest::prelude::*;
use rusqlite::Transaction;

use super::ids::{named, recipients};
use super::{Heard, Links, Me, subject};
use crate::mail::flags::Flags;
use crate::mail::imap::{Role, UidSet};
use crate::mail::mime::read_row_headers;
use crate::mail::rows::{self, Arrived};
use crate::store::{Store, StoreError};

const ME: &str = "jdupont@academie.test";
const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;
/// What is written, what it is about, and whether it is marked as an answer or a forward.
const SUBJECTS: [(&str, Option<&str>, bool); 9] = [
    ("Sortie au musée", Some("sortie au musée"), false),
    ("RE : Sortie au  musée", Some("sortie au musée"), true),
    ("Réf: TR: sortie au musée", Some("sortie au musée"), true),
    ("[Classe] Re: [Classe] Bulletins", Some("[classe] bulletins"), true),
    ("[Classe] Bulletins", Some("[classe] bulletins"), false),
    ("Re: ok", None, true),
    ("ok", None, false),
    ("Re:", None, true),
    ("", None, false),
];
const PEOPLE: [&str; 3] = ["lea@academie.test", "paul@academie.test", ME];

/// A message as it is written.
#[derive(Clone, Debug)]
struct Letter {
    id: Option<u8>,
    references: Vec<u8>,
    answers: Option<u8>,
    subject: usize,
    from: usize,
    to: Vec<usize>,
    week: i64,
    mailbox: usize,
}

impl Letter {
    fn header(&self, number: usize) -> Vec<u8> {
        let mut text = format!("From: {}\r\n", PEOPLE[self.from]);
        let to: Vec<_> = self.to.iter().map(|one| PEOPLE[*one]).collect();
        if !to.is_empty() {
            text += &format!("To: {}\r\n", to.join(",\r\n "));
        }
        text += &format!("Subject: {}\r\n", SUBJECTS[self.subject].0);
        match self.id {
            Some(id) => text += &format!("Message-ID: <{id}@x>\r\n"),
            None => text += &format!("X-Number: {number}\r\n"),
        }
        if !self.references.is_empty() {
            let all: Vec<_> = self.references.iter().map(|id| format!("<{id}@x>")).collect();
            text += &format!("References: {}\r\n", all.join("\r\n "));
        }
        if let Some(id) = self.answers {
            text += &format!("In-Reply-To: <{id}@x>\r\n");
        }
        (text + "\r\n").into_bytes()
    }

    /// The model's own reading of the rules.
    fn keys(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (_, base, marked) = SUBJECTS[self.subject];
        let Some(base) = base else { return Default::default() };
        let time = self.week / 4;
        let others = || self.to.iter().map(|one| PEOPLE[*one]).filter(|one| *one != ME);
        let from = PEOPLE[self.from];
        let key = |time: i64, who: &str| format!("{base} {who} {time}");
        let offers = if from == ME { others().map(|who| key(time, who)).collect() } else { [key(time, from)].into() };
        let mut seeks = BTreeSet::new();
        if marked && self.references.is_empty() && self.answers.is_none() {
            for who in others().chain((from != ME).then_some(from)) {
                seeks.extend([key(time, who), key(time - 1, who)]);
            }
        }
        (offers, seeks)
    }

    fn names(&self, number: usize) -> BTreeSet<String> {
        let own = self.id.map_or_else(|| format!("nr {number}"), |id| format!("{id}@x"));
        let named = self.references.iter().chain(&self.answers).map(|id| format!("{id}@x"));
        named.chain([own]).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Come(Letter),
    /// The nth of those that came goes, as far as it is there.
    Go(usize),
}

/// All that came and is not forgotten, threaded from scratch after each step.
#[derive(Default)]
struct Model {
    came: Vec<(usize, Letter, bool)>,
}

impl Model {
    fn step(&mut self, number: usize, step: &Step) {
        match step {
            Step::Come(letter) => self.came.push((number, letter.clone(), true)),
            Step::Go(which) => {
                if let Some(one) = self.came.iter_mut().find(|(number, ..)| number == which) {
                    one.2 = false;
                }
                // A conversation of which nothing is left is forgotten.
                let groups = self.groups();
                let dead = |at: &usize| {
                    !groups.iter().any(|group| group.contains(at) && group.iter().any(|at| self.came[*at].2))
                };
                let dead: BTreeSet<_> = (0..self.came.len()).filter(dead).collect();
                let mut at = 0..;
                self.came.retain(|_| !dead.contains(&at.next().unwrap()));
            }
        }
    }

    fn groups(&self) -> Vec<BTreeSet<usize>> {
        let keys: Vec<_> = self.came.iter().map(|(_, letter, _)| letter.keys()).collect();
        let sought: BTreeSet<_> = keys.iter().flat_map(|(_, seeks)| seeks.clone()).collect();
        let has: Vec<BTreeSet<String>> = self
            .came
            .iter()
            .zip(&keys)
            .map(|((number, letter, _), (offers, seeks))| {
                let keys = offers.union(seeks).filter(|key| sought.contains(*key)).map(|key| format!("key {key}"));
                letter.names(*number).into_iter().chain(keys).collect()
            })
            .collect();
        let mut groups: Vec<(BTreeSet<usize>, BTreeSet<String>)> = Vec::new();
        for (at, names) in has.into_iter().enumerate() {
            let (mut members, mut names) = (BTreeSet::from([at]), names);
            groups.retain(|(others, theirs)| {
                let apart = theirs.is_disjoint(&names);
                if !apart {
                    members.extend(others);
                    names.extend(theirs.clone());
                }
                apart
            });
            groups.push((members, names));
        }
        groups.into_iter().map(|(members, _)| members).collect()
    }

    /// The numbers of the messages that are there, by conversation.
    fn partition(&self) -> BTreeSet<BTreeSet<usize>> {
        let there = |at: usize| self.came[at].2.then_some(self.came[at].0);
        let groups = self.groups().into_iter().map(|group| group.into_iter().filter_map(there).collect());
        groups.filter(|group: &BTreeSet<usize>| !group.is_empty()).collect()
    }
}

fn letter() -> impl Strategy<Value = Letter> {
    let people = || prop::collection::vec(0..PEOPLE.len(), 0..3);
    let ids = || prop_oneof![3 => Just(Vec::new()), 3 => prop::collection::vec(0..14u8, 1..4)];
    let rare = || prop_oneof![3 => Just(None), 1 => (0..14u8).prop_map(Some)];
    let id = prop_oneof![1 => Just(None), 6 => (0..14u8).prop_map(Some)];
    (id, ids(), rare(), 0..SUBJECTS.len(), 0..PEOPLE.len(), people(), 0..16i64, 0..3usize).prop_map(
        |(id, references, answers, subject, from, to, week, mailbox)| Letter {
            id,
            references,
            answers,
            subject,
            from,
            to,
            week,
            mailbox,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![4 => letter().prop_map(Step::Come), 1 => (0..25usize).prop_map(Step::Go)];
    prop::collection::vec(step, 1..25)
}

struct Place {
    _folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    store: Store,
}

static PLACE: LazyLock<Mutex<Place>> = LazyLock::new(|| {
    let (folder, runtime) =
        (tempfile::tempdir().unwrap(), tokio::runtime::Builder::new_current_thread().build().unwrap());
    let store = Store::open(folder.path()).unwrap();
    Mutex::new(Place { _folder: folder, runtime, store })
});

/// Runs `work` on an empty database; nothing of it stays.
fn on_empty<T: Send + 'static>(
    work: impl FnOnce(&Transaction<'_>, [i64; 3]) -> Result<T, StoreError> + Send + 'static,
) -> T {
    let place = PLACE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let written = place.store.write(|t, _| {
        t.execute_batch("SAVEPOINT empty")?;
        t.execute("INSERT INTO account (academy, identifier, address) VALUES ('essai', 'jdupont', ?)", [ME])?;
        let mut mailboxes = [0; 3];
        for (at, (name, role)) in
            [("INBOX", Some(Role::Inbox)), ("Sent", Some(Role::Sent)), ("Classe", None)].into_iter().enumerate()
        {
            mailboxes[at] = rows::mailbox_named(t, "essai", name, role, true)?;
        }
        let done = work(t, mailboxes)?;
        t.execute_batch("ROLLBACK TO empty")?;
        Ok(done)
    });
    place.runtime.block_on(written).unwrap()
}

fn arrived(number: usize, letter: &Letter) -> Arrived {
    Arrived {
        uid: u32::try_from(number).unwrap() + 1,
        received_ms: letter.week * WEEK,
        size: 1,
        flags: Flags::default(),
        header: letter.header(number),
        email_id: None,
        unreadable: false,
    }
}

/// After each step, the messages of each conversation.
type Partitions = Vec<BTreeSet<BTreeSet<usize>>>;

/// Also what is left of conversations without messages at the end.
fn run(t: &Transaction<'_>, mailboxes: [i64; 3], steps: &[Step]) -> Result<(Partitions, i64), StoreError> {
    let (mut all, mut homes) = (Vec::new(), BTreeMap::new());
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Come(letter) => {
                homes.insert(number, mailboxes[letter.mailbox]);
                rows::add(t, mailboxes[letter.mailbox], &[arrived(number, letter)])?;
            }
            Step::Go(which) => {
                if let Some(home) = homes.get(which) {
                    rows::remove(t, *home, &UidSet::of(&[u32::try_from(*which).unwrap() + 1]))?;
                }
            }
        }
        let mut groups = BTreeMap::<i64, BTreeSet<usize>>::new();
        let mut query = t.prepare_cached("SELECT conversation, uid - 1 FROM message")?;
        let found = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        for one in found {
            let (conversation, number) = one?;
            groups.entry(conversation).or_default().insert(usize::try_from(number).unwrap());
        }
        all.push(groups.into_values().collect());
    }
    let leaked: i64 = t.query_row(
        "SELECT (SELECT count(*) FROM conversation WHERE id NOT IN (SELECT conversation FROM message))
              + (SELECT count(*) FROM known_id WHERE conversation NOT IN (SELECT id FROM conversation))
              + (SELECT count(*) FROM subject_key WHERE conversation NOT IN (SELECT id FROM conversation))",
        [],
        |row| row.get(0),
    )?;
    Ok((all, leaked))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn conversations_are_those_of_a_model_that_threads_everything_anew_after_each_step(steps in steps()) {
        let mut model = Model::default();
        let expected: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                model.step(number, step);
                model.partition()
            })
            .collect();
        let same = steps.clone();
        let found = on_empty(move |t, mailboxes| run(t, mailboxes, &same));
        prop_assert_eq!(found, (expected, 0));
    }

    #[test]
    fn the_order_in_which_messages_come_makes_no_difference(
        (letters, order) in prop::collection::vec(letter(), 1..20)
            .prop_flat_map(|all| { let order = Just((0..all.len()).collect::<Vec<_>>()).prop_shuffle(); (Just(all), order) }),
    ) {
        let (one, other) = on_empty(move |t, mailboxes| {
            let last = |order: &[usize]| {
                t.execute("DELETE FROM message", [])?;
                for number in order {
                    rows::add(t, mailboxes[letters[*number].mailbox], &[arrived(*number, &letters[*number])])?;
                }
                run(t, mailboxes, &[Step::Go(99)])
            };
            let straight: Vec<_> = (0..order.len()).collect();
            Ok((last(&straight)?, last(&order)?))
        });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn no_header_is_too_odd(header in prop::collection::vec(any::<u8>(), 0..400), subject in ".*") {
        named(&header);
        recipients(&header);
        subject::read(&subject);
    }
}

fn me() -> Me {
    Me { academy: "essai".to_owned(), address: Some(ME.to_owned()) }
}

fn links(header: &str) -> Links {
    let read = read_row_headers(header.as_bytes());
    me().read(&Heard::new(header.as_bytes(), &read, 0))
}

#[test]
fn of_thousands_of_references_the_first_and_the_last_are_kept_in_no_time() {
    let all: Vec<_> = (0..20_000).map(|number| format!("<{number}@x>")).collect();
    let header = format!("References: {}\r\nIn-Reply-To: <a@x> <b@x> <c@x>\r\n\r\n", all.join("\r\n "));
    let kept: BTreeSet<_> = named(header.as_bytes()).into_iter().collect();
    let last = (19_991..20_000).map(|number| format!("{number}@x"));
    assert_eq!(kept, ["0@x", "a@x", "b@x"].map(str::to_owned).into_iter().chain(last).collect());
    let many = "References: <a@x> <b@x>\r\n".repeat(3000);
    assert_eq!(named(many.as_bytes()), ["a@x", "b@x"]);
    let bad = format!(
        "References: <> <{}> <a b@x> <\u{e9}@x> <ok@x\r\nIn-Reply-To: Your letter of Monday\r\n",
        "x".repeat(300)
    );
    assert!(named(bad.as_bytes()).is_empty());
}

#[test]
fn subjects_are_read_without_their_marks_in_french_and_english() {
    let read = |text: &str| subject::read(text).map(|one| (one.base, one.marked));
    for text in [
        "Re: Conseil de classe",
        "RE : conseil  de classe",
        "Ré: Conseil de classe",
        "Réf : Tr: CONSEIL DE CLASSE",
        "Fwd: Re[2]: Conseil de classe",
        "FW:conseil de classe",
        "Re\u{301}: Conseil de classe",
        "Réponse : conseil de classe",
    ] {
        assert_eq!(read(text), Some(("conseil de classe".to_owned(), true)), "{text}");
    }
    for text in ["Conseil de classe", "Référence : abcdefgh", "Rentrée: réunion", "Regarde : les bulletins"] {
        assert_eq!(read(text).map(|one| one.1), Some(false), "{text}");
    }
    for text in ["", "Re:", "Re: ok", "[liste] Re:", "Re: !!!!!!!!!!!!", &"Re: ".repeat(10_000)] {
        assert!(read(text).is_none_or(|(base, _)| base.len() > 1000), "{text}");
    }
}

#[test]
fn to_me_only_means_that_nobody_else_is_named() {
    let with = |fields: &str| links(&format!("From: lea@academie.test\r\n{fields}\r\n\r\n")).to_me;
    assert!(with("To: JDupont@Academie.test"));
    assert!(with("To: \"Jeanne Dupont <jd>\" <jdupont@academie.test>"));
    assert!(with("To: jdupont@academie.test\r\nCc: Jeanne <jdupont@academie.test>"));
    for fields in [
        "To: paul@academie.test",
        "To: jdupont@academie.test, paul@academie.test",
        "Subject: x",
        "To: jdupont@academie.test\r\nCc: paul@academie.test",
        "To: undisclosed-recipients:;",
        "To: xjdupont@academie.test",
        "To: \"jdupont@academie.test\" <paul@academie.test>",
    ] {
        assert!(!with(fields), "{fields}");
    }
    assert!(
        !with(&format!("To: jdupont@academie.test{}", ", jdupont@academie.test".repeat(300))),
        "too long to be for one"
    );
}

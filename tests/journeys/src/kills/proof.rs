//! What the app promised, and whether server and phone hold to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use academy::Academy;
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::{After, Flags, Letter, LetterState};
use tokio::time::sleep;

use super::other::{OnServer, Other, collect};
use super::{Failure, Tally, number_of};

const TRIES: usize = 5;

/// What was promised of one message. Of a deed that the app was killed in, nobody knows.
#[derive(Clone, Debug, Default)]
struct Promised {
    read: BTreeSet<bool>,
    binned: BTreeSet<bool>,
    answers: usize,
    /// What the app said of it, with the number of the kill that followed.
    said: Vec<String>,
}

/// Everything that the app of one phone has said, and what came of its letters.
#[derive(Default)]
pub(super) struct Promises {
    messages: BTreeMap<u64, Promised>,
    /// The letters of this phone's outbox up to this number were looked at before.
    letters_until: i64,
    /// How many letters of a subject there ever were, and how many of them were known as sent.
    written: BTreeMap<String, (usize, usize)>,
    /// Each `Message-ID` that ever arrived, and that ever was in Sent; and how often each subject.
    arrived: (BTreeSet<String>, BTreeMap<String, usize>),
    filed: (BTreeSet<String>, BTreeMap<String, usize>),
}

/// All that the server has, by mailbox.
pub(super) type Everything = BTreeMap<String, Vec<OnServer>>;

impl Promises {
    /// Takes a line that the app has said before the kill of this number.
    pub(super) fn hear(&mut self, line: &str, kill: u64, tally: &mut Tally) {
        let mut words = line.split(' ');
        let (Some(word), Some(deed), Some(Ok(number))) = (words.next(), words.next(), words.next().map(str::parse))
        else {
            return;
        };
        let promised: &mut Promised = self.messages.entry(number).or_default();
        promised.said.push(format!("{kill}: {word} {deed}"));
        let done = word == "did";
        let settle = |known: &mut BTreeSet<bool>, value: bool| {
            if done {
                known.clear();
            } else if known.is_empty() {
                known.insert(!value);
            }
            known.insert(value);
        };
        match deed {
            "read" => settle(&mut promised.read, true),
            "unread" => settle(&mut promised.read, false),
            "bin" => settle(&mut promised.binned, true),
            "unbin" | "archive" => settle(&mut promised.binned, false),
            _ => promised.answers += usize::from(done),
        }
        if done {
            *tally.deeds.entry(deed.to_owned()).or_default() += 1;
        }
    }

    /// Brings phone and server together, and compares them with each other and with what was promised.
    pub(super) async fn check(
        &mut self,
        companion: &Companion,
        other: &mut Other,
        academy: &Academy,
        correspondent: &'static str,
        tally: &mut Tally,
    ) -> Result<Everything, Failure> {
        settle(companion).await?;
        let letters = companion.outbox().await?;
        let everything = everything(other).await?;
        self.messages_are_kept(&everything, other)?;
        self.letters_are_kept(&letters, &everything, academy, correspondent, tally).await?;
        compare(companion, &everything).await?;
        self.messages.clear();
        self.letters_until = letters.iter().map(|letter| letter.id).max().unwrap_or(self.letters_until);
        tally.checks += 1;
        Ok(everything)
    }

    /// Another phone, with an empty outbox.
    pub(super) fn fresh_phone(&mut self) {
        self.letters_until = 0;
    }

    /// None lost, none doubled, none back from the dead; what was promised of it is done.
    fn messages_are_kept(&self, everything: &Everything, other: &Other) -> Result<(), Failure> {
        let mut places: BTreeMap<u64, Vec<(&str, Flags)>> = BTreeMap::new();
        for (mailbox, messages) in everything.iter().filter(|(name, _)| *name != "Sent") {
            for one in messages {
                let number = number_of(&one.subject).ok_or_else(|| format!("{one:?} in {mailbox}"))?;
                places.entry(number).or_default().push((mailbox, one.flags));
            }
        }
        for number in &other.alive {
            match places.get(number).map(Vec::as_slice) {
                Some([_]) => {}
                Some(several) => return Err(format!("message {number} is doubled: {several:?}").into()),
                None => return Err(format!("message {number} is lost").into()),
            }
        }
        if let Some((number, place)) = places.iter().find(|(number, _)| !other.alive.contains(number)) {
            return Err(format!("message {number} was removed and is there again: {place:?}").into());
        }
        for (number, promised) in &self.messages {
            let Some([(mailbox, flags)]) = places.get(number).map(Vec::as_slice) else { continue };
            let holds = |known: &BTreeSet<bool>, value: bool| known.is_empty() || known.contains(&value);
            let kept = holds(&promised.read, flags.has(Flags::SEEN))
                && holds(&promised.binned, *mailbox == "Trash")
                && (promised.answers == 0 || flags.has(Flags::ANSWERED));
            if !kept {
                let flags = flags.names();
                return Err(format!("message {number} is in {mailbox} with {flags:?}, promised {promised:?}").into());
            }
        }
        Ok(())
    }

    /// Each promised answer is a letter; each letter arrived at most once, and once where the phone knows that it was sent.
    async fn letters_are_kept(
        &mut self,
        letters: &[Letter],
        everything: &Everything,
        academy: &Academy,
        correspondent: &'static str,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let new: Vec<_> = letters.iter().filter(|letter| letter.id > self.letters_until).collect();
        if new.len() >= 200 {
            return Err("more letters than the outbox shows: check more often".into());
        }
        for letter in &new {
            let (written, known) = self.written.entry(letter.subject.clone()).or_default();
            *written += 1;
            match letter.state {
                LetterState::Filed => {
                    *known += 1;
                    tally.letters += 1;
                }
                LetterState::Uncertain => tally.uncertain += 1,
                other => return Err(format!("the letter {:?} is still {other:?}", letter.subject).into()),
            }
        }
        for (number, promised) in self.messages.iter().filter(|(_, promised)| promised.answers > 0) {
            let subject = format!("Re: Question {number:06}");
            if new.iter().filter(|letter| letter.subject == subject).count() < promised.answers {
                return Err(format!("an answer to {number} was promised and is lost").into());
            }
        }
        for one in everything.get("Sent").into_iter().flatten() {
            once(&mut self.filed, one, "in Sent")?;
        }
        // What Postfix still carries comes within seconds.
        for _ in 0..200 {
            for one in collect(academy, correspondent).await? {
                once(&mut self.arrived, &one, "arrived")?;
            }
            if self.written.iter().all(|(subject, (_, known))| self.arrived.1.get(subject).unwrap_or(&0) >= known) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        for (subject, (written, known)) in &self.written {
            for (what, counts) in [("arrived", &self.arrived.1), ("were filed", &self.filed.1)] {
                let count = counts.get(subject).unwrap_or(&0);
                if count < known || count > written {
                    let text = format!("{subject}: {written} written, {known} known as sent, {count} {what}");
                    return Err(text.into());
                }
            }
        }
        let unasked = self.arrived.1.keys().chain(self.filed.1.keys()).find(|one| !self.written.contains_key(*one));
        unasked.map_or(Ok(()), |subject| Err(format!("{subject:?} was sent and is in no outbox").into()))
    }
}

fn once(
    (ids, subjects): &mut (BTreeSet<String>, BTreeMap<String, usize>),
    one: &OnServer,
    what: &str,
) -> Result<(), Failure> {
    if one.message_id.is_empty() || !ids.insert(one.message_id.clone()) {
        return Err(format!("{:?} {what} twice, or without Message-ID", one.subject).into());
    }
    *subjects.entry(one.subject.clone()).or_default() += 1;
    Ok(())
}

/// Sends and syncs until nothing is left to do. A machine that is busy for seconds is not what is looked for here.
pub(super) async fn settle(companion: &Companion) -> Result<(), Failure> {
    for attempt in 1.. {
        let done = async {
            companion.send_waiting().await?;
            companion.sync(&|_, _| {}).await
        };
        match done.await {
            Ok(report) if report == Default::default() => return Ok(()),
            Ok(_) | Err(CompanionError::CheckConnection(_)) if attempt < TRIES => {}
            Ok(report) => return Err(format!("a sync after which another still finds: {report:?}").into()),
            Err(error) => return Err(format!("after the kill: {error:?}").into()),
        }
    }
    Ok(())
}

async fn everything(other: &mut Other) -> Result<Everything, Failure> {
    let mut all = Everything::new();
    for name in other.mailboxes().await? {
        let contents = other.contents(&name).await?;
        all.insert(name, contents);
    }
    Ok(all)
}

/// Subject, size and flags.
type Shown = (String, u64, Vec<&'static str>);

/// The phone shows what the server has: subject, size and flags of every message of every mailbox.
pub(super) async fn compare(companion: &Companion, everything: &Everything) -> Result<(), Failure> {
    let mut shown: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for mailbox in companion.mailboxes().await? {
        let (rows, mut after) = (shown.entry(mailbox.name).or_default(), None);
        loop {
            let page = companion.messages(mailbox.id, after, 500).await?;
            let Some(last) = page.last() else { break };
            after = Some(After { received_ms: last.received_ms, id: last.id });
            rows.extend(page.into_iter().map(|row| (row.subject, row.size, row.flags.names())));
        }
        rows.sort();
    }
    for (name, messages) in everything {
        let there = messages.iter().map(|one| (one.subject.clone(), one.size, one.flags.names()));
        let mut there: Vec<_> = there.collect();
        there.sort();
        let here = shown.remove(name).unwrap_or_default();
        if here != there {
            let (mut phone, mut server) = (here.clone(), there.clone());
            phone.retain(|one| !there.contains(one));
            server.retain(|one| !here.contains(one));
            return Err(format!("{name} differs; on the phone {phone:?}, on the server {server:?}").into());
        }
    }
    // What the server no longer has, as under the name before.
    shown.retain(|_, rows| !rows.is_empty());
    if shown.is_empty() { Ok(()) } else { Err(format!("only on the phone: {shown:?}").into()) }
}

//! Another program of the teacher's, which changes the mail on the server while the phone is killed, and tidies up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use academy::{Academy, Mailbox};
use cartable_core::mail::Flags;
use tokio::time::sleep;

use super::chance::Chance;
use super::{Failure, is_the_phones, number_of};

const LATER: &str = "2026-11-24T08:00:00Z";
const PLACES: [&str; 3] = ["INBOX", "Archive", "Classe"];
/// The name that the mailbox `Classe` has in turns.
const RENAMED: &str = "Groupe";
/// As many messages as there are after tidying up, and as many as there may be before.
const USUAL: usize = 70;
const MOST: usize = 140;

/// A message as the server has it.
#[derive(Clone, Debug)]
pub(super) struct OnServer {
    pub(super) uid: u32,
    pub(super) subject: String,
    pub(super) message_id: String,
    pub(super) size: u64,
    pub(super) flags: Flags,
}

pub(super) struct Other {
    imap: Mailbox,
    chance: Chance,
    uid: &'static str,
    correspondent: &'static str,
    /// Whether it gives a mailbox another name now and then.
    pub(super) renames: bool,
    renamed: bool,
    next: u64,
    /// The numbers of the messages that must be somewhere.
    pub(super) alive: BTreeSet<u64>,
}

impl Other {
    /// Of the teacher `uid`, whom `correspondent` writes to.
    pub(super) async fn new(
        academy: &Academy,
        uid: &'static str,
        correspondent: &'static str,
        seed: u64,
    ) -> Result<Self, Failure> {
        let imap = academy.mailbox(uid).await?;
        let (chance, alive) = (Chance::new(seed), BTreeSet::new());
        let mut other = Self { imap, chance, uid, correspondent, renames: false, renamed: false, next: 0, alive };
        other.imap.command("CREATE Classe").await?;
        other.fill().await?;
        Ok(other)
    }

    /// Acts until it is told to stop.
    pub(super) async fn act_until(mut self, stop: Arc<AtomicBool>) -> Result<Self, Failure> {
        while !stop.load(Ordering::Relaxed) {
            self.act().await?;
            sleep(Duration::from_millis(self.chance.below(60))).await;
        }
        Ok(self)
    }

    /// Everything in `mailbox`.
    pub(super) async fn contents(&mut self, mailbox: &str) -> Result<Vec<OnServer>, Failure> {
        self.imap.command(&format!("SELECT {mailbox}")).await?;
        let fetch = "UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)])";
        let told = self.imap.command(fetch).await?;
        Ok(told.iter().filter_map(|text| read(text)).collect())
    }

    /// The names of all mailboxes.
    pub(super) async fn mailboxes(&mut self) -> Result<Vec<String>, Failure> {
        let told = self.imap.command("LIST \"\" *").await?;
        let names = told.iter().filter(|line| line.starts_with("* LIST") && !line.contains("\\Noselect"));
        Ok(names.filter_map(|line| Some(line.trim_end().rsplit(' ').next()?.trim_matches('"').to_owned())).collect())
    }

    /// Leaves nothing of what was sent and binned, and as many messages as there usually are.
    pub(super) async fn tidy_up(&mut self) -> Result<(), Failure> {
        for mailbox in ["Trash", "Sent"] {
            for gone in self.contents(mailbox).await? {
                number_of(&gone.subject).filter(|_| mailbox == "Trash").map(|number| self.alive.remove(&number));
            }
            self.empty(mailbox).await?;
        }
        for mailbox in self.places() {
            while self.alive.len() > USUAL && self.expunge_one(mailbox, |_| true).await? {}
        }
        self.fill().await
    }

    async fn empty(&mut self, mailbox: &str) -> Result<(), Failure> {
        self.imap.command(&format!("SELECT {mailbox}")).await?;
        self.imap.command("UID STORE 1:* +FLAGS.SILENT (\\Deleted)").await?;
        self.imap.command("EXPUNGE").await?;
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let own = |all: &BTreeSet<u64>| all.iter().filter(|number| is_the_phones(**number)).count();
        while self.alive.len() < USUAL || own(&self.alive) < USUAL / 2 {
            self.append().await?;
        }
        Ok(())
    }

    fn places(&self) -> [&'static str; 3] {
        PLACES.map(|name| if name == "Classe" && self.renamed { RENAMED } else { name })
    }

    async fn append(&mut self) -> Result<(), Failure> {
        let number = self.next;
        self.next += 1;
        let raw = format!(
            "From: Collegue <{}@academie.test>\r\nTo: {uid}@academie.test\r\nSubject: Question {number:06}\r\n\
             Message-ID: <q{number}.{uid}@academie.test>\r\n\r\nOui ?\r\n",
            self.correspondent,
            uid = self.uid,
        );
        let places = self.places();
        let place = places[self.chance.below(3) as usize];
        // Before: a phone may see it, and act on it, before this program hears that it is there.
        self.alive.insert(number);
        self.imap.append(place, LATER.parse()?, raw.as_bytes()).await?;
        Ok(())
    }

    /// Does one thing. It moves and removes only what is not the phone's, so that what the phone promised can be looked for.
    async fn act(&mut self) -> Result<(), Failure> {
        let places = self.places();
        let (from, to) = (places[self.chance.below(3) as usize], places[self.chance.below(3) as usize]);
        match self.chance.below(100) {
            0..30 if self.alive.len() < MOST => self.append().await,
            0..65 => self.flag(from).await,
            65..80 => {
                let all = self.contents(from).await?;
                let Some((uid, _)) = self.pick(&all, |number| !is_the_phones(number)) else { return Ok(()) };
                self.imap.command(&format!("UID MOVE {uid} {to}")).await.map(drop).map_err(Failure::from)
            }
            80..96 => self.expunge_one(from, |number| !is_the_phones(number)).await.map(drop),
            _ if !self.renames => Ok(()),
            _ => {
                let (old, new) = if self.renamed { (RENAMED, "Classe") } else { ("Classe", RENAMED) };
                self.imap.command("SELECT INBOX").await?;
                self.imap.command(&format!("RENAME {old} {new}")).await?;
                self.renamed = !self.renamed;
                Ok(())
            }
        }
    }

    async fn flag(&mut self, mailbox: &str) -> Result<(), Failure> {
        let all = self.contents(mailbox).await?;
        let Some((uid, number)) = self.pick(&all, |_| true) else { return Ok(()) };
        let flags: &[&str] = if is_the_phones(number) { &["\\Flagged"] } else { &["\\Flagged", "\\Seen", "$Autre"] };
        let flag = flags[self.chance.below(flags.len() as u64) as usize];
        let sign = if self.chance.below(2) == 0 { '-' } else { '+' };
        self.imap.command(&format!("UID STORE {uid} {sign}FLAGS ({flag})")).await?;
        Ok(())
    }

    async fn expunge_one(&mut self, mailbox: &str, which: fn(u64) -> bool) -> Result<bool, Failure> {
        let all = self.contents(mailbox).await?;
        let Some((uid, number)) = self.pick(&all, which) else { return Ok(false) };
        self.imap.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await?;
        self.imap.command(&format!("UID EXPUNGE {uid}")).await?;
        self.alive.remove(&number);
        Ok(true)
    }

    fn pick(&mut self, all: &[OnServer], which: fn(u64) -> bool) -> Option<(u32, u64)> {
        let fit = all.iter().filter_map(|one| Some((one.uid, number_of(&one.subject)?)));
        let fit: Vec<_> = fit.filter(|(_, number)| which(*number)).collect();
        self.chance.one_of(&fit).copied()
    }
}

/// Empties the inbox of a teacher; gives subject and `Message-ID` of what was there.
pub(super) async fn collect(academy: &Academy, uid: &'static str) -> Result<Vec<OnServer>, Failure> {
    let imap = academy.mailbox(uid).await?;
    let chance = Chance::new(0);
    let mut other = Other {
        imap,
        chance,
        uid,
        correspondent: uid,
        renames: false,
        renamed: false,
        next: 0,
        alive: BTreeSet::new(),
    };
    let found = other.contents("INBOX").await?;
    let uids: Vec<_> = found.iter().map(|one| one.uid.to_string()).collect();
    if !uids.is_empty() {
        let uids = uids.join(",");
        // Only these: another may have come this moment.
        other.imap.command(&format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)")).await?;
        other.imap.command(&format!("UID EXPUNGE {uids}")).await?;
    }
    Ok(found)
}

fn read(text: &str) -> Option<OnServer> {
    let after = |name: &str| text.split_once(name).map(|(_, rest)| rest);
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok();
    let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let field = |name: &str| {
        let line = unfolded.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.get(name.len()..)?.trim().to_owned())
    };
    let flags = after("FLAGS (")?.split_once(')')?.0;
    Some(OnServer {
        uid: u32::try_from(number(after("UID ")?)?).ok()?,
        subject: field("subject:").unwrap_or_default(),
        message_id: field("message-id:").unwrap_or_default(),
        size: number(after("RFC822.SIZE ")?)?,
        flags: Flags::named(flags.split(' ')),
    })
}

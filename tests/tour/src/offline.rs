//! Without network, and back: what is done meanwhile survives the app, leaves by itself, and is there for every other client.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use academy::wire::Faults;
use cartable_core::companion::{Companion, CompanionError, InTouch};
use cartable_core::mail::{After, Flags, LetterState, Link, Mailbox, Row};
use journeys::inbox;

use crate::morning::{COLLEAGUE, Morning, TEACHER, broken, fitted};
use crate::show::{Show, Stopped, Told, Trouble};

/// What he puts the meeting's messages into.
const FOLDER: &str = "Conseils";
const THANKS: &str = "\
From: =?utf-8?q?L=C3=A9a_Reset?= <lreset@academie.test>\r
To: Paul Martin <pmartin@academie.test>\r
Subject: Merci Paul\r
Message-ID: <merci-2026@academie.test>\r
\r
Parfait.\r
";
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// How many messages of a mailbox there are, how many of them are unread and flagged.
type Counts = (usize, usize, usize);

impl Morning<'_> {
    /// Offline, restarted, back, and seen from elsewhere.
    pub(crate) async fn offline(
        &mut self,
        show: &mut Show,
        companion: Companion,
        row: &Row,
    ) -> Result<Companion, Stopped> {
        self.act(show, &companion, row).await?;
        let companion = self.restart(show, companion).await?;
        self.back_online(show, &companion).await?;
        self.second_client(show, &companion).await?;
        self.answered(show, &companion, row).await?;
        self.arrives(show, &companion).await?;
        Ok(companion)
    }

    async fn act(&mut self, show: &mut Show, companion: &Companion, row: &Row) -> Result<(), Stopped> {
        let title = show
            .say("Sans réseau : il marque, range et répond", "Without network: he flags, files, answers")
            .to_owned();
        show.step("offline", &title, async {
            let said = |error: CompanionError| Trouble::from(companion.words(&error));
            companion.suspend().await.map_err(said)?;
            companion.set_link(Link::Offline);
            for wire in [&self.wires.imap, self.wires.smtp()] {
                wire.set(Faults::none().black_hole()).await.map_err(|error| broken(&error))?;
            }
            let rows = companion.messages(inbox(companion).await, None, 6).await.map_err(said)?;
            let mut others = rows.iter().map(|one| one.id).filter(|id| *id != row.id);
            companion.set_flags(&[row.id], Flags::FLAGGED, true).await.map_err(said)?;
            let (_, folder) = companion.create_mailbox(None, FOLDER).await.map_err(said)?;
            companion.copy_to(&[row.id], folder).await.map_err(said)?;
            if let Some(binned) = others.next() {
                companion.delete(&[binned]).await.map_err(said)?;
            }
            if let Some(wanted) = others.next() {
                let call = companion.delete(&[wanted]).await.map_err(said)?;
                companion.undo(call).await.map_err(said)?;
                companion.archive(&[wanted]).await.map_err(said)?;
            }
            let rest: Vec<_> = others.collect();
            if !rest.is_empty() {
                companion.move_to(&rest, folder).await.map_err(said)?;
            }
            let text = self.say("Bonjour, c’est entendu. Paul", "Good morning, that is fine. Paul");
            companion.reply(row.id, text, false).await.map_err(said)?;
            let did = if self.french {
                format!(
                    "dossier « {FOLDER} », copie, {} rangés, archive, corbeille, une suppression annulée",
                    rest.len()
                )
            } else {
                format!("folder “{FOLDER}”, a copy, {} filed, archive, bin, a deletion undone", rest.len())
            };
            let sees = self.say("affiché tout de suite, gardé pour plus tard", "shown at once, kept for later");
            Ok(((), Told::line(did).and(sees)))
        })
        .await
    }

    async fn restart(&mut self, show: &mut Show, companion: Companion) -> Result<Companion, Stopped> {
        let title =
            show.say("L’application est tuée ; il la rouvre", "The app is killed; he opens it again").to_owned();
        show.step("restart", &title, async {
            let before = shown(&companion).await?;
            drop(companion);
            let setup = self.phone.setup(self.folder.path()).language(self.language());
            let companion = Companion::open(setup).await.map_err(|error| broken(&error))?;
            let who = companion.account().ok_or(Trouble::new("nobody is signed in", "this is a bug"))?;
            let waiting = companion.outbox().await.map_err(|error| self.words(&companion, &error))?;
            let count = waiting.iter().filter(|letter| letter.state == LetterState::Waiting).count();
            let told = if self.french {
                format!("{} est toujours connecté, {count} message attend", who.name.unwrap_or_default())
            } else {
                format!("{} is still signed in, {count} letter waits", who.name.unwrap_or_default())
            };
            if count == 1 && shown(&companion).await? == before {
                Ok((companion, Told::line(told)))
            } else {
                Err(Trouble::new(told, "this is a bug"))
            }
        })
        .await
    }

    async fn back_online(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title = show.say("Le réseau revient : tout part", "The network is back: everything leaves").to_owned();
        show.step("online", &title, async {
            let said = |error: CompanionError| Trouble::from(companion.words(&error));
            for wire in [&self.wires.imap, self.wires.smtp()] {
                wire.set(Faults::none()).await.map_err(|error| broken(&error))?;
            }
            in_touch(companion, async |up_to_date| {
                let letters = companion.outbox().await.map_err(said)?;
                let filed = letters.iter().all(|letter| letter.state == LetterState::Filed);
                Ok((up_to_date && filed).then_some(()))
            })
            .await?;
            match companion.refusals().await.map_err(said)?.first() {
                None => {
                    let told =
                        self.say("réponse envoyée, gestes transmis, à jour", "answer sent, actions done, up to date");
                    Ok(((), Told::line(told).and(self.wires.since(self.trips))))
                }
                Some(refusal) => Err(refusal.finding().sentence(self.language()).into()),
            }
        })
        .await
    }

    async fn second_client(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title = show.say("Un autre client voit la même chose", "Another client sees the same").to_owned();
        show.step("second-client", &title, async {
            let same = in_touch(companion, async |_| {
                let here = shown(companion).await?;
                for (mailbox, counts) in &here {
                    if self.elsewhere(&mailbox.name).await? != *counts {
                        return Ok(None);
                    }
                }
                Ok(Some(here))
            });
            let held = same.await?.into_iter().filter(|(_, (all, ..))| *all > 0);
            let told: Vec<_> = held.map(|(mailbox, (all, ..))| format!("{} {all}", mailbox.name)).collect();
            let flagged = self.say("messages, non lus et drapeaux comparés", "messages, unread and flags compared");
            Ok(((), Told::line(told.join(" · ")).and(flagged)))
        })
        .await
    }

    async fn answered(&mut self, show: &mut Show, companion: &Companion, row: &Row) -> Result<(), Stopped> {
        let title = show.say("Sa réponse est arrivée, une seule fois", "His answer has arrived, once").to_owned();
        show.step("delivered", &title, async {
            let letters = companion.outbox().await.map_err(|error| self.words(companion, &error))?;
            let letter = letters.first().ok_or(Trouble::new("the outbox is empty", "this is a bug"))?;
            let to = letter.recipients.join(", ");
            let copies = self.answers(COLLEAGUE, "INBOX").await?;
            let filed = self.answers(TEACHER, "Sent").await?;
            let told = Told::line(format!("{to} · « {} » · Sent ✓", fitted(&row.subject, 60).trim_end()));
            if (copies, filed, letter.state) == (1, 1, LetterState::Filed) {
                Ok(((), told))
            } else {
                Err(Trouble::new(format!("{copies} arrived, {filed} in Sent, {:?}", letter.state), "this is a bug"))
            }
        })
        .await
    }

    /// The phone waits for it, and asks for nothing.
    async fn arrives(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title =
            show.say("Léa remercie : son message arrive tout seul", "Léa says thanks: her message arrives by itself");
        let title = title.to_owned();
        show.step("arrives", &title, async {
            let mut delivered: Option<Instant> = None;
            let waited = in_touch(companion, async |up_to_date| {
                let Some(since) = delivered else {
                    if up_to_date {
                        let to = format!("{TEACHER}@academie.test");
                        self.academy.deliver(&to, THANKS.as_bytes()).await.map_err(|error| broken(&error))?;
                        delivered = Some(Instant::now());
                    }
                    return Ok(None);
                };
                let rows = companion.messages(inbox(companion).await, None, 10).await;
                let rows = rows.map_err(|error| Trouble::from(companion.words(&error)))?;
                Ok(rows.iter().any(|row| row.subject == "Merci Paul").then(|| since.elapsed()))
            });
            let seconds = waited.await?.as_secs_f64();
            let told = if self.french {
                format!("« Merci Paul », {seconds:.2} s après le serveur")
            } else {
                format!("“Merci Paul”, {seconds:.2} s after the server")
            };
            Ok(((), Told::line(told).and(self.wires.since(self.trips))))
        })
        .await
    }

    /// What another client sees in a mailbox.
    async fn elsewhere(&self, mailbox: &str) -> Result<Counts, Trouble> {
        let mut outside = self.academy.mailbox(TEACHER).await.map_err(|error| broken(&error))?;
        outside.command(&format!("EXAMINE \"{mailbox}\"")).await.map_err(|error| broken(&error))?;
        let mut count = async |which: &str| {
            let said = outside.command(&format!("SEARCH {which}")).await.map_err(|error| broken(&error))?;
            let found = said.iter().find_map(|line| line.trim().strip_prefix("* SEARCH"));
            Ok::<_, Trouble>(found.map_or(0, |numbers| numbers.split_whitespace().count()))
        };
        Ok((count("ALL").await?, count("UNSEEN").await?, count("FLAGGED").await?))
    }

    /// How many answers to the question are in a mailbox; waits for the first, at most ten seconds.
    async fn answers(&self, uid: &str, mailbox: &str) -> Result<usize, Trouble> {
        let mut outside = self.academy.mailbox(uid).await.map_err(|error| broken(&error))?;
        for _ in 0..100 {
            let messages = outside.messages(mailbox).await.map_err(|error| broken(&error))?;
            let answer =
                |raw: &&Vec<u8>| String::from_utf8_lossy(raw).contains("In-Reply-To: <reunion-2026@academie.test>");
            let count = messages.iter().filter(answer).count();
            if count > 0 {
                return Ok(count);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(0)
    }
}

/// What the app shows of every mailbox.
async fn shown(companion: &Companion) -> Result<Vec<(Mailbox, Counts)>, Trouble> {
    let said = |error: CompanionError| Trouble::from(companion.words(&error));
    let mut all = Vec::new();
    for mailbox in companion.mailboxes().await.map_err(said)? {
        let (mut counts, mut after) = ((0, 0, 0), None);
        loop {
            let rows = companion.messages(mailbox.id, after, 500).await.map_err(said)?;
            counts.0 += rows.len();
            counts.1 += rows.iter().filter(|row| !row.flags.has(Flags::SEEN)).count();
            counts.2 += rows.iter().filter(|row| row.flags.has(Flags::FLAGGED)).count();
            let Some(last) = rows.last() else { break };
            after = Some(After { received_ms: last.received_ms, id: last.id });
        }
        all.push((mailbox, counts));
    }
    Ok(all)
}

/// Stays in touch until `goal`, which hears whether the phone is up to date, gives something; a minute at most.
async fn in_touch<T>(
    companion: &Companion,
    mut goal: impl AsyncFnMut(bool) -> Result<Option<T>, Trouble>,
) -> Result<T, Trouble> {
    let up_to_date = AtomicBool::new(false);
    let on_state = |state| up_to_date.store(matches!(state, InTouch::UpToDate { .. }), Ordering::Relaxed);
    let reached = async {
        loop {
            if let Some(found) = goal(up_to_date.load(Ordering::Relaxed)).await? {
                return Ok(found);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        reached = tokio::time::timeout(LIMIT, reached) => {
            reached.unwrap_or_else(|_| Err(Trouble::new("it did not come within a minute", "see the servers' logs")))
        }
        ended = companion.stay_in_touch(&on_state) => Err(match ended {
            Err(error) => companion.words(&error).into(),
            Ok(()) => Trouble::new("it ceased to stay in touch", "this is a bug"),
        }),
    }
}

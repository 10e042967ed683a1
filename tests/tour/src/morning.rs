//! The errands of the morning.

use std::time::Instant;

use academy::wire::{Faults, Identity};
use academy::{Academy, Authority, Browser, Teacher, Validity};
use cartable_core::companion::{Companion, CompanionError};
use cartable_core::mail::{Flags, Row};
use cartable_core::portal::{Question, SignInState};
use cartable_core::store::Change;
use cartable_core::words::{Finding, Language};
use journeys::{ACADEMY, Phone, inbox};

use crate::options::Options;
use crate::show::{Show, Stopped, Told, Trouble};
use crate::ways;
use crate::wires::Wires;

/// Whose morning it is: Paul, from whom the portal wants a code by mail.
pub(crate) const TEACHER: &str = "pmartin";
/// Who wrote to him and gets his answer.
pub(crate) const COLLEAGUE: &str = "lreset";
const QUESTION: &str = "\
From: =?utf-8?q?L=C3=A9a_Reset?= <lreset@academie.test>\r
To: Paul Martin <pmartin@academie.test>\r
Subject: =?utf-8?q?R=C3=A9union_parents-professeurs?=\r
Message-ID: <reunion-2026@academie.test>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=limite\r
\r
--limite\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Bonjour Paul, peux-tu prendre la salle 12 mardi à 17 h ?\r
--limite\r
Content-Type: text/csv; name=planning.csv\r
Content-Disposition: attachment; filename=planning.csv\r
\r
salle;heure\r
12;17:00\r
--limite--\r
";
const SEED: u64 = 2026;

/// The whole morning. What goes wrong has been shown when it returns.
pub(crate) async fn run(show: &mut Show, options: &Options) -> Result<(), Stopped> {
    let (academy, servers) = open_academy(show, options).await?;
    let outcome = match Morning::run(show, options, &academy).await {
        Ok(()) => ways::run(show, options, &academy).await,
        Err(stopped) => Err(stopped),
    };
    if options.keep {
        keep(show, &academy).await;
    }
    let title = show.say("L’académie s’arrête", "The academy stops").to_owned();
    let left = servers.clone();
    let stopped = show.step("stop", &title, async {
        academy.stop().await.map_err(|error| broken(&error))?;
        let gone = !left.exists();
        if gone { Ok(((), Told::default())) } else { Err(Trouble::new("the folder is still there", "remove it")) }
    });
    outcome.and(stopped.await)
}

async fn open_academy(show: &mut Show, options: &Options) -> Result<(Academy, std::path::PathBuf), Stopped> {
    let french = options.language == Language::French;
    let title = show.say(
        "Une petite académie démarre (au premier passage, ses paquets sont installés)",
        "A small academy starts (the first time, its packages are installed)",
    );
    let title = title.to_owned();
    let academy = show.step("academy", &title, async {
        let academy = Academy::builder().push().ent().start().await.map_err(|error| broken(&error))?;
        let addresses = format!(
            "LemonLDAP::NG :{} · OpenLDAP · Dovecot :{} · Postfix :{} · privacyIDEA · ENT",
            academy.portal().port,
            academy.imap().port,
            academy.smtp().port
        );
        Ok((academy, Told::line(addresses)))
    });
    let academy = academy.await?;
    let title = show.say("Une boîte se remplit", "A mailbox is filled").to_owned();
    let bar = show.bar(show.say("messages", "messages"));
    bar.set_length(options.messages);
    let filled = show.step("mailbox", &title, async {
        let teacher = teacher(TEACHER)?;
        let fill = academy.fill(teacher, options.messages, SEED, |count| bar.set_position(count));
        let filled = fill.await.map_err(|error| broken(&error))?;
        academy.deliver(teacher.address, QUESTION.as_bytes()).await.map_err(|error| broken(&error))?;
        bar.finish_and_clear();
        let (count, size) = (filled.messages, filled.bytes as f64 / 1e6);
        let told =
            if french { format!("{count} messages, {size:.1} Mo") } else { format!("{count} messages, {size:.1} MB") };
        Ok(((), Told::line(told)))
    });
    filled.await?;
    let folder = academy.folder().to_owned();
    Ok((academy, folder))
}

/// What the steps share.
pub(crate) struct Morning<'a> {
    pub(crate) academy: &'a Academy,
    pub(crate) phone: Phone,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) wires: Wires,
    pub(crate) trips: &'static str,
    pub(crate) french: bool,
}

impl<'a> Morning<'a> {
    async fn run(show: &mut Show, options: &Options, academy: &'a Academy) -> Result<(), Stopped> {
        let french = options.language == Language::French;
        let phone = Phone::new(academy);
        let title = show.say("Un téléphone neuf", "A new phone").to_owned();
        let made = show.step("phone", &title, async {
            let wires = Wires::new(academy, &phone.hosts).await.map_err(|error| broken(&error))?;
            let folder = tempfile::tempdir().map_err(|error| broken(&error))?;
            let empty = if french { "dossier vide, coffre vide" } else { "empty folder, empty keystore" };
            Ok(((wires, folder), Told::line(empty)))
        });
        let (wires, folder) = made.await?;
        let trips = if french { "allers-retours" } else { "round trips" };
        let mut morning = Self { academy, phone, folder, wires, trips, french };
        let companion = morning.sign_in(show).await?;
        morning.first_screen(show, &companion).await?;
        morning.whole_mailbox(show, &companion, options.messages).await?;
        let row = morning.read(show, &companion).await?;
        let companion = morning.offline(show, companion, &row).await?;
        morning.trap(show, &companion).await?;
        morning.leave(show, &companion).await
    }

    async fn sign_in(&mut self, show: &mut Show) -> Result<Companion, Stopped> {
        let title = show.say("Il ouvre l’application et trouve son académie", "He opens the app and finds his academy");
        let title = title.to_owned();
        let companion = show.step("open", &title, async {
            let setup = self.phone.setup(self.folder.path()).language(self.language());
            let companion = Companion::open(setup).await.map_err(|error| broken(&error))?;
            let found: Vec<_> = companion.academies("essai").iter().map(|academy| academy.name.clone()).collect();
            let told = Told::line(format!("« essai » → {}", found.join(", ")));
            if found.is_empty() {
                Err(Trouble::new("no academy found", "see its profile"))
            } else {
                Ok((companion, told))
            }
        });
        let companion = companion.await?;
        let title =
            show.say("Il se connecte au portail, dans le navigateur", "He signs in at the portal, in the browser");
        let title = title.to_owned();
        let url = show.step("browser", &title, async {
            let state = companion.begin_sign_in(ACADEMY).await.map_err(|error| self.words(&companion, &error))?;
            let SignInState::Asks(Question::Browser { url, host, .. }) = state else { return Err(unexpected(&state)) };
            let sees = self.say("mot de passe demandé par", "password asked for by");
            Ok((url, Told::line(format!("{sees} {host}")).and(self.wires.since(self.trips))))
        });
        let url = url.await?;
        let title =
            show.say("Le code reçu par courriel, et le voilà connecté", "The code that came by mail, and he is in");
        let title = title.to_owned();
        show.step("sign-in", &title, async {
            let browser = Browser::new(self.academy).map_err(|error| broken(&error))?;
            let back = browser.sign_in(&url, teacher(TEACHER)?).await.map_err(|error| broken(&error))?;
            let state = companion.browser_returned(&back).await.map_err(|error| self.words(&companion, &error))?;
            let SignInState::SignedIn(who) = state else { return Err(unexpected(&state)) };
            let sees = format!("{} <{}>", who.name.unwrap_or_default(), who.address.unwrap_or_default());
            Ok(((), Told::line(sees).and(self.wires.since(self.trips))))
        })
        .await?;
        Ok(companion)
    }

    /// The newest rows are there long before the whole mailbox is.
    async fn first_screen(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title =
            show.say("Le premier écran : les messages les plus récents", "The first screen: the newest messages");
        let title = title.to_owned();
        show.step("first-screen", &title, async {
            let mut changes = companion.changes();
            let rows = async {
                while let Some(change) = changes.next().await {
                    let Change::Messages { mailbox } = change else { continue };
                    let rows = companion.messages(mailbox, None, 50).await?;
                    if !rows.is_empty() {
                        return Ok(rows);
                    }
                }
                Ok(Vec::new())
            };
            // The sync is dropped once the first rows are there, and goes on from them in the next step.
            let rows = tokio::select! {
                rows = rows => rows,
                synced = companion.sync(&|_, _| {}) => match synced {
                    Ok(_) => companion.messages(inbox(companion).await, None, 50).await,
                    Err(error) => Err(error),
                },
            };
            let rows = rows.map_err(|error| self.words(companion, &error))?;
            let mut told = Told::line(format!("{} {}", rows.len(), self.say("lignes", "rows")));
            for row in rows.iter().take(3) {
                let from = row.from_name.as_deref().or(row.from_address.as_deref()).unwrap_or("?");
                told = told.and(format!("{} │ {}", fitted(from, 24), fitted(&row.subject, 60).trim_end()));
            }
            if rows.is_empty() {
                return Err(Trouble::new("no row came", "see the servers' logs"));
            }
            Ok(((), told.and(self.wires.since(self.trips))))
        })
        .await
    }

    async fn whole_mailbox(&mut self, show: &mut Show, companion: &Companion, expected: u64) -> Result<(), Stopped> {
        let title = show.say("Toute la boîte, en arrière-plan", "The whole mailbox, in the background").to_owned();
        let bar = show.bar(show.say("en-têtes", "headers"));
        show.step("sync", &title, async {
            let start = Instant::now();
            let progress = |done, of| {
                bar.set_length(of);
                bar.set_position(done);
            };
            let report = companion.sync(&progress).await.map_err(|error| self.words(companion, &error))?;
            bar.finish_and_clear();
            let mailboxes = companion.mailboxes().await.map_err(|error| self.words(companion, &error))?;
            let inbox = mailboxes.first().ok_or(Trouble::new("no inbox", "see the servers' logs"))?;
            // The portal's mail with the code came on top.
            if inbox.known < expected || !inbox.complete {
                return Err(Trouble::new(format!("{} of {expected} messages", inbox.known), "see the servers' logs"));
            }
            let each = report.arrived as f64 / start.elapsed().as_secs_f64();
            let told = if self.french {
                format!("{} messages, {} non lus · {each:.0} en-têtes par seconde", inbox.known, inbox.unread)
            } else {
                format!("{} messages, {} unread · {each:.0} headers a second", inbox.known, inbox.unread)
            };
            Ok(((), Told::line(told).and(self.wires.since(self.trips))))
        })
        .await
    }

    /// Opens the colleague's message.
    async fn read(&mut self, show: &mut Show, companion: &Companion) -> Result<Row, Stopped> {
        let title = show.say("Il ouvre un message", "He opens a message").to_owned();
        show.step("read", &title, async {
            let mailbox = inbox(companion).await;
            let rows = companion.messages(mailbox, None, 200).await.map_err(|error| self.words(companion, &error))?;
            let from = format!("{COLLEAGUE}@academie.test");
            let row = rows.into_iter().find(|row| row.from_address.as_ref() == Some(&from));
            let row = row.ok_or(Trouble::new("the colleague's message is not there", "this is a bug"))?;
            let opened = companion.open_message(row.id).await.map_err(|error| self.words(companion, &error))?;
            let first = opened.reading.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let unit = self.say("octets", "bytes");
            let files: Vec<_> =
                opened.reading.attachments.iter().map(|file| format!("{} ({} {unit})", file.name, file.size)).collect();
            companion.set_flags(&[row.id], Flags::SEEN, true).await.map_err(|error| self.words(companion, &error))?;
            let told = Told::line(format!("« {} »", fitted(&row.subject, 80).trim_end()))
                .and(fitted(first, 90).trim_end().to_owned())
                .and(if files.is_empty() { String::new() } else { format!("+ {}", files.join(", ")) });
            Ok((row, told.and(self.wires.since(self.trips))))
        })
        .await
    }

    /// A network that stands between: nothing is sent, and the teacher is told.
    async fn trap(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title =
            show.say("Un Wi-Fi qui s’interpose est reconnu", "A Wi-Fi that stands between is noticed").to_owned();
        show.step("trap", &title, async {
            companion.suspend().await.map_err(|error| self.words(companion, &error))?;
            let stranger = Authority::new("Hotel Wi-Fi").map_err(|error| broken(&error))?;
            let leaf = stranger.issue(&[self.academy.imap().host], Validity::Good).map_err(|error| broken(&error))?;
            let identity = Identity::of(&leaf).map_err(|error| broken(&error))?;
            self.wires.imap.set(Faults::none().intercept(identity)).await.map_err(|error| broken(&error))?;
            let error = companion.sync(&|_, _| {}).await.err();
            self.wires.imap.set(Faults::none()).await.map_err(|error| broken(&error))?;
            match error {
                Some(error @ CompanionError::CheckConnection(Finding::Intercepted)) => {
                    let words = companion.words(&error);
                    Ok(((), Told::line(words.what).and(format!("→ {}", words.next))))
                }
                other => Err(Trouble::new(format!("{other:?}"), "this is a bug")),
            }
        })
        .await
    }

    async fn leave(&mut self, show: &mut Show, companion: &Companion) -> Result<(), Stopped> {
        let title = show.say("Il se déconnecte : rien ne reste", "He signs out: nothing stays").to_owned();
        show.step("sign-out", &title, async {
            companion.sign_out(false).await.map_err(|error| self.words(companion, &error))?;
            if companion.account().is_some() {
                return Err(Trouble::new("somebody is still signed in", "this is a bug"));
            }
            companion.shutdown().await.map_err(|error| self.words(companion, &error))?;
            Ok(((), Told::line(self.wires.since(self.trips))))
        })
        .await
    }

    pub(crate) fn words(&self, companion: &Companion, error: &CompanionError) -> Trouble {
        companion.words(error).into()
    }

    pub(crate) fn say(&self, french: &'static str, english: &'static str) -> &'static str {
        if self.french { french } else { english }
    }

    pub(crate) fn language(&self) -> Language {
        if self.french { Language::French } else { Language::English }
    }
}

/// Leaves the academy up until Ctrl-C, and says how to get at it.
async fn keep(show: &mut Show, academy: &Academy) {
    let ca = academy.folder().join("ca/ca.pem");
    let title =
        show.say("L’académie reste ouverte (Ctrl-C l’arrête)", "The academy stays up (Ctrl-C stops it)").to_owned();
    let accounts = Teacher::all().iter().map(|one| format!("{} / {}", one.uid, one.password)).collect::<Vec<_>>();
    let hosts = academy.hosts().into_iter().map(|(host, address)| format!("{address} {host}")).collect::<Vec<_>>();
    let told = Told::line(academy.issuer())
        .and(format!("imaps {}:{}", academy.imap().host, academy.imap().port))
        .and(format!("smtps {}:{}", academy.smtp().host, academy.smtp().port))
        .and(format!("/etc/hosts: {}", hosts.join(", ")))
        .and(format!("CA: {}", ca.display()))
        .and(accounts.join(", "));
    if show.step("kept", &title, async { Ok(((), told)) }).await.is_ok() {
        let _ = tokio::signal::ctrl_c().await;
    }
}

pub(crate) fn teacher(uid: &str) -> Result<&'static Teacher, Trouble> {
    Teacher::by_uid(uid).ok_or(Trouble::new(format!("no teacher {uid}"), "this is a bug"))
}

pub(crate) fn unexpected(state: &SignInState) -> Trouble {
    Trouble::new(format!("{state:?}"), "see the portal's log")
}

/// Something outside the app: said as it is.
pub(crate) fn broken(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(error.to_string(), "see above; run it again once that is mended")
}

/// `text` in exactly `width` characters.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    let mut cut: String = text.chars().take(width).collect();
    if text.chars().count() > width {
        cut.pop();
        cut.push('…');
    }
    format!("{cut:width$}")
}

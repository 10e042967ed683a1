//! What the teacher has written: kept before it is sent, sent once, filed into Sent.
//!
//! `waiting → sending → sent → filed`. A row is `sending` on disk before the server sees a byte of it. When nobody can
//! know whether the server took it (the connection died after the last dot, or the app was killed), it is `uncertain`: it
//! is looked for in Sent, shown to the teacher, and never sent again by itself.

use rusqlite::params;

use super::account::{Errand, MailAccount, SILENCE};
use super::compose::{ComposeError, Outgoing, ReplyTo, reply};
use super::error::MailError;
use super::flags::Flags;
use super::imap::{ImapError, Role};
use super::rows;
use super::send::{SendError, Stage, submit_after};
use super::starttls::Secured;
use super::sync::ALONE;
use crate::attempts::{Outcome, Presence};
use crate::store::{Change, StoreError};

/// A letter in the outbox.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Letter {
    /// Its number in the store.
    pub id: i64,
    /// Where it stands.
    pub state: LetterState,
    /// Its subject.
    pub subject: String,
    /// Whom it goes to.
    pub recipients: Vec<String>,
    /// What the server said, when it refused.
    pub trouble: Option<String>,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LetterState {
    /// To be sent at the next occasion.
    Waiting,
    /// Being sent.
    Sending,
    /// Sent; its copy is not in Sent yet.
    Sent,
    /// Sent, with its copy in Sent.
    Filed,
    /// Perhaps sent: look whether it arrived before sending it again.
    Uncertain,
    /// The server does not take it as it is.
    Refused,
}

impl LetterState {
    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Filed => "filed",
            Self::Uncertain => "uncertain",
            Self::Refused => "refused",
        }
    }

    fn from_word(word: &str) -> Self {
        let all = [Self::Waiting, Self::Sending, Self::Sent, Self::Filed, Self::Refused];
        all.into_iter().find(|state| state.word() == word).unwrap_or(Self::Uncertain)
    }
}

impl MailAccount {
    /// Writes an answer to a message and puts it into the outbox; gives its number there. Marks the message as answered.
    pub async fn reply(
        &self,
        message: i64,
        text: &str,
        all: bool,
        french: bool,
        now_ms: i64,
    ) -> Result<i64, ReplyError> {
        let opened = self.open_message(message).await?;
        let to = ReplyTo { headers: opened.reading.headers, text: opened.reading.text };
        let outgoing = reply(&to, &self.author(), text, all, french, now_ms)?;
        let id = self.enqueue(outgoing, now_ms).await?;
        self.set_flags(&[message], Flags::ANSWERED, true).await?;
        Ok(id)
    }

    /// Puts a letter into the outbox. Durable when it returns; sent by [`MailAccount::send_waiting`].
    pub async fn enqueue(&self, outgoing: Outgoing, now_ms: i64) -> Result<i64, MailError> {
        let academy = self.academy.id.clone();
        let id = self
            .store
            .write(move |t, changes| {
                t.execute(
                    "INSERT INTO outbox (academy, state, message_id, sender, recipients, subject, mime, written_ms)
                     VALUES (?, 'waiting', ?, ?, ?, ?, ?, ?)",
                    params![
                        academy,
                        outgoing.message_id,
                        outgoing.from,
                        outgoing.recipients.join("\n"),
                        outgoing.subject,
                        outgoing.mime,
                        now_ms
                    ],
                )?;
                changes.push(Change::Outbox);
                Ok(t.last_insert_rowid())
            })
            .await?;
        Ok(id)
    }

    /// How many letters have not left, or may not have: what would be lost with the account. Reads the store only.
    pub async fn unsent(&self) -> Result<u64, MailError> {
        let academy = self.academy.id.clone();
        let count = self.store.read(move |c| {
            let mut query =
                c.prepare_cached("SELECT count(*) FROM outbox WHERE academy = ? AND state NOT IN ('sent', 'filed')")?;
            Ok(query.query_row([academy], |row| row.get::<_, i64>(0))?)
        });
        Ok(u64::try_from(count.await?).unwrap_or_default())
    }

    /// The letters of the outbox, newest first; those filed among them, at most 200 in all.
    pub async fn outbox(&self) -> Result<Vec<Letter>, MailError> {
        let academy = self.academy.id.clone();
        let letters = self
            .store
            .read(move |c| {
                let mut query = c.prepare_cached(
                    "SELECT id, state, subject, recipients, trouble FROM outbox WHERE academy = ?
                     ORDER BY id DESC LIMIT 200",
                )?;
                let rows = query.query_map([academy], |row| {
                    Ok(Letter {
                        id: row.get(0)?,
                        state: LetterState::from_word(&row.get::<_, String>(1)?),
                        subject: row.get(2)?,
                        recipients: row.get::<_, String>(3)?.lines().map(str::to_owned).collect(),
                        trouble: row.get(4)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        Ok(letters)
    }

    /// Sends again a letter that is uncertain or was refused: the teacher has looked and wants it.
    pub async fn send_again(&self, letter: i64) -> Result<(), MailError> {
        self.store
            .write(move |t, changes| {
                let changed = t.execute(
                    "UPDATE outbox SET state = 'waiting', trouble = NULL
                     WHERE id = ? AND state IN ('uncertain', 'refused')",
                    [letter],
                )?;
                changes.push(Change::Outbox);
                if changed == 1 { Ok(()) } else { Err(StoreError::NotFound) }
            })
            .await?;
        Ok(())
    }

    /// Sends what waits, oldest first, files what was sent, and looks in Sent for what is uncertain. Gives how many went
    /// out. Stops at the first failure that is not the letter's own.
    pub async fn send_waiting(&self) -> Result<u64, MailError> {
        // The connection is held throughout: no second errand sends the same letter.
        let stop = self.stop();
        let mut errand = self.unless_stopped(self.background(Presence::Unattended)).await?;
        // Nor in another process.
        let _alone = self.unless_stopped(async { Ok(self.store.exclusive(ALONE).await?) }).await?;
        self.doubt_interrupted().await?;
        let mut sent = 0;
        while let Some((letter, outgoing)) = self.next_in_state(LetterState::Waiting).await? {
            if stop.is_cancelled() {
                return Err(MailError::Stopped);
            }
            sent += u64::from(self.send_one(letter, &outgoing).await?);
        }
        // Looked for before it is done, and so done once, however often it is begun: it need not be waited for.
        let filing = stop.run_until_cancelled(async {
            while let Some((letter, outgoing)) = self.next_in_state(LetterState::Sent).await? {
                self.file(&mut errand, &outgoing).await?;
                self.set_letter(letter, LetterState::Filed, None).await?;
            }
            self.look_for_uncertain(&mut errand).await
        });
        filing.await.unwrap_or(Err(MailError::Stopped))?;
        errand.end();
        Ok(sent)
    }

    /// A letter that was being sent when the app was killed, or its errand dropped, may have been sent.
    async fn doubt_interrupted(&self) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        self.store
            .write(move |t, changes| {
                let doubted = t.execute(
                    "UPDATE outbox SET state = 'uncertain' WHERE academy = ? AND state = 'sending'",
                    [academy],
                )?;
                changes.extend((doubted > 0).then_some(Change::Outbox));
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn send_one(&self, letter: i64, outgoing: &Outgoing) -> Result<bool, MailError> {
        let (server, credentials, reserved) = self.submission().await?;
        self.set_letter(letter, LetterState::Sending, None).await?;
        let domain = outgoing.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let mut reached = None;
        let mut stage = |stage| reached = Some(stage);
        let by_password = reserved.is_some();
        let Secured { stream, greeting } = server;
        let outcome = submit_after(greeting, stream, domain, &credentials, outgoing, SILENCE, &mut stage).await;
        match (&outcome, reached) {
            (Err(SendError::AuthenticationFailed), _) => self.settle(reserved, Outcome::Refused).await?,
            (_, None) => self.settle(reserved, Outcome::Untold).await?,
            // Nobody knows what the server thought of it: left open, the try counts.
            (_, Some(Stage::Authenticating)) => {}
            (_, Some(_)) => self.settle(reserved, Outcome::Accepted).await?,
        }
        match outcome {
            Ok(()) => {
                self.set_letter(letter, LetterState::Sent, None).await?;
                Ok(true)
            }
            Err(SendError::Uncertain) => {
                self.set_letter(letter, LetterState::Uncertain, None).await?;
                Ok(false)
            }
            Err(SendError::Refused { text, .. }) => {
                self.set_letter(letter, LetterState::Refused, Some(text)).await?;
                Ok(false)
            }
            Err(SendError::TooLarge { limit }) => {
                self.set_letter(letter, LetterState::Refused, Some(format!("SIZE {limit}"))).await?;
                Ok(false)
            }
            // No server will ever take it; those behind it must not wait for it.
            Err(SendError::Unsendable) => {
                self.set_letter(letter, LetterState::Refused, None).await?;
                Ok(false)
            }
            Err(error) => {
                let said = if let SendError::TryLater { text, .. } = &error { text.clone() } else { error.to_string() };
                self.set_letter(letter, LetterState::Waiting, Some(said)).await?;
                Err(match error {
                    SendError::AuthenticationFailed if by_password => self.settings()?.refused(),
                    other => other.into(),
                })
            }
        }
    }

    /// Puts the copy into Sent, unless the server has done so itself, or we before a kill.
    async fn file(&self, errand: &mut Errand<'_>, outgoing: &Outgoing) -> Result<(), MailError> {
        let Some(name) = self.sent_name(errand).await? else { return Ok(()) };
        errand.imap.select(&name).await?;
        if errand.imap.search_header("Message-ID", &outgoing.message_id).await?.is_empty() {
            errand.imap.append(&name, &Flags::SEEN.names(), &outgoing.mime).await?;
        }
        Ok(())
    }

    async fn look_for_uncertain(&self, errand: &mut Errand<'_>) -> Result<(), MailError> {
        let academy = self.academy.id.clone();
        let uncertain: Vec<(i64, String)> = self
            .store
            .read(move |c| {
                let mut query =
                    c.prepare_cached("SELECT id, message_id FROM outbox WHERE academy = ? AND state = 'uncertain'")?;
                let rows = query.query_map([academy], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        if uncertain.is_empty() {
            return Ok(());
        }
        let Some(name) = self.sent_name(errand).await? else { return Ok(()) };
        errand.imap.select(&name).await?;
        for (letter, message_id) in uncertain {
            if !errand.imap.search_header("Message-ID", &message_id).await?.is_empty() {
                self.set_letter(letter, LetterState::Filed, None).await?;
            }
        }
        Ok(())
    }

    async fn sent_name(&self, errand: &mut Errand<'_>) -> Result<Option<String>, MailError> {
        let academy = self.academy.id.clone();
        let known = self.store.read(move |c| rows::mailbox_of_role(c, &academy, Role::Sent)).await?;
        if let Some((_, name)) = known {
            return Ok(Some(name));
        }
        let listed = errand.imap.list().await?;
        Ok(listed.into_iter().find(|one| one.role == Some(Role::Sent)).map(|one| one.name))
    }

    async fn next_in_state(&self, state: LetterState) -> Result<Option<(i64, Outgoing)>, MailError> {
        let academy = self.academy.id.clone();
        let found = self
            .store
            .read(move |c| {
                let mut query = c.prepare_cached(
                    "SELECT id, message_id, sender, recipients, subject, mime FROM outbox
                     WHERE academy = ? AND state = ? ORDER BY id LIMIT 1",
                )?;
                let letter = query.query_row(params![academy, state.word()], |row| {
                    let recipients: String = row.get(3)?;
                    let outgoing = Outgoing {
                        message_id: row.get(1)?,
                        from: row.get(2)?,
                        recipients: recipients.lines().map(str::to_owned).collect(),
                        subject: row.get(4)?,
                        mime: row.get(5)?,
                    };
                    Ok((row.get(0)?, outgoing))
                });
                Ok(letter?)
            })
            .await;
        Ok(StoreError::unless_missing(found)?)
    }

    async fn set_letter(&self, letter: i64, state: LetterState, trouble: Option<String>) -> Result<(), MailError> {
        self.store
            .write(move |t, changes| {
                t.execute(
                    "UPDATE outbox SET state = ?, trouble = ? WHERE id = ?",
                    params![state.word(), trouble, letter],
                )?;
                changes.push(Change::Outbox);
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// Why an answer was not put into the outbox. The text stays with the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The message to answer could not be opened, or the store failed.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The answer cannot be written as it is.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

impl From<ImapError> for ReplyError {
    fn from(error: ImapError) -> Self {
        Self::Mail(error.into())
    }
}

//! Which mailboxes there are, what they are for, and what has changed in them: LIST (RFC 5258, 5819, 6154), LSUB and STATUS.

use std::collections::{BTreeSet, VecDeque};

use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response, StatusAttribute};

use super::error::ImapError;
use super::mailbox_name::Form;
use super::namespace::{Namespaces, Owner, told_namespaces};
use super::quota::{self, Quota};
use super::role::{Role, guess_roles, is_extension, role_of};
use super::session::ImapSession;

/// More mailboxes than anybody has.
const MOST: usize = 5000;
/// So many namespaces of others, and shared ones, are asked for by name.
const PATTERNS: usize = 10;

/// A mailbox of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// Its name, decoded. The name to give to the other commands.
    pub name: String,
    /// What parts names of mailboxes in mailboxes.
    pub delimiter: Option<String>,
    /// What it is for; of the teacher's own only.
    pub role: Option<Role>,
    /// Whose it is, as far as the namespaces were known when it was listed.
    pub owner: Owner,
    /// Whether it can hold messages.
    pub selectable: bool,
    /// Whether the teacher has subscribed to it, here or elsewhere.
    pub subscribed: bool,
    /// What is in it, where that was asked and told.
    pub status: Option<Status>,
}

/// What a server tells of a mailbox that is not selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// How many messages there are.
    pub messages: Option<u32>,
    /// How many of them are unread.
    pub unseen: Option<u32>,
    /// When this changes, no UID known before means anything any more.
    pub uid_validity: Option<u32>,
    /// The UID that the next message will have.
    pub uid_next: Option<u32>,
    /// Changes with every change (RFC 7162), where the server counts them in this mailbox.
    pub highest_mod_seq: Option<u64>,
}

impl Status {
    /// Takes what was told later; what it leaves out holds as before.
    pub(super) fn update(&mut self, later: Self) {
        self.messages = later.messages.or(self.messages);
        self.unseen = later.unseen.or(self.unseen);
        self.uid_validity = later.uid_validity.or(self.uid_validity);
        self.uid_next = later.uid_next.or(self.uid_next);
        self.highest_mod_seq = later.highest_mod_seq.or(self.highest_mod_seq);
    }

    fn of(attributes: &[StatusAttribute]) -> Self {
        let mut told = Self::default();
        for attribute in attributes {
            match attribute {
                StatusAttribute::Messages(value) => told.messages = Some(*value),
                StatusAttribute::Unseen(value) => told.unseen = Some(*value),
                StatusAttribute::UidValidity(value) => told.uid_validity = Some(*value).filter(|value| *value > 0),
                StatusAttribute::UidNext(value) => told.uid_next = Some(*value).filter(|value| *value > 0),
                // Nought is what servers say that do not count.
                StatusAttribute::HighestModSeq(value) => {
                    told.highest_mod_seq = Some(*value).filter(|value| *value > 0);
                }
                _ => {}
            }
        }
        told
    }
}

/// What a look at all mailboxes takes from before, and what it asks beside.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Questions {
    /// Where whose mailboxes are, as the server told before; without it all are the teacher's own.
    pub namespaces: Namespaces,
    /// Whether to ask, in the same breath, for the namespaces and for the quota of the inbox, where the server has them.
    pub server: bool,
    /// Mailboxes of others and shared ones whose contents matter although nobody has subscribed to them. On a server that does
    /// not tell with the list, the contents of further ones are not asked for.
    pub opened: BTreeSet<String>,
}

/// All mailboxes of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Overview {
    /// They.
    pub mailboxes: Vec<Listed>,
    /// Whether these are all. False where a line could not be read: then a name that is missing says nothing.
    pub whole: bool,
    /// Where whose mailboxes are, if that was asked and told.
    pub namespaces: Option<Namespaces>,
    /// The limits that hold for the inbox, if that was asked and told.
    pub quotas: Option<Vec<Quota>>,
}

impl ImapSession {
    /// The mailboxes.
    pub async fn list(&mut self) -> Result<Vec<Listed>, ImapError> {
        Ok(self.listing(None, &Questions::default()).await?.mailboxes)
    }

    /// The mailboxes and what is in them: in one round trip where the server can, else in a few. Leaves the selected mailbox,
    /// of which STATUS tells nothing reliable (RFC 9051, 6.3.11).
    pub async fn overview(&mut self) -> Result<Overview, ImapError> {
        self.overview_asking(&Questions::default()).await
    }

    /// The same, with those of others and shared ones that a list of all leaves out. One round trip more where the server's
    /// namespaces turn out to be others than in `questions`.
    pub async fn overview_asking(&mut self, questions: &Questions) -> Result<Overview, ImapError> {
        let (mut overview, mut with_status) = self.look(questions).await?;
        if let Some(namespaces) = overview.namespaces.take_if(|told| !told.foreign().eq(questions.namespaces.foreign()))
        {
            let quotas = overview.quotas;
            let again = Questions { namespaces, server: false, opened: questions.opened.clone() };
            (overview, with_status) = self.look(&again).await?;
            (overview.namespaces, overview.quotas) = (Some(again.namespaces), quotas);
        }
        if with_status {
            return Ok(overview);
        }
        let matters = |one: &Listed| one.owner == Owner::Own || one.subscribed || questions.opened.contains(&one.name);
        let mut lines = Vec::new();
        for one in overview.mailboxes.iter().filter(|one| one.selectable && matters(one)) {
            lines.push(format!("STATUS {} {}", self.mailbox(&one.name).await?, self.items()));
        }
        let mut told = Vec::new();
        // One of a mailbox that has just gone is refused: nothing is known of it then.
        self.run_all("STATUS", &lines, &mut |response| told.extend(status(response))).await?;
        let told = named(told, self.form());
        for one in &mut overview.mailboxes {
            one.status = told.iter().find(|(name, _)| *name == one.name).map(|(_, status)| *status);
        }
        Ok(overview)
    }

    fn items(&self) -> &'static str {
        if self.has("CONDSTORE") || self.has("QRESYNC") {
            "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"
        } else {
            "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"
        }
    }

    /// The list, and whether what is in the mailboxes is in it. A server that does not understand what it claims to is asked for
    /// less.
    async fn look(&mut self, questions: &Questions) -> Result<(Overview, bool), ImapError> {
        if self.has("LIST-STATUS") && self.has("LIST-EXTENDED") {
            match self.listing(Some(self.items()), questions).await {
                Err(ImapError::Bad { .. } | ImapError::Refused { .. }) => {}
                listed => return Ok((listed?, true)),
            }
        }
        match self.listing(None, questions).await {
            Err(ImapError::Bad { .. } | ImapError::Refused { .. }) if questions.namespaces.foreign().count() > 0 => {}
            listed => return Ok((listed?, false)),
        }
        let plain = Questions { namespaces: Namespaces::default(), ..questions.clone() };
        let mut overview = self.listing(None, &plain).await?;
        // Those of others may have been left out.
        overview.whole = false;
        give_owners(&mut overview.mailboxes, &questions.namespaces);
        Ok((overview, false))
    }

    /// Asks for one mailbox. [`ImapError::Refused`] is the server's word that it cannot be had.
    pub async fn status(&mut self, name: &str) -> Result<Option<Status>, ImapError> {
        let line = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY)", self.mailbox(name).await?);
        let mut told = None;
        self.run("STATUS", &line, |response| told = told.or(status(response).map(|(_, status)| status))).await?;
        Ok(told)
    }

    async fn listing(&mut self, items: Option<&str>, questions: &Questions) -> Result<Overview, ImapError> {
        let extended = self.has("LIST-EXTENDED");
        let mut returned = Vec::new();
        if extended {
            returned.push("SUBSCRIBED".to_owned());
            returned.extend(self.has("SPECIAL-USE").then(|| "SPECIAL-USE".to_owned()));
            returned.extend(items.map(|items| format!("STATUS {items}")));
        }
        let mut lines = Vec::new();
        if self.selected.is_some() && self.has("UNSELECT") {
            lines.push("UNSELECT".to_owned());
        }
        let at = lines.len();
        let patterns = self.patterns(&questions.namespaces).await?;
        match (extended, patterns.as_slice()) {
            (true, [all]) => lines.push(format!("LIST \"\" {all} RETURN ({})", returned.join(" "))),
            (true, _) => lines.push(format!("LIST \"\" ({}) RETURN ({})", patterns.join(" "), returned.join(" "))),
            (false, _) => lines.extend(patterns.iter().map(|pattern| format!("LIST \"\" {pattern}"))),
        }
        let lists = lines.len() - at;
        let (namespaces, quota) = (questions.server && self.has("NAMESPACE"), questions.server && self.has("QUOTA"));
        lines.extend(namespaces.then(|| "NAMESPACE".to_owned()));
        lines.extend(quota.then(|| "GETQUOTAROOT \"INBOX\"".to_owned()));
        let (mut listed, mut told, mut too_many) = (Vec::new(), Vec::new(), false);
        let mut room = quota::Told::default();
        let mut outcomes = self
            .run_all("LIST", &lines, &mut |response| {
                if let Some(one) = listed_by(response) {
                    too_many |= listed.len() == MOST;
                    listed.extend((!too_many).then_some(one));
                }
                told.extend(status(response).filter(|_| told.len() < MOST));
                // Of this name every form is the same.
                room.take(response, "INBOX", Form::Utf7);
            })
            .await?;
        let (unread, lost) = self.watch.take_diverted();
        let mut lists: VecDeque<_> = outcomes.drain(at..at + lists).collect();
        lists.pop_front().unwrap_or(Err(ImapError::Malformed))?;
        let all_listed = lists.iter().all(Result::is_ok);
        if items.is_some() {
            // What was told before, or beside, is in it.
            self.told.forget();
        }
        if at > 0 && outcomes.first().is_some_and(Result::is_ok) {
            self.selected = None;
        }
        // Only now it is known what is enabled.
        let form = self.form();
        listed.iter_mut().for_each(|one| one.read_name(form));
        // A mailbox that several patterns meant.
        let mut names = BTreeSet::new();
        listed.retain(|one| names.insert(one.name.clone()));
        if !extended {
            self.subscriptions(&mut listed).await?;
        }
        let told = named(told, form);
        for one in &mut listed {
            one.status = told.iter().rfind(|(name, _)| *name == one.name).map(|(_, status)| *status);
        }
        give_owners(&mut listed, &questions.namespaces);
        guess_roles(&mut listed);
        let whole = all_listed && !too_many && !lost && !unread.iter().any(|raw| raw.starts_with(b"* LIST"));
        // What could not be read is as if it had not been asked.
        let namespaces = namespaces.then(|| told_namespaces(&unread, lost, form).ok()).flatten();
        let quotas = quota.then(|| room.quotas(&unread, lost).ok()).flatten();
        Ok(Overview { mailboxes: listed, whole, namespaces, quotas })
    }

    /// What to list: all, and what a server may leave out of that (RFC 2342, 5; RFC 5258, 3.1).
    async fn patterns(&mut self, namespaces: &Namespaces) -> Result<Vec<String>, ImapError> {
        let mut patterns = vec!["\"*\"".to_owned()];
        for one in namespaces.foreign().take(PATTERNS) {
            // Under a prefix with a wildcard in it other mailboxes would be meant, too.
            if !one.prefix.is_empty() && !one.prefix.contains(['*', '%']) {
                match self.mailbox(&format!("{}*", one.prefix)).await {
                    Err(ImapError::InvalidArgument) => {}
                    pattern => patterns.push(pattern?),
                }
            }
        }
        Ok(patterns)
    }

    /// RFC 3501, 6.3.9, for servers that do not tell with LIST. RFC 9051 has no LSUB any more: then nothing is known.
    async fn subscriptions(&mut self, listed: &mut [Listed]) -> Result<(), ImapError> {
        let mut subscribed = Vec::new();
        let asked = self.run("LSUB", "LSUB \"\" \"*\"", |response| {
            subscribed.extend(listed_by(response).filter(|_| subscribed.len() < MOST));
        });
        match asked.await {
            Err(ImapError::Refused { .. } | ImapError::Bad { .. }) => {}
            asked => asked?,
        }
        let form = self.form();
        subscribed.iter_mut().for_each(|one: &mut Listed| one.read_name(form));
        for one in listed {
            one.subscribed = subscribed.iter().any(|name| name.name == one.name);
        }
        Ok(())
    }
}

impl Listed {
    /// Puts the name behind the wire's form in its place.
    fn read_name(&mut self, form: Form) {
        match form.decode(&self.name) {
            Some(name) => self.name = name,
            // Under a name that we would write differently, a command might meet another mailbox.
            None => self.selectable = false,
        }
        if self.name.eq_ignore_ascii_case("INBOX") {
            self.role = Some(Role::Inbox);
        }
    }
}

/// Its name still as it came.
fn listed_by(response: &Response<'_>) -> Option<Listed> {
    let Response::MailboxData(MailboxDatum::List(data)) = response else { return None };
    Some(Listed {
        name: data.name.to_string(),
        // One character, of which imap-proto leaves the backslash in.
        delimiter: data.delimiter.as_ref().map(|told| told.chars().last().map_or_else(String::new, String::from)),
        role: data.name_attributes.iter().find_map(role_of),
        owner: Owner::Own,
        selectable: !data.name_attributes.iter().any(is_no_mailbox),
        subscribed: data.name_attributes.iter().any(|attribute| is_extension(attribute, "\\Subscribed")),
        status: None,
    })
}

/// The name still as it came.
pub(super) fn status(response: &Response<'_>) -> Option<(String, Status)> {
    let Response::MailboxData(MailboxDatum::Status { mailbox, status }) = response else { return None };
    Some((mailbox.to_string(), Status::of(status)))
}

fn named(told: Vec<(String, Status)>, form: Form) -> Vec<(String, Status)> {
    told.into_iter().filter_map(|(name, status)| Some((form.decode(&name)?, status))).collect()
}

/// Another person's bin is not the teacher's, whatever the server says that it is for.
fn give_owners(listed: &mut [Listed], namespaces: &Namespaces) {
    for one in listed {
        one.owner = namespaces.owner_of(&one.name);
        if one.owner != Owner::Own {
            one.role = None;
        }
    }
}

/// Whether there is only a name, and no mailbox (RFC 9051, 7.3.1).
fn is_no_mailbox(attribute: &NameAttribute<'_>) -> bool {
    matches!(attribute, NameAttribute::NoSelect) || is_extension(attribute, "\\NonExistent")
}

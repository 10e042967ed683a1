//! The commands, but for those that fetch.

use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response, ResponseCode, Status};

use super::error::ImapError;
use super::mailbox_name;
use super::session::ImapSession;
use super::set::UidSet;

/// What a mailbox is for (RFC 6154).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Sent mail.
    Sent,
    /// Drafts.
    Drafts,
    /// The bin.
    Trash,
    /// Unwanted mail.
    Junk,
    /// The archive.
    Archive,
}

impl Role {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Inbox, "inbox"),
        (Self::Sent, "sent"),
        (Self::Drafts, "drafts"),
        (Self::Trash, "trash"),
        (Self::Junk, "junk"),
        (Self::Archive, "archive"),
    ];

    /// The role as the store writes it.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(role, _)| *role == self).map_or("inbox", |(_, word)| word)
    }

    /// The role that the store wrote as `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(role, _)| *role)
    }

    /// What a mailbox of this name is for, on a server that does not say.
    fn guessed(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "inbox" => Some(Self::Inbox),
            "sent" | "sent items" | "sent messages" | "envoyés" | "messages envoyés" | "éléments envoyés" => {
                Some(Self::Sent)
            }
            "drafts" | "brouillons" => Some(Self::Drafts),
            "trash" | "deleted items" | "deleted messages" | "corbeille" | "éléments supprimés" => Some(Self::Trash),
            "junk" | "spam" | "junk e-mail" | "indésirables" | "courrier indésirable" | "pourriel" => {
                Some(Self::Junk)
            }
            "archive" | "archives" => Some(Self::Archive),
            _ => None,
        }
    }
}

/// A mailbox of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// Its name, decoded. The name to give to the other commands.
    pub name: String,
    /// What parts names of mailboxes in mailboxes.
    pub delimiter: Option<String>,
    /// What it is for.
    pub role: Option<Role>,
    /// Whether it can hold messages.
    pub selectable: bool,
}

/// What the server says of a mailbox as it is selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// When this changes, no UID known before means anything any more.
    pub uid_validity: u32,
    /// The UID that the next message will have.
    pub uid_next: Option<u32>,
    /// How many messages there are.
    pub exists: u32,
    /// Changes with every change (RFC 7162), where the server counts them.
    pub highest_mod_seq: Option<u64>,
}

/// A string argument. CR, LF and NUL would end the command and begin another.
pub(super) fn quoted(text: &str) -> Result<String, ImapError> {
    Ok(format!("\"{}\"", escaped(text)?))
}

/// What stands between the quotes.
pub(super) fn escaped(text: &str) -> Result<String, ImapError> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(ImapError::InvalidArgument);
    }
    Ok(text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn mailbox(name: &str) -> Result<String, ImapError> {
    quoted(&mailbox_name::encode(name))
}

fn flag_list(flags: &[&str]) -> Result<String, ImapError> {
    let atom = |flag: &str| {
        let bare = flag.strip_prefix('\\').unwrap_or(flag);
        !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"$_-.".contains(&b))
    };
    if flags.iter().all(|flag| atom(flag)) { Ok(flags.join(" ")) } else { Err(ImapError::InvalidArgument) }
}

impl ImapSession {
    /// Selects a mailbox.
    pub async fn select(&mut self, name: &str) -> Result<Selected, ImapError> {
        let condstore = if self.has("CONDSTORE") || self.has("QRESYNC") { " (CONDSTORE)" } else { "" };
        let line = format!("SELECT {}{condstore}", mailbox(name)?);
        let mut selected = Selected::default();
        self.exists = None;
        self.run("SELECT", &line, |response| {
            let Response::Data { status: Status::Ok, outcome } = response else { return };
            match &outcome.code {
                Some(ResponseCode::UidValidity(value)) => selected.uid_validity = *value,
                Some(ResponseCode::UidNext(value)) => selected.uid_next = Some(*value),
                Some(ResponseCode::HighestModSeq(value)) => selected.highest_mod_seq = Some(*value),
                _ => {}
            }
        })
        .await?;
        self.expunged = false;
        // RFC 9051, 6.3.2 requires both. Without the first no UID can be kept; and a number that could not be read is not
        // nought, which would mean that every message is gone.
        match self.exists {
            Some(exists) if selected.uid_validity != 0 => Ok(Selected { exists, ..selected }),
            _ => Err(ImapError::Malformed),
        }
    }

    /// The mailboxes.
    pub async fn list(&mut self) -> Result<Vec<Listed>, ImapError> {
        let special = self.has("SPECIAL-USE") && self.has("LIST-EXTENDED");
        let line = if special { "LIST \"\" \"*\" RETURN (SPECIAL-USE)" } else { "LIST \"\" \"*\"" };
        let mut listed = Vec::new();
        self.run("LIST", line, |response| {
            let Response::MailboxData(MailboxDatum::List(data)) = response else { return };
            let decoded = mailbox_name::decode(&data.name);
            // Under a name that we would write differently, a command might meet another mailbox.
            let ours = decoded.is_some();
            let name = decoded.unwrap_or_else(|| data.name.to_string());
            let said = data.name_attributes.iter().find_map(role_of);
            let role = if name.eq_ignore_ascii_case("INBOX") { Some(Role::Inbox) } else { said };
            let selectable = ours && !data.name_attributes.iter().any(is_no_mailbox);
            if listed.len() < 5000 {
                listed.push(Listed {
                    delimiter: data.delimiter.as_ref().map(ToString::to_string),
                    role,
                    selectable,
                    name,
                });
            }
        })
        .await?;
        // A guess only for roles that the server gives to no mailbox.
        let said: Vec<Role> = listed.iter().filter_map(|one: &Listed| one.role).collect();
        for one in listed.iter_mut().filter(|one| one.role.is_none()) {
            let last = one.delimiter.as_ref().and_then(|d| one.name.rsplit(d.as_str()).next()).unwrap_or(&one.name);
            one.role = Role::guessed(last).filter(|role| !said.contains(role));
        }
        Ok(listed)
    }

    /// Sets (`on`) or clears flags of messages. Done again, it changes nothing.
    pub async fn store_flags(&mut self, uids: &UidSet, on: bool, flags: &[&str]) -> Result<(), ImapError> {
        let (sign, flags) = (if on { '+' } else { '-' }, flag_list(flags)?);
        for piece in uids.pieces() {
            self.run("STORE", &format!("UID STORE {piece} {sign}FLAGS.SILENT ({flags})"), |_| {}).await?;
        }
        Ok(())
    }

    /// Moves messages to another mailbox at once (RFC 6851). Messages that are gone are no failure.
    pub async fn move_messages(&mut self, uids: &UidSet, to: &str) -> Result<(), ImapError> {
        if !self.has("MOVE") {
            return Err(ImapError::Unsupported("MOVE"));
        }
        for piece in uids.pieces() {
            self.run("MOVE", &format!("UID MOVE {piece} {}", mailbox(to)?), |_| {}).await?;
        }
        Ok(())
    }

    /// Copies messages to another mailbox.
    pub async fn copy_messages(&mut self, uids: &UidSet, to: &str) -> Result<(), ImapError> {
        for piece in uids.pieces() {
            self.run("COPY", &format!("UID COPY {piece} {}", mailbox(to)?), |_| {}).await?;
        }
        Ok(())
    }

    /// Removes those of the messages that are marked as deleted, and no others (RFC 4315).
    pub async fn expunge_uids(&mut self, uids: &UidSet) -> Result<(), ImapError> {
        if !self.has("UIDPLUS") {
            return Err(ImapError::Unsupported("UIDPLUS"));
        }
        for piece in uids.pieces() {
            self.run("EXPUNGE", &format!("UID EXPUNGE {piece}"), |_| {}).await?;
        }
        Ok(())
    }

    /// Adds a message to a mailbox. Gives the UIDVALIDITY and the UID it has there, where the server tells (RFC 4315).
    ///
    /// After an error other than [`ImapError::Refused`], [`ImapError::Bad`] and [`ImapError::InvalidArgument`] it may be
    /// there or not: look for it before doing it again.
    pub async fn append(
        &mut self,
        name: &str,
        flags: &[&str],
        message: &[u8],
    ) -> Result<Option<(u32, u32)>, ImapError> {
        if message.contains(&0) {
            return Err(ImapError::InvalidArgument);
        }
        let small = message.len() <= 4096;
        let at_once = self.has("LITERAL+") || (small && self.has("LITERAL-"));
        let (name, flags, plus) = (mailbox(name)?, flag_list(flags)?, if at_once { "+" } else { "" });
        let line = format!("APPEND {name} ({flags}) {{{}{plus}}}", message.len());
        let id = self.begin(&line).await?;
        if !at_once && let Some(outcome) = self.go_ahead("APPEND", &id).await? {
            self.in_order();
            // An OK without a message is none.
            return outcome.and(Err(ImapError::Malformed));
        }
        self.send_literal(message).await?;
        let mut place = None;
        self.finish("APPEND", &id, &mut |response| place = place.or(appended(response))).await?;
        Ok(place)
    }

    /// The UIDs of the messages of the selected mailbox whose header `field` holds `value`.
    pub async fn search_header(&mut self, field: &str, value: &str) -> Result<Vec<u32>, ImapError> {
        // What is not ASCII needs a CHARSET that no server must know; no field that we look for holds it.
        if !field.is_ascii() || !value.is_ascii() {
            return Err(ImapError::InvalidArgument);
        }
        let line = format!("UID SEARCH HEADER {} {}", quoted(field)?, quoted(value)?);
        let mut found = Vec::new();
        self.run("SEARCH", &line, |response| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found.extend(uids);
            }
        })
        .await?;
        let (unread, lost) = self.watch.take_diverted();
        // A result that could not be read is not an empty one.
        if lost || unread.iter().any(|raw| is_search(raw)) {
            return Err(ImapError::Malformed);
        }
        Ok(found)
    }

    /// Asks for news of the selected mailbox, and whether the server is still there.
    pub async fn noop(&mut self) -> Result<(), ImapError> {
        self.run("NOOP", "NOOP", |_| {}).await
    }

    /// Takes leave. The connection is closed in any case.
    pub async fn logout(mut self) -> Result<(), ImapError> {
        self.run("LOGOUT", "LOGOUT", |_| {}).await
    }
}

/// Whether there is only a name, and no mailbox (RFC 9051, 7.3.1).
fn is_no_mailbox(attribute: &NameAttribute<'_>) -> bool {
    match attribute {
        NameAttribute::NoSelect => true,
        NameAttribute::Extension(name) => name.eq_ignore_ascii_case("\\NonExistent"),
        _ => false,
    }
}

/// The result of a search: `SEARCH`, or `ESEARCH` of a server that knows no better (RFC 4731).
fn is_search(raw: &[u8]) -> bool {
    let word = raw.strip_prefix(b"* ").and_then(|rest| rest.split(|b| !b.is_ascii_alphabetic()).next());
    word.is_some_and(|word| word.eq_ignore_ascii_case(b"SEARCH") || word.eq_ignore_ascii_case(b"ESEARCH"))
}

fn appended(response: &Response<'_>) -> Option<(u32, u32)> {
    let Response::Done { status: Status::Ok, outcome, .. } = response else { return None };
    match &outcome.code {
        Some(ResponseCode::AppendUid(validity, uids)) => match uids.as_slice() {
            // imap-proto keeps the type of the set to itself; only its text can be looked into.
            [one] => {
                let text = format!("{one:?}");
                let uid = text.strip_prefix("Uid(")?.strip_suffix(')')?.parse().ok()?;
                Some((*validity, uid))
            }
            _ => None,
        },
        _ => None,
    }
}

fn role_of(attribute: &NameAttribute<'_>) -> Option<Role> {
    match attribute {
        NameAttribute::Sent => Some(Role::Sent),
        NameAttribute::Drafts => Some(Role::Drafts),
        NameAttribute::Trash => Some(Role::Trash),
        NameAttribute::Junk => Some(Role::Junk),
        NameAttribute::Archive => Some(Role::Archive),
        _ => None,
    }
}

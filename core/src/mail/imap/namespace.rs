//! Where whose mailboxes are: NAMESPACE (RFC 2342), and a mailbox's own name for itself (RFC 8474).

use super::code::object_id;
use super::error::{ImapError, Limit};
use super::mailbox_name::Form;
use super::session::ImapSession;
use super::value::Value;

/// More than any server has of one kind.
const MOST: usize = 100;

/// Whose a mailbox is.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Owner {
    /// The teacher's own.
    #[default]
    Own,
    /// Another person's, by the name that the server gives them: what stands first behind the prefix.
    Person(String),
    /// Nobody's own.
    Shared,
}

/// Where mailboxes of some kind are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Namespace {
    /// What their names begin with, decoded; empty for those at the top.
    pub prefix: String,
    /// What parts names of mailboxes in mailboxes; `None` where there are none in others.
    pub delimiter: Option<String>,
}

/// Where whose mailboxes are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Namespaces {
    /// The teacher's own.
    pub personal: Vec<Namespace>,
    /// Other users', as far as they let the teacher in.
    pub others: Vec<Namespace>,
    /// Those that are nobody's own.
    pub shared: Vec<Namespace>,
}

impl Namespaces {
    /// Whose a mailbox of this name is: by the longest prefix that it has, the teacher's own where it has none.
    pub fn owner_of(&self, name: &str) -> Owner {
        if name.eq_ignore_ascii_case("INBOX") {
            return Owner::Own;
        }
        let own = self.personal.iter().map(|one| (one, Owner::Own));
        let others = self.others.iter().filter_map(|one| Some((one, one.person(name)?)));
        let shared = self.shared.iter().map(|one| (one, Owner::Shared));
        let named = own.chain(others).chain(shared).filter(|(one, _)| one.holds(name));
        // Of two with the same prefix the teacher's own comes first.
        let longest = named.min_by_key(|(one, _)| std::cmp::Reverse(one.prefix.len()));
        longest.map_or(Owner::Own, |(_, owner)| owner)
    }

    /// Those that are not the teacher's own.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Namespace> {
        self.others.iter().chain(&self.shared)
    }
}

impl Namespace {
    /// Whether a mailbox of this name is in it, or is the name that all of them stand below.
    fn holds(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) || self.root().is_some_and(|root| root == name)
    }

    /// `Partages` of `Partages/`.
    fn root(&self) -> Option<&str> {
        self.prefix.strip_suffix(self.delimiter.as_deref()?).filter(|root| !root.is_empty())
    }

    fn person(&self, name: &str) -> Option<Owner> {
        if !self.holds(name) {
            return None;
        }
        let rest = name.strip_prefix(&self.prefix).unwrap_or_default();
        let person = self.delimiter.as_deref().and_then(|delimiter| rest.split(delimiter).next()).unwrap_or(rest);
        Some(if person.is_empty() { Owner::Shared } else { Owner::Person(person.to_owned()) })
    }
}

impl ImapSession {
    /// Where whose mailboxes are. Needs `NAMESPACE`. A prefix that no command could name is left out.
    ///
    /// # Errors
    /// [`ImapError::Limit`] for more than a hundred of one kind.
    pub async fn namespaces(&mut self) -> Result<Namespaces, ImapError> {
        if !self.has("NAMESPACE") {
            return Err(ImapError::Unsupported("NAMESPACE"));
        }
        self.run("NAMESPACE", "NAMESPACE", |_| {}).await?;
        let (unread, lost) = self.watch.take_diverted();
        told_namespaces(&unread, lost, self.form())
    }

    /// The own name of the selected mailbox, which outlasts its renaming; `None` where the server has none or did not tell it as
    /// it was selected.
    pub fn mailbox_id(&self) -> Option<&str> {
        self.mailbox_id.as_deref()
    }

    /// The same of any mailbox, asked for. Needs `OBJECTID`.
    pub async fn mailbox_id_of(&mut self, name: &str) -> Result<String, ImapError> {
        if !self.has("OBJECTID") {
            return Err(ImapError::Unsupported("OBJECTID"));
        }
        let line = format!("STATUS {} (MAILBOXID)", self.mailbox(name).await?);
        self.run("STATUS", &line, |_| {}).await?;
        let form = self.form();
        let (unread, lost) = self.watch.take_diverted();
        let answer = answer_named("STATUS", &unread, lost)?;
        let [_, told, items] = answer.as_slice() else { return Err(ImapError::Malformed) };
        let same = told.text().and_then(|told| form.decode(told)).is_some_and(|told| same_mailbox(&told, name));
        match items.list() {
            Some([Value::Word(item), Value::List(id)]) if same && item.eq_ignore_ascii_case("MAILBOXID") => {
                let id = if let [id] = id.as_slice() { id.text().and_then(object_id) } else { None };
                id.ok_or(ImapError::Malformed)
            }
            _ => Err(ImapError::Malformed),
        }
    }
}

/// What NAMESPACE was answered, among the lines that imap-proto could not read.
pub(super) fn told_namespaces(unread: &[Vec<u8>], lost: bool, form: Form) -> Result<Namespaces, ImapError> {
    let answer = answer_named("NAMESPACE", unread, lost)?;
    let [_, personal, others, shared] = answer.as_slice() else { return Err(ImapError::Malformed) };
    Ok(Namespaces {
        personal: namespaces(personal, form)?,
        others: namespaces(others, form)?,
        shared: namespaces(shared, form)?,
    })
}

/// The one answer of this name among those that imap-proto could not read since the command began.
fn answer_named(name: &str, unread: &[Vec<u8>], lost: bool) -> Result<Vec<Value>, ImapError> {
    let named =
        |values: &Vec<Value>| matches!(values.first(), Some(Value::Word(word)) if word.eq_ignore_ascii_case(name));
    let mut found = unread.iter().filter_map(|raw| Value::read(raw)).filter(named);
    match (found.next(), found.next(), lost) {
        (Some(answer), None, false) => Ok(answer),
        _ => Err(ImapError::Malformed),
    }
}

/// Whether both name the same mailbox: of the inbox alone the case is no matter (RFC 9051, 5.1).
pub(super) fn same_mailbox(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX"))
}

/// What behind prefix and delimiter are extensions.
fn namespaces(told: &Value, form: Form) -> Result<Vec<Namespace>, ImapError> {
    let told = told.list().ok_or(ImapError::Malformed)?;
    if told.len() > MOST {
        return Err(ImapError::Limit(Limit::Count));
    }
    let mut found = Vec::new();
    for one in told {
        let Some([Value::Text(prefix), delimiter, ..]) = one.list() else { return Err(ImapError::Malformed) };
        let Some(prefix) = form.decode(prefix) else { continue };
        found.push(Namespace { prefix, delimiter: delimiter.text().map(str::to_owned) });
    }
    Ok(found)
}

//! Where whose mailboxes are: NAMESPACE (RFC 2342), and a mailbox's own name for itself (RFC 8474).

use super::code::object_id;
use super::error::{ImapError, Limit};
use super::mailbox_name::Form;
use super::session::ImapSession;
use super::value::Value;

/// More than any server has of one kind.
const MOST: usize = 100;

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
        let form = self.form();
        let answer = self.answer_named("NAMESPACE")?;
        let [_, personal, others, shared] = answer.as_slice() else { return Err(ImapError::Malformed) };
        Ok(Namespaces {
            personal: namespaces(personal, form)?,
            others: namespaces(others, form)?,
            shared: namespaces(shared, form)?,
        })
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
        let answer = self.answer_named("STATUS")?;
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

    /// The one answer of this name among those that imap-proto could not read since the command began.
    fn answer_named(&mut self, name: &str) -> Result<Vec<Value>, ImapError> {
        let (unread, lost) = self.watch.take_diverted();
        let named =
            |values: &Vec<Value>| matches!(values.first(), Some(Value::Word(word)) if word.eq_ignore_ascii_case(name));
        let mut found = unread.iter().filter_map(|raw| Value::read(raw)).filter(named);
        match (found.next(), found.next(), lost) {
            (Some(answer), None, false) => Ok(answer),
            _ => Err(ImapError::Malformed),
        }
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

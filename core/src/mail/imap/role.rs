//! What a mailbox is for: told by the server (RFC 6154), or guessed by its name.

use async_imap::imap_proto::NameAttribute;

use super::list::Listed;
use super::namespace::Owner;

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

    /// What webmails and mail programs in French and English call them.
    const NAMES: [(Self, &'static [&'static str]); 5] = [
        (
            Self::Sent,
            &[
                "sent",
                "sent items",
                "sent messages",
                "sent mail",
                "envoyés",
                "envoyes",
                "messages envoyés",
                "éléments envoyés",
                "objets envoyés",
                "courrier envoyé",
            ],
        ),
        (Self::Drafts, &["drafts", "draft", "brouillons", "brouillon"]),
        (
            Self::Trash,
            &[
                "trash",
                "bin",
                "deleted",
                "deleted items",
                "deleted messages",
                "corbeille",
                "éléments supprimés",
                "messages supprimés",
                "objets supprimés",
                "poubelle",
            ],
        ),
        (
            Self::Junk,
            &[
                "junk",
                "junk e-mail",
                "junk email",
                "junk mail",
                "spam",
                "bulk mail",
                "indésirables",
                "indesirables",
                "indésirable",
                "courrier indésirable",
                "messages indésirables",
                "pourriel",
                "pourriels",
            ],
        ),
        (Self::Archive, &["archive", "archives", "archived", "messages archivés"]),
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
        let name = name.to_lowercase();
        Self::NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(role, _)| *role)
    }
}

/// Guesses only the roles that the server gives to no mailbox, and each for one: of several, that which stands highest.
pub(super) fn guess_roles(listed: &mut [Listed]) {
    let mut given: Vec<Role> = listed.iter().filter_map(|one| one.role).collect();
    let depth =
        |one: &Listed| one.delimiter.as_ref().map_or(0, |delimiter| one.name.matches(delimiter.as_str()).count());
    let mut unknown: Vec<&mut Listed> =
        listed.iter_mut().filter(|one| one.role.is_none() && one.selectable && one.owner == Owner::Own).collect();
    unknown.sort_by_key(|one| depth(one));
    for one in unknown {
        let last = one.delimiter.as_ref().and_then(|d| one.name.rsplit(d.as_str()).next()).unwrap_or(&one.name);
        one.role = Role::guessed(last).filter(|role| !given.contains(role));
        given.extend(one.role);
    }
}

pub(super) fn role_of(attribute: &NameAttribute<'_>) -> Option<Role> {
    match attribute {
        NameAttribute::Sent => Some(Role::Sent),
        NameAttribute::Drafts => Some(Role::Drafts),
        NameAttribute::Trash => Some(Role::Trash),
        NameAttribute::Junk => Some(Role::Junk),
        NameAttribute::Archive => Some(Role::Archive),
        _ => None,
    }
}

pub(super) fn is_extension(attribute: &NameAttribute<'_>, name: &str) -> bool {
    matches!(attribute, NameAttribute::Extension(told) if told.eq_ignore_ascii_case(name))
}

//! The response codes in the brackets of a status (RFC 9051, 7.1; RFC 5530; RFC 7162; RFC 4315; RFC 8474).

use std::fmt;
use std::ops::RangeInclusive;

use async_imap::imap_proto::{Outcome, ResponseCode};

use super::set::UidSet;

/// What a server says in brackets of how a command went, or of the mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Code {
    /// The words must be shown to the user.
    Alert,
    /// There is a mailbox of this name already.
    AlreadyExists,
    /// The UIDVALIDITY and UID of a message that was appended.
    AppendUid(u32, u32),
    /// Wrong name or secret.
    AuthenticationFailed,
    /// Signed in, but not allowed to act as somebody else.
    AuthorizationFailed,
    /// The mailbox cannot be created, deleted or renamed.
    Cannot,
    /// What follows is of the mailbox that is being selected; what came before was of another.
    Closed,
    /// The UIDVALIDITY of the mailbox that messages were copied or moved to, the UIDs they had, and those they have there, each
    /// range in the order of the other's (RFC 4315, 3).
    CopyUid(u32, Vec<RangeInclusive<u32>>, Vec<RangeInclusive<u32>>),
    /// The server's data are damaged.
    Corruption,
    /// The secret has expired.
    Expired,
    /// Messages are gone that the command named.
    ExpungeIssued,
    /// The highest mod-sequence of the mailbox.
    HighestModSeq(u64),
    /// Somebody else has it locked.
    InUse,
    /// A limit of the server.
    Limit,
    /// The server's own name for a mailbox, which outlasts its renaming (RFC 8474, 4.1).
    MailboxId(String),
    /// These messages have changed since, and were left as they are.
    Modified(UidSet),
    /// The mailbox keeps no mod-sequences.
    NoModSeq,
    /// There is no such mailbox.
    NonExistent,
    /// Not allowed.
    NoPerm,
    /// There is more to tell than the server keeps (RFC 5465): from now on it tells nothing.
    NotificationOverflow,
    /// No room is left.
    OverQuota,
    /// Only over a private connection.
    PrivacyRequired,
    /// The mailbox may be read, and not written.
    ReadOnly,
    /// The mailbox may be written.
    ReadWrite,
    /// The server has failed.
    ServerBug,
    /// The mailbox is not there, and may be made.
    TryCreate,
    /// The UID of the next message.
    UidNext(u32),
    /// UIDs do not outlast the session.
    UidNotSticky,
    /// The UIDVALIDITY of the mailbox.
    UidValidity(u32),
    /// The server cannot do it now.
    Unavailable,
    /// A literal of a kind that the server does not know.
    UnknownCte,
    /// Another one: its first word, in upper case.
    Other(String),
}

/// Those that are a word and no more.
const WORDS: &[(&str, Code)] = &[
    ("ALERT", Code::Alert),
    ("ALREADYEXISTS", Code::AlreadyExists),
    ("AUTHENTICATIONFAILED", Code::AuthenticationFailed),
    ("AUTHORIZATIONFAILED", Code::AuthorizationFailed),
    ("CANNOT", Code::Cannot),
    ("CLOSED", Code::Closed),
    ("CORRUPTION", Code::Corruption),
    ("EXPIRED", Code::Expired),
    ("EXPUNGEISSUED", Code::ExpungeIssued),
    ("INUSE", Code::InUse),
    ("LIMIT", Code::Limit),
    ("NOMODSEQ", Code::NoModSeq),
    ("NONEXISTENT", Code::NonExistent),
    ("NOPERM", Code::NoPerm),
    ("NOTIFICATIONOVERFLOW", Code::NotificationOverflow),
    ("OVERQUOTA", Code::OverQuota),
    ("PRIVACYREQUIRED", Code::PrivacyRequired),
    ("READ-ONLY", Code::ReadOnly),
    ("READ-WRITE", Code::ReadWrite),
    ("SERVERBUG", Code::ServerBug),
    ("TRYCREATE", Code::TryCreate),
    ("UIDNOTSTICKY", Code::UidNotSticky),
    ("UNAVAILABLE", Code::Unavailable),
    ("UNKNOWN-CTE", Code::UnknownCte),
];

impl Code {
    /// The code of a status, whether imap-proto knows it or left it in the text.
    pub(super) fn of(outcome: &Outcome<'_>) -> Option<Self> {
        match &outcome.code {
            None => Self::in_text(outcome.information.as_deref().unwrap_or_default()),
            Some(ResponseCode::Alert) => Some(Self::Alert),
            Some(ResponseCode::HighestModSeq(value)) => Some(Self::HighestModSeq(*value)),
            Some(ResponseCode::ReadOnly) => Some(Self::ReadOnly),
            Some(ResponseCode::ReadWrite) => Some(Self::ReadWrite),
            Some(ResponseCode::TryCreate) => Some(Self::TryCreate),
            Some(ResponseCode::UidNext(value)) => Some(Self::UidNext(*value)),
            Some(ResponseCode::UidNotSticky) => Some(Self::UidNotSticky),
            Some(ResponseCode::UidValidity(value)) => Some(Self::UidValidity(*value)),
            Some(ResponseCode::CopyUid(validity, from, to)) => {
                let ranges = |set: &[_]| set.iter().map(range).collect::<Option<Vec<_>>>();
                Some(Self::CopyUid(*validity, ranges(from)?, ranges(to)?))
            }
            Some(ResponseCode::AppendUid(validity, uids)) => {
                let [one] = uids.as_slice() else { return None };
                let uid = range(one)?;
                (uid.start() == uid.end()).then_some(Self::AppendUid(*validity, *uid.start()))
            }
            Some(_) => None,
        }
    }

    /// The code at the beginning of `text`: `[OVERQUOTA] …`.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let (code, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
        let (word, rest) = code.split_once(' ').unwrap_or((code, ""));
        let word = word.to_ascii_uppercase();
        if word.is_empty() || word.len() > 40 || !word.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        if let Some((_, known)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Some(known.clone());
        }
        Some(match (word.as_str(), UidSet::read(rest.trim())) {
            ("MODIFIED", Some(set)) => Self::Modified(set),
            ("MAILBOXID", _) => match object_id(rest.trim().strip_prefix('(')?.strip_suffix(')')?) {
                Some(id) => Self::MailboxId(id),
                None => Self::Other(word),
            },
            _ => Self::Other(word),
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppendUid(..) => f.write_str("APPENDUID"),
            Self::CopyUid(..) => f.write_str("COPYUID"),
            Self::HighestModSeq(_) => f.write_str("HIGHESTMODSEQ"),
            Self::MailboxId(_) => f.write_str("MAILBOXID"),
            Self::Modified(_) => f.write_str("MODIFIED"),
            Self::UidNext(_) => f.write_str("UIDNEXT"),
            Self::UidValidity(_) => f.write_str("UIDVALIDITY"),
            Self::Other(word) => f.write_str(word),
            other => f.write_str(WORDS.iter().find(|(_, code)| code == other).map_or("", |(word, _)| word)),
        }
    }
}

/// An identifier of RFC 8474, 7 (objectid): opaque, and kept only where it has that form.
pub(super) fn object_id(text: &str) -> Option<String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=255).contains(&text.len()) && text.bytes().all(fine)).then(|| text.to_owned())
}

/// A member of a set of UIDs. imap-proto keeps its type to itself; only its text can be looked into.
fn range(member: &impl fmt::Debug) -> Option<RangeInclusive<u32>> {
    let text = format!("{member:?}");
    if let Some(uid) = text.strip_prefix("Uid(") {
        let uid = uid.strip_suffix(')')?.parse().ok()?;
        return Some(uid..=uid);
    }
    let (low, high) = text.strip_prefix("UidRange(")?.strip_suffix(')')?.split_once("..=")?;
    Some(low.parse().ok()?..=high.parse().ok()?)
}

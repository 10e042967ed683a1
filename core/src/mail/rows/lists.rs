//! Lists of messages of one kind, over all mailboxes: merged from one page of each, so that each is read along an index.

use rusqlite::{Connection, ToSql};

use super::{After, Row, StoreError, addressed, count, one};

/// Which messages a list shows.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum List {
    /// Those of one mailbox.
    Mailbox(i64),
    /// Those of the inbox; of several accounts, of all their inboxes.
    Inbox,
    /// Unread ones.
    Unread,
    /// Flagged ones.
    Flagged,
    /// Those that seem to have attachments.
    WithAttachments,
    /// Those from this address.
    From(String),
    /// Those to the teacher's own address and to nobody else.
    ToMeOnly,
}

/// How many messages are in lists that show a number.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ListCounts {
    /// Unread in the inbox.
    pub inbox: u64,
    /// In [`List::Unread`].
    pub unread: u64,
    /// In [`List::Flagged`].
    pub flagged: u64,
}

/// The mailboxes that are shown, but for the bin and unwanted mail.
pub(super) const KEPT: &str = "academy = ? AND selectable = 1 AND shown_name IS NOT NULL
    AND (role IS NULL OR role NOT IN ('trash', 'junk'))";
/// Lists of all mailboxes are made of the teacher's own.
const OWN: &str = "owner IS NULL";

impl List {
    /// Gives the place of each row of one mailbox, in order; `?4` is the list's own.
    pub(super) fn sql(&self) -> String {
        let kind = match self {
            Self::Mailbox(_) | Self::Inbox => "",
            Self::Unread => "AND flags & 1 = 0",
            Self::Flagged => "AND flags & 2 = 2",
            Self::WithAttachments => "AND attachments = 1",
            Self::From(_) => "AND from_address = ?5 COLLATE NOCASE",
            Self::ToMeOnly => "AND to_me = 1",
        };
        format!(
            "SELECT received_ms, id FROM message WHERE shown_in = ?1 {kind} AND (received_ms, id) < (?2, ?3)
             ORDER BY received_ms DESC, id DESC LIMIT ?4"
        )
    }

    fn mailboxes(&self, c: &Connection, academy: &str) -> Result<Vec<i64>, StoreError> {
        let only = match self {
            Self::Mailbox(mailbox) => return Ok(vec![*mailbox]),
            Self::Inbox => " AND role = 'inbox'",
            _ => "",
        };
        let mut query = c.prepare_cached(&format!("SELECT id FROM mailbox WHERE {KEPT} AND {OWN}{only}"))?;
        Ok(query.query_map([academy], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

/// The rows of a list behind `after`, newest first.
pub(in crate::mail) fn list(
    c: &Connection,
    academy: &str,
    list: &List,
    after: Option<After>,
    limit: u32,
) -> Result<Vec<Row>, StoreError> {
    let (after, limit) = (after.unwrap_or(After { received_ms: i64::MAX, id: i64::MAX }), limit.min(500));
    let mut query = c.prepare_cached(&list.sql())?;
    let mut places = Vec::new();
    for mailbox in list.mailboxes(c, academy)? {
        let mut values: Vec<&dyn ToSql> = vec![&mailbox, &after.received_ms, &after.id, &limit];
        if let List::From(address) = list {
            values.push(address);
        }
        let rows = query.query_map(values.as_slice(), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        for place in rows {
            places.push(place?);
        }
    }
    places.sort_unstable_by(|one, other| other.cmp(one));
    places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let rows = places.into_iter().map(|(_, id)| one(c, id)).collect::<Result<Vec<_>, _>>()?;
    addressed(c, rows)
}

/// How many messages are in them.
pub(in crate::mail) fn list_counts(c: &Connection, academy: &str) -> Result<ListCounts, StoreError> {
    let mut query = c.prepare_cached(&format!(
        "SELECT ifnull(sum(iif(role = 'inbox', unread, 0)), 0), ifnull(sum(unread), 0), ifnull(sum(flagged), 0)
         FROM mailbox WHERE {KEPT} AND {OWN}"
    ))?;
    Ok(query.query_row([academy], |row| {
        Ok(ListCounts { inbox: count(row.get(0)?), unread: count(row.get(1)?), flagged: count(row.get(2)?) })
    })?)
}

#[cfg(test)]
mod tests;

//! Fetching headers and writing them, each while the other goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{BATCH, FIRST, Tally};
use crate::mail::account::{Errand, MailAccount};
use crate::mail::alarms;
use crate::mail::error::MailError;
use crate::mail::flags::Flags;
use crate::mail::imap::{HeaderEvent, ImapError, Messages, UidSet};
use crate::mail::rows::{self, Arrived};
use crate::store::Change;

/// Headers written at once: weighs the cost of a transaction against memory and what a kill loses.
const TRANSACTION: usize = 2000;
/// The same in bytes of headers: two thousand usual ones fit, of the largest only eight.
const TRANSACTION_BYTES: usize = 2 * 1024 * 1024;

impl MailAccount {
    /// Fetches the headers of these messages, newest first.
    pub(super) async fn pull_fresh(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        mut fresh: Vec<u32>,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        if fresh.is_empty() {
            return Ok(());
        }
        tally.expected = tally.report.arrived + fresh.len() as u64;
        if !tally.news {
            // What comes into the inbox is new; asking whether it is known would cost every letter a round trip.
            self.recognise(errand, mailbox, &mut fresh, tally).await?;
        }
        fresh.sort_unstable_by(|one, other| other.cmp(one));
        let first = fresh.len().min(FIRST as usize);
        let (newest, rest) = fresh.split_at_checked(first).unwrap_or((&fresh, &[]));
        let batches = std::iter::once(newest).chain(rest.chunks(BATCH as usize)).filter(|batch| !batch.is_empty());
        let sets: Vec<_> = batches.map(|batch| Messages::Uids(UidSet::of(batch))).collect();
        self.pull_headers(errand, mailbox, &sets, tally).await?;
        self.keep_unanswered(errand, mailbox, fresh, tally).await
    }

    /// Takes out of `fresh` what is known by the server's own names for it, and is here now with its header and body.
    async fn recognise(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        fresh: &mut Vec<u32>,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        if !errand.imap.has("OBJECTID") || !self.store.read(rows::has_named).await? {
            return Ok(());
        }
        let named = errand.imap.fetch_email_ids(&UidSet::of(fresh)).await?;
        for some in named.chunks(TRANSACTION) {
            let some = some.to_vec();
            let known = self.store.write(move |t, changes| {
                changes.push(Change::Messages { mailbox });
                rows::recognise(t, mailbox, &some)
            });
            let known: BTreeSet<u32> = known.await?.into_iter().collect();
            fresh.retain(|uid| !known.contains(uid));
            tally.report.arrived += known.len() as u64;
            (tally.progress)(tally.report.arrived, tally.expected);
        }
        Ok(())
    }

    /// A message that is still there but whose header the server did not give, or in a line that cannot be read, is kept as
    /// unreadable: it may still be opened, and is not asked for again at every sync.
    async fn keep_unanswered(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        asked: Vec<u32>,
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        let missing = self.store.read(move |c| rows::missing(c, mailbox, &asked)).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let (asked, mut there) = (UidSet::of(&missing), BTreeMap::new());
        let mut take = |uid, flags| {
            if asked.has(uid) {
                there.insert(uid, flags);
            }
        };
        errand.imap.fetch_flags(&asked, &mut take).await?;
        let kept = there.into_iter().map(|(uid, flags)| unreadable(uid, flags, Vec::new()));
        self.write_headers(mailbox, kept.collect(), tally).await
    }

    /// Fetches headers in the order of `sets`. The first set alone, so that the first screen is there as soon as it can be;
    /// then the server always has work, while what it sent before is written.
    pub(super) async fn pull_headers(
        &self,
        errand: &mut Errand<'_>,
        mailbox: i64,
        sets: &[Messages],
        tally: &mut Tally<'_>,
    ) -> Result<(), MailError> {
        let (first, rest) = sets.split_at_checked(1).unwrap_or((&[], sets));
        for sets in [first, rest] {
            let mut fetch = errand.imap.header_fetch(sets);
            let (mut waiting, mut going) = (Vec::new(), Ok(true));
            while going == Ok(true) {
                let (mut arrived, mut bytes) = (Vec::<Arrived>::new(), 0);
                let read = async {
                    while arrived.len() < TRANSACTION && bytes < TRANSACTION_BYTES {
                        let mut take = |event| {
                            let one = header(event);
                            bytes += one.as_ref().map_or(0, |one| one.header.len());
                            arrived.extend(one);
                        };
                        if !fetch.go_on(&mut take).await? {
                            return Ok(false);
                        }
                    }
                    Ok::<_, ImapError>(true)
                };
                let (read, written) = tokio::join!(read, self.write_headers(mailbox, waiting, tally));
                written?;
                (waiting, going) = (arrived, read);
            }
            // What came before a failure is good and is kept; the sync goes on behind it next time.
            self.write_headers(mailbox, waiting, tally).await?;
            going?;
        }
        Ok(())
    }

    async fn write_headers(&self, mailbox: i64, arrived: Vec<Arrived>, tally: &mut Tally<'_>) -> Result<(), MailError> {
        if arrived.is_empty() {
            return Ok(());
        }
        let count = arrived.len() as u64;
        let watch = tally.news.then(|| (Arc::clone(&self.academy), self.clock.now_ms()));
        self.store
            .write(move |t, changes| {
                rows::add(t, mailbox, &arrived)?;
                if let Some((academy, now)) = watch {
                    alarms::suspect(t, &academy, mailbox, &arrived, now)?;
                }
                changes.push(Change::Messages { mailbox });
                Ok(())
            })
            .await?;
        tally.report.arrived += count;
        (tally.progress)(tally.report.arrived, tally.expected);
        Ok(())
    }
}

fn header(event: HeaderEvent) -> Option<Arrived> {
    match event {
        HeaderEvent::Row(row) => Some(Arrived {
            uid: row.uid,
            received_ms: row.internal_date.saturating_mul(1000),
            size: row.size,
            flags: row.flags,
            header: row.header,
            email_id: row.email_id,
            unreadable: false,
        }),
        HeaderEvent::Unreadable { uid: Some(uid), raw } => Some(unreadable(uid, Flags::default(), raw)),
        _ => None,
    }
}

fn unreadable(uid: u32, flags: Flags, raw: Vec<u8>) -> Arrived {
    Arrived { uid, received_ms: 0, size: 0, flags, header: raw, email_id: None, unreadable: true }
}

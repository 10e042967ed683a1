mod index;
mod query;
mod results;
mod server;

use std::sync::Arc;

use jiff::civil::{Date, date};

use super::Query;
use crate::academy::Catalogue;
use crate::mail::MailAccount;
use crate::mail::flags::Flags;
use crate::mail::imap::Role;
use crate::mail::rows::{self, Arrived};
use crate::ports::Network;
use crate::store::Store;

/// A Tuesday.
const TODAY: Date = date(2026, 11, 24);
/// A second of it.
const NOW: i64 = 1_795_507_200_000;

/// A phone with an account that connects to nothing.
struct Scene {
    _folder: tempfile::TempDir,
    store: Store,
    mail: MailAccount,
    inbox: i64,
    other: i64,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let academy = Arc::new(Catalogue::bundled().unwrap().academies().next().unwrap().clone());
        let id = academy.id.clone();
        let mail = MailAccount::for_tests(academy, store.clone(), Network::builder().build().unwrap());
        let made = store.write(move |t, _| {
            let inbox = rows::mailbox_named(t, &id, "INBOX", Some(Role::Inbox), true)?;
            Ok((inbox, rows::mailbox_named(t, &id, "Élèves de 3e", None, true)?))
        });
        let (inbox, other) = made.await.unwrap();
        Self { _folder: folder, store, mail, inbox, other }
    }

    /// A message of UID `uid` that came `minutes` ago.
    async fn arrives(&self, mailbox: i64, uid: u32, minutes: i64, header: &str) -> i64 {
        let one = Arrived {
            uid,
            received_ms: NOW - minutes * 60_000,
            size: 1,
            flags: Flags::default(),
            header: header.replace('\n', "\r\n").into_bytes(),
            email_id: None,
            unreadable: false,
        };
        let added = self.store.write(move |t, _| {
            rows::add(t, mailbox, &[one])?;
            Ok(rows::message_of(t, mailbox, uid)?.unwrap())
        });
        added.await.unwrap()
    }

    async fn body(&self, message: i64, raw: &str) {
        let raw = raw.replace('\n', "\r\n").into_bytes();
        self.store.write(move |t, _| rows::keep_fresh(t, message, &raw)).await.unwrap();
    }

    async fn find(&self, text: &str) -> Vec<i64> {
        self.mail.index_waiting().await.unwrap();
        let found = self.mail.search(&Query::read(text, TODAY), None, 100).await.unwrap();
        found.hits.into_iter().map(|hit| hit.row.id).collect()
    }
}

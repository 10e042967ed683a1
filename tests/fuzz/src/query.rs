//! Questions of the search: whatever is typed is a bounded question, never an error, and reads the same when it is written down.

use std::sync::{Arc, LazyLock};

use cartable_core::academy::Catalogue;
use cartable_core::mail::MailAccount;
use cartable_core::mail::search::Query;
use cartable_core::portal::{Session, Who};
use cartable_core::ports::{Clock, MemoryStore, Network, SecretStore, SystemClock};
use cartable_core::store::Store;
use jiff::civil::{Date, date};
use tokio::runtime::Runtime;

use crate::tape::Tape;

const TODAY: Date = date(2026, 11, 24);
const PIECES: &[&str] = &[
    "conseil",
    "l'élève",
    "œuvre",
    "de:",
    "à:",
    "a:",
    "to:",
    "objet:",
    "avant:",
    "après:",
    "before:",
    "a:pièce",
    "has:attachment",
    "dans:",
    "in:\"",
    "\"",
    "«",
    "»",
    "-",
    "--",
    "*",
    ":",
    "(",
    ")",
    "^",
    "+",
    " AND ",
    " OR ",
    " NOT ",
    "NEAR(a b)",
    "{x}:",
    "search_words:",
    "hier",
    "mars",
    " 2026",
    "12/03/2026",
    "31/02/2026",
    "2026-03-12",
    "7j",
    "9999a",
    "99999999999999999999",
    "\u{301}",
    "\u{202e}",
    "ﬁ",
    "İ",
    "ΑΣ",
    "\0",
    "\r\n",
    "\t",
    "'",
    "’",
    ";",
    "%",
    "!",
    "#a",
    "$",
    "日本",
    "😀",
];

/// A phone whose database is empty: a question is understood by it all the same.
static PHONE: LazyLock<(Runtime, MailAccount)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap().keep();
    let academy = Arc::new(Catalogue::bundled().unwrap().academies().next().unwrap().clone());
    let store = Store::open(&folder).unwrap();
    // The open files are enough.
    let _ = std::fs::remove_dir_all(&folder);
    let network = Network::builder().build().unwrap();
    let secrets: Arc<dyn SecretStore> = Arc::new(MemoryStore::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (shared, keystore) = (store.clone(), Arc::clone(&secrets));
    let session = Session::new(Arc::clone(&academy), shared, network.clone(), keystore, Arc::clone(&clock));
    let who: Who = serde_json::from_value(serde_json::json!({ "identifier": "jdupont" })).unwrap();
    let mail = MailAccount::new(academy, who, store, network, Arc::new(session), secrets, clock);
    (Runtime::new().unwrap(), mail)
});

fn typed(input: &[u8]) -> String {
    let mut tape = Tape::new(input);
    if tape.once_in(4) {
        return String::from_utf8_lossy(input).into_owned();
    }
    let mut text = String::new();
    while !tape.is_over() && text.len() < 2000 {
        text += tape.pick(PIECES);
        if tape.once_in(2) {
            text.push(' ');
        }
    }
    text
}

fn check(input: &[u8]) {
    let text = typed(input);
    let query = Query::read(&text, TODAY);
    assert!(query.terms.len() <= 16, "{text:?}");
    let written = query.to_string();
    assert!(written.len() <= 16 * 12 * 64 * 4, "{text:?}");
    assert_eq!(Query::read(&written, TODAY), query, "{text:?} -> {written:?}");
    let (runtime, mail) = &*PHONE;
    let found = runtime.block_on(mail.search(&query, None, 50));
    assert!(found.as_ref().is_ok_and(|found| found.hits.is_empty()), "{text:?}: {found:?}");
}

#[test]
fn whatever_is_typed_is_a_question() {
    bolero::check!(name = "query").with_max_len(300).for_each(check);
}

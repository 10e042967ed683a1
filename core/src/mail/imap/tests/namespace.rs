//! NAMESPACE, QUOTA, ACL and OBJECTID: what is told, and what a hostile server tells.

use super::super::value::Value;
use super::super::{HeaderEvent, ImapError, Limit, Messages, Namespaces, Owner, Rights, UidSet};
use super::session;

/// What a server that answers by `lines` and OK has for namespaces.
async fn namespaces(lines: impl Into<String>) -> Result<Namespaces, ImapError> {
    let lines = lines.into();
    let mut session = session(move |tag, _| format!("{lines}{tag} OK\r\n")).await;
    let outcome = session.namespaces().await;
    assert!(session.is_usable());
    outcome
}

#[tokio::test]
async fn namespaces_are_told_by_whose_they_are() {
    let told = namespaces(
        "* NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) ((\"Partag&AOk-/\" \"/\")) \
         ((\"#news.\" NIL))\r\n",
    )
    .await
    .unwrap();
    let of = |some: &[super::super::Namespace]| {
        some.iter().map(|one| (one.prefix.clone(), one.delimiter.clone())).collect::<Vec<_>>()
    };
    let slash = || Some("/".to_owned());
    assert_eq!(of(&told.personal), [(String::new(), slash()), ("#mh/".to_owned(), slash())]);
    assert_eq!(of(&told.others), [("Partagé/".to_owned(), slash())]);
    assert_eq!(of(&told.shared), [("#news.".to_owned(), None)]);
    let literal = namespaces("* namespace (({4}\r\na\"b/ \"/\")) nil NIL\r\n").await.unwrap();
    assert_eq!(of(&literal.personal), [("a\"b/".to_owned(), slash())]);
}

#[tokio::test]
async fn whose_a_mailbox_is_is_told_by_the_longest_prefix() {
    let person = |name: &str| Owner::Person(name.to_owned());
    let told =
        namespaces("* NAMESPACE ((\"\" \"/\")) ((\"Partages/\" \"/\")(\"~\" NIL)) ((\"Partages/Commun/\" \"/\"))\r\n");
    let told = told.await.unwrap();
    for (name, owner) in [
        ("INBOX", Owner::Own),
        ("Classe", Owner::Own),
        ("Partagesx", Owner::Own),
        ("Partages", Owner::Shared),
        ("Partages/jdupont", person("jdupont")),
        ("Partages/jdupont/INBOX", person("jdupont")),
        ("Partages/Commun", Owner::Shared),
        ("Partages/Commun/Salles", Owner::Shared),
        ("~lreset", person("lreset")),
    ] {
        assert_eq!(told.owner_of(name), owner, "{name}");
    }
    // Cyrus: all that is nowhere else is nobody's own.
    let cyrus = namespaces("* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))\r\n").await.unwrap();
    for (name, owner) in [
        ("inbox", Owner::Own),
        ("INBOX.Classe", Owner::Own),
        ("user.lreset.Classe", person("lreset")),
        ("salles", Owner::Shared),
    ] {
        assert_eq!(cyrus.owner_of(name), owner, "{name}");
    }
    assert_eq!(Namespaces::default().owner_of("Partages/jdupont"), Owner::Own);
}

#[tokio::test]
async fn namespaces_that_cannot_be_read_are_an_error_and_not_none() {
    for lines in [
        "",
        "* NAMESPACE\r\n",
        "* NAMESPACE NIL NIL\r\n",
        "* NAMESPACE NIL NIL NIL NIL\r\n",
        "* NAMESPACE ((\"\" \"/\") NIL NIL\r\n",
        "* NAMESPACE (\"\" \"/\") NIL NIL\r\n",
        "* NAMESPACE ((NIL \"/\")) NIL NIL\r\n",
        "* NAMESPACE NIL NIL NIL\r\n* NAMESPACE NIL NIL NIL\r\n",
    ] {
        assert_eq!(namespaces(lines).await, Err(ImapError::Malformed), "{lines}");
    }
    let many = format!("* NAMESPACE ({}) NIL NIL\r\n", "(\"a\" \"/\")".repeat(101));
    assert_eq!(namespaces(many).await, Err(ImapError::Limit(Limit::Count)));
    // Longer than what is kept of a line.
    let long = format!("* NAMESPACE ((\"{}\" \"/\")) NIL NIL\r\n", "x".repeat(70_000));
    assert_eq!(namespaces(long).await, Err(ImapError::Malformed));
    // Names that no command could say.
    assert_eq!(namespaces("* NAMESPACE ((\"R&D/\" \"/\")) NIL NIL\r\n").await, Ok(Namespaces::default()));
}

#[test]
fn values_nest_no_deeper_than_any_answer() {
    let nested = |depth| format!("* A {}{}\r\n", "(".repeat(depth), ")".repeat(depth));
    assert!(Value::read(nested(10).as_bytes()).is_some());
    assert!(Value::read(nested(11).as_bytes()).is_none());
    for broken in ["* A \"x\r\n", "* A {3}\r\nab", "* A )\r\n", "* A (\r\n", "* A\n", "A\r\n", "* \0\r\n", "* A \"\\"] {
        assert_eq!(Value::read(broken.as_bytes()), None, "{broken:?}");
    }
}

#[tokio::test]
async fn quotas_are_those_of_the_mailbox_asked_for() {
    let mut told = session(|tag, command| {
        assert_eq!(command, "GETQUOTAROOT \"inbox\"");
        format!(
            "* QUOTA other (STORAGE 1 2)\r\n* QUOTAROOT Sent other\r\n* QUOTAROOT INBOX \"User quota\" \"\"\r\n\
             * QUOTA \"User quota\" (STORAGE 10 512 MESSAGE 20 100 X-ANNOTATION 3 9)\r\n* QUOTA \"\" ()\r\n{tag} OK\r\n"
        )
    })
    .await;
    let quotas = told.quotas("inbox").await.unwrap();
    assert_eq!((quotas.len(), quotas[0].root.as_str(), quotas[1].root.as_str()), (2, "User quota", ""));
    let storage = quotas[0].storage.unwrap();
    assert_eq!((storage.used, storage.limit), (10 * 1024, 512 * 1024));
    assert_eq!(quotas[0].messages.map(|usage| (usage.used, usage.limit)), Some((20, 100)));
    assert_eq!((quotas[1].storage, quotas[1].messages), (None, None));
}

#[tokio::test]
async fn a_quota_that_cannot_be_read_is_not_room_without_end() {
    for (lines, expected) in [
        ("* QUOTAROOT INBOX\r\n".to_owned(), Ok(0)),
        (format!("* QUOTAROOT INBOX a\r\n* QUOTA a (STORAGE 1 {})\r\n", u64::MAX), Ok(1)),
        (String::new(), Err(ImapError::Malformed)),
        ("* QUOTAROOT Sent a\r\n* QUOTA a (STORAGE 1 2)\r\n".to_owned(), Err(ImapError::Malformed)),
        ("* QUOTAROOT INBOX a\r\n".to_owned(), Err(ImapError::Malformed)),
        ("* QUOTAROOT INBOX a\r\n* QUOTA b (STORAGE 1 2)\r\n".to_owned(), Err(ImapError::Malformed)),
        ("* QUOTAROOT INBOX a\r\n* QUOTA a (STORAGE 1 99999999999999999999)\r\n".to_owned(), Err(ImapError::Malformed)),
        ("* QUOTAROOT INBOX a\r\n* QUOTA a (STORAGE -1 2)\r\n".to_owned(), Err(ImapError::Malformed)),
        (format!("* QUOTAROOT INBOX{}\r\n", " a".repeat(101)), Err(ImapError::Limit(Limit::Count))),
        (format!("* QUOTAROOT INBOX a\r\n{}", "* QUOTA a ()\r\n".repeat(101)), Err(ImapError::Limit(Limit::Count))),
    ] {
        let answer = lines.clone();
        let mut told = session(move |tag, _| format!("{answer}{tag} OK\r\n")).await;
        assert_eq!(told.quotas("INBOX").await.map(|quotas| quotas.len()), expected, "{lines}");
        assert!(told.is_usable());
    }
}

#[test]
fn rights_old_and_new_are_understood() {
    let of = |letters: &str| Rights::of(letters.chars());
    assert_eq!(of("lrswipkxtecdan").to_string(), "lrswipkxteancd");
    assert_eq!(of("rl"), Rights::LOOKUP.with(Rights::READ));
    // A server of RFC 2086, where who may delete messages may not always delete the mailbox.
    let old = of("lrswipcda");
    assert!(old.has(Rights::OLD_CREATE.with(Rights::CREATE).with(Rights::DELETE_MESSAGES).with(Rights::EXPUNGE)));
    assert!(!old.has(Rights::DELETE_MAILBOX));
    // One of RFC 4314 tells the old ones beside the new, which hold.
    let new = of("lrtd");
    assert!(new.has(Rights::DELETE_MESSAGES) && !new.has(Rights::EXPUNGE));
    assert_eq!(of("019Zé"), Rights::default());
    assert!(!Rights::default().has(Rights::READ) && Rights::READ.has(Rights::default()));
}

#[tokio::test]
async fn rights_are_told_of_the_mailbox_asked_for_or_not_at_all() {
    for (lines, expected) in [
        ("* MYRIGHTS \"Conseil/&AMk-t&AOk-\" lrs\r\n", Ok("lrs")),
        ("* MYRIGHTS \"Conseil/&AMk-t&AOk-\" \"\"\r\n", Ok("")),
        ("* MYRIGHTS Sent lrswipkxtea\r\n", Err(ImapError::Malformed)),
        ("", Err(ImapError::Malformed)),
        ("* MYRIGHTS \"Conseil/&AMk-t&AOk-\"\r\n", Err(ImapError::Malformed)),
    ] {
        let mut told = session(move |tag, command| {
            assert_eq!(command, "MYRIGHTS \"Conseil/&AMk-t&AOk-\"");
            format!("{lines}{tag} OK\r\n")
        })
        .await;
        let rights = told.my_rights("Conseil/Été").await;
        assert_eq!(rights.map(|rights| rights.to_string()).as_deref().map_err(Clone::clone), expected, "{lines}");
    }
}

#[tokio::test]
async fn messages_and_mailboxes_have_their_own_names() {
    let mut told = session(|tag, command| match command {
        "SELECT \"INBOX\" (CONDSTORE)" => {
            format!("* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [MAILBOXID (F2212ea87-6097)] Ok\r\n{tag} OK\r\n")
        }
        "SELECT \"Sent\" (CONDSTORE)" => format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n{tag} OK\r\n"),
        "STATUS \"Sent\" (MAILBOXID)" => format!("* STATUS Sent (MAILBOXID (F999_c))\r\n{tag} OK\r\n"),
        "NOOP" => format!("{tag} OK [MAILBOXID (F3)] Completed\r\n"),
        other => {
            assert!(other.contains(" RFC822.SIZE EMAILID THREADID BODY.PEEK["), "{other}");
            let row = |uid: u32, ids: &str| {
                format!("* {uid} FETCH (UID {uid} {ids}BODY[HEADER.FIELDS (FROM)]<0> {{2}}\r\n\r\n)\r\n")
            };
            let long = format!("EMAILID ({}) ", "x".repeat(256));
            format!(
                "{}{}{}{tag} OK\r\n",
                row(1, "EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) "),
                row(2, "EMAILID (M6d99ac.bb4e) THREADID NIL "),
                row(3, &long)
            )
        }
    })
    .await;
    told.select("INBOX").await.unwrap();
    assert_eq!(told.mailbox_id(), Some("F2212ea87-6097"));
    told.noop().await.unwrap();
    assert_eq!(told.mailbox_id(), Some("F2212ea87-6097"));
    let mut rows = Vec::new();
    let sets = [Messages::Uids(UidSet::of(&[1, 2, 3]))];
    told.fetch_headers(&sets, &mut |event| {
        let HeaderEvent::Row(row) = event else { panic!("{event:?}") };
        rows.push((row.email_id, row.thread_id));
    })
    .await
    .unwrap();
    let id = |text: &str| Some(text.to_owned());
    assert_eq!(rows, [(id("M6d99ac3275bb4e"), id("T64b478a75b7ea9")), (None, None), (None, None)]);
    assert_eq!(told.mailbox_id_of("Sent").await, Ok("F999_c".to_owned()));
    told.select("Sent").await.unwrap();
    assert_eq!(told.mailbox_id(), None);
}

#[tokio::test]
async fn an_own_name_that_is_none_is_an_error() {
    for line in [
        "",
        "* STATUS Sent (MAILBOXID (a b))\r\n",
        "* STATUS Sent (MAILBOXID ())\r\n",
        "* STATUS Sent (MAILBOXID NIL)\r\n",
        "* STATUS Sent (MAILBOXID (\"a)\"))\r\n",
        "* STATUS Drafts (MAILBOXID (F1))\r\n",
    ] {
        let mut told = session(move |tag, _| format!("{line}{tag} OK\r\n")).await;
        assert_eq!(told.mailbox_id_of("Sent").await, Err(ImapError::Malformed), "{line}");
    }
}

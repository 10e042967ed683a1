use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::super::guard::Guard;
use super::super::watch::Watch;
use super::super::{ImapError, Limit};

/// What the guard hands on of `input`, delivered in chunks of these sizes, and why it stopped.
fn through(input: &[u8], sizes: &[usize]) -> (Vec<u8>, Option<ImapError>, Vec<Vec<u8>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = duplex(1 << 22);
        let (mut guard, watch) = Guard::new(ours);
        let feed = async move {
            let (mut rest, mut turn) = (input, 0);
            while !rest.is_empty() {
                let size = sizes.get(turn % sizes.len().max(1)).copied().unwrap_or(rest.len()).clamp(1, rest.len());
                theirs.write_all(&rest[..size]).await.unwrap();
                tokio::task::yield_now().await;
                rest = &rest[size..];
                turn += 1;
            }
        };
        let mut given = Vec::new();
        let read = guard.read_to_end(&mut given);
        let (_, _) = tokio::join!(feed, read);
        (given, watch.fault(), diverted(&watch))
    })
}

fn diverted(watch: &Watch) -> Vec<Vec<u8>> {
    watch.take_diverted().0
}

const TALK: &[u8] = b"* OK hi\r\n* 1 FETCH (UID 7 BODY[] {9}\r\nA1 OK)\r\n( FLAGS (\\Seen))\r\n* 23 EXISTS\r\n\
* LIST () \"/\" \"a (b\"\r\nA1 OK done\r\n+ go\r\n";

#[test]
fn whole_answers_pass_unchanged_however_they_are_cut() {
    for size in 1..TALK.len() {
        assert_eq!(through(TALK, &[size]), (TALK.to_vec(), None, vec![]), "{size}");
    }
}

#[test]
fn lines_that_the_parser_cannot_read_cost_only_themselves() {
    let junk: [&[u8]; 14] = [
        // At these imap-proto panics.
        b"* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n",
        b"* OK [ALERT]\xc3\xa9t\xc3\xa9\r\n",
        b"* METADATA INBOX /private/\xff\r\n",
        b"* ESEARCH (TAG \"A1\") UID ALL 1:3\r\n",
        b"* SEARCH 2 5 (MODSEQ 917)\r\n",
        b"* THREAD (2)(3 6 (4 23))\r\n",
        b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n",
        b"* STATUS box (SIZE 44)\r\n",
        b"* LIST () \"/\" box (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
        b"* CAPABILITY NOTHING\r\n",
        b"* 5 EXISTS\n",
        b"* \xff\xfe\x00\r\n",
        b"* \r\n",
        b"* 99999999999999999999 EXISTS\r\n",
    ];
    for line in junk {
        let input = [b"* OK hi\r\n", line, b"A1 OK\r\n"].concat();
        let (given, fault, diverted) = through(&input, &[7]);
        assert_eq!((given.as_slice(), fault), (&b"* OK hi\r\nA1 OK\r\n"[..], None), "{}", line.escape_ascii());
        assert_eq!(diverted, [line.to_vec()]);
    }
}

#[test]
fn limits_end_the_connection_before_memory_is_spent() {
    let deep = format!("* 1 FETCH (BODYSTRUCTURE {}{})\r\n", "(".repeat(200), ")".repeat(200));
    assert_eq!(through(deep.as_bytes(), &[1000]).1, Some(ImapError::Limit(Limit::Depth)));
    let gigabyte = b"* 1 FETCH (BODY[] {1073741824}\r\n";
    assert_eq!(through(gigabyte, &[5]).1, Some(ImapError::Limit(Limit::Literal)));
    let absurd = b"* 1 FETCH (BODY[] {99999999999999999999999999}\r\n";
    assert_eq!(through(absurd, &[5]).1, Some(ImapError::Limit(Limit::Literal)));
    let endless = vec![b'x'; 3 << 20];
    assert_eq!(through(&endless, &[1 << 16]).1, Some(ImapError::Limit(Limit::Line)));
    let part = [b"* 1 FETCH (BODY[] {1000000}\r\n".as_slice(), &vec![b'y'; 1_000_000]].concat();
    let parts = [part, [b" {1000000}\r\n".as_slice(), &vec![b'y'; 1_000_000]].concat().repeat(6)].concat();
    assert_eq!(through(&parts, &[1 << 16]).1, Some(ImapError::Limit(Limit::Response)));
}

#[test]
fn little_is_kept_of_many_long_lines_that_cannot_be_read_and_the_number_of_each() {
    let line = |uid: usize| format!("* 1 FETCH (UID {uid} {})\r\n", "x".repeat(70_000));
    let input: String = (0..100).map(line).collect();
    let (given, fault, diverted) = through(input.as_bytes(), &[1 << 16]);
    assert_eq!((given.len(), fault, diverted.len()), (0, None, 100));
    assert!(diverted.iter().map(Vec::len).sum::<usize>() <= (1024 + 100) * 1024);
    assert!(diverted[99].starts_with(b"* 1 FETCH (UID 99 "));
}

#[test]
fn parentheses_in_strings_and_literals_are_no_depth() {
    let text = "(".repeat(300);
    let input = format!("* LIST () \"/\" \"{text}\"\r\n* 1 FETCH (BODY[] {{300}}\r\n{text})\r\n");
    assert_eq!(through(input.as_bytes(), &[64]), (input.clone().into_bytes(), None, vec![]));
}

#[test]
fn a_tagged_line_without_sense_is_an_error_and_no_hang() {
    assert_eq!(through(b"A1 MAYBE\r\n", &[3]).1, Some(ImapError::Malformed));
    assert_eq!(through(b"\r\n", &[3]).1, Some(ImapError::Malformed));
}

#[test]
fn the_bytes_that_came_are_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = duplex(100);
        let (mut guard, watch) = Guard::new(ours);
        theirs.write_all(b"* OK hi\r\n* OK ").await.unwrap();
        drop(theirs);
        let _ = guard.read_to_end(&mut Vec::new()).await;
        assert_eq!(watch.received.load(Ordering::Relaxed), 14);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_end_in_bounds(input in proptest::collection::vec(any::<u8>(), 0..2000), size in 1..50usize) {
        let (given, _, diverted) = through(&input, &[size]);
        prop_assert!(given.len() + diverted.iter().map(Vec::len).sum::<usize>() <= input.len());
    }

    #[test]
    fn a_talk_with_flipped_bytes_never_gives_more_than_came(at in 0..TALK.len(), byte: u8, size in 1..50usize) {
        let mut input = TALK.to_vec();
        input[at] = byte;
        let (given, _, _) = through(&input, &[size]);
        prop_assert!(given.len() <= input.len());
    }
}

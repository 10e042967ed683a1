//! Structures and pieces of messages, as servers tell them.

use super::super::{Ask, Encoding, ImapError, ImapSession, Limit, Part, Piece, UidSet};
use super::{LIMITS, Peer, password, session};

async fn outlined(structure: &'static str) -> Result<Option<Part>, ImapError> {
    let mut session = session(move |tag, _| {
        format!("* 1 FETCH (UID 5 BODYSTRUCTURE {structure} BODY[HEADER]<0> {{2}}\r\n\r\n)\r\n{tag} OK\r\n")
    })
    .await;
    let outline = session.fetch_outline(5).await?;
    assert_eq!(outline.header, b"\r\n");
    Ok(outline.root)
}

#[tokio::test]
async fn a_structure_gives_each_part_the_name_by_which_it_is_asked_for() {
    // As Dovecot tells it: an alternative with a picture, a message in the message, a file.
    let root = outlined(
        "(((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 12 1 NIL NIL NIL NIL)\
         ((\"text\" \"html\" NIL NIL NIL \"8bit\" 90 3 NIL NIL NIL NIL)\
         (\"image\" \"png\" NIL \"<logo@a>\" NIL \"base64\" 780 NIL (\"inline\" NIL) NIL NIL) \"related\" (\"boundary\" \"z\") NIL NIL NIL) \
         \"alternative\" (\"boundary\" \"y\") NIL NIL NIL)\
         (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 300 (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         (\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL) 9 NIL NIL NIL NIL)\
         (\"application\" \"pdf\" NIL NIL NIL \"BASE64\" 7800 NIL (\"attachment\" (\"filename\" \"a.pdf\")) NIL NIL) \
         \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)",
    );
    let root = root.await.unwrap().unwrap();
    let told: Vec<_> = root
        .all()
        .into_iter()
        .map(|part| (part.section.as_str(), part.media_type.as_str(), part.octets, part.inline, part.attachment))
        .collect();
    assert_eq!(
        told,
        [
            ("", "multipart/mixed", 0, false, false),
            ("1", "multipart/alternative", 0, false, false),
            ("1.1", "text/plain", 12, false, false),
            ("1.2", "multipart/related", 0, false, false),
            ("1.2.1", "text/html", 90, false, false),
            ("1.2.2", "image/png", 780, true, false),
            ("2", "message/rfc822", 300, false, false),
            ("3", "application/pdf", 7800, false, true),
        ]
    );
    let encodings: Vec<_> = root.all().into_iter().map(|part| part.encoding).collect();
    assert_eq!(encodings[2], Encoding::QuotedPrintable);
    assert_eq!((encodings[4], encodings[7]), (Encoding::Identity, Encoding::Base64));
    assert_eq!(root.all()[7].decoded_size(), 5700);
    let single = outlined("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)").await.unwrap().unwrap();
    assert_eq!(single.section, "1");
}

#[tokio::test]
async fn a_structure_that_cannot_be_used_is_none() {
    let leaf = "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1)";
    let wide = format!("({} \"mixed\")", leaf.repeat(301));
    let deep = format!("{}{leaf}{}", "(".repeat(25), " \"mixed\")".repeat(25));
    for structure in
        [wide.leak(), deep.leak(), "NIL", "()", "(\"text\")", "\"text\"", "(\"a\" \"b\" NIL NIL NIL \"7bit\" -1)"]
    {
        let root = outlined(structure).await;
        assert!(matches!(root, Ok(None)), "{} {root:?}", structure.get(..40).unwrap_or(structure));
    }
    let endless = format!("{}{leaf}{}", "(".repeat(60), " \"mixed\")".repeat(60));
    assert_eq!(outlined(endless.leak()).await, Err(ImapError::Limit(Limit::Depth)));
    let mut gone = session(|tag, _| format!("* 2 FETCH (UID 6 FLAGS ())\r\n{tag} OK\r\n")).await;
    assert_eq!(gone.fetch_outline(5).await, Err(ImapError::NotFound));
}

/// What comes of asking a server, which answers each of the commands by `script`, for pieces of message 5.
async fn asked(
    script: &'static str,
    asks: Vec<Ask>,
) -> (Vec<(u32, String, u32, Vec<u8>)>, Result<(), ImapError>, bool) {
    let mut session = session(
        move |tag, command| {
            if command == "NOOP" { format!("{tag} OK\r\n") } else { script.replace("{tag}", tag) }
        },
    )
    .await;
    let (mut told, mut asks) = (Vec::new(), asks.into_iter());
    let mut fetch = session.piece_fetch(&mut asks);
    let outcome = loop {
        match fetch
            .go_on(&mut |Piece { uid, section, offset, bytes, .. }| told.push((uid, section, offset, bytes)))
            .await
        {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    drop(fetch);
    let usable = session.noop().await.is_ok();
    (told, outcome, usable)
}

fn two() -> Vec<Ask> {
    vec![Ask::Pieces(5, vec![("1.MIME".to_owned(), 0, 10), ("1".to_owned(), 20, 4)])]
}

#[tokio::test]
async fn pieces_are_told_that_were_asked_for_and_what_is_wrong_with_the_others_has_a_name() {
    for (script, pieces, outcome) in [
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> {2}\r\n\r\n BODY[1]<20> \"abcd\")\r\n{tag} OK\r\n", 2, Ok(())),
        // In two answers, in another order, with news between them.
        (
            "* 1 FETCH (BODY[1]<20> \"ab\" UID 5)\r\n* 3 EXISTS\r\n* 1 FETCH (UID 5 FLAGS () BODY[1.MIME]<0> \"\")\r\n{tag} OK\r\n",
            2,
            Ok(()),
        ),
        // Of another message too.
        (
            "* 2 FETCH (UID 6 BODY[1]<20> \"zz\")\r\n* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1]<20> \"\")\r\n{tag} OK\r\n",
            2,
            Ok(()),
        ),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1]<20> NIL)\r\n{tag} OK\r\n", 1, Err(ImapError::NoSuchPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\")\r\n{tag} OK\r\n", 1, Err(ImapError::NoSuchPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1]<21> \"ab\")\r\n{tag} OK\r\n", 1, Err(ImapError::WrongPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1] \"ab\")\r\n{tag} OK\r\n", 1, Err(ImapError::WrongPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[2]<20> \"ab\")\r\n{tag} OK\r\n", 1, Err(ImapError::WrongPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1]<20> \"abcde\")\r\n{tag} OK\r\n", 1, Err(ImapError::WrongPart)),
        ("* 1 FETCH (UID 5 BODY[1]<20> \"ab\" BODY[1]<20> \"ab\")\r\n{tag} OK\r\n", 1, Err(ImapError::WrongPart)),
        ("* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\" BODY[1]<20> junk \"\")\r\n{tag} OK\r\n", 0, Err(ImapError::Malformed)),
        ("{tag} OK\r\n", 0, Err(ImapError::NotFound)),
        ("* 2 FETCH (UID 6 BODY[1]<20> \"zz\")\r\n{tag} OK\r\n", 0, Err(ImapError::NotFound)),
        (
            "* 1 FETCH (UID 5 BODY[1.MIME]<0> \"\")\r\n{tag} BAD what?\r\n",
            1,
            Err(ImapError::Bad { command: "FETCH", text: "what?".to_owned() }),
        ),
    ] {
        let (told, ended, usable) = asked(script, two()).await;
        assert_eq!((told.len(), ended, usable), (pieces, outcome, true), "{script}");
    }
    let (told, _, _) =
        asked("* 1 FETCH (UID 5 BODY[1.MIME]<0> {2}\r\n\r\n BODY[1]<20> \"abcd\")\r\n{tag} OK\r\n", two()).await;
    let expected = [(5, "1.MIME".to_owned(), 0, b"\r\n".to_vec()), (5, "1".to_owned(), 20, b"abcd".to_vec())];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_message_that_another_client_has_deleted_keeps_those_beside_it_not_away() {
    let script = "* 1 FETCH (UID 5 BODY[]<0> \"un\")\r\n* 3 FETCH (UID 8 BODY[]<0> \"trois\")\r\n{tag} OK\r\n";
    let asks = vec![Ask::Messages(UidSet::of(&[5, 7, 8]), 10)];
    let (told, outcome, _) = asked(script, asks).await;
    assert_eq!((told.iter().map(|(uid, ..)| *uid).collect::<Vec<_>>(), outcome), (vec![5, 8], Ok(())));
    for (script, error) in [
        (
            "* 1 FETCH (UID 5 BODY[]<0> \"un\")\r\n* 1 FETCH (UID 5 BODY[]<0> \"deux\")\r\n{tag} OK\r\n",
            ImapError::WrongPart,
        ),
        ("* 1 FETCH (UID 5 BODY[]<0> NIL)\r\n{tag} OK\r\n", ImapError::NoSuchPart),
    ] {
        assert_eq!(asked(script, vec![Ask::Messages(UidSet::of(&[5]), 10)]).await.1, Err(error), "{script}");
    }
}

#[tokio::test]
async fn a_larger_literal_than_any_piece_ends_the_session_and_the_next_command_has_its_own_measure() {
    let (told, outcome, usable) =
        asked("* 1 FETCH (UID 5 BODY[1]<20> {70000}\r\n", vec![Ask::Pieces(5, vec![("1".to_owned(), 20, 65_536)])])
            .await;
    assert!(told.is_empty() && !usable);
    assert_eq!(outcome, Err(ImapError::Limit(Limit::Literal)));

    let name = "x".repeat(100_000);
    let mut session = session(move |tag, command| match command {
        "LIST \"\" \"*\"" => format!("* LIST () \"/\" {{100000}}\r\n{name}\r\n{tag} OK\r\n"),
        _ => format!("* 1 FETCH (UID 5 BODY[1]<20> \"ab\")\r\n{tag} OK\r\n"),
    })
    .await;
    assert_eq!(session.fetch_part(5, "1", 20, 4).await, Ok(b"ab".to_vec()));
    assert!(session.list().await.is_ok());
}

#[tokio::test]
async fn pieces_that_come_side_by_side_are_each_told_once() {
    let (stream, mut peer) = Peer::pair();
    tokio::spawn(async move {
        peer.welcome().await;
        let (first, _) = peer.command().await.unwrap();
        let (second, _) = peer.command().await.unwrap();
        peer.say(format!(
            "* 1 FETCH (UID 5 BODY[1]<4> \"efgh\")\r\n* 1 FETCH (UID 5 BODY[1]<0> \"abcd\")\r\n{second} OK\r\n{first} OK\r\n"
        ))
        .await;
        while let Some((tag, _)) = peer.command().await {
            peer.say(format!("{tag} OK\r\n")).await;
        }
    });
    let mut session = ImapSession::open(stream, &password(), LIMITS).await.unwrap();
    let one = |offset| Ask::Pieces(5, vec![("1".to_owned(), offset, 4)]);
    let (mut asks, mut told) = ([one(0), one(4)].into_iter(), Vec::new());
    let mut fetch = session.piece_fetch(&mut asks);
    while fetch.go_on(&mut |piece| told.push(piece.offset)).await.unwrap() {}
    drop(fetch);
    assert_eq!(told, [4, 0]);
    assert!(session.is_usable());
}

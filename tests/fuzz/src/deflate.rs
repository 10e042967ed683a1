//! Behind COMPRESS=DEFLATE: streams that are no DEFLATE, and bombs.

use cartable_core::mail::imap::ImapError;
use flate2::{Compress, Compression, FlushCompress};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};

use crate::memory::peak;
use crate::server::{LIMITS, is_fatal, password, run};
use crate::tape::Tape;

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR AUTH=PLAIN COMPRESS=DEFLATE";
const PIECES: &[&[u8]] = &[
    b"* 3 EXISTS\r\n",
    b"A0004 OK\r\n",
    b"x",
    b"* 1 FETCH (BODY[] {5}\r\nabcde)\r\n",
    b"(((((",
    b"\0\0\0\0",
    b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n",
];
/// Of a bomb no more is held than a line may have, in a vector that doubles, and what the codecs need.
const MOST: usize = 24 << 20;

/// What comes behind the OK: compressed, perhaps a bomb, perhaps spoilt.
fn stream(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut compress = Compress::new(Compression::fast(), false);
    let mut said = Vec::new();
    for _ in 0..1 + tape.below(4) {
        let times = if tape.once_in(50) { 1 << tape.below(22) } else { 1 + tape.below(3) };
        let piece = tape.pick(PIECES);
        let text = piece.repeat(times.min((3 << 20) / piece.len()));
        let mut out = Vec::with_capacity(text.len() + 1024);
        let flush = *[FlushCompress::Sync, FlushCompress::Full, FlushCompress::Sync, FlushCompress::Finish]
            .get(tape.below(4))
            .unwrap();
        compress.compress_vec(&text, &mut out, flush).unwrap();
        said.extend(out);
        if flush == FlushCompress::Finish {
            break;
        }
    }
    if tape.once_in(2) {
        tape.spoil(&mut said);
    }
    said
}

fn check(input: &[u8]) {
    // A corpus file is the stream itself behind its first byte.
    let said = match input {
        [b'D', stream @ ..] => stream.to_vec(),
        _ => stream(&mut Tape::new(input)),
    };
    let ((), held) = peak(|| {
        run(async move {
            let (ours, theirs) = duplex(1 << 16);
            tokio::spawn(async move {
                let mut peer = BufReader::new(theirs);
                let _ = peer.write_all(format!("* OK [CAPABILITY {CAPABILITIES}] hi\r\n").as_bytes()).await;
                for told in ["A0001 OK\r\n", "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE\r\nA0002 OK\r\n", "A0003 OK\r\n"]
                {
                    let mut line = String::new();
                    let _ = peer.read_line(&mut line).await;
                    let _ = peer.write_all(told.as_bytes()).await;
                }
                let _ = peer.read(&mut [0; 100]).await;
                let _ = peer.write_all(&said).await;
            });
            let mut session =
                cartable_core::mail::imap::ImapSession::open(Box::new(ours), &password(), LIMITS).await.unwrap();
            session.compress().await.unwrap();
            for _ in 0..3 {
                match session.noop().await {
                    Ok(()) => assert!(session.is_usable()),
                    Err(error) => {
                        let known = is_fatal(&error)
                            || matches!(
                                error,
                                ImapError::Malformed | ImapError::Bad { .. } | ImapError::Refused { .. }
                            );
                        assert!(known, "{error:?}");
                        assert!(!is_fatal(&error) || !session.is_usable());
                    }
                }
            }
        })
    });
    assert!(held < MOST, "{held} bytes held");
}

#[test]
fn what_is_no_deflate_is_an_error_and_a_bomb_costs_no_memory() {
    bolero::check!(name = "deflate").with_max_len(400).for_each(check);
}

//! Readable bytes: recorded, stripped of STARTTLS, rewritten line by line.

use super::faults::{Direction, Plaintext};
use super::tap::Counters;

const LONGEST_LINE: usize = 64 * 1024;
/// First byte of a TLS handshake record. No line of IMAP, SMTP or HTTP begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// One direction of a connection as far as it can be read.
#[derive(Debug)]
pub(super) struct Readable {
    direction: Direction,
    plaintext: Plaintext,
    /// Whether a TLS record may follow the text (STARTTLS), after which nothing is readable any more.
    tls_may_follow: bool,
    opaque: bool,
    unfinished: Vec<u8>,
    at_line_start: bool,
}

impl Readable {
    pub(super) fn new(direction: Direction, plaintext: &Plaintext, tls_may_follow: bool) -> Self {
        Self {
            direction,
            plaintext: plaintext.clone(),
            tls_may_follow,
            opaque: false,
            unfinished: Vec::new(),
            at_line_start: true,
        }
    }

    /// What goes on for `bytes`. Holds back an unfinished line while lines are rewritten.
    pub(super) fn pass(&mut self, bytes: &[u8], counters: &Counters) -> Vec<u8> {
        if self.tls_may_follow && self.at_line_start && bytes.first() == Some(&TLS_HANDSHAKE) {
            self.opaque = true;
        }
        if self.opaque {
            return bytes.to_vec();
        }
        self.at_line_start = bytes.last() == Some(&b'\n');
        if self.plaintext.record {
            counters.record(self.direction, bytes);
        }
        if !self.rewrites() {
            return bytes.to_vec();
        }
        let mut passed = Vec::with_capacity(bytes.len());
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.unfinished.extend_from_slice(part);
            if part.last() == Some(&b'\n') || self.unfinished.len() >= LONGEST_LINE {
                passed.extend(self.finish());
            }
        }
        passed
    }

    /// What is left when the connection ends, or a line that is complete.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        if self.unfinished.is_empty() {
            return Vec::new();
        }
        let mut line = std::mem::take(&mut self.unfinished);
        if self.plaintext.strip_starttls {
            line = strip_starttls(line);
        }
        match &self.plaintext.rewrite {
            Some(rewrite) if !line.is_empty() => rewrite.apply(&line),
            _ => line,
        }
    }

    fn rewrites(&self) -> bool {
        self.direction == Direction::ToClient && (self.plaintext.strip_starttls || self.plaintext.rewrite.is_some())
    }
}

fn strip_starttls(line: Vec<u8>) -> Vec<u8> {
    let text = line.trim_ascii_end();
    // RFC 5321 4.1.1.1: the reply's last line has a space after the code, so it can be masked but not dropped.
    if text.eq_ignore_ascii_case(b"250-STARTTLS") {
        return Vec::new();
    }
    if text.eq_ignore_ascii_case(b"250 STARTTLS") {
        return b"250 XXXXXXXX\r\n".to_vec();
    }
    if find(&line, b"CAPABILITY").is_none() {
        return line;
    }
    without_word(without_word(line, b" STARTTLS"), b" LOGINDISABLED")
}

fn without_word(mut line: Vec<u8>, word: &[u8]) -> Vec<u8> {
    let mut from = 0;
    while let Some(found) = find(&line[from..], word) {
        let end = from + found + word.len();
        if line.get(end).is_none_or(|next| matches!(next, b' ' | b']' | b'\r' | b'\n')) {
            line.drain(from + found..end);
            from += found;
        } else {
            from = end;
        }
    }
    line
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))
}

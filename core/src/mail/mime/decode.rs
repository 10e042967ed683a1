//! Decodes what a part's bytes stand for as they come, in constant memory (RFC 2045, 6.7 and 6.8).

use crate::mail::imap::Encoding;

/// A decoder of one part.
#[derive(Debug)]
pub(in crate::mail) struct Decoder {
    encoding: Encoding,
    /// Base64: the bits that are no byte yet, and how many characters they are of.
    bits: u32,
    characters: u8,
    /// Quoted-printable: what came behind a `=` and decides nothing yet, that included.
    escape: Vec<u8>,
    damaged: bool,
}

impl Decoder {
    pub(in crate::mail) fn new(encoding: Encoding) -> Self {
        Self { encoding, bits: 0, characters: 0, escape: Vec::new(), damaged: false }
    }

    /// What `bytes` stand for, as far as that is known without those behind them, put behind `out`.
    pub(in crate::mail) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => out.extend_from_slice(bytes),
            Encoding::Base64 => bytes.iter().for_each(|byte| self.sextet(*byte, out)),
            Encoding::QuotedPrintable => bytes.iter().for_each(|byte| self.quoted(*byte, out)),
        }
    }

    /// The rest. Whether something came that the encoding does not know: it was left out, or left as it is.
    pub(in crate::mail) fn finish(mut self, out: &mut Vec<u8>) -> bool {
        self.quantum(out);
        // A soft line end at the very end, with or without its LF.
        if !matches!(self.escape.as_slice(), [] | [b'='] | [b'=', b'\r']) {
            self.damaged = true;
            out.append(&mut self.escape);
        }
        self.damaged
    }

    fn sextet(&mut self, byte: u8, out: &mut Vec<u8>) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            // The end, or that of one of several pieces put together.
            b'=' => return self.quantum(out),
            b' ' | b'\t' | b'\r' | b'\n' => return,
            _ => {
                self.damaged = true;
                return;
            }
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.characters += 1;
        if self.characters == 4 {
            let [_, bytes @ ..] = self.bits.to_be_bytes();
            out.extend_from_slice(&bytes);
            (self.bits, self.characters) = (0, 0);
        }
    }

    /// Ends a group of four characters early.
    fn quantum(&mut self, out: &mut Vec<u8>) {
        let [_, first, second, _] = (self.bits << (6 * u32::from(4 - self.characters.min(4)))).to_be_bytes();
        match self.characters {
            2 => out.push(first),
            3 => out.extend_from_slice(&[first, second]),
            1 => self.damaged = true,
            _ => {}
        }
        (self.bits, self.characters) = (0, 0);
    }

    fn quoted(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.escape.is_empty() {
            if byte == b'=' {
                self.escape.push(byte)
            } else {
                out.push(byte)
            }
            return;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (self.escape.as_slice(), byte) {
            (_, b'\n') if !matches!(self.escape.get(1), Some(b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f')) => {
                self.escape.clear();
            }
            // Blanks that a relay put behind a soft line end.
            ([b'='] | [b'=', b' ' | b'\t'], b'\r' | b' ' | b'\t') => {
                self.escape.truncate(1);
                self.escape.push(byte);
            }
            ([b'='], byte) if digit(byte).is_some() => self.escape.push(byte),
            ([b'=', high], low) if digit(*high).is_some() && digit(low).is_some() => {
                let (high, low) = (digit(*high).unwrap_or_default(), digit(low).unwrap_or_default());
                out.push(high << 4 | low);
                self.escape.clear();
            }
            _ => {
                self.damaged = true;
                out.append(&mut self.escape);
                if byte == b'=' { self.escape.push(byte) } else { out.push(byte) }
            }
        }
    }
}

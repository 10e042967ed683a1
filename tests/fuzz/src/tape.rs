//! Chance, read from the bytes that the fuzzer gives: the same bytes make the same choices.

/// What is left of the bytes. At their end every choice is the first.
pub(crate) struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % end.max(1)
    }

    pub(crate) fn pick<'b, T: ?Sized>(&mut self, from: &[&'b T]) -> &'b T {
        from[self.below(from.len())]
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Spoils some of it, at most three times.
    pub(crate) fn spoil(&mut self, text: &mut Vec<u8>) {
        const ODD: &[&[u8]] = &[
            b"\0",
            b"\r\n",
            b"\n",
            b"\"",
            b"\\",
            b"(",
            b")",
            b"((((",
            b"{3}\r\n",
            b"{99999999999999999999}\r\n",
            b"{1048577}\r\n",
            b"{10+}\r\n",
            b"\xff\xfe",
            "\u{e9}".as_bytes(),
            b"NIL",
            b" ",
            b"]",
            b"[",
            b"* ",
            b"+ ",
            b"4294967296",
            b"*",
            b"1:*",
        ];
        for _ in 0..self.below(4) {
            let at = self.below(text.len() + 1);
            match self.below(5) {
                0 => {
                    if let Some(byte) = text.get_mut(at) {
                        *byte = self.byte();
                    }
                }
                1 => {
                    let end = (at + self.below(8)).min(text.len());
                    text.drain(at..end);
                }
                2 => {
                    let odd = self.pick(ODD);
                    text.splice(at..at, odd.iter().copied());
                }
                3 => {
                    let end = (at + self.below(40)).min(text.len());
                    let again = text[at..end].repeat(1 + self.below(20));
                    text.splice(at..at, again);
                }
                _ => text.truncate(at),
            }
        }
    }
}

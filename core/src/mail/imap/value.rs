//! Reads the answers that imap-proto does not know: words, strings and lists of them (RFC 9051, 9).

/// Deeper than any answer that is read by this.
const DEPTH: usize = 10;

/// One piece of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    /// A bare word; NIL too.
    Word(String),
    /// A quoted string or a literal. What is not UTF-8 in it is lost.
    Text(String),
    /// A list in parentheses.
    List(Vec<Value>),
}

impl Value {
    /// The pieces of an untagged answer behind its asterisk; `None` where it is none, or not whole.
    pub(super) fn read(raw: &[u8]) -> Option<Vec<Self>> {
        let mut rest = raw.strip_prefix(b"* ")?;
        let values = values(&mut rest, 0)?;
        matches!(rest, b"\r\n").then_some(values)
    }

    /// Its text, where it has one: NIL has none.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Word(word) if !word.eq_ignore_ascii_case("NIL") => Some(word),
            _ => None,
        }
    }

    /// The list; that of NIL is empty.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            Self::Word(word) if word.eq_ignore_ascii_case("NIL") => Some(&[]),
            _ => None,
        }
    }
}

/// All up to the end of the line or of the list.
fn values(rest: &mut &[u8], depth: usize) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    loop {
        match rest.first()? {
            b' ' => skip(rest, 1)?,
            b'\r' | b')' => return Some(found),
            b'(' if depth < DEPTH => {
                skip(rest, 1)?;
                let inner = values(rest, depth + 1)?;
                *rest = rest.strip_prefix(b")")?;
                found.push(Value::List(inner));
            }
            b'"' => found.push(Value::Text(quoted(rest)?)),
            b'{' => found.push(Value::Text(literal(rest)?)),
            _ => {
                let end = rest.iter().position(|byte| b" ()\"{\r\n\0".contains(byte))?;
                let (word, behind) = rest.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
                *rest = behind;
                found.push(Value::Word(String::from_utf8_lossy(word).into_owned()));
            }
        }
    }
}

fn quoted(rest: &mut &[u8]) -> Option<String> {
    skip(rest, 1)?;
    let mut text = Vec::new();
    loop {
        match *rest.first()? {
            b'"' => break,
            b'\r' | b'\n' | b'\0' => return None,
            b'\\' => skip(rest, 1)?,
            _ => {}
        }
        text.push(*rest.first()?);
        skip(rest, 1)?;
    }
    skip(rest, 1)?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn literal(rest: &mut &[u8]) -> Option<String> {
    let end = memchr::memchr(b'\n', rest)?;
    let (head, behind) = rest.split_at_checked(end + 1)?;
    let size = super::guard::literal(head)?;
    let (text, behind) = behind.split_at_checked(usize::try_from(size).ok()?)?;
    *rest = behind;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn skip(rest: &mut &[u8], count: usize) -> Option<()> {
    *rest = rest.get(count..)?;
    Some(())
}

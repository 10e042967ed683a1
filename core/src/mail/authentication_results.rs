//! Reading `Authentication-Results` (RFC 8601): what one's own mail server found out about who sent a message.
//!
//! Anybody may write such a field into a mail; only the one that one's own server put on top of it counts. So nothing is
//! guessed here: behind a place that cannot be read, nothing counts.

const NAME: &[u8] = b"authentication-results";
/// The longest known are of 2 KB.
const LONGEST_FIELD: usize = 16 * 1024;
/// Fields of other servers that may stand above one's own.
const MOST_FIELDS: usize = 50;
const MOST_RESULTS: usize = 100;
const MOST_PROPERTIES: usize = 50;

/// One result: a method, what it came to, and what it looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct MethodResult {
    /// In lower case.
    pub(super) method: String,
    /// In lower case.
    pub(super) result: String,
    /// Type and name with a dot between, in lower case, and the value as it is.
    pub(super) properties: Vec<(String, String)>,
}

impl MethodResult {
    /// The value of a property; `None` also where it stands there twice.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        let mut values = self.properties.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

/// What the server `authserv_id` says in the topmost field of its own in this header block. Nothing where there is none, or a
/// field above it cannot be told from it. Its further fields, below the first, may be anybody's.
pub(super) fn results_of(header: &[u8], authserv_id: &str) -> Vec<MethodResult> {
    results_where(header, |id| id.eq_ignore_ascii_case(authserv_id))
}

/// What a server that `is_own` says, where no profile tells its name: only what stands above the topmost `Received` counts. That
/// line is of the server that took the mail last, so nobody but one's own servers can have written above it.
pub(super) fn results_at_top(header: &[u8], is_own: impl Fn(&str) -> bool) -> Vec<MethodResult> {
    let mut length = 0;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if field(unended(line), b"received").is_some() {
            return results_where(header.get(..length).unwrap_or_default(), is_own);
        }
        if unended(line).is_empty() {
            break;
        }
        length += line.len();
    }
    // Without such a line nobody knows whose the others are.
    Vec::new()
}

fn results_where(header: &[u8], is_own: impl Fn(&str) -> bool) -> Vec<MethodResult> {
    for body in bodies(header, NAME).take(MOST_FIELDS) {
        let Some(body) = body else { return Vec::new() };
        let mut cursor = Cursor { rest: &body };
        match cursor.authserv_id() {
            None => return Vec::new(),
            Some(id) if is_own(&id) => return cursor.results(),
            Some(_) => {}
        }
    }
    Vec::new()
}

/// How many fields of this name, in lower case, a header block has.
pub(super) fn count(header: &[u8], name: &[u8]) -> usize {
    bodies(header, name).count()
}

/// The bodies of the fields of this name, unfolded; `None` for one that is too long.
fn bodies<'h>(header: &'h [u8], name: &'h [u8]) -> impl Iterator<Item = Option<Vec<u8>>> + 'h {
    let mut lines = header.split_inclusive(|byte| *byte == b'\n').map(unended).take_while(|l| !l.is_empty()).peekable();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            let mut body = field(line, name).map(<[u8]>::to_vec);
            while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
                // One byte too many is kept to show that it is too long; the rest of a hostile field is not.
                if let Some(body) = body.as_mut().filter(|body| body.len() <= LONGEST_FIELD) {
                    body.extend_from_slice(more);
                }
            }
            if let Some(body) = body {
                return Some((body.len() <= LONGEST_FIELD).then_some(body));
            }
        }
    })
}

fn unended(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn field<'h>(line: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let (found, body) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    found.trim_ascii_end().eq_ignore_ascii_case(name).then(|| body.get(1..).unwrap_or_default())
}

/// A place in the body of a field. A method that gives `None` has found what the grammar does not allow.
struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    /// `[CFWS] authserv-id [ CFWS authres-version ]`, up to the first result. Of a version that is not known nothing is taken.
    fn authserv_id(&mut self) -> Option<String> {
        self.blanks()?;
        let id = self.value()?;
        self.blanks()?;
        if self.rest.first().is_some_and(|byte| *byte != b';') {
            let version = self.while_of(|byte| byte.is_ascii_digit());
            self.blanks()?;
            if version != b"1" || self.rest.first().is_some_and(|byte| *byte != b';') {
                return None;
            }
        }
        Some(id)
    }

    /// `no-result / 1*resinfo`, as far as it can be read.
    fn results(&mut self) -> Vec<MethodResult> {
        let mut found = Vec::new();
        while found.len() < MOST_RESULTS && self.take(b';') {
            match self.result() {
                Some(result) => found.push(result),
                None => break,
            }
        }
        found
    }

    /// `[CFWS] method [CFWS] "=" [CFWS] result [ CFWS reasonspec ] [ CFWS 1*propspec ]`, up to the next `;` or the end.
    fn result(&mut self) -> Option<MethodResult> {
        self.blanks()?;
        let method = self.keyword()?;
        self.blanks()?;
        if self.take(b'/') {
            self.blanks()?;
            // Every method is of version 1 today; what another says is not known.
            (self.while_of(|byte| byte.is_ascii_digit()) == b"1").then_some(())?;
            self.blanks()?;
        }
        self.take(b'=').then_some(())?;
        self.blanks()?;
        let mut found = MethodResult { method, result: self.keyword()?, properties: Vec::new() };
        let mut reason = false;
        while self.blanks()? && !self.at_end() {
            let word = self.keyword()?;
            self.blanks()?;
            if word == "reason" && !reason && found.properties.is_empty() && self.take(b'=') {
                self.blanks()?;
                self.value()?;
                reason = true;
                continue;
            }
            self.take(b'.').then_some(())?;
            self.blanks()?;
            let name = format!("{word}.{}", self.keyword()?);
            self.blanks()?;
            self.take(b'=').then_some(())?;
            self.blanks()?;
            let value = self.property_value()?;
            (found.properties.len() < MOST_PROPERTIES).then_some(())?;
            found.properties.push((name, value));
        }
        self.at_end().then_some(found)
    }

    fn at_end(&self) -> bool {
        self.rest.first().is_none_or(|byte| *byte == b';')
    }

    fn take(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn while_of(&mut self, is_of: impl Fn(u8) -> bool) -> &'b [u8] {
        let length = self.rest.iter().position(|byte| !is_of(*byte)).unwrap_or(self.rest.len());
        let (found, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        found
    }

    /// `[CFWS]` (RFC 5322, 3.2.2): blanks and comments, which nest. Whether there was any.
    fn blanks(&mut self) -> Option<bool> {
        let before = self.rest.len();
        loop {
            self.while_of(|byte| byte == b' ' || byte == b'\t');
            if !self.rest.starts_with(b"(") {
                return Some(self.rest.len() < before);
            }
            // Counted and not descended into: their depth is the sender's choice.
            let (mut depth, mut quoted) = (0_usize, false);
            let end = self.rest.iter().position(|byte| {
                match byte {
                    _ if quoted => quoted = false,
                    b'\\' => quoted = true,
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })?;
            self.rest = self.rest.get(end + 1..)?;
        }
    }

    /// `Keyword` of RFC 5321, in lower case: letters, digits and hyphens, the last no hyphen.
    fn keyword(&mut self) -> Option<String> {
        let found = self.while_of(|byte| byte.is_ascii_alphanumeric() || byte == b'-').to_ascii_lowercase();
        String::from_utf8(found).ok().filter(|word| !word.is_empty() && !word.ends_with('-'))
    }

    /// `value` of RFC 2045, 5.1: a token or a quoted string.
    fn value(&mut self) -> Option<String> {
        if self.rest.starts_with(b"\"") {
            return self.quoted();
        }
        let token = self.while_of(|byte| byte > b' ' && byte != 0x7f && !b"()<>@,;:\\\"/[]?=".contains(&byte)).to_vec();
        String::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    /// `pvalue`: a value, or an address whose local part may be quoted. Without quotes also the `/` and `=` of a signature's
    /// first letters, which servers in use do not quote: it ends all the same at the next blank, comment or semicolon.
    fn property_value(&mut self) -> Option<String> {
        let mut found = String::new();
        if self.rest.starts_with(b"\"") {
            found = self.quoted()?;
            if !self.rest.starts_with(b"@") {
                return Some(found);
            }
        }
        let word = self.while_of(|byte| byte > b' ' && byte != 0x7f && !b"();\\\"".contains(&byte));
        found.push_str(std::str::from_utf8(word).ok()?);
        (!found.is_empty()).then_some(found)
    }

    fn quoted(&mut self) -> Option<String> {
        let mut found = Vec::new();
        let mut escaped = false;
        let mut bytes = self.rest.iter().enumerate().skip(1);
        let end = loop {
            match bytes.next()? {
                (_, byte) if byte.is_ascii_control() && *byte != b'\t' => return None,
                (_, byte) if escaped => {
                    found.push(*byte);
                    escaped = false;
                }
                (_, b'\\') => escaped = true,
                (at, b'"') => break at,
                (_, byte) => found.push(*byte),
            }
        };
        self.rest = self.rest.get(end + 1..)?;
        String::from_utf8(found).ok()
    }
}

#[cfg(test)]
mod tests;

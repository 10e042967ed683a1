//! The lines of iCalendar (RFC 5545, 3.1): unfolded, taken apart, and written again. Bounded, whatever comes.

const LARGEST: usize = 256 * 1024;
const MOST_LINES: usize = 5000;
const LONGEST_VALUE: usize = 8192;
const MOST_PARAMETERS: usize = 20;

/// A content line: `NAME;PARAMETER=value:value`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Line {
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals; values without their quotes.
    pub(super) parameters: Vec<(String, String)>,
    /// As it is written.
    pub(super) value: String,
}

impl Line {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value as TEXT (3.3.11).
    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(self.value.len());
        let mut letters = self.value.chars();
        while let Some(c) = letters.next() {
            match (c, c == '\\') {
                (_, true) => match letters.next() {
                    Some('n' | 'N') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => {}
                },
                (c, _) => out.push(c),
            }
        }
        out
    }
}

/// The lines of a calendar. What is no line is left out; so is what stands behind 256 KiB or 5,000 lines.
pub(super) fn lines(calendar: &str) -> Vec<Line> {
    let mut end = calendar.len().min(LARGEST);
    while !calendar.is_char_boundary(end) {
        end -= 1;
    }
    let mut whole: Vec<String> = Vec::new();
    for line in calendar.get(..end).unwrap_or_default().split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let full = whole.len() == MOST_LINES;
        match (line.strip_prefix([' ', '\t']), whole.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ if line.is_empty() => {}
            _ if full => break,
            _ => whole.push(line.to_owned()),
        }
    }
    whole.iter().filter_map(|line| line_of(line)).collect()
}

fn line_of(line: &str) -> Option<Line> {
    let end = line.find([';', ':']).filter(|end| *end > 0)?;
    let (name, mut rest) = line.split_at_checked(end)?;
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let mut found = Line { name: name.to_ascii_uppercase(), ..Line::default() };
    while let Some(behind) = rest.strip_prefix(';') {
        let (name, value) = behind.split_once('=')?;
        let length = value_length(value)?;
        let (value, next) = value.split_at_checked(length)?;
        if found.parameters.len() < MOST_PARAMETERS {
            let value = value.chars().filter(|c| *c != '"').take(LONGEST_VALUE).collect();
            found.parameters.push((name.trim().to_ascii_uppercase(), value));
        }
        rest = next;
    }
    found.value = rest.strip_prefix(':')?.chars().take(LONGEST_VALUE).collect();
    Some(found)
}

/// Where a parameter's value ends: at the next `;` or `:` that is not quoted.
fn value_length(value: &str) -> Option<usize> {
    let mut quoted = false;
    value.bytes().position(|byte| {
        quoted ^= byte == b'"';
        !quoted && matches!(byte, b';' | b':')
    })
}

/// Writes a line, folded at 75 bytes. What could end it is taken out of name and value.
pub(super) fn write(out: &mut String, line: &str) {
    let mut column = 0;
    for c in line.chars().filter(|c| !c.is_control()) {
        if column + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            column = 1;
        }
        out.push(c);
        column += c.len_utf8();
    }
    out.push_str("\r\n");
}

/// A text as TEXT (3.3.11).
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;

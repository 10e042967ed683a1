//! Text whose lines were broken for the wire and flow together on a screen (`format=flowed`, RFC 3676).

/// `text` with its paragraphs on one line each. `delete_space` is `DelSp=yes`: the blank at a line's end was added with the
/// break. Quotes keep their depth, signatures their lines. Never longer than `text` but for one blank a quoted line.
pub(super) fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The depth of the paragraph that is still open at the end of `out`.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        // A blank put in so that nothing at the start of the line is mistaken for a quote or a "From " of a file.
        let words = unquoted.strip_prefix(' ').unwrap_or(unquoted);
        let signature = words == "-- ";
        if open.is_some_and(|before| before != depth || signature) {
            out.push('\n');
            open = None;
        }
        if open.is_none() && depth > 0 {
            out.extend(std::iter::repeat_n('>', depth));
            out.push(' ');
        }
        match words.strip_suffix(' ').filter(|_| !signature) {
            Some(less) => {
                out.push_str(if delete_space { less } else { words });
                open = Some(depth);
            }
            None => {
                out.push_str(words);
                out.push('\n');
                open = None;
            }
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;

//! What of a text a screen may fold: what is quoted, and the signature.

/// More of them than any letter has: what follows is one.
const MOST: usize = 2000;
const DEEPEST: usize = 50;
/// A line is looked at for the words that announce a quote no further than this.
const LONGEST: usize = 300;

/// Some lines of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// What they are.
    pub kind: BlockKind,
    /// The lines, with their ends. Of a quote, the line that announces it and the marks are in it as the sender wrote them.
    pub text: String,
}

/// What some lines of a text are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BlockKind {
    /// What the sender wrote.
    Text,
    /// What is quoted from an earlier message; may be folded.
    Quote {
        /// How many messages earlier, from 1 to 50.
        depth: u8,
    },
    /// Who wrote it, or on which device; may be folded.
    Signature,
}

/// The blocks of a text in their order; together they are the text. At most 2,000: the last one takes the rest.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut rest_is: Option<BlockKind> = None;
    for (at, line) in lines.iter().enumerate() {
        let start = line.get(..floor(line, LONGEST)).unwrap_or(line).trim_end();
        let behind = lines.get(at + 1..).unwrap_or_default();
        let depth = depth(start);
        let kind = match rest_is {
            // A quote below a signature is a quote; below the mark of the whole earlier message all is of that.
            Some(BlockKind::Signature) if depth > 0 => quote(depth),
            Some(BlockKind::Signature) if announces(start, behind) => quote(1),
            Some(kind) => kind,
            None if depth > 0 => quote(depth),
            None if start == "--" || is_device(start, behind) => {
                rest_is = Some(BlockKind::Signature);
                BlockKind::Signature
            }
            None if is_original(start, behind) && has_words(&blocks) => {
                rest_is = Some(quote(1));
                quote(1)
            }
            None if announces(start, behind) => quote(1),
            // An empty line within a quote, or behind the line that announces one.
            None if start.is_empty() && follows_quote(&blocks, behind) => {
                blocks.last().map_or(BlockKind::Text, |block| block.kind)
            }
            None => BlockKind::Text,
        };
        let full = blocks.len() >= MOST;
        match blocks.last_mut() {
            Some(last) if full || last.kind == kind => last.text.push_str(line),
            _ => blocks.push(Block { kind, text: (*line).to_owned() }),
        }
    }
    blocks
}

fn quote(depth: usize) -> BlockKind {
    BlockKind::Quote { depth: u8::try_from(depth.min(DEEPEST)).unwrap_or(1) }
}

/// How often a line is quoted: `> > x` and `>> x` twice.
fn depth(line: &str) -> usize {
    let marks = line.chars().take_while(|c| matches!(c, '>' | ' '));
    if line.starts_with('>') { marks.filter(|c| *c == '>').count() } else { 0 }
}

/// Whether the line says that a quote follows, and one does: "Le 3 mai, Léa a écrit :".
fn announces(line: &str, behind: &[&str]) -> bool {
    let says = |line: &str| {
        let line = line.trim_end().trim_end_matches(':').trim_end().to_lowercase();
        ["a écrit", "écrivait", "wrote", "schrieb", "escribió", "ha scritto"].iter().any(|end| line.ends_with(end))
    };
    let quoted = |behind: &[&str]| {
        behind.iter().take(5).find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('>'))
    };
    if says(line) {
        return quoted(behind);
    }
    // Broken over two lines.
    let begins = line.starts_with("Le ") || line.starts_with("On ");
    begins
        && behind.first().is_some_and(|next| says(next.get(..floor(next, LONGEST)).unwrap_or(next)))
        && quoted(behind.get(1..).unwrap_or_default())
}

/// Whether the whole earlier message follows without marks, as Outlook puts it.
fn is_original(line: &str, behind: &[&str]) -> bool {
    let bare = line.trim_matches(|c: char| c == '-' || c.is_whitespace()).to_lowercase();
    if line.starts_with("---")
        && ["original message", "message d'origine", "message d’origine"].contains(&bare.as_str())
    {
        return true;
    }
    let field = |line: &str, names: [&str; 2]| {
        let line = line.trim_start_matches(['*', ' ']).to_lowercase();
        names.iter().any(|name| {
            let rest = line.strip_prefix(name).map(|rest| rest.trim_start_matches(['*', ' ', '\u{a0}', '\u{202f}']));
            rest.is_some_and(|rest| rest.starts_with(':'))
        })
    };
    let next = behind.get(..behind.len().min(6)).unwrap_or_default();
    let any = |names: [&str; 2]| next.iter().any(|line| field(line.get(..floor(line, LONGEST)).unwrap_or(line), names));
    field(line, ["de", "from"]) && any(["envoyé", "sent"]) && any(["à", "to"]) && any(["objet", "subject"])
}

/// Whether a telephone signs: the last words of the text, or of what is not quoted.
fn is_device(line: &str, behind: &[&str]) -> bool {
    let lower = line.to_lowercase();
    let signs = ["envoyé de mon ", "envoyé depuis mon ", "envoyé à partir de ", "sent from my ", "get outlook for "];
    signs.iter().any(|start| lower.starts_with(start))
        && behind.iter().take(3).find(|line| !line.trim().is_empty()).is_none_or(|next| {
            next.starts_with('>')
                || announces(next.trim_end(), &["> "])
                || next.starts_with("---")
                || next.starts_with("De")
        })
}

fn has_words(blocks: &[Block]) -> bool {
    blocks.iter().any(|block| block.kind == BlockKind::Text && !block.text.trim().is_empty())
}

/// Whether an empty line stands between two lines of one quote.
fn follows_quote(blocks: &[Block], behind: &[&str]) -> bool {
    let in_quote = blocks.last().is_some_and(|block| matches!(block.kind, BlockKind::Quote { .. }));
    in_quote && behind.iter().take(5).find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('>'))
}

fn floor(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! The tour as a picture of a terminal.

use std::fmt::Write;

use crate::show::{Kind, Line};

const ROW: usize = 20;
const WIDTH: usize = 860;

/// An SVG of what was shown.
pub(crate) fn draw(lines: &[Line]) -> String {
    let height = ROW * (lines.len() + 2);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"The guided tour in a terminal\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" \
         font-size=\"13\" xml:space=\"preserve\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181f\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let colour = match line.kind {
            Kind::Title => "#ffffff",
            Kind::Good => "#9be39b",
            Kind::Bad => "#ff8f8f",
            Kind::Detail => "#aab4c3",
        };
        let weight = if line.kind == Kind::Title { " font-weight=\"bold\"" } else { "" };
        let text = line.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Writing to a `String` does not fail.
        let _ = writeln!(
            picture,
            "<text x=\"20\" y=\"{}\" fill=\"{colour}\"{weight} style=\"white-space:pre\">{text}</text>",
            ROW * (index + 2) - 6
        );
    }
    picture.push_str("</svg>\n");
    picture
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::show::{Kind, Line};

    #[test]
    fn what_was_shown_is_text_and_never_markup() {
        let line = Line { kind: Kind::Detail, text: "<script>&".to_owned() };
        let picture = draw(&[line]);
        assert!(picture.contains("&lt;script&gt;&amp;") && !picture.contains("<script"));
    }
}

//! Growth as a picture: one small chart each, all axes logarithmic.

use std::fmt::Write;

use crate::growth::Series;

const COLUMNS: usize = 4;
const CELL: (f64, f64) = (240.0, 190.0);
/// The chart inside its cell: left, top, width, height.
const CHART: (f64, f64, f64, f64) = (54.0, 40.0, 166.0, 116.0);
const TOP: f64 = 44.0;

/// An SVG of all series over `counts`, light or dark as the reader's screen is.
pub(crate) fn draw(counts: &[u32], all: &[Series]) -> String {
    let rows = all.len().div_ceil(COLUMNS);
    let (width, height) = (CELL.0 * COLUMNS as f64, TOP + CELL.1 * rows as f64 + 8.0);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"t d\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title id=\"t\">What grows with a mailbox, and what does not</title>\n<desc id=\"d\">{}</desc>\n\
         <style>.p{{fill:#fff}}.i{{fill:#223}}.m{{fill:#556}}.g{{stroke:#dde}}.l{{stroke:#0b62c4;fill:none}}\
         .o{{fill:#0b62c4}}@media (prefers-color-scheme:dark){{.p{{fill:#14181f}}.i{{fill:#eef}}.m{{fill:#aab4c3}}\
         .g{{stroke:#333c4a}}.l{{stroke:#7db7ff}}.o{{fill:#7db7ff}}}}</style>\n\
         <rect class=\"p\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"i\" x=\"16\" y=\"28\" font-size=\"16\">An inbox of {} to {} messages; both axes logarithmic</text>\n",
        described(counts, all),
        counts.first().copied().map(thousands).unwrap_or_default(),
        counts.last().copied().map(thousands).unwrap_or_default(),
    );
    for (index, series) in all.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        chart(&mut picture, counts, series, (CELL.0 * column as f64, TOP + CELL.1 * row as f64));
    }
    picture.push_str("</svg>\n");
    picture
}

/// As many digits as say something.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.6}"),
    }
}

fn chart(picture: &mut String, counts: &[u32], series: &Series, (x, y): (f64, f64)) {
    let (left, top, width, height) = (x + CHART.0, y + CHART.1, CHART.2, CHART.3);
    let log = |value: f64| value.max(1e-9).log10();
    let from = counts.first().copied().map_or(0.0, |count| log(count.into()));
    let to = counts.last().copied().map_or(1.0, |count| log(count.into()));
    let low = series.values.iter().copied().map(log).fold(f64::INFINITY, f64::min).floor();
    // Two decades at the least, so that what stays the same looks it.
    let high = series.values.iter().copied().map(log).fold(low, f64::max).ceil().max(low + 2.0);
    let at = |count: u32| left + (log(count.into()) - from) / (to - from) * width;
    let up = |value: f64| top + height - (log(value) - low) / (high - low) * height;
    // Writing to a `String` does not fail.
    let _ = writeln!(picture, "<text class=\"i\" x=\"{}\" y=\"{}\">{}</text>", x + 16.0, y + 20.0, series.title);
    for step in 0..=(high - low) as i32 {
        let value = 10f64.powi(low as i32 + step);
        let line = up(value);
        let _ = writeln!(
            picture,
            "<path class=\"g\" d=\"M{left:.1} {line:.1}h{width}\"/><text class=\"m\" font-size=\"10\" text-anchor=\"end\" \
             x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            line + 3.5,
            unit(value, series.unit),
        );
    }
    for count in counts {
        let _ = writeln!(
            picture,
            "<text class=\"m\" font-size=\"10\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at(*count),
            top + height + 15.0,
            thousands(*count),
        );
    }
    let points: Vec<_> = counts.iter().zip(&series.values).map(|(count, value)| (at(*count), up(*value))).collect();
    let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let _ = writeln!(picture, "<path class=\"l\" stroke-width=\"2\" d=\"M{}\"/>", line.join("L"));
    for (x, y) in &points {
        let _ = write!(picture, "<circle class=\"o\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
    for (index, anchor) in [(0, "start"), (points.len().saturating_sub(1), "end")] {
        let (Some((x, y)), Some(value)) = (points.get(index), series.values.get(index)) else { continue };
        let _ = writeln!(
            picture,
            "<text class=\"i\" font-size=\"11\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            y - 8.0,
            unit(*value, series.unit),
        );
    }
}

/// For those who do not see the picture.
fn described(counts: &[u32], all: &[Series]) -> String {
    let ends = |series: &Series| {
        let (first, last) = (series.values.first()?, series.values.last()?);
        Some(format!("{}: {} to {}", series.title, unit(*first, series.unit), unit(*last, series.unit)))
    };
    let told: Vec<_> = all.iter().filter_map(ends).collect();
    let counts: Vec<_> = counts.iter().map(u32::to_string).collect();
    format!("At {} messages. {}.", counts.join(", "), told.join("; "))
}

/// A value with its unit, small ones in a smaller unit.
fn unit(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "s" if value < 0.000_999 => (value * 1e6, "µs"),
        "s" if value < 0.999 => (value * 1e3, "ms"),
        "B" if value >= 999.5 => (value / 1e3, "kB"),
        "MB" if value < 0.999 => (value * 1e3, "kB"),
        other => (value, other),
    };
    let digits = match value {
        value if value >= 9.95 || (value - value.round()).abs() < 1e-9 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    };
    format!("{digits} {unit}").trim_end().to_owned()
}

fn thousands(count: u32) -> String {
    if count >= 1_000 { format!("{}k", count / 1_000) } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{draw, unit};
    use crate::growth::Series;

    #[test]
    fn what_stays_the_same_is_a_level_line_and_the_ends_are_told_in_words() {
        let flat = Series { name: "a", title: "a thing", unit: "s", values: vec![0.02, 0.02] };
        let picture = draw(&[1_000, 200_000], &[flat]);
        let line = picture.split("class=\"l\" stroke-width=\"2\" d=\"M").nth(1).and_then(|rest| rest.split('"').next());
        let heights: Vec<_> = line.unwrap().split('L').map(|point| point.split(' ').nth(1).unwrap()).collect();
        assert_eq!(heights[0], heights[1]);
        assert!(picture.contains("At 1000, 200000 messages. a thing: 20 ms to 20 ms."), "{picture}");
    }

    #[test]
    fn small_values_have_a_small_unit() {
        assert_eq!(
            [unit(0.000_2, "s"), unit(1.25, "s"), unit(1_400.0, "B"), unit(3.0, "")],
            ["200 µs", "1.2 s", "1.4 kB", "3"]
        );
    }
}

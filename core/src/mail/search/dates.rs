//! Days as teachers write them: `12/03/2026`, `2026-03-12`, `03/2026`, `mars 2026`, `2026`, `hier`, `7j`.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::fold::fold;

const MONTHS: [&[&str]; 12] = [
    &["janvier", "janv", "january", "jan"],
    &["fevrier", "fevr", "fev", "february", "feb"],
    &["mars", "march", "mar"],
    &["avril", "avr", "april", "apr"],
    &["mai", "may"],
    &["juin", "june", "jun"],
    &["juillet", "juil", "july", "jul"],
    &["aout", "august", "aug"],
    &["septembre", "sept", "september", "sep"],
    &["octobre", "oct", "october"],
    &["novembre", "nov", "november"],
    &["decembre", "dec", "december"],
];

/// The day that `text` means on the day `today`; of a month or a year its first. `None` where it means none.
pub(super) fn day(text: &str, today: Date) -> Option<Date> {
    match fold(text).as_str() {
        "hier" | "yesterday" => return today.yesterday().ok(),
        "aujourdhui" | "today" => return Some(today),
        _ => {}
    }
    let parts: Vec<&str> = text.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [one] => year(one).and_then(|year| Date::new(year, 1, 1).ok()).or_else(|| ago(one, today)),
        [one, other] => match (month(one), year(one)) {
            (Some(month), _) => Date::new(year(other)?, month, 1).ok(),
            (None, Some(year)) => Date::new(year, month(other)?, 1).ok(),
            _ => None,
        },
        [one, month_, last] => match year(one) {
            Some(year) => Date::new(year, month(month_)?, last.parse().ok()?).ok(),
            None => Date::new(year(last)?, month(month_)?, one.parse().ok()?).ok(),
        },
        _ => None,
    }
}

/// Whether `text` is the name of a month, which a year follows.
pub(super) fn is_month(text: &str) -> bool {
    text.parse::<i8>().is_err() && month(text).is_some()
}

/// Four digits: nobody's mail is of another century than these.
pub(super) fn year(text: &str) -> Option<i16> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|year| digits && (1970..=2199).contains(year))
}

fn month(text: &str) -> Option<i8> {
    if let Ok(number) = text.parse() {
        return (1..=12).contains(&number).then_some(number);
    }
    let name = fold(text.trim_end_matches('.'));
    let at = MONTHS.iter().position(|names| names.contains(&name.as_str()))?;
    i8::try_from(at + 1).ok()
}

/// `7j`, `2s`, `3m`, `1a`, and their English twins: days, weeks, months, years ago.
fn ago(text: &str, today: Date) -> Option<Date> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: i64 = number.parse().ok().filter(|number| (0..=9999).contains(number))?;
    let span = match unit.to_lowercase().as_str() {
        "j" | "jour" | "jours" | "d" | "day" | "days" => number.days(),
        "s" | "sem" | "semaines" | "w" | "weeks" => number.weeks(),
        "m" | "mois" | "months" => number.months(),
        "a" | "an" | "ans" | "y" | "years" => number.years(),
        _ => return None,
    };
    today.checked_sub(span).ok().filter(|day| *day >= date(1970, 1, 1))
}

//! A measured figure, and how it is printed.

use serde_json::json;

/// A measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    range: Option<(f64, f64)>,
    unit: &'static str,
    goal: Option<Goal>,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// The values of several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Figure {
    /// A figure without a goal.
    pub(crate) fn new(name: &str, value: f64, unit: &'static str) -> Self {
        Self { name: name.to_owned(), value, range: None, unit, goal: None }
    }

    /// The median of `rounds`, with the range of all.
    pub(crate) fn median(name: &str, rounds: &Rounds, unit: &'static str) -> Self {
        Self { range: Some(rounds.range()), ..Self::new(name, rounds.middle(), unit) }
    }

    /// The median of `these` against that of `those`; the range is that of the rounds, each against its neighbour.
    pub(crate) fn ratio(name: &str, these: &Rounds, those: &Rounds) -> Self {
        let pairs = Rounds(these.0.iter().zip(&those.0).map(|(this, that)| this / that).collect());
        Self { range: Some(pairs.range()), ..Self::new(name, these.middle() / those.middle(), "x") }
    }

    /// What it should be at most.
    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtMost(goal)), ..self }
    }

    /// What it should be at least.
    pub(crate) fn at_least(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(goal)), ..self }
    }

    fn ok(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::AtLeast(least) => self.value >= least,
        })
    }

    /// One object of JSON, on one line.
    pub(crate) fn json(&self) -> String {
        let rounded = |value: f64| (value * 1e6).round() / 1e6;
        json!({
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "goal": self.goal.map(|(Goal::AtMost(goal) | Goal::AtLeast(goal))| goal),
            "goal_is": self.goal.map(|goal| if matches!(goal, Goal::AtMost(_)) { "most" } else { "least" }),
            "ok": self.ok(),
            "min": self.range.map(|(min, _)| rounded(min)),
            "max": self.range.map(|(_, max)| rounded(max)),
        })
        .to_string()
    }

    /// One line of a table.
    pub(crate) fn row(&self) -> String {
        let range = self.range.map_or(String::new(), |(min, max)| format!("{} - {}", short(min), short(max)));
        let goal = self.goal.map_or(String::new(), |goal| match goal {
            Goal::AtMost(most) => format!("at most {}", short(most)),
            Goal::AtLeast(least) => format!("at least {}", short(least)),
        });
        let verdict = match self.ok() {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "",
        };
        let line =
            format!("{:38} {:>12} {:6} {range:>22}  {goal:16} {verdict}", self.name, short(self.value), self.unit);
        line.trim_end().to_owned()
    }
}

impl Rounds {
    /// Adds the value of one more round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The median.
    pub(crate) fn middle(&self) -> f64 {
        let sorted = self.sorted();
        let (low, high) = (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2));
        low.zip(high).map_or(f64::NAN, |(low, high)| (low + high) / 2.0)
    }

    fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }
}

/// Three decimals where they say something.
fn short(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Rounds};

    #[test]
    fn the_middle_is_a_median_and_the_range_of_a_ratio_is_that_of_neighbours() {
        let (these, those) = (Rounds(vec![4.0, 1.0, 9.0]), Rounds(vec![2.0, 1.0, 3.0]));
        assert_eq!((these.middle(), these.range()), (4.0, (1.0, 9.0)));
        assert_eq!(Rounds(vec![1.0, 2.0]).middle(), 1.5);
        let ratio = Figure::ratio("a", &these, &those).at_most(2.0);
        assert_eq!(
            ratio.json(),
            r#"{"goal":2.0,"goal_is":"most","max":3.0,"min":1.0,"name":"a","ok":true,"unit":"x","value":2.0}"#
        );
        assert!(Figure::new("a", 1.0, "s").json().contains(r#""ok":null"#));
        assert!(Figure::new("a", 1.0, "s").at_least(2.0).row().ends_with("at least 2       MISSED"));
    }
}

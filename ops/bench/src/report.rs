//! What a benchmark says: a table for people, and one JSON object as the last line for scripts.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// One comparison: what we did, what stood beside it in the same run, and the bar.
#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    ours: f64,
    yardstick: Option<f64>,
    unit: &'static str,
    bar: Option<Bar>,
}

/// What must be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// Ours is at least this many times the yardstick.
    TimesAtLeast(f64),
    /// Ours is at most this many times the yardstick.
    TimesAtMost(f64),
    /// Ours is at most this, in the figure's unit.
    AtMost(f64),
    /// Ours is at least this, in the figure's unit.
    AtLeast(f64),
}

impl Figure {
    /// A figure without a yardstick or a bar.
    pub(crate) fn new(name: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            ours,
            yardstick: None,
            unit,
            bar: None,
        }
    }

    /// With the yardstick's figure, in the same unit.
    pub(crate) fn beside(mut self, yardstick: f64) -> Self {
        self.yardstick = Some(yardstick);
        self
    }

    /// With the yardstick's name, where a benchmark has several.
    pub(crate) fn named(mut self, yardstick: &str) -> Self {
        self.name = format!("{}; {yardstick}", self.name);
        self
    }

    /// With a bar.
    pub(crate) fn bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.yardstick.map(|yardstick| self.ours / yardstick)
    }

    fn met(&self) -> Option<bool> {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        self.bar.map(|bar| match bar {
            Bar::TimesAtLeast(times) => ratio >= times,
            Bar::TimesAtMost(times) => ratio <= times,
            Bar::AtMost(most) => self.ours <= most,
            Bar::AtLeast(least) => self.ours >= least,
        })
    }

    fn bar_text(&self) -> String {
        match self.bar {
            None => String::new(),
            Some(Bar::TimesAtLeast(times)) => format!(">= {times} x"),
            Some(Bar::TimesAtMost(times)) => format!("<= {times} x"),
            Some(Bar::AtMost(most)) => format!("<= {most} {}", self.unit),
            Some(Bar::AtLeast(least)) => format!(">= {least} {}", self.unit),
        }
    }
}

/// All figures of one benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    bench: &'static str,
    figures: Vec<Figure>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(bench: &'static str) -> Self {
        Self {
            bench,
            figures: Vec::new(),
        }
    }

    /// Adds a figure, and shows it at once: a long run is then not silent.
    pub(crate) fn add(&mut self, figure: Figure) {
        say(&format!("  {}", row(&figure)));
        self.figures.push(figure);
    }

    /// Prints the table and the JSON line; true when every bar was met.
    pub(crate) fn finish(self) -> bool {
        say("");
        say(&format!(
            "{:<58} {:>14} {:>14} {:>9}  {:<16} met",
            self.bench, "ours", "yardstick", "ratio", "bar"
        ));
        for figure in &self.figures {
            say(&row(figure));
        }
        let met = self.figures.iter().all(|figure| figure.met() != Some(false));
        let figures: Vec<Value> = self.figures.iter().map(to_json).collect();
        say(&json!({ "bench": self.bench, "figures": figures, "met": met }).to_string());
        met
    }
}

fn row(figure: &Figure) -> String {
    let met = match figure.met() {
        None => "",
        Some(true) => "yes",
        Some(false) => "NO",
    };
    let yardstick = figure
        .yardstick
        .map(|value| format!("{} {}", short(value), figure.unit))
        .unwrap_or_default();
    let ratio = figure
        .ratio()
        .map(|ratio| format!("{ratio:.2}"))
        .unwrap_or_default();
    let ours = format!("{} {}", short(figure.ours), figure.unit);
    format!(
        "{:<58} {ours:>14} {yardstick:>14} {ratio:>9}  {:<16} {met}",
        figure.name,
        figure.bar_text()
    )
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn to_json(figure: &Figure) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(figure.name));
    object.insert("unit".into(), json!(figure.unit));
    object.insert("ours".into(), json!(figure.ours));
    if let Some(yardstick) = figure.yardstick {
        object.insert("yardstick".into(), json!(yardstick));
        object.insert("ratio".into(), json!(figure.ratio()));
    }
    if figure.bar.is_some() {
        object.insert("bar".into(), json!(figure.bar_text()));
        object.insert("met".into(), json!(figure.met()));
    }
    Value::Object(object)
}

/// Prints a line for the person who runs the benchmark.
#[expect(clippy::print_stdout, reason = "a benchmark's output is its product")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The median; 0 for no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Times of many tries, with their percentiles in milliseconds.
#[derive(Debug)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// No times yet.
    pub(crate) fn new() -> crate::Result<Self> {
        // From a microsecond to ten minutes, in nanoseconds, to three digits.
        Ok(Self(Histogram::new_with_bounds(1_000, 600_000_000_000, 3)?))
    }

    /// Adds one.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0
            .saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) -> crate::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    /// The time that `percent` of the tries do not exceed, in milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a try are far below 2^53"
    )]
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut times = Times::new().unwrap();
        for milliseconds in 1..=100 {
            times.add(Duration::from_millis(milliseconds));
        }
        let mut all = Times::new().unwrap();
        all.merge(&times).unwrap();
        assert!(
            (all.percentile(50.0) - 50.0).abs() < 0.5,
            "{}",
            all.percentile(50.0)
        );
        assert!(
            (all.percentile(99.0) - 99.0).abs() < 0.5,
            "{}",
            all.percentile(99.0)
        );
    }

    #[test]
    fn a_missed_bar_fails_the_benchmark() {
        let met = |bar| Figure::new("a figure", 10.0, "ms").beside(5.0).bar(bar).met();
        assert_eq!(met(Bar::AtMost(9.0)), Some(false));
        assert_eq!(met(Bar::AtLeast(10.0)), Some(true));
        assert_eq!(met(Bar::TimesAtMost(1.0)), Some(false));
        assert_eq!(met(Bar::TimesAtLeast(2.0)), Some(true));
        let mut report = Report::new("test");
        report.add(Figure::new("good", 1.0, "ms").bar(Bar::AtMost(2.0)));
        report.add(Figure::new("bad", 3.0, "ms").bar(Bar::AtMost(2.0)));
        assert!(!report.finish());
    }
}

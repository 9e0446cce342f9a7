//! Results of several runs as curves: over the steps of training, or over groups of items; `over_setting.rs` has those over a setting.

use selfsame_core::{Error, Result};
use selfsame_image::picture::Picture;
use serde_json::{Value, json};

use super::Comparison;
use super::groups::Sureness;
use super::summary::Summary;
use crate::cli::chart::{self, Point, Series};
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Rows of a table, at most: the picture has all.
const ROWS: usize = 12;

/// Curves of runs, with what they are drawn over.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    pub(super) over: String,
    pub(super) measure: Option<String>,
    pub(super) curves: Vec<Curve>,
}

/// Results of some runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    name: String,
    runs: usize,
    points: Vec<Measured>,
}

/// What runs were worth at a place of the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    x: f64,
    mean: f64,
    sureness: Sureness,
}

impl Curves {
    /// What was measured while training, over the steps.
    ///
    /// # Errors
    /// When nothing was measured in any run.
    pub fn over_steps(comparison: &Comparison) -> Result<Self> {
        let curves = of_groups(comparison, |run| &run.curve);
        if curves.is_empty() {
            return Err(Error::config(
                "nothing was measured while these runs trained, so there are no curves",
                "leave --curves out; agents are measured by themselves, other trainings with --eval-data",
            ));
        }
        Ok(Self { over: "step".into(), measure: None, curves })
    }

    /// What groups of items, from rare to popular ones, contribute to the recall.
    ///
    /// # Errors
    /// When no run was ranked.
    pub fn over_popularity(comparison: &Comparison) -> Result<Self> {
        let curves = of_groups(comparison, |run| &run.by_popularity);
        if curves.is_empty() {
            return Err(Error::config(
                "none of these runs was ranked, so nothing is known of its groups of items",
                "rank them first: `selfsame eval ranking RUN`",
            ));
        }
        Ok(Self { over: "group of items".into(), measure: Some("recall".into()), curves })
    }

    /// All curves.
    pub fn picture(&self) -> Picture {
        let point = |measured: &Measured| {
            let interval = measured.sureness.interval;
            Point { x: measured.x, y: measured.sureness.iqm, band: [interval.low, interval.high] }
        };
        let series = |curve: &Curve| Series {
            name: curve.name.to_uppercase(),
            points: curve.points.iter().map(point).collect(),
        };
        let series: Vec<_> = self.curves.iter().map(series).collect();
        let of = self.measure.as_ref().map_or_else(String::new, |measure| format!("{measure}: "));
        let title = format!("{of}interquartile mean and 95% interval");
        chart::lines(&title.to_uppercase(), &self.over.to_uppercase(), &series)
    }

    /// Some points of every curve.
    pub fn table(&self, terminal: Terminal) -> String {
        let mut table = Table::new([
            ("curve", Align::Left),
            (&self.over, Align::Right),
            (self.measure.as_deref().unwrap_or("mean"), Align::Right),
            ("IQM", Align::Right),
            ("95 %", Align::Right),
        ]);
        for curve in &self.curves {
            let last = curve.points.len() - 1;
            let every = curve.points.len().div_ceil(ROWS);
            for (_, point) in curve.points.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last)
            {
                let Sureness { iqm, interval } = point.sureness;
                table.row([
                    curve.name.clone(),
                    point.x.to_string(),
                    format!("{:.3}", point.mean),
                    format!("{iqm:.3}"),
                    format!("{:.3} to {:.3}", interval.low, interval.high),
                ]);
            }
        }
        table.render(terminal)
    }

    /// All points, by what they are drawn over.
    pub fn json(&self) -> Value {
        let point = |point: &Measured| {
            let Sureness { iqm, interval } = point.sureness;
            // Steps and groups are counted.
            let x = if point.x.fract() == 0.0 { json!(point.x as i64) } else { json!(point.x) };
            json!({ &self.over: x, "mean": point.mean, "iqm": iqm, "interval": interval })
        };
        let curve = |curve: &Curve| {
            let points: Vec<_> = curve.points.iter().map(point).collect();
            json!({ "name": curve.name, "runs": curve.runs, "points": points })
        };
        self.curves.iter().map(curve).collect()
    }
}

/// A curve for every group of runs, and for every run that is in none; those without points are left out.
fn of_groups(comparison: &Comparison, points: fn(&Summary) -> &[(f64, f64)]) -> Vec<Curve> {
    let mut curves = Vec::new();
    let mut grouped = Vec::new();
    for group in &comparison.groups {
        let runs = comparison.runs.iter().filter(|run| group.runs.contains(&run.run));
        let own: Vec<&[(f64, f64)]> = runs.map(points).collect();
        curves.push(Curve::of(group.shown_name(), &own));
        grouped.extend(&group.runs);
    }
    for run in comparison.runs.iter().filter(|run| !grouped.contains(&&run.run)) {
        curves.push(Curve::of(run.shown_name(), &[points(run)]));
    }
    curves.retain(|curve| !curve.points.is_empty());
    curves
}

impl Curve {
    /// At every place at which one of the runs was measured after all of them were; in between, a run is worth what it was last.
    fn of(name: String, runs: &[&[(f64, f64)]]) -> Self {
        let places = sorted(runs.iter().flat_map(|run| run.iter().map(|(x, _)| *x)));
        let until = runs.iter().filter_map(|run| run.last()).map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
        let at = |x: f64| -> Option<Measured> {
            let last =
                |run: &&[(f64, f64)]| run.iter().rev().find(|(at, _)| *at <= x).map(|(_, value)| *value);
            Some(Measured::of(x, &runs.iter().map(last).collect::<Option<Vec<_>>>()?))
        };
        let points = places.into_iter().filter(|x| *x <= until).filter_map(at).collect();
        Self { name, runs: runs.len(), points }
    }

    /// Of runs with a value and a result each.
    pub(super) fn by_value(name: String, runs: &[(f64, f64)]) -> Self {
        let at = |x: f64| {
            let worth: Vec<f64> =
                runs.iter().filter(|(value, _)| *value == x).map(|(_, worth)| *worth).collect();
            Measured::of(x, &worth)
        };
        let points = sorted(runs.iter().map(|(x, _)| *x)).into_iter().map(at).collect();
        Self { name, runs: runs.len(), points }
    }
}

impl Measured {
    fn of(x: f64, values: &[f64]) -> Self {
        Self { x, mean: values.iter().sum::<f64>() / values.len() as f64, sureness: Sureness::of(values) }
    }
}

/// Each once, from the least on.
fn sorted(places: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut places: Vec<f64> = places.collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_holds_the_last_measurement_of_every_run() {
        let runs: [&[(f64, f64)]; 2] =
            [&[(100.0, 1.0), (200.0, 2.0), (300.0, 9.0)], &[(150.0, 3.0), (200.0, 4.0)]];
        let curve = Curve::of("both".into(), &runs);
        let found: Vec<_> = curve.points.iter().map(|point| (point.x, point.mean)).collect();
        assert_eq!(found, [(150.0, 2.0), (200.0, 3.0)]);
        let Sureness { iqm, interval } = curve.points[1].sureness;
        assert_eq!((iqm, interval.low, interval.high), (3.0, 2.0, 4.0));
    }

    #[test]
    fn a_single_run_is_sure_of_itself() {
        let curve = Curve::of("one".into(), &[&[(10.0, 0.5)]]);
        assert_eq!(curve.points[0].sureness.interval.low, 0.5);
    }

    #[test]
    fn runs_of_one_value_are_put_together() {
        let curve = Curve::by_value("noise".into(), &[(0.2, 1.0), (0.0, 5.0), (0.2, 3.0)]);
        let found: Vec<_> = curve.points.iter().map(|point| (point.x, point.mean)).collect();
        assert_eq!((curve.runs, found), (3, vec![(0.0, 5.0), (0.2, 2.0)]));
    }
}

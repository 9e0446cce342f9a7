//! What was measured while training, step by step; of runs that differ only by seed as one curve.

use selfsame_core::{Error, Result};
use selfsame_image::picture::Picture;
use serde::Serialize;

use super::Comparison;
use super::groups::Sureness;
use crate::cli::chart::{self, Point, Series};
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Rows of a table, at most: the picture has all.
const ROWS: usize = 12;

/// A curve for every group of runs, and for every run that is in none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Curves(Vec<Curve>);

/// Measurements of some runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Curve {
    name: String,
    runs: usize,
    points: Vec<Measured>,
}

/// What runs were worth after so many steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Measured {
    step: u64,
    mean: f64,
    #[serde(flatten)]
    sureness: Sureness,
}

impl Curves {
    /// # Errors
    /// When nothing was measured in any run.
    pub fn of(comparison: &Comparison) -> Result<Self> {
        let mut curves = Vec::new();
        let mut grouped = Vec::new();
        for group in &comparison.groups {
            let runs = comparison.runs.iter().filter(|run| group.runs.contains(&run.run));
            let own: Vec<&[(u64, f64)]> = runs.map(|run| &run.curve[..]).collect();
            curves.push(Curve::of(group.shown_name(), &own));
            grouped.extend(&group.runs);
        }
        for run in comparison.runs.iter().filter(|run| !grouped.contains(&&run.run)) {
            curves.push(Curve::of(run.shown_name(), &[&run.curve]));
        }
        curves.retain(|curve| !curve.points.is_empty());
        if curves.is_empty() {
            return Err(Error::config(
                "nothing was measured while these runs trained, so there are no curves",
                "leave --curves out; agents are measured by themselves, other trainings with --eval-data",
            ));
        }
        Ok(Self(curves))
    }

    /// All curves.
    pub fn picture(&self) -> Picture {
        let point = |measured: &Measured| {
            let interval = measured.sureness.interval;
            Point { x: measured.step as f64, y: measured.sureness.iqm, band: [interval.low, interval.high] }
        };
        let series = |curve: &Curve| Series {
            name: curve.name.to_uppercase(),
            points: curve.points.iter().map(point).collect(),
        };
        let series: Vec<_> = self.0.iter().map(series).collect();
        chart::lines("interquartile mean and 95% interval".to_uppercase().as_str(), "STEPS", &series)
    }

    /// Some points of every curve.
    pub fn table(&self, terminal: Terminal) -> String {
        let mut table = Table::new([
            ("curve", Align::Left),
            ("steps", Align::Right),
            ("mean", Align::Right),
            ("IQM", Align::Right),
            ("95 %", Align::Right),
        ]);
        for curve in &self.0 {
            let last = curve.points.len() - 1;
            let every = curve.points.len().div_ceil(ROWS);
            for (_, point) in curve.points.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last)
            {
                let Sureness { iqm, interval } = point.sureness;
                table.row([
                    curve.name.clone(),
                    point.step.to_string(),
                    format!("{:.3}", point.mean),
                    format!("{iqm:.3}"),
                    format!("{:.3} to {:.3}", interval.low, interval.high),
                ]);
            }
        }
        table.render(terminal)
    }
}

impl Curve {
    /// At every step at which one of the runs was measured after all of them were; in between, a run is worth what it was last.
    fn of(name: String, runs: &[&[(u64, f64)]]) -> Self {
        let mut steps: Vec<u64> = runs.iter().flat_map(|run| run.iter().map(|(step, _)| *step)).collect();
        steps.sort_unstable();
        steps.dedup();
        let until = runs.iter().filter_map(|run| run.last()).map(|(step, _)| *step).min().unwrap_or(0);
        let at = |step: u64| -> Option<Measured> {
            let last =
                |run: &&[(u64, f64)]| run.iter().rev().find(|(at, _)| *at <= step).map(|(_, value)| *value);
            let values: Vec<f64> = runs.iter().map(last).collect::<Option<_>>()?;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Some(Measured { step, mean, sureness: Sureness::of(&values) })
        };
        let points = steps.into_iter().filter(|step| *step <= until).filter_map(at).collect();
        Self { name, runs: runs.len(), points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_holds_the_last_measurement_of_every_run() {
        let runs: [&[(u64, f64)]; 2] = [&[(100, 1.0), (200, 2.0), (300, 9.0)], &[(150, 3.0), (200, 4.0)]];
        let curve = Curve::of("both".into(), &runs);
        let found: Vec<_> = curve.points.iter().map(|point| (point.step, point.mean)).collect();
        assert_eq!(found, [(150, 2.0), (200, 3.0)]);
        let Sureness { iqm, interval } = curve.points[1].sureness;
        assert_eq!((iqm, interval.low, interval.high), (3.0, 2.0, 4.0));
    }

    #[test]
    fn a_single_run_is_sure_of_itself() {
        let curve = Curve::of("one".into(), &[&[(10, 0.5)]]);
        assert_eq!(curve.points[0].sureness.interval.low, 0.5);
    }
}

//! `selfsame compare RUN...`: several runs in one table, with mean and standard deviation over runs that differ only
//! by seed.

mod curves;
mod groups;
mod over_setting;
mod summary;

pub use curves::Curves;
use groups::{Group, Statistic};
use summary::{EVALUATIONS, Evaluation, Outdated, Summary};

use std::path::PathBuf;

use selfsame_core::Result;
use serde_json::{Value, json};

use super::table::{Align, Table};
use super::terminal::Terminal;

/// Some runs side by side.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The runs in the order given.
    pub runs: Vec<Summary>,
    /// Runs that differ only by seed, where there are at least two.
    pub groups: Vec<Group>,
}

impl Comparison {
    /// Reads the runs.
    ///
    /// # Errors
    /// [`selfsame_core::Error::Data`] when a folder is not there or is not a run.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let runs: Vec<_> = folders.iter().map(|folder| Summary::read(folder)).collect::<Result<_>>()?;
        let groups = Group::of(&runs);
        Ok(Self { runs, groups })
    }

    /// A line a run, then a line a group.
    pub fn table(&self, terminal: Terminal) -> String {
        let text = ["run", "method", "dataset"].map(|name| (name, Align::Left));
        let numbers = [
            "epochs",
            "seed",
            "instances/s",
            "loss",
            "kNN before",
            "kNN after",
            "Recall@20 before",
            "Recall@20 after",
        ];
        let numbers = numbers.into_iter().chain(EVALUATIONS.map(|it| it.column)).chain(["return's IQM"]);
        let mut table = Table::new(text.into_iter().chain(numbers.map(|name| (name, Align::Right))));
        for run in &self.runs {
            let number = |value: Option<f64>, digits: usize| value.map(|value| format!("{value:.digits$}"));
            let cells = [
                Some(run.shown_name()),
                Some(run.method.clone()),
                Some(run.dataset.clone()),
                Some(run.epochs.to_string()),
                Some(run.seed.to_string()),
                number(run.images_per_second, 1),
                number(run.loss, 3),
                run.knn_before.map(percent),
                run.knn_after.map(percent),
                run.recall_before.map(percent),
                run.recall_after.map(percent),
            ];
            let evaluated = EVALUATIONS.map(|it| run.evaluations.get(it.name).map(|value| it.shown(*value)));
            table.row(cells.into_iter().chain(evaluated).map(Option::unwrap_or_default));
        }
        for group in &self.groups {
            let cells = [
                Some(group.shown_name()),
                Some(group.method.clone()),
                Some(group.dataset.clone()),
                Some(group.epochs.to_string()),
                None,
                group.images_per_second.map(|value| value.shown(1.0, 1)),
                group.loss.map(|value| value.shown(1.0, 3)),
                group.knn_before.map(shown),
                group.knn_after.map(shown),
                group.recall_before.map(shown),
                group.recall_after.map(shown),
            ];
            let evaluated = EVALUATIONS.map(|it| {
                let statistic = group.evaluations.get(it.name)?;
                Some(if it.share { shown(*statistic) } else { statistic.shown(1.0, 3) })
            });
            let sure = group.returns.map(|returns| {
                let interval = returns.interval;
                format!("{:.3} (95 %: {:.3} to {:.3})", returns.iqm, interval.low, interval.high)
            });
            table.row(cells.into_iter().chain(evaluated).chain([sure]).map(Option::unwrap_or_default));
        }
        table.render(terminal) + &self.outdated()
    }

    /// What is left out of the table, and why; nothing where nothing is.
    fn outdated(&self) -> String {
        let of_run = |run: &Summary| {
            let path = run.run.display().to_string();
            let told = move |it: &Outdated| {
                format!(
                    "\n{path}: {} was measured after {} steps, before it trained on; measure it again",
                    it.protocol, it.steps
                )
            };
            run.outdated.iter().map(told).collect::<String>()
        };
        self.runs.iter().map(of_run).collect()
    }

    /// The same as one JSON object.
    pub fn json(&self) -> Value {
        json!({"runs": self.runs, "groups": self.groups})
    }
}

impl Evaluation {
    /// A value for people.
    fn shown(&self, value: f64) -> String {
        if self.share { percent(value) } else { format!("{value:.3}") }
    }
}

fn shown(share: Statistic) -> String {
    share.shown(100.0, 1) + " %"
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests;

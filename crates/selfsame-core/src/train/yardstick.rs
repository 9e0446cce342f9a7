//! What is measured while a representation is learned, and how it is called.

/// A measure of what a representation is worth, of which more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yardstick {
    /// In `metrics.jsonl`.
    pub field: &'static str,
    /// In the results of a run, followed by `_before` and `_after`.
    pub result: &'static str,
    /// For people.
    pub title: &'static str,
    /// Whether it is a share in `0..=1`; any number if not.
    pub share: bool,
}

impl Yardstick {
    /// The share of instances that their nearest neighbours classify rightly.
    pub const KNN: Self = Self { field: "knn_top1", result: "knn", title: "kNN", share: true };

    /// The share of a user's held-out items among the 20 best, averaged over users.
    pub const RECALL: Self =
        Self { field: "recall@20", result: "recall@20", title: "Recall@20", share: true };

    /// The mean return of episodes.
    pub const RETURN: Self = Self { field: "mean_return", result: "return", title: "return", share: false };

    /// The name of what the untrained network was worth, and of what it was worth when last measured.
    pub fn results(self) -> [String; 2] {
        ["before", "after"].map(|when| format!("{}_{when}", self.result))
    }

    /// A value for people: a share as a percentage with so many digits after the point, a number with one more.
    pub fn shown(self, value: f64, digits: usize) -> String {
        match self.share {
            true => format!("{:.digits$} %", 100.0 * value),
            false => format!("{value:.0$}", digits + 1),
        }
    }
}

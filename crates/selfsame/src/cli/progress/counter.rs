//! How many of a known number of things are done.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::line::Line;
use super::number::{duration, grouped};

/// Shows how many things are done, from any thread: `embedded 1 200/10 000  ETA 12s`.
pub struct Counter {
    done: &'static str,
    total: usize,
    line: Option<Mutex<Line>>,
}

impl Counter {
    /// Counts to `total`. `done` says what happens to the things, such as `embedded`. Nothing is shown when `quiet`.
    pub fn new(done: &'static str, total: usize, quiet: bool) -> Self {
        let line = (!quiet).then(|| {
            let mut line = Line::new();
            // Time runs from here, not from the first thing that is done.
            line.update(0, total, |eta, _| render(done, 0, total, eta));
            Mutex::new(line)
        });
        Self { done, total, line }
    }

    /// So many things are done.
    pub fn at(&self, count: usize) {
        if let Some(line) = &self.line {
            // A thread that panicked while it held the line has not broken it.
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            let left = self.total.saturating_sub(count);
            line.update(count, left, |eta, _| render(self.done, count, self.total, eta));
        }
    }

    /// Makes room for the result.
    pub fn finish(self) {
        if let Some(line) = self.line {
            line.into_inner().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

fn render(done: &str, count: usize, total: usize, eta: Option<Duration>) -> String {
    let eta = eta.map(|eta| format!("  ETA {}", duration(eta))).unwrap_or_default();
    format!("{done} {}/{}{eta}", grouped(count), grouped(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts() {
        assert_eq!(render("embedded", 0, 10_000, None), "embedded 0/10 000");
        let eta = Some(Duration::from_secs(12));
        assert_eq!(render("embedded", 1200, 10_000, eta), "embedded 1 200/10 000  ETA 12s");
    }

    #[test]
    fn counting_further_than_expected_is_no_error() {
        let counter = Counter::new("checked", 2, true);
        counter.at(3);
        counter.finish();
    }
}

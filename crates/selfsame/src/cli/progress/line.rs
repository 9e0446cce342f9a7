//! The line on stderr.

use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::tell;
use crate::cli::terminal::Terminal;

/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// Time between two changes of the live line: faster than people read.
const LIVE_EVERY: Duration = Duration::from_millis(50);

/// A line that is rewritten in place on a terminal, and printed every few seconds elsewhere.
pub struct Line {
    bar: Option<ProgressBar>,
    /// When the first update came and how much was done then: a resumed training does not begin at 0.
    began: Option<(Instant, usize)>,
    shown: Option<Instant>,
}

impl Line {
    /// A live line if stderr is a terminal.
    pub fn new() -> Self {
        let bar = Terminal::of(&std::io::stderr()).live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            match ProgressStyle::with_template("{wide_msg}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { bar, began: None, shown: None }
    }

    /// Shows what `render` makes of the remaining time and of the room in characters, if it is time to.
    pub fn update(&mut self, done: usize, left: usize, render: impl Fn(Option<Duration>, usize) -> String) {
        let now = Instant::now();
        let (start, first) = *self.began.get_or_insert((now, done));
        let every = if self.bar.is_some() { LIVE_EVERY } else { PLAIN_EVERY };
        if left > 0 && self.shown.is_some_and(|shown| now - shown < every) {
            return;
        }
        self.shown = Some(now);
        let eta = remaining(done.saturating_sub(first), now - start, left);
        match &self.bar {
            Some(bar) => {
                let width = Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
                bar.set_message(render(eta, width));
            }
            None => tell(render(eta, usize::MAX)),
        }
    }

    /// Prints a line that stays, above the live one.
    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(message)),
            None => tell(message),
        }
    }

    /// Leaves the live line on the screen as it is.
    pub fn leave(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }

    /// Removes the live line.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The time that `left` steps take if they take as long as the `done` ones; unknown before the first.
fn remaining(done: usize, elapsed: Duration, left: usize) -> Option<Duration> {
    (done > 0).then(|| elapsed.div_f64(done as f64).mul_f64(left as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_that_of_what_this_process_did() {
        assert_eq!(remaining(0, Duration::from_secs(9), 100), None);
        assert_eq!(remaining(50, Duration::from_secs(10), 100), Some(Duration::from_secs(20)));
        assert_eq!(remaining(50, Duration::from_secs(10), 0), Some(Duration::ZERO));
    }
}

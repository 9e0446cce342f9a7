//! How far a training is: a live line on a terminal, a plain line every few seconds elsewhere. All on stderr.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Terminal;

/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How far a training is. Shown as
/// `epoch 12/100  step 340/1250  loss 5.21  lr 0.30  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs of the whole training.
    pub epochs: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// The loss, not a number before the first step.
    pub loss: f64,
    /// The learning rate.
    pub lr: f64,
    /// Images (not views) a second.
    pub images_per_second: f64,
    /// The share of time spent waiting for data, 0 to 1.
    pub data_wait: f64,
    /// The latest kNN accuracy, 0 to 1.
    pub knn: Option<f64>,
}

impl Snapshot {
    fn steps_done(&self) -> usize {
        self.epoch.saturating_sub(1) * self.steps + self.step
    }

    fn steps_left(&self) -> usize {
        (self.epochs * self.steps).saturating_sub(self.steps_done())
    }

    /// The parts of the line, each with its rank: where there is not enough room the highest ranks are left out first.
    fn parts(&self, eta: Option<Duration>) -> Vec<(u8, String)> {
        let mut parts = vec![
            (0, format!("epoch {}/{}", self.epoch, self.epochs)),
            (5, format!("step {}/{}", self.step, self.steps)),
            (1, format!("loss {}", significant(self.loss))),
            (6, format!("lr {}", significant(self.lr))),
            (3, format!("{} images/s", thousands(self.images_per_second))),
            (7, format!("data_wait {:.0} %", self.data_wait * 100.0)),
        ];
        parts.extend(self.knn.map(|knn| (4, format!("kNN {:.1} %", knn * 100.0))));
        parts.extend(eta.map(|eta| (2, format!("ETA {}", duration(eta)))));
        parts
    }

    /// The line in at most `width` characters.
    fn line(&self, eta: Option<Duration>, width: usize) -> String {
        let mut parts = self.parts(eta);
        loop {
            let line = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("  ");
            let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map(|(at, _)| at);
            match least {
                Some(at) if line.chars().count() > width && parts.len() > 1 => parts.remove(at),
                _ => return line,
            };
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(None, usize::MAX))
    }
}

/// Shows how far a training is.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// When the first snapshot came and how many steps were done then: a resumed training does not begin at 0.
    began: Option<(Instant, usize)>,
    last_line: Option<Instant>,
}

impl Progress {
    /// A live line if stderr is a terminal.
    pub fn new() -> Self {
        let bar = Terminal::of(&std::io::stderr()).live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            ProgressStyle::with_template("{wide_msg}")
                .map(|style| bar.clone().with_style(style))
                .unwrap_or(bar)
        });
        Self { bar, began: None, last_line: None }
    }

    /// Shows a snapshot, if it is time to.
    pub fn update(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        let (start, first) = *self.began.get_or_insert((now, snapshot.steps_done()));
        let done = snapshot.steps_done().saturating_sub(first);
        let eta = remaining(done, now - start, snapshot.steps_left());
        if let Some(bar) = &self.bar {
            let width = Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
            bar.set_message(snapshot.line(eta, width));
        } else if self.last_line.is_none_or(|last| now - last >= PLAIN_EVERY) || snapshot.steps_left() == 0 {
            self.last_line = Some(now);
            to_stderr(&snapshot.line(eta, usize::MAX));
        }
    }

    /// Prints a line that stays.
    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| to_stderr(message)),
            None => to_stderr(message),
        }
    }

    /// Leaves the last state on the screen.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a line. That nobody reads it is no reason to end a training.
fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The time that `left` steps take if they take as long as the `done` ones; unknown before the first.
fn remaining(done: usize, elapsed: Duration, left: usize) -> Option<Duration> {
    (done > 0).then(|| elapsed.div_f64(done as f64).mul_f64(left as f64))
}

/// Three significant digits: `5.21`, `0.300`, `1.25e-5`.
fn significant(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-4..1e6).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    // A magnitude that is not a number makes no decimals.
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A whole number with spaces between thousands; one digit more below ten.
fn thousands(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `3d04h`, `1h04`, `12m30`, `45s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: Snapshot = Snapshot {
        epoch: 12,
        epochs: 100,
        step: 340,
        steps: 1250,
        loss: 5.2136,
        lr: 0.3,
        images_per_second: 1840.4,
        data_wait: 0.031,
        knn: Some(0.612),
    };

    #[test]
    fn the_line_says_everything() {
        assert_eq!(
            SNAPSHOT.line(Some(Duration::from_secs(3840)), usize::MAX),
            "epoch 12/100  step 340/1250  loss 5.21  lr 0.300  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_what_matters_most() {
        let line = |width| SNAPSHOT.line(Some(Duration::from_secs(45)), width);
        assert_eq!(line(80), "epoch 12/100  step 340/1250  loss 5.21  1 840 images/s  kNN 61.2 %  ETA 45s");
        assert_eq!(line(40), "epoch 12/100  loss 5.21  ETA 45s");
        assert_eq!(line(1), "epoch 12/100");
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let early = Snapshot { knn: None, ..SNAPSHOT };
        let line = early.to_string();
        assert!(!line.contains("kNN") && !line.contains("ETA"), "{line}");
    }

    #[test]
    fn the_remaining_time_counts_from_where_this_process_began() {
        assert_eq!(remaining(0, Duration::from_secs(9), 100), None);
        assert_eq!(remaining(50, Duration::from_secs(10), 100), Some(Duration::from_secs(20)));
        assert_eq!(SNAPSHOT.steps_left(), 100 * 1250 - 11 * 1250 - 340);
    }

    #[test]
    fn numbers_have_three_significant_digits() {
        let cases = [
            (5.2136, "5.21"),
            (12.345, "12.3"),
            (1234.5, "1234"),
            (0.3, "0.300"),
            (0.00123, "0.00123"),
            (1.25e-5, "1.25e-5"),
            (0.0, "0.00"),
            (-0.05, "-0.0500"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn thousands_are_apart() {
        let cases =
            [(4.26, "4.3"), (12.4, "12"), (999.0, "999"), (1840.4, "1 840"), (1_234_567.0, "1 234 567")];
        for (value, text) in cases {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        let cases = [(0.2, "0s"), (59.6, "1m00"), (750.0, "12m30"), (3840.0, "1h04"), (360_000.0, "4d04h")];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
    }
}

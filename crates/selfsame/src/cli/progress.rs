//! How far a training is: a live line on a terminal, a plain line every few seconds elsewhere. All on stderr.

use std::io::Write;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use selfsame_core::train::Live;

use super::terminal::Terminal;

/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The parts of the line, each with its rank: where there is not enough room the highest ranks are left out first.
fn parts(live: &Live, eta: Option<Duration>) -> Vec<(u8, String)> {
    let mut parts = vec![
        (0, format!("epoch {}/{}", live.epoch, live.epochs)),
        (5, format!("step {}/{}", live.step, live.steps)),
        (1, format!("loss {}", significant(live.loss))),
        (6, format!("lr {}", significant(live.lr))),
        (3, format!("{} images/s", thousands(live.images_per_second))),
        (7, format!("data_wait {:.0} %", live.data_wait * 100.0)),
    ];
    parts.extend(live.knn.map(|knn| (4, format!("kNN {:.1} %", knn * 100.0))));
    parts.extend(eta.map(|eta| (2, format!("ETA {}", duration(eta)))));
    parts
}

/// `epoch 12/100  step 340/1250  loss 5.21  lr 0.30  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04`, in at most
/// `width` characters.
fn line(live: &Live, eta: Option<Duration>, width: usize) -> String {
    let mut parts = parts(live, eta);
    loop {
        let line = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("  ");
        let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map(|(at, _)| at);
        match least {
            Some(at) if line.chars().count() > width && parts.len() > 1 => parts.remove(at),
            _ => return line,
        };
    }
}

fn steps_done(live: &Live) -> usize {
    live.epoch.saturating_sub(1) * live.steps + live.step
}

fn steps_left(live: &Live) -> usize {
    (live.epochs * live.steps).saturating_sub(steps_done(live))
}

/// Shows how far a training is.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// When the first step was shown and how many steps were done then: a resumed training does not begin at 0.
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

    /// Shows where the training stands, if it is time to.
    pub fn update(&mut self, live: &Live) {
        let now = Instant::now();
        let (start, first) = *self.began.get_or_insert((now, steps_done(live)));
        let done = steps_done(live).saturating_sub(first);
        let eta = remaining(done, now - start, steps_left(live));
        if let Some(bar) = &self.bar {
            let width = Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
            bar.set_message(line(live, eta, width));
        } else if self.last_line.is_none_or(|last| now - last >= PLAIN_EVERY) || steps_left(live) == 0 {
            self.last_line = Some(now);
            to_stderr(&line(live, eta, usize::MAX));
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

/// How many of something are done: a live line on a terminal, nothing elsewhere.
pub struct Counter(Option<ProgressBar>);

impl Counter {
    /// Counts up to `total`, or without an end if that is 0. `what` says what is done to them.
    pub fn new(what: &'static str, total: usize, quiet: bool) -> Self {
        let live = Terminal::of(&std::io::stderr()).live && !quiet;
        Self(live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_prefix(what);
            let style = if total > 0 { "{prefix} {pos}/{len}  ETA {eta}" } else { "{prefix} {pos}" };
            bar.set_length(total as u64);
            ProgressStyle::with_template(style).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        }))
    }

    /// So many are done.
    pub fn at(&self, done: usize) {
        if let Some(bar) = &self.0 {
            bar.set_position(done as u64);
        }
    }

    /// All are done; the line goes.
    pub fn finish(self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
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

    const LIVE: Live = Live {
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
            line(&LIVE, Some(Duration::from_secs(3840)), usize::MAX),
            "epoch 12/100  step 340/1250  loss 5.21  lr 0.300  1 840 images/s  data_wait 3 %  kNN 61.2 %  ETA 1h04"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_what_matters_most() {
        let line = |width| line(&LIVE, Some(Duration::from_secs(45)), width);
        assert_eq!(line(80), "epoch 12/100  step 340/1250  loss 5.21  1 840 images/s  kNN 61.2 %  ETA 45s");
        assert_eq!(line(40), "epoch 12/100  loss 5.21  ETA 45s");
        assert_eq!(line(1), "epoch 12/100");
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let early = Live { knn: None, ..LIVE };
        let line = early.to_string();
        assert!(!line.contains("kNN") && !line.contains("ETA"), "{line}");
    }

    #[test]
    fn the_remaining_time_counts_from_where_this_process_began() {
        assert_eq!(remaining(0, Duration::from_secs(9), 100), None);
        assert_eq!(remaining(50, Duration::from_secs(10), 100), Some(Duration::from_secs(20)));
        assert_eq!(LIVE.steps_left(), 100 * 1250 - 11 * 1250 - 340);
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

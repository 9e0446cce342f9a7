//! How far something is: a live line on a terminal, a plain line every few seconds elsewhere. All on stderr.

mod counter;
mod line;
mod number;
mod training;

pub use counter::Counter;

use selfsame_core::train::{Live, Observer, Silent};

use line::Line;

/// Who watches a training: nobody when `quiet`.
pub fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet { Box::new(Silent) } else { Box::new(Progress { line: Line::new() }) }
}

/// Shows how far a training is. When it is dropped the last state stays on the screen.
struct Progress {
    line: Line,
}

impl Observer for Progress {
    fn step(&mut self, live: &Live) {
        self.line.update(live.steps_done(), live.steps_left(), |eta, width| training::line(live, eta, width));
    }

    fn epoch(&mut self, live: &Live) {
        let loss = match live.loss.is_nan() {
            true => String::new(),
            false => format!("  mean loss {:.3}", live.loss),
        };
        let worth = live.measured.map_or_else(String::new, |value| {
            format!("  {} {}", live.yardstick.title, live.yardstick.shown(value, 1))
        });
        self.line.say(&format!("epoch {}/{} done{loss}{worth}", live.epoch, live.epochs));
    }

    fn warn(&mut self, message: &str) {
        self.line.say(&format!("warning: {message}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.leave();
    }
}

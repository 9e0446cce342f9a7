//! How far something is: a live line on a terminal, a plain line every few seconds elsewhere. All on stderr.

mod counter;
mod line;
mod number;
mod snapshot;

pub use counter::Counter;
pub use snapshot::Snapshot;

use line::Line;

/// Shows how far a training is. When it is dropped the last state stays on the screen.
pub struct Progress {
    line: Line,
}

impl Progress {
    /// Nothing is shown before the first update.
    pub fn new() -> Self {
        Self { line: Line::new() }
    }

    /// Shows how far the training is, if it is time to.
    pub fn update(&mut self, snapshot: &Snapshot) {
        let render = |eta, width| snapshot.line(eta, width);
        self.line.update(snapshot.steps_done(), snapshot.steps_left(), render);
    }

    /// Prints a line that stays.
    pub fn say(&self, message: &str) {
        self.line.say(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.leave();
    }
}

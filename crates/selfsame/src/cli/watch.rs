//! A training as it is watched from the command line.

use selfsame_core::train::{Live, Observer, Silent};

use super::progress::Progress;

/// Who watches: nobody when `quiet`.
pub fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet { Box::new(Silent) } else { Box::new(Watch { progress: Progress::new() }) }
}

struct Watch {
    progress: Progress,
}

impl Observer for Watch {
    fn step(&mut self, live: &Live) {
        self.progress.update(live);
    }

    fn epoch(&mut self, live: &Live, mean_loss: f64) {
        let knn = live.knn.map_or_else(String::new, |knn| format!("  kNN {:.1} %", 100.0 * knn));
        self.progress.say(&format!("epoch {}/{}  mean loss {mean_loss:.3}{knn}", live.epoch, live.epochs));
    }

    fn warn(&mut self, message: &str) {
        self.progress.say(&format!("warning: {message}"));
    }
}

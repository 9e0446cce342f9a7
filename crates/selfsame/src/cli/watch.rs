//! A training as it is watched from the command line.

use selfsame_core::train::{Live, Observer, Silent};

use super::progress::{Progress, Snapshot};

/// Who watches: nobody when `quiet`.
pub fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet { Box::new(Silent) } else { Box::new(Watch { progress: Progress::new() }) }
}

struct Watch {
    progress: Progress,
}

impl Observer for Watch {
    fn step(&mut self, live: &Live) {
        self.progress.update(&Snapshot {
            epoch: live.epoch,
            epochs: live.epochs,
            step: live.step,
            steps: live.steps,
            loss: live.loss,
            lr: live.lr,
            images_per_second: live.images_per_second,
            data_wait: live.data_wait,
            knn: live.knn,
        });
    }

    fn epoch(&mut self, live: &Live, mean_loss: f64) {
        let knn = live.knn.map_or_else(String::new, |knn| format!("  kNN {:.1} %", 100.0 * knn));
        self.progress.say(&format!("epoch {}/{}  mean loss {mean_loss:.3}{knn}", live.epoch, live.epochs));
    }

    fn warn(&mut self, message: &str) {
        self.progress.say(&format!("warning: {message}"));
    }
}

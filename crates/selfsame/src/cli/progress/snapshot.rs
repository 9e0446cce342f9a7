//! The line that says how far a training is.

use std::time::Duration;

use super::number::{duration, significant, thousands};

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
    pub(super) fn steps_done(&self) -> usize {
        self.epoch.saturating_sub(1) * self.steps + self.step
    }

    pub(super) fn steps_left(&self) -> usize {
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
    pub(super) fn line(&self, eta: Option<Duration>, width: usize) -> String {
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
        let line = early.line(None, usize::MAX);
        assert!(!line.contains("kNN") && !line.contains("ETA"), "{line}");
    }

    #[test]
    fn steps_are_counted_over_all_epochs() {
        assert_eq!((SNAPSHOT.steps_done(), SNAPSHOT.steps_left()), (11 * 1250 + 340, 89 * 1250 - 340));
    }
}

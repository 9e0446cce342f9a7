//! Intersection over union.

/// How often each class was taken for each: counts of pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[truth, prediction]`.
    counts: Vec<u64>,
}

impl Confusion {
    /// Nothing counted yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts the pixels of a picture, but those whose truth is `void`.
    pub fn count(&mut self, truth: &[u8], prediction: &[u8], void: u8) {
        for (&truth, &prediction) in truth.iter().zip(prediction) {
            if truth == void {
                continue;
            }
            let (truth, prediction) = (usize::from(truth), usize::from(prediction));
            if truth < self.classes && prediction < self.classes {
                self.counts[truth * self.classes + prediction] += 1;
            }
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Pixels that were counted.
    pub fn pixels(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// For each class the pixels that are and were taken for it, as a share of those that are or were; nothing for a class that
    /// neither occurs nor was guessed.
    pub fn iou(&self) -> Vec<Option<f64>> {
        let of = |truth: usize, prediction: usize| self.counts[truth * self.classes + prediction];
        (0..self.classes)
            .map(|class| {
                let both = of(class, class);
                let truth: u64 = (0..self.classes).map(|other| of(class, other)).sum();
                let guessed: u64 = (0..self.classes).map(|other| of(other, class)).sum();
                let union = truth + guessed - both;
                (union > 0).then(|| both as f64 / union as f64)
            })
            .collect()
    }

    /// The mean of [`iou`](Self::iou) over the classes that have one.
    pub fn mean_iou(&self) -> f64 {
        let all: Vec<f64> = self.iou().into_iter().flatten().collect();
        all.iter().sum::<f64>() / all.len().max(1) as f64
    }

    /// The share of the pixels that were taken for what they are.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.counts[class * (self.classes + 1)]).sum();
        right as f64 / self.pixels().max(1) as f64
    }
}

//! Schedules of the learning rate and of the target encoder's momentum, counted in steps.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The shape of a schedule after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Half a cosine, down to `final_lr_share` at the end (Loshchilov and Hutter 2017, without restarts).
    Cosine,
    /// Multiplied by `factor` at every milestone.
    Step,
    /// The base learning rate.
    Constant,
}

/// The settings of the learning rate's schedule, section `schedule` of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// `cosine` (default), `step` or `constant`.
    pub kind: ScheduleKind,
    /// The length of training in epochs, at least 1. Default 100.
    pub epochs: usize,
    /// The length of the linear warm-up in epochs; fractions are allowed. Default 0.
    pub warmup_epochs: f64,
    /// Step: the epochs from which the learning rate is multiplied by `factor` once more, ascending. Default none.
    pub milestones: Vec<f64>,
    /// Step: the factor, positive. Default 0.1.
    pub factor: f64,
    /// Cosine: the learning rate at the end as a share of the base learning rate, in `[0, 1]`. Default 0.
    pub final_lr_share: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Cosine,
            epochs: 100,
            warmup_epochs: 0.0,
            milestones: Vec::new(),
            factor: 0.1,
            final_lr_share: 0.0,
        }
    }
}

impl ScheduleConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the setting (`schedule.warmup_epochs` …), its value and its range.
    pub fn validate(&self) -> Result<()> {
        let check = |fits: bool, what: String, help: &str| {
            if fits { Ok(()) } else { Err(Error::config(what, help)) }
        };
        check(
            self.epochs > 0,
            "schedule.epochs is 0, so nothing would be learned".into(),
            "train for at least one epoch: --epochs 1",
        )?;
        let warmup = self.warmup_epochs;
        check(
            warmup.is_finite() && warmup >= 0.0,
            format!("schedule.warmup_epochs is {warmup}, which is not a number from 0 on"),
            "0 switches the warm-up off",
        )?;
        check(
            warmup <= self.epochs as f64,
            format!("schedule.warmup_epochs is {warmup}, longer than the training of {} epochs", self.epochs),
            "shorten the warm-up (a tenth of the training is usual) or raise --epochs",
        )?;
        check(
            self.factor.is_finite() && self.factor > 0.0,
            format!("schedule.factor is {}, which is not a positive number", self.factor),
            "0.1 and 0.2 are usual",
        )?;
        check(
            self.milestones.iter().all(|epoch| epoch.is_finite() && *epoch >= 0.0)
                && self.milestones.is_sorted(),
            format!("schedule.milestones are {:?}, which are not ascending epochs", self.milestones),
            "write them like --set schedule.milestones=[60,80]",
        )?;
        check(
            (0.0..=1.0).contains(&self.final_lr_share),
            format!("schedule.final_lr_share is {}, which is not in [0, 1]", self.final_lr_share),
            "0 lets the learning rate vanish at the end",
        )
    }

    /// The schedule of a training with `steps_per_epoch` steps an epoch and this base learning rate.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate).
    pub fn init(&self, base_lr: f64, steps_per_epoch: usize) -> Result<Schedule> {
        self.validate()?;
        let steps = |epochs: f64| (epochs * steps_per_epoch as f64).round() as usize;
        Ok(Schedule {
            kind: self.kind,
            base_lr,
            total_steps: self.epochs * steps_per_epoch,
            warmup_steps: steps(self.warmup_epochs),
            milestones: self.milestones.iter().map(|&epoch| steps(epoch)).collect(),
            factor: self.factor,
            final_lr_share: self.final_lr_share,
        })
    }
}

/// The learning rate of every step. Made by [`ScheduleConfig::init`]; without state, so that resuming is exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    kind: ScheduleKind,
    base_lr: f64,
    total_steps: usize,
    warmup_steps: usize,
    milestones: Vec<usize>,
    factor: f64,
    final_lr_share: f64,
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0: [`share`](Self::share) × the base learning rate.
    pub fn lr(&self, step: usize) -> f64 {
        self.base_lr * self.share(step)
    }

    /// The learning rate of step `step` as a share of the base learning rate: `(step + 1) / warm-up steps` while
    /// warming up, then the schedule's shape over the remainder. Beyond the end it stays at its last value.
    pub fn share(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return (step + 1) as f64 / self.warmup_steps as f64;
        }
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Step => {
                let passed = self.milestones.iter().filter(|&&milestone| step >= milestone).count();
                self.factor.powf(passed as f64)
            }
            ScheduleKind::Cosine => {
                let remainder = self.total_steps.saturating_sub(self.warmup_steps).max(1);
                let progress = ((step - self.warmup_steps) as f64 / remainder as f64).min(1.0);
                self.final_lr_share + (1.0 - self.final_lr_share) * half_cosine(progress)
            }
        }
    }

    /// The base learning rate, which parameters without a schedule keep.
    pub fn base_lr(&self) -> f64 {
        self.base_lr
    }

    /// The number of steps of the whole training.
    pub fn total_steps(&self) -> usize {
        self.total_steps
    }
}

/// The momentum of BYOL's target encoder (Grill et al. 2020, arXiv 2006.07733, section 3.3): from m₀ up to 1 by
/// `1 − (1 − m₀)·(cos(πk/K) + 1)/2` at step k of K.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentumSchedule {
    initial: f64,
    total_steps: usize,
}

impl MomentumSchedule {
    /// A schedule from `initial` (m₀) over `total_steps` (K).
    ///
    /// # Errors
    /// [`Error::Config`] when `initial` is not in `[0, 1]`.
    pub fn new(initial: f64, total_steps: usize) -> Result<Self> {
        if !(0.0..=1.0).contains(&initial) {
            return Err(Error::config(
                format!("the target encoder's momentum is {initial}, which is not in [0, 1]"),
                "0.99 to 0.996 are usual",
            ));
        }
        Ok(Self { initial, total_steps: total_steps.max(1) })
    }

    /// The momentum of step `step`, counted from 0; 1 from the last step on.
    pub fn at(&self, step: usize) -> f64 {
        let progress = (step as f64 / self.total_steps as f64).min(1.0);
        1.0 - (1.0 - self.initial) * half_cosine(progress)
    }
}

/// From 1 at progress 0 to 0 at progress 1.
fn half_cosine(progress: f64) -> f64 {
    (1.0 + (PI * progress).cos()) / 2.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::golden::assert_close;

    fn cosine(epochs: usize, warmup_epochs: f64) -> ScheduleConfig {
        ScheduleConfig { epochs, warmup_epochs, ..Default::default() }
    }

    #[test]
    fn warm_up_is_linear_and_ends_at_the_base_learning_rate() {
        let schedule = cosine(10, 0.5).init(4.8, 10).unwrap();
        let start: Vec<f64> = (0..6).map(|step| schedule.lr(step)).collect();
        assert_close(&start, &[0.96, 1.92, 2.88, 3.84, 4.8, 4.8], 1e-12);
    }

    #[test]
    fn cosine_follows_the_closed_formula() {
        let config = ScheduleConfig { final_lr_share: 0.1, ..cosine(4, 1.0) };
        let schedule = config.init(2.0, 3).unwrap();
        assert_eq!(schedule.total_steps(), 12);
        // Nine steps after the warm-up: a third and two thirds of the way are 3 and 6 steps on, cos(π/3) = 1/2.
        assert_close(&[schedule.lr(6)], &[2.0 * (0.1 + 0.9 * 0.75)], 1e-12);
        assert_close(&[schedule.lr(9)], &[2.0 * (0.1 + 0.9 * 0.25)], 1e-12);
        assert_close(&[schedule.lr(12), schedule.lr(99)], &[0.2, 0.2], 1e-12);
    }

    #[test]
    fn step_multiplies_at_the_milestones() {
        let config = ScheduleConfig {
            kind: ScheduleKind::Step,
            milestones: vec![1.0, 2.5],
            factor: 0.2,
            warmup_epochs: 0.5,
            epochs: 3,
            ..Default::default()
        };
        let schedule = config.init(1.0, 4).unwrap();
        let shares: Vec<f64> = (0..12).map(|step| schedule.lr(step)).collect();
        let expected = [0.5, 1.0, 1.0, 1.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.04, 0.04];
        assert_close(&shares, &expected, 1e-12);
    }

    #[test]
    fn a_training_of_warm_up_alone_is_allowed_and_a_longer_warm_up_is_not() {
        assert_close(&[cosine(2, 2.0).init(1.0, 5).unwrap().lr(9)], &[1.0], 1e-12);
        let error = cosine(2, 2.5).init(1.0, 5).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("schedule.warmup_epochs is 2.5"), "{error}");
    }

    #[test]
    fn broken_settings_are_named() {
        let default = ScheduleConfig::default;
        for (name, config) in [
            ("epochs", ScheduleConfig { epochs: 0, ..default() }),
            ("warmup_epochs", ScheduleConfig { warmup_epochs: -1.0, ..default() }),
            ("warmup_epochs", ScheduleConfig { warmup_epochs: f64::NAN, ..default() }),
            ("factor", ScheduleConfig { factor: 0.0, ..default() }),
            ("milestones", ScheduleConfig { milestones: vec![5.0, 3.0], ..default() }),
            ("final_lr_share", ScheduleConfig { final_lr_share: 1.5, ..default() }),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(&format!("schedule.{name}")), "{message}");
        }
    }

    #[test]
    fn target_momentum_follows_the_closed_formula() {
        let schedule = MomentumSchedule::new(0.996, 300).unwrap();
        let ends = [0, 100, 150, 200, 300, 400].map(|step| 1.0 - schedule.at(step));
        assert_close(&ends, &[0.004, 0.003, 0.002, 0.001, 0.0, 0.0], 1e-10);
        assert!(MomentumSchedule::new(1.1, 3).is_err() && MomentumSchedule::new(f64::NAN, 3).is_err());
    }

    proptest! {
        #[test]
        fn shares_are_bounded_and_do_not_jump(
            epochs in 1usize..40,
            steps_per_epoch in 1usize..50,
            warmup in 0.0f64..1.0,
            floor in 0.0f64..1.0,
        ) {
            let config = ScheduleConfig { final_lr_share: floor, ..cosine(epochs, warmup * epochs as f64) };
            let schedule = config.init(1.0, steps_per_epoch).unwrap();
            let remainder = (schedule.total_steps - schedule.warmup_steps).max(1) as f64;
            for step in 0..schedule.total_steps {
                let share = schedule.share(step);
                prop_assert!(share > 0.0 && share <= 1.0);
                if step >= schedule.warmup_steps {
                    prop_assert!(share >= floor - 1e-12);
                    // The cosine's steepest slope is π/2 over the remainder.
                    let change = share - schedule.share(step + 1);
                    prop_assert!(change >= -1e-12 && change <= PI / 2.0 / remainder + 1e-12);
                }
            }
        }
    }
}

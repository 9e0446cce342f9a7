//! What one optimiser step does.

use super::toys::{Mean, SIZE, rows};
use super::*;
use crate::golden::assert_close;
use crate::schedule::ScheduleKind;

fn mean_row(batches: &[Vec<[f32; 3]>]) -> Vec<f64> {
    let rows: Vec<_> = batches.concat();
    let of_column =
        |column: usize| rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / rows.len() as f64;
    (0..3).map(of_column).collect()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn everything_happens_in_order() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.accumulate(2);
    training.plan.epochs = 1;
    assert_eq!(training.run().unwrap(), Outcome::Finished);
    let expected = [
        "measure",
        "batch 0.0",
        "objective 0 of 2 in epoch 0",
        "recycle",
        "batch 0.1",
        "objective 0 of 2 in epoch 0",
        "recycle",
        "after step 0",
        "step 1/2 of epoch 1/1",
        "batch 0.2",
        "objective 1 of 2 in epoch 0",
        "recycle",
        "batch 0.3",
        "objective 1 of 2 in epoch 0",
        "recycle",
        "after step 1",
        "step 2/2 of epoch 1/1",
        "measure",
        "epoch 1",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn accumulation_averages_the_gradients_and_each_step_has_its_own_rate() {
    for accumulate in [1, 2, 4] {
        let log = Log::default();
        let mut training = Training::new(Mean::new(&log), &log);
        training.accumulate(accumulate);
        training.schedule = ScheduleConfig { epochs: 2, warmup_epochs: 1.0, ..ScheduleConfig::default() };
        let mut expected = training.method.weights();
        training.run().unwrap();
        let per_epoch = 4 / accumulate;
        for step in 0..2 * per_epoch {
            let first = step % per_epoch * accumulate;
            let batches: Vec<_> =
                (first..first + accumulate).map(|place| rows(step / per_epoch, place)).collect();
            // Warm-up for an epoch, then half a cosine over the other one.
            let rate = if step < per_epoch {
                0.1 * (step + 1) as f64 / per_epoch as f64
            } else {
                let progress = (step - per_epoch) as f64 / per_epoch as f64;
                0.1 * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
            };
            for (weight, gradient) in expected.iter_mut().zip(mean_row(&batches)) {
                *weight -= rate * gradient;
            }
            let record =
                &training.records().into_iter().filter(|r| r.value("lr").is_some()).collect::<Vec<_>>()[step];
            assert_close(&[record.value("lr").unwrap()], &[rate], 1e-9);
        }
        assert_close(&training.method.weights(), &expected, 1e-5);
    }
}

#[test]
fn batches_that_do_not_fill_a_step_are_left_out() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.accumulate(3);
    training.run().unwrap();
    assert_eq!((training.progress.step, training.progress.epoch), (2, 2));
    let batches: Vec<_> = log.take().into_iter().filter(|what| what.starts_with("batch")).collect();
    assert_eq!(batches, ["batch 0.0", "batch 0.1", "batch 0.2", "batch 1.0", "batch 1.1", "batch 1.2"]);

    let error = steps_per_epoch(4, 5).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("optimizer.accumulate is 5"), "{error}");
}

#[test]
fn a_long_gradient_is_clipped_after_averaging() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.accumulate(2);
    training.plan.clip = 0.05;
    let mut expected = training.method.weights();
    training.run().unwrap();
    let steps: Vec<_> =
        training.records().into_iter().filter(|record| record.value("lr").is_some()).collect();
    for (step, record) in steps.iter().enumerate() {
        let first = step % 2 * 2;
        let gradient = mean_row(&[rows(step / 2, first), rows(step / 2, first + 1)]);
        let length = norm(&gradient);
        assert!(length > 0.05, "the clipping must matter here");
        assert_close(&[record.value("gradient_norm").unwrap()], &[length], 1e-5);
        for (weight, gradient) in expected.iter_mut().zip(gradient) {
            *weight -= 0.1 * gradient * 0.05 / length;
        }
    }
    assert_close(&training.method.weights(), &expected, 1e-5);
}

#[test]
fn the_recorded_loss_and_its_terms_are_means_over_the_accumulated_batches() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.accumulate(2);
    let weights = training.method.weights();
    training.run().unwrap();
    let row = mean_row(&[rows(0, 0), rows(0, 1)]);
    let loss: f64 = weights.iter().zip(row).map(|(weight, value)| weight * value).sum();
    let record = &training.records()[0];
    assert_close(&[record.value("loss").unwrap()], &[loss], 1e-5);
    assert_close(&[record.value("twice").unwrap()], &[2.0 * loss], 1e-5);
    assert_eq!(SIZE, rows(0, 0).len());
}

#[test]
fn a_step_without_anything_to_learn_moves_nothing() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.plan.epochs = 1;
    training.optimizer.momentum = 0.9;
    training.method.idle_at = Some(1);
    training.schedule.kind = ScheduleKind::Constant;
    let mut expected = training.method.weights();
    training.run().unwrap();
    let mut velocity = [0.0; 3];
    for place in [0, 2, 3] {
        for ((weight, velocity), gradient) in
            expected.iter_mut().zip(&mut velocity).zip(mean_row(&[rows(0, place)]))
        {
            *velocity = 0.9 * *velocity + gradient;
            *weight -= 0.1 * *velocity;
        }
    }
    assert_close(&training.method.weights(), &expected, 1e-5);
}

#[test]
fn a_parameter_without_a_schedule_keeps_the_base_rate() {
    let log = Log::default();
    let mut training = Training::new(Mean::new(&log), &log);
    training.method.follows_schedule = false;
    training.schedule = ScheduleConfig { epochs: 2, warmup_epochs: 1.0, ..ScheduleConfig::default() };
    let mut expected = training.method.weights();
    training.run().unwrap();
    for (epoch, place) in (0..2).flat_map(|epoch| (0..4).map(move |place| (epoch, place))) {
        for (weight, gradient) in expected.iter_mut().zip(mean_row(&[rows(epoch, place)])) {
            *weight -= 0.1 * gradient;
        }
    }
    assert_close(&training.method.weights(), &expected, 1e-5);
}

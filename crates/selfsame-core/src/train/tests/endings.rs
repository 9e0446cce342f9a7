//! How a training ends before its last epoch.

use super::toys::Mean;
use super::*;

fn mean() -> Training<Mean> {
    let log = Log::default();
    Training::new(Mean::new(&log), &log)
}

fn warnings(log: &Log) -> Vec<String> {
    log.take().into_iter().filter(|what| what.starts_with("warning")).collect()
}

#[test]
fn a_signal_ends_the_training_after_the_step_with_a_checkpoint() {
    for signal in [Stop::Terminate, Stop::Interrupt] {
        let mut training = mean();
        let stop = training.stop.clone();
        training.at_step = Box::new(move |step| {
            if step == 6 {
                stop.request(signal);
            }
        });
        assert_eq!(training.run().unwrap(), Outcome::Stopped(signal));
        let saved = training.progress_of("last");
        assert_eq!((saved.step, saved.epoch, saved.step_in_epoch), (6, 1, 2));
        assert_eq!(saved, training.progress);
        assert_eq!(training.records().last().map(|record| record.step), Some(6));
    }
}

#[test]
fn a_loss_that_is_not_a_number_keeps_the_last_good_checkpoint() {
    let mut training = mean();
    training.method.broken_at = Some(6);
    training.plan.checkpoint_steps = 2;
    let error = training.run().unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().starts_with("the loss is NaN at step 7 (epoch 2)"), "{error}");
    assert_eq!(training.progress_of("last").step, 6);
    assert_eq!(training.records().last().map(|record| record.step), Some(6));
    assert!(training.method.weights().iter().all(|weight| weight.is_finite()));
}

#[test]
fn a_weight_that_is_not_finite_is_never_saved() {
    let mut training = mean();
    // The loss of the last step before the checkpoint is still finite.
    training.optimizer.lr = 1e300;
    training.plan.checkpoint_steps = 1;
    let error = training.run().unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("weight holds a value that is not finite after step 1"), "{error}");
    assert_eq!(training.progress_of("last").step, 0);
}

#[test]
fn each_collapse_is_warned_of_once() {
    let mut training = mean();
    training.plan.epochs = 4;
    // Healthy for two steps, collapsed for six, healthy again, collapsed to the end.
    training.method.collapsed = |step| !matches!(step, 0..2 | 8..10);
    training.run().unwrap();
    let warnings = warnings(&training.log);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("collapsed at step 5") && warnings[1].contains("collapsed at step 13"));
}

#[test]
fn a_resumed_training_does_not_repeat_the_warning() {
    let mut training = mean();
    training.method.collapsed = |_| true;
    let stop = training.stop.clone();
    training.at_step = Box::new(move |step| {
        if step == 5 {
            stop.request(Stop::Terminate);
        }
    });
    training.run().unwrap();
    assert_eq!(warnings(&training.log).len(), 1);
    training.stop = StopSignal::manual();
    let last = training.checkpoint("last");
    assert_eq!(training.resume(last).unwrap(), Outcome::Finished);
    assert!(warnings(&training.log).is_empty());
}

#[test]
fn a_collapse_ends_the_training_if_asked_to() {
    let mut training = mean();
    training.method.collapsed = |step| step >= 4;
    training.plan.stop_on_collapse = true;
    let error = training.run().unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.to_string().contains("collapsed at step 7"), "{error}");
    assert_eq!(training.progress_of("last").step, 4);
    assert!(warnings(&training.log).is_empty(), "the error says it");
}

#[test]
fn data_that_ends_early_is_an_error() {
    let mut training = mean();
    training.batches.given = 3;
    let error = training.run().unwrap_err();
    assert!(error.to_string().contains("ended early"), "{error}");
}

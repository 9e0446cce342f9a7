//! What a training leaves behind: records and checkpoints.

use super::toys::{Contrast, Mean};
use super::*;
use crate::golden::assert_close;
use crate::run::Kind;

fn mean() -> Training<Mean> {
    let log = Log::default();
    Training::new(Mean::new(&log), &log)
}

#[test]
fn records_count_epochs_from_one_and_come_at_the_end_of_every_epoch() {
    let mut training = mean();
    training.plan.log_every = 3;
    training.measure = Box::new(|call| Some(0.25 * call as f64));
    training.run().unwrap();
    let records = training.records();
    let found: Vec<_> = records.iter().map(|record| (record.kind, record.epoch, record.step)).collect();
    let expected = [
        (Kind::Step, 1, 3),
        (Kind::Step, 1, 4),
        (Kind::Epoch, 1, 4),
        (Kind::Step, 2, 6),
        (Kind::Step, 2, 8),
        (Kind::Epoch, 2, 8),
    ];
    assert_eq!(found, expected);
    let names = |record: &Record| record.values.keys().cloned().collect::<Vec<_>>();
    let step = ["loss", "twice", "lr", "images_per_second", "data_wait"];
    let monitors = ["alignment", "uniformity", "deviation", "effective_rank"];
    let memory = if cfg!(target_os = "linux") { &["memory_mb"][..] } else { &[] };
    assert_eq!(names(&records[0]), [&step[..], memory, &monitors].concat());
    assert_eq!(names(&records[2]), ["loss", "images_per_second", "data_wait", "knn_top1"]);
    assert_eq!((records[2].value("knn_top1"), records[5].value("knn_top1")), (Some(0.25), Some(0.5)));
    let twice = records[1].value("twice").unwrap();
    assert_close(&[twice], &[2.0 * records[1].value("loss").unwrap()], 1e-6);
    assert_eq!(training.progress.measured_before, Some(0.0));
    assert_eq!(training.progress.measured_last, Some(0.5));
}

#[test]
fn the_loss_of_an_epoch_is_the_mean_of_its_steps() {
    let mut training = mean();
    training.run().unwrap();
    let records = training.records();
    for epoch in [1, 2] {
        let of = |kind| records.iter().filter(move |record| record.epoch == epoch && record.kind == kind);
        let losses: Vec<f64> = of(Kind::Step).map(|record| record.value("loss").unwrap()).collect();
        let mean = of(Kind::Epoch).next().unwrap().value("loss").unwrap();
        assert_eq!(losses.len(), 4);
        assert_close(&[mean], &[losses.iter().sum::<f64>() / 4.0], 1e-9);
    }
}

#[test]
fn a_checkpoint_holds_all_that_the_next_step_depends_on() {
    let log = Log::default();
    let mut training = Training::new(Contrast::new(), &log);
    training.optimizer.momentum = 0.9;
    training.keep_every = 2;
    training.run().unwrap();
    assert_eq!(checkpoint::list(&training.checkpoints()).unwrap(), ["best", "epoch-0002", "last"]);
    let last = training.checkpoint("last");
    last.check_method("toy").unwrap();
    assert_eq!(last.progress::<Progress>().unwrap(), training.progress);
    let encoder =
        ["layer.bias", "layer.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.weight"];
    let trained = encoder.into_iter().filter(|name| !name.contains("running"));
    let mut expected: Vec<String> = encoder.iter().map(|name| format!("model.{name}")).collect();
    expected.extend(trained.map(|name| format!("optimizer.momentum.{name}")));
    expected.extend(["queue.keys".into(), "queue.position".into()]);
    expected.extend(encoder.iter().map(|name| format!("target.{name}")));
    assert_eq!(last.tensors.keys().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(last.tensors["model.layer.weight"].shape().as_slice(), [4, 3]);
    assert_eq!(last.tensors["queue.keys"].shape().as_slice(), [7, 4]);
    for (name, values) in training.method.everything() {
        let saved: Vec<f32> = last.tensors[&name].try_to_vec().unwrap();
        assert_eq!(saved, values.into_iter().map(|value| value as f32).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_best_epoch_is_the_one_with_the_highest_measurement() {
    let mut training = mean();
    training.plan.epochs = 4;
    training.measure = Box::new(|call| Some([0.9, 0.3, 0.5, 0.5, 0.2][call]));
    training.run().unwrap();
    assert_eq!(
        training.progress_of("best").epoch,
        2,
        "the first of equals; the untrained network does not count"
    );
    assert_eq!(training.progress_of("last").epoch, 4);
    assert_eq!(training.progress.best, Some(Best { epoch: 2, value: 0.5 }));
}

#[test]
fn without_measurements_the_loss_decides() {
    let mut training = mean();
    training.plan.measure_every = 0;
    training.plan.epochs = 3;
    training.run().unwrap();
    // The loss goes down without end.
    assert_eq!(training.progress_of("best").epoch, 3);
    assert!(!training.log.take().contains(&"measure".to_owned()));
    assert_eq!(training.progress.measured_before, None);
}

#[test]
fn a_measurement_is_never_compared_with_a_loss() {
    let mut progress = Progress { epoch: 1, ..Progress::default() };
    // Losses of cosine methods are negative, so that their opposites exceed every measurement.
    assert!(progress.measured(None, -5.0));
    progress.epoch = 2;
    assert!(progress.measured(Some(0.3), -5.5));
    progress.epoch = 3;
    assert!(!progress.measured(None, -9.0));
    assert!(!progress.measured(Some(0.2), -9.0));
    assert_eq!(progress.best, Some(Best { epoch: 2, value: 0.3 }));
}

#[test]
fn measurements_come_when_they_are_due_and_at_the_end() {
    let mut training = mean();
    training.plan.epochs = 5;
    training.plan.measure_every = 2;
    training.measure = Box::new(|call| Some(0.1 * call as f64));
    training.run().unwrap();
    let epochs: Vec<_> =
        training.records().into_iter().filter(|r| r.value("knn_top1").is_some()).map(|r| r.epoch).collect();
    assert_eq!(epochs, [2, 4, 5]);
    assert_eq!(training.progress.best.map(|best| best.epoch), Some(5));
}

#[test]
fn a_training_ends_when_nothing_has_risen_for_long_enough() {
    let heights = [0.0, 0.3, 0.5, 0.5, 0.4, 0.6, 0.1, 0.2, 0.3, 0.4];
    let begin = || {
        let mut training = mean();
        training.plan.epochs = 9;
        training.plan.patience = 3;
        training.plan.yardstick = Yardstick::RECALL;
        training
    };
    let mut training = begin();
    training.measure = Box::new(move |call| Some(heights[call]));
    training.run().unwrap();
    // Two without a rise are borne, the first of them being an equal; three are not.
    assert_eq!((training.progress.epoch, training.progress_of("best").epoch), (8, 5));
    assert_eq!(training.records().last().unwrap().value("recall@20"), Some(0.3));

    // What has ended goes on nowhere, and what was stopped on the way ends at the same epoch.
    let last = training.checkpoint("last");
    assert_eq!(training.resume(last).unwrap(), Outcome::Finished);
    assert_eq!(training.progress.epoch, 8);
    let mut stopped = begin();
    stopped.measure = Box::new(move |call| Some(heights[call]));
    let stop = stopped.stop.clone();
    stopped.at_step = Box::new(move |step| {
        if step == 27 {
            stop.request(Stop::Interrupt);
        }
    });
    stopped.run().unwrap();
    stopped.stop = StopSignal::manual();
    // Six epochs have been measured, and the untrained network.
    stopped.measure = Box::new(move |call| Some(heights[7 + call]));
    let last = stopped.checkpoint("last");
    stopped.resume(last).unwrap();
    assert_eq!(stopped.progress, training.progress);
}

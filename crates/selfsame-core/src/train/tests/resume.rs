//! A resumed training is the one that was never stopped.

use super::toys::Contrast;
use super::*;
use crate::optimizer::OptimizerName;

/// Records without what depends on the clock.
fn timeless(records: Vec<Record>) -> Vec<Record> {
    let strip = |mut record: Record| {
        record
            .values
            .retain(|name, _| !["images_per_second", "data_wait", "memory_mb"].contains(&name.as_str()));
        record
    };
    records.into_iter().map(strip).collect()
}

fn training(optimizer: OptimizerName) -> Training<Contrast> {
    let mut training = Training::new(Contrast::new(), &Log::default());
    training.plan.epochs = 3;
    training.plan.clip = 1.0;
    training.plan.checkpoint_steps = 1;
    training.plan.log_every = 2;
    training.optimizer.name = optimizer;
    training.optimizer.momentum = 0.9;
    training.optimizer.weight_decay = 1e-2;
    training.schedule = ScheduleConfig { epochs: 3, warmup_epochs: 0.5, ..ScheduleConfig::default() };
    training.batches.given = 6;
    training.accumulate(2);
    training.measure = Box::new(|_| None);
    training
}

/// Runs to the end; each checkpoint that was `last` on the way is kept, also those that an epoch's end soon replaces.
fn whole(optimizer: OptimizerName) -> (Training<Contrast>, Vec<PathBuf>) {
    let mut training = training(optimizer);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = {
        let (folder, kept) = (training.folder.path().to_owned(), kept.clone());
        move || {
            let last = folder.join("checkpoints/last");
            if last.exists() {
                let mut kept = kept.lock().unwrap();
                let copy = folder.join(format!("kept/number-{}", kept.len()));
                copy_checkpoint(&last, &copy);
                kept.push(copy);
            }
        }
    };
    let at_step = keep.clone();
    training.at_step = Box::new(move |_| at_step());
    training.measure = Box::new(move |_| {
        keep();
        None
    });
    training.run().unwrap();
    let kept = kept.lock().unwrap().clone();
    (training, kept)
}

fn load(path: &Path) -> Checkpoint {
    checkpoint::load(path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap()).unwrap()
}

#[test]
fn from_every_checkpoint_it_ends_with_the_same_bits_and_records() {
    for optimizer in [OptimizerName::Sgd, OptimizerName::AdamW, OptimizerName::Lars] {
        let (mut original, kept) = whole(optimizer);
        let expected = original.method.everything();
        let optimizer_state = original.checkpoint("last").tensors;
        let places: Vec<_> = kept
            .iter()
            .map(|path| load(path).progress::<Progress>().unwrap())
            .map(|progress| (progress.epoch, progress.step_in_epoch))
            .collect();
        let every =
            [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)];
        assert_eq!(places, every, "before each step and at each end of an epoch");
        for path in &kept {
            let mut resumed = training(optimizer);
            // All records are there, as if the run had died at its very end without another checkpoint.
            std::fs::copy(original.metrics(), resumed.metrics()).unwrap();
            assert_eq!(resumed.resume(load(path)).unwrap(), Outcome::Finished);
            assert_eq!(resumed.method.everything(), expected);
            assert_eq!(resumed.checkpoint("last").tensors, optimizer_state);
            assert_eq!(resumed.progress, original.progress);
            assert_eq!(timeless(resumed.records()), timeless(original.records()));
        }
    }
}

#[test]
fn stopped_at_any_step_it_ends_with_the_same_bits_and_records() {
    let (mut original, _) = whole(OptimizerName::Sgd);
    for stop_at in 1..=9 {
        let mut stopped = training(OptimizerName::Sgd);
        let stop = stopped.stop.clone();
        stopped.at_step = Box::new(move |step| {
            if step == stop_at {
                stop.request(Stop::Interrupt);
            }
        });
        assert_eq!(stopped.run().unwrap(), Outcome::Stopped(Stop::Interrupt));
        // A new process begins with new weights.
        stopped.method = Contrast::new();
        stopped.stop = StopSignal::manual();
        let last = stopped.checkpoint("last");
        assert_eq!(stopped.resume(last).unwrap(), Outcome::Finished);
        assert_eq!(stopped.method.everything(), original.method.everything());
        assert_eq!(timeless(stopped.records()), timeless(original.records()));
    }
}

#[test]
fn a_checkpoint_of_another_method_shape_or_optimiser_is_refused() {
    let (original, _) = whole(OptimizerName::Sgd);
    let mut missing = original.checkpoint("last");
    missing.tensors.remove("target.layer.weight");
    let error = training(OptimizerName::Sgd).resume(missing).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("target.layer.weight"), "{error}");

    let error = training(OptimizerName::AdamW).resume(original.checkpoint("last")).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("momentum"), "{error}");
}

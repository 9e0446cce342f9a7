//! A training that goes on from a checkpoint ends with the weights of one that was never stopped, for every method.

use selfsame_core::checkpoint;
use selfsame_core::train::restore;

use super::*;

#[test]
fn what_a_checkpoint_goes_on_to_is_what_it_would_have_become() {
    let optimizer = OptimizerConfig { lr: 0.05, ..OptimizerConfig::default() };
    for entry in METHODS {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), entry.name, 1);
        let plan = Plan { epochs: 2, steps_per_epoch: 2, accumulate: 2, ..plan() };
        let new = || build(entry.name, 0.0625, &[]).unwrap();
        let begin = |optimizer, progress| Training {
            plan: plan.clone(),
            batch: 6,
            optimizer,
            collective: alone(),
            progress,
        };

        let mut whole = new();
        begin(optimizer.init(), Progress::default()).run(
            &settings(entry.name, &[]),
            &mut *whole,
            optimizer.lr,
            &checkpoints,
        );

        let mut saved = checkpoint::load(folder.path(), "epoch-0001").unwrap();
        let (mut resumed, mut with) = (new(), optimizer.init());
        let progress: Progress = saved.progress().unwrap();
        assert_eq!((progress.epoch, progress.step), (1, 2));
        restore(&mut saved, &mut *resumed, Some(&mut with)).unwrap();
        begin(with, progress).run(
            &settings(entry.name, &[]),
            &mut *resumed,
            optimizer.lr,
            &Checkpoints::none(),
        );
        assert!(state(&mut *resumed) == state(&mut *whole), "{} does not resume exactly", entry.name);
    }
}

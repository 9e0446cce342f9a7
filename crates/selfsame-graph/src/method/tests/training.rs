//! Whole steps: they learn, do not depend on the number of threads, and go on exactly.

use selfsame_core::checkpoint;
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::schedule::{ScheduleConfig, ScheduleKind};
use selfsame_core::stop::StopSignal;
use selfsame_core::train::{
    Checkpoints, Outcome, Plan, Progress, Recorder, Session, Yardstick, restore, train,
};

use super::*;

const PER_EPOCH: usize = 4;

/// Two epochs from where `progress` says.
fn go_on(method: &mut dyn GraphMethod, mut optimizer: Optimizer, mut progress: Progress, to: &Checkpoints) {
    let interactions = interactions();
    let batches = batches(method, &interactions, 128);
    let plan = Plan {
        epochs: 2,
        steps_per_epoch: PER_EPOCH.min(batches.per_epoch()),
        accumulate: 1,
        clip: 0.0,
        log_every: 3,
        checkpoint_steps: 0,
        measure_every: 0,
        patience: 0,
        yardstick: Yardstick::RECALL,
        instances: "pairs",
        stop_on_collapse: false,
        sync_batch_norm: false,
        seed: 3,
    };
    let schedule = ScheduleConfig { epochs: 2, kind: ScheduleKind::Constant, ..ScheduleConfig::default() };
    let outcome = train(Session {
        schedule: &schedule.init(0.01, plan.steps_per_epoch).unwrap(),
        plan,
        method,
        batches: &batches,
        optimizer: &mut optimizer,
        collective: alone(),
        measure: &mut |_| Ok(None),
        recorder: &mut Recorder::silent(),
        checkpoints: to,
        stop: &StopSignal::manual(),
        progress: &mut progress,
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished);
}

fn adam() -> OptimizerConfig {
    settings("mf", &[]).section("optimizer").unwrap()
}

fn trained(name: &str) -> Named {
    let mut method = build(name, &interactions(), &[]).unwrap();
    go_on(&mut *method, adam().init(), Progress::default(), &Checkpoints::none());
    state(&mut *method)
}

#[test]
fn embeddings_do_not_depend_on_the_number_of_threads_nor_on_chance() {
    for entry in METHODS {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| trained(entry.about.name))
        };
        let expected = on(1);
        for threads in [1, 2, 5] {
            assert!(on(threads) == expected, "{} differs with {threads} threads", entry.about.name);
        }
    }
}

#[test]
fn what_a_checkpoint_goes_on_to_is_what_it_would_have_become() {
    for entry in METHODS {
        let name = entry.about.name;
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), name, 1);
        let mut whole = build(name, &interactions(), &[]).unwrap();
        go_on(&mut *whole, adam().init(), Progress::default(), &checkpoints);

        let mut saved = checkpoint::load(folder.path(), "epoch-0001").unwrap();
        let (mut resumed, mut optimizer) = (build(name, &interactions(), &[]).unwrap(), adam().init());
        let progress = saved.progress().unwrap();
        restore(&mut saved, &mut *resumed, Some(&mut optimizer)).unwrap();
        go_on(&mut *resumed, optimizer, progress, &Checkpoints::none());
        assert!(state(&mut *resumed) == state(&mut *whole), "{name} does not resume exactly");
    }
}

#[test]
fn the_views_of_an_epoch_are_two_and_of_each_epoch_others() {
    let interactions = interactions();
    for (augmentation, different) in [("node", 1), ("edge", 1), ("walk", 3)] {
        let set = format!("view.augmentation={augmentation}");
        let method = build("sgl", &interactions, &[&set]).unwrap();
        let batches = batches(&*method, &interactions, 32);
        let [first, again, next] = [0, 0, 1].map(|epoch| batches.views(epoch).unwrap());
        let shape = |view: &Layers| view.iter().map(|layer| layer.indices().to_vec()).collect::<Vec<_>>();
        assert_eq!(first.len(), 2);
        assert_ne!(shape(&first[0]), shape(&first[1]));
        assert_eq!(shape(&first[0]), shape(&again[0]));
        assert_ne!(shape(&first[0]), shape(&next[0]));
        let mut layers = shape(&first[0]);
        assert_eq!(layers.len(), 3);
        layers.dedup();
        assert_eq!(layers.len(), different, "{augmentation}");
        assert!(first[0].iter().all(|layer| layer.entries() < 2 * interactions.len()));
    }
    let method = build("lightgcn", &interactions, &[]).unwrap();
    assert!(batches(&*method, &interactions, 32).views(0).unwrap().is_empty());
}

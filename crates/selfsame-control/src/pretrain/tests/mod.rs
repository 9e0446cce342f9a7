//! The loop with toys, and whole trainings of agents in our own environments.

mod resume;
mod several;
mod toys;

use std::collections::BTreeMap;
use std::path::Path;

use selfsame_core::checkpoint::{self, ATTACHED};
use selfsame_core::pretrain::{About, Report};
use selfsame_core::run::{Kind, Record, RunFolder, Status, metrics};
use selfsame_core::settings::Layers;
use selfsame_core::stop::{Stop, StopSignal};
use selfsame_core::train::{Live, Observer, Outcome, Silent};

use super::*;
use toys::{Averaging, Counting, Log};

const TOY: About =
    About { name: "toy", title: "Toy", paper: "none", summary: "", small: "", paper_settings: "" };

/// A training of the toys for 40 steps, 8 an epoch.
struct Toy {
    log: Log,
    environments: usize,
    resumes: bool,
    broken_at: Option<usize>,
    fails_after: Option<usize>,
}

impl Toy {
    fn new() -> Self {
        Self { log: Log::default(), environments: 1, resumes: true, broken_at: None, fails_after: None }
    }

    fn prepared(&self) -> Prepared {
        let mut agent = Averaging::new(&self.log);
        agent.broken_at = self.broken_at;
        let mut environments: Vec<Box<dyn Environment>> = Vec::new();
        for number in 0..self.environments {
            let mut environment = Counting::new(&self.log, self.resumes);
            environment.fails_after = self.fails_after.filter(|_| number == 0);
            environments.push(Box::new(environment));
        }
        let environment = &*environments[0];
        let mut layers = Layers::new(DEFAULTS.parse().unwrap());
        for set in [
            "run.batch_size=4",
            "schedule.steps=40",
            "schedule.epoch_steps=8",
            "run.log_every=5",
            "run.checkpoint_steps=0",
        ] {
            layers = layers.set(set).unwrap();
        }
        layers = layers.set(&format!("data.environments={}", self.environments)).unwrap();
        let mut settings = layers.resolve();
        method::resolve_auto(&mut settings, environment.name(), environment.actions());
        let (common, schedule) = common(&settings).unwrap();
        let plan = agent.plan();
        let learner = ControlLearner {
            name: "counting".into(),
            pixels: environment.pixels(),
            actions: environment.actions(),
            fingerprint: "the same".into(),
            replay: Replay::new(replay_settings(&settings, &plan, environment).unwrap()).unwrap(),
            environment: VectorEnvironment::new(environments).unwrap(),
            parameters: 1,
            agent: Box::new(agent),
            plan,
            steps: schedule.steps,
            epoch_steps: schedule.epoch_steps,
        };
        let notes = (settings, Vec::new());
        Prepared::new(&MODALITY, TOY, notes, common, Box::new(learner), Instant::now()).unwrap()
    }

    fn begin(&self, folder: &Path, stop_at: usize) -> Result<Report> {
        let stop = StopSignal::manual();
        self.prepared().begin(folder, false, Box::new(StopAt(stop_at, stop.clone())), &stop)
    }

    fn go_on(&self, folder: &Path) -> Result<Report> {
        let folder = RunFolder::resume(folder).unwrap();
        self.prepared().go_on(&folder, "last", Box::new(Silent), &StopSignal::manual())
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

/// Asks to stop after a number of steps.
struct StopAt(usize, StopSignal);

impl Observer for StopAt {
    fn step(&mut self, live: &Live) {
        if live.steps_done() == self.0 {
            self.1.request(Stop::Interrupt);
        }
    }

    fn epoch(&mut self, _live: &Live) {}

    fn warn(&mut self, _message: &str) {}
}

/// The tensors of a run's last checkpoint, its progress and its replay.
fn last(folder: &Path) -> (BTreeMap<String, selfsame_core::tensor::TensorData>, Standing, Vec<u8>) {
    let last = checkpoint::load(&folder.join("checkpoints"), "last").unwrap();
    let replay = std::fs::read(last.source().join(ATTACHED)).unwrap();
    let standing = last.progress().unwrap();
    (last.tensors, standing, replay)
}

/// The records of a run without what depends on the machine.
fn records(folder: &Path) -> Vec<Record> {
    let mut records = metrics::read(folder.join("metrics.jsonl")).unwrap();
    for record in &mut records {
        let of_the_machine = ["images_per_second", "updates_per_second", "data_wait", "memory_mb"];
        record.values.retain(|name, _| !of_the_machine.contains(&name.as_str()));
    }
    records
}

#[test]
fn an_agent_acts_learns_and_stores_in_that_order() {
    let (toy, folder) = (Toy::new(), tempfile::tempdir().unwrap());
    toy.begin(&folder.path().join("run"), 0).unwrap();
    let told = toy.told();
    assert_eq!(told[..2], ["reset", "act [0, 0] Random"]);
    let acted = |acting: &str| told.iter().filter(|line| line.ends_with(acting)).count();
    assert_eq!((acted("Random"), acted("Explore"), acted("Greedy")), (3, 37, 0));
    // Every second step from step 6 on; before the step itself is stored.
    let learned: Vec<_> = told.iter().filter(|line| line.starts_with("learn")).cloned().collect();
    let steps = |lines: &[String]| lines.iter().filter(|line| line.starts_with("step")).count();
    let resets = told.iter().enumerate().filter(|(_, line)| *line == "reset");
    let ends: Vec<usize> = resets.map(|(at, _)| steps(&told[..at])).collect();
    // What the last step led to is only known to the replay with the next one, or with the episode's end.
    let known = |stored: usize| stored - usize::from(!ends.contains(&stored));
    let expected: Vec<_> =
        (0..17).map(|update| format!("learn {update} of {}", known(2 * update + 6))).collect();
    assert_eq!(learned, expected);
    // What is seen is the last two frames of the episode.
    for pair in told.iter().filter(|line| line.starts_with("act")) {
        let seen: Vec<u8> =
            pair[5..pair.find(']').unwrap()].split(", ").map(|byte| byte.parse().unwrap()).collect();
        assert!(seen[1] == seen[0] + 1 || seen == [0, 0], "{pair}");
    }
}

#[test]
fn episodes_epochs_and_steps_are_recorded() {
    let (toy, folder) = (Toy::new(), tempfile::tempdir().unwrap());
    let run = folder.path().join("run");
    let report = toy.begin(&run, 0).unwrap();
    assert_eq!((report.outcome, report.progress.epoch, report.progress.step), (Outcome::Finished, 5, 40));
    let rewards: Vec<f64> = toy
        .told()
        .iter()
        .filter_map(|line| line.strip_prefix("step ").map(|action| action.parse().unwrap()))
        .collect();
    let records = records(&run);
    let of = |kind| records.iter().filter(move |record| record.kind == kind);
    let (mut begun, mut returns) = (0, BTreeMap::<usize, Vec<f64>>::new());
    for (number, episode) in of(Kind::Episode).enumerate() {
        let end = episode.step as usize;
        let sum: f64 = rewards[begun..end].iter().sum();
        assert_eq!(
            (episode.value("return"), episode.value("length")),
            (Some(sum), Some((end - begun) as f64))
        );
        assert_eq!(episode.value("episode"), Some((number + 1) as f64));
        assert_eq!(episode.epoch, end.div_ceil(8));
        returns.entry(episode.epoch).or_default().push(sum);
        begun = end;
    }
    assert_eq!(of(Kind::Epoch).count(), 5);
    let mut best = f64::NEG_INFINITY;
    for epoch in of(Kind::Epoch) {
        let own = &returns[&epoch.epoch];
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        assert!((epoch.value("mean_return").unwrap() - mean).abs() < 1e-12);
        best = best.max(mean);
    }
    assert_eq!(report.progress.best.map(|best| best.value), Some(best));
    let steps: Vec<_> = of(Kind::Step).map(|record| record.step).collect();
    assert_eq!(steps, [5, 10, 15, 20, 25, 30, 35, 40]);
    // Before the first update there is no loss; every fifth step is recorded, and every second one (from 0) has an update.
    let first = of(Kind::Step).next().unwrap();
    assert_eq!(
        (first.value("loss"), first.value("updates"), first.value("replay")),
        (None, Some(0.0), Some(5.0))
    );
    let with_terms: Vec<_> =
        of(Kind::Step).filter(|record| record.value("toy").is_some()).map(|record| record.step).collect();
    assert_eq!(with_terms, [15, 25, 35]);
    let (tensors, standing, _) = last(&run);
    assert_eq!(standing.control.updates, 17);
    assert_eq!(
        tensors.keys().collect::<Vec<_>>(),
        [
            "loop.environment.0",
            "loop.observation",
            "model.weight",
            "optimizer.first_moment.weight",
            "optimizer.second_moment.weight",
            "optimizer.step.weight"
        ]
    );
    let best = checkpoint::load(&run.join("checkpoints"), "best").unwrap();
    assert!(!best.source().join(ATTACHED).exists() && !best.tensors.contains_key("loop.observation"));
}

#[test]
fn an_agent_that_never_learns_is_refused() {
    let plan = Averaging::new(&Log::default()).plan();
    check_beginning(&plan, 7, 1, 100).unwrap();
    check_beginning(&plan, 7, 2, 100).unwrap();
    let cases = [
        (plan.clone(), 6, 1, 100, "nothing would be learned"),
        (Plan { batch_size: 6, ..plan.clone() }, 40, 1, 100, "finds 5 transitions"),
        (Plan { batch_size: 5, multi_step: 2, ..plan.clone() }, 40, 1, 100, "finds 4 transitions"),
        // Of six steps, the first round of four, the newest of each not yet known.
        (plan.clone(), 40, 4, 100, "finds 0 transitions"),
        (plan.clone(), 40, 1, 4, "finds 3 transitions"),
    ];
    for (plan, steps, environments, capacity, message) in cases {
        let error = check_beginning(&plan, steps, environments, capacity).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains(message), "{error}");
    }
}

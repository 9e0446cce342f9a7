//! Whole trainings on a few small pictures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use selfsame_core::checkpoint;
use selfsame_core::pretrain::Report;
use selfsame_core::run::{Status, metrics};
use selfsame_core::settings::Layers;
use selfsame_core::stop::{Stop, StopSignal};
use selfsame_core::train::{Live, Observer, Silent};
use serde_json::json;

use super::*;
use crate::method::METHODS;
use crate::picture::Picture;
use crate::settings::{Preset, defaults, read_settings};
use crate::trained::{TrainedRun, Weights};

/// Two classes of ten pictures each, in shades of red and of blue.
fn write_pictures(folder: &Path) {
    for (name, colour) in [("red", [210, 60, 60]), ("blue", [60, 60, 210])] {
        fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..10u8 {
            let mut picture = Picture::filled(16, 16, colour.map(|value| value - 5 * number));
            picture.paste(&Picture::filled(5, 3, [number * 20, 90, 90]), usize::from(number), 4);
            picture.save_png(folder.join(name).join(format!("{number}.png"))).unwrap();
        }
    }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_pictures(&folder.path().join("pictures"));
        Self { folder }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, set: &[&str]) -> Resolved {
        let data = self.folder.path().join("pictures");
        let mut layers = Layers::new(defaults(&METHODS[0], Preset::Small).unwrap());
        layers = layers.flag("data.path", data.to_str().unwrap(), "--data").unwrap();
        let small = [
            "view.image_size=8",
            "backbone.width=0.0625",
            "schedule.epochs=2",
            "run.batch_size=5",
            "run.log_every=1",
        ];
        for assignment in small.iter().chain(set) {
            layers = layers.set(assignment).unwrap();
        }
        layers.resolve()
    }

    fn begin(
        &self,
        name: &str,
        set: &[&str],
        observer: Box<dyn Observer>,
        stop: &StopSignal,
    ) -> Result<Report> {
        prepare(self.settings(set))?.begin(self.run(name), false, observer, stop)
    }
}

/// Asks to stop after a number of steps.
struct StopAt {
    step: usize,
    stop: StopSignal,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Observer for StopAt {
    fn step(&mut self, live: &Live) {
        if live.steps_done() == self.step {
            self.stop.request(Stop::Terminate);
        }
    }

    fn epoch(&mut self, _live: &Live) {}

    fn warn(&mut self, message: &str) {
        self.warnings.lock().unwrap().push(message.to_owned());
    }
}

fn tensors(run: &Path, name: &str) -> std::collections::BTreeMap<String, burn::tensor::TensorData> {
    checkpoint::load(&RunFolder::open(run).unwrap().checkpoints(), name).unwrap().tensors
}

#[test]
fn a_training_leaves_a_run_that_can_be_used() {
    let place = Place::new();
    let report = place.begin("a", &[], Box::new(Silent), &StopSignal::manual()).unwrap();
    assert_eq!(report.outcome, Outcome::Finished);
    assert_eq!((report.progress.epoch, report.progress.step), (2, 8));
    assert_eq!(report.bad_files, 0);
    assert!(report.progress.measured_before.is_some() && report.progress.measured_last.is_some());

    let mut trained = TrainedRun::open(place.run("a"), &Weights::Checkpoint("last".into()), "cpu").unwrap();
    assert_eq!(trained.stored.record.status, Status::Finished);
    assert_eq!(trained.stored.record.results["steps"], json!(8));
    let about = trained.about().unwrap();
    assert_eq!((about.steps, about.preprocess.image_size, about.method.as_str()), (8, 8, "simclr"));
    let saved = tensors(&place.run("a"), "last");
    for parameter in trained.method.trained().parameters() {
        let data = &saved[&format!("model.{}", parameter.name)];
        let (saved, loaded) =
            (data.try_to_vec::<f32>().unwrap(), parameter.value.into_data().try_to_vec::<f32>().unwrap());
        assert_eq!(saved, loaded, "{}", parameter.name);
    }

    let images = burn::tensor::Tensor::ones([2, 3, 8, 8], trained.device());
    assert_eq!(trained.represent(images.clone(), Layer::Backbone).dims(), [2, 32]);
    let mut untrained = TrainedRun::open(place.run("a"), &Weights::Untrained, "cpu").unwrap();
    let first = |run: &mut TrainedRun| run.method.trained().parameters()[0].value.clone().into_data();
    assert_ne!(first(&mut trained), first(&mut untrained));
    assert_eq!(untrained.about().unwrap().steps, 0);

    let result = json!({"protocol": "knn", "top1": 0.5});
    trained.keep_result(result.as_object().unwrap()).unwrap();
    let record = RunFolder::open(place.run("a")).unwrap().record().unwrap();
    assert_eq!((&record.results["knn_top1"], &record.results["knn"]), (&json!(0.5), &result));
    let metadata = trained.metadata(Layer::Projector).unwrap();
    assert!(
        metadata.contains(&("layer".into(), "projector".into()))
            && metadata.contains(&("width".into(), "0.0625".into()))
    );

    let error =
        TrainedRun::open(place.run("a"), &Weights::Checkpoint("epoch-0007".into()), "cpu").err().unwrap();
    assert!(error.exit_code() == 3 && error.to_string().contains("best, last"), "{error}");
}

#[test]
fn the_same_settings_train_the_same_weights_and_another_seed_others() {
    let place = Place::new();
    let train = |name: &str, set: &[&str]| {
        place.begin(name, set, Box::new(Silent), &StopSignal::manual()).unwrap();
        tensors(&place.run(name), "last")
    };
    let first = train("a", &["data.workers=1"]);
    assert_eq!(first, train("b", &["data.workers=3"]));
    assert_ne!(first, train("c", &["run.seed=1"]));
}

#[test]
fn a_stopped_training_goes_on_to_the_same_weights_with_other_workers() {
    let place = Place::new();
    place.begin("whole", &["data.workers=1"], Box::new(Silent), &StopSignal::manual()).unwrap();
    let expected = tensors(&place.run("whole"), "last");
    for step in [1, 4, 6] {
        let (name, stop) = (format!("stopped-{step}"), StopSignal::manual());
        let observer = StopAt { step, stop: stop.clone(), warnings: Arc::default() };
        let report = place.begin(&name, &["data.workers=2"], Box::new(observer), &stop).unwrap();
        assert_eq!(report.outcome, Outcome::Stopped(Stop::Terminate));
        let folder = RunFolder::resume(place.run(&name)).unwrap();
        assert_eq!(folder.record().unwrap().status, Status::Stopped);

        let settings = read_settings(&folder).unwrap().set("data.workers=3").unwrap().resolve();
        let report = prepare(settings)
            .unwrap()
            .go_on(&folder, "last", Box::new(Silent), &StopSignal::manual())
            .unwrap();
        assert_eq!((report.outcome, report.progress.step), (Outcome::Finished, 8));
        assert_eq!(tensors(&place.run(&name), "last"), expected, "stopped after step {step}");
        let steps = |run: &Path| -> Vec<_> {
            let records = metrics::read(RunFolder::open(run).unwrap().metrics()).unwrap();
            records
                .into_iter()
                .map(|record| (record.kind, record.epoch, record.step, record.value("loss")))
                .collect()
        };
        assert_eq!(steps(&place.run(&name)), steps(&place.run("whole")));
    }
}

#[test]
fn other_data_or_another_checkpoint_cannot_be_gone_on_with() {
    let place = Place::new();
    let stop = StopSignal::manual();
    let observer = StopAt { step: 3, stop: stop.clone(), warnings: Arc::default() };
    place.begin("a", &[], Box::new(observer), &stop).unwrap();
    let folder = RunFolder::resume(place.run("a")).unwrap();
    let go_on = |set: &[&str]| {
        let layers = set.iter().fold(read_settings(&folder).unwrap(), |layers, set| layers.set(set).unwrap());
        prepare(layers.resolve())?.go_on(&folder, "last", Box::new(Silent), &StopSignal::manual())
    };
    let error = go_on(&["backbone.width=0.125"]).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("has shape"), "{error}");
    let error = go_on(&["optimizer.name=adamw"]).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("optimiser"), "{error}");
    let error = go_on(&["method.projector=none"]).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("does not know"), "{error}");
    fs::remove_file(place.folder.path().join("pictures/red/3.png")).unwrap();
    let error = go_on(&[]).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("the data has changed"), "{error}");
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_written() {
    let place = Place::new();
    for (set, code, message) in [
        ("data.path=''", 2, "no data to learn from"),
        ("data.path=/nowhere/at/all", 3, "/nowhere/at/all"),
        ("run.batch_size=1", 2, "run.batch_size is 1"),
        ("run.batch_size=21", 2, "larger than the data set"),
        ("run.device=abacus", 2, "no such kind of device"),
        ("view.image_size=4", 2, "too small"),
        ("view.recipe=simclrr", 2, "simclr"),
        ("backbone.name=resnet19", 2, "resnet18"),
        ("backbone.init_from=/nowhere/weights.safetensors", 3, "/nowhere/weights.safetensors"),
        ("method.name=simclir", 2, "simclr"),
        ("schedule.warmup_epochs=5", 2, "longer than the training"),
        ("optimizer.accumulate=9", 2, "optimizer.accumulate is 9"),
    ] {
        let error = prepare(place.settings(&[set])).err().unwrap_or_else(|| panic!("{set} was accepted"));
        assert_eq!(error.exit_code(), code, "{set}: {error}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn a_training_that_fails_says_why_in_its_record() {
    let place = Place::new();
    let set = ["optimizer.lr=1e30", "optimizer.momentum=0", "schedule.warmup_epochs=0"];
    let error = place.begin("a", &set, Box::new(Silent), &StopSignal::manual()).unwrap_err();
    assert_eq!(error.exit_code(), 5);
    let record = RunFolder::open(place.run("a")).unwrap().record().unwrap();
    assert_eq!(record.status, Status::Failed);
    assert_eq!(record.reason, Some(error.to_string()));
    let kept = tensors(&place.run("a"), "last");
    assert!(
        kept.values().all(|data| data.try_to_vec::<f32>().unwrap().iter().all(|value| value.is_finite()))
    );
}

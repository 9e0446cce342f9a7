//! Whole trainings on a few small films.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use selfsame_core::checkpoint;
use selfsame_core::data::read_bad_files;
use selfsame_core::pretrain::{Preset, Report, StoredRun, Weights, read_settings};
use selfsame_core::run::{Status, metrics};
use selfsame_core::settings::Layers;
use selfsame_core::stop::{Stop, StopSignal};
use selfsame_core::train::{Live, Observer, Silent};

use super::*;
use crate::eval::tests::{Films, SMALL_SET, write_films};
use crate::settings::defaults;
use crate::trained::TrainedVideo;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_films(&folder.path().join("films"), SMALL_SET);
        Self { folder }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, method: &str, set: &[&str]) -> Resolved {
        let data = self.folder.path().join("films");
        let mut layers = Layers::new(defaults(method::by_name(method).unwrap(), Preset::Small).unwrap());
        layers = layers.flag("data.path", data.to_str().unwrap(), "--data").unwrap();
        let small = [
            "view.image_size=16",
            "view.frames=8",
            "view.stride=1",
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
        prepare(self.settings("be", set))?.begin(self.run(name), false, observer, stop)
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

fn tensors(run: &Path) -> std::collections::BTreeMap<String, burn::tensor::TensorData> {
    checkpoint::load(&RunFolder::open(run).unwrap().checkpoints(), "last").unwrap().tensors
}

#[test]
fn every_method_leaves_a_run_that_can_be_used() {
    let place = Place::new();
    for entry in method::METHODS {
        let set: &[&str] = match entry.name {
            "cmd" => &["method.motion_frames=4", "method.negatives=1", "method.features=16"],
            _ => &["method.erase_background=0.3"],
        };
        let settings = place.settings(entry.name, set);
        let stop = StopSignal::manual();
        let report = prepare(settings).unwrap().begin(place.run(entry.name), false, Box::new(Silent), &stop);
        let report = report.unwrap();
        assert_eq!((report.outcome, report.progress.step), (Outcome::Finished, 4), "{}", entry.name);
        assert!(report.progress.measured_last.is_some(), "{}", entry.name);

        let last = Weights::Checkpoint("last".into());
        let trained = TrainedVideo::open(place.run(entry.name), &last, "cpu").unwrap();
        assert_eq!(trained.stored.record.data.instances, 10);
        let about = trained.about().unwrap();
        assert_eq!((about.steps, about.preprocess.clip_size, about.preprocess.frames), (4, 16, 8));
        let clips = burn::tensor::Tensor::ones([2, 3, 8, 16, 16], trained.device());
        let features = trained.backbone().unwrap().features();
        assert_eq!(trained.represent(clips.clone(), Layer::Backbone).dims(), [2, features]);
        assert_eq!(trained.represent_map(clips).dims()[..2], [2, features]);
        let untrained = TrainedVideo::open(place.run(entry.name), &Weights::Untrained, "cpu").unwrap();
        assert_eq!(untrained.about().unwrap().steps, 0);
    }
}

#[test]
fn a_stopped_training_goes_on_to_the_same_weights_with_other_workers() {
    let place = Place::new();
    place.begin("whole", &["data.workers=1"], Box::new(Silent), &StopSignal::manual()).unwrap();
    let expected = tensors(&place.run("whole"));
    for step in [1, 2] {
        let (name, stop) = (format!("stopped-{step}"), StopSignal::manual());
        let observer = StopAt { step, stop: stop.clone(), warnings: Arc::default() };
        let report = place.begin(&name, &["data.workers=2"], Box::new(observer), &stop).unwrap();
        assert_eq!(report.outcome, Outcome::Stopped(Stop::Terminate));
        let folder = RunFolder::resume(place.run(&name)).unwrap();
        assert_eq!(folder.record().unwrap().status, Status::Stopped);

        let settings = read_settings(&folder, &[&MODALITY]).unwrap().layers.set("data.workers=3").unwrap();
        let report = prepare(settings.resolve()).unwrap().go_on(
            &folder,
            "last",
            Box::new(Silent),
            &StopSignal::manual(),
        );
        assert_eq!(report.unwrap().progress.step, 4);
        assert!(tensors(&place.run(&name)) == expected, "stopped after step {step}");
        let steps = |run: &Path| -> Vec<_> {
            let records = metrics::read(RunFolder::open(run).unwrap().metrics()).unwrap();
            records.into_iter().map(|record| (record.kind, record.step, record.value("loss"))).collect()
        };
        assert_eq!(steps(&place.run(&name)), steps(&place.run("whole")));
    }
}

#[test]
fn broken_files_are_left_out_and_kept_in_the_run() {
    let place = Place::new();
    let films = place.run("films");
    let whole = fs::read(films.join("left-right/0.mp4")).unwrap();
    fs::write(films.join("left-right/short.mp4"), &whole[..whole.len() / 3]).unwrap();
    fs::write(films.join("left-right/empty.mp4"), "").unwrap();
    // It looks well from outside.
    let mut damaged = whole;
    let length = damaged.len();
    damaged[length * 6 / 10..length * 9 / 10].fill(0x5a);
    fs::write(films.join("left-right/damaged.mp4"), damaged).unwrap();

    let error = prepare(place.settings("be", &[])).err().unwrap();
    assert!(error.exit_code() == 3 && error.to_string().contains("2 of 13 videos cannot be used"), "{error}");
    let set = ["data.max_bad_share=0.4"];
    let report = place.begin("a", &set, Box::new(Silent), &StopSignal::manual()).unwrap();
    assert_eq!((report.outcome, report.bad_files), (Outcome::Finished, 3));
    let folder = RunFolder::open(place.run("a")).unwrap();
    let names: Vec<_> =
        read_bad_files(&folder.bad_files()).unwrap().into_iter().map(|file| file.name).collect();
    for name in ["left-right/short.mp4", "left-right/empty.mp4", "left-right/damaged.mp4"] {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
}

#[test]
fn what_cannot_be_trained_on_is_explained() {
    let place = Place::new();
    let error = |method: &str, set: &[&str]| prepare(place.settings(method, set)).err().unwrap();
    for (set, code, words) in [
        (&["data.path=\"\""][..], 2, "--data"),
        (&["data.path=nowhere"], 3, "nowhere"),
        (&["data.list=nowhere.txt"], 3, "nowhere.txt"),
        (&["data.workers=0"], 2, "data.workers is 0"),
        (&["run.batch_size=11"], 2, "has 10 videos"),
        (&["view.image_size=8"], 2, "too small"),
        (&["view.frames=0"], 2, "view.frames is 0"),
        (&["method.erase_background=1.5"], 2, "method.erase_background is 1.5"),
        (&["backbone.name=resnet18"], 2, "resnet18"),
    ] {
        let error = error("be", set);
        assert!(error.exit_code() == code && error.to_string().contains(words), "{set:?}: {error}");
    }

    // Where every frame is coded alone, there are no motion vectors.
    fs::remove_dir_all(place.run("films")).unwrap();
    write_films(&place.run("films"), Films { motion: false, ..SMALL_SET });
    let error = error("cmd", &[]);
    assert!(
        error.exit_code() == 3 && error.to_string().contains("10 of 10 videos have no motion"),
        "{error}"
    );
    assert!(prepare(place.settings("cmd", &["method.motion=false"])).is_ok());
}

#[test]
fn other_data_cannot_be_gone_on_with() {
    let place = Place::new();
    let stop = StopSignal::manual();
    let observer = StopAt { step: 1, stop: stop.clone(), warnings: Arc::default() };
    place.begin("a", &[], Box::new(observer), &stop).unwrap();
    fs::remove_file(place.run("films/left-right/2.mp4")).unwrap();
    let folder = RunFolder::resume(place.run("a")).unwrap();
    let settings = read_settings(&folder, &[&MODALITY]).unwrap().layers.resolve();
    let error = prepare(settings)
        .unwrap()
        .go_on(&folder, "last", Box::new(Silent), &StopSignal::manual())
        .unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("the data has changed"), "{error}");
    assert!(StoredRun::open(place.run("films"), &MODALITY).is_err());
}

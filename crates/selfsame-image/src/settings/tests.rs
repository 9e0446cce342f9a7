use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::Origin;

use super::*;
use crate::method::{self, METHODS};

fn layers() -> Layers {
    Layers::new(defaults(&METHODS[0], Preset::Small).unwrap())
}

fn facts(instances: usize, typical_side: usize, cpu: bool) -> Facts {
    Facts { instances, typical_side, cpu }
}

#[test]
fn auto_follows_the_pictures_the_device_and_their_number() {
    for (typical_side, image_size, stem) in [
        (0, 32, "cifar"),
        (32, 32, "cifar"),
        (96, 32, "cifar"),
        (97, 64, "cifar"),
        (192, 64, "cifar"),
        (193, 224, "imagenet"),
        (4000, 224, "imagenet"),
    ] {
        let mut settings = layers().resolve();
        resolve_auto(&mut settings, &facts(1000, typical_side, true));
        assert_eq!(settings.integer("view", "image_size"), Some(image_size), "{typical_side}");
        assert_eq!(settings.text("backbone.stem"), stem, "{typical_side}");
    }
    for (instances, epochs) in [(0, 200), (2, 200), (110, 200), (1000, 22), (2200, 10), (1_300_000, 10)] {
        let mut settings = layers().resolve();
        resolve_auto(&mut settings, &facts(instances, 32, true));
        assert_eq!(settings.integer("schedule", "epochs"), Some(epochs), "{instances}");
    }
    let byol = method::by_name("byol").unwrap();
    for (epochs, warmup) in [("1", 0.25), ("14", 3.5), ("40", 10.0), ("200", 10.0)] {
        let layers = Layers::new(defaults(byol, Preset::Small).unwrap());
        let mut settings = layers.set(&format!("schedule.epochs={epochs}")).unwrap().resolve();
        resolve_auto(&mut settings, &facts(1000, 32, true));
        assert_eq!(settings.section::<ScheduleConfig>("schedule").unwrap().warmup_epochs, warmup, "{epochs}");
    }
    for (cpu, width) in [(true, 0.25), (false, 1.0)] {
        let mut settings = layers().resolve();
        resolve_auto(&mut settings, &facts(1000, 32, cpu));
        assert_eq!(settings.section::<BackboneSettings>("backbone").unwrap().width, width);
    }
}

#[test]
fn every_auto_is_noted_and_none_is_left_that_matters() {
    let mut settings = layers().resolve();
    let notes = resolve_auto(&mut settings, &facts(1000, 48, true));
    let keys: Vec<_> = notes.iter().map(|note| note.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["view.image_size", "backbone.stem", "backbone.width", "schedule.epochs"]);
    assert!(notes[0].contains("= 32 (pictures are typically 48 pixels)"), "{}", notes[0]);
    for key in keys {
        assert_eq!(settings.origin(key), Origin::Auto);
    }
    // What is left to be chosen does not change the result, or is chosen by the method.
    let left: Vec<_> =
        settings.explain().into_iter().filter(|line| line.value.as_str() == Some("auto")).collect();
    assert_eq!(
        left.iter().map(|line| line.key.as_str()).collect::<Vec<_>>(),
        ["data.workers", "method.projector_hidden"]
    );
    assert!(resolve_auto(&mut settings, &facts(5, 500, false)).is_empty(), "nothing is chosen twice");
}

#[test]
fn the_user_is_never_overruled_and_the_stem_follows_the_user() {
    let chosen = ["view.image_size=96", "backbone.width=0.5", "schedule.epochs=3"];
    let mut settings = chosen.iter().fold(layers(), |layers, set| layers.set(set).unwrap()).resolve();
    let notes = resolve_auto(&mut settings, &facts(1000, 32, true));
    assert_eq!(notes, ["backbone.stem = \"imagenet\" (views of 96 pixels)"]);
    assert_eq!(settings.integer("view", "image_size"), Some(96));
    assert_eq!(settings.integer("schedule", "epochs"), Some(3));
    assert_eq!(settings.section::<BackboneSettings>("backbone").unwrap().width, 0.5);
}

#[test]
fn every_preset_of_every_method_fits_its_sections() {
    for entry in METHODS {
        for preset in [Preset::Small, Preset::Paper] {
            let mut settings = Layers::new(defaults(entry, preset).unwrap()).resolve();
            resolve_auto(&mut settings, &facts(1000, 64, true));
            assert_eq!(settings.text("method.name"), entry.name);
            settings.section::<DataSettings>("data").unwrap();
            settings.section::<ViewSettings>("view").unwrap();
            settings.section::<BackboneSettings>("backbone").unwrap();
            settings.section::<RunSettings>("run").unwrap().validate().unwrap();
            settings
                .section::<selfsame_core::optimizer::OptimizerConfig>("optimizer")
                .unwrap()
                .validate()
                .unwrap();
            settings
                .section::<selfsame_core::schedule::ScheduleConfig>("schedule")
                .unwrap()
                .validate()
                .unwrap();
        }
    }
}

#[test]
fn a_queue_is_at_most_half_the_data() {
    for (instances, length) in [(2, 1), (2000, 1000), (8191, 4095), (1_000_000, 4096)] {
        let mut settings =
            Layers::new(defaults(method::by_name("moco-v2").unwrap(), Preset::Small).unwrap()).resolve();
        let notes = resolve_auto(&mut settings, &facts(instances, 32, true));
        assert_eq!(settings.integer("method", "queue"), Some(length));
        assert!(notes.iter().any(|note| note.starts_with("method.queue = ")), "{notes:?}");
    }
}

fn stored(settings: &Resolved) -> (tempfile::TempDir, RunFolder) {
    let parent = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(parent.path().join("run"), false).unwrap();
    folder.write_config(settings.table()).unwrap();
    (parent, folder)
}

#[test]
fn a_stored_run_reads_back_to_identical_settings() {
    for preset in [Preset::Small, Preset::Paper] {
        let mut layers = Layers::new(defaults(&METHODS[0], preset).unwrap());
        for set in [
            "data.path='ünïcode \"quoted\"'",
            "view.without=['blur']",
            "backbone.width=1",
            "run.seed=9223372036854775807",
        ] {
            layers = layers.set(set).unwrap();
        }
        let mut settings =
            layers.set("optimizer.lr=0.1").unwrap().set("schedule.milestones=[60, 80.5]").unwrap().resolve();
        resolve_auto(&mut settings, &facts(1234, 64, true));
        let (_parent, folder) = stored(&settings);
        let mut read = read_settings(&folder).unwrap().resolve();
        assert_eq!(read.table(), settings.table());
        assert!(resolve_auto(&mut read, &facts(5, 500, false)).is_empty());
        assert_eq!(read.section::<RunSettings>("run").unwrap().seed, i64::MAX as u64);
        assert_eq!(read.section::<BackboneSettings>("backbone").unwrap().width, 1.0);
    }
}

#[test]
fn a_stored_run_that_is_damaged_says_so() {
    let settings = layers().resolve();
    let (_parent, folder) = stored(&settings);
    for (text, message) in [
        ("= nonsense", "not TOML"),
        ("[data]\npath = 'x'\n", "method.name is missing"),
        ("[method]\nname = 'simclr'\ntemprature = 1.0\n", "did you mean `method.temperature`"),
        ("[method]\nname = 'simclir'\n", "simclr"),
    ] {
        std::fs::write(folder.config(), text).unwrap();
        let error = read_settings(&folder).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
    std::fs::remove_file(folder.config()).unwrap();
    assert_eq!(read_settings(&folder).unwrap_err().exit_code(), 3);
}

#[test]
fn batches_too_small_for_batch_norm_and_no_records_are_refused() {
    for (set, message) in
        [("run.batch_size=1", "run.batch_size is 1"), ("run.log_every=0", "run.log_every is 0")]
    {
        let run: RunSettings = layers().set(set).unwrap().resolve().section("run").unwrap();
        let error = run.validate().unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().starts_with(message), "{error}");
    }
}

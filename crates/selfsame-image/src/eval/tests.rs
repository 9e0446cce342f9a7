#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use selfsame_core::Random;
use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::OptimizerName;
use selfsame_core::probe::{KnnConfig, LinearConfig};

use super::*;
use crate::data::{Dataset, OpenOptions};
use crate::model::{Depth, ResNet, ResNetConfig, Stem};
use crate::picture::Picture;
use crate::view::Pipeline;
use crate::view::recipe::EVALUATION;

const OPTIONS: OpenOptions = OpenOptions { cache: None, shuffle_buffer: 10 };

/// Pictures in shades of one colour, `00.png` and so on.
fn write_class(folder: &Path, colour: [u8; 3], count: usize) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        let shade = colour.map(|value| value - 3 * number as u8);
        Picture::filled(16, 16, shade).save_png(folder.join(format!("{number:02}.png"))).unwrap();
    }
}

/// `count` red, green and blue pictures in class folders.
fn write_colours(root: &Path, count: usize) {
    for (name, colour) in [("red", [220, 80, 80]), ("green", [80, 220, 80]), ("blue", [80, 80, 220])] {
        write_class(&root.join(name), colour, count);
    }
}

fn names(set: &LabelledSet) -> Vec<String> {
    set.instances.iter().map(|&instance| set.dataset.name(instance)).collect()
}

/// The mean of each channel.
fn mean_colour(images: Tensor<4>) -> Tensor<2> {
    images.mean_dim(3).mean_dim(2).flatten(1, 3)
}

fn extraction<'a>(represent: &'a dyn Fn(Tensor<4>) -> Tensor<2>) -> Extraction<'a> {
    let pipeline = Pipeline::new(EVALUATION, 16, 1).unwrap();
    Extraction { pipeline, device: Device::default(), workers: 2, represent, progress: &|_| () }
}

#[test]
fn every_fifth_picture_of_a_class_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("many"), [200; 3], 11);
    write_class(&folder.path().join("few"), [100; 3], 4);
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    assert_eq!(split.classes, ["few", "many"]);
    assert_eq!(names(&split.test), ["many/04.png", "many/09.png"]);
    assert_eq!(split.train.instances.len(), 13);
    assert!(names(&split.train).iter().all(|name| !names(&split.test).contains(name)));
    assert_eq!(split.test.label(split.test.instances[0]), Some(1));
    assert!(split.how.contains("every fifth"));
}

#[test]
fn train_and_test_folders_are_found_and_number_classes_alike() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(&folder.path().join("train"), 3);
    write_colours(&folder.path().join("val"), 2);
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    assert_eq!((split.train.instances.len(), split.test.instances.len()), (9, 6));
    for set in [&split.train, &split.test] {
        for (&instance, name) in set.instances.iter().zip(names(set)) {
            assert!(name.starts_with(&split.classes[set.label(instance).unwrap()]), "{name}");
        }
    }
}

#[test]
fn labels_that_cannot_be_used_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let error_of = |data: &Path| {
        let error = Split::open(data, &OPTIONS).err().unwrap();
        assert_eq!(error.exit_code(), 3);
        error.to_string()
    };
    let flat = folder.path().join("flat");
    write_class(&flat, [200; 3], 6);
    assert!(error_of(&flat).contains("no labels"));

    let single = folder.path().join("single");
    write_class(&single.join("cats"), [200; 3], 6);
    fs::create_dir(single.join("dogs")).unwrap();
    let message = error_of(&single);
    assert!(message.contains("only one class with pictures, `cats`"), "{message}");

    let few = folder.path().join("few");
    write_colours(&few, 4);
    assert!(error_of(&few).contains("no class has 5 pictures"));

    let unknown = folder.path().join("unknown");
    write_colours(&unknown.join("train"), 2);
    write_colours(&unknown.join("test"), 2);
    write_class(&unknown.join("test/grey"), [200; 3], 2);
    let message = error_of(&unknown);
    assert!(message.contains("train") && message.contains("have no pictures here: `grey`"), "{message}");
    fs::remove_dir_all(unknown.join("test/grey")).unwrap();
    fs::remove_dir_all(unknown.join("test/red")).unwrap();
    assert!(error_of(&unknown).contains("`red`"));
}

#[test]
fn fractions_are_fair_nested_and_addressed() {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("a"), [200; 3], 20);
    write_class(&folder.path().join("b"), [200; 3], 10);
    let set = Split::open(folder.path(), &OPTIONS).unwrap().train;
    let count =
        |set: &LabelledSet, class| set.instances.iter().filter(|&&i| set.label(i) == Some(class)).count();
    assert_eq!((count(&set, 0), count(&set, 1)), (16, 8));
    let random = Random::new(1);
    let (half, tenth) = (set.fraction(0.5, &random), set.fraction(0.1, &random));
    assert_eq!((count(&half, 0), count(&half, 1)), (8, 4));
    assert_eq!((count(&tenth, 0), count(&tenth, 1)), (2, 1));
    assert!(tenth.instances.iter().all(|instance| half.instances.contains(instance)));
    assert_eq!(set.fraction(1.0, &random).instances, set.instances);
    assert_ne!(set.fraction(0.5, &Random::new(2)).instances, half.instances);
}

#[test]
fn frozen_features_are_classified_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(folder.path(), 10);
    fs::write(folder.path().join("red/05.png"), "broken").unwrap();
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    let done = Cell::new(0);
    let extraction = Extraction { progress: &|count| done.set(count), ..extraction(&mean_colour) };
    let frozen = extraction.frozen(&split).unwrap();
    assert_eq!(done.get(), 29);
    assert_eq!(frozen.train.names.len(), 23);
    assert_eq!(frozen.train.labelled.features.dims(), [23, 3]);
    assert_eq!(frozen.train.bad_files.len(), 1);

    let result = knn(&frozen, &KnnConfig { k: 5, temperature: 0.07 }).unwrap();
    assert_eq!((result.top1, result.top5), (1.0, 1.0));
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["protocol"], "knn");
    assert_eq!((&json["k"], &json["classes"], &json["train_images"]), (&5.into(), &3.into(), &23.into()));
    assert_eq!((&json["test_images"], &json["skipped"]), (&6.into(), &1.into()));

    let config = LinearConfig { epochs: 20, ..LinearConfig::default() };
    let result = linear(&frozen, &config, &Random::new(0)).unwrap();
    assert_eq!(result.top1, 1.0);
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!((&json["protocol"], &json["standardised"]), (&"linear".into(), &true.into()));
    assert_eq!(json["held_out"].as_array().unwrap().len(), config.learning_rates.len());
}

#[test]
fn pictures_of_a_class_are_retrieved_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(folder.path(), 10);
    fs::write(folder.path().join("blue/00.png"), "broken").unwrap();
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    let frozen = extraction(&mean_colour).frozen(&split).unwrap();
    assert!(
        frozen
            .train
            .names
            .iter()
            .zip(&frozen.train.instances)
            .all(|(name, &instance)| { *name == split.train.dataset.name(instance) })
    );
    let found = retrieval(&frozen).unwrap();
    let json = serde_json::to_value(&found.result).unwrap();
    for name in ["r@1", "r@5", "r@10", "map"] {
        assert_eq!(json[name], 1.0, "{name}");
    }
    assert_eq!((&json["protocol"], &json["train_images"]), (&"retrieval".into(), &23.into()));
    assert_eq!((found.nearest.len(), found.nearest[0].len()), (6, 10));

    // Blue comes first, and has seven pictures in the gallery: the eighth neighbour is of another class.
    let sheet = super::sheet(&found, &split, &frozen, 2).unwrap();
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|c| sheet.pixels[(y * sheet.width + x) * 3 + c]);
    assert_eq!((sheet.width, sheet.height), (9 * 100 + 4, 2 * 100 + 4));
    assert_eq!((pixel(5, 5), pixel(105, 5), pixel(805, 5)), ([60; 3], [20, 160, 60], [210, 40, 40]));
    let inside = pixel(150, 50);
    assert!(inside[2] > 150 && inside[0] < 90, "{inside:?}");
    assert!(super::sheet(&found, &split, &frozen, 0).is_none());
}

#[test]
fn knn_while_training_needs_labels_but_no_flag() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(&folder.path().join("labelled"), 10);
    write_class(&folder.path().join("flat"), [200; 3], 6);
    let open = |name: &str| Arc::new(Dataset::open(folder.path().join(name), &OPTIONS).unwrap());
    assert!(OnlineKnn::open("", open("flat"), 16, 1).unwrap().is_none());
    assert!(OnlineKnn::open("nowhere", open("flat"), 16, 1).is_err());
    let online = OnlineKnn::open("", open("labelled"), 16, 1).unwrap().unwrap();
    assert_eq!(online.measure(&Device::default(), &mean_colour).unwrap(), 1.0);
    // Representations that are all alike know nothing.
    let constant = |images: Tensor<4>| mean_colour(images) * 0.0 + 1.0;
    assert!(online.measure(&Device::default(), &constant).unwrap() < 0.5);
}

fn backbone() -> ResNet {
    let config = ResNetConfig { depth: Depth::ResNet18, width: 1.0 / 16.0, stem: Stem::Cifar };
    config.init(&Random::new(1), &Device::default()).unwrap()
}

fn values(network: &impl Parameters) -> Vec<f32> {
    network.parameters().into_iter().flat_map(|p| p.value.into_data().try_to_vec::<f32>().unwrap()).collect()
}

fn config() -> FinetuneConfig {
    FinetuneConfig {
        fraction: 1.0,
        epochs: 8,
        batch_size: 8,
        optimizer: OptimizerName::Sgd,
        lr: 0.02,
        image_size: 16,
        workers: 2,
        seed: 0,
    }
}

#[test]
fn fine_tuning_learns_and_leaves_the_backbone_alone() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(folder.path(), 10);
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    let backbone = backbone();
    let before = values(&backbone);
    let mut told = 0;
    let (result, network) = finetune(&backbone, &split, &config(), &mut |epoch, _| told = epoch).unwrap();
    assert_eq!(values(&backbone), before);
    assert!(values(&network.backbone) != before);
    assert_eq!((told, result.steps, result.measured.train), (8, 24, 24));
    assert!(result.loss[7] < 0.5 * result.loss[0], "{:?}", result.loss);
    assert_eq!(result.top1, 1.0);
    assert_eq!(serde_json::to_value(&result).unwrap()["protocol"], "finetune");
    assert_eq!(serde_json::to_value(&result).unwrap()["optimizer"], "sgd");
    let adam = FinetuneConfig { optimizer: OptimizerName::Adam, lr: 0.001, ..config() };
    let (by_adam, _) = finetune(&backbone, &split, &adam, &mut |_, _| ()).unwrap();
    assert!(by_adam.loss[7] < 0.5 * by_adam.loss[0] && by_adam.loss != result.loss, "{:?}", by_adam.loss);
    assert_eq!(serde_json::to_value(&by_adam).unwrap()["optimizer"], "adam");
}

#[test]
fn fine_tuning_does_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(folder.path(), 5);
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    let weights = |config: FinetuneConfig| {
        let (result, network) = finetune(&backbone(), &split, &config, &mut |_, _| ()).unwrap();
        (result, values(&network))
    };
    let short = FinetuneConfig { epochs: 2, fraction: 0.5, ..config() };
    let one = weights(FinetuneConfig { workers: 1, ..short.clone() });
    assert_eq!(one, weights(FinetuneConfig { workers: 3, ..short.clone() }));
    assert_eq!((one.0.measured.train, one.0.batch_size, one.0.steps), (6, 6, 2));
    assert!(one.1 != weights(FinetuneConfig { seed: 1, ..short }).1);
}

#[test]
fn fine_tuning_refuses_settings_that_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    write_colours(folder.path(), 5);
    let split = Split::open(folder.path(), &OPTIONS).unwrap();
    for broken in [
        FinetuneConfig { fraction: 0.0, ..config() },
        FinetuneConfig { fraction: 1.5, ..config() },
        FinetuneConfig { fraction: f64::NAN, ..config() },
        FinetuneConfig { epochs: 0, ..config() },
        FinetuneConfig { batch_size: 1, ..config() },
        FinetuneConfig { lr: -1.0, ..config() },
    ] {
        let error = finetune(&backbone(), &split, &broken, &mut |_, _| ()).err().unwrap();
        assert_eq!(error.exit_code(), 2, "{error}");
    }
    let wild = FinetuneConfig { lr: 1e30, epochs: 4, ..config() };
    assert_eq!(finetune(&backbone(), &split, &wild, &mut |_, _| ()).err().unwrap().exit_code(), 5);
}

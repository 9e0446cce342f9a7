#![allow(clippy::unwrap_used)]

use std::fs;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::model::Classifier;

fn config(architecture: Architecture) -> BackboneConfig {
    BackboneConfig { architecture, width: 1.0 / 32.0 }
}

fn build(architecture: Architecture, seed: u64) -> Backbone {
    config(architecture).init(&Random::new(seed), &Device::default()).unwrap()
}

fn weights(network: &impl Parameters) -> Vec<(String, Vec<f32>)> {
    let parameters = network.parameters().into_iter();
    parameters.map(|p| (p.name, p.value.into_data().try_to_vec().unwrap())).collect()
}

fn about(architecture: Architecture) -> About {
    let preprocess =
        Preprocess { frames: 16, stride: 4, clip_size: 112, resize: 128, mean: [0.5; 3], std: [0.25; 3] };
    let (method, run) = ("cmd".into(), "first".into());
    About { backbone: config(architecture), method, run, steps: 12, preprocess }
}

/// Writes the weights of `network` under the names that `rename` gives them.
fn write_renamed(network: &impl Parameters, path: &Path, rename: impl Fn(&str) -> Option<String>) {
    let tensors: Vec<_> = network
        .parameters()
        .into_iter()
        .filter_map(|parameter| {
            let values: Vec<f32> = parameter.value.into_data().try_to_vec().unwrap();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            Some((rename(&parameter.name)?, parameter.shape, bytes))
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn what_is_exported_comes_back_and_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export/weights.safetensors");
    for architecture in Architecture::ALL {
        let source = build(architecture, 1);
        for format in [Format::Torchvision, Format::Safetensors] {
            export(&source.parameters(), format, &about(architecture), &path).unwrap();
            let mut target = build(architecture, 2);
            let report = load_backbone(&mut target, &config(architecture), &path).unwrap();
            assert_eq!((report.loaded, report.ignored.len()), (source.parameters().len(), 0));
            assert_eq!(weights(&target), weights(&source));
            assert_eq!(detect(&path).unwrap(), config(architecture));
        }
        let beside = fs::read(path.with_file_name("preprocess.json")).unwrap();
        assert_eq!(serde_json::from_slice::<About>(&beside).unwrap(), about(architecture));
    }
}

#[test]
fn exports_hold_what_torchvision_expects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (architecture, tensors, classifier, shape) in [
        (Architecture::R3d18, 102, "fc", vec![5, 16]),
        (Architecture::R2Plus1d18, 187, "fc", vec![5, 16]),
        (Architecture::S3d, 387, "classifier.1", vec![5, 32, 1, 1, 1]),
    ] {
        let network =
            Classifier::init(&config(architecture), 5, &Random::new(1), &Device::default()).unwrap();
        export(&network.parameters(), Format::Torchvision, &about(architecture), &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let norms = file.names().into_iter().filter(|name| name.ends_with("num_batches_tracked")).count();
        assert_eq!(file.len() - norms, tensors);
        assert_eq!(norms, file.names().into_iter().filter(|name| name.ends_with("running_var")).count());
        assert_eq!(file.tensor(&format!("{classifier}.weight")).unwrap().shape(), shape);

        let mut backbone = build(architecture, 2);
        let ignored = [format!("{classifier}.bias"), format!("{classifier}.weight")];
        let report = load_backbone(&mut backbone, &config(architecture), &path).unwrap();
        assert_eq!(report.ignored, ignored);
        assert_eq!(weights(&backbone), weights(&network.backbone));
    }
}

#[test]
fn prefixes_and_numbered_modules_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let check = |architecture, prefix: &str, rename: &dyn Fn(&str) -> String| {
        let source = build(architecture, 1);
        write_renamed(&source, &path, |name| Some(rename(name)));
        let mut target = build(architecture, 2);
        let report = load_backbone(&mut target, &config(architecture), &path).unwrap();
        assert_eq!(report.prefix, prefix);
        assert_eq!(weights(&target), weights(&source));
        assert_eq!(detect(&path).unwrap(), config(architecture));
    };
    check(Architecture::R3d18, "module.encoder_q.", &|name| format!("module.encoder_q.{name}"));
    check(Architecture::S3d, "backbone.", &|name| format!("backbone.{}", name.replacen("features", "0", 1)));
    let children = ["stem", "layer1", "layer2", "layer3", "layer4"];
    check(Architecture::R2Plus1d18, "", &|name| {
        let (module, rest) = name.split_once('.').unwrap();
        format!("{}.{rest}", children.iter().position(|child| *child == module).unwrap())
    });
}

#[test]
fn another_network_is_named_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let error = |expected: Architecture| {
        let mut network = build(expected, 0);
        let before = weights(&network);
        let error = load_backbone(&mut network, &config(expected), &path).unwrap_err();
        assert_eq!((error.exit_code(), weights(&network)), (3, before));
        error.to_string()
    };
    write_renamed(&build(Architecture::R3d26, 1), &path, |name| Some(name.into()));
    let message = error(Architecture::R3d18);
    assert!(message.contains("r3d_26 of width 0.03125: choose that backbone"), "{message}");
    assert!(error(Architecture::S3d).contains("no S3D that selfsame knows"));

    let wide = BackboneConfig { architecture: Architecture::R2Plus1d18, width: 1.0 / 16.0 };
    let wide = wide.init(&Random::new(1), &Device::default()).unwrap();
    write_renamed(&wide, &path, |name| Some(name.into()));
    let message = error(Architecture::R2Plus1d18);
    assert!(message.contains("of another shape") && message.contains("of width 0.0625"), "{message}");

    write_renamed(&build(Architecture::R3d18, 1), &path, |name| {
        (!name.starts_with("layer3.1")).then(|| name.into())
    });
    assert!(error(Architecture::R3d18).contains("10 tensors are missing (layer3.1.conv1.0.weight"));

    fs::write(&path, b"nothing").unwrap();
    assert!(error(Architecture::C3d).contains("cannot be read as weights"));
    write_renamed(&build(Architecture::R3d18, 1), &path, |name| Some(name.replace('.', "_")));
    assert!(detect(&path).unwrap_err().to_string().contains("no backbone for clips"));
}

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use burn::tensor::Device;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use selfsame_core::Random;
use selfsame_core::nn::Parameters;

use super::*;
use crate::model::{Classifier, Depth, Stem};

fn narrow(depth: Depth, seed: u64) -> ResNet {
    let config = ResNetConfig { depth, width: 1.0 / 64.0, stem: Stem::ImageNet };
    config.init(&Random::new(seed), &Device::default()).unwrap()
}

fn weights(network: &ResNet) -> Vec<(String, Vec<f32>)> {
    let parameters = network.parameters().into_iter();
    parameters.map(|p| (p.name, p.value.into_data().try_to_vec().unwrap())).collect()
}

fn about() -> About {
    About {
        backbone: ResNetConfig { depth: Depth::ResNet18, width: 1.0 / 64.0, stem: Stem::ImageNet },
        method: "simclr".into(),
        run: "first".into(),
        steps: 12,
        preprocess: Preprocess { image_size: 224, resize: 256, mean: [0.5; 3], std: [0.25; 3] },
    }
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Writes the weights of `network` under the names that `rename` gives them.
fn write_renamed(network: &ResNet, path: &Path, rename: impl Fn(&str) -> Vec<String>) {
    let mut tensors = Vec::new();
    for parameter in network.parameters() {
        let values: Vec<f32> = parameter.value.into_data().try_to_vec().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        for name in rename(&parameter.name) {
            tensors.push((name, parameter.shape.clone(), bytes.clone()));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn error_of(path: &Path) -> String {
    let mut network = narrow(Depth::ResNet18, 0);
    let before = weights(&network);
    let error = load_backbone(&mut network, path).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert_eq!(weights(&network), before, "a refused file must leave the backbone alone");
    error.to_string()
}

#[test]
fn what_is_exported_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let source = narrow(Depth::ResNet18, 1);
    for format in [Format::Torchvision, Format::Timm, Format::Safetensors] {
        let path = folder.path().join("export/weights.safetensors");
        let written = export(&source.parameters(), format, &about(), &path).unwrap();
        assert_eq!(written, [path.clone(), folder.path().join("export/preprocess.json")]);
        let mut target = narrow(Depth::ResNet18, 2);
        let report = load_backbone(&mut target, &path).unwrap();
        assert_eq!(report, LoadReport { loaded: 100, prefix: String::new(), ignored: vec![] });
        assert_eq!(weights(&target), weights(&source));
        assert_eq!(detect(&path).unwrap(), about().backbone);
    }
    let beside: About =
        serde_json::from_slice(&fs::read(folder.path().join("export/preprocess.json")).unwrap()).unwrap();
    assert_eq!(beside, about());
}

#[test]
fn exports_hold_what_torchvision_expects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let network = Classifier::on(narrow(Depth::ResNet18, 1), 2, &Random::new(0), &Device::default());
    export(&network.parameters(), Format::Torchvision, &about(), &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    // 102 tensors and one count for each of the 20 batch norms.
    assert_eq!(file.len(), 122);
    let tracked = file.tensor("layer4.1.bn2.num_batches_tracked").unwrap();
    assert_eq!(
        (tracked.dtype(), tracked.shape(), tracked.data()),
        (Dtype::I64, &[][..], &12i64.to_le_bytes()[..])
    );
    assert_eq!(file.tensor("fc.weight").unwrap().shape(), [2, 8]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");

    let again = folder.path().join("again.safetensors");
    export(&network.parameters(), Format::Torchvision, &about(), &again).unwrap();
    assert_eq!(fs::read(&again).unwrap(), bytes, "equal weights make equal files");

    let mut backbone = narrow(Depth::ResNet18, 2);
    assert_eq!(load_backbone(&mut backbone, &path).unwrap().ignored, ["fc.bias", "fc.weight"]);
}

#[test]
fn exports_are_safetensors_only() {
    let path = Path::new("weights.pth");
    let error = export(&narrow(Depth::ResNet18, 1).parameters(), Format::Timm, &about(), path).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(loading_note(&ResNetConfig::new(Depth::ResNet18)).is_none());
    let note = loading_note(&ResNetConfig { stem: Stem::Cifar, ..about().backbone }).unwrap();
    assert!(note.contains("maxpool") && note.contains("0.015625"), "{note}");
}

/// The values that tests/data/make_pth.py gave to PyTorch.
fn check_pytorch_values(network: &ResNet) {
    for (i, (name, values)) in weights(network).into_iter().enumerate() {
        for (e, value) in values.into_iter().enumerate() {
            assert_eq!(value, ((7 * e + 3 * i) % 64) as f32 / 64.0 - 0.5, "{name}, element {e}");
        }
    }
}

#[test]
fn files_of_pytorch_are_read() {
    let mut network = narrow(Depth::ResNet18, 0);
    let report = load_backbone(&mut network, &fixture("resnet18_narrow.pth")).unwrap();
    assert_eq!(report.to_string(), "100 tensors loaded, 2 ignored (fc.bias, fc.weight)");
    check_pytorch_values(&network);

    let mut network = narrow(Depth::ResNet18, 0);
    let report = load_backbone(&mut network, &fixture("moco_narrow_legacy.pth")).unwrap();
    assert_eq!((report.prefix.as_str(), report.ignored.len()), ("state_dict.module.encoder_q.", 3));
    check_pytorch_values(&network);
}

#[test]
fn a_pickle_that_calls_code_is_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    // What `pickle.dumps` makes of an object whose `__reduce__` is (os.system, ("touch …",)).
    let command = format!("touch {}", trace.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    let path = folder.path().join("evil.pth");
    fs::write(&path, pickle).unwrap();
    let message = error_of(&path);
    assert!(message.contains("evil.pth"), "{message}");
    assert!(!trace.exists());
}

#[test]
fn damaged_and_foreign_files_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    export(&narrow(Depth::ResNet18, 1).parameters(), Format::Timm, &about(), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    assert!(error_of(&path).contains("damaged or cut short"));

    let pytorch = fs::read(fixture("resnet18_narrow.pth")).unwrap();
    for length in [0, 3, 1000, pytorch.len() / 2, pytorch.len() - 10] {
        fs::write(&path, &pytorch[..length]).unwrap();
        assert!(error_of(&path).contains("cannot be read as weights"));
    }
    let mut altered = pytorch.clone();
    altered[pytorch.len() / 2] ^= 0xFF;
    fs::write(&path, &altered).unwrap();
    assert!(load_backbone(&mut narrow(Depth::ResNet18, 0), &path).is_err());

    fs::write(&path, "version https://git-lfs.github.com/spec/v1\n").unwrap();
    assert!(error_of(&path).contains("git lfs pull"));
    fs::write(&path, "<!DOCTYPE html>").unwrap();
    assert!(error_of(&path).contains("web page"));
    assert!(error_of(&folder.path().join("none.pth")).contains("check the path"));
    assert!(!error_of(folder.path()).is_empty());
}

#[test]
fn prefixes_and_numbered_modules_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let source = narrow(Depth::ResNet18, 1);
    let check = |prefix: &str, rename: &dyn Fn(&str) -> Vec<String>| {
        write_renamed(&source, &path, rename);
        let mut target = narrow(Depth::ResNet18, 2);
        assert_eq!(load_backbone(&mut target, &path).unwrap().prefix, prefix);
        assert_eq!(weights(&target), weights(&source));
        assert_eq!(detect(&path).unwrap(), about().backbone);
    };
    check("module.backbone.", &|name| vec![format!("module.backbone.{name}")]);
    check("encoder_q.", &|name| ["encoder_k.", "encoder_q."].map(|prefix| format!("{prefix}{name}")).into());
    check("online.net.", &|name| {
        ["target_ema.", "online.net."].map(|prefix| format!("{prefix}{name}")).into()
    });
    let children = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"];
    check("backbone.", &|name| {
        let (module, rest) = name.split_once('.').unwrap();
        let number = children.iter().position(|child| *child == module).unwrap();
        vec![format!("backbone.{number}.{rest}")]
    });
}

#[test]
fn another_network_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_renamed(&narrow(Depth::ResNet34, 1), &path, |name| vec![name.into()]);
    let message = error_of(&path);
    assert!(message.contains("80 tensors are too many (layer1.2.bn1.bias"), "{message}");
    assert!(message.contains("resnet34 of width 0.015625 with the imagenet stem"), "{message}");

    let wide = ResNetConfig { depth: Depth::ResNet18, width: 1.0 / 32.0, stem: Stem::Cifar };
    write_renamed(&wide.init(&Random::new(1), &Device::default()).unwrap(), &path, |name| vec![name.into()]);
    let message = error_of(&path);
    assert!(message.contains("conv1.weight is [2, 3, 3, 3] instead of [1, 3, 7, 7]"), "{message}");
    assert!(message.contains("with the cifar stem"), "{message}");

    write_renamed(&narrow(Depth::ResNet18, 1), &path, |name| match name.starts_with("layer3.1") {
        true => vec![],
        false => vec![name.into()],
    });
    let message = error_of(&path);
    assert!(
        message.contains("10 tensors are missing (layer3.1.conv1.weight, layer3.1.bn1.weight"),
        "{message}"
    );

    write_renamed(&narrow(Depth::ResNet18, 1), &path, |name| {
        vec![format!("blocks.{}", name.replace('.', "_"))]
    });
    assert!(error_of(&path).contains("no ResNet that selfsame knows"));
    assert!(detect(&path).is_err());
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut source = narrow(Depth::ResNet18, 1);
    source.update(&mut |name, old| (name == "layer2.0.bn1.bias").then(|| old * f32::NAN));
    write_renamed(&source, &path, |name| vec![name.into()]);
    assert!(error_of(&path).contains("layer2.0.bn1.bias holds NaN"));
}
